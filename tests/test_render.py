"""What all faces of a report have in common, the terminal, and the JSON document."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import isolations
import jsonschema
import pytest
import reports
from hypothesis import given, settings
from hypothesis import strategies as st

from envdiff.errors import Misuse
from envdiff.render import FACES, render, report_schema
from envdiff.render.outline import outline
from envdiff.render.schema_v1 import ReportV1
from envdiff.render.visible import inert, shorten
from envdiff.render.wording import BADGES, SIZE_WORDS, number, share, whole
from envdiff.report import Answer, Basis, Delta, Isolation, Report, Shown, Size, Source, Steadiness, Unsteady, Verdict
from envdiff.words import BASES, SIZES, STEADINESS

GOLDEN = Path(__file__).parent / "golden"
EXTENSIONS = {"terminal": "txt", "markdown": "md", "html": "html", "json": "json"}
UPDATE = os.environ.get("ENVDIFF_UPDATE_GOLDEN") == "1"


@pytest.mark.parametrize("face", EXTENSIONS)
@pytest.mark.parametrize("name", reports.REAL)
def test_a_real_report_looks_as_it_did(name: str, face: str) -> None:
    """Set ENVDIFF_UPDATE_GOLDEN=1 to write the files anew."""
    path = GOLDEN / name / f"expected.{EXTENSIONS[face]}"
    text = render(reports.REAL[name](), face, fingerprints=({"facts": {}}, {"facts": {}}), generator="envdiff 1")
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_every_golden_folder_belongs_to_a_report() -> None:
    rendered = {path.parent.name for path in GOLDEN.glob("*/expected.html")}

    assert rendered == set(reports.REAL)


@pytest.mark.parametrize(
    ("table", "words"),
    [(BADGES, Verdict), (SIZES, Size), (SIZE_WORDS, Size), (BASES, Basis), (STEADINESS, Steadiness)],
)  # fmt: skip
def test_every_word_of_a_report_has_its_wording(table: dict[object, object], words: type) -> None:
    assert set(table) == set(words)


def test_an_unknown_format_is_misuse() -> None:
    with pytest.raises(Misuse, match="yaml"):
        render(reports.report(), "yaml")


def test_markdown_and_json_cost_no_terminal_and_no_template_library() -> None:
    code = (
        "import sys, reports; from envdiff.render import render;"
        "render(reports.onednn_one_side(), 'markdown'); render(reports.onednn_one_side(), 'json');"
        "print([name for name in ('rich', 'jinja2', 'pydantic') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", "."])}
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_empty_sections_are_left_out() -> None:
    assert [section.key for section in outline(reports.report()).sections] == ["sides"]


def test_sections_come_in_reading_order() -> None:
    keys = [section.key for section in outline(reports.onednn_one_side()).sections]

    assert keys == ["sides", "delta", "findings", "same-in-effect", "ruled-out", "unexplained", "ignored", "full"]


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (2.4e-7, "2.4e-7"),
        (3e-8, "3e-8"),
        (0.31, "0.31"),
        (12.0, "12"),
        (None, "not defined"),
        (math.inf, "infinite"),
        (math.nan, "not a number"),
    ],
)
def test_numbers(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (1e-9, "under 0.1 %"), (0.72, "72.0 %"), (0.99999, "over 99.9 %"), (1.0, "100 %")],
)
def test_a_share_is_whole_only_when_it_is(value: float, said: str) -> None:
    assert share(value) == said


def test_a_distance_in_ulp_may_be_huge_or_no_number() -> None:
    assert [whole(5_242_880.0), whole(math.inf), whole(None)] == ["5,242,880", "infinite", "not defined"]


# --- values that mean harm ----------------------------------------------------------------------------------

NASTY = (
    "\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example\x07link", "[bold]no[/bold]", ":boom:", "a\rb", "\x9b2J",
    "\u202eabc\u2066", "a\u200bb", "\ufeff", "\ud800", "\x00", "line\nline", "\u2028", "\u00a0",
    "a\u0301" + "\u0301" * 40,
)  # fmt: skip
hostile = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=40), st.text("\x1b[]()<>|`@#:/.\\ \n\u202ea1", max_size=40)
)


def hostile_report(text: str) -> Report:
    """``text`` in every place that a stranger can write to, and in every other one too."""
    change = reports.versions_apart().too_small[0].changes[0]
    gap = reports.cannot_tell().unread[0]
    finding = reports.finding(text)._replace(
        rule=text, about=text, left=Shown(text, text), right=Shown(text, text), mechanism=text,
        confirm=(text, f"envdiff {text}"), fix=text, because=text, sources=(Source(text, text, text),),
        folded=((text, text, text),), fits_delta=True, at_worst=Size.SMALL, layer=text, measured=((text, text),),
        changes=(change._replace(version=text, what=text, touches=(text,), acts=text),),
    )  # fmt: skip
    real = reports.onednn_one_side()
    return real._replace(
        left=reports.side(text, kind=text, reached_by=text, captured_at=text, headline=((text, text),)),
        right=reports.side(text, headline=((text, text),)),
        answer=Answer(Verdict.MOVES, text, (text, f"$ {text}")),
        delta=Delta({text: reports.output()}, text),
        findings=(finding,),
        too_small=(finding,),
        same_in_effect=(real.same_in_effect[0]._replace(about=text, left=text, right=text, why=text),),
        ruled_out=(real.ruled_out[0]._replace(about=text, left=text, right=text, why=text, rule=text),),
        unexplained=(real.unexplained[0]._replace(path=text, left=text, right=text),),
        ignored=(real.ignored[0]._replace(path=text, left=text, right=text, reason=text),),
        unread=(gap._replace(path=text, reason=text, how_to_read=text, side=text),),
        notes=(text,),
        full=((text, text, text),),
        isolation=hostile_isolation(text),
    )  # fmt: skip


def hostile_isolation(text: str) -> Isolation:
    """The same for an isolation; ``about`` is the finding's, so that both are shown."""
    void = isolations.tried(text, "void", about=text, left=text, right=text, why=text)
    guilty = isolations.tried(f"{text} ", "culprit", about=text, left=text, right=text)
    side = Unsteady(text, text, 0.1, (1,), (text,), ((text, text),))
    return isolations.isolation(
        guilty, void, left=text, right=text, sentence=text, hidden=(text,), unsteady=(side,), reproduced=0.5,
        not_recreated=((text, text),), notes=(text,),
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(hostile)
def test_what_cannot_be_seen_is_written_out(text: str) -> None:
    shown = inert(text)

    assert all(unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in shown)
    assert inert(shown) == shown


@settings(deadline=None, max_examples=60)
@given(hostile)
def test_no_value_controls_the_terminal(text: str) -> None:
    plain = render(hostile_report(text), "terminal", full=True)
    coloured = render(hostile_report(text), "terminal", full=True, colour=True)

    assert all(character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"} for character in plain)
    without_colour = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert "\x1b" not in without_colour
    assert squeezed(without_colour) == squeezed(plain)


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_terminal_markup_in_a_value_is_only_text() -> None:
    text = render(
        reports.report(findings=(reports.finding("[bold red]x[/] :boom: [link=https://a.example]y[/link]"),)),
        "terminal",
    )

    assert "[bold red]x[/] :boom: [link=https://a.example]y[/link]" in text


def test_long_values_are_shortened_with_a_note() -> None:
    assert shorten("a" * 1_000, 300) == "a" * 300 + "… [1,000 characters in all]"
    assert "[1,000 characters in all]" in render(reports.report(full=(("p", "a" * 1_000, "b"),)), "markdown")


# --- the terminal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reports.REAL)
def test_the_first_screen_answers(name: str) -> None:
    report = reports.REAL[name]()
    screen = squeezed("\n".join(render(report, "terminal", width=80).splitlines()[:24]))

    assert BADGES[report.answer.verdict].word.upper().replace(" ", "") in screen
    assert squeezed(report.answer.sentence.replace("`", "")) in screen
    for finding in report.findings[:1]:
        wanted = (
            finding.title,
            SIZES[finding.size],
            BASES[finding.basis],
            finding.fix.replace("`", ""),
            *(() if report.isolation else finding.confirm),
        )
        assert all(squeezed(each) in screen for each in wanted)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("name", reports.REAL)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = render(reports.REAL[name](), "terminal", width=width, full=True).splitlines()

    assert max(map(len, lines)) <= width


def test_a_shortened_section_says_how_much_is_left_out_and_how_to_see_it() -> None:
    report = reports.versions_apart()

    short, full = (render(report, "terminal", width=120, full=full) for full in (False, True))
    assert "… 25 more mismatches not shown here: --full" in short
    assert "… 140 mismatches not shown here: --full" in short
    assert "package-139" not in short
    assert "package-139" in full
    assert "--full" not in full


def test_colour_is_only_there_when_asked_for() -> None:
    assert "\x1b" not in render(reports.onednn_one_side(), "terminal")
    assert "\x1b[" in render(reports.onednn_one_side(), "terminal", colour=True)


# --- JSON ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reports.REAL)
def test_the_document_fits_the_published_schema(name: str) -> None:
    document = json.loads(render(reports.REAL[name](), "json"))

    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(document, report_schema())
    assert ReportV1.model_validate(document).model_dump(by_alias=True) == document


@settings(deadline=None, max_examples=60)
@given(hostile)
def test_json_is_ascii_and_keeps_every_value(text: str) -> None:
    written = render(hostile_report(text), "json")
    document = json.loads(written)

    assert all(" " <= character <= "~" or character == "\n" for character in written)
    assert document["findings"][0]["left"]["text"] == text
    jsonschema.validate(document, report_schema())


def test_what_is_not_finite_stays_json() -> None:
    delta = Delta({"y": reports.output(max_abs=math.inf, max_rel=None, max_ulp=math.nan)}, "")
    document = json.loads(render(reports.report(delta=delta), "json"), parse_constant=pytest.fail)

    found = document["delta"]["outputs"]["y"]
    assert (found["max_abs"], found["max_rel"], found["max_ulp"]) == ("Infinity", None, "NaN")
    jsonschema.validate(document, report_schema())


def test_json_leaves_nothing_of_the_report_out() -> None:
    """Every text in the report is somewhere in the document."""
    report = reports.versions_apart()
    written = json.loads(render(report, "json"))
    texts = set(strings(report))

    assert texts <= set(strings(written))


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in strings(each)]
    if isinstance(value, list | tuple):
        return [found for each in value for found in strings(each)]
    return []


def test_there_are_four_faces() -> None:
    assert list(FACES) == list(EXTENSIONS)
