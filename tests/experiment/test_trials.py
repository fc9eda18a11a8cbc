"""Trials that go wrong, journals that were cut off, and runners on other machines: nothing is lost, nothing lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import Captured

from envdiff import api
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.journal import Ended, Journal
from envdiff.experiment.knobs import Knobs
from envdiff.experiment.likeness import bits_of
from envdiff.experiment.request import IsolateRequest
from envdiff.experiment.search import Spent
from envdiff.experiment.trials import Budget, Limits, Task, Trials, environment, packed, perform

ROWS = packed({"x": np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4)}, ["x"])
KEPT = {"batch/y": np.array([1.0, 2.0], np.float32)}


def task(knobs: Knobs, limits: Limits | None = None) -> Task:
    return Task(knobs, ROWS, limits or Limits(seconds=60.0))


def program(folder: Path, body: str) -> str:
    """Something to be run instead of an interpreter: it is given the script and the specification."""
    file = folder / "interpreter"
    file.write_text(f"#!{sys.executable}\nimport json, os, sys, time\nspec = json.load(open(sys.argv[2]))\n{body}\n")
    file.chmod(0o755)
    return str(file)


def trials(journal: Journal, **more: Any) -> Trials:
    return Trials(journal, task, "identity", **more)


# ---------------------------------------------------------------- a trial that goes wrong


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("os.abort()", "SIGABRT"),
        ("sys.exit(3)", "status 3"),
        ("print('garbage'); open(spec['out'], 'wb').write(b'PK garbage')", "npz|zip|damaged|archive"),
        ("pass", "no such|not there|cannot"),
        ("print('x' * 10_000_000)", "no such|not there|cannot"),
    ],
)
def test_a_process_that_fails_is_how_the_trial_ended(tmp_path: Path, body: str, said: str) -> None:
    ended = perform(task({"python": program(tmp_path, body), "model": "/nowhere"}))
    assert not ended.answered
    assert ended.reason
    import re

    assert re.search(said, ended.reason), ended.reason


def test_a_process_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    body = f"import subprocess\nchild = subprocess.Popen(['sleep', '300'])\nopen({str(mark)!r}, 'w').write(str(child.pid))\ntime.sleep(300)"
    ended = perform(task({"python": program(tmp_path, body), "model": "/nowhere"}, Limits(seconds=2.0)))
    assert "within 2 s" in ended.reason
    assert gone(int(mark.read_text()))


def gone(pid: int, within: float = 10.0) -> bool:
    """It has ended, whether or not anybody has asked how; a killed process ends when it next gets a processor."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_no_such_interpreter(tmp_path: Path) -> None:
    ended = perform(task({"python": str(tmp_path / "none"), "model": "/nowhere"}))
    assert "no interpreter can be started" in ended.reason


@pytest.mark.tensorflow
def test_a_model_that_breaks_is_told_with_its_evidence(python221: Path, tmp_path: Path) -> None:
    ended = perform(task({"python": str(python221), "model": str(tmp_path)}))
    assert not ended.answered
    assert "SavedModel" in ended.reason or "does not exist" in ended.reason
    assert ended.evidence["tensorflow.version"] == "2.21.0"


@pytest.mark.tensorflow
def test_a_trial_that_takes_too_much_memory(python221: Path, trial_models: Path) -> None:
    knobs = {"python": str(python221), "model": str(trial_models / "hungry"), "calls": ["batch"]}
    ended = perform(task(knobs, Limits(seconds=300.0, memory=4 << 30)))
    assert not ended.answered
    assert ended.reason


def test_only_the_knobs_variables_reach_a_trial() -> None:
    own = {"HOME": "/h", "TF_ENABLE_ONEDNN_OPTS": "0", "LD_LIBRARY_PATH": "/l", "SECRET": "s", "PYTHONPATH": "/p"}
    found = environment({"env.TZ": "UTC", "env.LANG": None, "package.numpy": "/overlay"}, own)
    assert found == {"HOME": "/h", "SECRET": "s", "LD_LIBRARY_PATH": "/l", "TZ": "UTC", "PYTHONPATH": "/overlay:/p"}


