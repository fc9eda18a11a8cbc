"""Varints, and cutting large constants out of a graph file before it is parsed."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.model import requires

Buffer = bytes | mmap.mmap | memoryview

_MAX_VARINT = 10
_FIXED = {1: 8, 5: 4}
_LENGTH_DELIMITED = 2


class Malformed(UnusableInput):
    """The bytes are not what the format says they must be."""


def read_varint(data: Buffer, position: int, end: int) -> tuple[int, int]:
    """(value, position after it); at most 64 bits."""
    value = shift = 0
    for at in range(position, min(end, position + _MAX_VARINT)):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at + 1
        shift += 7
    raise Malformed("a number in the file runs past its end")


def write_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_message(number: int, message: bytes) -> bytes:
    """A length-delimited field."""
    return write_varint(number << 3 | _LENGTH_DELIMITED) + write_varint(len(message)) + message


def fields(data: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Each field of a message in ``data[start:end]``: (number, start of the field, start of its payload, end).

    The payload of a length-delimited field excludes the length; groups, long out of use, are refused.
    """
    position = start
    while position < end:
        begin = position
        tag, position = read_varint(data, position, end)
        kind = tag & 7
        if kind == 0:
            payload = position
            _, position = read_varint(data, position, end)
        elif kind == _LENGTH_DELIMITED:
            length, payload = read_varint(data, position, end)
            position = payload + length
        elif kind in _FIXED:
            payload = position
            position += _FIXED[kind]
        else:
            raise Malformed(f"wire type {kind} in a message")
        if position > end:
            raise Malformed("a field in the file runs past the end of its message")
        yield tag >> 3, begin, payload, position


def payloads(data: Any, at: Any) -> tuple[Any, Any]:
    """Start and end of the payload of length-delimited fields whose tags are at ``at``; end < start marks nonsense."""
    np = requires.numpy()
    limit = len(data) - 1
    length = data[np.minimum(at + 1, limit)].astype(np.int64)
    start = at + 2
    more = length >= 0x80
    if more.any():
        length &= 0x7F
        shift = 7
        for _ in range(4):
            byte = data[np.minimum(start, limit)].astype(np.int64)
            length = np.where(more, length | (byte & 0x7F) << shift, length)
            start = start + more
            more = more & (byte >= 0x80)
            shift += 7
            if not more.any():
                break
        length = np.where(more, -1, length)
    return start, start + length


# Below which node a path of field numbers leads: SavedModel.meta_graphs.graph_def.node, and in the function library.
_LEVELS: dict[str, dict[int, str]] = {
    "SavedModel": {2: "MetaGraph"},
    "MetaGraph": {2: "Graph", 7: "drop"},
    "Graph": {1: "Node", 2: "Library", 5: "drop"},
    "Library": {1: "Function"},
    "Function": {3: "Node"},
    "Node": {5: "Attr"},
    "Attr": {},
}
_LARGE = 4096


def slimmed(data: Buffer, start: int, end: int, message: str = "SavedModel") -> bytes:
    """The message without attribute values over 4 KiB (constants) and without debug information and the object graph.

    What is left parses as the same message. Nodes that lose their ``value`` are still nodes.
    """
    below = _LEVELS[message]
    out: list[bytes] = []
    for number, begin, payload, stop in fields(data, start, end):
        kind = below.get(number)
        if stop - begin <= _LARGE or kind is None:
            out.append(bytes(data[begin:stop]))
        elif kind not in {"drop", "Attr"}:
            out.append(write_message(number, slimmed(data, payload, stop, kind)))
    return b"".join(out)
