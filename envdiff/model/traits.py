"""What the reached operations say about a model: table after table of names, and the attributes that decide."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envdiff.model.dtypes import QUANTISED, REDUCED, dtype_name
from envdiff.model.graph import Graph, Node, Reach, attributes, text
from envdiff.model.patterns import batch_norm_training, dropout_on, from_pixels, normalising, split_gates
from envdiff.model.randomness import Randomness, random_operations, worst
from envdiff.model.registry import registry

# Flagged stateful, yet without effect on what an answer is: they only carry or read what others made.
_PLUMBING = frozenset(
    {
        "VarHandleOp", "ReadVariableOp", "VariableV2", "Variable", "StatefulPartitionedCall", "If", "While", "Case",
        "Placeholder", "PlaceholderWithDefault", "_Arg", "_Retval", "ResourceGather", "ResourceGatherNd",
        "VarIsInitializedOp", "HashTable", "HashTableV2", "LookupTableFind", "LookupTableFindV2", "Assert",
    }
)  # fmt: skip
_TABLES = re.compile(r"Table|^Lookup|^InitializeTable")
_STRINGS = re.compile(
    r"^(String|Regex|StaticRegex|Unicode|Substr|AsString|ReduceJoin|DecodeRaw|EncodeBase64|DecodeBase64)"
)
_DECODES = re.compile(r"^Decode(AndCropJpeg|Jpeg|Png|Image|Bmp|Gif|WebP|Wav)$|^ImageProjectiveTransform")
_RESIZES = {
    "ResizeBilinear": ("align_corners", "half_pixel_centers"),
    "ResizeNearestNeighbor": ("align_corners", "half_pixel_centers"),
    "ResizeBicubic": ("align_corners", "half_pixel_centers"),
    "ResizeArea": ("align_corners",),
    "ScaleAndTranslate": ("kernel_type", "antialias"),
    "CropAndResize": ("method",),
    "QuantizedResizeBilinear": ("align_corners", "half_pixel_centers"),
}
_RESIZE_DEFAULTS = {"antialias": "true", "kernel_type": "lanczos3", "method": "bilinear"}
_LETTERS = ("StringLower", "StringUpper")
_XLA = frozenset({"XlaLaunch", "XlaLaunchV2", "XlaCallModule", "_XlaRun", "_XlaCompile"})
_MUST_COMPILE = b"_XlaMustCompile"
_INTERNAL = frozenset({"_Arg", "_Retval", "_DeviceArg", "_DeviceRetval"})


@dataclass(frozen=True)
class Traits:
    """All lists are sorted; nodes of library functions count once, however often the function is called."""

    randomness: Randomness
    random_ops: list[str]
    dropout: list[str]
    batch_norm: list[str]
    split_gates: list[str]
    stateful: list[str]
    tables: list[str]
    strings: list[str]
    decodes: list[str]
    resizes: list[str]
    normalises: list[str]
    custom: list[str]
    precision: list[str]
    casts: list[str]
    must_compile: bool
    trt_segments: int
    device_pins: list[str]


def traits_of(reach: Reach) -> Traits:
    counts = reach.counts
    known = registry()
    called = set(reach.graph.functions)
    random = random_operations(reach)
    decodes = _counted(reach, _DECODES)
    return Traits(
        randomness=worst(random),
        random_ops=[f"{shown} ×{count}" for shown, _, count in random],
        dropout=dropout_on(reach),
        batch_norm=batch_norm_training(reach),
        split_gates=split_gates(reach),
        stateful=sorted(op for op in counts if op in known.stateful and op not in _PLUMBING),
        tables=_counted(reach, _TABLES),
        strings=_strings(reach),
        decodes=decodes,
        resizes=_resizes(reach),
        normalises=normalising(reach, from_pixels),
        custom=sorted(op for op in counts if op not in known.names and op not in called and op not in _INTERNAL),
        precision=_precision(reach),
        casts=_casts(reach),
        must_compile=bool(_XLA & set(counts)) or _must_compile(reach),
        trt_segments=counts.get("TRTEngineOp", 0),
        device_pins=_devices(reach),
    )


def _counted(reach: Reach, pattern: re.Pattern[str]) -> list[str]:
    return sorted(f"{op} ×{count}" for op, count in reach.counts.items() if pattern.search(op))


def _strings(reach: Reach) -> list[str]:
    """With the encoding where it is told: without one letters are mapped as ASCII, with one by the locale."""
    mapped: Counter[str] = Counter()
    for node in reach.having(_LETTERS):
        value = node.attrs.get("encoding")
        encoding = value.s.decode("utf-8", "replace") if value is not None else ""
        mapped[f"{node.op} encoding={encoding}" if encoding else node.op] += 1
    others = (one for one in _counted(reach, _STRINGS) if one.partition(" ")[0] not in _LETTERS)
    return sorted([*others, *(f"{shown} ×{count}" for shown, count in mapped.items())])


def _resizes(reach: Reach) -> list[str]:
    found: Counter[str] = Counter()
    for node in reach.having(_RESIZES):
        shown = " ".join(f"{key}={_attribute(node, key)}" for key in _RESIZES[node.op])
        found[f"{node.op} {shown}"] += 1
    return sorted(f"{shown} ×{count}" for shown, count in found.items())


def _attribute(node: Node, key: str) -> str:
    value = node.attrs.get(key)
    if value is None:
        return _RESIZE_DEFAULTS.get(key, "false")
    return value.s.decode("utf-8", "replace") if value.WhichOneof("value") == "s" else str(value.b).lower()


def _casts(reach: Reach) -> list[str]:
    found: Counter[str] = Counter()
    for node in reach.having(["Cast"]):
        source, target = (node.attrs.get(key) for key in ("SrcT", "DstT"))
        if source is not None and target is not None:
            found[f"{dtype_name(source.type)}->{dtype_name(target.type)}"] += 1
    return sorted(f"{shown} ×{count}" for shown, count in found.items())


_PRECISION = (*QUANTISED, *REDUCED, "float64", "complex128")
_NUMBERS = {dtype_name(number): number for number in range(1, 29)}


def _precision(reach: Reach) -> list[str]:
    """Element types other than float32 that reached nodes compute in, with how many nodes name them."""
    numbers, types = reach.graph.table.typed([_NUMBERS[name] for name in _PRECISION])
    reached = reach.mask[numbers]
    found: Counter[str] = Counter()
    for number, kind in set(zip(numbers[reached].tolist(), types[reached].tolist(), strict=True)):
        node = Node(reach.graph, number)
        if node.op != "Const" or _names_type(node, kind):
            found[dtype_name(kind)] += 1
    return sorted(f"{name} ×{count}" for name, count in found.items())


def _names_type(node: Node, number: int) -> bool:
    return any(value.WhichOneof("value") == "type" and value.type == number for value in node.attrs.values())


def _must_compile(reach: Reach) -> bool:
    marked = reach.graph.table.holding(_MUST_COMPILE)
    if any(_is_set(Node(reach.graph, number).attrs) for number in marked if reach.mask[number]):
        return True
    return any(_is_set(attributes(reach.graph.functions[name].attr)) for name in reach.functions)


def _is_set(attrs: Mapping[str, Any]) -> bool:
    value = attrs.get("_XlaMustCompile")
    return value is not None and bool(value.b)


def _devices(reach: Reach) -> list[str]:
    found = Counter(map(text, reach.graph.table.pinned(reach.mask)))
    return sorted(f"{device} ×{count}" for device, count in found.items())


_ASSIGNS = ("Assign", "AssignVariableOp", "AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp")
_PART = re.compile(r"/part_\d+$")


def overwritten(graph: Graph, init_ops: tuple[str, ...], restored: set[str]) -> list[str]:
    """Variables that the operation run at load assigns although the checkpoint holds them: its values are lost."""
    if not init_ops:
        return []
    reach = graph.reach(init_ops)
    names = {name for node in reach.having(_ASSIGNS) for name in [_assigned(node)] if name}
    return sorted(name for name in names if name in restored or _PART.sub("", name) in restored)


def _assigned(node: Node) -> str | None:
    sources = node.inputs()
    if any(source.op in {"RestoreV2", "Restore", "RestoreSlice"} for source in sources[1:]):
        return None
    target = sources[0] if sources else None
    for _ in range(8):
        if target is None or target.op not in {"Identity", "Switch", "RefSwitch"}:
            break
        target = next(iter(target.inputs()), None)
    if target is None:
        return None
    shared = target.attrs.get("shared_name")
    name = shared.s.decode("utf-8", "replace") if shared is not None else ""
    return name or target.name
