"""Takes the nodes out of a serialised SavedModel: where each begins, and the small rest that protobuf then parses.

Nodes are nearly all of the file. Parsed as messages, or only cut out as bytes objects, they cost more than everything that
is done with them afterwards.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from envdiff.model import requires
from envdiff.model.wire import Malformed, fields, payloads, read_varint, write_message

# Message -> field number -> message below it that may hold nodes.
_BELOW: dict[str, dict[int, str]] = {
    "SavedModel": {2: "MetaGraph"},
    "MetaGraph": {2: "Graph"},
    "Graph": {2: "Library"},
    "Library": {1: "Function"},
    "Function": {},
}
_NODES = {"Graph": 1, "Function": 3}
_DELIMITED = 2  # the wire type of messages and texts
_LONGEST_HEAD = 6  # a tag and 35 bits of length
_STRETCH = 120_000  # bytes in which nodes are looked for at once; fewer are gone through node by node
_NAME, _OP = 0x0A, 0x12  # tags of the fields that every writer writes first


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
    last = end - 2
    while position < last and data[position] == tag:
        stop = min(end, position + _STRETCH)
        if stop - position == _STRETCH:
            position = _in_view(data, position, stop, tag, part)
        position = _one_by_one(data, position, min(last, stop), tag, part)
    if position > end:
        raise Malformed("a node of the graph runs past its end")
    return position


def _in_view(data: bytes, position: int, stop: int, tag: int, part: array[int]) -> int:
    """Notes as many nodes as are seen at once from here, which may be none; gives where the next begins.

    What looks like a node, with a name and behind it an operation, is one if the node before it ends there.
    """
    np = requires.numpy()
    values = np.frombuffer(data, np.uint8, stop - position, position)
    named = values == _NAME
    likely = named[2:-1] | named[3:]
    likely &= values[:-3] == tag
    heads = np.flatnonzero(likely)
    begin, end = payloads(values, heads)
    limit = len(values) - 1
    _, op = payloads(values, np.minimum(begin, limit))
    whole = (op <= limit) & (op < end)
    seen = whole & (values[np.minimum(begin, limit)] == _NAME) & (values[np.minimum(op, limit)] == _OP)
    heads, end = heads[seen], end[seen]
    if not len(heads) or heads[0]:
        return position
    apart = np.flatnonzero(end[:-1] != heads[1:])
    count = int(apart[0]) + 1 if len(apart) else len(heads)
    part.frombytes((heads[:count] + position).astype(np.int64).tobytes())
    return position + int(end[count - 1])


def _one_by_one(data: bytes, position: int, last: int, tag: int, part: array[int]) -> int:
    """The same for the nodes that begin before ``last``."""
    note = part.append
    while position < last and data[position] == tag:
        note(position)
        length = data[position + 1]
        if length < 0x80:
            position += length + 2
        elif data[position + 2] < 0x80:
            position += (length & 0x7F | data[position + 2] << 7) + 3
        else:
            length, start = read_varint(data, position + 1, len(data))
            if start - position > _LONGEST_HEAD:
                raise Malformed("a node of the graph gives its length in more bytes than any writer uses")
            position = start + length
    return position


def _other(data: bytes, position: int, end: int, message: str, found: list[list[array[int]]], out: list[bytes]) -> int:
    """One field that is no node goes to the rest, with the nodes inside it taken out."""
    tag, payload = data[position], position + 2
    if tag & 0x87 == _DELIMITED and payload <= end and data[position + 1] < 0x80:  # nearly always
        number, stop = tag >> 3, payload + data[position + 1]
        if stop > end:
            raise Malformed("a field in the file runs past the end of its message")
    else:
        number, _, payload, stop = next(fields(data, position, end))
    kind = _BELOW[message].get(number) if tag & 7 == _DELIMITED else None
    out.append(data[position:stop] if kind is None else write_message(number, _rest(data, payload, stop, kind, found)))
    return stop
