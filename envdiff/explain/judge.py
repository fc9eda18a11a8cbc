"""One mismatch and the rulebook: a finding, a reason why it cannot matter, or nothing known."""

from __future__ import annotations

from typing import NamedTuple

from envdiff.compare import Comparison, Mismatch, Raw, shown_pair
from envdiff.explain.history import changes_between, largest
from envdiff.explain.model import NO_TENSORFLOW, needs_hold
from envdiff.explain.rank import reach
from envdiff.fingerprint import Absent, Unread, Value
from envdiff.report import Change, Finding, RuledOut, Shown, Unexplained, Verdict
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import holds

Judged = Finding | RuledOut | Unexplained

# Both sides were asked by a capture: no program stood in front of the model.
SAME_ROWS = {"both": {"answers.rows_digest": "<present>"}, "same": "answers.rows_digest"}
NO_PROGRAM = "the program that prepares the input was not captured"
GUESS = "nothing else explains the difference, and whether the program does this is not known"


class Case(NamedTuple):
    """What a judgement looks at: both environments and everything that is known."""

    comparison: Comparison
    book: Rulebook


def judge(mismatch: Mismatch, case: Case) -> Judged:
    """What the most specific rule that applies says of ``mismatch``.

    A rule whose condition cannot be told gives way to a more general one that holds for certain and reaches further.
    """
    ruled_out: RuledOut | None = None
    doubted: Finding | None = None
    for rule in case.book.about(mismatch.path):
        applies = holds(rule.when, case.comparison)
        if applies is False or (applies is None and (doubted or rule.verdict is Verdict.HARMLESS)):
            continue
        needed, why = needs_hold(rule.needs, case.comparison)
        if needed is False:
            ruled_out = ruled_out or _ruled_out(mismatch, rule, why)
            continue
        if rule.verdict is Verdict.HARMLESS:
            return doubted or _ruled_out(mismatch, rule, rule.mechanism)
        doubts = [why] if needed is None else []
        if applies:
            certain = finding(rule, mismatch, case, doubts)
            return doubted if doubted and reach(doubted) >= reach(certain) else certain
        doubted = finding(rule, mismatch, case, [*doubts, "a fact that this rule asks for was not read"])
    return (
        doubted
        or ruled_out
        or _undecided(mismatch, case)
        or Unexplained(mismatch.path, *shown_pair(mismatch.left, mismatch.right))
    )


def second_look(mismatch: Mismatch, judged: Judged, case: Case) -> Judged:
    """The same where answers differ and nothing explains it: what a program that was not captured could do with it."""
    name = unsolved(judged, case)
    return finding(case.book[name], mismatch, case, [NO_PROGRAM]) if name else judged


def unsolved(judged: Judged, case: Case) -> str:
    """The rule on what a program in front of the model could do; empty where there is none, or no such program."""
    name = case.book[judged.rule].unsolved if isinstance(judged, RuledOut) and judged.rule else None
    seen = not any(isinstance(reading, Unread) for reading in case.comparison.readings("process.command"))
    return "" if seen or holds(SAME_ROWS, case.comparison) else name or ""


def _undecided(mismatch: Mismatch, case: Case) -> Finding | None:
    """A fact that decides a setting which could not be concluded: what the setting's rules say, with that doubt."""
    comparison = case.comparison
    for path, one in comparison.left_settings.items():
        other = comparison.right_settings[path]
        unread = one.unread if one.value is None else other.unread if other.value is None else None
        if unread is None or mismatch.path not in (*one.explains, *other.explains):
            continue
        # The rule with the fewest conditions: what a more specific one asks for is not known either.
        for rule in reversed(case.book.about(path)):
            needed, why = needs_hold(rule.needs, comparison)
            if rule.verdict is Verdict.HARMLESS or needed is False or holds(rule.when, comparison) is False:
                continue
            doubts = [f"what is in force could not be concluded: {unread}", why if needed is None else ""]
            said = finding(rule, _standing_for(path, mismatch), case, doubts)
            return said._replace(verdict=Verdict.CAN_MOVE)
    return None


def _standing_for(path: str, mismatch: Mismatch) -> Mismatch:
    """The raw values with their name, in the place of the setting that they decide."""
    name = mismatch.path.removeprefix("env.")
    left, right = (
        Value(f"{name}={reading}") if isinstance(reading, Value) else Value(f"{name} unset")
        for reading in (mismatch.left, mismatch.right)
    )
    return Mismatch(path, left, right, folded=((mismatch.path, mismatch.left, mismatch.right),))


