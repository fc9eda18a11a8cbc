"""Which switches turn left's answer into right's: pure, over what trials answered.

Effects of settings do not add: they hide each other exactly and they make each other possible. So sizes decide nothing
here. What counts is whether a combination gives right's answer, and everything that is claimed was tried:

* a *set* is sufficient because left with the set thrown answered as right, and minimal because with any one of its
  switches left out it did not;
* it is *necessary* because right with the set taken out answered as left. Where it did not, something that right hides
  moves the answer by itself, and that is looked for in the same way.

Taking out of right comes before adding to left: a change that right hides is then dropped without ever being blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

Thrown = frozenset[str]

ALL_SETTINGS = 3  # up to so many switches every combination is tried: it costs hardly more and leaves nothing open


class Like(StrEnum):
    """How the answer of a trial stands. Nothing is ever concluded from the last two."""

    LEFT = "left"  # left's answer
    RIGHT = "right"  # right's answer
    OTHER = "other"  # neither
    UNCLEAR = "unclear"  # within the noise of one of them, or between
    VOID = "void"  # the trial failed, or a switch did not take effect


class Spent(Exception):
    """The budget of trials or time is used up."""


Ask = Callable[[Sequence[Thrown]], Mapping[Thrown, Like]]


class Role(StrEnum):
    """What the search found out about one switch."""

    CULPRIT = "culprit"  # in a minimal sufficient set
    HIDDEN = "hidden"  # moves the answer once the culprits are taken out of right
    CANCELS = "cancels"  # moves the answer, and others undo it
    CLEARED = "cleared"  # taken out of right alone, or together with others that were, it changed nothing
    UNDECIDED = "undecided"  # its trials were void or unclear, or were not run


@dataclass(frozen=True)
class Found:
    """``sets`` are minimal and each suffices; ``hidden`` act only without them; ``cancelling`` are groups that undo
    each other within right. ``complete`` is False when the budget ended the search."""

    sets: tuple[tuple[str, ...], ...] = ()
    hidden: tuple[str, ...] = ()
    cancelling: tuple[tuple[str, ...], ...] = ()
    roles: Mapping[str, Role] = field(default_factory=dict)
    forward: bool | None = None
    backward: bool | None = None
    complete: bool = True

    @property
    def culprits(self) -> tuple[str, ...]:
        """The switches of all sets, in their order."""
        return tuple(dict.fromkeys(name for one in self.sets for name in one))


class Search:
    """One search over ``switches``, likeliest first. ``ask`` runs combinations, side by side where it can, and may
    raise :class:`Spent`; it must answer {} with LEFT and all switches with RIGHT."""

    def __init__(self, switches: Sequence[str], ask: Ask) -> None:
        self.switches = tuple(switches)
        self.everything = frozenset(switches)
        self._ask = ask
        self._known: dict[Thrown, Like] = {frozenset(): Like.LEFT, self.everything: Like.RIGHT}
        self._sets: list[tuple[str, ...]] = []
        self._hidden: tuple[str, ...] = ()
        self._cancelling: list[tuple[str, ...]] = []
        self._doubtful: set[str] = set()

    def run(self, *, every_switch: bool = False) -> Found:
        """``every_switch`` tries each switch alone and taken out as well, and finds those that cancel."""
        try:
            if len(self.switches) <= ALL_SETTINGS:
                self._like(*subsets(self.switches))
            self._find_sets()
            self._find_hidden()
            if every_switch:
                self._try_every_switch()
                self._find_cancelling()
        except Spent:
            return self._found(complete=False)
        return self._found(complete=True)

    # ------------------------------------------------------------ asking

    def _like(self, *wanted: Thrown) -> list[Like]:
        new = [one for one in dict.fromkeys(wanted) if one not in self._known]
        if new:
            self._known.update(self._ask(new))
        return [self._known[one] for one in wanted]

    def _is(self, like: Like) -> Callable[[Thrown], bool | None]:
        """A question of three answers: None where the trial says nothing."""

        def holds(thrown: Thrown) -> bool | None:
            (got,) = self._like(thrown)
            return None if got in (Like.UNCLEAR, Like.VOID) else got is like

        return holds

    # ------------------------------------------------------------ sets

    def _find_sets(self) -> None:
        """Minimal sufficient sets, disjoint: as long as right without those found still answers as right."""
        rest = self.switches
        is_right = self._is(Like.RIGHT)
        while rest and is_right(frozenset(rest)):
            found = minimal(rest, is_right)
            self._doubtful |= found.doubtful
            sure = tuple(name for name in found.kept if name not in found.doubtful)
            if not found.doubtful or (sure and is_right(frozenset(sure))):
                self._sets.append(sure)
            rest = tuple(name for name in rest if name not in found.kept)

    def _find_hidden(self) -> None:
        """What keeps right without the culprits from being left."""
        rest = tuple(name for name in self.switches if name not in self._taken())
        is_left = self._is(Like.LEFT)
        if self._sets and rest and is_left(frozenset(rest)) is False:
            found = minimal(rest, lambda out: is_left(frozenset(rest) - out))
            self._doubtful |= found.doubtful
            self._hidden = tuple(name for name in found.kept if name not in found.doubtful)

    def _try_every_switch(self) -> None:
        one_by_one = [frozenset((name,)) for name in self.switches]
        self._like(*one_by_one, *(self.everything - one for one in one_by_one))

    def _find_cancelling(self) -> None:
        """Switches that right misses when they alone are taken out, though the sets without them suffice."""
        is_right = self._is(Like.RIGHT)
        missed = [
            name for name in self.switches if name not in self._taken() and is_right(self.everything - {name}) is False
        ]
        for name in missed:
            if any(name in group for group in self._cancelling):
                continue
            others = tuple(other for other in missed if other != name)
            if is_right(self.everything - frozenset(missed)):
                found = minimal(others, lambda out, one=name: is_right(self.everything - out - {one}))  # type: ignore[misc]
                self._cancelling.append((name, *found.kept))

    def _taken(self) -> set[str]:
        return {name for one in self._sets for name in one} | self._doubtful

    # ------------------------------------------------------------ result

    def _found(self, *, complete: bool) -> Found:
        culprits = self._taken() - self._doubtful
        rest = self.everything - culprits
        return Found(
            sets=tuple(self._sets),
            hidden=self._hidden,
            cancelling=tuple(self._cancelling),
            roles={name: self._role(name, culprits) for name in self.switches},
            forward=self._claim(frozenset(culprits), Like.RIGHT) if culprits else None,
            backward=self._claim(rest, Like.LEFT) if culprits else None,
            complete=complete,
        )

    def _claim(self, thrown: Thrown, like: Like) -> bool | None:
        """Whether ``thrown`` was seen to answer so; asked now if it never was, and None where nothing can be said."""
        try:
            return self._is(like)(thrown)
        except Spent:
            return None

    def _role(self, name: str, culprits: set[str]) -> Role:
        if name in culprits:
            return Role.CULPRIT
        if name in self._hidden:
            return Role.HIDDEN
        if any(name in group for group in self._cancelling):
            return Role.CANCELS
        return Role.CLEARED if name not in self._doubtful and self._is_cleared(name) else Role.UNDECIDED

    def _is_cleared(self, name: str) -> bool:
        """Some answer of right without it was right's, or some answer of left with it was left's."""
        return any(
            (like is Like.RIGHT and name not in thrown) or (like is Like.LEFT and name in thrown)
            for thrown, like in self._known.items()
        )


@dataclass(frozen=True)
class Minimal:
    """``kept`` is needed whole; of ``doubtful`` this could not be seen."""

    kept: tuple[str, ...]
    doubtful: frozenset[str]


def minimal(names: Sequence[str], holds: Callable[[Thrown], bool | None]) -> Minimal:
    """A subset that holds and none of whose members can be left out; ``holds(all names)`` is taken to be True.

    Walks from the likeliest on, leaving out one, and while that changes nothing as many at a time as are out already.
    After each switch that is needed, those needed so far are tried alone: the likely culprit costs two trials, whatever
    the rest.
    """
    kept = _walk(names, holds)
    without = {name: holds(frozenset(kept) - {name}) for name in kept}
    spare = next((name for name, still in without.items() if still), None)
    if spare is not None:
        return minimal([name for name in kept if name != spare], holds)
    return Minimal(tuple(kept), frozenset(name for name, still in without.items() if still is None))


def _walk(names: Sequence[str], holds: Callable[[Thrown], bool | None]) -> list[str]:
    kept: list[str] = []
    waiting, size, dropped, suspect = list(names), 1, 0, 0
    while waiting:
        chunk, rest = waiting[:size], waiting[size:]
        if holds(frozenset(kept) | frozenset(rest)):
            waiting, dropped = rest, dropped + len(chunk)
            suspect = max(0, suspect - len(chunk))
            size = suspect or dropped  # what is left of a chunk that was needed is still needed
        elif len(chunk) > 1:
            suspect, size = len(chunk), len(chunk) // 2
        else:
            kept += chunk
            suspect, dropped = max(0, suspect - 1), 0
            waiting, size = ([] if holds(frozenset(kept)) else rest), suspect or 1
    return kept


def subsets(names: Iterable[str]) -> list[Thrown]:
    """Every combination, the small ones first."""
    pool = tuple(names)
    return [frozenset(one) for size in range(len(pool) + 1) for one in combinations(pool, size)]
