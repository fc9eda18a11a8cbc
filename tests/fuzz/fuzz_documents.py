"""Fingerprints, HTML reports, rules and configuration as a fuzzer sees them."""

from __future__ import annotations

import contextlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import builders
from fuzz_bytes import Choices

from envdiff.compare import compare
from envdiff.config import read_config
from envdiff.embedded import fingerprints_from_html
from envdiff.errors import EnvdiffError
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint, from_document, parse
from envdiff.render import FACES, render
from envdiff.rulebook import load_rule
from envdiff.rulebook.load import _book, _validated
from envdiff.rulebook.page import page

ROOT = Path(__file__).resolve().parents[2]
ORDINARY = builders.fingerprint(label="right")
OUTPUTS = {
    "way": "local", "signature": "serving_default", "rows_digest": "0" * 64, "errors": {}, "notes": [], "versions": [1],
    "calls": {"batch": {"y": {"dtype": "float32", "shape": [2, 2], "data": "AAAAAAAAgD8AAABAAABAQA=="}}},
}  # fmt: skip


def fingerprint(data: bytes, _folder: Path) -> None:
    """The bytes as a fingerprint, or as an HTML report; what is let in must come out again as it was."""
    if data.lstrip()[:1] == b"<":
        for side in fingerprints_from_html(data.decode("utf-8", "replace")):
            _all_of(from_document(side, "page.html"))
        return
    found = parse(data, "left.json")
    _all_of(found)
    page_ = render(_report(found, ORDINARY), "html", fingerprints=(found.document, ORDINARY.document))
    assert fingerprints_from_html(page_)[0] == found.document


def _all_of(found: Fingerprint) -> None:
    for path in [*found.facts, *found.unread, "gpu.0.name", "model.ops"]:
        str(found.reading(path))


def fingerprint_seeds() -> list[bytes]:
    plain = builders.document(unread={"gpu": "no permission"}, withheld={"env": ["API_TOKEN"]})
    outputs = {**plain, "outputs": OUTPUTS}
    page_ = render(_report(ORDINARY, ORDINARY), "html", fingerprints=(plain, outputs))
    small = {**plain, "facts": {"a.b": [1, 2.5, None, True, "x"], "tensorflow.version": "2.15.1"}}
    return [json.dumps(one).encode() for one in (small, plain, outputs)] + [page_[page_.index("<script") :].encode()]


# --- two fingerprints, judged ---------------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    "", " ", "0", "1", "-1", "true", "yes", "on", "none", "2.15.1", "2.9", "1.15.0", "3", "2.99999999999999999999",
    "9" * 4_000, "9" * 5_000, "1." + "9" * 5_000, "1e999", "0x10", "\x00", "\x1b[2J", "\ud800", "\u202e", "٣", "²", "inf", "nan", "a,b", "[", "*", "{0}",
    "%s", "Infinity", "-0", "+1", "1_000", "2.15.1rc0+cuda", "2..1", ".", "v2", "8.0", "avx512_vnni", "cuda", "cpu",
    "[?,3]", "x float32 [?,10]", "x float32 [?,99999999999999]", "x", 0, 1, -1, 2, 2**31, 2**63, -(2**64), 10**400,
    0.0, -0.0, 0.5, 1e308, 5e-324, True, False, None, [], ["a"], [None], [1, "2", 3.5], [True, False], ["x"] * 300,
)  # fmt: skip


@cache
def paths() -> tuple[str, ...]:
    """Every path that settings, rules and explanations speak of."""
    found = set(builders.BASE) | set(builders.GPU)
    for file in [*(ROOT / "envdiff").rglob("*.py"), *(ROOT / "envdiff/rulebook").rglob("*.yaml")]:
        found |= set(re.findall(rf"\b(?:{'|'.join(SECTIONS)})\.[a-z_0-9.A-Z]*\w", file.read_text()))
    return tuple(sorted(found))


SECTIONS = (
    "python", "os", "cpu", "gpu", "cuda", "packages", "origins", "conda", "builds", "libraries", "env", "tensorflow",
    "runtime", "keras", "process", "container", "serving", "model", "answers",
)  # fmt: skip


def report(data: bytes, _folder: Path) -> None:
    """Two fingerprints of known paths with values that nobody writes, judged and shown in every form."""
    choices = Choices(data)
    sides = [_side(choices, name) for name in ("left", "right")]
    found = _report(*(from_document(json.loads(json.dumps(side)), "a side") for side in sides))
    # The terminal's tables take longer than all the rest.
    face = "terminal" if choices.number() > 240 else choices.one_of(("markdown", "html", "json"))
    render(found, face, full=True, fingerprints=(sides[0], sides[1])).encode()


def _side(choices: Choices, label: str) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    unread: dict[str, str] = {}
    for _ in range(choices.number() % 24):
        path = choices.text() or "x" if choices.number() > 240 else choices.one_of(paths())
        kind = choices.number()
        if kind < 20:
            unread[path] = choices.text()
        elif kind < 60:
            facts[path] = choices.text()
        else:
            facts[path] = choices.one_of(VALUES)
    base = builders.BASE if choices.number() < 160 else {}
    names = [choices.text()] if choices.number() > 200 else []
    document = builders.document({path[:1000]: value for path, value in facts.items()}, label=label, base=base)
    document["unread"], document["withheld"] = unread, {"env": names}
    return document


def report_seeds() -> list[bytes]:
    chosen = []
    for at in range(0, len(paths()), 9):
        body = bytearray([9])
        for number in range(at, at + 9):
            body += bytes([0]) + (number % len(paths())).to_bytes(2, "big") + bytes([99, 0, (number * 7) % len(VALUES)])
        chosen.append(bytes(body + bytes([0, 0])))
    return chosen


def _report(left: Fingerprint, right: Fingerprint) -> Any:
    delta, notes = None, ()
    if left.outputs is not None and right.outputs is not None:
        from envdiff.answers import difference

        found = difference(left, right)
        delta, notes = found.delta, found.notes
    return explain(compare(left, right), builders.BOOK, delta=delta, notes=notes)


# --- rules and configuration ----------------------------------------------------------------------------------


def rules(data: bytes, folder: Path) -> None:
    """The bytes as a rule of the user's: loaded, shown, and put to use."""
    file = folder / "a-rule.yaml"
    file.write_bytes(data)
    rule = load_rule(file)
    page(rule, builders.BOOK.tables)
    book = _book(_validated([str(file)], []))
    left = builders.fingerprint({"env.TF_XLA_FLAGS": "--tf_xla_auto_jit=2", "setting.x": "1"})
    found = explain(compare(left, ORDINARY), book)
    render(found, tuple(FACES)[len(data) % len(FACES)], full=True).encode()


def rule_seeds() -> list[bytes]:
    files = sorted((ROOT / "envdiff/rulebook/rules").glob("*.yaml"))[::6]
    return [re.sub(r"^id: .*", "id: a-rule", file.read_text(), flags=re.M).encode() for file in files]


def settings_file(data: bytes, folder: Path) -> None:
    """The bytes as pyproject.toml, found and named."""
    (folder / "pyproject.toml").write_bytes(data)
    with contextlib.suppress(EnvdiffError):
        read_config(folder / "pyproject.toml", folder)
    read_config(None, folder)


def settings_seeds() -> list[bytes]:
    return [
        b'[tool.envdiff]\nformat = "html"\nfail-on = "moves"\nrules = ["r"]\nenv = ["A"]\nignore = {"a.*" = "b"}\n',
        b"tool = 1\n",
        b"[tool]\nenvdiff = 2\n",
    ]
