"""``envdiff isolate`` told what it cannot do: a reason and status 2 or 3, before anything runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from builders import document


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ("--vary way", 2, "KNOB=LEFT:RIGHT"),
        ("--vary moon=full:new", 2, "no such knob"),
        ("--vary calls=batch:many", 2, "singly or in a batch"),
        ("--vary transport=rest:telnet", 2, "by rest or by grpc"),
        ("--vary transport=rest:grpc", 2, "--right-image REF"),
        ("--right-image any:1 --right-python python3", 2, "exclude each other"),
        ("--resume a.jsonl --journal b.jsonl", 2, "exclude each other"),
        ("--jobs 0", 2, "--jobs"),
        ("--trial-memory much", 2, "a size is wanted"),
        ("--budget soon", 2, "--budget"),
        ("--install --right-python python3", 2, "--install"),
        ("--model gone", 3, "gone"),
    ],
)
def test_what_cannot_be_done_is_told_first(words: str, status: int, says: str, tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / f"{name}.json").write_text(json.dumps(document(label=name)), encoding="utf-8")
    (tmp_path / "model").mkdir()
    command = [sys.executable, "-m", "envdiff", "isolate", "left.json", "right.json", "--model", "model"]
    done = subprocess.run([*command, *words.split()], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert not done.stdout
