"""Many fingerprints in one view: groups that are equal in effect, the odd ones out, and what sets them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from envdiff.fleet.columns import table_of
from envdiff.fleet.explain import explained
from envdiff.fleet.gather import gather
from envdiff.fleet.group import grouped
from envdiff.fleet.questions import questions
from envdiff.fleet_report import FleetReport
from envdiff.rulebook import Rulebook

__all__ = ["examine"]


def examine(
    paths: Iterable[Path],
    book: Rulebook,
    *,
    ignore: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> FleetReport:
    """Read the fingerprints among ``paths`` and below its folders, one at a time, and say how they stand to each other.

    ``ignore`` maps path patterns to the reason why the user leaves them out of the verdict; ``tell`` is given what
    is being done. Raises :class:`envdiff.errors.UnusableInput` when no file can be used.
    """
    fleet = gather(paths, book, lambda count: tell(f"reading fingerprints: {count:,}"))
    tell(f"comparing {fleet.count:,} fingerprints")
    table = table_of(fleet)
    return explained(fleet, table, grouped(table.kinds, questions(table, book, ignore or {})), book)
