"""``envdiff report``."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from envdiff import __version__, api
from envdiff.config import read_config
from envdiff.errors import ExitStatus, Misuse, UnusableInput
from envdiff.fingerprint import Fingerprint, from_document, load, read_bounded
from envdiff.output import append, write
from envdiff.render import render
from envdiff.report import Delta, Report, Verdict

if TYPE_CHECKING:
    from envdiff.fleet_report import FleetReport

# What GitHub takes for all steps of a job together is 1 MiB; a report that fits a ticket leaves room for others.
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class ReportOptions(NamedTuple):
    """The command line of ``envdiff report``."""

    left: Path
    right: Path | None
    format: str | None
    output: Path | None
    fail_on: str | None
    ignore: tuple[str, ...]
    full: bool
    step_summary: bool
    delta: float | None
    inputs: tuple[Path, Path] | None
    isolation: Path | None
    config: Path | None


def run_report(options: ReportOptions) -> int:
    """Load both sides, judge, write, and answer with the status that ``--fail-on`` asks for."""
    config = read_config(options.config, Path.cwd())
    left, right = _sides(options)
    ignore = {**config.ignore, **ignored(options.ignore)}
    report = api.report(
        left, right, ignore=ignore, rules=config.rules, delta=_stated(options.delta), inputs=options.inputs,
        isolation=options.isolation,
    )  # fmt: skip
    documents = (left.document, right.document)
    form = options.format or config.format
    write(rendered(report, form, options.output, full=options.full, fingerprints=documents), options.output)
    if options.step_summary:
        _append_summary(report, os.environ)
    return _status(report, options.fail_on or config.fail_on or "can-move")


def _stated(largest: float | None) -> Delta | None:
    if largest is None:
        return None
    from envdiff.answers import stated

    return stated(largest)


def _sides(options: ReportOptions) -> tuple[Fingerprint, Fingerprint]:
    if options.right is None:
        return _embedded(options.left)
    if str(options.left) == str(options.right) == "-":
        raise Misuse("only one side can come from standard input", hint="give the other side as a file")
    return _one(options.left), _one(options.right)


def _one(path: Path) -> Fingerprint:
    return load(path, stdin=str(path) == "-")


def _embedded(path: Path) -> tuple[Fingerprint, Fingerprint]:
    """Both sides out of an HTML report."""
    from envdiff.embedded import fingerprints_from_html

    raw = read_bounded(path, stdin=str(path) == "-")
    if raw.lstrip()[:1] == b"{":
        raise Misuse("one fingerprint is no comparison", subject=str(path), hint="envdiff report LEFT RIGHT")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableInput("it is neither a fingerprint nor an HTML report", subject=str(path)) from error
    left, right = fingerprints_from_html(text)
    return from_document(left, f"{path} (left)"), from_document(right, f"{path} (right)")


def ignored(pairs: tuple[str, ...]) -> dict[str, str]:
    """``PATH=REASON`` of the command line; raises :class:`Misuse` where the reason is missing."""
    found = {}
    for pair in pairs:
        path, sign, reason = pair.partition("=")
        if not sign or not path.strip() or not reason.strip():
            raise Misuse("a reason is needed", subject=f"--ignore {pair}", hint="--ignore PATH=REASON")
        found[path.strip()] = reason.strip()
    return found


def rendered(
    report: Report | FleetReport,
    form: str | None,
    output: Path | None,
    *,
    full: bool,
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
) -> str:
    """The answer as the user wants to see it, on the screen or in ``output``."""
    to_screen = output is None and sys.stdout.isatty()
    return render(
        report,
        form or "terminal",
        width=shutil.get_terminal_size().columns if to_screen or os.environ.get("COLUMNS") else 100,
        colour=to_screen and wants_colour(os.environ),
        full=full,
        fingerprints=fingerprints,
        generator=f"envdiff {__version__}",
    )


def wants_colour(environ: Mapping[str, str]) -> bool:
    """The two conventions: NO_COLOR set to anything but nothing, and a terminal that says it is dumb."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def _append_summary(report: Report, environ: Mapping[str, str]) -> None:
    target = environ.get(STEP_SUMMARY)
    if not target:
        raise Misuse(f"{STEP_SUMMARY} is not set", subject="--step-summary", hint="it is, inside GitHub Actions")
    append(render(report, "markdown", generator=f"envdiff {__version__}") + "\n", Path(target))


def _status(report: Report, fail_on: str) -> int:
    """Status 1 from ``fail_on`` on; ``unexplained`` counts what no rule knows and what could not be read as well."""
    if fail_on == "never":
        return ExitStatus.OK
    if fail_on == "moves":
        return ExitStatus.FOUND if report.answer.verdict is Verdict.MOVES else ExitStatus.OK
    doubtful = bool(report.unexplained) or any(gap.matters for gap in report.unread)
    found = bool(report.findings) or report.answer.verdict in (Verdict.MOVES, Verdict.CAN_MOVE)
    return ExitStatus.FOUND if found or (fail_on == "unexplained" and doubtful) else ExitStatus.OK
