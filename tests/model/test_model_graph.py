"""What is reached and what it means, on graphs small enough to see through."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from model_writing import PLAIN, attr, function, node, pb, saved_model, write_saved_model

from envdiff.errors import UnusableInput, needs_numpy
from envdiff.model.compare import diff
from envdiff.model.facts import Fact, model_facts
from envdiff.model.requires import _needed
from envdiff.model.show import describe

NUMBER = attr("T", type=1)


def facts_of(folder: Path, nodes: Iterable[bytes], output: str = "y", **more: Iterable[pb.Function]) -> dict[str, Fact]:
    return model_facts(write_saved_model(folder, saved_model(nodes, output, **more))).facts


def test_only_what_the_output_needs_is_counted(tmp_path: Path) -> None:
    nodes = [*PLAIN, node("lost", "RandomUniform"), node("z", "NoOp"), node("out", "Identity", "y:0", "^z")]
    facts = facts_of(tmp_path, nodes, "out")
    assert facts["model.signature.serving_default.op_counts"] == ["Identity×1", "NoOp×1", "Placeholder×1", "Relu×1"]
    assert facts["model.randomness"] == "none"


def test_what_lies_behind_a_fed_tensor_is_not_reached(tmp_path: Path) -> None:
    nodes = [node("deep", "RandomUniform"), node("x", "Identity", "deep"), node("y", "Relu", "x")]
    assert facts_of(tmp_path, nodes)["model.ops"] == ["Identity", "Relu"]


def test_functions_are_followed_by_attribute_list_and_name(tmp_path: Path) -> None:
    functions = [
        function("one", [node("a", "Sin"), node("unused", "Cos")], "a:y:0"),
        function("two", [node("b", "Tan")], "b:y:0"),
        function("Three", [node("c", "Exp", "arg"), node("d", "Log", "c:y:0")], "d:y:0", "arg"),
        function("gradient", [node("e", "Erf")], "e:y:0"),
    ]
    nodes = [
        node("x", "Placeholder"),
        node("p", "StatefulPartitionedCall", "x", attrs=[attr("f", func={"name": "one"})]),
        node("q", "Case", "p", attrs=[attr("branches", list={"func": [{"name": "two"}]})]),
        node("y", "Three", "q", attrs=[attr("_gradient_op_type", s=b"gradient")]),
    ]
    facts = facts_of(tmp_path, nodes, functions=functions)
    assert set(facts["model.ops"]) == {
        "Placeholder",
        "StatefulPartitionedCall",
        "Case",
        "Three",
        "Sin",
        "Tan",
        "Exp",
        "Log",
    }
    assert facts["model.custom_ops"] == []


@pytest.mark.parametrize(
    ("attrs", "wanted"),
    [([], True), ([attr("is_training", b=True)], True), ([attr("is_training", b=False)], False)],
)
def test_batch_norm_training_is_the_default(tmp_path: Path, attrs: list[bytes], wanted: bool) -> None:
    nodes = [node("x", "Placeholder"), node("y", "FusedBatchNormV3", "x", attrs=attrs)]
    assert facts_of(tmp_path, nodes)["model.batch_norm_training"] is wanted


@pytest.mark.parametrize("axis", [0, 2])
def test_statistics_of_the_batch_without_a_fused_operation(tmp_path: Path, axis: int) -> None:
    """Layer normalisation has the same shape, but not over the rows."""
    axes = attr("value", tensor={"dtype": 3, "tensor_shape": {"dim": [{"size": 1}]}, "int_val": [axis]})
    nodes = [
        node("x", "Placeholder"), node("axes", "Const", attrs=[axes]), node("mean", "Mean", "x", "axes"),
        node("square", "SquaredDifference", "x", "mean"), node("variance", "Mean", "square", "axes"),
        node("more", "AddV2", "variance", "x"), node("y", "Rsqrt", "more"),
    ]  # fmt: skip
    assert facts_of(tmp_path, nodes)["model.batch_norm_training"] is (axis == 0)


@pytest.mark.parametrize(
    "after",
    [
        [("ge", "GreaterEqual", "noise"), ("y", "SelectV2", "ge")],
        [("ge", "GreaterEqual", "noise"), ("cast", "Cast", "ge"), ("y", "Mul", "cast")],
        [("add", "Add", "noise"), ("floor", "Floor", "add"), ("y", "Mul", "floor")],
    ],
    ids=["select", "cast", "floor"],
)
def test_forms_of_dropout(tmp_path: Path, after: list[tuple[str, str, str]]) -> None:
    facts = facts_of(tmp_path, [node("noise", "RandomUniform"), *(node(*one) for one in after)])
    assert facts["model.dropout_on"] is True


@pytest.mark.parametrize(
    ("other", "gate", "wanted"),
    [
        ("s:1", "s", True), ("s:1", "s:0", True), ("s", "s:1", True), ("s:1", "s:1", None), ("s", "s:0", None),
        ("x", "s:1", None),
    ],
)  # fmt: skip
def test_gates_over_the_parts_of_a_split(tmp_path: Path, other: str, gate: str, wanted: bool | None) -> None:
    """swish, sigmoid(a) * a, is another thing."""
    nodes = [node("x", "Placeholder"), node("s", "Split", "x", "x"), node("gate", "Sigmoid", gate)]
    for inputs in (["gate", other], [other, "gate:0"]):
        facts = facts_of(tmp_path, [*nodes, node("y", "Mul", *inputs, attrs=[NUMBER])])
        assert facts.get("model.split_gates") is wanted


@pytest.mark.parametrize(("kind", "wanted"), [(1, True), (14, True), (2, None), (19, None)])
def test_gates_are_fused_in_some_types_and_where_nothing_else_uses_them(
    tmp_path: Path, kind: int, wanted: bool | None
) -> None:
    nodes = [
        node("x", "Placeholder"), node("s", "Split", "x", "x"), node("gate", "Sigmoid", "s:1"),
        node("y", "Mul", "gate", "s", attrs=[attr("T", type=kind)]),
    ]  # fmt: skip
    assert facts_of(tmp_path / "a", nodes).get("model.split_gates") is wanted
    both = [*nodes, node("z", "AddV2", "y", "gate")]
    assert facts_of(tmp_path / "b", both, "z").get("model.split_gates") is None


def test_gates_inside_a_function(tmp_path: Path) -> None:
    body = [
        node("s", "Split", "arg", "arg"), node("gate", "Sigmoid", "s:output:1"),
        node("z", "Mul", "gate:y:0", "s:output:0", attrs=[NUMBER]),
    ]  # fmt: skip
    call = [node("x", "Placeholder"), node("y", "PartitionedCall", "x", attrs=[attr("f", func={"name": "body"})])]
    found = facts_of(tmp_path, call, functions=[function("body", body, "z:z:0", "arg")])
    assert found["model.split_gates"] is True


def test_noise_alone_is_no_dropout(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, [node("noise", "RandomUniform", attrs=[attr("seed", i=3)]), node("y", "Add", "noise")])
    assert facts["model.dropout_on"] is False
    assert facts["model.random_ops"] == ["RandomUniform seed=3 seed2=0 ×1"]


def test_recurrent_dropout_inside_cudnn(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, [node("x", "Placeholder"), node("y", "CudnnRNNV3", "x", attrs=[attr("dropout", f=0.5)])])
    assert (facts["model.dropout_on"], facts["model.randomness"]) == (True, "unseeded")


def test_names_out_of_the_registry_and_special_operations(tmp_path: Path) -> None:
    nodes = [
        node("x", "Placeholder"),
        node("a", "MyLibraryOp", "x", device="/device:GPU:1"),
        node("t", "TRTEngineOp", "a"),
        node("y", "Cast", "t", attrs=[attr("SrcT", type=1), attr("DstT", type=14), attr("_XlaMustCompile", b=True)]),
    ]
    facts = facts_of(tmp_path, nodes)
    assert facts["model.custom_ops"] == ["MyLibraryOp"]
    assert facts["model.trt_segments"] == 1
    assert facts["model.device_pins"] == ["/device:GPU:1 ×1"]
    assert facts["model.precision"] == ["bfloat16 ×1"]
    assert facts["model.casts"] == ["float32->bfloat16 ×1"]
    assert facts["model.xla_must_compile"] is True


def test_a_mark_that_says_no_is_no_mark(tmp_path: Path) -> None:
    nodes = [node("x", "Placeholder"), node("y", "Relu", "x", attrs=[attr("_XlaMustCompile", b=False)])]
    assert facts_of(tmp_path, nodes)["model.xla_must_compile"] is False


def test_a_constant_that_looks_like_an_element_type(tmp_path: Path) -> None:
    value = attr("value", tensor={"dtype": 4, "tensor_content": b"\x12\x02\x30\x0e"})
    facts = facts_of(
        tmp_path, [node("x", "Placeholder"), node("c", "Const", attrs=[value]), node("y", "Add", "x", "c")]
    )
    assert facts["model.precision"] == []


def test_nodes_written_in_any_order_of_fields(tmp_path: Path) -> None:
    whole = pb.Node(name="y", op="Relu", input=["x"]).SerializeToString()
    odd = NUMBER_FIRST + whole
    assert facts_of(tmp_path / "a", [node("x", "Placeholder"), odd])["model.ops"] == ["Placeholder", "Relu"]
    unknown = whole + b"\xf8\x3f\x01"  # field 1023, which nobody knows
    assert facts_of(tmp_path / "b", [node("x", "Placeholder"), unknown])["model.ops"] == ["Placeholder", "Relu"]


def test_the_device_of_a_node_written_in_another_order(tmp_path: Path) -> None:
    odd = NUMBER_FIRST + pb.Node(name="y", op="Relu", input=["x"], device="/gpu:0").SerializeToString()
    assert facts_of(tmp_path, [node("x", "Placeholder"), odd])["model.device_pins"] == ["/gpu:0 ×1"]


NUMBER_FIRST = pb.Node(attr=[NUMBER]).SerializeToString()


@pytest.mark.parametrize("seed", range(8))
def test_large_bodies_reach_what_a_walk_reaches(tmp_path: Path, seed: int) -> None:
    """Nodes in order and shallow, deep dead ends, loops: taking away what nobody needs must end where a walk ends."""
    choose = random.Random(seed)
    count = 1500
    needs = {
        number: [
            choose.randrange(max(0, number - choose.choice([2, 30, count])), number) for _ in range(choose.randrange(3))
        ]
        for number in range(1, count)
    } | {0: []}
    if seed % 4 == 2:  # a dead end deeper than the rounds
        needs |= {number: [number - 1] for number in range(count - 100, count)}
    if seed % 2:
        needs[choose.randrange(count)].append(count - 1)
    wanted, reached = [choose.randrange(count // 2, count - 100) for _ in range(3)], set()
    todo = list(wanted)
    while todo:
        number = todo.pop()
        if number not in reached:
            reached.add(number)
            todo += needs[number]
    nodes = [node(f"n{number}", f"Op{number}", *(f"n{at}:0" for at in needs[number])) for number in range(count)]
    y = node("y", "Relu", *(f"^n{number}" for number in wanted))
    graph = facts_of(tmp_path / "graph", [*nodes, y])["model.ops"]
    assert set(graph) - {"Relu"} == {f"Op{number}" for number in reached}
    inner = [
        node(f"n{number}", f"Op{number}", *(f"n{at}:output:0" for at in needs[number]), "arg")
        for number in range(count)
    ]
    body = function("body", [*inner, node("z", "Relu", *(f"^n{number}" for number in wanted))], "z:y:0", "arg")
    call = [node("x", "Placeholder"), node("y", "PartitionedCall", "x", attrs=[attr("f", func={"name": "body"})])]
    called = facts_of(tmp_path / "function", call, functions=[body])["model.ops"]
    assert set(called) - {"Relu", "Placeholder", "PartitionedCall"} == {f"Op{number}" for number in reached}


def test_long_names(tmp_path: Path) -> None:
    name = "scope/" * 5000 + "x"
    facts = facts_of(tmp_path, [node(name, "Placeholder"), node("y", "Relu", f"{name}:0")])
    assert facts["model.ops"] == ["Placeholder", "Relu"]


def test_signature_changes_are_said(tmp_path: Path) -> None:
    left = saved_model(PLAIN)
    right = saved_model(PLAIN)
    signature = right.meta_graphs[0].signature_def["serving_default"]
    signature.inputs["x"].dtype = 2
    signature.inputs["x"].tensor_shape.dim[0].size = 3
    signature.outputs["scores"].CopyFrom(signature.outputs["y"])
    del signature.outputs["y"]
    found = diff(write_saved_model(tmp_path / "l", left), write_saved_model(tmp_path / "r", right))
    about = {one.about: (one.left, one.right) for one in found.signatures}
    assert about["serving_default input x dtype"] == ("float32", "float64")
    assert about["serving_default input x shape"] == ("[?]", "[3]")
    assert about["serving_default output"] == ("y float32 []", "scores float32 []")
    assert not found.same


def test_defaults_of_inputs(tmp_path: Path) -> None:
    message = saved_model(PLAIN)
    default = message.meta_graphs[0].signature_def["serving_default"].defaults["x"]
    default.dtype = 1
    default.float_val.append(2.5)
    facts = model_facts(write_saved_model(tmp_path, message)).facts
    assert facts["model.signature.serving_default.inputs"] == ["x float32 [?] default=2.5"]


def test_operations_that_changed_say_what_that_does(tmp_path: Path) -> None:
    left = write_saved_model(tmp_path / "l", saved_model(PLAIN))
    right = write_saved_model(tmp_path / "r", saved_model([*PLAIN, node("p", "Softmax", "y")], "p"))
    found = diff(left, right)
    assert [(one.about, one.left, one.right) for one in found.operations] == [("Softmax", "×0", "×1")]
    assert "logits" in found.operations[0].means


def test_overrides_beside_the_graph(tmp_path: Path) -> None:
    folder = write_saved_model(tmp_path / "m")
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra/saved_model_config.pb").write_bytes(b"x")
    (folder / "assets.extra/tf_serving_warmup_requests").write_bytes(b"y")
    (folder / "batching_params.pbtxt").write_text("max_batch_size {}")
    facts = model_facts(folder).facts
    assert {path for path in facts if path.startswith("model.overrides.")} == {
        "model.overrides.saved_model_config", "model.overrides.batching_params",
    }  # fmt: skip
    assert facts["model.assets_extra"][0].startswith("tf_serving_warmup_requests ")


def test_facts_are_flat_and_names_hold_no_stray_dots(tmp_path: Path) -> None:
    folder = write_saved_model(tmp_path / "m.v1.2")
    facts = model_facts(folder).facts
    assert "model.file.saved_model_pb" in facts
    for value in facts.values():
        assert isinstance(value, bool | int | float | str | list)
        assert not isinstance(value, list) or all(isinstance(one, bool | int | float | str) for one in value)


def test_a_description_names_what_matters(tmp_path: Path) -> None:
    nodes = [node("x", "Placeholder"), node("noise", "RandomUniform"), node("y", "Add", "x", "noise")]
    lines = "\n".join(describe(write_saved_model(tmp_path / "m", saved_model(nodes))).lines())
    assert "random numbers" in lines
    assert "unseeded" in lines


def test_a_missing_library_says_how_to_get_it() -> None:
    with pytest.raises(UnusableInput) as caught:
        _needed("no_such_module_here", "no-such-package")
    assert caught.value.hint == "pip install 'envdiff[models]'"


def test_a_missing_numpy_is_said_by_what_needs_it() -> None:
    with pytest.raises(UnusableInput, match="the demo needs NumPy") as caught, needs_numpy("the demo"):
        importlib.import_module("no_such_module_here")
    assert caught.value.hint == "pip install 'envdiff[models]'"
