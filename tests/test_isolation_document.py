"""An isolation as a document: published, whole, read back strictly; and as a page of its own."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import isolations
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_render import EXTENSIONS, UPDATE, hostile, hostile_isolation

from envdiff.errors import UnusableInput
from envdiff.isolation_file import isolation_from, load_isolation
from envdiff.isolation_schema import SCHEMA, isolation_schema
from envdiff.render import isolation_v1, render_isolation
from envdiff.render.isolation_v1 import isolation_document
from envdiff.report import Isolation, Tried, Unsteady

GOLDEN = Path(__file__).parent / "golden" / "isolations"
VERDICTS = ("hidden", "cancels", "cleared", "undecided", "void")


@pytest.mark.parametrize("face", EXTENSIONS)
@pytest.mark.parametrize("name", isolations.REAL)
def test_a_real_isolation_looks_as_it_did(name: str, face: str) -> None:
    """Set ENVDIFF_UPDATE_GOLDEN=1 to write the files anew."""
    path = GOLDEN / name / f"expected.{EXTENSIONS[face]}"
    text = render_isolation(isolations.REAL[name](), face, generator="envdiff 1")
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    assert text == path.read_text(encoding="utf-8")


def test_every_golden_folder_belongs_to_an_isolation() -> None:
    assert {path.parent.name for path in GOLDEN.glob("*/expected.html")} == set(isolations.REAL)


# --- the first screen and the table -------------------------------------------------------------------------


@pytest.mark.parametrize("name", isolations.REAL)
def test_the_first_screen_says_what_was_found_and_how_well(name: str) -> None:
    isolation = isolations.REAL[name]()
    lines = render_isolation(isolation, "terminal", width=80).splitlines()
    screen = "".join("".join(lines[:24]).split())

    assert "".join(isolation.sentence.split()) in screen
    assert all(word in screen for word in ("Noise", "Gap", "Trials"))
    assert ("Forwards" in screen and "Backwards" in screen) is bool(isolation.culprits)
    assert max(map(len, lines)) <= 80


def test_the_table_begins_with_the_culprits_and_ends_with_what_was_cleared() -> None:
    text = render_isolation(isolations.two_together(), "markdown")
    rows = [row for row in text.splitlines() if "**culprit**" in row or "| cleared |" in row]

    assert [row.split(" | ")[0].strip("| *") for row in rows] == [
        "ONEDNN_DEFAULT_FPMATH_MODE", "TF_ENABLE_ONEDNN_OPTS", "interpreter",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("over", "badge"),
    [
        ({}, "PROVEN BOTH WAYS"),
        ({"backward": False}, "PROVEN ONE WAY"),
        ({"forward": None, "backward": None}, "FOUND"),
    ],
)
def test_the_badge_says_how_well_it_is_proven(over: dict[str, Any], badge: str) -> None:
    assert badge in render_isolation(isolations.one_culprit()._replace(**over), "terminal")


@pytest.mark.parametrize(
    ("name", "badge"), [("noise", "UNSTEADY"), ("alike", "NO DIFFERENCE")]
)  # fmt: skip
def test_without_a_culprit_the_badge_says_why(name: str, badge: str) -> None:
    assert badge in render_isolation(isolations.REAL[name](), "terminal")


@settings(deadline=None, max_examples=40)
@given(hostile)
def test_no_value_acts_in_any_face(text: str) -> None:
    isolation = hostile_isolation(text)
    plain = render_isolation(isolation, "terminal")

    assert "\x1b" not in plain
    assert "<script" not in render_isolation(isolation, "html").partition("<body>")[2]
    assert len(render_isolation(isolation, "markdown")) <= 65_536


def test_many_switches_still_fit_a_ticket() -> None:
    switches = [isolations.tried(f"TF_VARIABLE_{at:04}", right="x" * 100) for at in range(2_000)]
    text = render_isolation(isolations.isolation(*switches), "markdown")

    assert len(text) <= 65_536
    assert "of 2,000 switches under" in text


# --- the document -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", isolations.REAL)
def test_the_document_keeps_to_the_published_schema(name: str) -> None:
    document = json.loads(render_isolation(isolations.REAL[name](), "json"))

    jsonschema.Draft202012Validator.check_schema(isolation_schema())
    jsonschema.validate(document, isolation_schema())


def test_both_places_name_the_same_schema() -> None:
    assert SCHEMA == isolation_v1.SCHEMA


NAMES = st.text(max_size=12)
SIZES = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ENDED = st.sampled_from([None, "same", "moved", "unclear", "void"])


@st.composite
def made(draw: st.DrawFn) -> Isolation:
    """Any isolation that agrees with itself."""
    names = draw(st.lists(NAMES, unique=True, max_size=6))
    guilty = names[: draw(st.integers(0, len(names)))]
    cut = draw(st.integers(0, len(guilty)))
    switches = tuple(
        Tried(name, draw(NAMES), draw(NAMES), draw(NAMES), draw(ENDED), draw(ENDED), draw(SIZES), draw(SIZES),
              draw(st.integers(0, 99)), "culprit" if name in guilty else draw(st.sampled_from(VERDICTS)), draw(NAMES))
        for name in names
    )  # fmt: skip
    unsteady = st.builds(
        Unsteady, NAMES, NAMES, SIZES, st.none() | st.lists(st.integers(0, 99), max_size=3).map(tuple),
        st.lists(NAMES, max_size=2).map(tuple), st.lists(st.tuples(NAMES, NAMES), max_size=2).map(tuple),
    )  # fmt: skip
    claim = st.sampled_from([None, True, False]) if guilty else st.sampled_from([None, False])
    return Isolation(
        left=draw(NAMES), right=draw(NAMES), sentence=draw(NAMES), culprits=tuple(guilty),
        sets=tuple(tuple(one) for one in (guilty[:cut], guilty[cut:]) if one),
        hidden=tuple(names[len(guilty) :][:1]), cancelling=(tuple(names[:2]),) if names else (),
        forward=draw(claim), backward=draw(claim), switches=switches, noise=(draw(SIZES), draw(SIZES)),
        gap=draw(SIZES), exact=draw(st.booleans()), unsteady=tuple(draw(st.lists(unsteady, max_size=2))),
        not_recreated=tuple(draw(st.lists(st.tuples(NAMES, NAMES), max_size=2))), reproduced=draw(SIZES),
        trials_run=draw(st.integers(0, 99)), trials_known=draw(st.integers(0, 99)), complete=draw(st.booleans()),
        notes=tuple(draw(st.lists(NAMES, max_size=2))),
    )  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(made())
def test_what_is_written_is_read_back_as_it_was(isolation: Isolation) -> None:
    written = render_isolation(isolation, "json", generator="envdiff 1")
    document = json.loads(written)
    again = isolation_from(document, "a test")

    assert again == isolation
    assert isolation_document(again, "envdiff 1") == document
    jsonschema.validate(document, isolation_schema())


def test_a_size_without_end_is_null() -> None:
    document = isolation_document(isolations.isolation(noise=(math.inf, 0.0), gap=math.nan), "envdiff 1")

    assert document["noise"] == {"left": None, "right": 0.0, "gap": None, "exact": True}


# --- hostile and damaged documents --------------------------------------------------------------------------


def document(**over: Any) -> dict[str, Any]:
    return {**isolation_document(isolations.two_together(), "envdiff 1"), **over}


def switch(**over: Any) -> dict[str, Any]:
    return {**document()["switches"][0], **over}


DAMAGED = {
    "left out": ({key: value for key, value in document().items() if key != "sets"}, "sets: Field required"),
    "unknown key": (document(shell="rm"), "shell: Extra inputs"),
    "another type": (document(trials_run="12"), "trials_run: Input should be a valid integer"),
    "true as a number": (document(trials_run=True), "trials_run"),
    "below nothing": (document(trials_run=-1), "trials_run"),
    "too many": (document(trials_known=2**80), "trials_known"),
    "an unknown verdict": (document(switches=[switch(verdict="guilty")]), "switches.0.verdict"),
    "infinite": (document(reproduced=math.inf), "reproduced"),
    "an empty set": (document(sets=[[]]), "sets.0"),
    "culprits of their own": (document(culprits=["TZ"]), "they are not the switches of the sets"),
    "acquitted": (document(culprits=[], sets=[]), "the verdicts of the switches say otherwise"),
    "twice": (document(switches=[switch(), switch()]), "a name occurs twice"),
    "hidden from nowhere": (document(hidden=["TZ"]), "a name is not among the switches"),
    "proof of nothing": (
        isolation_document(isolations.noise()._replace(forward=True), ""),
        "there is no culprit that could be",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_document_is_told(name: str) -> None:
    broken, says = DAMAGED[name]
    with pytest.raises(UnusableInput, match="it is a damaged isolation") as caught:
        isolation_from(broken, "file.json")

    assert says in caught.value.message
    assert "envdiff isolate" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "it is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply: no isolation is"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[]", "not an envdiff isolation"),
        (b'{"schema": ["envdiff/isolation/1"]}', "not an envdiff isolation"),
        (b'{"schema": "envdiff/report/1"}', "not an envdiff isolation"),
        (b'{"schema": "envdiff/isolation/2"}', "newer envdiff (schema 2; this one reads 1)"),
        (b'{"schema": "envdiff/isolation/1"}', "damaged isolation: generator: Field required"),
    ],
)
def test_what_is_no_isolation_is_told(raw: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "isolation.json"
    file.write_bytes(raw)
    with pytest.raises(UnusableInput) as caught:
        load_isolation(file)

    assert says in caught.value.message
    assert "capture" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.subject == str(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no such file") as caught:
        load_isolation(tmp_path / os.devnull.strip("/"))

    assert "envdiff isolate" in str(caught.value.hint)
