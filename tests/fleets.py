"""Fleets for tests: fingerprints written to a folder, and the same grouped by asking for every report there is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import reports
from builders import BOOK, document
from test_render import hostile_report

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint
from envdiff.fleet_report import Cause, FleetReport, Folded, Group, Member, NotRead, Split, Value
from envdiff.report import Answer, Report, Shown, Size, Unread, Verdict


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


# --- finished answers, for the faces --------------------------------------------------------------------------


def members(*names: str) -> tuple[Member, ...]:
    return tuple(Member(f"pods/{name}.json", name) for name in names)


def many(count: int, start: int = 0) -> tuple[Member, ...]:
    return members(*(f"ranker-{at:04}" for at in range(start, start + count)))


CPU_UNREAD = Unread(
    "right", "cpu", "no permission to read /proc/cpuinfo", "capture on the machine that computes", matters=True
)


def replicas() -> FleetReport:
    """A thousand, three of them odd, two that cannot be told, two files that are none."""
    cause = reports.finding(
        folded=(("env.TF_ENABLE_ONEDNN_OPTS", "absent", "0"),),
        confirm=("Run the same rows with `TF_ENABLE_ONEDNN_OPTS=0` and again with `TF_ENABLE_ONEDNN_OPTS=1`",),
    )
    headline = (("TensorFlow", "2.15.1"), ("oneDNN", "on"), ("CPU", "AMD EPYC 9R14"))
    return FleetReport(
        answer=Answer(
            Verdict.CAN_MOVE,
            "3 of 1,000 fingerprints can predict differently from 994 that are equal in effect: oneDNN kernels run on one "
            "side only. Expect the last bits to differ (up to about 1e-5 of the output's range), not the labels.",
            ("envdiff report pods/ranker-0000.json pods/ranker-0994.json",),
        ),
        read=1000,
        groups=(
            Group("A", "onednn on", many(994), Verdict.HARMLESS, headline=headline),
            Group(
                "B", "onednn off", many(3, 994), Verdict.CAN_MOVE, causes=("onednn-one-side",),
                headline=(("TensorFlow", "2.15.1"), ("oneDNN", "off"), ("CPU", "AMD EPYC 9R14")),
            ),
            Group(
                "C", "cpu not read", many(2, 997), Verdict.CANNOT_TELL, lacks=(CPU_UNREAD,), could_be=("A", "D"),
                headline=(("TensorFlow", "2.15.1"),),
            ),
            Group(
                "D", "TF_NEVER_HEARD_OF 1", many(1, 999), Verdict.CANNOT_TELL, unexplained=("env.TF_NEVER_HEARD_OF",),
                headline=headline,
            ),
        ),
        causes=(
            Cause(
                "setting.onednn",
                (Value("on", ("A", "D"), 995), Value("off", ("B",), 3), Value("not read", ("C",), 2)),
                ("B",), 3, cause, "B",
            ),
        ),
        unexplained=(
            Split("env.TF_NEVER_HEARD_OF", (Value("absent", ("A", "B", "C"), 999), Value("1", ("D",), 1)), ("D",), 1),
        ),
        folded=(Folded(("container.id", "process.started"), "process-identity", "They say which one was looked at."),),
        ignored=(Folded(("packages.pillow",), "", "decoded in the graph"),),
        not_read=(
            NotRead("pods/empty.json", "it is empty", "the capture that should have written it did not end"),
            NotRead("pods/package.json", "it is JSON, but not an envdiff fingerprint", "envdiff capture writes them"),
        ),
    )  # fmt: skip


def equal() -> FleetReport:
    """Nothing in them can move anything, but what one and the same does."""
    return FleetReport(
        answer=Answer(Verdict.HARMLESS, "All 12 fingerprints are equal in effect: nothing that differs can move predictions."),
        read=12,
        groups=(Group("A", "", many(12), Verdict.HARMLESS, headline=(("TensorFlow", "2.15.1"),)),),
        unread=(Unread("both", "libraries", "--static does not import TensorFlow", "capture without --static", matters=False),),
    )  # fmt: skip


def torn() -> FleetReport:
    """No majority, and random operations in every one of them."""
    random = reports.finding("The model draws random numbers", rule="model-random-unseeded", verdict=Verdict.MOVES)
    version = reports.finding(
        "TensorFlow 2.12.1 against 2.21.0", rule="tensorflow-version", about="tensorflow.version", size=Size.VISIBLE,
        verdict=Verdict.MOVES, left=Shown("2.12.1"), right=Shown("2.21.0"),
    )  # fmt: skip
    return FleetReport(
        answer=Answer(Verdict.MOVES, "The 4 fingerprints are 2 groups that will predict differently."),
        read=4,
        groups=(
            Group("A", "tensorflow 2.12.1", members("a", "b"), Verdict.HARMLESS, headline=(("TensorFlow", "2.12.1"),)),
            Group("B", "tensorflow 2.21.0", members("c"), Verdict.MOVES, ("tensorflow-version",), headline=(("TensorFlow", "2.21.0"),)),
            Group("C", "", members("d"), Verdict.HARMLESS, also_apart=("B",)),
        ),
        causes=(Cause("tensorflow.version", (Value("2.12.1", ("A",), 2), Value("2.21.0", ("B",), 1)), ("B",), 1, version, "B"),),
        standing=(random,),
    )  # fmt: skip


REAL = {"replicas": replicas, "equal": equal, "torn": torn}


def hostile_fleet(text: str) -> FleetReport:
    """``text`` in every place that a stranger can write to, and in every other one too."""
    real = replicas()
    finding = hostile_report(text).findings[0]
    value = Value(text, (text,), 1)
    gap = Unread("left", text, text, text, matters=True)
    group = Group(
        text, text, (Member(text, text),), Verdict.CANNOT_TELL, (finding.rule, text), (text,), (gap, CPU_UNREAD),
        (text,), (text,), ((text, text),),
    )  # fmt: skip
    return replace(
        real,
        answer=Answer(Verdict.MOVES, text, (text, f"envdiff report {text} {text}")),
        groups=(group, replace(group, name="B")),
        causes=(Cause(text, (value, value), (text,), 1, finding, text),),
        unexplained=(Split(text, (value,), (text,), 1),),
        standing=(finding,),
        folded=(Folded((text, text), text, text),),
        ignored=(Folded((text,), text, text),),
        unread=(gap,),
        not_read=(NotRead(text, text, text),),
    )
