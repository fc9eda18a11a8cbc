"""What every test may count on: a quiet environment, real interpreters, real TensorFlow."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from absent import IN_CI, missing
from hypothesis import settings
from platformdirs import user_cache_path

from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.demo.environments import tensorflow_environment
from envdiff.errors import WorldFailed
from envdiff.fingerprint import Fingerprint

QUIET = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "PYTHONHASHSEED")
PREFIXES = ("TF_", "ONEDNN_", "DNNL_", "XLA_", "KERAS_", "CUDA_", "NVIDIA_", "OMP_", "MKL_", "KMP_", "ENVDIFF_")


def pytest_configure() -> None:
    """Variables of the person who runs the tests must not decide what they see."""
    # New examples are for the person who looks at them; a change must not fail because of what another one left.
    settings.register_profile("same", derandomize=True)
    settings.load_profile("same" if IN_CI else "default")
    for name in list(os.environ):
        if (name in QUIET or name.startswith(PREFIXES)) and name != "ENVDIFF_UPDATE_GOLDEN":
            del os.environ[name]


@pytest.fixture(scope="session")
def tf_python() -> Callable[[str], Path]:
    """The interpreter of an environment with that TensorFlow, made on demand and kept in the user's cache."""

    def find(version: str) -> Path:
        try:
            return tensorflow_environment(version, user_cache_path("envdiff") / "environments", print)
        except (WorldFailed, subprocess.TimeoutExpired) as error:
            missing(f"no environment with TensorFlow {version}: {error}")
            raise

    return find


@pytest.fixture(scope="session")
def interpreter() -> Callable[[str], Path]:
    """A Python of that version (``3.6``), from PATH or from pyenv."""

    def find(version: str) -> Path:
        root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
        managed = sorted(root.glob(f"{version}.*/bin/python"))
        found = managed[-1] if managed else shutil.which(f"python{version}")
        if found is None:
            missing(f"no Python {version} on this machine")
        return Path(str(found))

    return find


@pytest.fixture(scope="session")
def python221(tf_python: Callable[[str], Path]) -> Path:
    return tf_python("2.21.0")


@pytest.fixture(scope="session")
def python212(tf_python: Callable[[str], Path]) -> Path:
    return tf_python("2.12.1")


@pytest.fixture(scope="session")
def trial_models(python212: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models written by the older TensorFlow, so that both load them: see experiment/make_models.py."""
    folder = tmp_path_factory.mktemp("models")
    script = Path(__file__).parent / "experiment" / "make_models.py"
    done = subprocess.run([str(python212), str(script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def captured() -> Callable[..., Fingerprint]:
    """A fingerprint of an interpreter as it is with these variables and no others."""

    def capture(python: Path, label: str, variables: Mapping[str, str] | None = None) -> Fingerprint:
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        # With a language set, Python does not choose one by itself and write it into the environment.
        environ |= {"LANG": "C.UTF-8", **(variables or {})}
        return capture_interpreter(python, Request(label=label, static=True), environ=environ)

    return capture


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, so that nothing of the user's is read or written."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder
