"""All nodes of a graph and its functions as columns: a hundred thousand of them in about the time protobuf takes.

Touching each node as a protobuf message from Python costs several times what parsing all of them does. So the serialised
nodes are laid end to end and their fields (name, op, inputs, device) are found for all nodes at once with NumPy; a
node is only parsed as a message when its attributes matter. Names stay bytes until they are shown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from envdiff.model import requires
from envdiff.model.split import Part
from envdiff.model.wire import Malformed

_NAME, _OP, _INPUT, _DEVICE = 0x0A, 0x12, 0x1A, 0x22
_KEPT = ((_NAME, "name"), (_OP, "op"), (_INPUT, None), (_DEVICE, "device"))
_ROUNDS = 128  # fields of a node looked at together with all others; nodes with more are parsed one by one
_COLON, _CARET = 0x3A, 0x5E
_VALUE_FIELD, _TYPE_SIZE, _TYPE_FIELD = 0x12, 2, 0x30


@dataclass(frozen=True)
class Body:
    """The nodes of the graph or of one function. Node numbers count from 0 within the body.

    ``inputs`` of node ``i`` are ``flat[starts[i]:starts[i + 1]]``: node numbers, or -1 for a name that is no node
    here (an argument of the function). Equal ``ops`` are one object.
    """

    names: list[bytes]
    ops: list[bytes]
    index: dict[bytes, int]
    starts: list[int]
    flat: list[int]

    @cached_property
    def users(self) -> Users:
        return Users(self.starts, self.flat)

    def inputs(self, node: int, most: int = 1_000) -> list[int]:
        start = self.starts[node]
        return [at for at in self.flat[start : min(self.starts[node + 1], start + most)] if at >= 0]


class _Index(dict[bytes, int]):
    """-1 for a name that is not there."""

    def __missing__(self, name: bytes) -> int:
        return -1


class _Once(dict[bytes, bytes]):
    """The first of all equal texts: there are few operations, and one object each is quicker to make and to count."""

    def __missing__(self, text: bytes) -> bytes:
        self[text] = text
        return text


class Users:
    """Who uses the results of a node of one body."""

    def __init__(self, starts: list[int], flat: list[int]) -> None:
        np = self._np = requires.numpy()
        sources = np.asarray(flat, np.int64)
        order = np.argsort(sources, kind="stable")
        self._sources = sources[order]
        self._owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[order]

    def of(self, node: int, most: int | None = None) -> list[int]:
        """At most ``most`` of them: one result may be used a hundred thousand times."""
        low, high = (int(self._np.searchsorted(self._sources, node, side=side)) for side in ("left", "right"))
        users: list[int] = self._owners[low : high if most is None else min(high, low + most)].tolist()
        return users


class NodeTable:
    """``parts`` are the nodes of the graph and then of each function; bodies are made when asked for."""

    def __init__(self, data: bytes, parts: Sequence[Part]) -> None:
        np = self._np = requires.numpy()
        self._spans = _spans([len(part.begins) for part in parts])
        self._begins, self._ends = (
            np.concatenate([np.asarray(getattr(part, name), np.int64) for part in parts]) for name in ("begins", "ends")
        )
        self._data = data
        self._text = data  # in which names are looked up: the data, and what _slowly adds
        self._columns = self._scan()

    def __len__(self) -> int:
        return len(self._ends)

    def holding(self, text: bytes) -> list[int]:
        """The numbers (over all parts) of the nodes in whose serialised form this text occurs."""
        found: list[int] = []
        at = self._data.find(text)
        while at >= 0:
            found.append(at)
            at = self._data.find(text, at + len(text))
        numbers: list[int] = self._owners(self._np.asarray(found, self._np.int64))[0].tolist()
        return numbers

    def _owners(self, at: Any) -> tuple[Any, Any]:
        """(numbers of the nodes that these bytes lie in, which of the bytes lie in one)."""
        np = self._np
        if not len(self):
            return at[:0], np.zeros(len(at), bool)
        order = np.argsort(self._ends, kind="stable")  # a library may stand before the graph
        place = np.searchsorted(self._ends[order], at, side="right")
        number = order[np.minimum(place, len(self) - 1)]
        within = (self._begins[number] <= at) & (at < self._ends[number])
        return number[within], within

    def typed(self, types: Sequence[int]) -> tuple[Any, Any]:
        """Arrays (node number over all parts, element type) for each attribute that names one of these types.

        Found by how ``value {type: T}`` looks when serialised; a constant's bytes can look like it too.
        """
        np = self._np
        data = np.frombuffer(self._data, np.uint8)
        at = np.flatnonzero(data == _TYPE_FIELD)
        at = at[(at >= 2) & (at < len(data) - 1)]
        at = at[(data[at - 1] == _TYPE_SIZE) & (data[at - 2] == _VALUE_FIELD)]
        wanted = np.zeros(256, bool)
        wanted[list(types)] = True
        at = at[wanted[data[at + 1]]]
        numbers, within = self._owners(at)
        return numbers, data[at + 1][within]

    def first(self, part: int) -> int:
        return self._spans[part][0]

    def message(self, part: int, node: int) -> Any:
        """The node parsed."""
        number = self._spans[part][0] + node
        raw = self._data[int(self._begins[number]) : int(self._ends[number])]
        try:
            return requires.messages().Node.FromString(raw)
        except requires.decode_error() as error:
            raise Malformed(f"a node of the graph cannot be parsed: {error}") from error

    def devices(self, part: int) -> list[tuple[int, bytes]]:
        """(node, device) of the nodes of a part that are bound to one."""
        first, stop = self._spans[part]
        begin, end = self._columns["device"]
        pinned = self._np.flatnonzero(end[first:stop] > begin[first:stop]).tolist()
        return [(node, self._data[int(begin[first + node]) : int(end[first + node])]) for node in pinned]

    def body(self, part: int) -> Body:
        np = self._np
        first, stop = self._spans[part]
        names = list(self._texts("name", first, stop))
        ops = list(map(_Once().__getitem__, self._texts("op", first, stop)))
        index = _Index(zip(names, range(len(names)), strict=True))
        owner = self._columns["owner"]
        low, high = (int(np.searchsorted(owner, edge)) for edge in (first, stop))
        # Looked up one by one and not kept: a hundred thousand more texts cost more memory than time.
        flat = list(map(index.__getitem__, self._texts("input", low, high)))
        starts = np.searchsorted(owner[low:high], np.arange(first, stop + 1)).tolist()
        return Body(names, ops, index, starts, flat)

    def _texts(self, key: str, first: int, stop: int) -> Iterator[bytes]:
        """What a column marks, from its row ``first`` to before ``stop``."""
        begin, end = (column[first:stop].tolist() for column in self._columns[key])
        return map(self._text.__getitem__, map(slice, begin, end))

    def _scan(self) -> dict[str, Any]:
        np = self._np
        count = len(self._ends)
        pairs = {key: (np.zeros(count, np.int64), np.zeros(count, np.int64)) for key in ("name", "op", "device")}
        found: list[tuple[Any, Any, Any]] = []
        odd = self._rounds(pairs, found)
        if len(odd):
            self._slowly(odd.tolist(), pairs, found)
        owner, begin, end = self._inputs(found)
        return {**pairs, "owner": owner, "input": (begin, end)}

    def _rounds(self, pairs: dict[str, tuple[Any, Any]], found: list[tuple[Any, Any, Any]]) -> Any:
        """Reads field after field of all nodes together; gives the numbers of nodes that need :meth:`_slowly`."""
        np = self._np
        data = np.frombuffer(self._data, np.uint8)
        position = self._begins.copy()
        active = np.flatnonzero(position < self._ends)
        odd, behind = [], []
        for _ in range(_ROUNDS):
            if not len(active):
                break
            tag = data[position[active]]
            other = tag > _DEVICE  # attributes, which every serialiser writes last
            if other.any():
                behind.append(active[other])
                active, tag = active[~other], tag[~other]
            start, end = _payload(np, data, position[active])
            strange = (end > self._ends[active]) | (end < start)
            if strange.any():
                odd.append(active[strange])
                fine = ~strange
                active, tag, start, end = active[fine], tag[fine], start[fine], end[fine]
            odd.append(self._noted(active, tag, start, end, pairs, found))
            position[active] = end
            active = active[end < self._ends[active]]
        odd.append(active)
        if behind:
            odd.append(self._unordered(data, position, np.concatenate(behind)))
        return np.unique(np.concatenate(odd)) if odd else active

    def _noted(
        self, active: Any, tag: Any, start: Any, end: Any, pairs: dict[str, tuple[Any, Any]],
        found: list[tuple[Any, Any, Any]],
    ) -> Any:  # fmt: skip
        """Keeps where these fields are; gives the numbers of nodes whose field is none of the four."""
        unknown = self._np.ones(len(active), bool)
        for number, key in _KEPT:
            here = tag == number
            if here.any():
                unknown &= ~here
                owner = active[here]
                if key is None:
                    found.append((owner, start[here], end[here]))
                else:
                    pairs[key][0][owner], pairs[key][1][owner] = start[here], end[here]
        return active[unknown]

    def _unordered(self, data: Any, position: Any, active: Any) -> Any:
        """Of these nodes, whose attributes have begun, those in which anything else follows."""
        np, odd = self._np, []
        at = position[active]
        for _ in range(_ROUNDS):
            tag = data[at]
            start, end = _payload(np, data, at)
            strange = (tag <= _DEVICE) | (tag & 0x87 != 2) | (end > self._ends[active]) | (end < start)
            if strange.any():
                odd.append(active[strange])
                active, end = active[~strange], end[~strange]
            left = end < self._ends[active]
            active, at = active[left], end[left]
            if not len(active):
                break
        return np.concatenate([*odd, active])

    def _slowly(self, odd: list[int], pairs: dict[str, tuple[Any, Any]], found: list[tuple[Any, Any, Any]]) -> None:
        """Parse unusual nodes as messages and append their strings to the searched text."""
        np, text = self._np, bytearray()
        base = len(self._data)
        unusual = set(odd)
        found[:] = [_without(np, one, odd) for one in found]
        for number in sorted(unusual):
            message = self.message(*self._place(number))
            for key, value in (("name", message.name), ("op", message.op), ("device", message.device)):
                start = base + len(text)
                text += value.encode()
                pairs[key][0][number], pairs[key][1][number] = start, base + len(text)
            begins, ends = [], []
            for value in message.input:
                begins.append(base + len(text))
                text += value.encode()
                ends.append(base + len(text))
            found.append((np.full(len(begins), number), np.asarray(begins, np.int64), np.asarray(ends, np.int64)))
        self._text = self._data + bytes(text)

    def part_of(self, number: int) -> int:
        return bisect_right(self._spans, number, key=lambda span: span[1])

    def _place(self, number: int) -> tuple[int, int]:
        part = self.part_of(number)
        return part, number - self._spans[part][0]

    def _inputs(self, found: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
        """Inputs of all nodes in order, cut to the name of the node they come from."""
        np = self._np
        if not found:
            none = np.zeros(0, np.int64)
            return none, none, none
        owner, begin, end = (np.concatenate([one[column] for one in found]).astype(np.int64) for column in range(3))
        order = np.argsort(owner, kind="stable")
        owner, begin, end = owner[order], begin[order], end[order]
        data = np.frombuffer(self._text, np.uint8)
        begin = begin + ((begin < end) & (data[np.minimum(begin, len(data) - 1)] == _CARET))
        colons = np.flatnonzero(data == _COLON)
        if len(colons):
            following = np.searchsorted(colons, begin)
            colon = colons[np.minimum(following, len(colons) - 1)]
            cut = (following < len(colons)) & (colon < end)
            end = np.where(cut, colon, end)
        return owner, begin, end


def _spans(lengths: list[int]) -> list[tuple[int, int]]:
    spans, first = [], 0
    for length in lengths:
        spans.append((first, first + length))
        first += length
    return spans


def _payload(np: Any, data: Any, at: Any) -> tuple[Any, Any]:
    """Start and end of the payload of length-delimited fields whose tags are at ``at``; end < start marks nonsense."""
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


def _without(np: Any, found: tuple[Any, Any, Any], odd: list[int]) -> tuple[Any, Any, Any]:
    keep = ~np.isin(found[0], odd)
    return found[0][keep], found[1][keep], found[2][keep]
