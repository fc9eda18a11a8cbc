"""``envdiff fleet`` as a shell sees it, with real captures among the files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import BASE, document
from fleets import write_fleet
from test_cli import envdiff

from envdiff.errors import UnusableInput
from envdiff.fleet.files import files_of

OFF = {"env.TF_ENABLE_ONEDNN_OPTS": "0"}
PROBE = Path(__file__).parents[2] / "probes" / "envprobe.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of fleets, side by side."""
    here = tmp_path_factory.mktemp("fleets")
    alike = {f"pod-{number}": {"container.id": str(number)} for number in range(5)}
    write_fleet(here / "equal", alike)
    write_fleet(here / "odd", {**alike, "pod-7": OFF})
    write_fleet(here / "unknown", {**alike, "pod-7": {"env.TF_NEVER_HEARD_OF": "1"}})
    write_fleet(here / "untold", alike)
    write_fleet(here / "untold", {"pod-7": {"cpu.flags": None}}, unread={"cpu": "no permission"})
    write_fleet(here / "damaged", alike)
    (here / "damaged" / "a.json").write_text('{"schema": ', encoding="utf-8")
    (here / "damaged" / "b.json").write_text("{}", encoding="utf-8")
    (here / "damaged" / "notes.txt").write_text("no fingerprint", encoding="utf-8")
    (here / "none").mkdir()
    (here / "none" / "a.json").write_text("", encoding="utf-8")
    (here / "empty").mkdir()
    (here / "never.toml").write_text('[tool.envdiff]\nfail-on = "never"\nformat = "json"\n', encoding="utf-8")
    return here


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("equal", 0),
        ("odd", 1),
        ("odd --fail-on moves", 0),
        ("odd --fail-on never", 0),
        ("odd --config never.toml", 0),
        ("odd --ignore setting.onednn=accepted", 0),
        ("odd --ignore env.TF_ENABLE_ONEDNN_OPTS=accepted --fail-on unexplained", 0),
        ("odd --ignore setting.onednn", 2),
        ("unknown", 0),
        ("unknown --fail-on unexplained", 1),
        ("untold", 0),
        ("untold --fail-on unexplained", 1),
        ("damaged", 0),
        ("damaged --fail-on unexplained", 1),
        ("equal/pod-0.json odd/pod-7.json", 1),
        ("equal nowhere", 0),
        ("equal odd unknown", 1),
        ("none", 3),
        ("empty", 3),
        ("nowhere", 3),
        ("", 2),
        ("equal --format latex", 2),
        ("equal -o nowhere/fleet.md", 4),
    ],
)
def test_exit_statuses(folder: Path, arguments: str, status: int) -> None:
    done = envdiff("fleet", *arguments.split(), cwd=folder)
    assert done.returncode == status, done.stderr.decode()
    assert bool(done.stderr) == (status > 1)
    assert b"Traceback" not in done.stderr


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(envdiff("fleet", *arguments, "--format", "json", cwd=folder).stdout)
    return document


@pytest.mark.parametrize("fleet", ["equal", "odd", "unknown", "untold", "damaged"])
def test_every_format_is_written_whole(folder: Path, fleet: str, tmp_path: Path) -> None:
    for format_ in ("terminal", "markdown", "html", "json"):
        target = tmp_path / f"fleet.{format_}"
        done = envdiff("fleet", fleet, "--format", format_, "-o", target, cwd=folder)
        assert (done.stdout, done.stderr) == (b"", b"")
        assert "pod-3" in target.read_text(encoding="utf-8") or format_ == "terminal"
    schema = json.loads(envdiff("schema", "fleet").stdout)
    jsonschema.validate(json.loads((tmp_path / "fleet.json").read_bytes()), schema)


def test_the_odd_one_is_named_with_the_cause_and_the_fix(folder: Path) -> None:
    found = told(folder, "odd")
    (cause,) = found["causes"]
    assert [(group["fingerprints"], group["causes"]) for group in found["groups"]] == [
        (5, []),
        (1, ["onednn-one-side"]),
    ]
    assert [(value["text"], value["fingerprints"]) for value in cause["values"]] == [("on", 5), ("off", 1)]
    assert (cause["finding"]["left"]["text"], cause["finding"]["right"]["text"]) == ("on", "off")
    assert found["groups"][1]["words"] == "onednn off"
    assert "envdiff report odd/pod-0.json odd/pod-7.json" in found["answer"]["next_steps"]
    assert found["answer"]["sentence"].startswith("1 of 6 fingerprints can predict differently from the other 5:")


def test_the_command_that_is_told_says_the_same_of_the_pair(folder: Path) -> None:
    found = told(folder, "odd")
    (command,) = [step for step in found["answer"]["next_steps"] if step.startswith("envdiff report")]
    report = json.loads(envdiff(*command.split()[1:], "--format", "json", cwd=folder).stdout)
    assert [one["rule"] for one in report["findings"]] == [cause["finding"]["rule"] for cause in found["causes"]]


def test_what_could_not_be_told_says_what_is_missing_and_how_to_read_it(folder: Path) -> None:
    found = told(folder, "untold")
    (lack,) = found["groups"][1]["lacks"]
    assert (lack["path"], lack["side"]) == ("cpu", "right")
    assert lack["how_to_read"]
    assert found["answer"]["verdict"] == "cannot-tell"


