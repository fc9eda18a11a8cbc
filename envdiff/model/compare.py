"""Two models, whatever their formats: what changed, and what that does. Plain data with a plain rendering."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envdiff.model.compare_nodes import compare_nodes
from envdiff.model.compare_weights import Relation, WeightsDiff, compare_weights
from envdiff.model.dtypes import shape_text
from envdiff.model.facts import Fact, ModelReading, reading_of, shown_path
from envdiff.model.graph import Reach
from envdiff.model.locate import Form
from envdiff.model.model import Model, read_model
from envdiff.model.savedmodel import Signature, Value
from envdiff.model.weights import Role

_SHOWN = 20
_SIDES = ("left", "right")


@dataclass(frozen=True)
class Change:
    """``about`` is a fact's path or a signature's part; ``means`` one sentence on what the change does."""

    about: str
    left: str
    right: str
    means: str


@dataclass(frozen=True)
class ModelDiff:
    left: str
    right: str
    weights: WeightsDiff
    signatures: tuple[Change, ...]
    traits: tuple[Change, ...]
    operations: tuple[Change, ...]
    nodes: tuple[Change, ...]
    layers: tuple[Change, ...]
    files: tuple[Change, ...]
    unread: tuple[str, ...]
    unseen: str  # what differs in the files of the graphs that this comparison would not find, "" where nothing can

    @property
    def same(self) -> bool:
        """Nothing that takes part in answering differs; the weights' names and the files' own bytes may."""
        quiet = self.weights.relation in {Relation.EQUAL, Relation.RENAMED}
        return quiet and not (self.signatures or self.traits or self.operations or self.nodes or self.layers)

    def lines(self) -> list[str]:
        """For a terminal."""
        out = [f"left   {self.left}", f"right  {self.right}", "", f"weights: {self.weights.sentence}"]
        out.extend(f"  {one}" for one in self.weights.changes[:_SHOWN])
        out.extend(_more(len(self.weights.changes)))
        for side, names in (("left", self.weights.only_left), ("right", self.weights.only_right)):
            out.extend(f"  only {side}: {one}" for one in names[:_SHOWN])
        for title, changes in (
            ("signatures", self.signatures), ("traits", self.traits), ("operations", self.operations),
            ("constants and attributes", self.nodes), ("layers", self.layers), ("files", self.files),
        ):  # fmt: skip
            out.extend(_section(title, changes))
        if self.unread:
            out += ["", "not read:", *(f"  {one}" for one in self.unread)]
        if self.same and not self.unread:
            out += [
                "",
                "nothing that takes part in answering differs"
                + (f"; not compared: {self.unseen}" if self.unseen else ""),
            ]
        return out

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = asdict(self)
        plain["same"] = self.same
        return plain


def _more(count: int) -> list[str]:
    return [f"  ... and {count - _SHOWN} more"] if count > _SHOWN else []


def _section(title: str, changes: tuple[Change, ...]) -> list[str]:
    if not changes:
        return []
    out = ["", f"{title}:"]
    for one in changes[:_SHOWN]:
        out.append(f"  {one.about}: {one.left} -> {one.right}")
        if one.means:
            out.append(f"    {one.means}")
    return out + _more(len(changes))


def diff(left: Path | str, right: Path | str) -> ModelDiff:
    """Read and compare; raises :class:`envdiff.errors.UnusableInput` for a path without a model."""
    return compare_models(read_model(left), read_model(right))


def compare_models(left: Model, right: Model) -> ModelDiff:
    readings = reading_of(left), reading_of(right)
    nodes, unseen = _nodes(left, right)
    graphs = left.meta is not None and right.meta is not None
    return ModelDiff(
        shown_path(left.located.path),
        shown_path(right.located.path),
        compare_weights(left, right),
        tuple(_signatures(left, right)) if graphs else (),
        tuple(_traits(*readings)),
        tuple(_operations(left, right)),
        tuple(nodes),
        tuple(_layers(*readings)),
        tuple(_files(left, right)),
        tuple(f"{side}: {path}: {why}" for side, one in zip(_SIDES, readings, strict=True) for path, why in one.unread.items()),
        unseen,
    )  # fmt: skip


_ABSENT = "absent"


def _text(value: Fact | None) -> str:
    if value is None:
        return _ABSENT
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# Fact below "model." -> what a difference in it does.
_TRAITS = {
    "randomness": "random operations take part in answers: {right} on the right, {left} on the left",
    "random_ops": "other random operations or seeds: the random numbers differ",
    "dropout_on": "dropout is left on where it says yes: parts of the answer are dropped at random at each call",
    "batch_norm_training": "where it says yes, batch normalisation uses the statistics of the batch: an answer depends on "
    "the other rows it is asked with",
    "split_gates": "where it says yes, parts of a split are gated by one another: TensorFlow 2.9 to 2.13 compute that "
    "wrongly with oneDNN",
    "init_overwrites": "these variables are initialised again at load, over the restored weights",
    "image_decode": "images are decoded by other operations: pixels differ by a few levels",
    "image_resize": "images are resized by another rule: pixels move by up to half a pixel",
    "image_normalise": "inputs are scaled by other numbers in the graph",
    "vocabularies": "another vocabulary: words become other numbers",
    "layer_vocabularies": "another vocabulary: words become other numbers",
    "tables": "other lookup tables",
    "string_ops": "text is prepared by other operations",
    "precision": "computes in other element types: fewer bits, larger differences",
    "casts": "converts between types in other places",
    "custom_ops": "needs operations that TensorFlow does not have: another library must be loaded",
    "xla_must_compile": "where it says yes, XLA compiles it: other kernels, differences in the last bits",
    "trt_segments": "parts run in TensorRT where there are such",
    "device_pins": "operations are bound to other devices",
    "stateful_ops": "operations that keep state between calls differ",
    "dtype_policies": "Keras computes these layers in another type",
    "lambda_layers": "Lambda layers hold code that this comparison does not see",
    "overrides.saved_model_config": "a session setting inside the model directory differs, and a server applies it",
    "overrides.batching_params": "batching settings inside the model directory differ",
    "overrides.tflite": "another TensorFlow Lite model beside the SavedModel; a server may prefer it",
    "stripped_defaults": "default attributes are left out on one side: they come from the TensorFlow that loads it",
    "tags": "other tags: a loader that asks for one set does not find the other",
    "weights.complete": "a part of the weights is missing or cut off on the side that says no",
}
_GRAPH_TRAITS = frozenset(_TRAITS) - {"layer_vocabularies", "dtype_policies", "lambda_layers", "custom_ops"}


def _traits(left: ModelReading, right: ModelReading) -> Iterator[Change]:
    graphs = left.model.meta is not None and right.model.meta is not None
    for name, means in _TRAITS.items():
        ours, theirs = (one.facts.get(f"model.{name}") for one in (left, right))
        both = ours is not None and theirs is not None
        if ours == theirs or not (both or (graphs and name in _GRAPH_TRAITS)):
            continue
        yield Change(name, _text(ours), _text(theirs), means.format(left=_text(ours), right=_text(theirs)))


def _signatures(left: Model, right: Model) -> Iterator[Change]:
    ours, theirs = (one.meta.signatures if one.meta else {} for one in (left, right))
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            sides = ("there", _ABSENT) if name in ours else (_ABSENT, "there")
            yield Change(name, *sides, "a caller who names this signature fails on one side")
        else:
            yield from _signature(ours[name], theirs[name])


def _signature(left: Signature, right: Signature) -> Iterator[Change]:
    for kind, ours, theirs in (("input", left.inputs, right.inputs), ("output", left.outputs, right.outputs)):
        named, others = ({one.name: one for one in values} for values in (ours, theirs))
        gone, come = sorted({*named} - {*others}), sorted({*others} - {*named})
        if len(gone) == len(come) == 1:
            means = f"the {kind} has another name: a caller who uses the old one fails"
            yield Change(f"{left.name} {kind}", str(named[gone[0]]), str(others[come[0]]), means)
        else:
            for name in (*gone, *come):
                present = (str(named[name]), _ABSENT) if name in named else (_ABSENT, str(others[name]))
                yield Change(f"{left.name} {kind} {name}", *present, _MISSING[kind])
        for name in sorted({*named} & {*others}):
            yield from _value(f"{left.name} {kind} {name}", kind, named[name], others[name])


_MISSING = {"input": "a request made for one side does not fit the other", "output": "a caller who reads it fails"}
_DTYPES = {
    "input": "the same request is converted to another type, or refused",
    "output": "the answer is rounded differently, or read as another type",
}
_SHAPES = {
    "input": "rows that fit one side may be refused, cut or stretched on the other",
    "output": "the answer has another form: positions do not mean the same",
}


def _value(about: str, kind: str, left: Value, right: Value) -> Iterator[Change]:
    if left.dtype != right.dtype:
        yield Change(f"{about} dtype", left.dtype, right.dtype, _DTYPES[kind])
    if left.shape != right.shape:
        yield Change(f"{about} shape", str(left).split(" ")[2], str(right).split(" ")[2], _SHAPES[kind])
    if left.default != right.default:
        means = "a request that leaves this input out gets another value"
        yield Change(f"{about} default", left.default or _ABSENT, right.default or _ABSENT, means)


# Operations that only carry values: a change in their number says how a graph was written, not what it computes.
_CARRIERS = frozenset(
    {"Identity", "IdentityN", "NoOp", "Placeholder", "PartitionedCall", "StatefulPartitionedCall", "ReadVariableOp",
     "VarHandleOp", "VariableV2", "Const", "_Arg", "_Retval"}
)  # fmt: skip


def _operations(left: Model, right: Model) -> Iterator[Change]:
    ours, theirs = (_counts(one) for one in (left, right))
    if ours is None or theirs is None:
        return
    for op in sorted({*ours, *theirs} - _CARRIERS):
        if ours.get(op, 0) != theirs.get(op, 0):
            yield Change(op, f"×{ours.get(op, 0)}", f"×{theirs.get(op, 0)}", _operation_means(op, ours, theirs))


def _counts(model: Model) -> dict[str, int] | None:
    if model.lite is not None:
        return model.lite.ops
    if model.meta is None:
        return None
    return {op: count for reach in model.served_reaches.values() for op, count in reach.counts.items()}


_FAMILIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Random|Multinomial|Dropout"), "random numbers take part in the answer on one side"),
    (re.compile(r"^(Softmax|LogSoftmax|Sigmoid)$"), "one side answers with logits, the other with probabilities"),
    (re.compile(r"^(ArgMax|TopK|TopKV2)$"), "one side answers with the chosen class, the other with scores"),
    (re.compile(r"^Reverse"), "the order of values (channels, time) is turned on one side"),
    (re.compile(r"^Transpose$"), "axes are exchanged in other places"),
    (re.compile(r"^(Resize|CropAndResize|ScaleAndTranslate)"), "images are resized in the graph on one side, or by another method"),
    (re.compile(r"^Decode"), "images or records are decoded in the graph on one side"),
    (re.compile(r"^(Cast|Quantize|Dequantize|FakeQuant)"), "values change their type in other places: precision is lost elsewhere"),
    (re.compile(r"BatchNorm"), "batch normalisation is computed by another kernel, or folded into the weights"),
    (re.compile(r"^_?Fused"), "operations are fused: other kernels, differences in the last bits"),
    (re.compile(r"^(Assign|Scatter|Resource)"), "variables are written while answering on one side"),
    (re.compile(r"Table|Lookup|String|Regex|Unicode"), "text is prepared differently"),
)  # fmt: skip


def _operation_means(op: str, left: dict[str, int], right: dict[str, int]) -> str:
    known = next((means for pattern, means in _FAMILIES if pattern.search(op)), "")
    if known:
        return known
    if op not in left or op not in right:
        return "the graph computes something that the other does not, or computes it in another way"
    return "the graph does this another number of times"


def _nodes(left: Model, right: Model) -> tuple[list[Change], str]:
    """Constants and attributes that differ, and what may differ besides."""
    files = left.graph_file, right.graph_file
    if left.located.form is not right.located.form or files[0] is None or files[1] is None:
        return [], ""
    if files[0].digest is not None and files[0].digest == files[1].digest:
        return [], ""
    if left.lite is not None:
        return list(_constants(left, right)), "options of operations, and how they are joined"
    unseen = "how operations are joined"
    weights = {one.key for model in (left, right) if model.located.form is Form.FROZEN for one in model.tensors}
    changes: dict[Change, None] = {}
    ours, theirs = _reaches(left), _reaches(right)
    for name in sorted({*ours} & {*theirs}):
        found = compare_nodes(ours[name], theirs[name], _CARRIERS - {"Const"}, weights)
        changes |= dict.fromkeys(Change(one.about, one.left, one.right, "") for one in found.changes)
        if found.unread:
            unseen = f"{found.unread} constants that are too large to be read with their graphs, and how operations are joined"
    return list(changes), unseen


def _reaches(model: Model) -> dict[str, Reach]:
    """What answers, and what runs once before: it fills tables."""
    init = model.meta.init_ops if model.meta else ()
    return model.served_reaches | ({"": model.meta.graph.reach(init)} if model.meta and init else {})


def _constants(left: Model, right: Model) -> Iterator[Change]:
    ours, theirs = (
        {
            one.name: f"{one.dtype} {shape_text(one.shape)} {one.digest}"
            for one in model.tensors
            if one.role is Role.CONSTANT
        }
        for model in (left, right)
    )
    for name in sorted({*ours} & {*theirs}):
        if ours[name] != theirs[name]:
            yield Change(name, ours[name], theirs[name], "")


def _layers(left: ModelReading, right: ModelReading) -> Iterator[Change]:
    ours, theirs = (one.facts.get("model.layers") for one in (left, right))
    if not isinstance(ours, list) or not isinstance(theirs, list):
        return
    named, others = ({str(line).split(" ")[0]: str(line) for line in lines} for lines in (ours, theirs))
    shared = {*named} & {*others}
    for name in sorted(shared):
        if named[name] != others[name]:
            yield Change(name, named[name], others[name], "the layer is configured differently")
    kinds, other_kinds = (
        sorted(" ".join(line.split(" ")[1:]) for name, line in one.items() if name not in shared)
        for one in (named, others)
    )
    if kinds != other_kinds:  # otherwise only names differ, which Keras makes up anew each time
        yield Change("layers", "; ".join(kinds) or "none", "; ".join(other_kinds) or "none", "other layers")


def _files(left: Model, right: Model) -> Iterator[Change]:
    if left.located.form is not right.located.form or len(left.files) == len(right.files) == 1:
        return
    ours, theirs = (
        {one.relative: f"{one.size} bytes {(one.digest or one.why)[:24]}" for one in model.files}
        for model in (left, right)
    )
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            yield Change(name, ours.get(name, _ABSENT), theirs.get(name, _ABSENT), "")
