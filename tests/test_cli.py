"""Commands as a shell sees them: standard output, standard error, exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import GPU, document

from envdiff import __version__

OFF = {"env.TF_ENABLE_ONEDNN_OPTS": "0"}
UNKNOWN = {"env.TF_NEVER_HEARD_OF": "1"}


def envdiff(*arguments: object, stdin: bytes | None = None, **more: Any) -> subprocess.CompletedProcess[bytes]:
    environ = {**os.environ, **more.pop("environ", {})}
    command = [sys.executable, "-m", "envdiff", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env=environ, timeout=120, check=False, **more)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of fingerprints, and some that are none."""
    folder = tmp_path_factory.mktemp("fingerprints")
    for name, facts in (("plain", {}), ("off", OFF), ("unknown", UNKNOWN), ("gpu", GPU)):
        (folder / f"{name}.json").write_text(json.dumps(document(facts, label=name)), encoding="utf-8")
    (folder / "broken.json").write_text('{"schema": ', encoding="utf-8")
    (folder / "new.json").write_text(json.dumps({**document(), "schema": "envdiff/fingerprint/9"}), encoding="utf-8")
    (folder / "config.toml").write_text('[tool.envdiff]\nfail-on = "never"\n', encoding="utf-8")
    (folder / "odd.toml").write_text('[tool.envdiff]\nfail_on = "never"\n', encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("plain.json plain.json", 0),
        ("plain.json off.json", 1),
        ("plain.json off.json --fail-on moves", 0),
        ("plain.json off.json --fail-on never", 0),
        ("plain.json off.json --config config.toml", 0),
        ("plain.json off.json --config config.toml --fail-on can-move", 1),
        ("plain.json unknown.json", 0),
        ("plain.json unknown.json --fail-on unexplained", 1),
        ("plain.json unknown.json --fail-on unexplained --ignore env.TF_NEVER*=ours", 0),
        ("plain.json off.json --ignore setting.onednn=accepted", 0),
        ("plain.json off.json --ignore setting.onednn", 2),
        ("plain.json", 2),
        ("- -", 2),
        ("plain.json off.json --format latex", 2),
        ("plain.json off.json --config odd.toml", 3),
        ("plain.json none.json", 3),
        ("plain.json broken.json", 3),
        ("plain.json new.json", 3),
        ("plain.json off.json -o none/report.md", 4),
        ("plain.json off.json --step-summary", 2),
    ],
)
def test_report_exit_statuses(files: Path, arguments: str, status: int) -> None:
    done = envdiff("report", *arguments.split(), cwd=files)
    assert done.returncode == status, done.stderr.decode()
    assert bool(done.stderr) == (status > 1)
    assert b"Traceback" not in done.stderr


def test_an_error_says_what_which_and_what_now(files: Path) -> None:
    done = envdiff("report", "plain.json", "new.json", cwd=files)
    assert done.stdout == b""
    first, subject, hint = done.stderr.decode().splitlines()
    assert first == "error: it was written by a newer envdiff (schema 9; this one reads up to 1)"
    assert subject.split() == ["input", "new.json"]
    assert hint.startswith("  try     upgrade envdiff")


def test_either_side_may_come_from_standard_input(files: Path) -> None:
    raw = (files / "off.json").read_bytes()
    for arguments in (("-", "plain.json"), ("plain.json", "-")):
        done = envdiff("report", *arguments, "--format", "json", stdin=raw, cwd=files)
        assert done.returncode == 1
        assert json.loads(done.stdout)["findings"][0]["about"] == "setting.onednn"


def test_the_html_report_is_read_back(files: Path, tmp_path: Path) -> None:
    page = tmp_path / "ticket.html"
    assert envdiff("report", "plain.json", "off.json", "--format", "html", "-o", page, cwd=files).returncode == 1
    direct = envdiff("report", "plain.json", "off.json", "--format", "json", cwd=files)
    again = envdiff("report", page, "--format", "json")
    assert json.loads(again.stdout) == json.loads(direct.stdout)
    page.write_text("<p>another page</p>", encoding="utf-8")
    assert envdiff("report", page).returncode == 3


