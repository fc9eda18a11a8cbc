"""A SavedModel of TensorFlow 1.15.0, with what that TensorFlow said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model_truth import check_truth

from envdiff.model.facts import model_facts
from envdiff.model.model import read_model


@pytest.mark.parametrize("name", ["tf1_dropout", "init_overwrites"])
def test_reads_what_tensorflow_1_15_read(recorded: Path, name: str) -> None:
    truth = json.loads((recorded / f"{name}.truth.json").read_text())
    assert truth["version"] == "1.15.0"
    check_truth(read_model(recorded / name, verify_weights=True), truth)


def test_traits_of_a_tensorflow_1_model(recorded: Path) -> None:
    facts = model_facts(recorded / "tf1_dropout").facts
    assert facts["model.producer"] == "1.15.0"
    assert facts["model.dropout_on"] is True
    assert facts["model.random_ops"] == ["RandomUniform seed=0 seed2=0 ×1"]
    assert facts["model.device_pins"] == ["/device:CPU:0 ×4"]
    assert facts["model.weights.tensors"] == ["part/w float32 [4,2] crc32c:ffae4059"]  # stored in two pieces


def test_the_main_op_that_overwrites(recorded: Path) -> None:
    assert model_facts(recorded / "init_overwrites").facts["model.init_overwrites"] == ["lost"]
