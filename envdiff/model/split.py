"""Takes the nodes out of a serialised SavedModel: where each begins, and the small rest that protobuf then parses.

Nodes are nearly all of the file. Parsed as messages, or only cut out as bytes objects, they cost more than everything that
is done with them afterwards.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from envdiff.model.wire import Malformed, fields, read_varint, write_message

# Message -> field number -> message below it that may hold nodes.
_BELOW: dict[str, dict[int, str]] = {
    "SavedModel": {2: "MetaGraph"},
    "MetaGraph": {2: "Graph"},
    "Graph": {2: "Library"},
    "Library": {1: "Function"},
    "Function": {},
}
_NODES = {"Graph": 1, "Function": 3}
_LONGEST_HEAD = 6  # a tag and 35 bits of length


@dataclass(frozen=True)
class Split:
    """``parts``: where the tag of each node is, for each MetaGraph: in its graph, then in each function of the library."""

    data: bytes
    rest: bytes
    parts: list[list[array[int]]]


def split(data: bytes) -> Split:
    """Raises :class:`Malformed` when the framing is broken; what is inside nodes is not looked at."""
    found: list[list[array[int]]] = []
    rest = _rest(data, 0, len(data), "SavedModel", found)
    return Split(data, rest, found)


def _rest(data: bytes, start: int, end: int, message: str, found: list[list[array[int]]]) -> bytes:
    if message == "MetaGraph":
        found.append([array("q")])
    part: array[int] | None = None
    number = 0
    if message in _NODES:
        part, number = found[-1][0], _NODES[message]
        if message == "Function":
            part = array("q")
            found[-1].append(part)
    out: list[bytes] = []
    position = start
    while position < end:
        if part is not None:
            position = _nodes(data, position, end, number << 3 | 2, part)
        if position < end:
            position = _other(data, position, end, message, found, out)
    return b"".join(out)


def _nodes(data: bytes, position: int, end: int, tag: int, part: array[int]) -> int:
    """Notes the nodes that follow one another from here; gives where something else begins."""
    note = part.append
    last = end - 2
    while position < last and data[position] == tag:
        note(position)
        length = data[position + 1]
        if length < 0x80:
            position += length + 2
        elif data[position + 2] < 0x80:
            position += (length & 0x7F | data[position + 2] << 7) + 3
        else:
            length, start = read_varint(data, position + 1, end)
            if start - position > _LONGEST_HEAD:
                raise Malformed("a node of the graph gives its length in more bytes than any writer uses")
            position = start + length
    if position > end:
        raise Malformed("a node of the graph runs past its end")
    return position


def _other(data: bytes, position: int, end: int, message: str, found: list[list[array[int]]], out: list[bytes]) -> int:
    """One field that is no node goes to the rest, with the nodes inside it taken out."""
    number, begin, payload, stop = next(fields(data, position, end))
    kind = _BELOW[message].get(number)
    if kind is None or data[begin] & 7 != 2:
        out.append(data[begin:stop])
        return stop
    out.append(write_message(number, _rest(data, payload, stop, kind, found)))
    return stop
