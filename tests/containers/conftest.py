"""A real Docker engine, a Python TensorFlow container and the native stand-in."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "standin"))

import build
from engines import STATE, Containers, answers, built, docker, leftovers, missing, start, stop, wait_until

from envdiff.capture.containers import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that answers; one is started where none does and this user may. The last worker stops what was started."""
    if shutil.which("docker") is None:
        missing("Docker is not installed")
    STATE.mkdir(exist_ok=True)
    with (STATE / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with build.alone("engine"):
            if not answers():
                start()
        yield Engine()
        fcntl.flock(users, fcntl.LOCK_UN)
        with build.alone("engine"):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            stop()


@pytest.fixture(scope="session")
def standin(engine: Engine, python221: Path) -> str:
    return str(built(lambda: build.standin_image(python221)))


@pytest.fixture(scope="session")
def python_image(engine: Engine) -> str:
    return str(built(lambda: build.base_image("python3")))


@pytest.fixture(scope="session")
def probe_image(python_image: str) -> str:
    return str(built(lambda: build.probe_image(python_image)))


@pytest.fixture(scope="session")
def saved_models(python221: Path) -> Path:
    return Path(built(lambda: build.saved_models(python221)))


@pytest.fixture
def models(saved_models: Path, tmp_path: Path) -> Path:
    """A model's base path of this test alone, with version 1."""
    place = tmp_path / "models" / "model"
    place.mkdir(parents=True)
    shutil.copytree(saved_models / "1", place / "1")
    return place


@pytest.fixture
def containers(engine: Engine) -> Iterator[Containers]:
    made = Containers()
    before = set(leftovers())
    yield made
    for name in made.names:
        docker("rm", "-f", "-v", name, check=False)
    wait_until(lambda: set(leftovers()) <= before, "no temporary container outlives its command", 20)


@pytest.fixture(scope="session")
def tensorflow_mounts(python221: Path) -> tuple[str, ...]:
    """TensorFlow's own packages for the Python of ``python_image``, which has the same version."""
    packages = build.include_folder(python221).parent
    return ("-v", f"{packages}:/packages:ro", "-e", "PYTHONPATH=/packages")
