"""The composite action, by its own shell steps: outputs, summary, statuses, and inputs that mean harm."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from runner import ACTION, Ran, run_action

RECORDED = Path(__file__).parent.parent / "data" / "fingerprints" / "1"
COMMAND = str(Path(sys.executable).parent / "envdiff")


def act(folder: Path, **inputs: str) -> Ran:
    return run_action(folder, envdiff=COMMAND, **inputs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document: dict[str, Any] = json.loads((RECORDED / "static.json").read_bytes())
    (tmp_path / "baseline.json").write_text(json.dumps(document), encoding="utf-8")
    document["facts"].update({"env.TF_ENABLE_ONEDNN_OPTS": "1", "runtime.onednn": True})
    (tmp_path / "changed.json").write_text(json.dumps(document), encoding="utf-8")
    return tmp_path


def test_no_input_is_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    used = " ".join(text for step in ACTION["runs"]["steps"] for text in step["env"].values())
    assert all(f"inputs.{name} " in used for name in ACTION["inputs"])


def test_nothing_that_differs_is_status_0(folder: Path) -> None:
    ran = act(folder, baseline="baseline.json", candidate="baseline.json")
    assert ran.status == 0, ran.log
    assert ran.outputs["verdict"] in ("harmless", "cannot-tell")
    assert (ran.outputs["status"], ran.outputs["findings"]) == ("0", "0")
    assert "notebook" in ran.summary


def test_a_finding_fails_the_step_and_is_told_everywhere(folder: Path) -> None:
    ran = act(folder, baseline="baseline.json", candidate="changed.json")
    assert ran.status == 1, ran.log
    assert (ran.outputs["verdict"], ran.outputs["status"], ran.outputs["findings"]) == ("can-move", "1", "1")
    assert "oneDNN" in ran.summary
    assert "oneDNN" in ran.log
    assert json.loads(Path(ran.outputs["json"]).read_bytes())["answer"]["verdict"] == "can-move"
    assert Path(ran.outputs["html"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert ran.outputs["candidate"].endswith("changed.json")


@pytest.mark.parametrize(("fail_on", "status"), [("moves", 0), ("never", 0), ("can-move", 1), ("nonsense", 2)])
def test_the_limit_is_the_users(folder: Path, fail_on: str, status: int) -> None:
    ran = act(folder, baseline="baseline.json", candidate="changed.json", fail_on=fail_on)
    assert (ran.status, ran.outputs["status"]) == (status, str(status))


def test_without_a_candidate_this_environment_is_captured(folder: Path) -> None:
    options = f"--static\n--python {sys.executable}   --label candidate"
    ran = act(folder, baseline="baseline.json", capture=options, fail_on="never")
    assert ran.status == 0, ran.log
    assert json.loads(Path(ran.outputs["candidate"]).read_bytes())["subject"]["label"] == "candidate"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"baseline": "none.json", "candidate": "changed.json"}, "there is no such file"),
        ({"baseline": "baseline.json", "capture": "--python /nowhere/python"}, "no such interpreter"),
    ],
)
def test_what_cannot_be_compared_fails_with_the_reason_and_without_a_verdict(
    folder: Path, inputs: dict[str, str], says: str
) -> None:
    ran = act(folder, **inputs)
    assert ran.status == 3
    assert ran.outputs["status"] == "3"
    assert ran.outputs["verdict"] == ran.outputs["html"] == ""
    assert says in ran.log


HOSTILE = (
    "$(touch harmed)",
    "'; touch harmed; '",
    '"; touch harmed; "',
    "a\ntouch harmed\n",
    "*",
    "--config=none.toml",
    "-",
)
INPUTS = ("baseline", "candidate", "capture", "fail_on")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", INPUTS)
def test_no_value_of_an_input_is_run(folder: Path, name: str, text: str) -> None:
    given = {"baseline": "baseline.json", "candidate": "changed.json", name: text}
    if name == "capture":
        del given["candidate"]
    before = set(folder.iterdir())
    ran = act(folder, **given)
    assert ran.status in (2, 3, 4), ran.log
    assert {file.name for file in set(folder.iterdir()) - before} == {"runner temp", "summary.md"}


def test_files_with_odd_names_are_files(folder: Path) -> None:
    for name in ("-o.json", "a b $(touch harmed).json"):
        shutil.copy(folder / "baseline.json", folder / name)
        ran = act(folder, baseline=name, candidate=name)
        assert ran.status == 0, ran.log
        shutil.rmtree(folder / "runner temp")
    assert not (folder / "harmed").exists()


def test_no_line_of_a_fingerprint_is_a_command_to_the_runner(folder: Path) -> None:
    document = json.loads((folder / "changed.json").read_bytes())
    document["subject"]["label"] = "x\n::set-env name=PATH::/evil\n::add-mask::a"
    document["facts"]["env.TF_XLA_FLAGS"] = "\n::error::planted"
    (folder / "changed.json").write_text(json.dumps(document), encoding="utf-8")
    ran = act(folder, baseline="baseline.json", candidate="changed.json")
    lines = ran.log.splitlines()
    assert ran.status == 1
    assert lines[0].startswith("::stop-commands::")
    token = lines[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert lines.index(f"::{token}::") == len(lines) - 1
    assert [name for name in ran.outputs if "evil" in ran.outputs[name]] == []