# ---------------------------------------------------------------- the journal


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, "pair").add("t", 0, Ended(KEPT, "", {"env.TZ": "UTC"}, 1.5), {"knobs": {}})
    found = Journal(path, "pair").find("t")
    assert found is not None
    assert bits_of(found.outputs or {}) == bits_of(KEPT)
    assert (found.evidence, found.seconds) == ({"env.TZ": "UTC"}, 1.5)
    assert Journal(path, "pair").find("t", 1) is None


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_last_line_costs_that_trial_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "pair")
    for number in range(3):
        journal.add(f"t{number}", 0, Ended(KEPT), {})
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path, "pair")
    assert [again.find(f"t{number}") is not None for number in range(3)] == [True, True, False]
    again.add("t2", 0, Ended(KEPT), {})
    assert all(Journal(path, "pair").find(f"t{number}") for number in range(3))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no journal"),
        (b"\x00\xff\n", "no journal"),
        (b"[" * 100_000, "no journal"),
        (json.dumps({"schema": "envdiff/journal/1", "pair": "other"}).encode() + b"\n", "another pair"),
        (b'{"schema": "envdiff/fingerprint/1"}\n', "no journal"),
    ],
)
def test_a_file_that_is_no_journal_of_this_pair(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(UnusableInput, match=said):
        Journal(path, "pair")
    assert path.read_bytes() == content


def test_garbage_between_lines_and_lost_answers_are_run_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "pair")
    journal.add("t", 0, Ended(KEPT), {})
    with path.open("ab") as file:
        file.write(b'garbage\n{"trial": 1}\n[1]\n')
    assert Journal(path, "pair").find("t")
    (answer,) = (tmp_path / "journal.jsonl.answers").iterdir()
    answer.write_bytes(b"damaged")
    assert Journal(path, "pair").find("t") is None


