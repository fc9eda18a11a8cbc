"""What envdiff reads against what TensorFlow itself says, for every model of make_models and several versions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from model_truth import check_truth

from envdiff.model.compare import diff
from envdiff.model.compare_weights import Relation
from envdiff.model.facts import model_facts
from envdiff.model.model import read_model
from envdiff.model.protos import model_pb2 as pb

VERSIONS = ("2.12.1", "2.21.0")
MODELS = (
    "dense", "conv_bn", "training_left_on", "mixed_bf16", "lstm", "raw_dropout", "raw_dropout_seeded", "noise_unseeded",
    "noise_seeded", "noise_stateless", "noise_generator", "vocabulary", "images", "compiled", "branches", "several",
    "init_overwrites", "tf1_dropout",
)  # fmt: skip

pytestmark = pytest.mark.tensorflow


@pytest.fixture(params=VERSIONS)
def folder(request: pytest.FixtureRequest, made_models: Callable[[str], Path]) -> Path:
    return made_models(request.param)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_reads_what_tensorflow_reads(folder: Path, name: str, verify: bool) -> None:
    check_truth(
        read_model(folder / name, verify_weights=verify), json.loads((folder / f"{name}.truth.json").read_text())
    )


NOISE = {"noise_unseeded": "unseeded", "noise_seeded": "seeded", "noise_stateless": "stateless",
         "noise_generator": "stateful-resource", "raw_dropout": "unseeded", "raw_dropout_seeded": "seeded",
         "branches": "seeded", "dense": "none", "tf1_dropout": "unseeded"}  # fmt: skip
DROPOUT = {"raw_dropout", "raw_dropout_seeded", "training_left_on", "tf1_dropout"}


@pytest.mark.parametrize("name", MODELS)
def test_finds_the_planted_traits_and_no_others(folder: Path, name: str) -> None:
    facts = model_facts(folder / name).facts
    if name in NOISE:
        assert facts["model.randomness"] == NOISE[name]
    assert facts["model.dropout_on"] is (name in DROPOUT)
    assert facts["model.batch_norm_training"] is (name == "training_left_on")
    assert facts["model.init_overwrites"] == (["lost"] if name == "init_overwrites" else [])
    assert facts["model.xla_must_compile"] is (name == "compiled")
    assert facts["model.custom_ops"] == []
    assert any("bfloat16" in one for one in facts["model.precision"]) is (name == "mixed_bf16")
    assert bool(facts["model.image_decode"]) is (name == "images")
    assert ("model.vocabularies" in facts) is (name == "vocabulary")


def test_sees_the_image_rules(folder: Path) -> None:
    facts = model_facts(folder / "images").facts
    assert facts["model.image_resize"] == ["ResizeBilinear align_corners=true half_pixel_centers=false ×1"]
    assert "RealDiv 255" in facts["model.image_normalise"]


def test_the_producer_is_the_tensorflow_that_wrote_it(folder: Path, request: pytest.FixtureRequest) -> None:
    truth = json.loads((folder / "dense.truth.json").read_text())
    assert model_facts(folder / "dense").facts["model.producer"] == truth["version"]


@pytest.mark.parametrize("other", ["dense.h5", "dense.weights.h5", "dense.keras", "dense_exported"])
def test_the_same_weights_in_every_format(folder: Path, other: str) -> None:
    left, right = folder / "dense", folder / other
    digests = {model_facts(one).facts["model.weights.digest"] for one in (left, right)}
    assert len(digests) == 1
    assert diff(left, right).weights.relation in {Relation.EQUAL, Relation.RENAMED}


def test_the_same_weights_written_by_two_versions(made_models: Callable[[str], Path]) -> None:
    found = diff(*(made_models(version) / "dense" for version in VERSIONS))
    assert found.weights.relation is Relation.RENAMED
    assert found.same


def test_verifying_changes_no_digest(folder: Path) -> None:
    plain, read = (model_facts(folder / "conv_bn", verify_weights=verify).facts for verify in (False, True))
    assert {path: value for path, value in read.items() if path in plain and plain[path] != value} == {
        "model.weights.verified": True
    }


def test_lite_operations_and_ends(folder: Path) -> None:
    facts = model_facts(folder / "dense.tflite").facts
    assert facts["model.format"] == "tflite"
    assert facts["model.signature.main.op_counts"] == ["FULLY_CONNECTED×2"]
    assert facts["model.signature.main.inputs"][0].endswith("float32 [1,4]")
    assert facts["model.custom_ops"] == []


def test_a_vocabulary_in_the_graph(folder: Path) -> None:
    found = diff(folder / "words", folder / "words_swapped")
    assert [(one.left, one.right) for one in found.nodes] == [("string [2] 'yes', 'no'", "string [2] 'no', 'yes'")]


@pytest.mark.parametrize("other", ["dense.h5", "dense.keras", "dense"])
def test_converted_weights_are_recognised(folder: Path, other: str) -> None:
    found = diff(folder / other, folder / "dense.tflite").weights
    assert found.relation is Relation.TRANSPOSED
    assert {one.detail for one in found.changes} == {"transposed (1,0)"}


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("converted.tflite", r"transposed \(1,0\)"),
        ("converted16.tflite", r"transposed \(1,0\), the same values as float(16|32)"),
        (
            "converted8.tflite",
            r"the same values in steps of int8 with (one scale|a scale for each of 16 channels), transposed \(1,0\)",
        ),
    ],
)
def test_a_conversion_that_folds_batch_normalisation(folder: Path, name: str, hidden: str) -> None:
    for sides in ((folder / "converted.h5", folder / name), (folder / name, folder / "converted.h5")):
        found = diff(*sides).weights
        assert found.relation is Relation.FOLDED
        assert "of 10 tensors of the" in found.sentence
        details = [one.detail for one in found.changes if "hidden/kernel" in one.left.name + one.right.name]
        assert [one for one in details if re.fullmatch(hidden, one)], details


def test_shapes_and_axes_are_no_weights(folder: Path) -> None:
    assert model_facts(folder / "converted.tflite").facts["model.weights.dtypes"] == ["float32"]
    assert model_facts(folder / "converted8.tflite").facts["model.weights.dtypes"] == ["float32", "int8"]


def test_training_left_on_against_inference(folder: Path) -> None:
    found = diff(folder / "conv_bn", folder / "training_left_on")
    assert {one.about for one in found.traits} >= {"dropout_on", "batch_norm_training", "randomness"}
    assert found.weights.relation in {Relation.EQUAL, Relation.RENAMED}


def test_a_graph_alone_says_the_same_of_dropout(folder: Path, tmp_path: Path) -> None:
    message = pb.SavedModel.FromString((folder / "tf1_dropout" / "saved_model.pb").read_bytes())
    (tmp_path / "graph.pb").write_bytes(message.meta_graphs[0].graph_def.SerializeToString())
    facts = model_facts(tmp_path / "graph.pb").facts
    assert facts["model.dropout_on"] is True
    assert facts["model.signature.frozen.inputs"]
