"""TensorFlow Lite files: a FlatBuffer, read with every offset checked against the file."""

from __future__ import annotations

import mmap
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from envdiff.model import requires
from envdiff.model.files import open_regular
from envdiff.model.weights import Role, Tensor
from envdiff.model.wire import Malformed

_ITEMS = 1_000_000
_TEXT = 1 << 16
_ALL_TEXT = 64 << 20  # names may lie over one another, so a small file could claim any amount
_CHUNK = 1 << 22
# TensorType of the schema, in order of its number.
_TYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
)  # fmt: skip
# Places of the fields in their tables, from the schema.
_MODEL_VERSION, _MODEL_CODES, _MODEL_GRAPHS, _MODEL_TEXT, _MODEL_BUFFERS = range(5)
_CODE_OLD, _CODE_CUSTOM, _CODE_NEW = 0, 1, 3
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = range(4)
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_QUANTISATION = range(5)
_QUANTISATION_SCALE = 2
# Constants of these types, and quantised ones, are weights; the others are shapes, axes and paddings.
_WEIGHTS = frozenset(
    {"float32", "float16", "bfloat16", "float64", "complex64", "complex128", "int8", "uint8", "int4", "int2"}
)


@dataclass(frozen=True)
class LiteModel:
    """``ops``: built-in or custom name -> how often; inputs and outputs like "name dtype [shape]" parts."""

    version: int
    description: str
    ops: dict[str, int]
    custom: tuple[str, ...]
    inputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...]
    quantised: int
    tensors: tuple[Tensor, ...]
    places: dict[str, int]  # where the elements of each begin in the file, by its key


