"""One report, or one fleet, four faces. Each is imported when it is asked for: Markdown does not cost a terminal library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envdiff.errors import Misuse
from envdiff.fleet_report import FleetReport
from envdiff.report import Report

if TYPE_CHECKING:
    from envdiff.render.blocks import Outline

TICKET = 65_536  # characters that a GitHub issue or comment takes
SMALLEST = 8_192  # characters that an answer alone may need


@dataclass(frozen=True)
class Look:
    """How to show it. ``fingerprints`` are the two documents, left first, that a face may carry along."""

    width: int
    colour: bool
    full: bool
    limit: int
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None
    generator: str


def render(
    report: Report | FleetReport,
    format: str,  # noqa: A002
    *,
    width: int | None = None,
    colour: bool | None = None,
    full: bool = False,
    limit: int = TICKET,
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    generator: str = "envdiff",
) -> str:
    """``report`` as ``terminal``, ``markdown``, ``html`` or ``json``.

    ``width`` (columns), ``colour`` and ``full`` (nothing shortened) are for the terminal, ``limit`` (characters) for
    Markdown, ``fingerprints`` for HTML. ``generator`` names the program and its version.
    """
    face = FACES.get(format)
    if face is None:
        raise Misuse(f"there is no format {format!r}", subject="--format", hint=f"one of: {', '.join(FACES)}")
    if limit < SMALLEST:
        raise Misuse(f"{limit:,} characters are too few for a report", hint=f"allow at least {SMALLEST:,}")
    look = Look(width or 80, bool(colour), full, limit, fingerprints, generator)
    return face(report, look)


def report_schema() -> dict[str, Any]:
    """The JSON Schema of ``render(report, "json")``."""
    from envdiff.render.schema_v1 import report_schema as schema

    return schema()


def fleet_schema() -> dict[str, Any]:
    """The JSON Schema of the same for a fleet."""
    from envdiff.render.schema_fleet_v1 import fleet_schema as schema

    return schema()


def _in_words(report: Report | FleetReport) -> Outline:
    if isinstance(report, FleetReport):
        from envdiff.render.outline_fleet import fleet_outline

        return fleet_outline(report)
    from envdiff.render.outline import outline

    return outline(report)


def _terminal(report: Report | FleetReport, look: Look) -> str:
    from envdiff.render.terminal import terminal

    return terminal(_in_words(report), width=look.width, colour=look.colour, full=look.full, generator=look.generator)


def _markdown(report: Report | FleetReport, look: Look) -> str:
    from envdiff.render.markdown import markdown

    return markdown(_in_words(report), limit=look.limit, generator=look.generator)


def _html(report: Report | FleetReport, look: Look) -> str:
    from envdiff.render.html import html

    return html(_in_words(report), fingerprints=look.fingerprints, generator=look.generator)


def _json(report: Report | FleetReport, look: Look) -> str:
    if isinstance(report, FleetReport):
        from envdiff.render.json_fleet_v1 import fleet_as_json

        return fleet_as_json(report, generator=look.generator)
    from envdiff.render.json_v1 import as_json

    return as_json(report, generator=look.generator)


FACES: Mapping[str, Callable[[Report | FleetReport, Look], str]] = {
    "terminal": _terminal,
    "markdown": _markdown,
    "html": _html,
    "json": _json,
}
