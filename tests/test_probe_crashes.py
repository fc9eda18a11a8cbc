"""A TensorFlow that fails, crashes, hangs or talks costs its own facts and no others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_capture import Captured, load_probe, quiet_environment, run_probe, run_program, tree

METADATA = "Name: tensorflow\nVersion: 2.15.1\n"

CASES = {
    "raises": "raise RuntimeError('numpy.core.multiarray failed to import')",
    "absent-part": "import tensorflow.nowhere",
    "segfaults": "import os, sys; sys.stderr.write('about to go\\n'); os.kill(os.getpid(), 11)",
    "exits": "raise SystemExit(3)",
    "exits-quietly": "import os; os._exit(0)",
    "hangs": "import time; time.sleep(60)",
    "hangs-with-children": "import subprocess; subprocess.Popen(['sleep', '60']).wait()",
    "talks": "print('chatter ' * 20000); import sys; sys.stderr.write('{\"facts\": {}}\\n' * 1000)",
    "leaves-a-child": "import subprocess; subprocess.Popen(['sleep', '60'])",
}
REASONS = {
    "raises": "importing TensorFlow failed",
    "absent-part": "importing TensorFlow failed",
    "segfaults": "importing TensorFlow ended with signal 11 (SIGSEGV): about to go",
    "exits": "importing TensorFlow ended the process with status 3",
    "exits-quietly": "importing TensorFlow ended the process with status 0",
    "hangs": "importing TensorFlow took longer than 1 s and was stopped",
    "hangs-with-children": "importing TensorFlow took longer than 1 s and was stopped",
}


@pytest.fixture(scope="module", params=sorted(CASES))
def crash(request: pytest.FixtureRequest, interpreter: Callable[[str], Path], tmp_path_factory) -> tuple[str, Captured]:
    home = tmp_path_factory.mktemp("home")
    files: dict[str, str | bytes] = {
        "site/tensorflow/__init__.py": CASES[request.param],
        "site/tensorflow-2.15.1.dist-info/METADATA": METADATA,
        "site/tensorflow-2.15.1.dist-info/RECORD": "tensorflow/__init__.py,sha256=abc,1\n",
    }
    tree(home, files)
    env = quiet_environment(home, PYTHONPATH=str(home / "site"))
    return request.param, run_probe(interpreter("3.11"), "--time-limit", "1", env=env, cwd=home, limit=20)


def test_the_document_is_there_whatever_happens(crash: tuple[str, Captured]) -> None:
    _, captured = crash
    assert captured.status == 0
    assert captured.stderr == ""
    assert captured.facts["tensorflow.version"] == "2.15.1"
    assert captured.facts["tensorflow.distribution"] == "tensorflow"
    assert captured.facts["cpu.logical"] > 0


def test_the_reason_is_in_plain_words(crash: tuple[str, Captured]) -> None:
    name, captured = crash
    if name in REASONS:
        assert captured.unread["runtime"] == REASONS[name]
        assert captured.unread["libraries"] == REASONS[name]
    else:
        assert "runtime" not in captured.unread


def test_an_ordinary_failure_keeps_its_text(crash: tuple[str, Captured]) -> None:
    name, captured = crash
    texts = {
        "raises": "RuntimeError: numpy.core.multiarray failed to import",
        "absent-part": "ModuleNotFoundError: No module named 'tensorflow.nowhere'",
    }
    assert captured.facts.get("tensorflow.import_error") == texts.get(name)


def test_what_was_told_before_a_crash_is_kept(interpreter, tmp_path: Path) -> None:
    late = """
def __getattr__(name):
    import os
    if name == "version":
        os.kill(os.getpid(), 9)
    raise AttributeError(name)
"""
    tree(tmp_path, {"site/tensorflow/__init__.py": late})
    env = quiet_environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    captured = run_probe(interpreter("3.11"), env=env, cwd=tmp_path)
    assert captured.facts["runtime.denormals"] == "kept"
    assert captured.unread["libraries"] == "importing TensorFlow ended with signal 9 (SIGKILL)"


def test_a_framework_library_that_is_none_costs_its_facts_only(interpreter, tmp_path: Path) -> None:
    tree(tmp_path, {"site/tensorflow/__init__.py": "", "site/tensorflow/libtensorflow_framework.so.2": b"\x7fELF" * 9})
    env = quiet_environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    captured = run_probe(interpreter("3.8"), "--static", env=env, cwd=tmp_path)
    assert captured.status == 0
    assert captured.unread["runtime"].startswith("asking libtensorflow_framework failed")


def test_one_section_fails_alone() -> None:
    probe = load_probe()

    class Broken(probe.Machine):  # type: ignore[misc, name-defined]
        def logical(self) -> int:
            raise ValueError("no processors today")

    record = probe.gather(probe.World("static", machine=Broken()))
    assert record.unread["cpu"] == "ValueError: no processors today"
    assert record.facts["python.version"]
    assert record.facts["os.system"]
    assert set(record.unread) <= {"builds.numpy.simd_found", "cpu", "libraries", "runtime"}


def test_a_child_keeps_what_it_said_before_it_died() -> None:
    probe = load_probe()

    def work(emit: Callable[[object], None]) -> None:
        emit(["runtime.onednn", True])
        probe.os.kill(probe.os.getpid(), 9)

    result = probe.run_child(work, 5.0)
    assert result.answers == [["runtime.onednn", True]]
    assert result.failure == "ended with signal 9 (SIGKILL)"


@pytest.mark.parametrize("name", ["raises", "segfaults", "hangs", "exits"])
def test_without_fork_the_file_runs_itself_again(interpreter, tmp_path: Path, name: str) -> None:
    """macOS and Windows: the child is a new interpreter."""
    tree(tmp_path, {"site/tensorflow/__init__.py": CASES[name]})
    source = """
import envprobe, json
class Forkless(envprobe.Machine):
    system = "Darwin"
world = envprobe.World("full", machine=Forkless(), time_limit=2.0)
result = envprobe.run_import(world)
print(json.dumps([result.answers, result.failure]))
"""
    env = quiet_environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    answers, failure = json.loads(run_program(interpreter("3.11"), source, env=env, cwd=tmp_path))
    if name == "raises":
        assert answers[0]["unread"]["runtime"] == "importing TensorFlow failed"
        assert failure is None
    else:
        assert answers == []
        assert "importing TensorFlow " + failure in (REASONS[name].replace("1 s", "2 s"), REASONS[name].split(": ")[0])