def test_a_lacking_decision_names_the_groups_that_it_could_be(folder: Path, tmp_path: Path) -> None:
    write_fleet(tmp_path, {"a": {}, "b": {}, "c": OFF, "d": {"python.version": "3.12.1"}})
    write_fleet(tmp_path, {"e": {"env.LANG": None}}, unread={"env": "no permission to read /proc/7/environ"})
    lacking = [group for group in told(tmp_path, ".")["groups"] if group["lacks"]]
    assert [(group["fingerprints"], group["could_be"]) for group in lacking] == [(1, ["A", "B"])]


def test_a_file_that_gives_nothing_is_named_and_the_rest_goes_on(folder: Path) -> None:
    found = told(folder, "damaged", "nowhere")
    assert found["read"] == 5
    assert [Path(one["path"]).name for one in found["not_read"]] == ["a.json", "b.json", "nowhere"]
    text = envdiff("fleet", "damaged", cwd=folder).stdout.decode()
    assert "2 files: damaged/a.json" in text


def test_nothing_that_can_be_read_says_how_many_and_the_first(folder: Path) -> None:
    done = envdiff("fleet", "none", "nowhere", cwd=folder).stderr.decode()
    assert "none of 2 files can be used; none/a.json: it is empty" in done
    assert "there is no *.json file" in envdiff("fleet", "empty", cwd=folder).stderr.decode()


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    write_fleet(tmp_path, {"a": {}})
    (tmp_path / "below").mkdir()
    found = files_of([tmp_path])
    assert next(found) == tmp_path / "a.json"
    (tmp_path / "below").rmdir()
    (refused,) = found
    assert isinstance(refused, UnusableInput)
    assert refused.subject == str(tmp_path / "below")


def test_the_same_file_counts_once(folder: Path, tmp_path: Path) -> None:
    write_fleet(tmp_path / "pods", {"a": {}, "b": {}})
    (tmp_path / "pods" / "link.json").symlink_to("a.json")
    assert told(tmp_path, "pods", "pods/a.json", "./pods")["read"] == 2


def test_a_report_of_one_says_that_there_is_nothing_to_compare(folder: Path) -> None:
    found = told(folder, "equal/pod-0.json")
    assert (found["read"], found["answer"]["verdict"]) == (1, "cannot-tell")


def test_what_is_wrong_in_all_of_them_is_said_too(tmp_path: Path) -> None:
    random = {"model.format": "savedmodel", "model.randomness": "unseeded", "model.ops": ["MatMul", "RandomUniform"]}
    write_fleet(tmp_path, {"a": random, "b": random})
    found = told(tmp_path, ".")
    assert [one["rule"] for one in found["standing"]] == ["model-random-unseeded"]
    assert found["answer"]["verdict"] == "moves"
    assert envdiff("fleet", ".", cwd=tmp_path).returncode == 1


def test_what_was_read_in_none_is_no_proof(tmp_path: Path) -> None:
    write_fleet(tmp_path, {"a": {}, "b": {}}, unread={"runtime": "not read: --static does not import TensorFlow"})
    found = told(tmp_path, ".")
    assert found["answer"]["verdict"] == "cannot-tell"
    assert [gap["path"] for gap in found["unread"]] == ["runtime"]


def test_the_order_of_arguments_does_not_change_a_word(folder: Path) -> None:
    files = [f"odd/pod-{number}.json" for number in (0, 1, 2, 3, 4, 7)]
    forth, back = (envdiff("fleet", *each, cwd=folder).stdout for each in (files, files[::-1]))
    assert forth == back


def test_text_from_files_cannot_drive_the_terminal(tmp_path: Path) -> None:
    evil = document({"env.TF_NEVER_HEARD_OF": "\x1b[31m\u202e"}, label="\x1b]0;x\x07")
    write_fleet(tmp_path, {"a": {}, "b": evil})
    assert b"\x1b" not in envdiff("fleet", ".", "--full", cwd=tmp_path).stdout


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This interpreter, captured by the probe as five replicas would be, one of them switched otherwise."""
    here = tmp_path_factory.mktemp("captured")
    for number in range(5):
        switched = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_DETERMINISTIC_OPS": "1"} if number == 3 else {}
        environ = {**os.environ, "TZ": "UTC" if number % 2 else "Asia/Tokyo", **switched}
        done = subprocess.run([sys.executable, str(PROBE), "--static"], env=environ, capture_output=True, check=True)
        facts = json.loads(done.stdout)
        # Without TensorFlow no setting of its could be in force.
        facts["facts"] |= {path: value for path, value in BASE.items() if path.startswith("tensorflow.")}
        (here / f"replica-{number}.json").write_text(json.dumps(facts), encoding="utf-8")
    return here


def test_real_captures_are_one_group_but_for_what_is_in_force(captured: Path) -> None:
    found = told(captured, ".")
    names = [[Path(member["path"]).stem for member in group["members"]] for group in found["groups"]]
    assert names == [[f"replica-{number}" for number in (0, 1, 2, 4)], ["replica-3"]]
    assert "setting.onednn" in [cause["path"] for cause in found["causes"]]
    assert any("setting.timezone" in folded["paths"] for folded in found["folded"])
