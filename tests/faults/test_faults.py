"""Every step that writes against every fault: nothing half-written, nothing lost that was there, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import Captured, document

PREFIX = "envdiff-"
OLD = "what was there before\n"

# What a step is called -> its command, with {out} for the file it writes and {a}, {b} for two fingerprints.
STEPS: Mapping[str, tuple[str, ...]] = {
    "capture": ("capture", "--static", "--python", sys.executable, "-o", "{out}"),
    "report": ("report", "{a}", "{b}", "--format", "html", "--fail-on", "never", "-o", "{out}"),
    "fleet": ("fleet", "{a}", "{b}", "--format", "json", "--fail-on", "never", "-o", "{out}"),
    "rules": ("rules", "reference", "-o", "{out}"),
    "schema": ("schema", "report", "-o", "{out}"),
    "probe": ("probe", "-o", "{out}"),
}
WHOLE: Mapping[str, Callable[[str], object]] = {
    "capture": json.loads,
    "report": lambda text: text.rindex("</html>"),
    "fleet": json.loads,
    "rules": lambda text: text.rindex("\n"),
    "schema": json.loads,
    "probe": lambda text: compile(text, "probe", "exec"),
}


@pytest.fixture
def sides(tmp_path: Path) -> dict[str, str]:
    left, right = document(), document({"env.TF_ENABLE_ONEDNN_OPTS": "0"}, label="right")
    for name, one in (("a", left), ("b", right)):
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    return {name: str(tmp_path / f"{name}.json") for name in "ab"}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A place for temporary files of these commands alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def start(step: str, sides: Mapping[str, str], out: Path, temporary: Path) -> subprocess.Popen[str]:
    command = [word.format(out=out, **sides) for word in STEPS[step]]
    return subprocess.Popen(
        [sys.executable, "-m", "envdiff", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip


def run(step: str, sides: Mapping[str, str], out: Path, temporary: Path) -> tuple[int, str]:
    process = start(step, sides, out, temporary)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def left_behind(*folders: Path) -> list[str]:
    """Partial files and temporary folders of ours."""
    found = [one.name for folder in folders for one in folder.iterdir()]
    return [name for name in found if name.endswith(".partial") or name.startswith(PREFIX)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "disk", "size=16k")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "fixed", "ro")


def mounted(place: Path, options: str) -> Iterator[Path]:
    """A disk of its own. Root may write anywhere, so that a folder's permissions say nothing."""
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this machine cannot mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=False)


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk(step: str, sides: dict[str, str], small_disk: Path, temporary: Path) -> None:
    out = small_disk / "out"
    out.write_text(OLD)
    (small_disk / "rest").write_bytes(b"x" * 8000)
    status, said = run(step, sides, out, temporary)
    if status == 0:
        WHOLE[step](out.read_text())  # it fitted after all
        return
    assert status == 4, said
    assert "No space left" in said
    assert out.read_text() == OLD
    assert not left_behind(small_disk, temporary)


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_may_not_be_written(step: str, sides: dict[str, str], read_only: Path, temporary: Path) -> None:
    status, said = run(step, sides, read_only / "out", temporary)
    assert status == 4, said
    assert "Read-only file system" in said
    assert not left_behind(temporary)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_an_end_at_any_moment(
    step: str, how: signal.Signals, sides: dict[str, str], tmp_path: Path, temporary: Path
) -> None:
    """Killed at five moments of its life, then run to the end: the file is old or whole, and nothing else is there."""
    out = tmp_path / "out"
    out.write_text(OLD)
    began = time.monotonic()
    run(step, sides, tmp_path / "other", temporary)
    whole = time.monotonic() - began
    for part in (0.3, 0.6, 0.8, 0.9, 1.0):
        process = start(step, sides, out, temporary)
        time.sleep(part * whole)
        process.send_signal(how)
        process.communicate(timeout=60)
        text = out.read_text()
        assert text == OLD or WHOLE[step](text) is not False
    assert run(step, sides, out, temporary)[0] == 0
    WHOLE[step](out.read_text())
    assert not left_behind(tmp_path, temporary)


@pytest.mark.parametrize("step", STEPS)
def test_two_that_write_the_same_file(step: str, sides: dict[str, str], tmp_path: Path, temporary: Path) -> None:
    out = tmp_path / "out"
    processes = [start(step, sides, out, temporary) for _ in range(3)]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    WHOLE[step](out.read_text())
    assert not left_behind(tmp_path, temporary)


def test_a_partial_file_of_one_that_still_writes_is_left_alone(tmp_path: Path) -> None:
    from envdiff.output import write
    from envdiff.scratch import locked

    theirs, dead = tmp_path / ".out.1.partial", tmp_path / ".out.2.partial"
    dead.write_text("half")
    with locked(theirs):
        write("new", tmp_path / "out")
        assert theirs.exists()
        assert not dead.exists()
    assert (tmp_path / "out").read_text() == "new"


