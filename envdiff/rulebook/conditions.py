"""The words a rule may use in ``when``: each a pure function of the two sides, answering yes, no or cannot tell."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from packaging.version import Version

from envdiff.errors import UnusableInput
from envdiff.fingerprint import Absent, Reading, Unread, Value, Withheld, show
from envdiff.settings.model import as_version

Answer = bool | None


class Sides(Protocol):
    """Both readings of a path, left and right."""

    def readings(self, path: str) -> tuple[Reading, Reading]:
        """What the two sides give for ``path``."""
        ...


def holds(condition: Mapping[str, Any] | None, sides: Sides) -> Answer:
    """Whether all words of ``condition`` hold; None when one cannot be told and none is false."""
    return every(_WORDS[word](argument, sides) for word, argument in (condition or {}).items())


def check(condition: Any, where: str) -> list[str]:
    """Paths that ``condition`` reads. Raises :class:`UnusableInput` for words that do not exist or do not fit."""
    if not isinstance(condition, Mapping):
        raise UnusableInput(f"{where}: a condition is a mapping of words", hint=f"words: {', '.join(_WORDS)}")
    paths: list[str] = []
    for word, argument in condition.items():
        if word not in _WORDS:
            raise UnusableInput(f"{where}: there is no condition {word!r}", hint=f"words: {', '.join(_WORDS)}")
        if word in ("any", "all"):
            paths.extend(path for part in _listed(argument) for path in check(part, where))
        elif word == "not":
            paths.extend(check(argument, where))
        elif word in _PATH_WORDS:
            paths.extend(str(path) for path in _listed(argument))
        elif isinstance(argument, Mapping):
            paths.extend(str(path) for path in argument)
        else:
            raise UnusableInput(f"{where}: {word} wants a mapping of path to value")
    return paths


@dataclass(frozen=True, eq=False)
class Look:
    """One look that a condition takes at one side: all that it can tell two readings of ``path`` apart by.

    ``wanted`` is what it compares with; for ``differs`` and ``same`` that is the other side, so the whole reading counts.
    """

    word: str
    path: str
    wanted: Any = None

    @property
    def compares(self) -> bool:
        """Whether it only asks if the sides are equal."""
        return self.word in _PATH_WORDS

    def sees(self, reading: Reading) -> Hashable:
        """Equal for readings that the condition cannot tell apart, whatever the other side has."""
        if self.compares:
            return reading
        if self.word == "crosses":
            if isinstance(reading, Absent):
                return "absent"
            version, border = reading_version(reading), as_version(str(self.wanted))
            return None if version is None or border is None else release(version) < release(border)
        return matches(self.wanted, reading)


def looks(condition: Mapping[str, Any] | None) -> Iterator[Look]:
    """Every look that ``condition`` takes."""
    for word, argument in (condition or {}).items():
        if word in ("any", "all", "not"):
            for part in _listed(argument):
                yield from looks(part)
        elif word in _PATH_WORDS:
            yield from (Look(word, str(path)) for path in _listed(argument))
        else:
            yield from (Look(word, str(path), wanted) for path, wanted in argument.items())


def every(answers: Any) -> Answer:
    """And over yes, no and cannot tell."""
    told = list(answers)
    return False if False in told else None if None in told else True


def some(answers: Any) -> Answer:
    """Or over yes, no and cannot tell."""
    told = list(answers)
    return True if True in told else None if None in told else False


def _listed(argument: Any) -> list[Any]:
    return list(argument) if isinstance(argument, list | tuple) else [argument]


def _differs(argument: Any, sides: Sides) -> Answer:
    return some(_unequal(*sides.readings(path)) for path in _listed(argument))


def _same(argument: Any, sides: Sides) -> Answer:
    return every(_not(_unequal(*sides.readings(path))) for path in _listed(argument))


def _unequal(left: Reading, right: Reading) -> Answer:
    if isinstance(left, Withheld) and left.comparable(right):
        return left != right
    if isinstance(left, Unread | Withheld) or isinstance(right, Unread | Withheld):
        return None
    return left != right


def _not(answer: Answer) -> Answer:
    return None if answer is None else not answer


def _on(which: Callable[[tuple[Answer, Answer]], Answer]) -> Callable[[Any, Sides], Answer]:
    def word(argument: Mapping[str, Any], sides: Sides) -> Answer:
        return every(
            which((matches(wanted, left), matches(wanted, right)))
            for path, wanted in argument.items()
            for left, right in [sides.readings(path)]
        )

    return word


def _crosses(argument: Mapping[str, Any], sides: Sides) -> Answer:
    """One side is below the version, the other at or above it; what is not there crosses nothing."""
    return every(_crosses_one(path, str(version), sides) for path, version in argument.items())


def _crosses_one(path: str, text: str, sides: Sides) -> Answer:
    readings = sides.readings(path)
    if any(isinstance(reading, Absent) for reading in readings):
        return False
    left, right = (reading_version(reading) for reading in readings)
    border = as_version(text)
    if left is None or right is None or border is None:
        return None
    return (release(left) < release(border)) != (release(right) < release(border))


def reading_version(reading: Reading) -> Version | None:
    """The version that was read, if it is one."""
    return as_version(reading.value) if isinstance(reading, Value) and isinstance(reading.value, str) else None


def release(version: Version) -> tuple[int, ...]:
    """Its numbers padded to four, so that 2.9 and 2.9.0 agree and a release candidate counts as its release."""
    numbers = version.release[:4]
    return numbers + (0,) * (4 - len(numbers))


def matches(wanted: Any, reading: Reading) -> Answer:
    """Whether a reading is what a rule wants: a text or pattern, a list of them (any), ``>=2.9``, or a word in <>.

    A list-valued fact matches when one of its items does. ``<absent>``, ``<present>`` and ``<unread>`` ask for the
    kind of reading instead of its value.
    """
    if isinstance(wanted, list | tuple):
        return some(matches(one, reading) for one in wanted)
    if wanted == "<unread>":
        return isinstance(reading, Unread)
    if isinstance(reading, Unread | Withheld):
        return None
    if wanted in ("<absent>", "<present>"):
        return isinstance(reading, Absent) is bool(wanted == "<absent>")
    if isinstance(reading, Absent):
        return False
    values = reading.value if isinstance(reading.value, tuple) else (reading.value,)
    return some(
        _matches_one(str(wanted) if not isinstance(wanted, bool) else show(wanted), show(value)) for value in values
    )


_COMPARISONS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda own, border: own >= border,
    "<=": lambda own, border: own <= border,
    ">": lambda own, border: own > border,
    "<": lambda own, border: own < border,
}


def _matches_one(wanted: str, text: str) -> Answer:
    for sign, holds_between in _COMPARISONS.items():
        if wanted.startswith(sign):
            own, border = as_version(text), as_version(wanted.removeprefix(sign).strip())
            return None if own is None or border is None else holds_between(release(own), release(border))
    return text == wanted or (bool(set(wanted) & set("*?[")) and fnmatch.fnmatchcase(text, wanted))


_WORDS: dict[str, Callable[[Any, Sides], Answer]] = {
    "differs": _differs,
    "same": _same,
    "left": _on(lambda pair: pair[0]),
    "right": _on(lambda pair: pair[1]),
    "either": _on(some),
    "both": _on(every),
    "one": _on(lambda pair: None if None in pair else pair[0] != pair[1]),
    "neither": _on(lambda pair: _not(some(pair))),
    "crosses": _crosses,
    "any": lambda argument, sides: some(holds(part, sides) for part in argument),
    "all": lambda argument, sides: every(holds(part, sides) for part in argument),
    "not": lambda argument, sides: _not(holds(argument, sides)),
}
_PATH_WORDS = ("differs", "same")
