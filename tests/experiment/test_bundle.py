"""A bundle in the hands of a stranger: TensorFlow, a shell, nothing of envdiff."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import isolations
import numpy as np
import pytest

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.bundle import write_bundle
from envdiff.experiment.knobs import Knobs
from envdiff.experiment.switches import Plan, Shows, Switch
from envdiff.experiment.trials import Limits, Task, packed
from envdiff.predictions import exchange
from envdiff.probe_file import probe_path
from envdiff.report import Isolation

MAKE_MODELS = Path(__file__).parent.parent / "models" / "make_models.py"
ROWS = packed({"x": np.random.default_rng(0).normal(size=(6, 4)).astype("f4")}, ["x"])
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
SECRET = "hunter2hunter2"
SWITCHES = (
    Switch("cast", "", {"cast": None}, {"cast": "float16"}),
    Switch(
        ONEDNN,
        "setting.onednn",
        {f"env.{ONEDNN}": "1"},
        {f"env.{ONEDNN}": "0"},
        (Shows(f"env.{ONEDNN}", "1", "0"), Shows("runtime.onednn", True, False)),
    ),
    Switch("TZ", "env.TZ", {"env.TZ": None}, {"env.TZ": "Asia/Tokyo"}, (Shows("env.TZ", None, "Asia/Tokyo"),)),
)


def plan(python: str = "/somewhere/bin/python", model: str = "", switches: tuple[Switch, ...] = SWITCHES) -> Plan:
    base = {
        "python": python,
        "model": model,
        "way": "signature",
        "env.TF_API_TOKEN": SECRET,
        "env.TF_CACHE_OF_MINE": "/home/somebody/cache",
        "env.LANG": "it's; echo $HOME",
        "env.-S rm": "1",
    }
    return Plan(base, switches)


def task(knobs: Knobs) -> Task:
    return Task(knobs, ROWS, Limits())


def found(*culprits: str, **over: Any) -> Isolation:
    switches = [
        isolations.tried(one.name, "culprit" if one.name in culprits else "cleared", about=one.about)
        for one in SWITCHES
    ]  # fmt: skip
    return isolations.isolation(*switches, sentence="cast alone turns left's answers into right's.", **over)


def texts(folder: Path) -> dict[str, str]:
    """Everything in a bundle that a person reads, by its place."""
    kinds = (".sh", ".md", ".json")
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.suffix in kinds}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "a model"
    (folder / "assets").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"pb")
    return folder


# --- with TensorFlow ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(a bundle whose culprit is cast, the interpreter)."""
    python, folder = tf_python("2.21.0"), tmp_path_factory.mktemp("bundle")
    subprocess.run([python, MAKE_MODELS, folder, "several"], check=True, capture_output=True, timeout=300)
    target = folder / "to try"
    write_bundle(target, plan(str(python), str(folder / "several")), task, found("cast"))
    return target, python


