"""Two graphs with the same operations: which constants and attributes differ, and what names do not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from model_writing import attr, function, node, saved_model, write_saved_model

from envdiff.model.compare import ModelDiff, diff
from envdiff.model.facts import model_facts
from envdiff.model.protos import model_pb2 as pb


def constant(values: list[int], name: str = "axis") -> bytes:
    tensor = pb.Tensor(dtype=3, int_val=values)
    tensor.tensor_shape.dim.add(size=len(values))
    return node(name, "Const", attrs=[attr("value", tensor=tensor), attr("dtype", type=3)])


def summed(axis: bytes, *attrs: bytes, name: str = "y", over: str = "axis") -> list[bytes]:
    return [node("x", "Placeholder"), axis, node(name, "Sum", "x", over, attrs=attrs)]


def compared(tmp_path: Path, left: list[bytes], right: list[bytes], output: str = "y") -> ModelDiff:
    return diff(
        write_saved_model(tmp_path / "l", saved_model(left)),
        write_saved_model(tmp_path / "r", saved_model(right, output)),
    )


def told(found: ModelDiff) -> list[tuple[str, str, str]]:
    return [(one.about, one.left, one.right) for one in found.nodes]


def test_a_constant(tmp_path: Path) -> None:
    found = compared(tmp_path, summed(constant([1])), summed(constant([0])))
    assert told(found) == [("axis: Const", "int32 [1] 1", "int32 [1] 0")]
    assert not found.same
    assert "  axis: Const: int32 [1] 1 -> int32 [1] 0" in found.lines()


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ({"b": True}, {"b": False}, ("yes", "no")),
        ({"b": True}, None, ("yes", "no")),
        ({"i": 3}, {"i": 4}, ("3", "4")),
        ({"f": 0.5}, None, ("0.5", "not written, or zero")),
        ({"type": 1}, {"type": 14}, ("float32", "bfloat16")),
        ({"s": b"SAME"}, {"s": b"VALID"}, ("'SAME'", "'VALID'")),
        ({"list": pb.AttrList(i=[1, 2])}, {"list": pb.AttrList(i=[2, 1])}, ("[1, 2]", "[2, 1]")),
    ],
)
def test_an_attribute(
    tmp_path: Path, left: dict[str, Any], right: dict[str, Any] | None, said: tuple[str, str]
) -> None:
    sides = [summed(constant([1]), *([attr("how", **one)] if one else [])) for one in (left, right)]
    assert told(compared(tmp_path, *sides)) == [("y: Sum how", *said)]


def test_long_texts_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    sides = [summed(constant([1]), attr("how", s=b"x" * 100 + end)) for end in (b"a", b"b")]
    ((_, left, right),) = told(compared(tmp_path, *sides))
    assert left != right


@pytest.mark.parametrize(
    "other",
    [
        summed(constant([1], "other"), name="sum", over="other"),
        summed(constant([1]), attr("shared_name", s=b"x"), attr("_output_shapes", list=pb.AttrList(i=[1])), name="sum"),
        summed(constant([1]), attr("keep_dims", b=False), name="sum"),
        summed(constant([1]), attr("f", func=pb.FunctionName(name="g")), name="sum"),
    ],
    ids=["names", "aside", "defaults", "functions"],
)
def test_what_does_not_take_part(tmp_path: Path, other: list[bytes]) -> None:
    found = compared(tmp_path, summed(constant([1])), other, "sum")
    assert not found.nodes
    assert found.same
    assert found.lines()[-1] == "nothing that takes part in answering differs; not compared: how operations are joined"


def test_the_way_a_constant_is_written_does_not_count(tmp_path: Path) -> None:
    tensor = pb.Tensor(dtype=3, tensor_content=b"".join(one.to_bytes(4, "little") for one in range(20)))
    tensor.tensor_shape.dim.add(size=20)
    packed = node("axis", "Const", attrs=[attr("value", tensor=tensor), attr("dtype", type=3)])
    assert not compared(tmp_path, summed(constant(list(range(20)))), summed(packed)).nodes
    assert compared(tmp_path, summed(constant([*range(19), 9])), summed(packed)).nodes


@pytest.mark.parametrize(
    ("kind", "field", "left", "right"),
    [
        (9, "int64_val", 1234567890123456788, 1234567890123456789),
        (2, "double_val", 0.1, 0.1 + 2**-56),
        (1, "float_val", 1.0, 1.0 + 2**-23),
        (7, "string_val", b"a" * 60 + b"l", b"a" * 60 + b"r"),
    ],
)
def test_the_last_digit_of_a_constant_counts(tmp_path: Path, kind: int, field: str, left: Any, right: Any) -> None:
    sides = [
        summed(node("axis", "Const", attrs=[attr("value", tensor=pb.Tensor(dtype=kind, **{field: [value]}))]))
        for value in (left, right)
    ]
    ((_, one, two),) = told(compared(tmp_path, *sides))
    assert one != two


def test_inside_functions(tmp_path: Path) -> None:
    outer = [node("x", "Placeholder"), node("y", "PartitionedCall", "x", attrs=[attr("f", func={"name": "body"})])]
    sides = []
    for side, value in (("l", 1), ("r", 2)):
        body = function("body", [constant([value]), node("sum", "Sum", "axis")], "sum:output:0")
        sides.append(write_saved_model(tmp_path / side, saved_model(outer, functions=[body])))
    assert told(diff(*sides)) == [("axis: Const", "int32 [1] 1", "int32 [1] 2")]


def test_equal_files_leave_nothing_open(tmp_path: Path) -> None:
    found = compared(tmp_path, summed(constant([1])), summed(constant([1])))
    assert found.unseen == ""
    assert found.lines()[-1] == "nothing that takes part in answering differs"


def test_a_graph_alone_says_that_its_file_is_another(tmp_path: Path) -> None:
    """Nothing else would: an axis is neither a weight nor an operation."""
    facts = []
    for value in (0, 1):
        path = tmp_path / f"{value}.pb"
        path.write_bytes(saved_model(summed(constant([value]))).meta_graphs[0].graph_def.SerializeToString())
        facts.append(model_facts(path).facts)
    paths = {path for path in facts[0] if facts[0][path] != facts[1].get(path) and ".file." not in path}
    assert paths == {"model.path", "model.files.digest", "model.graph_file.digest"}
    found = diff(tmp_path / "0.pb", tmp_path / "1.pb")
    assert told(found) == [("axis: Const", "int32 [1] 0", "int32 [1] 1")]
