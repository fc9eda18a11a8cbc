"""A fleet in every format: as it did look, inert, bounded, and in a browser."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fleets
import jsonschema
import pytest
from hypothesis import given, settings
from test_render import EXTENSIONS, UPDATE, hostile, squeezed, strings
from test_render_html import WORST_CONTRAST, Page, Visit, chromium, nasty
from test_render_markdown import ACTS, OUR_HTML, parsed

from envdiff.fleet_report import Member
from envdiff.render import TICKET, fleet_schema, render
from envdiff.render.markdown_text import units
from envdiff.render.schema_fleet_v1 import FleetV1
from envdiff.render.wording import BADGES

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("face", EXTENSIONS)
@pytest.mark.parametrize("name", fleets.REAL)
def test_a_fleet_looks_as_it_did(name: str, face: str) -> None:
    """Set ENVDIFF_UPDATE_GOLDEN=1 to write the files anew."""
    path = GOLDEN / name / f"expected.{EXTENSIONS[face]}"
    text = render(fleets.REAL[name](), face, generator="envdiff 1")
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_every_golden_folder_belongs_to_a_fleet() -> None:
    assert {path.parent.name for path in GOLDEN.glob("*/expected.html")} == set(fleets.REAL)


@pytest.mark.parametrize("name", fleets.REAL)
def test_the_first_screen_answers(name: str) -> None:
    fleet = fleets.REAL[name]()
    screen = squeezed("\n".join(render(fleet, "terminal", width=80).splitlines()[:30]))
    wanted = [BADGES[fleet.answer.verdict].word.upper(), fleet.answer.sentence, *fleet.answer.next_steps]
    for cause in fleet.causes[:1]:
        wanted += [cause.finding.title, cause.finding.fix]
    for group in fleet.groups:
        wanted += [group.words, f"{len(group):,}"]

    assert not [each for each in wanted if squeezed(each.replace("`", "")) not in screen]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", fleets.REAL)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = render(fleets.REAL[name](), "terminal", width=width, full=True).splitlines()

    assert max(map(len, lines)) <= width


# --- JSON ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fleets.REAL)
def test_the_document_fits_the_published_schema(name: str) -> None:
    document = json.loads(render(fleets.REAL[name](), "json"))

    jsonschema.Draft202012Validator.check_schema(fleet_schema())
    jsonschema.validate(document, fleet_schema())
    assert FleetV1.model_validate(document).model_dump(by_alias=True) == document


def test_json_has_every_fingerprint_and_every_text() -> None:
    written = render(fleets.replicas(), "json")
    texts = set(strings(json.loads(written)))

    assert {member.path for group in fleets.replicas().groups for member in group.members} <= texts
    assert {"They say which one was looked at.", "decoded in the graph", "it is empty", "onednn off"} <= texts


# --- values that mean harm ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(hostile)
def test_no_value_controls_the_terminal(text: str) -> None:
    plain = render(fleets.hostile_fleet(text), "terminal", full=True)

    assert all(character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"} for character in plain)


@settings(deadline=None, max_examples=40)
@given(nasty)
def test_no_value_acts_in_markdown(text: str) -> None:
    html, _, words = parsed(render(fleets.hostile_fleet(text), "markdown"))

    left_over = OUR_HTML.sub("", "".join(html))
    assert not re.search("[<>]", left_over), left_over
    assert not ACTS.search(words), words


KNOWN = {
    tag
    for each in (*fleets.REAL.values(), lambda: fleets.hostile_fleet("https://a.example"))
    for tag in Page(render(each(), "html")).tags
}


@settings(deadline=None, max_examples=40)
@given(nasty)
def test_no_value_becomes_an_element_or_an_attribute(text: str) -> None:
    page = Page(render(fleets.hostile_fleet(text), "html", generator=text))

    assert set(page.tags) <= KNOWN
    assert all(address.startswith(("#", "https://")) for address in page.addresses)


# --- length -------------------------------------------------------------------------------------------------


def huge() -> Any:
    """Twenty thousand fingerprints in two thousand groups."""
    real = fleets.replicas()
    group = real.groups[1]
    groups = tuple(
        replace(group, name=f"G{at}", members=tuple(Member(f"pods/{at}-{n}.json", "x" * 40) for n in range(10)))
        for at in range(2000)
    )
    return replace(real, read=20_000, groups=groups, unexplained=real.unexplained * 500, not_read=real.not_read * 200)


def test_markdown_always_fits_a_ticket() -> None:
    text = render(huge(), "markdown")

    assert units(text) <= TICKET
    assert "**Left out to fit 65,536 characters:**" in text
    assert "| G0 " in text


def test_the_terminal_shows_a_screen_or_two() -> None:
    lines = render(huge(), "terminal", width=100).splitlines()

    assert len(lines) < 200
    assert any("1,990 more groups not shown here: --full" in line for line in lines)


def test_the_page_stays_of_a_size_that_a_browser_opens() -> None:
    assert len(render(huge(), "html")) < 6_000_000


# --- in a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("name", fleets.REAL)
def test_a_fleet_opens_quietly_and_fits(browser: Any, tmp_path: Path, name: str, width: int) -> None:
    window = {"viewport": {"width": width, "height": 800}, "color_scheme": "dark" if width == 390 else "light"}
    visit = Visit(browser, render(fleets.REAL[name](), "html"), tmp_path, **window)

    assert visit.said == []
    assert visit.asked == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate(WORST_CONTRAST) >= 4.5
    assert visit.page.locator("h1").bounding_box()["y"] < 200


@pytest.mark.browser
def test_every_fingerprint_unfolds_without_script(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, render(fleets.replicas(), "html"), tmp_path, java_script_enabled=False)
    every = visit.page.locator("#full")

    assert not every.get_by_text("ranker-0500").first.is_visible()
    every.locator("summary").click()
    assert every.get_by_text("ranker-0500").first.is_visible()


@pytest.mark.browser
def test_a_hostile_fleet_opens_quietly_too(browser: Any, tmp_path: Path) -> None:
    text = '</script><script>alert(1)</script>"><img src=https://evil.example/x onerror=alert(1)>'
    visit = Visit(browser, render(fleets.hostile_fleet(text), "html"), tmp_path)

    assert visit.said == []
    assert visit.asked == []
    assert visit.page.locator("img").count() == 0