def standing_findings(case: Case, *, unsolved: bool = False) -> list[Finding]:
    """What is wrong on one side or on both, whether or not they differ in it; ``unsolved``: what else may be."""
    found, doubts = [], [GUESS] if unsolved else []
    for rule in case.book.standing(unsolved=unsolved):
        if holds(rule.when, case.comparison) and needs_hold(rule.needs, case.comparison)[0] is not False:
            path = rule.about[0]
            left, right = case.comparison.readings(path)
            left_trail, right_trail = case.comparison.trails(path)
            found.append(finding(rule, Mismatch(path, left, right, left_trail, right_trail), case, doubts))
    return found


def gathered(findings: list[Finding], case: Case) -> list[Finding]:
    """One finding a cause: what the same rule says again, and what another finding's rule covers, is folded under it."""
    by_rule: dict[str, Finding] = {}
    # What both sides have, in two versions, says more than what one side has at all, and a release more than a file.
    for one in sorted(
        findings, key=lambda one: (str(Absent()) in (one.left.text, one.right.text), _of_file(one.about))
    ):
        first = by_rule.get(one.rule)
        by_rule[one.rule] = one if first is None else _with_folded(first, one)
    for one in list(by_rule.values()):
        covered = case.book[one.rule].covers
        for other in [name for name in by_rule if name in covered and one.rule in by_rule]:
            by_rule[one.rule] = _with_folded(by_rule[one.rule], by_rule.pop(other))
    return list(by_rule.values())


def _of_file(path: str) -> bool:
    return path.endswith((".build_id", ".size", ".path"))


def _with_folded(first: Finding, other: Finding) -> Finding:
    rows = ((other.about, other.left.text, other.right.text), *other.folded)
    return first._replace(folded=(*first.folded, *(row for row in rows if row not in first.folded)))


def finding(rule: Rule, mismatch: Mismatch, case: Case, doubts: list[str]) -> Finding:
    """``rule`` filled in for this mismatch; with a table of changes, the size is what they can do to this model."""
    left, right = shown_pair(mismatch.left, mismatch.right)
    verdict = Verdict.CAN_MOVE if any(NO_TENSORFLOW in doubt for doubt in doubts) else rule.verdict
    changes: tuple[Change, ...] = ()
    size = rule.size
    if rule.changes is not None:
        changes = changes_between(mismatch, case.book.tables[rule.changes], case.comparison)
        size = largest(changes, rule.size, built_by_code=rule.needs.entry == "keras")

    def filled(text: str) -> str:
        named = text.replace("{name}", mismatch.path.partition(".")[2])
        return named.replace("{left}", left).replace("{right}", right)

    return Finding(
        rule=rule.id,
        title=filled(rule.title),
        verdict=verdict,
        size=size,
        at_worst=rule.at_worst,
        steadiness=rule.steadiness,
        basis=rule.basis,
        layer=rule.layer,
        about=mismatch.path,
        left=Shown(left, mismatch.left_trail),
        right=Shown(right, mismatch.right_trail),
        mechanism=filled(rule.mechanism),
        measured=rule.measured,
        confirm=_confirm(rule),
        fix=filled(rule.fix),
        sources=rule.sources,
        because="; ".join(doubt for doubt in doubts if doubt),
        changes=changes,
        folded=tuple(_words(raw) for raw in mismatch.folded),
    )


def idle(mismatch: Mismatch, case: Case) -> RuledOut:
    """Why a difference that was typed has nothing to act on."""
    trail = mismatch.left_trail if str(mismatch.left) == "n/a" else mismatch.right_trail
    rule = next((rule.id for rule in case.book.about(mismatch.path)), "")
    (_, left, right) = mismatch.folded[0] if mismatch.folded else ("", mismatch.left, mismatch.right)
    about = mismatch.folded[0][0] if mismatch.folded else mismatch.path
    sides = "on either side" if mismatch.left == mismatch.right else "on one side, and the devices differ anyway"
    return RuledOut(about, *shown_pair(left, right), rule, f"it has nothing to act on {sides}: {trail}")


def _ruled_out(mismatch: Mismatch, rule: Rule, why: str) -> RuledOut:
    return RuledOut(mismatch.path, *shown_pair(mismatch.left, mismatch.right), rule.id, why)


def _confirm(rule: Rule) -> tuple[str, ...]:
    lines = []
    held = "".join(f", always with `{name}={value}`" for name, value in rule.held_env.items())
    for name, values in rule.varied_env.items():
        first, *others = ["unset " + name if value is None else f"{name}={value}" for value in values]
        lines.append(
            f"Run the same rows with `{first}` and again with " + " and ".join(f"`{other}`" for other in others) + held
        )
    return (*lines, *rule.confirm_do)


def _words(raw: Raw) -> tuple[str, str, str]:
    return (raw[0], *shown_pair(raw[1], raw[2]))
