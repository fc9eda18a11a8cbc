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
from envdiff.fleet.positions import Deciding, Positions
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
    deciding: Deciding
    examples: Mapping[Question, Mapping[Found, tuple[Kind, Kind]]]
    judgements: Judgements

    def found(self, one: Kind, other: Kind) -> dict[Question, Found]:
        """What the deciding questions find between two kinds, without those that can find nothing."""
        between = self.deciding.between(one, other)
        return {question: self.judgements.found(question, one, other) for question in between}

    def say(self, one: Cluster, other: Cluster) -> set[Found]:
        """Everything that the deciding questions find between two clusters, if they find anything."""
        return set(self.found(one.kinds[0], other.kinds[0]).values())


@dataclass(frozen=True)
class Judgements:
    """Answers to questions, asked once for all pairs in the same situations."""

    positions: Mapping[Question, Positions]
    _known: dict[object, Found] = field(default_factory=dict)

    def found(self, question: Question, left: Kind, right: Kind) -> Found:
        """What ``question`` says of the two."""
        one, other = self.positions[question].between(left, right)
        if one.own is None or other.own is None or one.own == other.own:
            return Found.NOTHING
        case = question, one.situation.beside(other.situation)
        known = self._known.get(case)
        if known is None:
            known = self._known[case] = question.found(left, right)
        return known


def grouped(kinds: Sequence[Kind], questions: Sequence[Question]) -> Grouping:
    """The groups, whatever the order of ``kinds`` and however many fingerprints each has."""
    positions = {question: Positions(question, kinds) for question in questions}
    judgements = Judgements(positions)
    examples = {question: _examples(question, judgements) for question in questions}
    deciding = Deciding(kinds, [positions[question] for question, found in examples.items() if set(found) & APART])
    certain = frozenset(question for question, found in examples.items() if set(found) <= APART)
    # Kinds that no question can tell apart are one cell.
    cells = _split(kinds, deciding.position)
    told = [cell for cell in cells if not deciding.lacks(cell[0])]
    untold = [kind for cell in cells if deciding.lacks(cell[0]) for kind in cell]
    groups = [
        *_split(untold, deciding.own),
        # Kinds that a certain question tells apart need not be held against each other.
        *(
            [kind for cell in twins for kind in cell]
            for bucket in _split(told, lambda cell: deciding.own(cell[0], certain))
            for twins in _twins(bucket, deciding, judgements)
        ),
    ]
    clusters = [Cluster(_by_size(group), deciding.lacks(group[0])) for group in groups]
    clusters.sort(key=lambda one: (-one.count, one.kinds[0].alike.sample.path))
    main = next((one for one in clusters if not one.lacks), clusters[0])
    return Grouping((main, *(one for one in clusters if one is not main)), deciding, examples, judgements)


def _examples(question: Question, judgements: Judgements) -> dict[Found, tuple[Kind, Kind]]:
    """Everything that the question finds: one pair is asked for each two situations."""
    by_situation: dict[Hashable, dict[Hashable, Kind]] = {}
    for kind, position in judgements.positions[question].each():
        if position.own is not None:
            by_situation.setdefault(position.situation, {}).setdefault(position.own, kind)
    found: dict[Found, tuple[Kind, Kind]] = {}
    # Two values of each situation are enough to find a pair that differs.
    seen = [(tuple(islice(each, 2)), each) for each in by_situation.values()]
    for (values, kinds), (others, beside) in combinations_with_replacement(seen, 2):
        if values != others or len(values) > 1:
            own, other = next((own, other) for own in values for other in others if own != other)
            pair = kinds[own], beside[other]
            found.setdefault(judgements.found(question, *pair), pair)
    return found


def _split(items: Iterable[T], by: Callable[[T], Hashable]) -> list[list[T]]:
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(by(item), []).append(item)
    return list(found.values())


def _twins(cells: Sequence[list[Kind]], deciding: Deciding, judgements: Judgements) -> list[list[list[Kind]]]:
    """Cells that are equal to each other and to the same others."""
    near: list[set[int]] = [{at} for at in range(len(cells))]
    for (at, one), (beside, other) in combinations(enumerate(cells), 2):
        between = deciding.between(one[0], other[0])
        if not any(judgements.found(question, one[0], other[0]) in APART for question in between):
            near[at].add(beside)
            near[beside].add(at)
    by_neighbours = _split(range(len(cells)), lambda at: frozenset(near[at]))
    return [[cells[at] for at in places] for places in by_neighbours]


def _by_size(kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    return tuple(sorted(kinds, key=lambda kind: (-len(kind.alike.members), kind.alike.sample.path)))
