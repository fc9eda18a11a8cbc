"""Sizes that nobody has today: answers stay readable, and what is kept stays bounded. Seconds are for tests/bench."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import BOOK, document, fingerprint
from fleets import write_fleet
from test_cli import envdiff
from test_render_html import Visit, chromium

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.fingerprint import load
from envdiff.model.facts import model_facts, reading_of
from envdiff.render import TICKET, render
from envdiff.render.html import MOST_ROWS
from envdiff.render.markdown_text import units
from envdiff.report import Report

sys.path.insert(0, str(Path(__file__).parent / "model"))
sys.path.insert(0, str(Path(__file__).parent / "bench"))

import numpy as np
from bench_model import deep
from model_writing import node, saved_model, write_bundle, write_saved_model

MANY = 20_000


def crowded(side: int) -> dict[str, Any]:
    """20,000 packages and 20,000 variables; on the other side half of the first and a third of the others are otherwise."""
    facts: dict[str, Any] = {f"packages.package-{at:05}": f"1.{at}.{side * (at % 2)}" for at in range(MANY)}
    facts |= {f"env.VARIABLE_{at:05}": f"{side if at % 3 == 0 else 0}" for at in range(MANY)}
    return {**facts, "env.TF_ENABLE_ONEDNN_OPTS": str(side)}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("crowded")
    withheld = {"env": [f"HELD_BACK_{at}" for at in range(MANY)]}
    for side in (0, 1):
        whole = document(crowded(side), label=f"side {side}", withheld=withheld)
        (folder / f"{side}.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder / "0.json", folder / "1.json"


@pytest.fixture(scope="module")
def report(pair: tuple[Path, Path]) -> Report:
    return explain(compare(load(pair[0]), load(pair[1])), BOOK)


def test_the_cause_stands_first_among_thousands(report: Report) -> None:
    assert [one.rule for one in report.findings] == ["onednn-one-side"]
    assert len(report.unexplained) > 16_000


def test_markdown_fits_a_ticket_and_says_what_is_left_out(report: Report) -> None:
    text = render(report, "markdown")
    assert units(text) <= TICKET
    assert "oneDNN kernels run on one side only" in text
    assert "**Left out to fit 65,536 characters:**" in text


def test_the_terminal_shows_what_matters_and_counts_the_rest(report: Report) -> None:
    lines = render(report, "terminal", width=100).splitlines()
    assert len(lines) < 150
    assert any("more mismatches not shown here" in line for line in lines)


def test_json_leaves_nothing_out(report: Report) -> None:
    assert len(json.loads(render(report, "json"))["mismatches"]) == len(report.full)


@pytest.mark.browser
def test_the_page_opens_and_its_longest_table_unfolds(report: Report, tmp_path: Path) -> None:
    text = render(report, "html")
    with chromium() as browser:
        visit = Visit(browser, text, tmp_path)
        assert visit.page.locator("#full tbody tr").count() == MOST_ROWS
        visit.page.locator("#full summary").click()
        assert visit.page.get_by_text("more are not shown here: --format json has all").last.is_visible()
        assert visit.said == []


def test_two_of_them_are_a_fleet_too(pair: tuple[Path, Path]) -> None:
    done = envdiff("fleet", *pair, "--format", "markdown")
    assert done.returncode == 1, done.stderr
    text = done.stdout.decode()
    assert units(text) <= TICKET
    assert "oneDNN kernels run on one side only" in text


def test_many_groups_and_many_fingerprints_stay_readable(tmp_path: Path) -> None:
    write_fleet(tmp_path, {f"pod-{at:03}": {"env.TF_NEVER_HEARD_OF": str(at % 50)} for at in range(120)})
    done = envdiff("fleet", ".", cwd=tmp_path)
    lines = done.stdout.decode().splitlines()
    assert len(lines) < 120
    assert any("more groups not shown here" in line for line in lines)


# --- models -------------------------------------------------------------------------------------------------

# Facts of a model in a process of its own, which says how large it became.
READ = """
import json, sys
from pathlib import Path
from envdiff.model.facts import model_facts
facts = model_facts(sys.argv[1]).facts
peak = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps([peak, len(json.dumps(facts)), facts["model.ops"], facts["model.weights.count"]]))
"""


def test_a_deep_model_is_a_small_fingerprint(tmp_path: Path) -> None:
    """A fifth of what tests/bench/bench_scale.py measures."""
    deep(tmp_path, 100_000)
    names = [f"layer_{at}/kernel/.ATTRIBUTES/VARIABLE_VALUE" for at in range(10_000)]
    write_bundle(tmp_path, {name: np.full(4, at, "float32") for at, name in enumerate(names)})
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path)], capture_output=True, check=True)
    peak, length, ops, weights = json.loads(done.stdout)
    assert {"Conv2D", "BiasAdd", "Relu"} <= set(ops)
    assert weights == 10_000
    assert length < 10_000
    assert peak < 120 * 2**20 + 8 * (tmp_path / "saved_model.pb").stat().st_size
    shown = envdiff("model", "show", tmp_path).stdout.decode()
    assert len(shown) < 10_000


def test_lists_of_a_model_are_bounded_and_still_tell_models_apart(tmp_path: Path) -> None:
    def odd(name: str, last: str) -> dict[str, Any]:
        kinds = [*map(str, range(4_999)), last]
        own = (node(f"n{at}", f"Own{kind}", "x" if at == 0 else f"n{at - 1}") for at, kind in enumerate(kinds))
        chain = [node("x", "Placeholder"), *own]
        return dict(model_facts(write_saved_model(tmp_path / name, saved_model(chain, "n4999"))).facts)

    one, other = odd("one", "Last"), odd("other", "Other")
    for path in ("model.ops", "model.custom_ops"):
        assert len(one[path]) == 2_001
        assert "more, crc32 " in one[path][-1]
        assert one[path] != other[path]


def test_operations_that_rules_ask_for_are_never_among_the_rest(tmp_path: Path) -> None:
    chain = [
        node("x", "Placeholder"),
        *(node(f"n{at}", f"Aaa{at}", "x" if at == 0 else f"n{at - 1}") for at in range(3_000)),
    ]
    chain.append(node("y", "MatMul", "n2999"))
    facts = model_facts(write_saved_model(tmp_path / "m", saved_model(chain))).facts
    ops = facts["model.ops"]
    assert isinstance(ops, list)
    assert "MatMul" in ops


def test_a_thousand_signatures_are_told_by_name_and_some_in_full(tmp_path: Path) -> None:
    message = saved_model([node("x", "Placeholder"), node("y", "Relu", "x")])
    for at in range(1_000):
        message.meta_graphs[0].signature_def[f"extra_{at:04}"].CopyFrom(
            message.meta_graphs[0].signature_def["serving_default"]
        )
    reading = model_facts(write_saved_model(tmp_path / "m", message))
    assert len(reading.facts["model.signatures"]) == 1_001  # type: ignore[arg-type]
    assert sum(path.endswith(".ops") for path in reading.facts) <= 101
    assert reading.facts["model.signature.serving_default.ops"] == ["Placeholder", "Relu"]
    assert reading_of(reading.model).facts == reading.facts


def test_thousands_of_assets_are_one_digest_and_some_names(tmp_path: Path) -> None:
    write_saved_model(tmp_path / "m")
    assets = tmp_path / "m" / "assets"
    assets.mkdir()
    for at in range(3_000):
        (assets / f"words-{at:04}.txt").write_text(str(at), encoding="utf-8")
    facts = model_facts(tmp_path / "m").facts
    assert facts["model.files.count"] == 3_001
    assert sum(path.startswith("model.file.") for path in facts) <= 2_000
    (assets / "words-2999.txt").write_text("another", encoding="utf-8")
    again = model_facts(tmp_path / "m").facts
    assert facts["model.files.digest"] != again["model.files.digest"]
    assert facts["model.vocabularies"] != again["model.vocabularies"]


def test_a_fingerprint_of_such_a_model_is_read_back(tmp_path: Path) -> None:
    facts = model_facts(write_saved_model(tmp_path / "m")).facts
    assert fingerprint(dict(facts)).get("model.format") == "savedmodel"
