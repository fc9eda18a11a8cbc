"""Real models and real answers: the planted cause is what the report names first, and where nothing is planted, nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_cli import envdiff

import envdiff as library
from envdiff.report import Report, Verdict

MAKER = Path(__file__).parent / "models" / "make_causes.py"
RELEASES = ("2.21.0", "2.12.1")
WORDS = {"text": ["cat", "dog", "bird", "fish"]}

CAUSES = {
    "other-version": "model-version",
    "one-ulp": "model-weights",
    "dropout-on": "model-dropout-on",
    "batch-norm-training": "model-batch-norm-training-one-side",
    "initialiser-overwrites": "model-init-overwrites",
    "other-vocabulary": "model-vocabulary",
    "channels-swapped": "model-ops",
    "no-255": "model-ops",
    "class-order": "answers-order",
    "logits": "answers-activation",
}


@pytest.fixture(scope="module")
def causes(tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """TensorFlow version -> folder of CAUSE/{left,right}, made by it."""
    made: dict[str, Path] = {}

    def make(version: str) -> Path:
        if version not in made:
            folder = tmp_path_factory.mktemp(f"causes-{version}")
            command = [str(tf_python(version)), str(MAKER), str(folder)]
            subprocess.run(command, check=True, capture_output=True, timeout=600)
            (folder / "words.json").write_text(json.dumps(WORDS), encoding="utf-8")
            made[version] = folder
        return made[version]

    return make


def asked(python: Path, folder: Path, cause: str, *more: str) -> Report:
    for side in ("left", "right"):
        rows = str(folder / "words.json") if cause == "other-vocabulary" else "signature"
        model = folder / cause / side
        done = envdiff(
            "capture", "--python", python, "--model", model, "--rows", rows, "-o", f"{model}.json", *more
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        assert "only their digest" in done.stderr.decode()
    return library.report(folder / cause / "left.json", folder / cause / "right.json")


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("version", RELEASES)
def test_the_planted_cause_is_named_first(
    version: str, cause: str, causes: Callable[[str], Path], tf_python: Callable[[str], Path]
) -> None:
    found = asked(tf_python(version), causes(version), cause, "--static")
    assert found.answer.verdict is Verdict.MOVES
    assert found.findings[0].rule == CAUSES[cause], [one.rule for one in found.findings]
    assert found.delta is not None
    assert not found.delta.stated
    if cause == "one-ulp":
        assert "Of 6 tensors of the model 1 differs: out." in found.notes


@pytest.mark.parametrize(("encoding", "first"), [("utf-8", "locale-letters"), ("ascii", None)])
@pytest.mark.parametrize("version", RELEASES)
def test_letters_go_by_the_locale_where_an_encoding_is_given(
    version: str, encoding: str, first: str | None, causes: Callable[[str], Path], tf_python: Callable[[str], Path],
    tmp_path: Path,
) -> None:  # fmt: skip
    folder, python = causes(version), tf_python(version)
    (tmp_path / "words.json").write_text(json.dumps({"text": ["TITLE", "INPUT", "HELLO"]}), encoding="utf-8")
    for side, locale in (("left", "C.UTF-8"), ("right", "tr_TR.UTF-8")):
        done = envdiff(
            "capture", "--static", "--python", python, "--model", folder / "letters" / encoding,
            "--rows", tmp_path / "words.json", "-o", tmp_path / f"{side}.json", environ={"LC_ALL": locale},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
    found = library.report(tmp_path / "left.json", tmp_path / "right.json")
    assert [one.rule for one in found.findings[:1]] == ([first] if first else [])
    assert found.answer.verdict is (Verdict.MOVES if first else Verdict.HARMLESS), found.answer.sentence


@pytest.mark.parametrize(("version", "first"), [("2.12.1", "onednn-gate-fusion"), ("2.21.0", None)])
def test_gates_that_onednn_computes_wrongly(
    version: str, first: str | None, causes: Callable[[str], Path], tf_python: Callable[[str], Path], tmp_path: Path
) -> None:
    """Mended in 2.14: from then on the switch moves the last bits of such a model, if anything."""
    for side, switch in (("left", "1"), ("right", "0")):
        done = envdiff(
            "capture", "--static", "--python", tf_python(version), "--model", causes(version) / "gates",
            "--rows", "signature", "-o", tmp_path / f"{side}.json", environ={"TF_ENABLE_ONEDNN_OPTS": switch},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
    found = library.report(tmp_path / "left.json", tmp_path / "right.json")
    assert found.delta is not None
    assert (found.delta.outputs["y"].max_abs > 0.01) is (first is not None)
    assert ("onednn-gate-fusion" in [one.rule for one in found.findings[:1]]) is (first is not None)


def test_the_same_model_in_the_same_environment(
    causes: Callable[[str], Path], tf_python: Callable[[str], Path]
) -> None:
    found = asked(tf_python("2.21.0"), causes("2.21.0"), "same")
    assert found.answer.verdict is Verdict.HARMLESS, found.answer.sentence
    assert "bit for bit" in found.answer.sentence
    assert not found.findings
    assert not found.unexplained


def test_answers_kept_beside_the_fingerprint(
    causes: Callable[[str], Path], tf_python: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = causes("2.21.0")
    for side in ("left", "right"):
        envdiff(
            "capture", "--static", "--python", tf_python("2.21.0"), "--model", folder / "one-ulp" / side,
            "--rows", "signature", "--answers", tmp_path / f"{side}.npz", "-o", tmp_path / f"{side}.json",
        )  # fmt: skip
    kept = json.loads((tmp_path / "left.json").read_text())["outputs"]
    assert kept["kept_in"] == "left.npz"
    assert "calls" not in kept
    found = library.report(tmp_path / "left.json", tmp_path / "right.json")
    assert found.delta is not None
    assert 0 < found.delta.outputs["y"].max_abs < 1e-5

    (tmp_path / "right.npz").unlink()
    found = library.report(tmp_path / "left.json", tmp_path / "right.json")
    assert found.delta is None
    assert any("right.npz" in note for note in found.notes)


# What enters the model, recorded on both sides: how it is made on one side only is the cause.
IMAGES = np.random.default_rng(3).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)
TABLE = np.random.default_rng(4).normal(20, 5, (200, 6))

INPUTS = {
    "channels": (IMAGES, IMAGES[..., ::-1], "input-channels"),
    "range": (IMAGES, IMAGES / 255, "input-range"),
    "layout": (IMAGES, IMAGES.transpose(0, 3, 1, 2), "input-layout"),
    "ddof": (
        (TABLE - TABLE.mean(0)) / TABLE.std(0), (TABLE - TABLE.mean(0)) / TABLE.std(0, ddof=1), "input-statistics"
    ),
    "digits": (TABLE, np.vectorize(lambda value: float(f"{value:.6g}"))(TABLE), "input-digits"),
    "columns": (TABLE, TABLE[:, [1, 0, 2, 3, 5, 4]], "input-columns"),
    "dtype": (TABLE, TABLE.astype(np.float32), "input-dtype"),
}  # fmt: skip


@pytest.fixture(scope="module")
def alike(tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two captures of one environment."""
    folder = tmp_path_factory.mktemp("alike")
    for side in ("left", "right"):
        assert envdiff("capture", "--python", sys.executable, "-o", folder / f"{side}.json").returncode == 0
    return folder


