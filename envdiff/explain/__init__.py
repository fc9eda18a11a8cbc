"""Mismatches, rulebook, model and measured difference to a Report: the one place where a verdict is decided."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from envdiff.compare import Comparison, Mismatch, shown_pair
from envdiff.explain.answer import answer, side
from envdiff.explain.gaps import gaps
from envdiff.explain.judge import (
    SAME_ROWS,
    Case,
    Judged,
    gathered,
    idle,
    judge,
    second_look,
    standing_findings,
    unsolved,
)
from envdiff.explain.model import weights_told
from envdiff.explain.proof import is_of, with_isolation
from envdiff.explain.rank import alike, ranked, solved
from envdiff.fingerprint import Value
from envdiff.report import Delta, Finding, Ignored, Isolation, Report, RuledOut, SameInEffect, Unexplained
from envdiff.rulebook import Rulebook
from envdiff.rulebook.conditions import holds, matches
from envdiff.withheld import names_compared

__all__ = ["explain", "ignored_because"]


def explain(
    comparison: Comparison,
    book: Rulebook,
    *,
    delta: Delta | None = None,
    ignore: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
    isolation: Isolation | None = None,
) -> Report:
    """The finished answer.

    ``ignore`` maps path patterns to the reason why the user leaves them out of the verdict; ``notes`` are what a reader
    must know about ``delta``; ``isolation`` is what was shown by running it, which outranks the rules.
    """
    shown = isolation is not None and bool(isolation.forward) and is_of(isolation, comparison)
    report = _by_rules(comparison, book, delta, ignore or {}, notes, shown=shown)
    return report if isolation is None else with_isolation(report, isolation, comparison)


def _by_rules(
    comparison: Comparison,
    book: Rulebook,
    delta: Delta | None,
    ignore: Mapping[str, str],
    notes: tuple[str, ...],
    *,
    shown: bool,
) -> Report:
    """``shown``: what it is was shown by running it, so that nobody need look further."""
    case = Case(comparison, book)
    kept, ignored = _without_ignored(comparison.mismatches, ignore)
    judged = [judge(mismatch, case) for mismatch in kept]
    findings, too_small = _ranked(judged, case, delta)
    guesses: tuple[Finding, ...] = ()
    if not (shown or solved(findings, delta)):
        again = [second_look(mismatch, one, case) for mismatch, one in zip(kept, judged, strict=True)]
        guessed = [one for one, before in zip(again, judged, strict=True) if one is not before]
        guessed += [] if holds(SAME_ROWS, comparison) else standing_findings(case, unsolved=True)
        guesses, smaller = ranked(gathered([one for one in guessed if isinstance(one, Finding)], case), delta)
        judged, too_small = again, (*too_small, *smaller)
        findings = tuple(sorted((*findings, *guesses), key=alike))
    guessed_at = {one.about for one in guesses}
    unexplained = tuple(one for one in judged if isinstance(one, Unexplained) and one.path not in guessed_at)
    unread = gaps(comparison, solved=shown or solved(findings, delta))
    return Report(
        left=side(comparison.left, comparison.left_settings),
        right=side(comparison.right, comparison.right_settings),
        answer=answer(findings, too_small, unexplained, unread, delta, _for_programs(judged, case)),
        delta=delta,
        findings=findings,
        too_small=too_small,
        same_in_effect=tuple(_same(mismatch) for mismatch in comparison.same_in_effect),
        ruled_out=(
            *(one for one in judged if isinstance(one, RuledOut)),
            *(idle(mismatch, case) for mismatch in comparison.idle),
        ),
        unexplained=unexplained,
        unread=unread,
        ignored=ignored,
        full=tuple((path, *shown_pair(left, right)) for path, left, right in comparison.full),
        notes=(*notes, *weights_told(comparison), *_notes(comparison)),
        compared=comparison.compared,
    )


def _for_programs(judged: list[Judged], case: Case) -> tuple[RuledOut, ...]:
    """What cannot move the model and could move what a program hands to it, where no program was captured."""
    return tuple(one for one in judged if isinstance(one, RuledOut) and unsolved(one, case))


def _ranked(judged: list[Judged], case: Case, delta: Delta | None) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    found = [one for one in judged if isinstance(one, Finding)] + standing_findings(case)
    return ranked(gathered(found, case), delta, unsteady_gpu=_unsteady_gpu(case.comparison))


def _unsteady_gpu(comparison: Comparison) -> bool:
    """Whether it may be one side alone that changes from call to call, and that on a GPU."""
    told = comparison.readings("answers.steadiness")
    devices = [matches("cpu", reading) for reading in comparison.readings("setting.device")]
    if not any(isinstance(reading, Value) for reading in told):
        return devices != [True, True]
    unsteady = [matches("call-to-call", reading) for reading in told]
    return unsteady in ([True, False], [False, True]) and devices[unsteady.index(True)] is not True


def _without_ignored(
    mismatches: tuple[Mismatch, ...], ignore: Mapping[str, str]
) -> tuple[list[Mismatch], tuple[Ignored, ...]]:
    kept, ignored = [], []
    for mismatch in mismatches:
        reason = ignored_because(mismatch, ignore)
        if reason is None:
            kept.append(mismatch)
        else:
            ignored.append(Ignored(mismatch.path, *shown_pair(mismatch.left, mismatch.right), reason))
    return kept, tuple(ignored)


def ignored_because(mismatch: Mismatch, ignore: Mapping[str, str]) -> str | None:
    """The reason that the user gave for leaving ``mismatch`` out of the verdict, or None."""
    paths = [mismatch.path, *(path for path, _, _ in mismatch.folded)]
    return next((why for glob, why in ignore.items() if any(fnmatch.fnmatchcase(p, glob) for p in paths)), None)


def _same(mismatch: Mismatch) -> SameInEffect:
    """A setting in force alike; shown with the first thing that is written differently."""
    path, left, right = mismatch.folded[0]
    trail = mismatch.left_trail
    if mismatch.left_trail != mismatch.right_trail:
        trail = f"left: {mismatch.left_trail}; right: {mismatch.right_trail}"
    name = mismatch.path.removeprefix("setting.").removeprefix("variable.")
    return SameInEffect(path, *shown_pair(left, right), f"{name} is {mismatch.left} on both sides ({trail})")


def _notes(comparison: Comparison) -> tuple[str, ...]:
    """Variables whose values are not recorded, when one side alone has them."""
    left, right = (set(side.withheld.get("env", ())) for side in (comparison.left, comparison.right))
    notes = []
    for name, only in (("left", left - right), ("right", right - left)):
        if only:
            shown = ", ".join(sorted(only)[:20]) + (f" and {len(only) - 20} more" if len(only) > 20 else "")
            notes.append(
                f"Set on the {name} only; recorded by name alone, since TensorFlow is not known to read them: {shown}."
            )
    equal, different = names_compared(comparison.left, comparison.right)
    if different:
        shown = ", ".join(different[:20]) + (f" and {len(different) - 20} more" if len(different) > 20 else "")
        notes.append(f"Set on both sides to different values, recorded as keyed digests alone: {shown}.")
    if equal:
        notes.append(f"Set on both sides to the same value, recorded as a keyed digest alone: {len(equal)} variables.")
    return tuple(notes)
