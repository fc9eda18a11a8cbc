"""A fleet in words, made of the same pieces as a report, so that every face can show it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from envdiff.fleet_report import Cause, FleetReport, Folded, Group, Member, Split, Value
from envdiff.render.blocks import Card, Cards, Headline, Line, Outline, Pair, Section, Span, Table
from envdiff.render.outline_finding import card, shown_side, size
from envdiff.render.visible import shorten
from envdiff.render.wording import BADGES, LABEL, TRAIL, VALUE, count, muted, plain, prose, step, value
from envdiff.report import Unread, Verdict
from envdiff.words import BASES

FINGERPRINTS, GROUPS = ("fingerprint", "fingerprints"), ("group", "groups")
CAUSES, REASONS, FILES = ("difference", "differences"), ("reason", "reasons"), ("file", "files")
FACTS, READINGS, FINDINGS = ("fact", "facts"), ("reading", "readings"), ("finding", "findings")
ON_FIRST_SCREEN: Final = 3  # groups, values and commands
NAMED: Final = 3  # members of a group that are named in passing
VALUES: Final = 8  # values of one setting
SIDE_BY_SIDE: Final = 12  # groups whose main facts are set next to each other
# What a group is called against group A.
STANDING = {
    Verdict.MOVES: "does move predictions",
    Verdict.CAN_MOVE: "can move predictions",
    Verdict.CANNOT_TELL: "cannot be told",
    Verdict.HARMLESS: "equal in effect to A",
}


def fleet_outline(fleet: FleetReport) -> Outline:
    """The whole answer, without the sections that would be empty."""
    names = _Paths.of(fleet)
    sections = (
        _groups(fleet, names),
        _causes(fleet.causes),
        _unexplained(fleet.unexplained),
        _untold(fleet),
        _standing(fleet),
        _main_facts(fleet.groups),
        _nowhere(fleet.unread),
        _folded(fleet.folded),
        _ignored(fleet.ignored),
        _not_read(fleet),
        _members(fleet, names),
    )
    return Outline(_headline(fleet, names), tuple(each for each in sections if len(each.body)))


@dataclass(frozen=True)
class _Paths:
    """Files by what is left of their paths without the folder that they share."""

    folder: str

    @classmethod
    def of(cls, fleet: FleetReport) -> _Paths:
        folders = {os.path.dirname(member.path) for group in fleet.groups for member in group.members}  # noqa: PTH120
        try:
            return cls(os.path.commonpath(folders) if len(folders) > 1 else folders.pop())
        except ValueError:  # some are absolute, or there are none
            return cls("")

    def short(self, member: Member) -> str:
        """The file below the folder that all share."""
        return member.path.removeprefix(self.folder).lstrip("/") if self.folder else member.path

    def some(self, members: Sequence[Member]) -> Line:
        """The first few by name, and how many more there are."""
        shown = ", ".join(shorten(self.short(member), LABEL) for member in members[:NAMED])
        rest = len(members) - NAMED
        return (*value(shown), *plain(f" and {rest:,} more" if rest > 0 else ""))


# --- the first screen ---------------------------------------------------------------------------------------


def _headline(fleet: FleetReport, names: _Paths) -> Headline:
    pairs = (
        *_who(fleet, names),
        *_because(fleet.causes),
        Pair("Next", tuple(step(each) for each in fleet.answer.next_steps[:ON_FIRST_SCREEN])),
        *_rest(fleet),
    )
    where = f" in {names.folder}" if names.folder else ""
    return Headline(
        names=(("fleet", count(fleet.read, *FINGERPRINTS) + where),),
        badge=BADGES[fleet.answer.verdict],
        sentence=prose(fleet.answer.sentence, TRAIL),
        pairs=tuple(pair for pair in pairs if pair.lines),
    )


def _who(fleet: FleetReport, names: _Paths) -> Iterable[Pair]:
    main, *others = fleet.groups
    if 2 * len(main) > fleet.read:
        yield Pair("Equal", (_in_short(main, names),))
    else:
        others = [main, *others]
    odd = [group for group in others if not group.lacks]
    yield Pair("Odd" if 2 * len(main) > fleet.read else "Groups", _first(odd, names))
    yield Pair("Cannot tell", _first([group for group in others if group.lacks], names))


def _first(groups: Sequence[Group], names: _Paths) -> tuple[Line, ...]:
    lines = [_in_short(group, names) for group in groups[:ON_FIRST_SCREEN]]
    rest = groups[ON_FIRST_SCREEN:]
    if rest:
        lines.append(plain(f"and {sum(map(len, rest)):,} in {count(len(rest), 'more group', 'more groups')}"))
    return tuple(lines)


def _in_short(group: Group, names: _Paths) -> Line:
    words = (*plain(", "), *value(shorten(group.words, 100))) if group.words else ()
    return (*plain(f"{group.name}: {len(group):,}"), *words, *plain(": "), *names.some(group.members))


def _because(causes: Sequence[Cause]) -> Iterable[Pair]:
    lines = (
        (*prose(each.finding.title, VALUE), *plain(" ("), *_spread(each.values, ON_FIRST_SCREEN), *plain(")"))
        for each in causes
    )
    yield Pair("Because", tuple(islice(lines, ON_FIRST_SCREEN)))
    for cause in causes[:1]:
        finding = cause.finding
        yield Pair("Size", size(finding))
        yield Pair("How sure", (plain(BASES[finding.basis]),))
        yield Pair("Fix", (prose(finding.fix, TRAIL),) if finding.fix.strip() else ())


def _rest(fleet: FleetReport) -> Iterable[Pair]:
    """What else there is, in numbers, so that a short answer is not taken for the whole."""
    first = fleet.not_read[0] if fleet.not_read else None
    if first is not None:
        more = f"; {len(fleet.not_read) - 1:,} more" if len(fleet.not_read) > 1 else ""
        files = plain(f"{count(len(fleet.not_read), *FILES)}: ")
        reason = shorten(first.reason.partition(":")[0], LABEL)
        yield Pair("Not read", ((*files, *value(first.path), *plain(f" ({reason}){more}")),))
    counts = (
        (len(fleet.causes) - 1, "more difference that can move predictions", "more differences that can move predictions"),
        (len(fleet.unexplained), "difference that no rule knows", "differences that no rule knows"),
        (_many(fleet.folded), "fact that differs and cannot matter", "facts that differ and cannot matter"),
        (_many(fleet.ignored), "ignored", "ignored"),
    )  # fmt: skip
    said = [count(number, one, many) for number, one, many in counts if number > 0]
    yield Pair("Also", (plain(", ".join(said)),) if said else ())


def _many(folded: Sequence[Folded]) -> int:
    return sum(len(each.paths) for each in folded)


# --- sections -----------------------------------------------------------------------------------------------


def _groups(fleet: FleetReport, names: _Paths) -> Section:
    titles = {cause.finding.rule: cause.finding.title for cause in fleet.causes}
    rows = tuple(
        (
            (*plain(f"{group.name} "), *(value(group.words) if group.words else ())),
            plain(f"{len(group):,}"),
            plain("–" if group is fleet.groups[0] else STANDING[group.verdict]),
            _by(group, titles),
            names.some(group.members),
        )
        for group in fleet.groups
    )
    headers = ("group", "fingerprints", "against A", "differs from A in", "members")
    lead = plain("Fingerprints in one group are equal in effect: a report on two of them has nothing that matters.")
    return Section("groups", "Groups", lead, Table(headers, rows), GROUPS)


def _by(group: Group, titles: dict[str, str]) -> Line:
    said = [titles[rule] for rule in group.causes]
    said += [f"`{path}` (no rule knows it)" for path in group.unexplained]
    said += [f"`{gap.path}` was not read {'in A' if gap.side == 'left' else 'here'}" for gap in group.lacks]
    if group.also_apart:
        said.append(f"nothing that matters; kept apart because it differs from {', '.join(group.also_apart[:NAMED])}")
    more = f"; and {len(said) - NAMED:,} more" if len(said) > NAMED else ""
    return prose("; ".join(said[:NAMED]) + more, TRAIL) or muted("–")


def _causes(causes: Sequence[Cause]) -> Section:
    cards = Cards(tuple(_cause(at, each) for at, each in enumerate(causes, 1)))
    lead = plain("What splits the fleet and can move predictions; first what sets a whole group apart.")
    return Section("findings", "Differences that can move predictions", lead, cards, CAUSES)


def _cause(number: int, cause: Cause) -> Card:
    """A finding's card, with the groups in place of the two sides."""
    finding = cause.finding
    made = card(number, finding)
    groups = Pair("Groups", (_spread(cause.values, VALUES),))
    sides = (
        Pair("In A", shown_side(finding.left)),
        Pair(f"In {cause.beside}", shown_side(finding.right)),
    )
    facts = tuple(pair for pair in made.facts if pair.name not in ("Left", "Right"))
    raw = made.raw.but(headers=("fact", "A", cause.beside)) if made.raw else None
    return made.but(facts=(*facts, groups, *sides), brief=(*made.brief[:1], groups), raw=raw)