@pytest.mark.parametrize("name", INPUTS)
def test_a_step_that_one_side_lacks_is_named_first(alike: Path, tmp_path: Path, name: str) -> None:
    left, right, rule = INPUTS[name]
    same = np.arange(6.0)
    np.savez(tmp_path / "left.npz", before=same, entering=left)
    np.savez(tmp_path / "right.npz", before=same, entering=right)
    shown = envdiff(
        "report", alike / "left.json", alike / "right.json", "--format", "json",
        "--inputs", tmp_path / "left.npz", tmp_path / "right.npz",
    )  # fmt: skip
    assert shown.returncode == 1, shown.stderr.decode()
    found = json.loads(shown.stdout)
    assert found["findings"][0]["rule"] == rule
    assert "entering" in found["findings"][0]["title"] + found["findings"][0]["left"]["text"]


def test_recorded_arrays_that_are_the_same_say_so(alike: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "left.npy", IMAGES)
    np.save(tmp_path / "right.npy", IMAGES)
    files = (tmp_path / "left.npy", tmp_path / "right.npy")
    found = library.report(alike / "left.json", alike / "right.json", inputs=files)
    assert not found.findings
    assert any("are the same on both sides" in note for note in found.notes)


def test_dumps_with_nothing_in_common(alike: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "left.npz", a=TABLE, b=TABLE)
    np.savez(tmp_path / "right.npz", c=TABLE, d=TABLE)
    shown = envdiff(
        "report", alike / "left.json", alike / "right.json", "--inputs", tmp_path / "left.npz", tmp_path / "right.npz"
    )  # fmt: skip
    assert shown.returncode == 3
    assert b"no array of the same name" in shown.stderr


@pytest.mark.parametrize(("size", "fits"), [(3e-7, True), (0.4, False)])
def test_a_difference_stated_by_hand_judges_the_causes(tmp_path: Path, size: float, fits: bool) -> None:
    from builders import document

    (tmp_path / "a.json").write_text(json.dumps(document({})), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(document({"env.TF_ENABLE_ONEDNN_OPTS": "0"})), encoding="utf-8")
    shown = envdiff("report", tmp_path / "a.json", tmp_path / "b.json", "--delta", size, "--format", "json")
    found = json.loads(shown.stdout)
    assert bool(found["findings"]) is fits
    assert bool(found["too_small"]) is not fits
    assert found["delta"]["stated"] is True


def test_recording_from_ones_own_program(tmp_path: Path) -> None:
    for side, factor in (("left", 1.0), ("right", 1 / 255)):
        library.record("raw", IMAGES, tmp_path / side)
        library.record("scaled", (IMAGES * np.float32(factor)), tmp_path / side)
    shown = envdiff("tensors", tmp_path / "left", tmp_path / "right")
    text = shown.stdout.decode()
    assert shown.returncode == 1, shown.stderr.decode()
    assert "scaled: right = left / 255" in text
    assert "the first array that differs is scaled" in text
    as_json = json.loads(envdiff("tensors", tmp_path / "left", tmp_path / "right", "--format", "json").stdout)
    assert as_json["first_difference"] == "scaled"
    assert as_json["arrays"][1]["relation"]["kind"] == "scale-and-shift"


def test_recording_costs_nothing_where_no_folder_is_named() -> None:
    code = "import sys, envdiff; envdiff.record('x', [1]); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_models_are_shown_and_compared(causes: Callable[[str], Path]) -> None:
    folder = causes("2.21.0")
    shown = envdiff("model", "show", folder / "dropout-on" / "right")
    assert shown.returncode == 0, shown.stderr.decode()
    assert "ropout" in shown.stdout.decode()
    assert envdiff("model", "diff", folder / "same" / "left", folder / "same" / "right").returncode == 0
    differs = envdiff("model", "diff", folder / "one-ulp" / "left", folder / "one-ulp" / "right")
    assert differs.returncode == 1
    assert "out" in differs.stdout.decode()
    as_json = envdiff("model", "diff", folder / "one-ulp" / "left", folder / "one-ulp" / "right", "--format", "json")
    assert json.loads(as_json.stdout)
    assert envdiff("model", "show", folder / "nothing-here").returncode == 3
