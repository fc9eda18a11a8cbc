"""The door: what is let in, and what is said to the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import document, fingerprint
from hypothesis import given
from hypothesis import strategies as st

from envdiff.errors import UnusableInput
from envdiff.fingerprint import MAX_BYTES, Absent, Unread, Value, Withheld, from_document, load, parse
from envdiff.fingerprint_schema import first_complaint

GOOD = json.dumps(document()).encode()


def with_(**changes: object) -> bytes:
    return json.dumps({**document(), **changes}).encode()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"  \n", "it is empty", id="blank"),
        pytest.param(GOOD[: len(GOOD) // 2], "it ends early", id="truncated"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\xff", "not UTF-8", id="binary"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep"),
        pytest.param(b'{"schema": 1, "schema": 2}', "occurs twice", id="duplicate-key"),
        pytest.param(b'{"schema": NaN}', "NaN is not JSON", id="nan"),
        pytest.param(b'{"a": ' + b"1" * 5000 + b"}", "not usable JSON", id="huge-number"),
        pytest.param(b"[]", "not an envdiff fingerprint", id="a-list"),
        pytest.param(b'{"packages": {"numpy": "1"}}', "not an envdiff fingerprint", id="another-tool"),
        pytest.param(with_(schema="envdiff/fingerprint/2"), "newer envdiff", id="newer"),
        pytest.param(with_(schema="envdiff/fingerprint/x"), "malformed", id="odd-schema"),
        pytest.param(with_(schema="envdiff/report/1"), "not an envdiff fingerprint", id="a-report"),
        pytest.param(with_(facts={"a": {"b": 1}}), "damaged", id="nested-fact"),
        pytest.param(with_(facts=[]), "damaged", id="no-facts"),
        pytest.param(with_(subject=None), "damaged", id="no-subject"),
    ],
)
def test_what_is_not_a_fingerprint_is_refused_with_a_reason(raw: bytes, says: str) -> None:
    with pytest.raises(UnusableInput, match=says) as caught:
        parse(raw, "left.json")
    assert caught.value.subject == "left.json"


def test_a_file_too_large_is_not_even_parsed(tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    with big.open("wb") as file:
        file.seek(MAX_BYTES + 10)
        file.write(b"x")
    with pytest.raises(UnusableInput, match="larger than"):
        load(big)


def test_a_missing_file_and_a_folder_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no such file"):
        load(tmp_path / "none.json")
    with pytest.raises(UnusableInput, match="cannot be read"):
        load(tmp_path)


def test_a_later_minor_addition_is_kept() -> None:
    kept = parse(with_(schema="envdiff/fingerprint/1.3", addition={"x": 1}), "new.json")
    assert kept.document["addition"] == {"x": 1}


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        ("python.version", Value("3.11.7")),
        ("env.TZ", Absent()),
        ("env.API_TOKEN", Withheld("held back by the secret filter")),
        ("gpu.driver", Unread("no permission")),
        ("gpu.count", Value(0)),
        ("packages.scipy", Absent()),
        ("env", Absent()),
    ],
    ids=["value", "absent", "withheld", "unread-section", "read-in-spite-of-it", "no-such-package", "section"],
)
def test_four_readings(path: str, reading: object) -> None:
    one = fingerprint(unread={"gpu": "no permission"}, withheld={"env": ["API_TOKEN"]})
    assert one.reading(path) == reading


def test_a_section_that_was_never_asked_for_is_unread_not_absent() -> None:
    assert isinstance(fingerprint().reading("model.ops"), Unread)
    assert isinstance(fingerprint({"model.format": "savedmodel"}).reading("model.ops"), Absent)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=3))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(
    st.sampled_from(
        ["subject", "captured_at", "probe", "facts", "unread", "withheld", "compare_key", "anonymized", "outputs"]
    ),
    ANYTHING,
)
def test_the_quick_check_and_the_published_schema_agree(key: str, value: object) -> None:
    """One part of a good document replaced by anything at all: both let it in, or both keep it out."""
    changed = {**document(), key: value}
    if not first_complaint(changed):
        assert from_document(changed, "x").label == "left" or key == "subject"
    else:
        with pytest.raises(UnusableInput, match="damaged"):
            from_document(changed, "x")


@given(st.dictionaries(st.text(max_size=3), ANYTHING, max_size=3))
def test_they_agree_on_facts(facts: dict[str, object]) -> None:
    changed = {**document(), "facts": facts}
    if first_complaint(changed):
        with pytest.raises(UnusableInput, match="damaged"):
            from_document(changed, "x")
    else:
        assert set(from_document(changed, "x").facts) == set(facts)
