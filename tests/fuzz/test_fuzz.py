"""What fuzzing found is read again, and every reader is fuzzed for a moment."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from absent import missing

HERE = Path(__file__).resolve().parent
TARGETS = (
    "fingerprint", "report", "rules", "settings_file", "saved_model", "bundle", "bundle_entries", "keras", "keras_members",
    "hdf5", "hdf5_inside", "tflite", "frozen", "server_files", "process", "reader_answers", "rest", "grpc", "rows", "parquet",
    "tfrecord", "answers",
)  # fmt: skip
LONGEST_S = 15.0
MOST_MB = 900
SECONDS = 2


def script(name: str, *arguments: str, limit_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False, env={**os.environ})


def test_the_targets_are_those_of_the_fuzzer() -> None:
    listed = script("fuzz_replay.py", "no such target", limit_s=60)
    named = subprocess.run(
        [sys.executable, "-c", "import fuzz_replay, fuzz_targets; print(*fuzz_targets.TARGETS)"],
        cwd=HERE, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert "KeyError" in listed.stderr
    assert tuple(named.stdout.split()) == TARGETS, named.stderr
    assert {folder.name for folder in (HERE / "found").iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_found_is_read_in_time_and_memory(target: str) -> None:
    done = script("fuzz_replay.py", target, limit_s=400)
    assert done.returncode == 0, done.stderr[-3000:]
    *inputs, last = map(json.loads, done.stdout.splitlines())

    assert len(inputs) >= len(list((HERE / "found" / target).glob("*"))) + 1
    assert max(one["seconds"] for one in inputs) < LONGEST_S
    assert last["megabytes"] < MOST_MB


@pytest.mark.parametrize("target", TARGETS)
def test_a_moment_of_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        missing("atheris is not installed")
    done = script("fuzz.py", target, "--seconds", str(SECONDS), "--artifacts", str(tmp_path / "broken"), limit_s=300)

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done " in done.stderr, done.stderr[-3000:]
    assert [file.name for file in (tmp_path / "broken").iterdir() if not file.name.startswith("slow-unit")] == []