def _spread(values: Sequence[Value], most: int) -> Line:
    """``on``: 997 in A, C; ``off``: 3 in B."""
    spans: list[Span] = []
    for each in values[:most]:
        names = ", ".join(each.groups[:NAMED]) + (", …" if len(each.groups) > NAMED else "")
        spans += [
            *(plain("; ") if spans else ()),
            *value(shorten(each.text, 100)),
            *plain(f": {each.fingerprints:,} in {names}"),
        ]
    if len(values) > most:
        spans += plain(f"; and {count(len(values) - most, 'more value', 'more values')}")
    return tuple(spans)


def _unexplained(splits: Sequence[Split]) -> Section:
    rows = tuple((value(each.path), plain(f"{each.fingerprints:,}"), _spread(each.values, VALUES)) for each in splits)
    table = Table(("fact", "fingerprints that differ from A", "who has what"), rows)
    lead = plain("No rule knows these. That does not make them harmless.")
    return Section("unexplained", "Unexplained differences", lead, table, FACTS)


def _untold(fleet: FleetReport) -> Section:
    rows = tuple(
        (
            plain(f"{group.name}: {count(len(group), *FINGERPRINTS)}"),
            value(gap.path),
            plain("A" if gap.side == "left" else group.name if gap.side == "right" else f"A and {group.name}"),
            prose(gap.reason, TRAIL),
            step(gap.how_to_read),
            plain(f"could be {', '.join(group.could_be)}") if group.could_be else muted("–"),
        )
        for group in fleet.groups
        for gap in group.lacks
    )
    table = Table(("group", "not read", "in", "why", "how to read it", "what it could be"), rows)
    lead = plain("Not read is not the same as equal. These are alike in what was read, and more cannot be said.")
    return Section("unread", "Cannot be told, and how to find out", lead, table, READINGS)


