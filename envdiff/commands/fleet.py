"""``envdiff fleet``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from envdiff import api
from envdiff.commands.report import ignored, rendered
from envdiff.config import read_config
from envdiff.errors import ExitStatus
from envdiff.fleet import examine
from envdiff.fleet_report import FleetReport
from envdiff.output import write
from envdiff.progress import progress
from envdiff.report import Verdict


@dataclass(frozen=True)
class FleetOptions:
    """The command line of ``envdiff fleet``."""

    paths: tuple[Path, ...]
    format: str | None
    output: Path | None
    fail_on: str | None
    ignore: tuple[str, ...]
    full: bool
    config: Path | None


def run_fleet(options: FleetOptions) -> int:
    """Read every fingerprint, group, write, and answer with the status that ``--fail-on`` asks for."""
    config = read_config(options.config, Path.cwd())
    ignore = {**config.ignore, **ignored(options.ignore)}
    book = api.rulebook(config.rules)
    with progress("reading fingerprints") as tell:
        fleet = examine(options.paths, book, ignore=ignore, tell=tell)
    write(rendered(fleet, options.format or config.format, options.output, full=options.full), options.output)
    return _status(fleet, options.fail_on or config.fail_on or "can-move")


def _status(fleet: FleetReport, fail_on: str) -> int:
    """Status 1 from ``fail_on`` on; ``unexplained`` counts what could not be told and files that gave nothing as well."""
    if fail_on == "never":
        return ExitStatus.OK
    if fail_on == "moves":
        return ExitStatus.FOUND if fleet.answer.verdict is Verdict.MOVES else ExitStatus.OK
    found = bool(fleet.causes or fleet.standing)
    missing = fleet.not_read or any(group.lacks for group in fleet.groups) or any(gap.matters for gap in fleet.unread)
    doubtful = bool(fleet.unexplained or missing)
    return ExitStatus.FOUND if found or (fail_on == "unexplained" and doubtful) else ExitStatus.OK
