"""What a report is made of once it is in words: small frozen pieces that every face lays out in its own way.

Nobody compares or prints a piece, so the methods for that are not made: making them would take a tenth of a report.
A text in a piece is never markup. It may come from an environment that nobody trusts, so every piece is a
:class:`Block`, which makes its texts inert; a face then has its own format's marks to escape and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any

from envdiff.render.visible import inert, shorten

LONGEST = 8_000  # characters; the wording is shorter, this is for what it does not shorten
NOTE = 40  # characters that say how many there are


class Block:
    """A piece whose texts are made inert and bounded as it is made: no face and no later kind of piece can forget to."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name in _texts(kind):
            value = getattr(self, name)
            if not (isinstance(value, str) and len(value) <= LONGEST and value.isascii() and value.isprintable()):
                object.__setattr__(self, name, _inert(value))


@cache
def _texts(kind: Any) -> tuple[str, ...]:
    """The fields that hold text; those that hold other pieces are inert already."""
    return tuple(field.name for field in fields(kind) if "str" in str(field.type))


def _inert(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_inert, value))
    return shorten(inert(shorten(value, LONGEST)), LONGEST + NOTE) if isinstance(value, str) else value


class Mark(StrEnum):
    """How a piece of text is set."""

    PLAIN = "plain"
    STRONG = "strong"
    CODE = "code"
    MUTED = "muted"
    LINK = "link"  # the text is an https address from the rulebook


@dataclass(frozen=True, repr=False, eq=False)
class Span(Block):
    """A run of text set in one way."""

    text: str
    mark: Mark = Mark.PLAIN


Line = tuple[Span, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Badge(Block):
    """A verdict: ``key`` chooses a colour, ``word`` says the same without one."""

    key: str
    word: str


@dataclass(frozen=True, repr=False, eq=False)
class Pair(Block):
    """A name and one or more lines."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Table(Block):
    """``numeric`` are the indexes of columns that are set to the right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    numeric: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> Table:
        return Table(self.headers, self.rows[:count], self.numeric)


@dataclass(frozen=True, repr=False, eq=False)
class Bullets(Block):
    """Lines of one kind."""

    items: tuple[Line, ...]

    def __len__(self) -> int:
        return len(self.items)

    def first(self, count: int) -> Bullets:
        return Bullets(self.items[:count])


@dataclass(frozen=True, repr=False, eq=False)
class Card(Block):
    """One finding in words. ``brief`` is what is left of ``facts`` where there is little room.

    ``explained`` is the mechanism; ``measured``, ``changes``, ``raw`` and ``sources`` are folded away where a face can.
    """

    number: int
    title: Line
    badge: Badge
    facts: tuple[Pair, ...]
    brief: tuple[Pair, ...]
    explained: tuple[Pair, ...]
    actions: tuple[Pair, ...]
    measured: Table | None
    changes: Table | None
    raw: Table | None
    sources: Bullets | None


@dataclass(frozen=True, repr=False, eq=False)
class Cards(Block):
    """Findings, ranked. ``small`` ones are not the cause and are set with less room."""

    cards: tuple[Card, ...]
    small: bool = False

    def __len__(self) -> int:
        return len(self.cards)

    def first(self, count: int) -> Cards:
        return Cards(self.cards[:count], self.small)


@dataclass(frozen=True, repr=False, eq=False)
class Point(Block):
    """One value on a scale; ``position`` is 0 at its low end and 1 at its high end."""

    name: str
    position: float
    text: str


@dataclass(frozen=True, repr=False, eq=False)
class Zone(Block):
    """A named stretch of a scale, from ``start`` to ``end``, both 0 to 1."""

    key: str
    name: str
    start: float
    end: float


@dataclass(frozen=True, repr=False, eq=False)
class Scale(Block):
    """Values on a logarithmic scale with named zones; ``ticks`` are (position, label)."""

    title: str
    points: tuple[Point, ...]
    zones: tuple[Zone, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, repr=False, eq=False)
class Section(Block):
    """One part of the report. ``key`` is stable: an anchor in HTML, and the name under which room is saved."""

    key: str
    title: str
    lead: Line
    body: Table | Bullets | Cards
    unit: tuple[str, str]  # what the body has one of, and many of
    folded: bool = False
    scale: Scale | None = None
    counted: bool = True  # the number of items is worth saying in the title


@dataclass(frozen=True, repr=False, eq=False)
class Headline(Block):
    """The first screen: the question answered, the cause, and what to do. ``names`` are (role, name) of what it is about."""

    names: tuple[tuple[str, str], ...]
    badge: Badge
    sentence: Line
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Outline(Block):
    """A whole report in words, in reading order."""

    headline: Headline
    sections: tuple[Section, ...]
