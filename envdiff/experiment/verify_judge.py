"""A rule's claim against what was measured: pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from envdiff.explain.rank import size_of
from envdiff.predictions.measure import measure_outputs, to_delta
from envdiff.report import Basis, Size, Steadiness, Verdict
from envdiff.rulebook import Rule
from envdiff.rulebook.measurements import Moved, Observation, Outcome, Verified

SIZES = tuple(Size)


@dataclass(frozen=True)
class Seen:
    """An observation in which the rule speaks. ``beside`` is the largest that something else which differs can do."""

    observation: Observation
    beside: Size = Size.NONE


def moved(left: Mapping[str, NDArray[Any]], right: Mapping[str, NDArray[Any]]) -> Moved | None:
    """How far one answer is from another; None for the same bits."""
    measured = measure_outputs(left, right)
    changed = {name: one for name, one in measured.outputs.items() if one.changed}
    if not changed and not measured.only_left and not measured.only_right:
        return None
    relative = [math.inf if one.max_rel is None else one.max_rel for one in changed.values()]
    if measured.only_left or measured.only_right:
        relative.append(math.inf)
    return Moved(
        size=Size.ANY if max(relative) == math.inf else size_of(to_delta(measured)),
        relative=max(relative),
        share=max((one.changed for one in changed.values()), default=1.0),
        flips=max((one.flips or 0 for one in changed.values()), default=0),
        rows=max((one.rows for one in changed.values()), default=0),
        outputs=tuple(sorted({name.partition("/")[2] for name in changed})),
    )


def verdict(rule: Rule, seen: Sequence[Seen], steadiness: str = "", silent: str = "") -> Verified:
    """What the observations say of ``rule``; ``silent`` is why it does not speak where it does not."""
    observations = tuple(one.observation for one in seen)
    answered = [one for one in seen if not one.observation.fails]
    if not seen:
        return Verified(rule.id, Outcome.NOT_APPLICABLE, silent)
    if not answered:
        return Verified(rule.id, Outcome.NOT_MEASURED, f"fails: {observations[0].fails}", "", observations)
    outcome, why = _outcome(rule, answered, steadiness)
    return Verified(rule.id, outcome, why, steadiness, observations)


def _outcome(rule: Rule, answered: Sequence[Seen], steadiness: str) -> tuple[Outcome, str]:
    moving = [(one, one.observation.moved) for one in answered if one.observation.moved is not None]
    if rule.verdict is Verdict.HARMLESS:
        return (Outcome.BROKEN, f"called harmless, and {_told(moving[0][0])}") if moving else (Outcome.HOLDS, "")
    if not moving:
        if rule.basis is Basis.MEASURED:
            return Outcome.BROKEN, f"said to move predictions, and moves nothing in {_models(answered)}"
        return Outcome.NOT_SEEN, f"nothing moved in {_models(answered)}"
    for one, how in moving:
        reach = max(rule.at_worst or rule.size, one.beside, key=SIZES.index)
        if SIZES.index(how.size) > SIZES.index(reach):
            return Outcome.BROKEN, f"said to move at most {reach}, and {_told(one)}"
    if rule.steadiness is Steadiness.STABLE and steadiness not in ("", Steadiness.STABLE):
        # No claim is wrong by it: what is compiled after its first calls is steady from then on.
        return Outcome.HOLDS, f"said to be stable, and here its answers differ {_from_to(steadiness)}"
    return Outcome.HOLDS, ""


def _from_to(steadiness: str) -> str:
    """``call-to-call`` as people write it."""
    return f"from {steadiness.replace('-', ' ')}"


def _told(one: Seen) -> str:
    seen = one.observation
    assert seen.moved is not None
    return f"{seen.model} moves by {seen.moved.relative:.1e} of its range ({seen.moved.size}) under {seen.change}"


def _models(answered: Sequence[Seen]) -> str:
    names = list(dict.fromkeys(one.observation.model for one in answered))
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
