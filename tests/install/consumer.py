"""A program that uses envdiff as a library: checked by mypy against the installed wheel."""

from __future__ import annotations

from pathlib import Path

import envdiff
from envdiff.errors import EnvdiffError, ExitStatus
from envdiff.fingerprint import Absent, Fingerprint, Reading, Unread, Value
from envdiff.render import render
from envdiff.report import Finding, Report, Verdict


def onednn(side: Fingerprint) -> str:
    reading: Reading = side.reading("runtime.onednn")
    match reading:
        case Value(value):
            return str(value)
        case Absent():
            return "absent"
        case Unread(reason):
            return reason
    return "withheld"


def gate(baseline: Path, label: str) -> int:
    try:
        left, right = envdiff.load(baseline), envdiff.capture(label=label, static=True)
    except EnvdiffError as error:
        print(error.message, error.subject, error.hint)
        return int(error.exit_status)
    report: Report = envdiff.report(left, right, ignore={"packages.pillow": "decoded in the graph"})
    first: Finding | None = report.findings[0] if report.findings else None
    print(first.fix if first else render(report, "markdown"), onednn(left))
    envdiff.record("entering", [[0.0, 1.0]])
    return ExitStatus.FOUND if report.answer.verdict is Verdict.MOVES else ExitStatus.OK
