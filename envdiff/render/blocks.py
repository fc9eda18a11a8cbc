"""What a report is made of once it is in words: small frozen pieces that every face lays out in its own way.

Named tuples, since making a frozen dataclass takes five times as long; those with a length of their own are dataclasses,
without the methods for comparing and printing that nobody uses.
A text in a piece is never markup. It may come from an environment that nobody trusts: see :mod:`.visible`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """How a piece of text is set."""

    PLAIN = "plain"
    STRONG = "strong"
    CODE = "code"
    MUTED = "muted"
    LINK = "link"  # the text is an https address from the rulebook


class Span(NamedTuple):
    """A run of text set in one way."""

    text: str
    mark: Mark = Mark.PLAIN


Line = tuple[Span, ...]


class Badge(NamedTuple):
    """A verdict: ``key`` chooses a colour, ``word`` says the same without one."""

    key: str
    word: str


class Pair(NamedTuple):
    """A name and one or more lines."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Table:
    """``numeric`` are the indexes of columns that are set to the right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    numeric: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> Table:
        return Table(self.headers, self.rows[:count], self.numeric)


@dataclass(frozen=True, repr=False, eq=False)
class Bullets:
    """Lines of one kind."""

    items: tuple[Line, ...]

    def __len__(self) -> int:
        return len(self.items)

    def first(self, count: int) -> Bullets:
        return Bullets(self.items[:count])


class Card(NamedTuple):
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
class Cards:
    """Findings, ranked. ``small`` ones are not the cause and are set with less room."""

    cards: tuple[Card, ...]
    small: bool = False

    def __len__(self) -> int:
        return len(self.cards)

    def first(self, count: int) -> Cards:
        return Cards(self.cards[:count], self.small)


class Point(NamedTuple):
    """One value on a scale; ``position`` is 0 at its low end and 1 at its high end."""

    name: str
    position: float
    text: str


class Zone(NamedTuple):
    """A named stretch of a scale, from ``start`` to ``end``, both 0 to 1."""

    key: str
    name: str
    start: float
    end: float


class Scale(NamedTuple):
    """Values on a logarithmic scale with named zones; ``ticks`` are (position, label)."""

    title: str
    points: tuple[Point, ...]
    zones: tuple[Zone, ...]
    ticks: tuple[tuple[float, str], ...]


class Section(NamedTuple):
    """One part of the report. ``key`` is stable: an anchor in HTML, and the name under which room is saved."""

    key: str
    title: str
    lead: Line
    body: Table | Bullets | Cards
    unit: tuple[str, str]  # what the body has one of, and many of
    folded: bool = False
    scale: Scale | None = None
    counted: bool = True  # the number of items is worth saying in the title


class Headline(NamedTuple):
    """The first screen: the question answered, the cause, and what to do. ``names`` are (role, name) of what it is about."""

    names: tuple[tuple[str, str], ...]
    badge: Badge
    sentence: Line
    pairs: tuple[Pair, ...]


class Outline(NamedTuple):
    """A whole report in words, in reading order."""

    headline: Headline
    sections: tuple[Section, ...]
