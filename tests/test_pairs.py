"""Real pairs: TensorFlow captured twice on this machine, and the report that must come out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from documents import README, blocks

pytestmark = pytest.mark.tensorflow

OLD, NEW = "2.12.1", "2.21.0"
Capture = Callable[..., Path]


@dataclass
class Captures:
    """Fingerprints by (version, variables); each is captured once for all tests."""

    folder: Path
    python: Callable[[str], Path]
    made: dict[tuple[str, tuple[tuple[str, str], ...]], Path] = field(default_factory=dict)

    def __call__(self, version: str, **variables: str) -> Path:
        key = (version, tuple(sorted(variables.items())))
        if key not in self.made:
            target = self.folder / f"{len(self.made)}.json"
            command = [
                sys.executable,
                "-m",
                "envdiff",
                "capture",
                "--python",
                str(self.python(version)),
                "-o",
                str(target),
            ]
            subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, timeout=300)
            self.made[key] = target
        return self.made[key]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, tf_python: Callable[[str], Path]) -> Captures:
    """Real captures, on demand."""
    return Captures(tmp_path_factory.mktemp("captures"), tf_python)


def report(left: Path, right: Path) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "envdiff", "report", str(left), str(right), "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def rules(answer: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in answer["findings"]]


def test_an_environment_against_itself_is_empty(captured: Captures) -> None:
    status, answer = report(captured(NEW), captured(NEW))
    assert status == 0
    assert answer["answer"]["verdict"] == "harmless"
    sections = ("findings", "too_small", "same_in_effect", "ruled_out", "unexplained", "unread")
    assert not any(answer[name] for name in sections)


def test_onednn_switched_off_on_one_side_is_the_cause(captured: Captures) -> None:
    status, answer = report(captured(NEW, TF_ENABLE_ONEDNN_OPTS="0"), captured(NEW))
    left, right = (side for side in (answer["findings"][0]["left"], answer["findings"][0]["right"]))
    if left == right:
        pytest.fail("this processor leaves oneDNN off by itself")
    assert status == 1
    assert answer["findings"][0]["about"] == "setting.onednn"
    assert len(answer["findings"]) == 1
    assert "oneDNN" in answer["answer"]["sentence"]
    assert not answer["unexplained"]


def test_the_default_written_out_is_the_same_in_effect(captured: Captures) -> None:
    status, answer = report(captured(NEW, TF_ENABLE_ONEDNN_OPTS="1"), captured(NEW))
    assert status == 0
    assert not answer["findings"]
    assert [one["about"] for one in answer["same_in_effect"]] == ["env.TF_ENABLE_ONEDNN_OPTS"]


def test_a_gpu_variable_on_two_cpus_is_ruled_out(captured: Captures) -> None:
    status, answer = report(captured(NEW, TF_CUDNN_DETERMINISTIC="1"), captured(NEW))
    assert status == 0
    assert [one["about"] for one in answer["ruled_out"]] == ["env.TF_CUDNN_DETERMINISTIC"]


def test_noise_says_that_nothing_can_move(captured: Captures) -> None:
    noise = {"TF_CPP_MIN_LOG_LEVEL": "2", "LANG": "C", "MALLOC_ARENA_MAX": "2", "TF_NUM_INTEROP_THREADS": "1",
             "PYTHONHASHSEED": "0", "MY_OWN_VARIABLE": "x", "NVIDIA_TF32_OVERRIDE": "0"}  # fmt: skip
    status, answer = report(captured(NEW, **noise), captured(NEW))
    assert status == 0
    assert answer["answer"]["verdict"] == "harmless", answer["answer"]
    assert not (answer["findings"] or answer["unexplained"])


def test_two_releases_bring_the_known_changes(captured: Captures) -> None:
    status, answer = report(captured(OLD), captured(NEW))
    assert status == 1
    (version,) = [one for one in answer["findings"] if one["about"] == "tensorflow.version"]
    assert version["changes"]
    assert any(one["about"] == "setting.keras_generation" for one in answer["findings"])
    assert len(answer["unexplained"]) <= 2, answer["unexplained"]


def test_swapping_the_sides_mirrors_the_report(captured: Captures) -> None:
    pair = captured(OLD, TF_ENABLE_ONEDNN_OPTS="0"), captured(NEW)
    (_, forth), (_, back) = report(*pair), report(*reversed(pair))
    assert rules(forth) == rules(back)
    assert [one["left"] for one in forth["findings"]] == [one["right"] for one in back["findings"]]


def test_a_static_capture_agrees_with_a_full_one(captured: Captures, tmp_path: Path) -> None:
    target = tmp_path / "static.json"
    command = [
        sys.executable,
        "-m",
        "envdiff",
        "capture",
        "--static",
        "--python",
        str(captured.python(NEW)),
        "-o",
        str(target),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    status, answer = report(target, captured(NEW))
    assert status == 0
    assert not answer["findings"]
    assert {gap["path"].partition(".")[0] for gap in answer["unread"]} <= {
        "runtime",
        "libraries",
        "tensorflow",
        "builds",
    }


def test_the_demo_measures_about_what_the_report_says(tmp_path: Path, tf_python: Callable[[str], Path]) -> None:
    assert tf_python(OLD) and tf_python(NEW)
    command = [sys.executable, "-m", "envdiff", "demo", "--left", NEW, "--right", OLD, "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    answer = json.loads((tmp_path / "report.json").read_bytes())
    (measured,) = answer["delta"]["outputs"].values()
    assert 0 < measured["max_abs"] < 1e-4
    assert answer["findings"][0]["size"] == "last-bits"
    assert answer["findings"][0]["fits_delta"] is True
    # The README shows the first screen of such a report: what it says there is still what is said.
    (shown,) = [block for block in blocks(README, "text") if block.startswith("left ")]
    head = done.stdout.decode().splitlines()[: shown.count("\n")]
    assert [line[:10] for line in head] == [line[:10] for line in shown.splitlines()]
