"""Where the kinds of a fleet stand to its questions. Most stand where the first does: only the others are held."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import NamedTuple

from envdiff.fleet.columns import Kind
from envdiff.fleet.questions import Question
from envdiff.fleet.sight import Situation


class Position(NamedTuple):
    """All that an answer to one question can depend on in one kind; ``own`` is None where that was not read."""

    own: Hashable
    situation: Situation


class Positions:
    """Those of all kinds to one question."""

    def __init__(self, question: Question, kinds: Sequence[Kind]) -> None:
        def position(kind: Kind) -> Position:
            return Position(question.own(kind), question.situation(kind))

        self.question = question
        self._first = kinds[0]
        self.usual = position(kinds[0])
        unlike = ((kinds[at], position(kinds[at])) for at in sorted(question.unlike()))
        self.others = {kind: one for kind, one in unlike if one != self.usual}

    def between(self, one: Kind, other: Kind) -> tuple[Position, Position]:
        return self.others.get(one, self.usual), self.others.get(other, self.usual)

    def each(self) -> Iterator[tuple[Kind, Position]]:
        """Every position with the first kind that has it, and with more of them."""
        yield self._first, self.usual
        yield from self.others.items()


class Deciding:
    """The questions that split a fleet, with what each kind has otherwise than the first."""

    def __init__(self, kinds: Sequence[Kind], decisive: Sequence[Positions]) -> None:
        self._usual = {one.question: one.usual for one in decisive}
        self._place = {question: at for at, question in enumerate(self._usual)}
        self._unread = frozenset(question for question, usual in self._usual.items() if usual.own is None)
        self._others: dict[Kind, dict[Question, Position]] = {kind: {} for kind in kinds}
        self._lost: dict[Kind, set[Question]] = {kind: set() for kind in kinds}
        for one in decisive:
            for kind, position in one.others.items():
                self._others[kind][one.question] = position
                if position.own is None:
                    self._lost[kind].add(one.question)

    def position(self, kind: Kind) -> Hashable:
        """Equal for kinds that no question can tell apart."""
        return tuple(self._others[kind].items())

    def own(self, kind: Kind, questions: Collection[Question] | None = None) -> Hashable:
        """Equal for kinds that have the same, as far as ``questions`` ask; all of them where none are given."""
        return tuple(
            (question, position.own)
            for question, position in self._others[kind].items()
            if position.own != self._usual[question].own and (questions is None or question in questions)
        )

    def lacks(self, kind: Kind) -> tuple[Question, ...]:
        """The questions that it leaves undecided."""
        return self._in_order(self._lost[kind] | (self._unread - self._others[kind].keys()))

    def between(self, one: Kind, other: Kind) -> tuple[Question, ...]:
        """The questions that may tell the two apart: to all the rest both stand where the first kind does."""
        return self._in_order(self._others[one].keys() | self._others[other].keys())

    def _in_order(self, questions: Collection[Question]) -> tuple[Question, ...]:
        return tuple(sorted(questions, key=self._place.__getitem__))
