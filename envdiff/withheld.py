"""Two fingerprints on what neither shows: equal or different where both used the same key, else not comparable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envdiff.fingerprint import FactValue, Fingerprint, Reading, Value, Withheld

PLACEHOLDER = re.compile(r"\banon-(path|host|user)-[0-9a-f]+\b")
COMPARE = "capture both sides with the same --compare-key FILE"


@dataclass(frozen=True)
class HeldBack:
    """``different`` and ``equal`` are paths that could be told by their digests; ``unknown`` those that could not.

    ``unknown`` maps a path to the sides that withheld it.
    """

    different: dict[str, tuple[Withheld, Withheld]]
    equal: frozenset[str]
    unknown: dict[str, tuple[str, ...]]


def held_back(left: Fingerprint, right: Fingerprint) -> HeldBack:
    """What both sides withhold of the facts that a capture records. Variables known by name alone are not among them."""
    different: dict[str, tuple[Withheld, Withheld]] = {}
    equal, unknown = set(), {}
    for path in sorted(_recorded(left) | _recorded(right)):
        one, other = _as_whole(left, path), _as_whole(right, path)
        if one is None or other is None or not one.comparable(other):
            unknown[path] = tuple(name for name, side in (("left", one), ("right", other)) if side is not None)
        elif one == other:
            equal.add(path)
        else:
            different[path] = (one, other)
    return HeldBack(different, frozenset(equal), unknown)


def _recorded(side: Fingerprint) -> set[str]:
    return {path for path in side.withheld if "." in path}


def _as_whole(side: Fingerprint, path: str) -> Withheld | None:
    """Everything withheld at ``path`` as one reading: a command line may hold back several of its words."""
    if path not in side.withheld:
        return None
    parts = side.digests.get(path, {})
    whole = " ".join(f"{name} {parts[name]}".strip() for name in sorted(parts))
    return Withheld("; ".join(side.withheld[path]), whole, side.key)


def names_compared(left: Fingerprint, right: Fingerprint) -> tuple[list[str], list[str]]:
    """Variables recorded by name alone on both sides, of which the same key made digests: (equal, different)."""
    equal: list[str] = []
    different: list[str] = []
    for name in sorted(set(left.withheld.get("env", ())) & set(right.withheld.get("env", ()))):
        one, other = left.reading(f"env.{name}"), right.reading(f"env.{name}")
        if isinstance(one, Withheld) and one.comparable(other) and f"env.{name}" not in left.withheld:
            (equal if one == other else different).append(name)
    return equal, different


def hides_names(left: Fingerprint, right: Fingerprint, one: Reading, other: Reading) -> bool:
    """Whether two values agree but for names that were replaced: then nobody knows whether they are the same.

    Names replaced with the same key are the same where the replacements are.
    """
    if left.anonymized is None and right.anonymized is None:
        return False
    if not isinstance(one, Value) or not isinstance(other, Value) or left.anonymized == right.anonymized != "":
        return False
    texts = [_without_names(side.value) for side in (one, other)]
    if not any(found for _, found in texts):
        return False
    return texts[0][0] == texts[1][0] or not all(found for _, found in texts)


def _without_names(value: FactValue) -> tuple[str, bool]:
    text = "\0".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return PLACEHOLDER.sub("anon", text), PLACEHOLDER.search(text) is not None