@pytest.mark.parametrize("kind", ["fingerprint", "report"])
def test_the_schema_is_published_and_holds(files: Path, kind: str) -> None:
    schema = json.loads(envdiff("schema", kind).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    if kind == "fingerprint":
        jsonschema.validate(json.loads((files / "off.json").read_bytes()), schema)
    else:
        report = envdiff("report", "plain.json", "off.json", "--format", "json", cwd=files).stdout
        jsonschema.validate(json.loads(report), schema)


def test_a_report_goes_to_a_file_whole_and_to_standard_output_alone(files: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.md"
    target.write_text("before", encoding="utf-8")
    done = envdiff("report", "plain.json", "off.json", "--format", "markdown", "-o", target, cwd=files)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert "oneDNN" in target.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [target]
    assert envdiff("report", "plain.json", "off.json", "-o", "-", cwd=files).stdout


def test_a_full_disk_leaves_the_old_file_whole(files: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("before", encoding="utf-8")
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)); import envdiff.cli; envdiff.cli.main()"
    arguments = ["report", "plain.json", "off.json", "--format", "html", "-o", str(target)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=files, capture_output=True, check=False)
    assert done.returncode == 4, done.stderr
    assert target.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_standard_output_is_an_error_not_a_crash(files: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "envdiff", "report", "plain.json", "off.json"],
            cwd=files, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 4
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(files: Path) -> None:
    command = f"{sys.executable} -m envdiff report plain.json gpu.json --full | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=files, capture_output=True, check=False)
    assert done.stderr == b""


def test_the_step_summary_gets_the_markdown_added(files: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n", encoding="utf-8")
    done = envdiff(
        "report", "plain.json", "off.json", "--step-summary", cwd=files, environ={"GITHUB_STEP_SUMMARY": str(summary)}
    )
    assert done.returncode == 1
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("# before\n")
    assert "oneDNN" in text


def test_colour_only_on_a_terminal_that_wants_it(files: Path) -> None:
    command = f"{sys.executable} -m envdiff report plain.json off.json"
    for environ, wanted in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            cwd=files, env={**os.environ, "TERM": "xterm-256color", **environ}, capture_output=True, check=False,
        )  # fmt: skip
        assert (b"\x1b[" in done.stdout) is wanted, environ
    assert b"\x1b" not in envdiff("report", "plain.json", "off.json", cwd=files).stdout


def test_interrupting_a_capture_leaves_the_old_file_and_no_process(tmp_path: Path) -> None:
    target, marker = tmp_path / "a.json", f"600.{os.getpid()}"
    target.write_text("before", encoding="utf-8")
    slow = tmp_path / "python"
    slow.write_text(f"#!/bin/sh\nsleep {marker}\n", encoding="utf-8")
    slow.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "envdiff", "capture", "--python", str(slow), "-o", str(target)], stderr=subprocess.PIPE
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, chatter = process.communicate(timeout=30)
    assert process.returncode == 130, chatter
    assert target.read_text(encoding="utf-8") == "before"
    assert marker not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--python", "/nowhere/python"], "no such interpreter"),
        (["--python", "/etc"], "no Python in this folder"),
        (["--python", "/bin/false"], "exit status 1"),
        (["--python", "/bin/true"], "it is empty"),
        (["--pid", "4194303"], "4194303"),
        (["--pid", "1", "--python", "/usr"], "exclude each other"),
    ],
)
def test_a_capture_that_cannot_be_had_says_why(arguments: list[str], says: str) -> None:
    done = envdiff("capture", *arguments)
    assert done.returncode in (2, 3, 4)
    assert says in done.stderr.decode()
    assert done.stdout == b""


def test_the_version_and_the_help(files: Path) -> None:
    assert envdiff("--version").stdout.decode() == f"envdiff {__version__}\n"
    for command in ((), ("capture",), ("report",), ("demo",), ("rules",), ("rules", "show"), ("schema",), ("probe",)):
        done = envdiff(*command, "--help")
        assert done.returncode == 0
        assert b"Usage: envdiff" in done.stdout


def test_no_command_is_misuse_with_the_help() -> None:
    assert envdiff().returncode == 2
    assert envdiff("frobnicate").returncode == 2


def test_the_probe_is_printed_whole() -> None:
    compile(envdiff("probe").stdout, "envprobe.py", "exec")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_can_be_shown(shell: str) -> None:
    environ = {"_ENVDIFF_COMPLETE": f"source_{shell}"}
    script = "import sys; sys.argv[0] = 'envdiff'; from envdiff.cli import app; app(prog_name='envdiff')"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **environ}, capture_output=True, check=False
    )
    assert b"_ENVDIFF_COMPLETE" in done.stdout


def test_rules_are_listed_shown_searched_and_checked(tmp_path: Path) -> None:
    assert b"onednn-one-side" in envdiff("rules", "list").stdout
    shown = envdiff("rules", "show", "onednn-one-side")
    assert b"### How to fix it" in shown.stdout
    assert envdiff("rules", "show", "no-such-rule").returncode == 3
    assert b"onednn-one-side" in envdiff("rules", "search", "oneDNN", "kernels").stdout
    assert envdiff("rules", "search", "xyzzy").returncode == 1
    (tmp_path / "bad.yaml").write_text("id: bad\n", encoding="utf-8")
    done = envdiff("rules", "check", tmp_path / "bad.yaml")
    assert done.returncode == 3
    assert b"title: Field required" in done.stdout


def test_a_bug_is_told_apart_and_its_traceback_kept(files: Path, tmp_path: Path) -> None:
    script = (
        "import envdiff.cli, envdiff.boundary, os, sys\n"
        "def broken(): raise RuntimeError('boom')\n"
        "sys.exit(envdiff.boundary.guarded(broken, os.environ))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 70
    assert "this is a bug in envdiff (RuntimeError)" in done.stderr
    (kept,) = tmp_path.iterdir()
    assert "boom" in kept.read_text(encoding="utf-8")
