"""Whether a rule speaks of two trials, by what their processes said of themselves."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from envdiff.compare import Comparison, Mismatch, compare
from envdiff.explain.judge import Case, judge
from envdiff.explain.model import needs_hold
from envdiff.fingerprint import Fingerprint
from envdiff.report import Finding, Size, Verdict
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import holds
from envdiff.rulebook.page import words

# What differs between any two starts of one program. The program is ours: nothing of it prepares inputs.
OF_THE_START = ("process.",)


@dataclass(frozen=True)
class Guard:
    """``why`` says why a rule does not speak. ``beside`` is the largest that anything else can do which differs too."""

    speaks: bool
    why: str = ""
    beside: Size = Size.NONE


def fingerprint_of(*facts: Mapping[str, Any]) -> Fingerprint:
    """A fingerprint made of what is known, the later over the earlier."""
    laid: dict[str, Any] = {}
    for known in facts:
        laid.update(known)
    kept = {
        path: tuple(value) if isinstance(value, list) else value
        for path, value in laid.items()
        if not path.startswith(OF_THE_START)
    }
    return Fingerprint("trial", "interpreter", "run", "", "", "full", kept, {}, {})


def guard(rule: Rule, left: Fingerprint, right: Fingerprint, book: Rulebook) -> Guard:
    """Whether ``rule`` speaks of this pair: it differs in what the rule is about, and its conditions hold."""
    comparison = compare(left, right)
    needed, why = needs_hold(rule.needs, comparison)
    if not needed:
        return Guard(False, why)
    mine = [one for one in comparison.mismatches if _about(rule, one.path)]
    if not rule.standing and not mine:
        return Guard(False, _why_equal(rule, comparison))
    applies = holds(rule.when, comparison)
    if not applies:
        told = "cannot be told" if applies is None else "does not hold"
        return Guard(False, f"its condition {told} here: {words(rule.when)}")
    if not rule.standing and all(_shadow(rule, one.path, comparison, book) for one in mine):
        return Guard(False, f"a narrower rule speaks here: {_shadow(rule, mine[0].path, comparison, book)}")
    beside = _beside(rule, mine, comparison, book)
    if rule.verdict is Verdict.HARMLESS and beside is not Size.NONE:
        return Guard(False, "something else differs too that can move predictions", beside)
    return Guard(True, "", beside)


def _about(rule: Rule, path: str) -> bool:
    return any(path == one or fnmatch.fnmatchcase(path, one) for one in rule.about)


def _why_equal(rule: Rule, comparison: Comparison) -> str:
    """What the processes say of the thing that was to differ."""
    for mismatch in (*comparison.idle, *comparison.same_in_effect):
        if _about(rule, mismatch.path):
            trail = mismatch.right_trail or mismatch.left_trail
            return f"{mismatch.path.removeprefix('setting.')} is {mismatch.right} in both: {trail}"
    return "nothing that the rule is about differs between the two processes"


def _shadow(rule: Rule, path: str, comparison: Comparison, book: Rulebook) -> str:
    """The id of a rule with more conditions that a report would take for ``path`` in the place of this one."""
    for other in book.about(path):
        if other.id == rule.id or len(json.dumps(other.when)) <= len(json.dumps(rule.when)):
            continue
        if holds(other.when, comparison) and needs_hold(other.needs, comparison)[0]:
            return other.id
    return ""


def _beside(rule: Rule, mine: Iterable[Mismatch], comparison: Comparison, book: Rulebook) -> Size:
    paths = {one.path for one in mine}
    case = Case(comparison, book)
    others = [judge(one, case) for one in comparison.mismatches if one.path not in paths]
    found = [one for one in others if isinstance(one, Finding) and one.rule != rule.id]
    return max((one.at_worst or one.size for one in found), key=list(Size).index, default=Size.NONE)
