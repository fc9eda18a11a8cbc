"""All nodes of a graph and its functions as columns.

Touching each node as a protobuf message from Python costs several times what parsing all of them does. So the fields of
the serialised nodes (name, op, inputs, device) are found for all nodes at once with NumPy, and so is the node that each
input comes from; a node is only parsed as a message when its attributes matter.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from envdiff.model import requires
from envdiff.model.strings import among, blocks, firsts, hashes, spared, texts
from envdiff.model.wire import Malformed, payloads

_NAME, _OP, _INPUT, _DEVICE = 0x0A, 0x12, 0x1A, 0x22
_ROUNDS = 128  # fields of a node looked at together with all others; nodes with more are parsed one by one
_CARET = 0x5E
_TYPED = b"\x12\x02\x30"  # field 2 of two bytes, in it field 6: the element type follows
_ROWS, _BYTES = 1 << 13, 1 << 16  # nodes, bytes that are looked at together: what comes of them stays in the cache


class NodeTable:
    """The nodes of the graph (part 0) and of each function (part 1 and on), numbered through over all parts.

    ``op[node]`` is a place in ``ops``, ``part[node]`` is where the node belongs.
    """

    def __init__(self, data: bytes, parts: Sequence[array[int]]) -> None:
        """``parts``: where the tag of each node is in ``data``, for each part."""
        np = self._np = requires.numpy()
        self._bounds = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        self.part = np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(self._bounds))
        self._data = data
        self._fields = fields = _Fields(data, np.concatenate([np.asarray(part, np.int64) for part in parts]))
        self._begins, self._ends = fields.begins, fields.ends
        if len(fields.odd):
            fields.add([self.message(number) for number in fields.odd.tolist()])
        self.op, self.ops = self._operations(*fields.single[_OP])
        self._starts, self._inputs = self._linked(*fields.inputs())
        self._users: dict[int, Any] = {}

    def _operations(self, begin: Any, end: Any) -> tuple[Any, list[bytes]]:
        np, data = self._np, self._fields.text
        group = np.zeros(len(self), np.int8)
        first = firsts(data, begin, end, group, hashes(data, begin, end, group))
        chosen = np.zeros(len(self), bool)
        chosen[first] = True
        return (np.cumsum(chosen) - 1)[first], list(texts(data, begin[chosen], end[chosen]))

    def _linked(self, owner: Any, begin: Any, end: Any) -> tuple[Any, Any]:
        """(where the inputs of each node start, the node that each input comes from)."""
        np, nodes, names = self._np, len(self), self._fields.single[_NAME]
        begin, end = np.concatenate([names[0], begin]), np.concatenate([names[1], end])
        data = self._fields.text
        group = np.concatenate([self.part, self.part[owner]])
        value = hashes(data, begin, end, group)
        self._hashes = value[:nodes].copy()
        first = firsts(data, begin, end, group, value)
        node = np.full(len(first), -1)
        node[first[:nodes]] = np.arange(nodes)
        starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=nodes))])
        return starts, node[first[nodes:]]

    def __len__(self) -> int:
        return len(self._ends)

    def span(self, part: int) -> tuple[int, int]:
        """First node of a part and the one after its last."""
        return int(self._bounds[part]), int(self._bounds[part + 1])

    def name(self, number: int) -> bytes:
        begin, end = (int(column[number]) for column in self._fields.single[_NAME])
        return self._fields.text[begin:end]

    def pinned(self, mask: Any) -> list[bytes]:
        """The devices that these nodes are bound to, one for each node that is."""
        begin, end = self._fields.single[_DEVICE]
        some = mask & (end > begin)
        return list(texts(self._fields.text, begin[some], end[some]))

    def find(self, asked: Sequence[tuple[int, bytes]]) -> list[int]:
        """The node of each (part, name); -1 where the part has none of this name."""
        np = self._np
        ends = np.cumsum([len(name) for _, name in asked], dtype=np.int64)
        begins = ends - [len(name) for _, name in asked]
        data, group = spared(b"".join(name for _, name in asked), ends), np.asarray([part for part, _ in asked])
        values = hashes(data, begins, ends, group)
        likely: dict[int, list[int]] = {value: [] for value in values.tolist()}
        for number in np.flatnonzero(among(self._hashes, values)).tolist():
            likely.get(int(self._hashes[number]), []).append(number)
        return [
            next((at for at in reversed(likely[value]) if self.part[at] == part and self.name(at) == name), -1)
            for (part, name), value in zip(asked, values.tolist(), strict=True)
        ]

    def inputs(self, part: int) -> tuple[Any, Any]:
        """(starts, nodes): the inputs of the i-th node of the part are ``nodes[starts[i]:starts[i + 1]]``.

        -1 stands for a name that is no node of the part: an argument of the function.
        """
        first, stop = self.span(part)
        starts = self._starts[first : stop + 1]
        return starts - starts[0], self._inputs[starts[0] : starts[-1]]

    def of(self, parts: Sequence[int]) -> Any:
        """The nodes of these parts, which are given in ascending order."""
        np = self._np
        if len(parts) == 1:
            return np.arange(*self.span(parts[0]))
        chosen = np.zeros(len(self._bounds) - 1, bool)
        chosen[list(parts)] = True
        return np.flatnonzero(chosen[self.part])

    def within(self, own: Any) -> tuple[Any, Any]:
        """The like of :meth:`inputs` for all nodes of several parts, numbered by their place in ``own``."""
        np = self._np
        places = np.arange(len(own))
        begins = self._starts[own]
        counts = self._starts[own + 1] - begins
        starts = np.concatenate([[0], np.cumsum(counts)])
        owner = np.repeat(places, counts)
        source = self._inputs[np.arange(len(owner)) + (begins - starts[:-1])[owner]]
        # Nodes of one part are numbered one after another there and here.
        return starts, np.where(source < 0, -1, source - (own - places)[owner])

    def message(self, number: int) -> Any:
        """The node parsed."""
        raw = self._data[int(self._begins[number]) : int(self._ends[number])]
        try:
            return requires.messages().Node.FromString(raw)
        except requires.decode_error() as error:
            raise Malformed(f"a node of the graph cannot be parsed: {error}") from error

    def inputs_of(self, number: int, most: int, after: int = 0) -> list[int]:
        """The nodes among the first ``most`` inputs, those before ``after`` left out."""
        start, stop = int(self._starts[number]), int(self._starts[number + 1])
        return [at for at in self._inputs[start + after : min(stop, start + most)].tolist() if at >= 0]

    def users_of(self, number: int, most: int) -> list[int]:
        """At most ``most`` of the nodes that use a result of this one: it may be used a hundred thousand times."""
        np = self._np
        part = int(self.part[number])
        if part not in self._users:
            starts, sources = self.inputs(part)
            owners = np.repeat(np.arange(*self.span(part)), np.diff(starts))
            self._users[part] = np.sort(sources << 32 | owners)
        pairs = self._users[part]
        low, high = np.searchsorted(pairs, [number << 32, (number + 1) << 32]).tolist()
        users: list[int] = (pairs[low : min(high, low + most)] & 0xFFFFFFFF).tolist()
        return users

    def holding(self, text: bytes) -> list[int]:
        """The nodes in whose serialised form this text occurs."""
        found: list[int] = []
        at = self._data.find(text)
        while at >= 0:
            found.append(at)
            at = self._data.find(text, at + len(text))
        numbers: list[int] = self._around(self._np.asarray(found, self._np.int64))[0].tolist()
        return numbers

    def typed(self, types: Sequence[int]) -> tuple[Any, Any]:
        """Arrays (node, element type) for each attribute that names one of these types.

        Found by how ``value {type: T}`` looks when serialised; a constant's bytes can look like it too.
        """
        np = self._np
        data = np.frombuffer(self._data, np.uint8)
        at = _places(self._data, _TYPED, 0, len(self._data)) + len(_TYPED)
        at = at[at < len(data)]
        wanted = np.zeros(256, bool)
        wanted[list(types)] = True
        at = at[wanted[data[at]]]
        numbers, within = self._around(at)
        return numbers, data[at][within]

    def _around(self, at: Any) -> tuple[Any, Any]:
        """(the nodes that these bytes lie in, which of the bytes lie in one)."""
        np = self._np
        if not len(self):
            return at[:0], np.zeros(len(at), bool)
        order = np.argsort(self._ends, kind="stable")  # a library may stand before the graph
        place = np.searchsorted(self._ends[order], at, side="right")
        number = order[np.minimum(place, len(self) - 1)]
        within = (self._begins[number] <= at) & (at < self._ends[number])
        return number[within], within


class _Fields:
    """Where the nodes and their fields lie: ``single`` has (begin, end) of the last name, op and device of each node.

    ``odd`` are the nodes that have to be parsed: fields after the attributes, or unknown, or too many.
    """

    def __init__(self, data: bytes, heads: Any) -> None:
        """``heads``: where the tag of each node is."""
        np = self._np = requires.numpy()
        self.begins, self.ends, *columns = (np.zeros(len(heads), np.int64) for _ in range(8))
        self.single = dict(zip((_NAME, _OP, _DEVICE), zip(columns[::2], columns[1::2], strict=True), strict=True))
        self._inputs: list[tuple[Any, Any, Any]] = []
        self._odd: list[Any] = []
        self.text = data  # in which the fields lie: the data, and what is appended
        values = np.frombuffer(data, np.uint8)
        for block in blocks(len(heads), _ROWS):
            begin, end = self.begins[block], self.ends[block] = payloads(values, heads[block])
            known = len(self._inputs)
            self._read(values, _some((np.arange(block.start, block.stop), begin, end), begin < end))
            self._inputs[known:] = [self._sources(self._inputs[known:])]
        self.text = spared(data, self.ends)
        odd = np.zeros(len(heads), bool)
        odd[np.concatenate([np.zeros(0, np.int64), *self._odd])] = True
        self.odd = np.flatnonzero(odd)

    def _read(self, data: Any, left: tuple[Any, Any, Any]) -> None:
        """Field after field of all nodes together. ``left``: columns of node, place and end."""
        behind = []
        for _ in range(_ROUNDS):
            tag = data[left[1]]
            attributes = tag > _DEVICE  # which every serialiser writes last
            if attributes.any():
                behind.append(_some(left, attributes))
                left, tag = _some(left, ~attributes), tag[~attributes]
            if not len(tag):
                break
            start, end = payloads(data, left[1])
            fine = (end <= left[2]) & (end >= start)
            if not fine.all():
                self._odd.append(left[0][~fine])
                left, tag, start, end = _some(left, fine), tag[fine], start[fine], end[fine]
            self._note(left[0], tag, start, end)
            left = _some((left[0], end, left[2]), end < left[2])
        self._odd.append(left[0])
        if behind:
            self._check_rest(data, tuple(map(self._np.concatenate, zip(*behind, strict=True))))

    def _note(self, rows: Any, tag: Any, start: Any, end: Any) -> None:
        known = self._np.zeros(len(rows), bool)
        for key in (_NAME, _OP, _INPUT, _DEVICE):
            here = tag == key
            if not here.any():
                continue
            known |= here
            owner, begin, stop = _some((rows, start, end), here)
            if key == _INPUT:
                self._inputs.append((owner, begin, stop))
            else:
                self.single[key][0][owner], self.single[key][1][owner] = begin, stop
        self._odd.append(rows[~known])

    def _check_rest(self, data: Any, left: Any) -> None:
        """Nodes in which something else follows the attributes are odd."""
        for _ in range(_ROUNDS):
            tag = data[left[1]]
            start, end = payloads(data, left[1])
            fine = (tag > _DEVICE) & (tag & 0x87 == 2) & (end <= left[2]) & (end >= start)
            if not fine.all():
                self._odd.append(left[0][~fine])
            left = _some((left[0], end, left[2]), fine & (end < left[2]))
            if not len(left[0]):
                break
        self._odd.append(left[0])

    def add(self, messages: list[Any]) -> None:
        """The odd nodes, parsed: their strings are appended to the text."""
        np, more = self._np, bytearray()

        def placed(value: str) -> tuple[int, int]:
            begin = len(self.text) + len(more)
            more.extend(value.encode())
            return begin, len(self.text) + len(more)

        known = [_some(one, ~np.isin(one[0], self.odd)) for one in self._inputs]
        added = []
        for number, message in zip(self.odd.tolist(), messages, strict=True):
            for key, value in ((_NAME, message.name), (_OP, message.op), (_DEVICE, message.device)):
                self.single[key][0][number], self.single[key][1][number] = placed(value)
            places = np.asarray([placed(value) for value in message.input], np.int64).reshape(-1, 2)
            added.append((np.full(len(places), number), places[:, 0], places[:, 1]))
        self.text = spared(self.text + bytes(more), np.asarray([len(self.text) + len(more)]))
        self._inputs = [*known, self._sources(added)]

    def inputs(self) -> tuple[Any, Any, Any]:
        """(owner, begin, end) of the inputs of all nodes in order, each cut to the name of the node it comes from."""
        return _in_order(self._np, self._inputs)

    def _sources(self, columns: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
        """These inputs in order, without the mark of a control input and without which result of the node it is."""
        np = self._np
        owner, begin, end = _in_order(np, columns)
        if not len(owner):
            return owner, begin, end
        data = np.frombuffer(self.text, np.uint8)
        begin = begin + ((begin < end) & (data[np.minimum(begin, len(data) - 1)] == _CARET))
        colons = _places(self.text, b":", int(begin.min()), int(end.max()))
        if len(colons):
            following = np.searchsorted(colons, begin)
            colon = colons[np.minimum(following, len(colons) - 1)]
            end = np.where((following < len(colons)) & (colon < end), colon, end)
        return owner, begin, end


def _in_order(np: Any, columns: list[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """The columns joined and sorted by the first."""
    none = np.zeros(0, np.int64)
    owner, begin, end = map(np.concatenate, zip((none, none, none), *columns, strict=True))
    order = slice(None) if (owner[:-1] <= owner[1:]).all() else np.argsort(owner, kind="stable")
    return owner[order], begin[order], end[order]


def _places(data: bytes, pattern: bytes, start: int, stop: int) -> Any:
    """Where this short pattern stands in this part of the data, overlapping ones too."""
    np = requires.numpy()
    values, found = np.frombuffer(data, np.uint8)[start:stop], [np.zeros(0, np.int64)]
    for block in blocks(max(0, len(values) - len(pattern) + 1), _BYTES):
        here = values[block] == pattern[0]
        for offset, byte in enumerate(pattern[1:], 1):
            here &= values[block.start + offset : block.stop + offset] == byte
        found.append(start + block.start + np.flatnonzero(here))
    return np.concatenate(found)


def _some(columns: tuple[Any, ...], which: Any) -> tuple[Any, ...]:
    return columns if which.all() else tuple(column[which] for column in columns)
