"""The questions that can stand between two kinds of fingerprint, each with all that its answer can depend on.

What a rule says of a mismatch depends on the mismatch and on the few settings and facts that rules about it name: the
*situation*. Two pairs of kinds in the same situations are told apart alike, so that a fleet of a thousand takes as many
judgements as there are situations, and not half a million reports.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from envdiff.compare import Comparison, compare, mismatch_at
from envdiff.explain import ignored_because
from envdiff.explain.gaps import gaps
from envdiff.explain.judge import Case, Judged, judge
from envdiff.explain.model import needs_hold
from envdiff.fleet.columns import UNREAD, WITHHELD, Kind, Table, side_by_side
from envdiff.fleet.sight import Sight, Situation, View
from envdiff.report import Finding, Unexplained, Unread
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import holds


class Found(Enum):
    """What one question says of two kinds."""

    NOTHING = auto()  # the same, or other in a way that cannot matter
    IGNORED = auto()
    MOVES = auto()  # a finding
    UNEXPLAINED = auto()
    UNREAD = auto()  # one of the two did not read what can matter


class Question(Protocol):
    """One thing that two kinds can be told apart by, unless they have the same ``own``, or one of them has none."""

    @property
    def path(self) -> str:
        """The setting, the fact or the rule that it is about."""
        ...

    def unlike(self) -> Iterable[int]:
        """The numbers of all kinds that may have another ``own`` or another ``situation`` than the first."""
        ...

    def own(self, kind: Kind) -> Hashable:
        """What the kind itself has, or None where that was not read."""
        ...

    def situation(self, kind: Kind) -> Situation:
        """All else that :meth:`found` can see of the kind."""
        ...

    def found(self, left: Kind, right: Kind) -> Found:
        """The answer for two kinds that differ in :meth:`own`."""
        ...


def questions(table: Table, book: Rulebook, ignore: Mapping[str, str]) -> tuple[Question, ...]:
    """Everything that can stand between kinds of ``table``."""
    sight = Sight(table, book, ignored=bool(ignore))
    columns = [Column(path, at, table, book, ignore, sight.on(path)) for at, path in enumerate(table.columns)]
    standing = [Standing(rule, sight.on_rule(rule)) for rule in book.standing()]
    return (*columns, *standing, Blind(table.kinds))


@dataclass(frozen=True, eq=False)
class Column:
    """A setting or fact that is not the same in all kinds."""

    path: str
    at: int
    table: Table
    book: Rulebook
    ignore: Mapping[str, str]
    view: View

    def unlike(self) -> Iterable[int]:
        return self.view.unlike.union(self.table.others[self.at])

    def own(self, kind: Kind) -> Hashable:
        number = self.table.number(self.at, kind)
        return None if number in (UNREAD, WITHHELD) else number

    def situation(self, kind: Kind) -> Situation:
        return self.view.of(kind)

    def found(self, left: Kind, right: Kind) -> Found:
        judged = self.judged(side_by_side(left, right))
        if isinstance(judged, Finding):
            return Found.MOVES
        if isinstance(judged, Unexplained):
            return Found.UNEXPLAINED
        return Found.IGNORED if isinstance(judged, str) else Found.NOTHING

    def judged(self, sides: Comparison) -> Judged | str | None:
        """What a report would say of the mismatch; the user's reason where it is ignored; None where there is none."""
        mismatch = mismatch_at(self.path, sides)
        if mismatch is None:
            return None
        return ignored_because(mismatch, self.ignore) or judge(mismatch, Case(sides, self.book))


@dataclass(frozen=True, eq=False)
class Standing:
    """A rule that looks at what is wrong on a side; it tells kinds apart when it does not speak of both alone."""

    rule: Rule
    view: View

    @property
    def path(self) -> str:
        return self.rule.about[0]

    def unlike(self) -> Iterable[int]:
        return self.view.unlike

    def own(self, kind: Kind) -> Hashable:
        # Kinds in one situation are one case to the rule.
        return self.situation(kind)

    def situation(self, kind: Kind) -> Situation:
        return self.view.of(kind)

    def found(self, left: Kind, right: Kind) -> Found:
        apart = self.speaks(left, right) and not (self.speaks(left, left) and self.speaks(right, right))
        return Found.MOVES if apart else Found.NOTHING

    def speaks(self, left: Kind, right: Kind) -> bool:
        """Whether a report on the two has the rule's finding."""
        sides = side_by_side(left, right)
        return bool(holds(self.rule.when, sides)) and needs_hold(self.rule.needs, sides)[0] is not False


@dataclass(frozen=True, eq=False)
class Blind:
    """What could not be read, where that is not the same in all kinds."""

    kinds: Sequence[Kind]
    path: str = "unread"

    def unlike(self) -> Iterable[int]:
        return (kind.at for kind in self.kinds if kind.blind != self.kinds[0].blind)

    def own(self, kind: Kind) -> Hashable:
        return kind.blind

    def situation(self, kind: Kind) -> Situation:
        return Situation(kind.blind)

    def found(self, left: Kind, right: Kind) -> Found:
        return Found.UNREAD if missing(left, right) else Found.NOTHING


def missing(left: Kind, right: Kind) -> tuple[Unread, ...]:
    """What one of the two read and the other did not, as far as it can matter."""
    found = gaps(compare(left.fingerprint, right.fingerprint))
    return tuple(gap for gap in found if gap.matters and gap.side != "both")