def test_resuming_needs_a_journal(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no such journal"):
        Journal(tmp_path / "none.jsonl", "pair", must_exist=True)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this machine cannot mount a small disk")
    try:
        journal = Journal(disk / "journal.jsonl", "pair")
        journal.add("small", 0, Ended(KEPT), {})
        big = {"batch/y": np.random.default_rng(0).random(200_000)}
        with pytest.raises(WorldFailed, match="No space left"):
            journal.add("big", 0, Ended(big), {})
        assert not list((disk / "journal.jsonl.answers").glob("*.partial"))
        assert Journal(disk / "journal.jsonl", "pair").find("small")
    finally:
        subprocess.run(["umount", str(disk)], check=False)


# ---------------------------------------------------------------- many trials


def answering(folder: Path, seconds: float = 0.0) -> str:
    """A program that answers without TensorFlow, with what the variable SAYS says."""
    probes = Path(api.__file__).parent.parent / "probes"
    body = (
        f"sys.path.insert(0, {str(probes)!r})\nimport numpy as np, predict\ntime.sleep({seconds})\n"
        "answer = np.array([float(os.environ.get('TZ', '0'))], np.float32)\n"
        "facts = {'env.TZ': os.environ.get('TZ'), 'tensorflow.version': '0'}\n"
        "predict.write_answers(spec['out'], [('batch', 'y', answer)], {'evidence': {'facts': facts}})"
    )
    return program(folder, body)


def test_the_budget_holds_and_what_was_run_is_kept(tmp_path: Path) -> None:
    python = answering(tmp_path)
    wanted = [({"python": python, "model": "/m", "env.TZ": str(number)}, 0) for number in range(5)]
    first = trials(Journal(tmp_path / "j", "pair"), budget=Budget(trials=3))
    with pytest.raises(Spent):
        first.ask(wanted)
    first.close()
    second = trials(Journal(tmp_path / "j", "pair"))
    assert len(second.ask(wanted)) == 5
    assert (second.run, second.known) == (2, 3)
    second.close()


def test_identical_trials_are_run_once(tmp_path: Path) -> None:
    knobs = {"python": answering(tmp_path), "model": "/m", "env.TZ": "1"}
    some = trials(Journal(tmp_path / "j", "pair"), jobs=3)
    assert len(some.ask([(knobs, 0), (dict(knobs), 0), (knobs, 1)])) == 3
    assert some.run == 2
    some.close()


def test_closing_ends_what_still_runs(tmp_path: Path) -> None:
    knobs = {"python": answering(tmp_path, 300.0), "model": "/m"}
    some = trials(Journal(tmp_path / "j", "pair"))
    future = some._submit(task(knobs))
    while not some._running:
        time.sleep(0.02)
    (group,) = some._running
    some.close()
    assert not future.result(timeout=5).answered
    assert gone(group)


SEARCHING = """
import sys
from pathlib import Path
import numpy as np
from envdiff.experiment.journal import Journal
from envdiff.experiment.trials import Limits, Task, Trials, packed

rows = packed({"x": np.zeros((2, 4), np.float32)}, ["x"])
some = Trials(Journal(Path(sys.argv[1]), "pair"), lambda knobs: Task(knobs, rows, Limits(60.0)), "identity")
print("begun", flush=True)
for number in range(200):
    some.ask([({"python": sys.argv[2], "model": "/m", "env.TZ": str(number)}, 0)])
    print(number, flush=True)
"""


def test_kill_9_loses_at_most_the_running_trial(tmp_path: Path) -> None:
    python, path = answering(tmp_path, 0.2), tmp_path / "j"
    command = [sys.executable, "-c", SEARCHING, str(path), python]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    ended = -1
    for line in process.stdout:
        ended = int(line) if line.strip().isdigit() else ended
        if ended == 3:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = Journal(path, "pair")
    assert len(kept) >= 4
    some = trials(kept)
    wanted = [({"python": python, "model": "/m", "env.TZ": str(number)}, 0) for number in range(4)]
    assert all(one.answered for one in some.ask(wanted))
    assert some.run == 0
    some.close()


def test_trials_spread_over_a_cluster_of_machines(tmp_path: Path) -> None:
    """Dask's executor, on a cluster of this machine: the same trials, kept in the same journal."""
    from distributed import Client, LocalCluster

    python = answering(tmp_path)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        some = trials(Journal(tmp_path / "j", "pair"), executors={"": client.get_executor()})
        wanted = [({"python": python, "model": "/m", "env.TZ": str(number)}, 0) for number in range(4)]
        answers = [
            float((one.outputs or {})["rows/y" if "rows/y" in (one.outputs or {}) else "batch/y"][0])
            for one in some.ask(wanted)
        ]
        some.close()
    assert answers == [0.0, 1.0, 2.0, 3.0]


def test_a_worker_that_dies_is_how_its_trial_ended(tmp_path: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor

    def killed(_: Knobs) -> Task:
        return task({"python": program(tmp_path, "os.kill(os.getppid(), 9); time.sleep(5)"), "model": "/m"})

    with ProcessPoolExecutor(1) as pool:
        some = Trials(Journal(tmp_path / "j", "pair"), killed, "identity", executors={"": pool})
        (ended,) = some.ask([({"python": "x"}, 0)])
        some.close()
    assert "the worker failed" in ended.reason


@pytest.mark.tensorflow
def test_another_machine_is_a_switch(captured: Captured, python221: Path, trial_models: Path, tmp_path: Path) -> None:
    """Two executors stand for two machines; both are this one, so the machine is cleared, not blamed."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        request = IsolateRequest(
            left=captured(python221, "left"),
            right=captured(python221, "right", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
            model=trial_models / "conv",
            left_python=python221,
            journal=tmp_path / "j",
            executors={"left": one, "right": other},
        )
        found = api.isolate(request)
    verdicts = {one.name: one.verdict for one in found.switches}
    assert verdicts == {"TF_ENABLE_ONEDNN_OPTS": "culprit", "node": "cleared"}


@pytest.mark.tensorflow
def test_an_interrupt_keeps_what_ended_and_says_how_to_go_on(
    captured: Captured, python221: Path, trial_models: Path, tmp_path: Path
) -> None:
    sides = []
    for label, variables in (("left", {}), ("right", {"TF_ENABLE_ONEDNN_OPTS": "0"})):
        (tmp_path / label).write_text(json.dumps(dict(captured(python221, label, variables).document)))
        sides.append(str(tmp_path / label))
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "envdiff", "isolate", *sides, "--model", str(trial_models / "conv")]
    command += ["--left-python", str(python221)]
    process = subprocess.Popen([*command, "--journal", str(journal)], stderr=subprocess.PIPE, text=True)
    while not journal.exists() or journal.read_bytes().count(b"\n") < 2:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--resume {journal}" in said
    done = subprocess.run(
        [*command, "--resume", str(journal), "--format", "json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["culprits"] == ["TF_ENABLE_ONEDNN_OPTS"]
    assert found["trials_known"] >= 1
