"""The rulebook as data: every rule loads, is sourced, speaks of paths that exist, fires and stays silent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import BOOK, delta, fingerprint

from envdiff.compare import compare
from envdiff.errors import UnusableInput
from envdiff.explain import explain
from envdiff.report import Report, Verdict
from envdiff.rulebook import Rule, load_rule, load_rulebook
from envdiff.rulebook.conditions import check
from envdiff.rulebook.page import page, reference, title
from envdiff.settings import setting_names

RULES = Path(__file__).parent / "rules"

SECTIONS = ("python", "os", "cpu", "gpu", "cuda", "packages", "origins", "conda", "builds", "libraries", "env",
            "tensorflow", "runtime", "keras", "process", "container", "serving", "model", "input", "answers", "setting")  # fmt: skip

GOOD = """
id: sample
title: A sample
about: env.SAMPLE
layer: host
verdict: can-move
size: small
basis: reasoned
mechanism: It does something.
fix: Set it alike.
sources: [{what: a page, where: example.org, read: 2026-11-22}]
"""


def every_rule() -> list[Any]:
    return [pytest.param(rule, id=rule.id) for rule in BOOK.rules]


@pytest.mark.parametrize("rule", every_rule())
def test_a_rule_speaks_of_paths_that_exist(rule: Rule) -> None:
    for path in (*rule.about, *check(rule.when or {}, "when")):
        assert path.partition(".")[0] in SECTIONS, path
        if path.startswith("setting.") and "*" not in path:
            assert path in setting_names(), path


@pytest.mark.parametrize("rule", every_rule())
def test_a_rule_has_a_page_that_says_everything(rule: Rule) -> None:
    text = page(rule, BOOK.tables)
    assert title(rule) in text
    assert all(source.where in text for source in rule.sources)
    assert rule.mechanism in text


def test_the_reference_is_current() -> None:
    file = Path(__file__).parent.parent / "envdiff" / "rulebook" / "reference.md"
    assert file.read_text(encoding="utf-8") == reference(BOOK.rules), (
        "envdiff rules reference -o envdiff/rulebook/reference.md"
    )


def sides(case: dict[str, Any]) -> Report:
    built = []
    for name in ("left", "right"):
        facts = dict(case.get(name) or {})
        unread = facts.pop("unread", None)
        kind = facts.pop("kind", "interpreter")
        built.append(fingerprint(facts, label=name, unread=unread, kind=kind))
    return explain(compare(*built), BOOK, delta=delta(case["delta"]) if "delta" in case else None)


def speaking(report: Report) -> set[str]:
    """The rules that a report lets speak: findings, and reasons why something was ruled out."""
    return {one.rule for one in (*report.findings, *report.too_small, *report.ruled_out)}


@pytest.mark.parametrize("rule", every_rule())
def test_a_rule_fires_in_one_case_and_stays_silent_in_another(rule: Rule) -> None:
    file = RULES / f"{rule.id}.yaml"
    assert file.is_file(), f"add tests/rules/{rule.id}.yaml"
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert rule.id in speaking(sides(case["fires"]))
    silent = sides(case["silent"])
    # A rule that can move may still be named as the reason why something idle was ruled out.
    told = speaking(silent) if rule.verdict is Verdict.HARMLESS else {one.rule for one in silent.findings}
    assert rule.id not in told


def test_no_case_is_left_over() -> None:
    assert {file.stem for file in RULES.glob("*.yaml")} == {rule.id for rule in BOOK.rules}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("id: sample", "id: other"), "but the file is called"),
        (("size: small", "size: large"), "size: "),
        (("verdict: can-move", "verdict: maybe"), "verdict: "),
        (("basis: reasoned", "basis: reasoned\nextra: 1"), "extra: "),
        (("sources: [{what: a page, where: example.org, read: 2026-11-22}]", "sources: []"), "sources: "),
        (("layer: host", "layer: host\nwhen: {odd: 1}"), "no condition 'odd'"),
        (("layer: host", "layer: host\nstanding: true"), "needs a condition"),
        (("id: sample", "id: [sample"), "not YAML"),
        (("read: 2026-11-22", "read: last week"), "read"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    file = tmp_path / "sample.yaml"
    file.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(UnusableInput, match=says.replace("(", "\\(")):
        load_rule(file)


def test_a_folder_of_own_rules_joins_the_book(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(GOOD, encoding="utf-8")
    book = load_rulebook([tmp_path])
    assert book["sample"].title == "A sample"
    assert len(book.rules) == len(BOOK.rules) + 1
    with pytest.raises(UnusableInput, match="no such folder"):
        load_rulebook([tmp_path / "none"])


@pytest.mark.parametrize("more", ["covers: [nobody]", "unsolved: nobody"])
def test_a_rule_names_rules_that_exist(tmp_path: Path, more: str) -> None:
    (tmp_path / "sample.yaml").write_text(GOOD.replace("layer: host", f"layer: host\n{more}"), encoding="utf-8")
    with pytest.raises(UnusableInput, match="there is no rule 'nobody'"):
        load_rulebook([tmp_path])


def test_an_id_is_used_once(tmp_path: Path) -> None:
    twin = BOOK.rules[0].id
    (tmp_path / f"{twin}.yaml").write_text(GOOD.replace("id: sample", f"id: {twin}"), encoding="utf-8")
    with pytest.raises(UnusableInput, match="has the same"):
        load_rulebook([tmp_path])


def test_the_cache_gives_the_same_book_and_notices_a_change(tmp_path: Path) -> None:
    rules, cache = tmp_path / "rules", tmp_path / "cache" / "book.json"
    rules.mkdir()
    (rules / "sample.yaml").write_text(GOOD, encoding="utf-8")
    first = load_rulebook([rules], cache=cache)
    assert load_rulebook([rules], cache=cache).rules == first.rules
    (rules / "sample.yaml").write_text(GOOD.replace("A sample", "Another"), encoding="utf-8")
    os.utime(rules / "sample.yaml", ns=(1, 1))
    assert load_rulebook([rules], cache=cache)["sample"].title == "Another"
    assert list(cache.parent.iterdir()) == [cache]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"x": 1}'])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "book.json"
    cache.write_bytes(content)
    assert load_rulebook(cache=cache).rules == BOOK.rules
    assert load_rulebook(cache=cache).rules == BOOK.rules


def test_an_unknown_rule_gets_a_suggestion() -> None:
    with pytest.raises(UnusableInput, match="no rule") as caught:
        BOOK["onednn-one-sid"]
    assert "onednn-one-side" in str(caught.value.hint)