def play(folder: Path, script: str, python: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """As a stranger would, from anywhere, with variables of their own."""
    own = {"PATH": "/usr/bin:/bin", "HOME": str(folder.parent), "LEFT_PYTHON": str(python), **environ}
    return subprocess.run(
        [folder / script], cwd="/", env=own, capture_output=True, text=True, check=False, timeout=300
    )  # fmt: skip


@pytest.mark.tensorflow
def test_the_difference_and_its_cure_are_shown(bundle: tuple[Path, Path]) -> None:
    folder, python = bundle
    shown = play(folder, "show.sh", python, **{ONEDNN: "0", "TF_OF_THE_STRANGER": "1"})

    assert shown.returncode == 0, shown.stdout + shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("left:  TensorFlow 2.21.0, Keras ")
    assert lines[-1] == "left and right answer differently"
    assert any(line.startswith("  batch/y: differs by up to ") and " of its range)" in line for line in lines)
    assert not any(line.startswith("note:") for line in lines)
    _, meta = exchange.read(folder / "answers" / "left.npz")
    assert meta["evidence"]["facts"][f"env.{ONEDNN}"] == "1"
    assert "env.TF_OF_THE_STRANGER" not in meta["evidence"]["facts"]

    cured = play(folder, "cure.sh", python)
    assert cured.returncode == 0, cured.stdout + cured.stderr
    assert cured.stdout.splitlines()[-1] == "left and cured answer alike, bit for bit"
    _, meta = exchange.read(folder / "answers" / "cured.npz")
    assert (meta["evidence"]["facts"][f"env.{ONEDNN}"], meta["evidence"]["facts"]["env.TZ"]) == ("0", "Asia/Tokyo")


@pytest.mark.tensorflow
def test_what_does_not_differ_any_more_is_said(bundle: tuple[Path, Path]) -> None:
    folder, python = bundle
    case = folder / "cases" / "right.json"
    before = case.read_text()
    changed = {**json.loads(before), "cast": None, "shows": {"runtime.onednn": False, "tensorflow.version": "2.12.1"}}
    case.write_text(json.dumps(changed))
    try:
        done = play(folder, "show.sh", python)
    finally:
        case.write_text(before)

    assert done.returncode == 1
    assert "left and right answer alike, bit for bit" in done.stdout
    assert "note: right runs with runtime.onednn = True; it was False where this was measured" in done.stdout
    assert "note: right runs with tensorflow.version = 2.21.0; it was 2.12.1 where this was measured" in done.stdout


@pytest.mark.parametrize("python", ["/nowhere/python", sys.executable])
def test_without_tensorflow_it_says_so(python: str, model: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", plan(model=str(model)), task, found("cast"))
    done = play(tmp_path / "b", "show.sh", python)

    assert done.returncode == 2
    assert "no answer" in done.stdout + done.stderr
    assert ("No module named 'tensorflow'" in done.stdout) is (python == sys.executable)


# --- what is written ----------------------------------------------------------------------------------------


def test_nothing_of_this_machine_and_no_secret_is_written(model: Path, tmp_path: Path) -> None:
    write_bundle(
        tmp_path / "b", plan(model=str(model)), task, found("cast"),
        versions=({"tensorflow.version": "2.21.0", "python.version": "3.11.7", "cpu.model": "AMD EPYC 9R14"},) * 2,
        generator="envdiff 1",
    )  # fmt: skip
    written = texts(tmp_path / "b")

    for name, text in written.items():
        for leak in (str(tmp_path), "/somewhere", "/home/somebody", SECRET, str(Path.home()), "-S rm"):
            assert leak not in text, (name, leak)
    assert "`TF_API_TOKEN`" in written["README.md"]
    assert "TF_CACHE_OF_MINE=~/cache" in written["runs.sh"]
    assert "cast alone turns left's answers into right's." in written["README.md"]
    assert "AMD EPYC 9R14" in written["README.md"]
    assert json.loads(written["cases/right.json"])["shows"]["tensorflow.version"] == "2.21.0"
    assert json.loads(written["cases/left.json"])["model"] == "model"
    assert (tmp_path / "b" / "model" / "saved_model.pb").read_bytes() == b"pb"
    assert {one.name for one in (tmp_path / "b" / "probes").iterdir()} == {"trial.py", "predict.py", "envprobe.py"}


def test_a_value_is_never_run_by_the_shell(model: Path, tmp_path: Path) -> None:
    switch = Switch("x\nrm -rf /", "", {"env.X": "a"}, {"env.X": "$(touch pwned)\n`touch pwned`'; touch pwned #"})
    isolation = isolations.isolation(isolations.tried(switch.name, "culprit"))
    write_bundle(tmp_path / "b", plan(model=str(model), switches=(switch,)), task, isolation)
    echo = tmp_path / "python"
    echo.write_text("#!/bin/sh\nenv >&2\nexit 1\n")
    echo.chmod(0o755)
    play(tmp_path / "b", "show.sh", echo)
    script = tmp_path / "b" / "runs.sh"
    right = subprocess.run(
        ["sh", "-c", f". '{script}'; right"], cwd=tmp_path / "b", env={"PATH": "/usr/bin:/bin", "LEFT_PYTHON": str(echo)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "X=$(touch pwned)\n`touch pwned`'; touch pwned #\n" in right.stderr
    assert not list(tmp_path.rglob("pwned"))
    assert "rm -rf" not in "".join(text for name, text in texts(tmp_path / "b").items() if name.endswith(".sh"))


def test_two_interpreters_two_models_and_a_package(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.keras"
    other.write_bytes(b"keras")
    switches = (
        Switch("interpreter", "", {"python": "/somewhere/bin/python"}, {"python": "/elsewhere/bin/python"}),
        Switch("model", "", {"model": str(model)}, {"model": str(other)}),
        Switch("package numpy", "", {"package.numpy": None}, {"package.numpy": "/elsewhere/numpy"},
               (Shows("packages.numpy", "2.0.0", "1.26.4"),)),
        Switch("processors", "", {"cpus": 2}, {"cpus": 1}),
    )  # fmt: skip
    guilty = [isolations.tried(one.name, "culprit") for one in switches]
    target = tmp_path / "b"
    write_bundle(
        target, plan(model=str(model), switches=switches), task, isolations.isolation(*guilty),
        versions=({"tensorflow.version": "2.21.0"}, {"tensorflow.version": "2.12.1"}),
    )  # fmt: skip
    runs = (target / "runs.sh").read_text()

    assert (target / "right-model.keras").read_bytes() == b"keras"
    assert json.loads((target / "cases" / "right.json").read_text())["model"] == "right-model.keras"
    assert '"$RIGHT_PYTHON" probes/trial.py cases/right.json' in runs
    assert '"$LEFT_PYTHON" probes/trial.py cases/cured.json' in runs
    assert "PYTHONPATH=packages/numpy" in runs
    page = (target / "README.md").read_text()
    assert "pip install --no-deps --target packages/numpy numpy==1.26.4" in page
    assert "/elsewhere" not in "".join(texts(target).values())
    done = play(target, "show.sh", sys.executable)
    assert done.returncode == 2
    assert "set RIGHT_PYTHON to an interpreter with TensorFlow 2.12.1" in done.stderr
    done = play(target, "show.sh", "/bin/true", RIGHT_PYTHON="/bin/true")
    assert done.returncode == 2


def test_a_missing_package_says_where_to_read(model: Path, tmp_path: Path) -> None:
    switch = Switch("package numpy", "", {"package.numpy": None}, {"package.numpy": "/elsewhere/numpy"})
    write_bundle(
        tmp_path / "b", plan(model=str(model), switches=(switch,)), task,
        isolations.isolation(isolations.tried(switch.name, "culprit")),
    )  # fmt: skip
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nmkdir -p answers; : >answers/left.npz\n")
    fake.chmod(0o755)
    done = play(tmp_path / "b", "show.sh", fake)

    assert done.returncode == 2
    assert "packages/numpy is missing: see README.md" in done.stderr


def test_an_image_is_run_with_docker(model: Path, tmp_path: Path) -> None:
    switch = Switch("image", "", {"image": None}, {"image": "registry.example/ranker:2.1"})
    write_bundle(
        tmp_path / "b", plan(model=str(model), switches=(*SWITCHES, switch)), task,
        isolations.isolation(isolations.tried("image", "culprit")),
    )  # fmt: skip
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\nfor word; do echo "[$word]"; done\n')
    docker.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", ". ./runs.sh; right"], cwd=tmp_path / "b", env={"PATH": f"{docker.parent}:/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = done.stdout.splitlines()

    assert words[:5] == ["[run]", "[--rm]", "[--volume]", f"[{tmp_path}/b:/bundle]", "[--workdir]"]
    assert words[-5:] == [
        "[--entrypoint]", "[python3]", "[registry.example/ranker:2.1]", "[probes/trial.py]", "[cases/right.json]",
    ]  # fmt: skip
    assert f"[{ONEDNN}=1]" in words


def test_an_archive_holds_the_same_and_can_be_run(model: Path, tmp_path: Path) -> None:
    os.utime(model / "saved_model.pb", (0, 0))  # older than what an archive can say
    write_bundle(tmp_path / "b", plan(model=str(model)), task, found("cast"))
    write_bundle(tmp_path / "c.zip", plan(model=str(model)), task, found("cast"))
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        names = {one.filename.removeprefix("c/"): one for one in archive.infolist()}

    assert {name.rstrip("/") for name in names} == {
        str(one.relative_to(tmp_path / "b")) for one in (tmp_path / "b").rglob("*")
    }
    assert names["show.sh"].external_attr >> 16 & 0o111
    assert sorted(one.name for one in tmp_path.iterdir()) == ["b", "c.zip", "home"]


def test_the_noise_of_the_sides_is_allowed_for(model: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", plan(model=str(model)), task, found("cast", exact=False, noise=(1e-6, 2e-6)))

    assert "--expect same --within 3e-06" in (tmp_path / "b" / "cure.sh").read_text()


def test_what_was_not_shown_backwards_is_not_promised(model: Path, tmp_path: Path) -> None:
    for name, backward in (("both", True), ("one", False)):
        write_bundle(tmp_path / name, plan(model=str(model)), task, found("cast", backward=backward))
        assert ("need not succeed" in (tmp_path / name / "README.md").read_text()) is not backward


def test_what_cannot_be_bundled_is_told(model: Path, tmp_path: Path) -> None:
    made = plan(model=str(model))
    with pytest.raises(UnusableInput, match="nothing to show"):
        write_bundle(tmp_path / "b", made, task, found())
    with pytest.raises(UnusableInput, match="something at this place"):
        write_bundle(model, made, task, found("cast"))
    with pytest.raises(WorldFailed, match="cannot be written"):
        write_bundle(tmp_path / "none" / "b", made, task, found("cast"))
    with pytest.raises(WorldFailed, match="cannot be written"):
        write_bundle(tmp_path / "b", plan(model=str(tmp_path / "gone")), task, found("cast"))
    node = Switch("node", "", {"node": "left"}, {"node": "right"})
    with pytest.raises(UnusableInput, match="another machine"):
        write_bundle(
            tmp_path / "b", replace(made, switches=(node,)), task,
            isolations.isolation(isolations.tried("node", "culprit")),
        )  # fmt: skip
    assert [one.name for one in tmp_path.iterdir()] == ["home"]


# --- the comparison -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compare() -> Any:
    spec = importlib.util.spec_from_file_location("bundle_compare", probe_path("compare.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("left", "right", "relative", "says"),
    [
        ([0.0, 1.0], [0.0, 1.0], 0.0, "the same, bit for bit"),
        ([0.0, 10.0], [0.0, 9.0], 0.1, "differs by up to 1 (0.1 of its range), in 1 of 2 numbers"),
        ([NAN, 1.0], [NAN, 1.0], 0.0, "the same"),
        ([NAN, 1.0], [0.0, 1.0], INF, "inf"),
        ([INF, 1.0], [INF, 2.0], 1.0, "in 1 of 2 numbers"),
        ([-0.0], [0.0], 0.0, "in 0 of 1 numbers"),
        ([1.0], [1.0, 1.0], INF, "(1,) against float64 (2,)"),
        ([[1.0, 2.0]], [[2.0, 1.0]], 1.0, "1 of 1 labels flip"),
        ([1 + 1j, 0], [1 + 0j, 0], 1 / 2**0.5, "in 1 of 2 numbers"),
        (np.array([b"a", b"b"], object), np.array([b"a", b"c"], object), INF, "1 of 2 texts differ"),
        (np.array([b"a"], object), np.array([b"a"], object), 0.0, "the same, bit for bit"),
        (None, [1.0], INF, "one side has no such output"),
    ],
)  # fmt: skip
def test_distances(compare: Any, left: Any, right: Any, relative: float, says: str) -> None:
    got = compare.distance(*(None if one is None else np.asarray(one) for one in (left, right)))

    assert got[0] == pytest.approx(relative)
    assert says in got[1]


def test_outputs_that_alone_are_left_over_belong_together(compare: Any) -> None:
    one, other, third = np.zeros(2), np.ones(2), np.ones(3)

    assert [name for name, _, _ in compare.pairs({"a": one, "dense": other}, {"a": one, "output_0": other})] == [
        "a", "dense and output_0",
    ]  # fmt: skip
    assert [pair[0] for pair in compare.pairs({"a": one}, {"b": other, "c": third})] == ["a", "b", "c"]


def test_zeros_of_two_signs_are_not_the_same_bits(compare: Any) -> None:
    relative, told = compare.distance(np.array([-0.0]), np.array([0.0]))

    assert relative == 0.0
    assert told != compare.SAME


@pytest.mark.parametrize(
    ("within", "expect", "status"), [(0.0, "same", 1), (0.2, "same", 0), (0.2, "different", 1), (0.0, "different", 0)]
)
def test_the_status_is_what_was_expected(
    compare: Any, within: float, expect: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("answers", "cases"):
        (tmp_path / folder).mkdir()
    for name, value in (("left", 1.0), ("right", 1.1)):
        calls = {"batch": {"y": np.array([0.0, value], "f4"), "t": np.array([b"x"], object)}}
        exchange.write(tmp_path / "answers" / f"{name}.npz", calls, {"evidence": {"facts": {"cpu.model": "A"}}})
        (tmp_path / "cases" / f"{name}.json").write_text('{"shows": {"cpu.model": "B"}}')

    assert compare.main(["left", "right", "--expect", expect, "--within", str(within)]) == status
    assert compare.main(["left", "left", "--expect", "same"]) == 0
    assert compare.main(["left", "gone"]) == 2
