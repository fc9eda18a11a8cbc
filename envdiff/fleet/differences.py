"""By what the groups of a fleet differ, as a report on one of each would say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envdiff.explain.judge import Case, gathered, standing_findings
from envdiff.explain.rank import ranked
from envdiff.fleet.columns import Kind, side_by_side
from envdiff.fleet.group import Cluster, Grouping
from envdiff.fleet.questions import Column, Found, Standing
from envdiff.fleet.values import Values
from envdiff.fleet_report import Cause, Split
from envdiff.report import Finding, Size
from envdiff.rulebook import Rulebook

SIZES = tuple(Size)
Known = dict[object, Finding]
SAID = frozenset((Found.MOVES, Found.UNEXPLAINED))


@dataclass(frozen=True)
class Difference:
    """How one group differs from the first; group A stands on the left."""

    findings: tuple[Finding, ...] = ()
    unexplained: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is any."""
        return bool(self.findings or self.unexplained)


def differences(grouping: Grouping, book: Rulebook) -> dict[Cluster, Difference]:
    """For every group what tells it from the first. One kind of each is looked at: the others are equal to it."""
    main = grouping.clusters[0].kinds[0]
    known: Known = {}
    return {one: _difference(main, one.kinds[0], grouping, book, known) for one in grouping.clusters}


def _difference(main: Kind, kind: Kind, grouping: Grouping, book: Rulebook, known: Known) -> Difference:
    apart = [(one, found) for one, found in grouping.found(main, kind).items() if found in SAID]
    if not apart:
        return Difference()
    case = Case(side_by_side(main, kind), book)
    moving = [one for one, found in apart if found is Found.MOVES]
    rules = {one.rule.id for one in moving if isinstance(one, Standing)}
    findings = [_finding(one, kind, case, known) for one in moving if isinstance(one, Column)]
    findings += [one for one in standing_findings(case) if one.rule in rules] if rules else []
    order, _ = ranked(gathered(findings, case), None)
    return Difference(order, tuple(one.path for one, found in apart if found is Found.UNEXPLAINED))


def _finding(question: Column, kind: Kind, case: Case, known: Known) -> Finding:
    """What is found of a kind is found of every other that has the same and is in the same situation."""
    key = (question, question.own(kind), question.situation(kind))
    if key not in known:
        found = question.judged(case.comparison)
        assert isinstance(found, Finding)
        known[key] = found
    return known[key]


def causes(found: Mapping[Cluster, Difference], values: Values) -> tuple[Cause, ...]:
    """One split a rule; shown is the finding with the largest size, of the largest group."""
    groups: dict[str, list[Cluster]] = {}
    shown: dict[str, tuple[Finding, Cluster]] = {}
    for cluster, difference in found.items():
        for one in difference.findings:
            groups.setdefault(one.rule, []).append(cluster)
            first, _ = shown.setdefault(one.rule, (one, cluster))
            if SIZES.index(one.size) > SIZES.index(first.size):
                shown[one.rule] = one, cluster
    order = _one_for_each_first(found, [one for one, _ in shown.values()])
    return tuple(
        Cause(**vars(_split(one.about, groups[one.rule], values)), finding=one, beside=values.names[shown[one.rule][1]])
        for one in order
    )


def _one_for_each_first(found: Mapping[Cluster, Difference], findings: list[Finding]) -> list[Finding]:
    """Ranked as in a report, but what sets a whole group apart comes before what else that group has."""
    order, _ = ranked(findings, None)
    heads = {difference.findings[0].rule for difference in found.values() if difference.findings}
    return sorted(order, key=lambda one: one.rule not in heads)


def unexplained(found: Mapping[Cluster, Difference], values: Values) -> tuple[Split, ...]:
    """One split for each fact that no rule knows, the one that concerns most first."""
    groups: dict[str, list[Cluster]] = {}
    for cluster, difference in found.items():
        for path in difference.unexplained:
            groups.setdefault(path, []).append(cluster)
    splits = [_split(path, clusters, values) for path, clusters in groups.items()]
    return tuple(sorted(splits, key=lambda split: (-split.fingerprints, split.path)))


def _split(path: str, apart: Sequence[Cluster], values: Values) -> Split:
    groups = tuple(values.names[one] for one in apart)
    return Split(path, values.across(path), groups, fingerprints=sum(one.count for one in apart))
