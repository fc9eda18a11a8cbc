"""What was written once is read for ever; what a later version adds is kept and shown; what it changes is refused."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envdiff import api
from envdiff.embedded import fingerprints_from_html
from envdiff.fingerprint import from_document, load
from envdiff.fingerprint_schema import first_complaint
from envdiff.render import render

RECORDED = Path(__file__).parent.parent / "data" / "fingerprints"
FILES = sorted(RECORDED.glob("*/*.json"))
KINDS = {"interpreter", "process", "program", "container", "image", "server"}


def named(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def recorded(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RECORDED / "1" / f"{name}.json").read_bytes())
    return document


@pytest.mark.parametrize("folder", sorted(RECORDED.iterdir()), ids=lambda folder: folder.name)
def test_every_kind_of_every_version_was_kept(folder: Path) -> None:
    assert {load(file).kind for file in folder.glob("*.json")} >= KINDS
    assert any(load(file).outputs for file in folder.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_it_is_read_whole_and_keeps_to_the_published_schema(file: Path) -> None:
    document = json.loads(file.read_bytes())
    one = load(file)
    assert one.document == document
    assert set(one.facts) == set(document["facts"])
    assert first_complaint(document) == ""


@pytest.mark.parametrize("file", FILES, ids=named)
def test_it_does_not_differ_from_itself(file: Path) -> None:
    report = api.report(file, file)
    assert report.full == report.unexplained == ()
    # What is wrong with a server by itself is found all the same.
    assert all(finding.rule.startswith("serving-") for finding in report.findings)
    if load(file).outputs is not None:
        assert report.delta is not None
        assert all(one.max_abs == 0 for one in report.delta.outputs.values())


@pytest.mark.parametrize("pair", list(itertools.combinations(FILES, 2)), ids=lambda pair: " ".join(map(named, pair)))
def test_any_two_can_be_compared_in_every_format(pair: tuple[Path, Path]) -> None:
    left, right = map(load, pair)
    report = api.report(left, right)
    assert report.compared > 0
    documents = (left.document, right.document)
    for form in ("terminal", "markdown", "json"):
        assert left.label in render(report, form, fingerprints=documents)
    assert fingerprints_from_html(render(report, "html", fingerprints=documents)) == documents


def newer(**facts: Any) -> dict[str, Any]:
    """A fingerprint with everything that a minor version may add: keys, kinds, modes, sections, unread and withheld."""
    document = recorded("interpreter")
    document["schema"] = "envdiff/fingerprint/1.7"
    document["signed_by"] = {"key": "a later addition"}
    document["subject"].update(kind="enclave", reached_by="attestation", room="a later addition")
    document["probe"].update(mode="attested", language="a later addition")
    document["facts"].update({f"enclave.{name}": value for name, value in facts.items()})
    document["unread"]["enclave.memory"] = "not allowed"
    document["withheld"]["enclave.measurement"] = ["a key"]
    return document


def test_what_a_later_minor_version_adds_is_kept_and_shown() -> None:
    left = from_document(newer(firmware="1.0", lanes=[1, 2]), "left.json")
    right = from_document(newer(firmware="1.1", lanes=[1, 2]), "right.json")
    report = api.report(left, right)
    assert [one.path for one in report.unexplained] == ["enclave.firmware"]
    assert "enclave.memory" in [one.path for one in report.unread]
    documents = (left.document, right.document)
    for form in ("terminal", "markdown", "html", "json"):
        text = render(report, form, fingerprints=documents, full=True)
        assert "enclave.firmware" in text
        assert "enclave" in text
        assert "attestation" in text
    assert fingerprints_from_html(render(report, "html", fingerprints=documents)) == documents


def test_against_an_older_one_what_it_does_not_have_is_shown_as_one_sided() -> None:
    left = load(RECORDED / "1" / "interpreter.json")
    report = api.report(left, from_document(newer(firmware="1.1"), "right.json"))
    assert [(one.path, one.left) for one in report.unexplained] == [("enclave.firmware", "absent")]


@pytest.mark.parametrize("where", ["file", "standard input", "page"])
def test_a_later_major_version_is_refused_with_advice(tmp_path: Path, where: str) -> None:
    document = {**recorded("interpreter"), "schema": "envdiff/fingerprint/2"}
    (tmp_path / "new.json").write_text(json.dumps(document), encoding="utf-8")
    old, sides = str(RECORDED / "1" / "interpreter.json"), ["new.json"]
    if where == "page":
        report = api.report(old, old)
        page = render(report, "html", fingerprints=(recorded("interpreter"), document))
        (tmp_path / "new.html").write_text(page, encoding="utf-8")
        sides = ["new.html"]
    elif where == "standard input":
        sides = ["-", old]
    else:
        sides = [old, "new.json"]
    done = subprocess.run(
        [sys.executable, "-m", "envdiff", "report", *sides],
        cwd=tmp_path, input=json.dumps(document), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == ""
    assert "it was written by a newer envdiff (schema 2; this one reads up to 1)" in done.stderr
    assert "upgrade envdiff, or capture again with the probe of this version" in done.stderr
