"""A report, an isolation or a fleet, four faces. Each is imported when it is asked for: Markdown costs no terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from envdiff.errors import Misuse
from envdiff.render.visible import inert
from envdiff.report import Isolation, Report

if TYPE_CHECKING:
    from envdiff.fleet_report import FleetReport
    from envdiff.render.blocks import Outline

TICKET = 65_536  # characters that a GitHub issue or comment takes
SMALLEST = 8_192  # characters that an answer alone may need


class Look(NamedTuple):
    """How to show it. ``fingerprints`` are the two documents, left first, that a face may carry along."""

    width: int
    colour: bool
    full: bool
    limit: int
    fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None
    generator: str


class Content(NamedTuple):
    """What is shown, in words or as the public document; made when a face asks for it."""

    words: Callable[[], Outline]
    document: Callable[[], dict[str, Any]]


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
    if limit < SMALLEST:
        raise Misuse(f"{limit:,} characters are too few for a report", hint=f"allow at least {SMALLEST:,}")
    look = Look(width or 80, bool(colour), full, limit, fingerprints, inert(generator[:200]))
    return _face(format)(_content(report, generator), look)


def render_isolation(
    isolation: Isolation,
    format: str,  # noqa: A002
    *,
    width: int | None = None,
    colour: bool | None = None,
    generator: str = "envdiff",
) -> str:
    """``isolation`` on its own, in one of the formats of :func:`render`; nothing is shortened in the terminal."""
    look = Look(width or 80, bool(colour), True, TICKET, None, generator)
    return _face(format)(_isolation(isolation, generator), look)


def _face(name: str) -> Callable[[Content, Look], str]:
    face = FACES.get(name)
    if face is None:
        raise Misuse(f"there is no format {name!r}", subject="--format", hint=f"one of: {', '.join(FACES)}")
    return face


def _content(report: Report | FleetReport, generator: str) -> Content:
    if not isinstance(report, Report):
        return _fleet(report, generator)
    from envdiff.render.json_v1 import document
    from envdiff.render.outline import outline

    return Content(lambda: outline(report), lambda: document(report, generator))


def _fleet(fleet: FleetReport, generator: str) -> Content:
    from envdiff.render.json_fleet_v1 import fleet_document
    from envdiff.render.outline_fleet import fleet_outline

    return Content(lambda: fleet_outline(fleet), lambda: fleet_document(fleet, generator))


def _isolation(isolation: Isolation, generator: str) -> Content:
    from envdiff.render.isolation_v1 import isolation_document
    from envdiff.render.outline_isolation import isolation_outline

    return Content(lambda: isolation_outline(isolation), lambda: isolation_document(isolation, generator))


def report_schema() -> dict[str, Any]:
    """The JSON Schema of ``render(report, "json")``."""
    from envdiff.render.schema_v1 import report_schema as schema

    return schema()


def fleet_schema() -> dict[str, Any]:
    """The JSON Schema of the same for a fleet."""
    from envdiff.render.schema_fleet_v1 import fleet_schema as schema

    return schema()


def _terminal(content: Content, look: Look) -> str:
    from envdiff.render.terminal import terminal

    return terminal(content.words(), width=look.width, colour=look.colour, full=look.full, generator=look.generator)


def _markdown(content: Content, look: Look) -> str:
    from envdiff.render.markdown import markdown

    return markdown(content.words(), limit=look.limit, generator=look.generator)


def _html(content: Content, look: Look) -> str:
    from envdiff.render.html import html

    return html(content.words(), fingerprints=look.fingerprints, generator=look.generator)


def _json(content: Content, _look: Look) -> str:
    from envdiff.render.json_v1 import as_json

    return as_json(content.document())


FACES: Mapping[str, Callable[[Content, Look], str]] = {
    "terminal": _terminal,
    "markdown": _markdown,
    "html": _html,
    "json": _json,
}