@cache
def _builtin_names() -> tuple[str, ...]:
    text = files("envdiff.model").joinpath("data/tflite_ops.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


class _Buffer:
    """Little-endian reads that end in :class:`Malformed` instead of past the file."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self.data = data
        self.items = 0
        self.texts = 0
        self.sums: dict[tuple[int, int], int] = {}
        self.summed = 0

    def number(self, at: int, size: int, *, signed: bool = False) -> int:
        if at < 0 or at + size > len(self.data):
            raise Malformed("an offset in the file points past its end")
        return int.from_bytes(self.data[at : at + size], "little", signed=signed)

    def field(self, table: int, place: int) -> int:
        """Where a field of a table is, 0 when the table has none."""
        vtable = table - self.number(table, 4, signed=True)
        slot = 4 + 2 * place
        if slot + 2 > self.number(vtable, 2):
            return 0
        offset = self.number(vtable + slot, 2)
        return table + offset if offset else 0

    def scalar(self, table: int, place: int, size: int, *, signed: bool = True) -> int:
        at = self.field(table, place)
        return self.number(at, size, signed=signed) if at else 0

    def table(self, table: int, place: int) -> int:
        at = self.field(table, place)
        return at + self.number(at, 4) if at else 0

    def vector(self, table: int, place: int) -> tuple[int, int]:
        """(where its elements begin, how many)."""
        at = self.field(table, place)
        if not at:
            return 0, 0
        start = at + self.number(at, 4)
        return start + 4, self.number(start, 4)

    def tables(self, table: int, place: int) -> list[int]:
        start, count = self.vector(table, place)
        self.items += count
        if self.items > _ITEMS:
            raise Malformed(f"the file claims more than {_ITEMS} items")
        return [at + self.number(at, 4) for at in range(start, start + 4 * count, 4)]

    def ints(self, table: int, place: int) -> tuple[int, ...]:
        start, count = self.vector(table, place)
        self.items += count
        if self.items > _ITEMS:
            raise Malformed(f"the file claims more than {_ITEMS} items")
        return tuple(self.number(at, 4, signed=True) for at in range(start, start + 4 * count, 4))

    def text(self, table: int, place: int) -> str:
        start, count = self.vector(table, place)
        self.texts += count
        if start + count > len(self.data) or count > _TEXT or self.texts > _ALL_TEXT:
            raise Malformed("a name in the file runs past its end, or names are longer than the file can hold")
        return bytes(self.data[start : start + count]).decode("utf-8", "replace")

    def checksum(self, start: int, count: int) -> int:
        """CRC-32C of these bytes. Constants may be shared, but all of them together are no larger than the file."""
        if (start, count) not in self.sums:
            self.summed += count
            if start + count > len(self.data) or self.summed > 2 * len(self.data):
                raise Malformed("a constant in the file runs past its end, or into others")
            crc32c, crc = requires.crc32c(), 0
            for at in range(start, start + count, _CHUNK):
                crc = crc32c.extend(crc, self.data[at : min(at + _CHUNK, start + count)])
            self.sums[start, count] = crc
        return self.sums[start, count]


def read_lite(path: Path) -> LiteModel:
    """Raises :class:`Malformed` when it is not a TensorFlow Lite model."""
    with open_regular(path) as stream:
        if stream.seek(0, 2) < 16:
            raise Malformed("the file is too short for a TensorFlow Lite model", subject=str(path))
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] != b"TFL3":
                raise Malformed("the file does not carry the mark of TensorFlow Lite, TFL3", subject=str(path))
            try:
                return _model(_Buffer(data))
            except Malformed as error:
                raise Malformed(error.message, subject=str(path), hint="copy it again; compare its size") from error


def _model(buffer: _Buffer) -> LiteModel:
    root = buffer.number(0, 4)
    codes = [_code(buffer, one) for one in buffer.tables(root, _MODEL_CODES)]
    buffers = buffer.tables(root, _MODEL_BUFFERS)
    ops: Counter[str] = Counter()
    tensors: list[Tensor] = []
    places: dict[str, int] = {}
    quantised = 0
    graphs = buffer.tables(root, _MODEL_GRAPHS)
    ends: list[tuple[tuple[str, str, tuple[int, ...]], ...]] = [(), ()]
    for at, graph in enumerate(graphs):
        parts = buffer.tables(graph, _GRAPH_TENSORS)
        for operator in buffer.tables(graph, _GRAPH_OPERATORS):
            number = buffer.scalar(operator, 0, 4, signed=False)
            ops[codes[number][0] if number < len(codes) else f"operator {number}"] += 1
        for part in parts:
            tensor, place = _weights(buffer, part, buffers)
            if tensor is not None:
                tensors.append(tensor)
                places[tensor.key] = place
        quantised += sum(_is_quantised(buffer, part) for part in parts)
        if at == 0:
            ends = [_named(buffer, parts, buffer.ints(graph, place)) for place in (_GRAPH_INPUTS, _GRAPH_OUTPUTS)]
    custom = tuple(sorted({name for name, own in codes if own}))
    version = buffer.scalar(root, _MODEL_VERSION, 4, signed=False)
    description = buffer.text(root, _MODEL_TEXT)
    return LiteModel(version, description, dict(ops), custom, ends[0], ends[1], quantised, tuple(tensors), places)


def _code(buffer: _Buffer, table: int) -> tuple[str, bool]:
    custom = buffer.text(table, _CODE_CUSTOM)
    if custom:
        return custom, True
    # The old field holds one byte; the new one took over when numbers passed 127. The larger is right.
    number = max(buffer.scalar(table, _CODE_OLD, 1), buffer.scalar(table, _CODE_NEW, 4))
    names = _builtin_names()
    return (names[number] if 0 <= number < len(names) else f"builtin {number}"), False


def _type(buffer: _Buffer, table: int) -> str:
    number = buffer.scalar(table, _TENSOR_TYPE, 1)
    return _TYPES[number] if 0 <= number < len(_TYPES) else f"type {number}"


def _named(buffer: _Buffer, parts: list[int], numbers: tuple[int, ...]) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    inside = [parts[number] for number in numbers if 0 <= number < len(parts)]
    return tuple(
        (buffer.text(one, _TENSOR_NAME), _type(buffer, one), buffer.ints(one, _TENSOR_SHAPE)) for one in inside
    )


def _is_quantised(buffer: _Buffer, table: int) -> bool:
    quantisation = buffer.table(table, _TENSOR_QUANTISATION)
    return bool(quantisation) and buffer.vector(quantisation, _QUANTISATION_SCALE)[1] > 0


def _weights(buffer: _Buffer, table: int, buffers: list[int]) -> tuple[Tensor | None, int]:
    """The tensor, if it is a constant, and where its elements begin."""
    number = buffer.scalar(table, _TENSOR_BUFFER, 4, signed=False)
    if not 0 < number < len(buffers):
        return None, 0
    start, count = buffer.vector(buffers[number], 0)
    if count == 0:
        return None, 0
    crc = buffer.checksum(start, count)
    name = buffer.text(table, _TENSOR_NAME)
    shape = buffer.ints(table, _TENSOR_SHAPE)
    kind = _type(buffer, table)
    role = Role.WEIGHT if shape and (kind in _WEIGHTS or _is_quantised(buffer, table)) else Role.CONSTANT
    return Tensor(name, f"buffer {number}", kind, shape, count, crc, "read", role=role), start
