"""Shapes of small subgraphs that mean something: dropout left on, statistics of the batch, scaling of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envdiff.model.dtypes import dtype_name
from envdiff.model.graph import Node, Reach
from envdiff.model.randomness import CUDNN_RNN, RANDOM, rnn_dropout
from envdiff.model.tensors import tensor_values

_STEPS = 200
_PASSING = frozenset(
    {"Identity", "Reshape", "StopGradient", "ExpandDims", "Squeeze", "Cast", "EnsureShape", "Snapshot"}
)


def after(reach: Reach, start: Iterable[int], through: frozenset[str]) -> list[Node]:
    """Reached nodes met when going on from ``start``; those of a kind in ``through`` are passed, others end the way."""
    graph = reach.graph
    stack = [user for one in start for user in graph.table.users_of(one, _STEPS)]
    seen: set[int] = set()
    while stack and len(seen) < _STEPS:
        at = stack.pop()
        if at not in seen and reach.mask[at]:
            seen.add(at)
            if graph.op(at) in through:
                stack.extend(graph.table.users_of(at, _STEPS))
    return [Node(graph, at) for at in sorted(seen)]


_NOISE_MATH = frozenset({"Sub", "Mul", "AddV2", "Add", "Identity", "Reshape", "Cast"})
_MASKS = frozenset({"GreaterEqual", "Greater", "Less", "LessEqual", "Floor"})
_APPLIES = frozenset({"Select", "SelectV2", "Mul", "RealDiv"})


def dropout_on(reach: Reach) -> list[str]:
    """Nodes where a random mask is applied to what flows through: dropout that was left on.

    Forms: uniform noise compared with a rate, then a select (Keras 3, tf.nn.dropout) or a cast and a product (older);
    ``Floor(keep + noise)`` of the first TensorFlow 1 releases; a cuDNN recurrent layer with dropout in training mode.
    """
    found = [node.name for node in reach.having(CUDNN_RNN) if rnn_dropout(node)]
    uniform = [op for op in RANDOM if "Uniform" in op]
    found.extend(node.name for node in reach.having(uniform) if _masks(reach, node))
    return sorted(found)


def _masks(reach: Reach, noise: Node) -> bool:
    masks = [one.number for one in after(reach, [noise.number], _NOISE_MATH) if one.op in _MASKS]
    applied = after(reach, masks, frozenset({"Cast", "Identity"}))
    return any(node.op in _APPLIES for node in applied)


_BATCH_NORM = (
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx", "_MklFusedBatchNorm",
    "_MklFusedBatchNormV2", "_MklFusedBatchNormV3", "_MklFusedBatchNormEx", "_MklNativeFusedBatchNorm",
    "_MklNativeFusedBatchNormV2", "_MklNativeFusedBatchNormV3", "_MklNativeFusedBatchNormEx",
)  # fmt: skip


def batch_norm_training(reach: Reach) -> list[str]:
    """Nodes that normalise with the statistics of the batch at hand.

    The attribute's default is True, so a graph stripped of defaults that does not have it means training. Keras 3 uses
    no fused operation: there it is the mean of squared differences, taken over the first axis too, under a root.
    """
    found = []
    for node in reach.having(_BATCH_NORM):
        training = node.attrs.get("is_training")
        if training is None or training.b:
            found.append(node.name)
    found.extend(node.name for node in reach.having(["SquaredDifference"]) if _batch_statistics(reach, node))
    return sorted(found)


_AFTER_VARIANCE = frozenset({"AddV2", "Add", "Squeeze", "Identity", "Cast", "Reshape"})


def _batch_statistics(reach: Reach, difference: Node) -> bool:
    means = [one for one in after(reach, [difference.number], frozenset({"Cast"})) if one.op == "Mean"]
    over_batch = [mean.number for mean in means if _over_first_axis(mean)]
    return any(node.op in {"Rsqrt", "Sqrt"} for node in after(reach, over_batch, _AFTER_VARIANCE))


def _over_first_axis(mean: Node) -> bool:
    inputs = mean.inputs()
    axes = inputs[-1].constant() if inputs else None
    values = tensor_values(axes, limit=16) if axes is not None else None
    return values is not None and 0 in values


_FUSED = frozenset({"float32", "bfloat16"})  # element types in which TensorFlow fuses sigmoid and product with oneDNN


def split_gates(reach: Reach) -> list[str]:
    """Products ``a * sigmoid(b)`` of different results of one operation, as a rule the parts of a split.

    Those alone that are taken for ``b * sigmoid(b)`` where this is fused: the sigmoid has no other use.
    """
    found = []
    for sigmoid in reach.having(["Sigmoid"]):
        users, gate = after(reach, [sigmoid.number], frozenset()), sigmoid.tensors()[:1]
        if [one.op for one in users] != ["Mul"] or not gate:
            continue
        beside = [(name, result) for name, result in users[0].tensors() if name != sigmoid.name]
        kind = users[0].attrs.get("T")
        fused = kind is not None and dtype_name(kind.type) in _FUSED
        if fused and len(beside) == 1 and beside[0][0] == gate[0][0] and beside != gate:
            found.append(users[0].name)
    return sorted(found)


_SCALING = frozenset({"Mul", "RealDiv", "Div", "DivNoNan", "Sub", "AddV2", "Add"})
_SHOWN = 4
_LONGEST_WAY = 8


def normalising(reach: Reach, starts: Callable[[Node], bool]) -> list[str]:
    """How images are scaled before the first layer: products and sums with constants, in order, from the places where
    images come in (decoding, resizing, casts from whole numbers, arguments)."""
    found = [step for node in reach.having(_STARTS) if starts(node) for step in _scaled(reach, node)]
    return list(dict.fromkeys(found))


_STARTS = (
    "Cast", "ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea", "ScaleAndTranslate",
    "CropAndResize", "Placeholder",
)  # fmt: skip


def from_pixels(node: Node) -> bool:
    """Whether what the node gives may be pixels: a cast from whole numbers to a real type, or a resized image."""
    if node.op == "Placeholder":
        return not node.in_function
    if node.op != "Cast":
        return True
    source, target = (node.attrs.get(key) for key in ("SrcT", "DstT"))
    names = [dtype_name(one.type) if one is not None else "" for one in (source, target)]
    return names[0] in {"uint8", "int32", "int64", "uint16"} and "float" in names[1]


def _scaled(reach: Reach, node: Node) -> list[str]:
    steps: list[str] = []
    at = [node.number]
    for _ in range(_LONGEST_WAY):
        following = [one for one in after(reach, at, _PASSING) if one.op in _SCALING and one.number not in at]
        step = next(((one, values) for one in following if (values := _constant_operand(one))), None)
        if step is None:
            break
        steps.append(f"{step[0].op} {step[1]}")
        at = [step[0].number]
    return steps


def _constant_operand(node: Node) -> str:
    for source in node.inputs():
        seen = 0
        while source.op in {"Identity", "Cast"} and source.inputs() and seen < _SHOWN:
            source, seen = source.inputs()[0], seen + 1  # noqa: PLW2901 - follow to where the value is
        tensor = source.constant()
        values = tensor_values(tensor, limit=_SHOWN) if tensor is not None else None
        if values and all(isinstance(one, int | float) for one in values):
            return ",".join(f"{one:.7g}" for one in values)
    return ""
