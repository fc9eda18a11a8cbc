"""What a report is made of once it is in words: small frozen pieces that every face lays out in its own way.

Nobody compares or prints a piece, so the methods for that are not made: making them would take a tenth of a report.
A text in a piece is never markup. It may come from an environment that nobody trusts, so every piece is a
:class:`Block`, which makes its texts inert; a face then has its own format's marks to escape and nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Self, dataclass_transform

from envdiff.render.visible import inert, shorten

LONGEST = 8_000  # characters; the wording is shorter, this is for what it does not shorten
NOTE = 40  # characters that say how many there are
REQUIRED = object()  # the default of a field that has none


@dataclass_transform(frozen_default=True, eq_default=False)
class Block:
    """A piece whose texts are made inert and bounded as it is made: no face and no later kind of piece can forget to.

    Written like a frozen dataclass and read as one by type checkers. It is none, because a dataclass compiles its
    methods when its module is imported, and for all pieces together that was a noticeable part of a short report.
    """

    _defaults: ClassVar[dict[str, Any]] = {}
    _texts: ClassVar[frozenset[str]] = frozenset()  # fields that hold text; what holds other pieces is inert already

    def __init_subclass__(cls) -> None:
        named = {name: str(kind) for name, kind in cls.__annotations__.items() if not name.startswith("_")}
        cls._defaults = {name: cls.__dict__.get(name, REQUIRED) for name in named}
        cls._texts = frozenset(name for name, kind in named.items() if "str" in kind)

    def __init__(self, *values: Any, **named: Any) -> None:
        given = {**self._defaults, **dict(zip(self._defaults, values, strict=False)), **named}
        if len(given) > len(self._defaults) or len(values) > len(given) or REQUIRED in given.values():
            raise TypeError(f"{type(self).__name__} takes {', '.join(self._defaults)}")
        for name in self._texts:
            value = given[name]
            if not (isinstance(value, str) and len(value) <= LONGEST and value.isascii() and value.isprintable()):
                given[name] = _inert(value)
        self.__dict__.update(given)

    def but(self, **changes: Any) -> Self:
        """The same piece with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: {name} stays as it was made")


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


class Span(Block):
    """A run of text set in one way."""

    text: str
    mark: Mark = Mark.PLAIN


Line = tuple[Span, ...]


class Badge(Block):
    """A verdict: ``key`` chooses a colour, ``word`` says the same without one."""

    key: str
    word: str


class Pair(Block):
    """A name and one or more lines."""

    name: str
    lines: tuple[Line, ...]


class Table(Block):
    """``numeric`` are the indexes of columns that are set to the right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    numeric: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> Table:
        return Table(self.headers, self.rows[:count], self.numeric)


class Bullets(Block):
    """Lines of one kind."""

    items: tuple[Line, ...]

    def __len__(self) -> int:
        return len(self.items)

    def first(self, count: int) -> Bullets:
        return Bullets(self.items[:count])


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


class Cards(Block):
    """Findings, ranked. ``small`` ones are not the cause and are set with less room."""

    cards: tuple[Card, ...]
    small: bool = False

    def __len__(self) -> int:
        return len(self.cards)

    def first(self, count: int) -> Cards:
        return Cards(self.cards[:count], self.small)


class Point(Block):
    """One value on a scale; ``position`` is 0 at its low end and 1 at its high end."""

    name: str
    position: float
    text: str


class Zone(Block):
    """A named stretch of a scale, from ``start`` to ``end``, both 0 to 1."""

    key: str
    name: str
    start: float
    end: float


class Scale(Block):
    """Values on a logarithmic scale with named zones; ``ticks`` are (position, label)."""

    title: str
    points: tuple[Point, ...]
    zones: tuple[Zone, ...]
    ticks: tuple[tuple[float, str], ...]


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


class Headline(Block):
    """The first screen: the question answered, the cause, and what to do. ``names`` are (role, name) of what it is about."""

    names: tuple[tuple[str, str], ...]
    badge: Badge
    sentence: Line
    pairs: tuple[Pair, ...]


class Outline(Block):
    """A whole report in words, in reading order."""

    headline: Headline
    sections: tuple[Section, ...]
