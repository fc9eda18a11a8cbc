"""Both ends, the noise, the search, the table: from a plan and trials to an :class:`~envdiff.report.Isolation`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from envdiff.capture import filter as secrets
from envdiff.errors import WorldFailed
from envdiff.experiment.journal import Ended
from envdiff.experiment.knobs import Knobs, patched
from envdiff.experiment.likeness import Outputs, Yardstick, distance
from envdiff.experiment.noise import STEADIERS, TWICE, Kind, Unrest, only_concurrently, unrest, with_cures
from envdiff.experiment.search import Found, Like, Role, Search, Spent, Thrown
from envdiff.experiment.sentence import sentence
from envdiff.experiment.switches import PLACES, Plan
from envdiff.experiment.trials import Trials
from envdiff.report import Isolation, Tried, Unsteady

ENDS = 2  # runs of each end at least; more when they disagree
MORE = 4
UNCLEAR_AGAIN = 2  # further runs of a trial that fell between the noise of both ends


@dataclass
class Isolating:
    """One isolation under way. ``reference`` are answers of a real right that nothing here can change."""

    plan: Plan
    trials: Trials
    labels: tuple[str, str]
    reference: Sequence[Outputs] = ()
    notes: tuple[str, ...] = ()
    voids: dict[str, str] = field(default_factory=dict)
    seen: dict[Thrown, Outputs | None] = field(default_factory=dict)
    likes: dict[Thrown, Like] = field(default_factory=dict)

    def run(self, *, every_switch: bool = False) -> Isolation:
        """Raises WorldFailed when an end gives no answer at all, so that there is nothing to compare."""
        watcher = self.trials.watcher
        watcher.stage("each side against itself", 2 * ENDS)
        try:
            yardstick = self._ends()
        except Spent:
            return self._result(None, Found(complete=False), ())
        restless = self._unrest(yardstick)
        if not yardstick.apart:
            return self._result(yardstick, Found(), restless)
        count = len(self.plan.switches)
        watcher.stage("which switches it is", 2 * count if every_switch else count + 2)
        search = Search([one.name for one in self.plan.switches], lambda wanted: self._ask(wanted, yardstick))
        return self._result(yardstick, search.run(every_switch=every_switch), restless)

    # ------------------------------------------------------------ ends

    def _ends(self) -> Yardstick:
        """Left and right, each twice. Switches that take no effect, or that break the model, are put aside."""
        while True:
            everything = frozenset(one.name for one in self.plan.switches)
            left, right = self._end(frozenset(), ENDS), self._end(everything, ENDS)
            if not left[0].answered:
                raise WorldFailed(f"left gives no answer: {left[0].reason}", subject=self.labels[0])
            idle = self._idle(frozenset(), left[0]) | self._idle(everything, right[0])
            if not idle and not right[0].answered:
                idle = self._breaking(right[0])
            if not idle:
                break
            self.voids.update(idle)
            self.plan = replace(self.plan, switches=tuple(s for s in self.plan.switches if s.name not in idle))
        yardstick = Yardstick(_answers(left), _answers(right))
        if yardstick.steady:
            return yardstick
        return Yardstick(_answers(self._end(frozenset(), MORE)), _answers(self._end(everything, MORE)))

    def _end(self, thrown: Thrown, repeats: int) -> list[Ended]:
        knobs = self.plan.knobs(thrown)
        asked = knobs if knobs.get("calls") else patched(knobs, {"calls": TWICE})
        return self.trials.ask([(asked, repeat) for repeat in range(repeats)])

    def _idle(self, thrown: Thrown, ended: Ended) -> dict[str, str]:
        """Switches whose position this end does not show."""
        if not ended.answered:
            return {}
        found = ((one.name, one.void(one.name in thrown, ended.evidence)) for one in self.plan.switches)
        return {name: why for name, why in found if why}

    def _breaking(self, right: Ended) -> dict[str, str]:
        """Switches that break the model by themselves, when right as a whole gives no answer."""
        names = [one.name for one in self.plan.switches]
        alone = self.trials.ask([(self.plan.knobs({name}), 0) for name in names])
        broken = {name: f"{name}: {one.in_short}" for name, one in zip(names, alone, strict=True) if not one.answered}
        if not broken or not broken.keys().isdisjoint(PLACES):
            raise WorldFailed(f"right gives no answer: {right.reason}", subject=self.labels[1])
        return broken

    def _unrest(self, yardstick: Yardstick) -> tuple[Unrest, ...]:
        """Of sides that are not steady, what kind and what cures the first; of sides that answer alike, whether one
        contradicts itself when it is asked concurrently."""
        knobs = {"left": self.plan.knobs(()), "right": self.plan.knobs(one.name for one in self.plan.switches)}
        if yardstick.steady and yardstick.apart:
            return ()
        found: list[Unrest] = []
        with suppress(Spent):
            for side, told in knobs.items():
                one = self._unrest_of(side, told, yardstick)
                if one is not None:
                    found.append(one)
            if found and not yardstick.steady:
                self.trials.watcher.stage("what would steady them", 2 * len(STEADIERS))
                found[0] = with_cures(found[0], knobs[found[0].side], self.trials)
        return tuple(found)

    def _unrest_of(self, side: str, knobs: Knobs, yardstick: Yardstick) -> Unrest | None:
        if yardstick.steady:
            return None if knobs.get("calls") else only_concurrently(side, knobs, self.trials)
        asked = knobs if knobs.get("calls") else patched(knobs, {"calls": TWICE})
        runs = self.trials.ask([(asked, repeat) for repeat in range(MORE)])
        one = unrest(side, [run.outputs for run in runs if run.outputs])
        return None if one.kind is Kind.STEADY else one

    # ------------------------------------------------------------ trials of the search

    def _ask(self, wanted: Sequence[Thrown], yardstick: Yardstick) -> Mapping[Thrown, Like]:
        ended = self.trials.ask([(self.plan.knobs(one), 0) for one in wanted])
        for thrown, one in zip(wanted, ended, strict=True):
            self.likes[thrown] = self._like(thrown, one, yardstick)
            self.trials.watcher.stands(thrown, len(self.plan.switches), self.likes[thrown].value)
        return {thrown: self.likes[thrown] for thrown in wanted}

    def _like(self, thrown: Thrown, ended: Ended, yardstick: Yardstick) -> Like:
        self.seen[thrown] = ended.outputs
        if ended.outputs is None or self.plan.void(thrown, ended.evidence):
            return Like.VOID
        like = yardstick.like(_plain(ended.outputs))
        for repeat in range(1, 1 + UNCLEAR_AGAIN):
            if like is not Like.UNCLEAR:
                break
            (again,) = self.trials.ask([(self.plan.knobs(thrown), repeat)])
            like = yardstick.like(_plain(again.outputs)) if again.outputs is not None else Like.VOID
        return like

    # ------------------------------------------------------------ result

    def _result(self, yardstick: Yardstick | None, found: Found, restless: tuple[Unrest, ...]) -> Isolation:
        made = Isolation(
            left=self.labels[0],
            right=self.labels[1],
            sentence="",
            culprits=found.culprits,
            sets=found.sets,
            hidden=found.hidden,
            cancelling=found.cancelling,
            forward=found.forward,
            backward=found.backward,
            switches=tuple(self._rows(yardstick, found)),
            noise=(_finite(yardstick.noise[0]), _finite(yardstick.noise[1])) if yardstick else (None, None),
            gap=_finite(yardstick.gap) if yardstick else None,
            exact=yardstick.steady if yardstick else True,
            unsteady=tuple(_unsteady(one) for one in restless),
            not_recreated=tuple((one.about, one.why) for one in self.plan.lost),
            reproduced=self._reproduced(yardstick),
            trials_run=self.trials.run,
            trials_known=self.trials.known,
            complete=found.complete,
            notes=self.notes,
        )
        return made._replace(sentence=sentence(made, told_apart=yardstick.apart if yardstick else None))

    def _rows(self, yardstick: Yardstick | None, found: Found) -> Iterable[Tried]:
        everything = frozenset(one.name for one in self.plan.switches)
        told_apart = yardstick is not None and yardstick.apart
        ends = {frozenset[str](): Like.LEFT, everything: Like.RIGHT} if told_apart else {}
        for switch in self.plan.switches:
            alone, rest = frozenset((switch.name,)), everything - {switch.name}
            yield Tried(
                name=switch.name,
                about=switch.about,
                left=switch.said[0] or _position(switch.left),
                right=switch.said[1] or _position(switch.right),
                alone=self._word(alone, Like.LEFT, ends),
                all_but=self._word(rest, Like.RIGHT, ends),
                share=self._share(alone, yardstick, everything),
                share_given=_opened(self._share(rest, yardstick, everything)),
                trials=sum(switch.name in thrown for thrown in self.likes),
                verdict=found.roles.get(switch.name, Role.UNDECIDED).value,
            )
        for name, why in self.voids.items():
            yield Tried(name, "", "", "", None, None, None, None, 0, "void", why)

    def _word(self, thrown: Thrown, same: Like, ends: Mapping[Thrown, Like]) -> str | None:
        """same, moved, unclear or void, against the end that the trial is one switch away from."""
        like = ends.get(thrown) or self.likes.get(thrown)
        if like is None:
            return None
        if like in (Like.UNCLEAR, Like.VOID):
            return like.value
        return "same" if like is same else "moved"

    def _share(self, thrown: Thrown, yardstick: Yardstick | None, everything: Thrown) -> float | None:
        if yardstick is None or not yardstick.apart:
            return None
        if thrown in (frozenset(), everything):
            return 1.0 if thrown else 0.0
        outputs = self.seen.get(thrown)
        closed = yardstick.closed(_plain(outputs)) if outputs is not None else None
        return None if closed is None else round(closed, 6)

    def _reproduced(self, yardstick: Yardstick | None) -> float | None:
        if yardstick is None or not self.reference:
            return None
        gap = min(distance(one, other) for one in yardstick.left for other in self.reference)
        rest = min(distance(one, other) for one in yardstick.right for other in self.reference)
        if gap == 0:
            return 1.0 if rest == 0 else None
        return round(1.0 - rest / gap, 6) if math.isfinite(gap) and math.isfinite(rest) else None


def _answers(ended: Sequence[Ended]) -> list[Outputs]:
    return [_plain(one.outputs) for one in ended if one.outputs is not None]


def _plain(outputs: Outputs) -> Outputs:
    """Without the repeat that only the ends make."""
    return {name: array for name, array in outputs.items() if not name.startswith("batch_again/")}


def _opened(share: float | None) -> float | None:
    return None if share is None else round(1.0 - share, 6)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _unsteady(one: Unrest) -> Unsteady:
    return Unsteady(one.side, one.kind.value, _finite(one.size), one.rows, one.steadied_by, one.tried)


def _position(knobs: Mapping[str, Any]) -> str:
    return ", ".join(_value(value) for value in knobs.values())


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else secrets.without_homes(str(value))
