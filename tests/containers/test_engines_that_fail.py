"""No engine, an engine that refuses, a container that goes away: each is told with what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from engines import Containers, docker

from envdiff.capture import container_ways
from envdiff.capture.container_ways import Case, ContainerRequest, capture_container
from envdiff.capture.containers import Engine
from envdiff.errors import UnusableInput, WorldFailed

CONNECT = """
import sys
from envdiff.capture.containers import Engine
from envdiff.errors import WorldFailed
try:
    Engine()
except WorldFailed as error:
    print(error.message, '|', error.hint)
"""


def connect(host: str, **more: object) -> str:
    env = {**os.environ, "DOCKER_HOST": host}
    done = subprocess.run(
        [sys.executable, "-c", CONNECT], env=env, capture_output=True, text=True, timeout=60, check=False, **more
    )  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_no_engine(tmp_path: Path) -> None:
    said = connect(f"unix://{tmp_path}/none.sock")
    assert "no Docker engine answers" in said
    assert "--pid N" in said


def test_an_engine_that_is_gone_but_left_its_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "old.sock"))
    assert "no Docker engine answers" in connect(f"unix://{tmp_path}/old.sock")


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_an_engine_without_permission() -> None:
    folder = Path("/tmp") / f"envdiff-closed-{os.getpid()}"
    folder.mkdir()
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "docker.sock"))
            (folder / "docker.sock").chmod(0o600)
            listener.listen()
            said = refused_to_nobody(f"unix://{folder}/docker.sock")
        assert "may not use it" in said
        assert "group docker" in said
    finally:
        (folder / "docker.sock").unlink(missing_ok=True)
        folder.rmdir()


def refused_to_nobody(host: str) -> str:
    program = f"import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n{CONNECT}"
    preload = "import docker, requests, envdiff.capture.containers, envdiff.errors\n"
    env = {**os.environ, "DOCKER_HOST": host, "HOME": "/tmp"}
    done = subprocess.run(
        [sys.executable, "-c", preload + program], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.docker
@pytest.mark.tensorflow
def test_a_container_that_goes_away_in_the_middle(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    container = engine.running(name)

    docker("rm", "-f", name)
    with pytest.raises(WorldFailed, match="removed while it was being read"):
        container_ways._still_there(Case(engine, container, ContainerRequest(name)), WorldFailed("the reader ended"))


@pytest.mark.docker
@pytest.mark.tensorflow
def test_a_container_that_is_killed_while_it_is_read(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    timer = threading.Timer(0.15, lambda: docker("kill", name, check=False))
    timer.start()
    try:
        capture_container(ContainerRequest(name, way="sidecar", probe_image=probe_image), engine)
    except WorldFailed as error:
        assert any(word in error.message for word in ("stopped", "removed", "not running"))  # noqa: PT017
    finally:
        timer.join()


@pytest.mark.docker
def test_a_container_without_a_name(engine: Engine) -> None:
    with pytest.raises(UnusableInput, match="name or an id"):
        capture_container(ContainerRequest(""), engine)
    with pytest.raises(WorldFailed, match="no such container"):
        capture_container(ContainerRequest("envdiff-test-nobody"), engine)
