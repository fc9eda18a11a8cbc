"""A model that TensorFlow really runs, and pairs of environments that really differ."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.fingerprint import Fingerprint

MODELS = Path(__file__).parent / "make_models.py"
CLEAN = ("PATH", "HOME", "TMPDIR")


@pytest.fixture(scope="session")
def python221(tf_python: Callable[[str], Path]) -> Path:
    return tf_python("2.21.0")


@pytest.fixture(scope="session")
def python212(tf_python: Callable[[str], Path]) -> Path:
    return tf_python("2.12.1")


@pytest.fixture(scope="session")
def models(python212: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models written by the older TensorFlow, so that both load them."""
    folder = tmp_path_factory.mktemp("models")
    done = subprocess.run([str(python212), str(MODELS), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


Captured = Callable[..., Fingerprint]


@pytest.fixture(scope="session")
def captured() -> Captured:
    """A fingerprint of an interpreter as it is with these variables and no others."""

    def capture(python: Path, label: str, variables: Mapping[str, str] | None = None) -> Fingerprint:
        environ = {name: os.environ[name] for name in CLEAN if name in os.environ}
        request = Request(label=label, static=True)
        # With a language set, Python does not choose one by itself and write it into the environment.
        return capture_interpreter(python, request, environ={**environ, "LANG": "C.UTF-8", **(variables or {})})

    return capture


if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]
