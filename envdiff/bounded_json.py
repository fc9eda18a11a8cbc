"""JSON from elsewhere, within bounds: a text of some megabytes can ask for gigabytes of objects, or for endless depth."""

from __future__ import annotations

import json
from typing import Any

MOST_VALUES = 1_000_000
DEEPEST = 100


class OutOfBounds(ValueError):
    """It is JSON, perhaps, but more of it than any honest document of its kind."""


def loads(text: str, *, most: int = MOST_VALUES, **hooks: Any) -> Any:
    """The parsed value. Raises ValueError: :class:`OutOfBounds`, or what :func:`json.loads` says of bad JSON.

    ``most`` bounds the number of values. They are counted by what stands before each, so text counts as well: the
    bound must be generous. ``hooks`` go to :func:`json.loads`.
    """
    openings = text.count("[") + text.count("{")
    if openings + text.count(",") > most:
        raise OutOfBounds(f"it holds too many values ({most:,} are allowed)")
    try:
        document = json.loads(text, **hooks)
    except RecursionError as error:
        raise OutOfBounds("it is nested too deeply") from error
    if openings > DEEPEST and is_deep(document):
        raise OutOfBounds("it is nested too deeply")
    return document


def is_deep(document: Any, deepest: int = DEEPEST) -> bool:
    """Whether lists and mappings stand in one another more than ``deepest`` levels; the value holds no circles."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(deepest):
        inner = (value for one in level for value in (one.values() if isinstance(one, dict) else one))
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return False
    return True
