"""A Docker engine for tests, and containers that are removed with the test that made them."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import build

from envdiff.capture.containers import LABEL

STATE = Path(tempfile.gettempdir()) / f"envdiff-test-engine-{os.getuid()}"


def missing(what: str) -> None:
    """Skip on a stranger's machine, fail in CI: the one of the tests' own conftest, whose name is taken here."""
    spec = importlib.util.spec_from_file_location("tests_conftest", Path(__file__).parent.parent / "conftest.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.missing(what)


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=30).returncode == 0


def start() -> None:
    if os.getuid() != 0 or shutil.which("dockerd") is None:
        missing("no Docker engine answers, and starting one takes root and dockerd")
    with (STATE / "log").open("wb") as log:
        started = subprocess.Popen(["dockerd"], stdout=log, stderr=log, start_new_session=True)
    (STATE / "pid").write_text(str(started.pid))
    for _ in range(300):
        if answers():
            return
        if started.poll() is not None:
            break
        time.sleep(0.2)
    missing(f"dockerd does not start: {(STATE / 'log').read_text(errors='replace')[-500:]}")


def stop() -> None:
    place = STATE / "pid"
    if not place.exists():
        return
    pid = int(place.read_text())
    place.unlink()
    os.kill(pid, signal.SIGTERM)
    for _ in range(150):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if os.waitpid(pid, os.WNOHANG)[0] if _is_child(pid) else False:
            return
        time.sleep(0.1)


def _is_child(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid())
    except OSError:
        return False


def built(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except build.CannotBuild as error:
        missing(str(error))


class Containers:
    """Containers of one test; removed with it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def run(self, image: str, *words: str, options: tuple[str, ...] = ()) -> str:
        name = f"envdiff-test-{uuid.uuid4().hex[:12]}"
        self.names.append(name)
        docker("run", "-d", "--name", name, *options, image, *words)
        return name

    def serve(self, image: str, models: Path, *words: str, options: tuple[str, ...] = ()) -> str:
        """A stand-in that has loaded the model mounted at /models/model."""
        name = self.run(image, *words, options=("-v", f"{models}:/models/model", *options))
        wait_until(lambda: "Exporting HTTP/REST" in docker("logs", name), f"{name} serves")
        return name

    def address(self, name: str) -> str:
        return "http://" + docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name) + ":8501"


def wait_until(holds: Callable[[], bool], what: str, limit: float = 90) -> None:
    end = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < end, f"waited {limit} s until {what}"
        time.sleep(0.1)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def leftovers() -> list[str]:
    """Temporary containers whose maker has ended: those of commands that still run, also of other tests, do not count."""
    listed = docker("ps", "-a", "--filter", f"label={LABEL}", "--format", '{{.Names}} {{.Label "' + LABEL + '"}}')
    made = (line.split() for line in listed.splitlines())
    return [name for name, maker in made if not Path("/proc", maker).exists()]


def temporary() -> list[str]:
    """Ids of all temporary containers of envdiff."""
    return docker("ps", "-a", "-q", "--no-trunc", "--filter", f"label={LABEL}").split()
