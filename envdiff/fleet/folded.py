"""What differs within a fleet and does not split it: why, in as few lines as there are reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envdiff.fleet.columns import Kind, side_by_side
from envdiff.fleet.gather import Gathered
from envdiff.fleet.group import Grouping
from envdiff.fleet.questions import Column, Found
from envdiff.fleet_report import Folded
from envdiff.report import RuledOut
from envdiff.rulebook import Rulebook

Reason = tuple[str, str, str]  # path, rule, why


def folded(gathered: Gathered, grouping: Grouping, book: Rulebook) -> tuple[Folded, ...]:
    """Every fact that varied without telling two fingerprints apart, by the reason that it shares with others."""
    reasons = [(path, rule.id, rule.mechanism) for path in sorted(gathered.varied) for rule in book.about(path)[:1]]
    for question, found in grouping.examples.items():
        if isinstance(question, Column) and set(found) == {Found.NOTHING} and question.path not in gathered.varied:
            reasons.extend(_judged(question, found[Found.NOTHING]))
    return _together(reasons)


def ignored(grouping: Grouping) -> tuple[Folded, ...]:
    """What the user told envdiff to leave out, by reason."""
    reasons = []
    for question, found in grouping.examples.items():
        if isinstance(question, Column) and Found.IGNORED in found:
            why = question.judged(side_by_side(*found[Found.IGNORED]))
            reasons.append((question.path, "", str(why)))
    return _together(reasons)


def _judged(question: Column, pair: tuple[Kind, Kind]) -> Iterator[Reason]:
    judged = question.judged(side_by_side(*pair))
    if isinstance(judged, RuledOut):
        yield question.path, judged.rule, judged.why
    for path in question.view.decides if judged is None else ():
        setting = pair[0].settings[path]
        if path != question.path and path not in question.table.index and setting.value is not None:
            yield question.path, "", f"{path.removeprefix('setting.')} is {setting.value} in all of them"
            return


def _together(reasons: Iterable[Reason]) -> tuple[Folded, ...]:
    """The reason that most share comes first."""
    paths: dict[tuple[str, str], list[str]] = {}
    for path, rule, why in reasons:
        paths.setdefault((rule, why), []).append(path)
    found = [Folded(tuple(each), rule, why) for (rule, why), each in paths.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.paths), one.paths)))