def test_folders_of_the_dead_are_taken_away_and_those_of_the_living_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from envdiff.scratch import scratch

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import sys, tempfile; tempfile.tempdir = sys.argv[1]\nfrom envdiff.scratch import scratch\n"
        "with scratch('test') as folder:\n    (folder / 'x').write_text('x'); print(folder, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    theirs = Path(process.stdout.readline().strip())
    with scratch("test"):
        assert theirs.is_dir()
    process.kill()
    process.wait()
    with scratch("test") as mine:
        assert not theirs.exists()
    assert not mine.exists()


# ---------------------------------------------------------------- what is read goes away


def test_a_process_that_goes_while_it_is_read(tmp_path: Path, temporary: Path) -> None:
    """Read again and again while processes end: a fingerprint or a reason, never an exception."""
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2):
        process = subprocess.Popen(["sleep", str(delay)])
        command = [
            sys.executable,
            "-m",
            "envdiff",
            "capture",
            "--pid",
            str(process.pid),
            "-o",
            str(tmp_path / "p.json"),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(temporary)}, check=False
        )
        process.wait()
        assert done.returncode in (0, 4), done.stderr
        assert "Traceback" not in done.stderr
    assert not left_behind(tmp_path, temporary)


class Dying(BaseHTTPRequestHandler):
    """A model server that answers its status and the first question, and then no more."""

    answered = 0

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        if self.path.endswith("/metadata"):
            shape = {"dim": [{"size": "-1"}, {"size": "2"}]}
            info = {"dtype": "DT_FLOAT", "tensor_shape": shape, "name": "x:0"}
            signatures = {"serving_default": {"inputs": {"x": info}, "outputs": {"y": info}, "method_name": "predict"}}
            self.say({"metadata": {"signature_def": {"signature_def": signatures}}})
        else:
            self.say({"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": {}}]})

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        type(self).answered += 1
        if self.answered > 1:
            self.connection.close()
            threading.Thread(target=self.server.shutdown).start()
            return
        self.say({"outputs": rows["x"] if isinstance(rows, dict) else rows})

    def say(self, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_server_that_dies_between_two_answers(tmp_path: Path, temporary: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dying)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    out = tmp_path / "s.json"
    command = ["capture", "--server", address, "--model-name", "model", "--rows", "signature", "-o", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "envdiff", *command], capture_output=True, text=True, timeout=120,
        env={**os.environ, "TMPDIR": str(temporary)}, check=False,
    )  # fmt: skip
    server.server_close()
    assert done.returncode in (0, 4), done.stderr
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        json.loads(out.read_text())
    else:
        assert not out.exists()
    assert not left_behind(tmp_path, temporary)


def test_a_clock_that_jumps(sides: dict[str, str], tmp_path: Path, temporary: Path) -> None:
    """Files from the future and from 1970 are read like any other."""
    for moment in (0, 2**31 - 2):
        for file in sides.values():
            os.utime(file, (moment, moment))
        status, said = run("report", sides, tmp_path / "out", temporary)
        assert status == 0, said


JUMPS = """
import itertools, time
real, years = time.time, itertools.cycle((0, -20, 30, 5))
time.time = lambda: max(0.0, real() + next(years) * 31_556_952)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_jumps_while_it_runs(
    step: str, sides: dict[str, str], tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty years back and thirty on between any two looks at it, in every process that is started."""
    (tmp_path / "jumps").mkdir()
    (tmp_path / "jumps" / "sitecustomize.py").write_text(JUMPS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "jumps"))
    status, said = run(step, sides, tmp_path / "out", temporary)
    assert status == 0, said
    WHOLE[step]((tmp_path / "out").read_text())
    assert not left_behind(tmp_path, temporary)


@pytest.mark.tensorflow
def test_a_clock_that_jumps_between_trials(
    python221: Path, trial_models: Path, captured: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits, budgets and the journal go by a clock that nobody sets."""
    left, right = captured(python221, "left"), captured(python221, "right", {"TF_ENABLE_ONEDNN_OPTS": "0"})
    for name, side in (("left", left), ("right", right)):
        (tmp_path / f"{name}.json").write_text(json.dumps(side.document))
    (tmp_path / "jumps").mkdir()
    (tmp_path / "jumps" / "sitecustomize.py").write_text(JUMPS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "jumps"))
    command = [
        sys.executable, "-m", "envdiff", "isolate", "left.json", "right.json", "--model", str(trial_models / "conv"),
        "--left-python", str(python221), "--journal", "journal.jsonl", "--budget", "10m", "--format", "json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["culprits"] == ["TF_ENABLE_ONEDNN_OPTS"]
