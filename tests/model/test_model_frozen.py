"""Frozen graphs: one file, its weights among the constants, and nobody who says what goes in and what comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_writing import attr, node

from envdiff.capture.model import rows_for
from envdiff.errors import UnusableInput
from envdiff.model.compare_weights import compare_weights
from envdiff.model.facts import model_facts
from envdiff.model.model import read_model
from envdiff.model.protos import model_pb2 as pb
from envdiff.model.wire import write_varint

KERNEL = np.arange(12, dtype="float32").reshape(3, 4)


def constant(name: str, array: np.ndarray, **spelled: Any) -> bytes:
    tensor = pb.Tensor(dtype={"float32": 1, "int32": 3}[array.dtype.name], **spelled)
    if not spelled:
        tensor.tensor_content = array.tobytes()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return node(name, "Const", attrs=[attr("dtype", type=tensor.dtype), attr("value", tensor=tensor)])


def graph(kernel: np.ndarray = KERNEL, *, training: bool = False, **spelled: Any) -> list[bytes]:
    shape = pb.Shape()
    shape.dim.add(size=-1)
    shape.dim.add(size=3)
    return [
        node("image", "Placeholder", attrs=[attr("dtype", type=1), attr("shape", shape=shape)]),
        constant("kernel", kernel, **spelled),
        constant("axes", np.array([1, 2], "int32")),
        node("product", "MatMul", "image", "kernel", attrs=[attr("T", type=1)]),
        node("norm", "FusedBatchNormV3", "product", attrs=[attr("is_training", b=training)]),
        node("scores", "Softmax", "norm", attrs=[attr("T", type=1)]),
    ]


def written(path: Path, nodes: list[bytes]) -> Path:
    path.write_bytes(b"".join(b"\x0a" + write_varint(len(one)) + one for one in nodes))
    return path


def facts(path: Path) -> dict[str, Any]:
    return model_facts(path).facts


def test_what_goes_in_and_comes_out_is_found(tmp_path: Path) -> None:
    found = facts(written(tmp_path / "frozen.pb", graph(training=True)))
    assert found["model.format"] == "frozen"
    assert found["model.signature.frozen.inputs"] == ["image float32 [?,3]"]
    assert found["model.signature.frozen.outputs"] == ["scores float32 [*]"]
    assert found["model.ops"] == ["Const", "FusedBatchNormV3", "MatMul", "Placeholder", "Softmax"]
    assert found["model.batch_norm_training"] is True


def test_weights_are_the_constants_that_are_no_shapes(tmp_path: Path) -> None:
    found = facts(written(tmp_path / "a.pb", graph()))
    assert found["model.weights.count"] == 1
    assert found["model.weights.tensors"][0].startswith("kernel float32 [3,4] crc32c:")
    assert found["model.weights.digest"] != facts(written(tmp_path / "b.pb", graph(KERNEL + 1)))["model.weights.digest"]


def test_a_constant_that_is_spelled_out_is_the_same_constant(tmp_path: Path) -> None:
    spelled = facts(written(tmp_path / "a.pb", graph(float_val=KERNEL.ravel().tolist())))
    assert spelled["model.weights.digest"] == facts(written(tmp_path / "b.pb", graph()))["model.weights.digest"]


def test_a_large_graph_is_read_without_its_constants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "frozen.pb", graph(np.zeros((1000, 4), "float32")))
    small = facts(path)
    monkeypatch.setattr("envdiff.model.frozen.WHOLE", 1000)
    assert facts(path) == small


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x0a\x05hello", "cannot be parsed"),
        (b"\x0a\x7f", "runs past"),
        (b"\x0a\x00", "none of its nodes"),
        (b"\x0a" + bytes([len(node("a", "NobodyKnows"))]) + node("a", "NobodyKnows"), "none of its nodes"),
    ],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "frozen.pb").write_bytes(content)
    with pytest.raises(UnusableInput, match=says):
        model_facts(tmp_path / "frozen.pb")


def test_another_file_of_that_name_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "labels.pb").write_bytes(b"item {}")
    with pytest.raises(UnusableInput, match="not a model"):
        model_facts(tmp_path / "labels.pb")


def test_a_graph_without_a_program_cannot_be_asked(tmp_path: Path) -> None:
    path = written(tmp_path / "frozen.pb", graph())
    with pytest.raises(UnusableInput, match="a frozen graph has nothing that could be asked"):
        rows_for(path, "signature", "serving_default")


def sentence(left: Path, right: Path) -> str:
    return compare_weights(read_model(left), read_model(right)).sentence


@pytest.mark.parametrize("spelled", [{}, {"float_val": (KERNEL / 7).ravel().tolist()}], ids=["content", "spelled"])
def test_how_far_apart_two_constants_are(tmp_path: Path, spelled: dict[str, Any]) -> None:
    kernel, other = KERNEL / 7, KERNEL / 7
    other[1, 2] = np.nextafter(other[1, 2], np.float32(9))
    left = written(tmp_path / "a.pb", graph(kernel, **spelled))
    assert "1 of 12 elements differ, by at most 5.96e-08 (1 ULP)" in sentence(
        left, written(tmp_path / "b.pb", graph(other))
    )
    turned = compare_weights(read_model(left), read_model(written(tmp_path / "c.pb", graph(kernel.T.copy()))))
    assert turned.relation == "transposed"


def test_a_constant_that_is_written_in_another_way_is_not_compared(tmp_path: Path) -> None:
    """One number stands for all; and content that is shorter than the shape."""
    left = written(tmp_path / "a.pb", graph(float_val=[7.0]))
    assert "the bytes cannot be read" in sentence(left, written(tmp_path / "b.pb", graph()))
    short = written(tmp_path / "c.pb", graph(tensor_content=KERNEL.tobytes()[:-4]))
    assert "the bytes cannot be read" in sentence(short, written(tmp_path / "d.pb", graph()))


def test_how_far_apart_two_constants_of_tensorflow_lite_are(recorded_lite: Path, tmp_path: Path) -> None:
    model, data = read_model(recorded_lite), bytearray(recorded_lite.read_bytes())
    assert model.lite is not None
    kernel = max(model.tensors, key=lambda one: one.size)
    data[model.lite.places[kernel.key] + kernel.size - 4] ^= 1
    other = tmp_path / "other.tflite"
    other.write_bytes(data)
    assert sentence(recorded_lite, other).endswith("(1 ULP)")
    found = compare_weights(read_model(recorded_lite.with_suffix(".h5")), model)
    assert any(one.detail == "transposed (1,0)" for one in found.changes)


@pytest.fixture
def recorded_lite() -> Path:
    return Path(__file__).parents[1] / "data" / "models" / "keras" / "dense.tflite"
