"""Kinds of fingerprint to groups that are equal in effect.

Two kinds are equal when a report on them would have nothing that can move predictions, nothing unexplained, and nothing
that can matter and that one side alone did not read. They are one group when they are also equal to the same others: a
group never holds two that a report would tell apart, whatever lies between them. A kind that lacks a reading by which
groups differ is in none of these; it stands with what gave the same as far as it was read, and is called undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, combinations_with_replacement, islice
from typing import TypeVar

from envdiff.fleet.columns import Kind
from envdiff.fleet.questions import Found, Question

T = TypeVar("T")
APART = frozenset((Found.MOVES, Found.UNEXPLAINED, Found.UNREAD))


@dataclass(frozen=True, eq=False)
class Cluster:
    """Kinds that are equal in effect, the largest first. ``lacks`` are the questions that they leave undecided."""

    kinds: tuple[Kind, ...]
    lacks: tuple[Question, ...]

    @property
    def count(self) -> int:
        """How many fingerprints."""
        return sum(len(kind.alike.members) for kind in self.kinds)


@dataclass(frozen=True)
class Grouping:
    """The clusters: first the one that others are held against. ``deciding`` are the questions that split the fleet.

    ``examples`` has a pair of kinds for each thing that a question finds in the fleet.
    """

    clusters: tuple[Cluster, ...]
    deciding: tuple[Question, ...]
    examples: Mapping[Question, Mapping[Found, tuple[Kind, Kind]]]
    judgements: Judgements

    def say(self, one: Cluster, other: Cluster) -> set[Found]:
        """Everything that the deciding questions find between two clusters."""
        return {self.judgements.found(question, one.kinds[0], other.kinds[0]) for question in self.deciding}


@dataclass(frozen=True)
class Judgements:
    """Answers to questions, asked once a pair of situations."""

    _known: dict[object, Found] = field(default_factory=dict)

    def found(self, question: Question, left: Kind, right: Kind) -> Found:
        """What ``question`` says of the two."""
        one, other = question.own(left), question.own(right)
        if one is None or other is None or one == other:
            return Found.NOTHING
        sides = question.situation(left), question.situation(right)
        known = self._known.get((question, *sides))
        if known is None:
            known = question.found(left, right)
            self._known[question, *sides] = self._known[question, sides[1], sides[0]] = known
        return known


def grouped(kinds: Sequence[Kind], questions: Sequence[Question]) -> Grouping:
    """The groups, whatever the order of ``kinds`` and however many fingerprints each has."""
    judgements = Judgements()
    examples = {question: _examples(question, kinds, judgements) for question in questions}
    deciding = tuple(question for question, found in examples.items() if set(found) & APART)
    certain = tuple(question for question in deciding if set(examples[question]) <= APART)
    # Kinds that no question can tell apart are one cell.
    cells = _split(kinds, lambda kind: tuple((one.own(kind), one.situation(kind)) for one in deciding))
    told = [cell for cell in cells if not _lacks(cell, deciding)]
    untold = [kind for cell in cells if _lacks(cell, deciding) for kind in cell]
    groups = [
        *_split(untold, lambda kind: tuple(one.own(kind) for one in deciding)),
        # Kinds that a certain question tells apart need not be held against each other.
        *(
            [kind for cell in twins for kind in cell]
            for bucket in _split(told, lambda cell: tuple(one.own(cell[0]) for one in certain))
            for twins in _twins(bucket, deciding, judgements)
        ),
    ]
    clusters = [Cluster(_by_size(group), _lacks(group, deciding)) for group in groups]
    clusters.sort(key=lambda one: (-one.count, one.kinds[0].alike.sample.path))
    main = next((one for one in clusters if not one.lacks), clusters[0])
    return Grouping((main, *(one for one in clusters if one is not main)), deciding, examples, judgements)


def _examples(question: Question, kinds: Sequence[Kind], judgements: Judgements) -> dict[Found, tuple[Kind, Kind]]:
    """Everything that the question finds: one pair is asked for each two situations."""
    by_situation: dict[Hashable, dict[Hashable, Kind]] = {}
    for kind in kinds:
        own = question.own(kind)
        if own is not None:
            by_situation.setdefault(question.situation(kind), {}).setdefault(own, kind)
    found: dict[Found, tuple[Kind, Kind]] = {}
    for one, other in combinations_with_replacement(by_situation.values(), 2):
        pair = _differing(one, other)
        if pair is not None:
            found.setdefault(judgements.found(question, *pair), pair)
    return found


def _differing(one: dict[Hashable, Kind], other: dict[Hashable, Kind]) -> tuple[Kind, Kind] | None:
    """A kind of each that differ; two values of each are enough to find them."""
    for left in islice(one, 2):
        for right in islice(other, 2):
            if left != right:
                return one[left], other[right]
    return None


def _lacks(kinds: Sequence[Kind], deciding: Sequence[Question]) -> tuple[Question, ...]:
    return tuple(question for question in deciding if question.own(kinds[0]) is None)


def _split(items: Iterable[T], by: Callable[[T], Hashable]) -> list[list[T]]:
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(by(item), []).append(item)
    return list(found.values())


def _twins(cells: Sequence[list[Kind]], deciding: Sequence[Question], judgements: Judgements) -> list[list[list[Kind]]]:
    """Cells that are equal to each other and to the same others."""
    near: list[set[int]] = [{at} for at in range(len(cells))]
    for (at, one), (beside, other) in combinations(enumerate(cells), 2):
        if not any(judgements.found(question, one[0], other[0]) in APART for question in deciding):
            near[at].add(beside)
            near[beside].add(at)
    by_neighbours = _split(range(len(cells)), lambda at: frozenset(near[at]))
    return [[cells[at] for at in places] for places in by_neighbours]


def _by_size(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    return tuple(sorted(kinds, key=lambda kind: (-len(kind.alike.members), kind.alike.sample.path)))