def _standing(fleet: FleetReport) -> Section:
    after = len(fleet.causes) + 1
    cards = Cards(tuple(card(at, each) for at, each in enumerate(fleet.standing, after)), small=bool(fleet.causes))
    lead = plain("Not a difference: this makes answers of one and the same group differ.")
    return Section("standing", "In group A itself", lead, cards, FINDINGS)


def _main_facts(groups: Sequence[Group]) -> Section:
    known = [dict(group.headline) for group in groups[:SIDE_BY_SIDE]]
    names = dict.fromkeys(name for facts in known for name in facts)
    rows = tuple((plain(name), _or_dash(known[0].get(name)), _otherwise(name, groups)) for name in names)
    rest = len(groups) - SIDE_BY_SIDE
    lead = f"One member of each; {count(rest, 'more group is', 'more groups are')} not shown." if rest > 0 else ""
    table = Table(("", "A", "others, where they differ"), rows)
    return Section("sides", "What the groups are", plain(lead) if lead else (), table, FACTS, counted=False)


def _otherwise(name: str, groups: Sequence[Group]) -> Line:
    """The groups that differ from A in one of the main facts, by what they have instead."""
    own = dict(groups[0].headline).get(name)
    others: dict[str | None, list[str]] = {}
    for group in groups[1:SIDE_BY_SIDE]:
        text = dict(group.headline).get(name)
        if text != own:
            others.setdefault(text, []).append(group.name)
    spans: list[Span] = []
    for text, each in others.items():
        said = plain("not known") if text is None else value(text)
        spans += [*plain(f"{'; ' if spans else ''}{', '.join(each)}: "), *said]
    return tuple(spans)


def _or_dash(text: str | None) -> Line:
    return muted("–") if text is None else value(text)


def _nowhere(gaps: Sequence[Unread]) -> Section:
    rows = tuple(
        (value(each.path), plain("yes" if each.matters else "no"), prose(each.reason, TRAIL), step(each.how_to_read))
        for each in gaps
    )
    table = Table(("not read", "could matter", "why", "how to read it"), rows)
    return Section("nowhere", "Read in no fingerprint", plain("Not read is not the same as equal."), table, READINGS)


def _folded(folded: Sequence[Folded]) -> Section:
    rows = tuple(
        (_paths(each), prose(each.why, TRAIL), value(each.rule) if each.rule else muted("–")) for each in folded
    )
    lead = plain("These differ within the fleet and cannot move predictions.")
    return Section("ruled-out", "Differ, and cannot matter", lead, Table(("fact", "why", "rule"), rows), REASONS)


def _ignored(ignored: Sequence[Folded]) -> Section:
    rows = tuple((_paths(each), prose(each.why, TRAIL)) for each in ignored)
    lead = plain("Left out of the verdict because somebody asked for it.")
    return Section("ignored", "Ignored, with reasons", lead, Table(("fact", "reason given"), rows), REASONS)


def _paths(folded: Folded) -> Line:
    more = f" and {len(folded.paths) - VALUES:,} more" if len(folded.paths) > VALUES else ""
    return (*value(", ".join(folded.paths[:VALUES])), *plain(more))


def _not_read(fleet: FleetReport) -> Section:
    rows = tuple((value(each.path), prose(each.reason, TRAIL), step(each.hint)) for each in fleet.not_read)
    lead = plain("These files gave no fingerprint, so nothing is said of them.")
    return Section("not-read", "Files that could not be used", lead, Table(("file", "why", "what to do"), rows), FILES)


def _members(fleet: FleetReport, names: _Paths) -> Section:
    rows = tuple(
        (value(names.short(member)), plain(group.name), value(member.label))
        for group in fleet.groups
        for member in group.members
    )
    table = Table(("file", "group", "label"), rows)
    return Section("full", "Every fingerprint", (), table, FINGERPRINTS, folded=True)
