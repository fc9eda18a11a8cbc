"""`envdiff rules verify` with real TensorFlow: the quick subset holds, and a wrong rule is found out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.tensorflow

RULE = """\
id: {id}
title: A claim to try
about: {about}
layer: kernels
verdict: {verdict}
size: {size}
basis: measured
mechanism: It was written down to be tried.
confirm: {{env: {{{env}}}}}
fix: Nothing.
sources: [{{what: nobody, where: nowhere, read: 2026-11-22}}]
"""
ONEDNN = {"about": "setting.onednn", "env": "TF_ENABLE_ONEDNN_OPTS: ['0', '1']"}
PLANTED = {
    "planted-harmless": {**ONEDNN, "verdict": "harmless", "size": "none"},
    "planted-small": {**ONEDNN, "verdict": "can-move", "size": "none"},
    "planted-right": {**ONEDNN, "verdict": "can-move", "size": "last-bits"},
    "planted-inert": {
        "about": "setting.timezone",
        "env": "TZ: [Asia/Tokyo, null]",
        "verdict": "moves",
        "size": "small",
    },
}


@pytest.fixture(scope="module")
def verify(tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory):
    """Runs the command; the tests of this module share a cache, and so their trials."""
    folder = tmp_path_factory.mktemp("verify")
    rules = folder / "rules"
    rules.mkdir()
    for name, claims in PLANTED.items():
        (rules / f"{name}.yaml").write_text(RULE.format(id=name, **claims), encoding="utf-8")
    config = folder / "envdiff.toml"
    config.write_text(f'[tool.envdiff]\nrules = ["{rules}"]\n', encoding="utf-8")
    python = tf_python("2.21.0")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "envdiff", "rules", "verify", *words, "--config", str(config), "--jobs", "2"]
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "TF_ENABLE_ONEDNN_OPTS": "0"}
        return subprocess.run(
            [*command, "--python", str(python)], capture_output=True, text=True, env=environ, timeout=900, check=False
        )

    run.journals = folder / "cache" / "envdiff" / "verify"  # type: ignore[attr-defined]
    return run


def test_the_quick_subset_holds(verify) -> None:
    done = verify("--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.split("\n\n")
    assert told[0].startswith("TensorFlow 2.21.0, Python 3.11")
    holds = next(block for block in told if block.startswith("holds"))
    for rule in ("onednn-one-side", "kernel-isa", "model-random-unseeded", "timezone", "hash-seed"):
        assert f"  {rule}\n" in holds
    idle = next(block for block in told if block.startswith("not applicable here"))
    assert "cudnn-autotune" in idle
    assert "GPU" in idle
    assert "broken" not in done.stdout


def test_a_wrong_rule_is_found_out_and_named(verify) -> None:
    done = verify(*PLANTED, "--quick", "--format", "json")
    assert done.returncode == 1, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert {name: one["outcome"] for name, one in run["rules"].items()} == {
        "planted-harmless": "broken",
        "planted-small": "broken",
        "planted-right": "holds",
        "planted-inert": "broken",
    }
    assert "called harmless" in run["rules"]["planted-harmless"]["why"]
    assert "at most none" in run["rules"]["planted-small"]["why"]
    assert "moves nothing" in run["rules"]["planted-inert"]["why"]


def test_what_was_run_is_not_run_again(verify, tmp_path: Path) -> None:
    words = ("onednn-one-side", "--quick", "--record", str(tmp_path / "here.json"))
    assert verify(*words).returncode == 0
    before = [(file.name, file.stat().st_size) for file in sorted(verify.journals.glob("*.jsonl"))]
    assert before
    assert verify(*words).returncode == 0
    assert [(file.name, file.stat().st_size) for file in sorted(verify.journals.glob("*.jsonl"))] == before
    (run,) = json.loads((tmp_path / "here.json").read_text(encoding="utf-8"))["runs"]
    assert list(run["rules"]) == ["onednn-one-side"]


def test_a_spent_budget_leaves_the_rest_unmeasured(verify, tmp_path: Path) -> None:
    done = verify("kernel-isa", "--budget", "0", "--format", "json")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    told = run["rules"]["kernel-isa"]
    assert (told["outcome"], told["why"], told["changes"]) == ("not measured", "the budget is spent", {})
    assert told["claimed"]["size"] == "last-bits"


def test_an_interpreter_without_tensorflow_is_refused(verify) -> None:
    done = verify("timezone", "--python", sys.executable)
    assert done.returncode == 3
    assert "no TensorFlow" in done.stderr
