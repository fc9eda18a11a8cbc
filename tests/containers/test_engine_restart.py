"""The engine is restarted in the middle: an answer or a reason, and no container stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import docker, wait_until

from envdiff.capture.containers import LABEL, Engine

pytestmark = pytest.mark.docker

IMAGE = "envdiff-test-private:1"


class Private:
    """An engine of its own, in a network of its own (it would take down the bridge of the other one), so that other tests
    keep theirs. Its folder has a short path: sockets need one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/engine.sock"
        self.start()

    def start(self) -> None:
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        words = [word for name, place in places.items() for word in (f"--{name}", str(self.folder / place))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "dockerd", "--host", self.host, "--bridge", "none", "--iptables=false", *words],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_until(self.answers, "the private engine answers", 60)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def answers(self) -> bool:
        asked = ["docker", "--host", self.host, "version"]
        return subprocess.run(asked, capture_output=True, check=False, timeout=30).returncode == 0

    def containers(self) -> str:
        return docker("--host", self.host, "ps", "-a", "-q", "--filter", f"label={LABEL}")


@pytest.fixture(scope="module")
def private(engine: Engine, python_image: str) -> Iterator[Private]:
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))
    made = Private(folder)
    try:
        subprocess.run(
            f"docker save {python_image} | docker --host {made.host} load", shell=True, check=True, capture_output=True
        )
        container = docker("--host", made.host, "create", python_image, "sleep", "600")
        docker("--host", made.host, "commit", "--change", 'CMD ["sleep", "600"]', container, IMAGE)
        docker("--host", made.host, "rm", container)
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("kind", ["temporary", "serving"])
def test_what_was_made_before_is_removed_after(private: Private, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", private.host)
    engine = Engine()
    held = engine.temporary(IMAGE, ["sleep", "600"]) if kind == "temporary" else engine.serving(IMAGE, {}, [])
    with held:
        private.stop()
        private.start()
    assert not private.containers()


def test_an_engine_that_comes_back_late_is_waited_for(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", private.host)
    engine = Engine()
    made = engine.create_only(IMAGE)
    private.stop()
    back = threading.Timer(1.0, private.start)
    back.start()
    engine.remove(made)
    back.join()
    assert not private.containers()


@pytest.mark.parametrize("after", [0.2, 0.6, 1.2, 2.0])
def test_a_capture_through_a_restart(private: Private, after: float, tmp_path: Path) -> None:
    out = tmp_path / "image.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "envdiff", "capture", "--image", IMAGE, "-o", str(out)],
        env={**os.environ, "DOCKER_HOST": private.host, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(after)
    private.stop()
    private.start()
    _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 4), said
    assert "Traceback" not in said
    assert out.exists() is (process.returncode == 0)
    wait_until(lambda: not private.containers(), "no container is left", 20)
    assert [one.name for one in tmp_path.iterdir()] == (["image.json"] if process.returncode == 0 else [])
