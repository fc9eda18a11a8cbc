"""Fleets for tests: fingerprints written to a folder, and the same grouped by asking for every report there is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builders import BOOK, document

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint
from envdiff.report import Report


def write_fleet(folder: Path, fleet: Mapping[str, Mapping[str, Any]], **more: Any) -> Path:
    """One file for each name; the values are facts laid over the ordinary ones, or whole documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, facts in fleet.items():
        whole = facts if "schema" in facts else document(facts, label=name, **more)
        (folder / f"{name}.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def equal_in_effect(left: Fingerprint, right: Fingerprint, ignore: Mapping[str, str] | None = None) -> bool:
    """By a whole report: nothing that can move, nothing unexplained, nothing that one side alone did not read.

    What is wrong on either side alone as well does not tell the two apart.
    """
    report = explain(compare(left, right), BOOK, ignore=ignore)
    alone = [{one.rule for one in explain(compare(side, side), BOOK).findings} for side in (left, right)]
    standing = alone[0] & alone[1]
    return not (_apart(report, standing) or report.unexplained or _one_sided(report))


def _apart(report: Report, standing: set[str]) -> list[str]:
    return [one.rule for one in report.findings if one.rule not in standing]


def _one_sided(report: Report) -> bool:
    return any(gap.matters and gap.side != "both" for gap in report.unread)


def by_reports(fleet: Sequence[Fingerprint]) -> list[frozenset[int]]:
    """For each fingerprint the numbers of those that it is equal to."""
    return [
        frozenset(at for at, other in enumerate(fleet) if at == own or equal_in_effect(one, other))
        for own, one in enumerate(fleet)
    ]
