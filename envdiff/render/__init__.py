"""One report, four faces. Each is imported when it is asked for: Markdown does not cost a terminal library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from envdiff.errors import Misuse
from envdiff.render.visible import inert
from envdiff.report import Report

TICKET = 65_536  # characters that a GitHub issue or comment takes
SMALLEST = 8_192  # characters that an answer alone may need


@dataclass(frozen=True)
class Look:
    """How to show it. ``fingerprints`` are the two documents, left first, that a face may carry along."""

    width: int
    colour: bool
    full: bool
    limit: int
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None
    generator: str


def render(
    report: Report,
    format: str,  # noqa: A002
    *,
    width: int | None = None,
    colour: bool | None = None,
    full: bool = False,
    limit: int = TICKET,
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    generator: str = "envdiff",
) -> str:
    """``report`` as ``terminal``, ``markdown``, ``html`` or ``json``.

    ``width`` (columns), ``colour`` and ``full`` (nothing shortened) are for the terminal, ``limit`` (characters) for
    Markdown, ``fingerprints`` for HTML. ``generator`` names the program and its version.
    """
    face = FACES.get(format)
    if face is None:
        raise Misuse(f"there is no format {format!r}", subject="--format", hint=f"one of: {', '.join(FACES)}")
    if limit < SMALLEST:
        raise Misuse(f"{limit:,} characters are too few for a report", hint=f"allow at least {SMALLEST:,}")
    look = Look(width or 80, bool(colour), full, limit, fingerprints, inert(generator[:200]))
    return face(report, look)


def report_schema() -> dict[str, Any]:
    """The JSON Schema of ``render(report, "json")``."""
    from envdiff.render.schema_v1 import report_schema as schema

    return schema()


def _terminal(report: Report, look: Look) -> str:
    from envdiff.render.outline import outline
    from envdiff.render.terminal import terminal

    return terminal(outline(report), width=look.width, colour=look.colour, full=look.full, generator=look.generator)


def _markdown(report: Report, look: Look) -> str:
    from envdiff.render.markdown import markdown
    from envdiff.render.outline import outline

    return markdown(outline(report), limit=look.limit, generator=look.generator)


def _html(report: Report, look: Look) -> str:
    from envdiff.render.html import html
    from envdiff.render.outline import outline

    return html(outline(report), fingerprints=look.fingerprints, generator=look.generator)


def _json(report: Report, look: Look) -> str:
    from envdiff.render.json_v1 import as_json

    return as_json(report, generator=look.generator)


FACES: Mapping[str, Callable[[Report, Look], str]] = {
    "terminal": _terminal,
    "markdown": _markdown,
    "html": _html,
    "json": _json,
}
