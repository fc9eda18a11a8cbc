"""What an isolation found, in one sentence that can be pasted into a ticket."""

from __future__ import annotations

from collections.abc import Sequence

from envdiff.report import Isolation, Unsteady


def sentence(found: Isolation, *, told_apart: bool | None) -> str:
    """``told_apart`` is None when the ends were not both run."""
    trials = f"{found.trials_run + found.trials_known} trials"
    if told_apart is None:
        return f"Not decided: the budget ended before both sides had been run twice ({trials})."
    if not told_apart:
        return _alike(found, trials)
    if not found.sets:
        return _nothing(found, trials)
    return f"{_proof(found)} ({trials}{_compared(found)}).{_rest(found)}"


def _alike(found: Isolation, trials: str) -> str:
    restless = found.unsteady
    lost = (
        f"; not re-created here: {_named([about for about, _ in found.not_recreated])}" if found.not_recreated else ""
    )
    if not restless:
        return f"Left and right, as far as right can be re-created here, answer alike bit for bit ({trials}){lost}."
    sides = " and ".join(one.side for one in restless)
    verb = "contradict themselves" if len(restless) > 1 else "contradicts itself"
    if restless[0].kind == "only under concurrency":
        return f"Left and right answer alike, but {sides} {verb} {restless[0].kind} ({trials}){lost}."
    return (
        f"The noise is the finding: {sides} {verb} {restless[0].kind}, and by as much as the sides differ, so that no"
        f" mismatch can be blamed ({trials}).{_cure(restless[0])}"
    )


def _cure(one: Unsteady) -> str:
    if one.steadied_by:
        return f" It is steady with {one.steadied_by[0]}."
    if any("must have a seed" in how for _, how in one.tried):
        return " The model has random operations without a seed."
    return ""


def _nothing(found: Isolation, trials: str) -> str:
    why = "the budget ended first" if not found.complete else "too many trials were void or unclear"
    return f"The sides differ, but no cause is proven: {why} ({trials})."


def _proof(found: Isolation) -> str:
    if len(found.sets) > 1:
        ways = "; ".join(_named(one) for one in found.sets)
        return f"Each of these by itself turns left's answers into right's: {ways}{_backward(found)}"
    names = found.sets[0]
    if len(names) == 1:
        return f"{names[0]} alone turns left's answers into right's{_backward(found)}"
    return f"{_named(names)} together turn left's answers into right's, and no fewer do{_backward(found)}"


def _backward(found: Isolation) -> str:
    if found.backward:
        return ", and right without " + ("it" if len(found.culprits) == 1 else "them") + " answers as left"
    if found.hidden:
        return f"; right without them still differs from left, because of {_named(found.hidden)}, which they hide"
    return "; whether right without them answers as left could not be shown"


def _compared(found: Isolation) -> str:
    return ", compared bit by bit" if found.exact else ", compared by distance: the sides are not steady to the bit"


def _rest(found: Isolation) -> str:
    if found.reproduced is not None and found.reproduced < 1:
        return f" The right that was re-created closes {found.reproduced:.0%} of the gap to the real one."
    return ""


def _named(names: Sequence[str]) -> str:
    shown = list(names[:5])
    if len(names) > 5:
        return f"{', '.join(shown)} and {len(names) - 5} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
