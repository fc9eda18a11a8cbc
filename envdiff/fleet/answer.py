"""The first lines about a fleet: verdict, one sentence, what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from envdiff.explain.answer import EXPECT
from envdiff.fleet_report import Cause, Group, Split
from envdiff.report import Answer, Finding, Size, Unread, Verdict

IN_SENTENCE = 2  # causes


def answer(
    groups: Sequence[Group],
    causes: Sequence[Cause],
    unexplained: Sequence[Split],
    standing: Sequence[Finding],
    unread: Sequence[Unread],
) -> Answer:
    """The verdict over all groups."""
    count = sum(map(len, groups))
    if count == 1:
        return Answer(Verdict.CANNOT_TELL, "One fingerprint is no fleet: there is nothing to compare it with.")
    if causes:
        return Answer(
            _worst([*(cause.finding for cause in causes), *standing]),
            _apart(groups, causes),
            _steps(groups, causes),
        )
    if standing:
        return Answer(_worst(standing), _standing(groups, standing), standing[0].confirm[:2])
    if any(group.lacks for group in groups):
        return Answer(Verdict.CANNOT_TELL, _untold(groups), _read(groups))
    if unexplained:
        return Answer(Verdict.CANNOT_TELL, _unknown(groups, unexplained), _steps(groups, ()))
    missing = [gap for gap in unread if gap.matters]
    if missing:
        names = ", ".join(f"`{gap.path}`" for gap in missing[:3]) + (" and more" if len(missing) > 3 else "")
        sentence = f"{_all(count)} are equal in effect as far as they were read: {names} was read in none of them."
        return Answer(Verdict.CANNOT_TELL, sentence, tuple(dict.fromkeys(gap.how_to_read for gap in missing[:3])))
    return Answer(Verdict.HARMLESS, f"{_all(count)} are equal in effect: nothing that differs can move predictions.")


def _worst(findings: Sequence[Finding]) -> Verdict:
    moves = any(one.verdict is Verdict.MOVES for one in findings)
    return Verdict.MOVES if moves else Verdict.CAN_MOVE


def _apart(groups: Sequence[Group], causes: Sequence[Cause]) -> str:
    count, main = sum(map(len, groups)), len(groups[0])
    odd = sum(len(group) for group in groups if group.causes)
    word = "will" if _worst([cause.finding for cause in causes]) is Verdict.MOVES else "can"
    largest = max((cause.finding.size for cause in causes), key=tuple(Size).index)
    if 2 * main > count:
        rest = f"the other {main:,}" if odd + main == count else f"{main:,} that are equal in effect"
        said = f"{odd:,} of {count:,} fingerprints {word} predict differently from {rest}"
    else:
        apart = 1 + sum(bool(group.causes) for group in groups)
        said = f"{_all(count, 'the')} are {apart:,} groups that {word} predict differently"
    return f"{said}: {_titles(causes)}. {EXPECT[largest]}."


def _titles(causes: Sequence[Cause]) -> str:
    """The first causes with the number of fingerprints that each sets apart."""
    if len(causes) == 1:
        return causes[0].finding.title
    shown = "; ".join(f"{cause.finding.title} ({cause.fingerprints:,})" for cause in causes[:IN_SENTENCE])
    rest = len(causes) - IN_SENTENCE
    return f"{shown}; {_many(rest, 'more difference')}" if rest > 0 else shown


def _standing(groups: Sequence[Group], standing: Sequence[Finding]) -> str:
    count = sum(map(len, groups))
    equal = "are equal in effect, and yet" if len(groups) == 1 else "have no known difference that counts, but"
    return f"{_all(count)} {equal} need not answer alike: {standing[0].title}. {EXPECT[standing[0].size]}."


def _untold(groups: Sequence[Group]) -> str:
    count = sum(map(len, groups))
    lacking = [group for group in groups if group.lacks]
    paths = dict.fromkeys(gap.path for group in lacking for gap in group.lacks)
    names = ", ".join(f"`{path}`" for path in list(paths)[:3]) + (" and more" if len(paths) > 3 else "")
    many = sum(map(len, lacking))
    return (
        f"Nothing that was read can make these {count:,} predict differently, but {many:,} of them cannot be "
        f"held against the {len(groups[0]):,} of group {groups[0].name}: {names} was not read on both sides."
    )


def _unknown(groups: Sequence[Group], unexplained: Sequence[Split]) -> str:
    many = sum(len(group) for group in groups[1:])
    differ = "differs from the rest" if many == 1 else "differ from the rest"
    return (
        f"Nothing known to move predictions differs; {many:,} of {sum(map(len, groups)):,} {differ} "
        f"in {_many(len(unexplained), 'thing')} that no rule knows."
    )


def _steps(groups: Sequence[Group], causes: Sequence[Cause]) -> tuple[str, ...]:
    wanted = causes[0].beside if causes else next((group.name for group in groups if group.unexplained), "")
    compared = (pair_command(groups[0], group) for group in groups if group.name == wanted)
    return (*(causes[0].finding.confirm[:1] if causes else ()), *compared, *_read(groups)[:1])


def pair_command(main: Group, odd: Group) -> str:
    """The command that says everything about one member of each group."""
    return f"envdiff report {shlex.quote(main.members[0].path)} {shlex.quote(odd.members[0].path)}"


def _read(groups: Sequence[Group]) -> tuple[str, ...]:
    gaps = [(group, gap) for group in groups for gap in group.lacks]
    steps = (f"{gap.path} ({_whose(group, gap, groups)}): {gap.how_to_read}" for group, gap in gaps)
    return tuple(dict.fromkeys(steps))[:3]


def _whose(group: Group, gap: Unread, groups: Sequence[Group]) -> str:
    return f"group {groups[0].name if gap.side == 'left' else group.name}"


def _all(count: int, word: str = "all") -> str:
    return f"{word.capitalize()} {count:,} fingerprints"


def _many(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
