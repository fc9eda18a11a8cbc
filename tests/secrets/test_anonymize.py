"""--anonymize: names of hosts, users and directories go, consistently, and a report still works."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import document, fingerprint

from envdiff.capture.anonymize import Names, anonymized
from envdiff.compare import ANONYMIZED, compare
from envdiff.fingerprint import from_document

KEY = b"5c" * 32
NAMES = Names(("build-host-17.corp.example.com", "build-host-17"), ("mallory",))
FACTS: dict[str, Any] = {
    "python.executable": "/srv/acme/venv/bin/python",
    "python.prefix": "/srv/acme/venv",
    "process.command": ["/srv/acme/venv/bin/python", "/srv/acme/serve.py", "--host=db.acme.example:5432", "--rate=2"],
    "env.MODEL_BASE_PATH": "s3://acme-models/resnet/3",
    "env.PYTHONPATH": "/srv/acme/lib:/srv/acme/venv",
    "env.LD_PRELOAD": "/opt/acme/lib/libtcmalloc.so.4",
    "libraries.libm.path": "/usr/lib/x86_64-linux-gnu/libm.so.6",
    "libraries.libopenblas.path": "/srv/acme/venv/lib/python3.11/site-packages/numpy.libs/libopenblas-32a4b2a6.so",
    "serving.model.m.base_path": "/models/acme",
    "serving.states": ["failed on build-host-17 for mallory: /home/mallory/x.pb"],
    "runtime.physical_devices": ["CPU:0", "/job:localhost/replica:0/task:0/device:CPU:0"],
    "tensorflow.version": "2.15.0",
    "os.release": "6.1.0-27-cloud-amd64",
    "cuda.system.libcudnn9": "9.1.0.70-1+cuda12.2",
    "container.name": "acme-serving",
    "container.user": "mallory:users",
}


def made(facts: dict[str, Any] | None = None, key: bytes | None = None) -> dict[str, Any]:
    one = document(facts or FACTS, label="acme-serving on build-host-17")
    one["unread"] = {"gpu": "no permission to read /srv/acme/x: ask mallory@acme.example.com"}
    return anonymized(one, NAMES, key)


def test_names_are_gone_and_settings_stay() -> None:
    before = document(FACTS)
    kept = copy.deepcopy(before)
    found = made()
    text = json.dumps(found["facts"]) + json.dumps(found["unread"]) + found["subject"]["label"]
    for name in ("acme", "mallory", "build-host-17", "corp"):
        assert name not in text, [line for line in text.split(",") if name in line]
    facts = found["facts"]
    for path in (
        "tensorflow.version",
        "os.release",
        "cuda.system.libcudnn9",
        "libraries.libm.path",
        "runtime.physical_devices",
    ):
        assert facts[path] == FACTS[path]
    assert facts["env.LD_PRELOAD"].endswith("/lib/libtcmalloc.so.4")
    assert facts["libraries.libopenblas.path"].endswith(
        "/lib/python3.11/site-packages/numpy.libs/libopenblas-32a4b2a6.so"
    )
    assert facts["env.MODEL_BASE_PATH"].endswith("/3")
    assert before == kept


def test_the_same_name_has_the_same_replacement() -> None:
    facts = made()["facts"]
    prefix = facts["python.prefix"]
    assert re.fullmatch(r"/anon-path-\d+", prefix)
    assert facts["python.executable"] == f"{prefix}/bin/python" == facts["process.command"][0]
    assert facts["env.PYTHONPATH"].split(":")[1] == prefix
    assert made() == made() | {"captured_at": made()["captured_at"]}


def test_anonymized_fingerprints_are_fingerprints() -> None:
    found = from_document(made(), "left")
    assert found.anonymized == ""
    assert from_document(made(key=KEY), "left").anonymized


def test_what_agrees_but_for_names_is_neither_equal_nor_different() -> None:
    left, right = (from_document(made({**FACTS, "python.prefix": place}), "x") for place in ("/srv/a", "/srv/b"))
    found = compare(left, right)
    assert "python.prefix" not in [one.path for one in found.mismatches]
    assert ANONYMIZED in [one.path for one in found.incomparable]


def test_with_a_key_they_are_told_apart() -> None:
    places = ("/srv/a", "/srv/b", "/srv/a")
    one, other, same = (from_document(made({**FACTS, "python.prefix": place}, KEY), "x") for place in places)
    assert "python.prefix" in [found.path for found in compare(one, other).mismatches]
    again = compare(one, same)
    assert again.mismatches == ()
    assert ANONYMIZED not in [found.path for found in again.incomparable]


def test_what_differs_besides_is_a_mismatch() -> None:
    left = from_document(made(), "x")
    right = from_document(made({**FACTS, "process.command": [*FACTS["process.command"], "--fast"]}), "x")
    assert "process.command" in [one.path for one in compare(left, right).mismatches]


def test_against_one_that_was_not() -> None:
    found = compare(from_document(made(), "x"), fingerprint(FACTS))
    assert "python.prefix" not in [one.path for one in found.mismatches]


@pytest.mark.parametrize("kind", ["terminal", "markdown", "html", "json"])
def test_the_commands_work_with_it(tmp_path: Path, kind: str) -> None:
    env = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "USER": "mallory",
        "KERAS_HOME": str(tmp_path / "acme" / "keras"),
    }
    for name, variable in (("a", "0"), ("b", "1")):
        done = subprocess.run(
            [sys.executable, "-m", "envdiff", "capture", "--static", "--python", sys.executable, "--anonymize", "-o", f"{name}.json"],
            env={**env, "TF_ENABLE_ONEDNN_OPTS": variable}, cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "captured " in done.stderr
        text = (tmp_path / f"{name}.json").read_text()
        assert "acme" not in text and str(Path(sys.prefix)) not in text
    done = subprocess.run(
        [sys.executable, "-m", "envdiff", "report", "a.json", "b.json", "--format", kind],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert "TF_ENABLE_ONEDNN_OPTS" in done.stdout
