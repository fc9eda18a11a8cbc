"""The probe under real interpreters without TensorFlow, run, piped and imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_capture import PROBE, Captured, quiet_environment, run_probe, run_program, tree

VERSIONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.fixture(scope="module", params=VERSIONS)
def plain(request: pytest.FixtureRequest, interpreter: Callable[[str], Path], tmp_path_factory) -> Captured:
    home = tmp_path_factory.mktemp("home")
    captured = run_probe(interpreter(request.param), env=quiet_environment(home), cwd=home)
    assert list(home.iterdir()) == []
    return captured


def test_every_python_tells_itself(plain: Captured) -> None:
    assert plain.status == 0
    assert plain.stderr == ""
    assert plain.facts["python.version"].startswith("3.")
    assert plain.facts["python.implementation"] == "CPython"
    assert plain.facts["python.bits"] == 64
    assert plain.facts["cpu.logical"] == os.cpu_count()
    assert plain.facts["os.system"] == "Linux"
    assert plain.document["probe"]["mode"] == "full"


def test_without_tensorflow_the_flags_are_unread_and_the_rest_is_there(plain: Captured) -> None:
    assert plain.facts["tensorflow.installed"] is False
    assert plain.unread["runtime"] == "TensorFlow is not installed"
    assert "tensorflow.import_error" not in plain.facts
    assert plain.facts["packages.pip"]
    assert plain.facts["libraries.libc.path"]
    assert set(plain.unread) - {"builds.numpy.simd_found"} == {"runtime"}


def test_one_line_of_json_on_stdout(interpreter, tmp_path: Path) -> None:
    captured = run_probe(interpreter("3.11"), "--static", env=quiet_environment(tmp_path), cwd=tmp_path)
    assert captured.stdout.count(b"\n") == 1
    captured.stdout.decode("ascii")


def test_piped_it_says_so_and_takes_arguments(interpreter, tmp_path: Path) -> None:
    env = quiet_environment(tmp_path)
    captured = run_probe(interpreter("3.11"), "--static", "--label", "left", env=env, cwd=tmp_path, piped=True)
    assert captured.document["subject"] == {"label": "left", "kind": "interpreter", "reached_by": "piped"}
    assert captured.document["probe"]["mode"] == "static"
    assert captured.unread["runtime"].startswith("not read: --static")


@pytest.mark.parametrize("piped", [False, True])
def test_modules_lying_about_are_not_imported(interpreter, tmp_path: Path, piped: bool) -> None:
    tree(tmp_path, {"json.py": "raise SystemExit(9)", "re.py": "raise SystemExit(9)"})
    env = quiet_environment(tmp_path)
    assert run_probe(interpreter("3.8"), "--static", env=env, cwd=tmp_path, piped=piped).status == 0


def test_what_is_not_utf8_becomes_visible(interpreter, tmp_path: Path) -> None:
    for version in ("3.6", "3.13"):
        env = {os.fsencode(k): os.fsencode(v) for k, v in quiet_environment(tmp_path).items()}
        env[b"MODEL_NAME"] = b"caf\xe9 \xff"
        captured = run_probe(interpreter(version), "--static", env=env, cwd=tmp_path)
        assert captured.facts["env.MODEL_NAME"] == r"caf\xe9 \xff"


@pytest.mark.parametrize("lang", ["C", "POSIX", "de_DE.UTF-8"])
def test_the_locale_is_what_posix_precedence_leaves(interpreter, tmp_path: Path, lang: str) -> None:
    env = quiet_environment(tmp_path, LC_NUMERIC=lang, TZ="Asia/Tokyo")
    facts = run_probe(interpreter("3.11"), "--static", env=env, cwd=tmp_path).facts
    assert facts["os.locale.numeric"] == lang
    assert facts["os.locale.ctype"] == "C.UTF-8"
    assert facts["os.locale.decimal_point"] == "."
    assert facts["os.timezone"] == "Asia/Tokyo"


def test_an_empty_variable_is_not_an_absent_one(interpreter, tmp_path: Path) -> None:
    env = quiet_environment(tmp_path, TF_ENABLE_ONEDNN_OPTS="", MY_FLAG="on", OTHER="x")
    captured = run_probe(interpreter("3.11"), "--static", "--env", "MY_FLAG", env=env, cwd=tmp_path)
    assert captured.facts["env.TF_ENABLE_ONEDNN_OPTS"] == ""
    assert captured.facts["env.MY_FLAG"] == "on"
    assert "OTHER" in captured.document["withheld"]["env"]
    assert "env.OTHER" not in captured.facts


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--pid"], ["--pid", "x"], ["stray"], ["--env"]])
def test_misuse_is_status_2(interpreter, tmp_path: Path, arguments: list[str]) -> None:
    captured = run_probe(interpreter("3.8"), *arguments, env=quiet_environment(tmp_path), cwd=tmp_path)
    assert captured.status == 2
    assert captured.stdout == b""
    assert "usage:" in captured.stderr


def test_a_program_that_imported_no_tensorflow(interpreter, tmp_path: Path) -> None:
    source = """
