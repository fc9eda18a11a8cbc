"""probes/predict.py in real TensorFlow: the same bits by every way, and what goes wrong in words."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions.ask_local import ask_local
from envdiff.predictions.between import between
from envdiff.predictions.measured import Steady
from envdiff.predictions.rows import rows_from_signature
from envdiff.probe_file import probe_path

MAKE = """
import os, sys
import numpy as np
import tensorflow as tf
out = sys.argv[1]
random = np.random.RandomState(0)

class Plain(tf.Module):
    def __init__(self):
        self.w = tf.Variable(random.normal(size=(8, 4)).astype("f4"))
        self.v = tf.Variable(random.normal(size=(4, 3)).astype("f4"))
    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")])
    def __call__(self, x):
        z = tf.nn.relu(x @ self.w) @ self.v
        return {"logits": z, "probabilities": tf.nn.softmax(z)}

class Random(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x + tf.random.normal(tf.shape(x))}

class Text(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="t"), tf.TensorSpec([], tf.float32, name="k")])
    def __call__(self, t, k):
        length = tf.cast(tf.strings.length(t), tf.float32)
        return {"length": length * k, "lower": tf.strings.lower(t), "half": tf.cast(length, tf.bfloat16)}

for name, kind in (("plain", Plain), ("random", Random), ("text", Text)):
    module = kind()
    tf.saved_model.save(module, os.path.join(out, name), signatures=module.__call__)
layers = tf.keras.layers
dense = tf.keras.Sequential([layers.Input((8,)), layers.Dense(3, activation="softmax")])
secret = tf.keras.Sequential([layers.Input((8,)), layers.Lambda(lambda x: x * 2)])
for ending in (".h5", ".keras"):
    dense.save(os.path.join(out, "dense" + ending))
    secret.save(os.path.join(out, "secret" + ending))
"""

X = rows_from_signature([("x", "float32", [None, 8])], 6)


def test_the_scripts_are_old_enough_python(interpreter: Callable[[str], Path]) -> None:
    for name in ("predict.py", "call.py"):
        done = subprocess.run(
            [str(interpreter("3.6")), "-m", "py_compile", str(probe_path(name))], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["2.12.1", "2.21.0"])
def models(
    request: pytest.FixtureRequest, tf_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    python, folder = tf_python(request.param), tmp_path_factory.mktemp("models")
    script = folder / "make.py"
    script.write_text(MAKE)
    done = subprocess.run([str(python), str(script), str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return str(python), folder


@pytest.mark.tensorflow
def test_signature_and_session_agree(models: tuple[str, Path]) -> None:
    python, folder = models
    found = ask_local(python, folder / "plain", X)
    assert set(found) == {"signature", "session"}
    for answers in found.values():
        assert not answers.errors
        assert set(answers.calls) == {"single", "batch", "batch_again"}
        assert answers.steadiness.steady is Steady.STEADY
        assert answers.main["logits"].shape == (6, 3)
        assert answers.made_by["tensorflow"]
    difference = between(found["signature"], found["session"])
    assert difference.delta.outputs["logits"].max_abs == 0
    assert difference.delta.steadiness == "steady"
    assert not difference.notes


@pytest.mark.tensorflow
def test_a_random_op_shows(models: tuple[str, Path]) -> None:
    python, folder = models
    for answers in ask_local(python, folder / "random", X).values():
        assert answers.steadiness.steady is Steady.CALL_TO_CALL


@pytest.mark.tensorflow
def test_text_scalars_and_bfloat16(models: tuple[str, Path]) -> None:
    python, folder = models
    rows = rows_from_signature([("t", "string", [None]), ("k", "float32", [])], 5)
    for answers in ask_local(python, folder / "text", rows).values():
        assert not answers.errors
        assert answers.main["lower"].tolist() == [text.lower() for text in rows.arrays["t"].tolist()]
        assert answers.main["half"].dtype.name == "bfloat16"
        assert answers.calls["single"]["length"].shape == (5,)


@pytest.mark.tensorflow
@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_keras_files(models: tuple[str, Path], ending: str) -> None:
    python, folder = models
    dense = ask_local(python, folder / f"dense{ending}", X)["keras"]
    assert not dense.errors
    assert next(iter(dense.main.values())).shape == (6, 3)
    refused = ask_local(python, folder / f"secret{ending}", X)["keras"]
    assert "only run with --allow-code" in refused.errors["all"]
    assert refused.calls == {}
    allowed = ask_local(python, folder / f"secret{ending}", X, allow_code=True)["keras"]
    assert np.array_equal(next(iter(allowed.main.values())), X.arrays["x"] * 2)


@pytest.mark.tensorflow
def test_what_fails_is_told_by_way(models: tuple[str, Path]) -> None:
    python, folder = models
    found = ask_local(python, folder / "plain", X, ["session", "signature"], signature="other")
    for answers in found.values():
        assert "no signature other; there are: " in answers.errors["all"]
    wrong = rows_from_signature([("x", "float32", [None, 5])], 2)
    assert ask_local(python, folder / "plain", wrong, ["session"])["session"].errors["all"]


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no such model"):
        ask_local(sys.executable, tmp_path / "none", X)
    with pytest.raises(UnusableInput, match="no such way"):
        ask_local(sys.executable, tmp_path, X, ["tea leaves"])
    with pytest.raises(UnusableInput, match="no interpreter"):
        ask_local(str(tmp_path / "python"), tmp_path, X)


def test_without_tensorflow_the_way_says_so(tmp_path: Path) -> None:
    answers = ask_local(sys.executable, tmp_path, X, ["signature"])["signature"]
    assert "ModuleNotFoundError" in answers.errors["all"]


def test_an_interpreter_that_dies_is_told(tmp_path: Path) -> None:
    dying = tmp_path / "python"
    dying.write_text("#!/bin/sh\necho Illegal instruction >&2\nkill -ILL $$\n")
    dying.chmod(0o755)
    with pytest.raises(WorldFailed, match="SIGILL"):
        ask_local(str(dying), tmp_path, X)
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    with pytest.raises(WorldFailed, match=r"no answer within 0\.5 s"):
        ask_local(str(slow), tmp_path, X, seconds=0.5)


CODE = {
    "a Lambda layer": {"class_name": "Functional", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}},
    "a serialised function": {"config": {"fn": {"class_name": "__lambda__", "config": {"code": "4wAA"}}}},
    "os.system": {"config": {"layer": {"module": "os", "class_name": "system", "config": {}}}},
}


@pytest.mark.parametrize("words", CODE)
def test_code_in_a_keras_file_is_found_before_keras_sees_it(words: str, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("config.json", json.dumps(CODE[words]))
    refused = ask_local(sys.executable, path, X)["keras"]
    assert words in refused.errors["all"]


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"\x89HDF\r\n\x1a\n" + b"\0" * 100])
def test_a_broken_keras_file_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    assert ask_local(sys.executable, path, X)["keras"].errors
