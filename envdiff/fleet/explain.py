"""Groups to the finished answer: what sets each apart, whether that can move predictions, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

from envdiff.explain.answer import side
from envdiff.explain.judge import Case, gathered, standing_findings
from envdiff.explain.rank import ranked
from envdiff.fleet.answer import answer
from envdiff.fleet.columns import Table, side_by_side
from envdiff.fleet.differences import SAID, Difference, causes, differences, unexplained
from envdiff.fleet.folded import folded, ignored
from envdiff.fleet.gather import Gathered
from envdiff.fleet.group import APART, Cluster, Grouping
from envdiff.fleet.lacks import lacks, read_nowhere
from envdiff.fleet.values import Values
from envdiff.fleet_report import FleetReport, Group, Split
from envdiff.report import Finding, Unread, Verdict
from envdiff.rulebook import Rulebook

IN_WORDS = 2  # settings that a group is described by


def explained(fleet: Gathered, table: Table, grouping: Grouping, book: Rulebook) -> FleetReport:
    """What a reader is told."""
    values = Values(table, {cluster: _letters(at) for at, cluster in enumerate(grouping.clusters)})
    found = differences(grouping, book)
    splits, unknown = causes(found, values), unexplained(found, values)
    groups = tuple(_group(one, found[one], grouping, values, (*splits, *unknown)) for one in grouping.clusters)
    standing = _standing(grouping, book)
    unread = read_nowhere(table.kinds)
    return FleetReport(
        answer=answer(groups, splits, unknown, standing, unread),
        read=fleet.count,
        groups=groups,
        causes=splits,
        unexplained=unknown,
        standing=standing,
        folded=folded(fleet, grouping, book),
        ignored=ignored(grouping),
        unread=unread,
        not_read=fleet.not_read,
    )


def _group(
    cluster: Cluster, difference: Difference, grouping: Grouping, values: Values, splits: Sequence[Split]
) -> Group:
    main, first = grouping.clusters[0], cluster.kinds[0]
    missing = () if cluster is main else lacks(cluster, main.kinds[0])
    members = sorted((member for kind in cluster.kinds for member in kind.alike.members), key=lambda one: one.path)
    sample = first.alike.sample
    members.insert(0, members.pop(members.index(sample)))
    return Group(
        name=values.names[cluster],
        words=_words(cluster, difference, values, splits, missing),
        members=tuple(members),
        verdict=_verdict(difference, missing),
        causes=tuple(one.rule for one in difference.findings),
        unexplained=difference.unexplained,
        lacks=missing,
        could_be=_could_be(cluster, grouping, values.names) if cluster.lacks else (),
        also_apart=() if cluster is main or difference.known or missing else _apart(cluster, grouping, values.names),
        headline=side(first.fingerprint, first.settings).headline,
    )


def _words(
    cluster: Cluster, difference: Difference, values: Values, splits: Sequence[Split], missing: Sequence[Unread]
) -> str:
    """What a group is called by: its values of what sets it apart, or what it did not read."""
    if difference.known:
        paths = [*(one.about for one in difference.findings), *difference.unexplained]
    elif not missing:
        paths = [one.path for one in splits]
    else:
        return ", ".join(f"{gap.path} {'not read' if gap.side == 'right' else 'read'}" for gap in missing[:IN_WORDS])
    return ", ".join(values.words(path, cluster) for path in list(dict.fromkeys(paths))[:IN_WORDS])


def _verdict(difference: Difference, missing: Sequence[Unread]) -> Verdict:
    if any(one.verdict is Verdict.MOVES for one in difference.findings):
        return Verdict.MOVES
    if difference.findings:
        return Verdict.CAN_MOVE
    return Verdict.CANNOT_TELL if difference.unexplained or missing else Verdict.HARMLESS


def _could_be(cluster: Cluster, grouping: Grouping, names: Mapping[Cluster, str]) -> tuple[str, ...]:
    """The groups that nothing which was read speaks against."""
    told = (one for one in grouping.clusters if not one.lacks)
    return tuple(names[one] for one in told if not grouping.say(cluster, one) & SAID)


def _apart(cluster: Cluster, grouping: Grouping, names: Mapping[Cluster, str]) -> tuple[str, ...]:
    """The groups that a report would tell it apart from."""
    return tuple(names[one] for one in grouping.clusters if grouping.say(cluster, one) & APART)


def _standing(grouping: Grouping, book: Rulebook) -> tuple[Finding, ...]:
    """What is wrong in the first group itself."""
    main = grouping.clusters[0].kinds[0]
    case = Case(side_by_side(main, main), book)
    return ranked(gathered(standing_findings(case), case), None)[0]


def _letters(at: int) -> str:
    """A to Z, then AA: short enough for a table of a thousand groups."""
    letters = ""
    while at >= 0:
        letters = ascii_uppercase[at % 26] + letters
        at = at // 26 - 1
    return letters