import envprobe, json
before = set(sys.modules)
document = envprobe.fingerprint(label="mine")
assert not {m for m in set(sys.modules) - before if m.split(".")[0] in ("tensorflow", "keras", "numpy")}
print(json.dumps(document))
"""
    env = quiet_environment(tmp_path, TF_NUM_INTRAOP_THREADS="1")
    document = json.loads(run_program(interpreter("3.11"), source, "--token", "hush-hush", env=env, cwd=tmp_path))
    assert document["subject"] == {"label": "mine", "kind": "program", "reached_by": "import"}
    assert document["facts"]["runtime.tensorflow_imported"] is False
    assert document["unread"]["runtime"] == "the program had not imported TensorFlow"
    assert document["facts"]["process.command"][-2:] == ["--token", "[withheld]"]
    assert document["facts"]["env.TF_NUM_INTRAOP_THREADS"] == "1"


@pytest.mark.parametrize("how", ["run", "piped", "imported"])
def test_a_python_that_is_too_old_is_told_what_is_needed(interpreter, tmp_path: Path, how: str) -> None:
    """Not a syntax error: the whole file must parse there."""
    python, env = interpreter("2.7"), quiet_environment(tmp_path, PYTHONDONTWRITEBYTECODE="1")
    needed = r"this is Python 2\.7\.\d+, the probe needs 3\.6 or later"
    if how == "imported":
        code = f"import sys; sys.path.insert(0, {str(PROBE.parent)!r}); import envprobe"
        done = subprocess.run([str(python), "-c", code], env=env, capture_output=True, text=True, check=False)
        assert re.fullmatch(f"ImportError: {needed}", done.stderr.splitlines()[-1])
        return
    captured = run_probe(python, "--static", env=env, cwd=tmp_path, piped=how == "piped")
    assert captured.status == 4
    assert captured.stdout == b""
    assert re.fullmatch(f"envprobe: {needed}; a newer one can .*: envprobe.py --pid N\n", captured.stderr)


def test_a_process_of_an_older_python_is_read_by_a_newer_one(interpreter, tmp_path: Path) -> None:
    env = quiet_environment(tmp_path)
    program = [
        str(interpreter("2.7")),
        "-c",
        "import sys, time; sys.stdout.write('ready\\n'); sys.stdout.flush(); time.sleep(60)",
    ]
    child = subprocess.Popen(program, env=env, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        captured = run_probe(interpreter("3.13"), "--pid", str(child.pid), env=env, cwd=tmp_path)
    finally:
        child.kill()
        child.communicate()
    assert captured.facts["python.version"].startswith("2.7.")
    assert captured.facts["packages.pip"]


def test_the_whole_file_is_old_enough_python(interpreter) -> None:
    check = f"import ast; ast.parse(open({str(PROBE)!r}, encoding='utf-8').read())"
    assert subprocess.run([str(interpreter("3.6")), "-c", check], check=False).returncode == 0
