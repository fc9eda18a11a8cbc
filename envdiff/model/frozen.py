"""A frozen graph (``.pb``): one GraphDef with its weights among the constants, and no signatures.

It is read as the graph of a SavedModel with one signature, ``frozen``: what is fed are its placeholders, what is fetched are
the nodes whose results nobody uses.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

from envdiff.model import requires
from envdiff.model.dtypes import REDUCED, dtype_name, item_size
from envdiff.model.files import open_regular
from envdiff.model.graph import GRAPH_PART, Graph, Node, attributes
from envdiff.model.registry import registry
from envdiff.model.savedmodel import LARGEST, WHOLE, MetaGraph, Signature, Value, meta_graph, shape_of
from envdiff.model.split import split
from envdiff.model.tensors import content_of
from envdiff.model.weights import Tensor
from envdiff.model.wire import Malformed, fields, slimmed, write_message

SIGNATURE = "frozen"
_PLACEHOLDERS = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
# Nobody uses what these give, and they are no answer.
_NO_ANSWERS = frozenset({"Const", "NoOp", "Assert", *_PLACEHOLDERS})
_META_GRAPHS, _GRAPH_DEF = 2, 2
_ANSWERS = 100
# Constants of these types with a rank are weights; the others are numbers in formulas, shapes, axes and paddings.
_WEIGHTS = frozenset({"float32", "float64", *REDUCED})
_NODE = 1


def read_frozen(path: Path) -> tuple[MetaGraph, list[Tensor], dict[str, int]]:
    """The graph, its weights, and where the elements of each begin in the file, by its key.

    Raises :class:`UnusableInput` when the file is no graph.
    """
    try:
        found = split(write_message(_META_GRAPHS, write_message(_GRAPH_DEF, _graph_bytes(path))))
        meta = meta_graph(requires.messages().SavedModel.FromString(found.rest), found)
        _check(meta.graph)
        meta = replace(meta, signatures={SIGNATURE: _signature(meta.graph)})
        return meta, *_weights(path)
    except requires.decode_error() as error:
        raise Malformed(f"this is not a graph, or it is cut off: {error}", subject=str(path)) from error
    except Malformed as error:
        raise Malformed(error.message, subject=str(path), hint="wanted: a frozen GraphDef") from error


def _weights(path: Path) -> tuple[list[Tensor], dict[str, int]]:
    """One node is in memory at a time."""
    found: list[Tensor] = []
    places: dict[str, int] = {}
    with open_regular(path) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for number, _, payload, stop in fields(mapped, 0, len(mapped)):
            if number == _NODE:
                raw = mapped[payload:stop]
                weight, content = _weight(raw)
                if weight is None:
                    continue
                found.append(weight)
                # Packed numbers lie in the file as they do in memory; only what is written in another way is not found.
                at = raw.find(content) if content else -1
                if at >= 0:
                    places[weight.key] = payload + at
    return sorted(found, key=lambda one: one.name), places


def _weight(raw: bytes) -> tuple[Tensor | None, bytes | None]:
    """The weight that a node holds, if it does, with its elements as they lie in memory, where they can be told."""
    try:
        node = requires.messages().Node.FromString(raw)
    except requires.decode_error() as error:
        raise Malformed(f"a node of the graph cannot be parsed: {error}") from error
    value = attributes(node.attr).get("value") if node.op == "Const" else None
    if value is None or not value.HasField("tensor"):
        return None, None
    tensor, shape = value.tensor, shape_of(value.tensor.tensor_shape)
    kind, sizes = dtype_name(tensor.dtype), tuple(size for size in shape or () if size is not None)
    if kind not in _WEIGHTS or sizes != shape or not prod(sizes) or not sizes:
        return None, None
    content, size = content_of(tensor, kind), prod(sizes) * item_size(kind)
    crc = requires.crc32c().value(content) if content is not None else None
    whole = content if content is not None and len(content) == size else None
    return Tensor(node.name, node.name, kind, sizes, size, crc, "read"), whole


def _graph_bytes(path: Path) -> bytes:
    with open_regular(path) as stream:
        size = stream.seek(0, 2)
        if not 0 < size <= LARGEST:
            raise Malformed(f"the file has {size} bytes")
        stream.seek(0)
        if size <= WHOLE:
            return stream.read()
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return slimmed(mapped, 0, len(mapped), "Graph")


def _check(graph: Graph) -> None:
    if not registry().names & graph.own_ops:
        raise Malformed("it parses, but none of its nodes is an operation of TensorFlow")


def _signature(graph: Graph) -> Signature:
    nodes = [Node(graph, number) for number in range(*graph.table.span(GRAPH_PART))]
    used = set(graph.table.inputs(GRAPH_PART)[1].tolist())
    inputs = (node for node in nodes if node.op in _PLACEHOLDERS)
    answers = [node for node in nodes if node.number not in used and node.op not in _NO_ANSWERS]
    return Signature(SIGNATURE, "", tuple(_inputs(inputs)), tuple(map(_output, answers[:_ANSWERS])))


def _inputs(nodes: Iterator[Node]) -> Iterator[Value]:
    for node in nodes:
        shape = node.attrs.get("shape")
        told = shape_of(shape.shape) if shape is not None and shape.WhichOneof("value") == "shape" else None
        yield Value(node.name, _type(node, "dtype"), told, (node.name,))


def _output(node: Node) -> Value:
    return Value(node.name, _type(node, "T"), None, (node.name,))


def _type(node: Node, key: str) -> str:
    kind = node.attrs.get(key)
    return dtype_name(kind.type) if kind is not None else "unknown"
