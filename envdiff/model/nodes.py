"""All nodes of a graph and its functions as columns.

Touching each node as a protobuf message from Python costs several times what parsing all of them does. So the fields of
the serialised nodes (name, op, inputs, device) are found for all nodes at once with NumPy, and names are looked up in
those parts alone that are entered; a node is only parsed as a message when its attributes matter.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from envdiff.model import requires
from envdiff.model.wire import Malformed

_NAME, _OP, _INPUT, _DEVICE = 0x0A, 0x12, 0x1A, 0x22
_ROUNDS = 128  # fields of a node looked at together with all others; nodes with more are parsed one by one
_CARET = 0x5E
_TYPED = b"\x12\x02\x30"  # field 2 of two bytes, in it field 6: the element type follows
_BLOCK, _BYTES = 1 << 14, 1 << 17  # rows, bytes that are looked at together: their columns stay in the cache


class _Index(dict[bytes, int]):
    """-1 for a name that is not there."""

    def __missing__(self, name: bytes) -> int:
        return -1


class _Numbers(dict[bytes, int]):
    """Numbers texts in the order in which they are first asked for."""

    def __missing__(self, text: bytes) -> int:
        self[text] = number = len(self)
        return number


class NodeTable:
    """The nodes of the graph (part 0) and of each function (part 1 and on), numbered through over all parts.

    ``op[node]`` is a place in ``ops``, ``part[node]`` is where the node belongs.
    """

    def __init__(self, data: bytes, parts: Sequence[array[int]]) -> None:
        """``parts``: where the tag of each node is in ``data``, for each part."""
        np = self._np = requires.numpy()
        self._bounds = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        self.part = np.repeat(np.arange(len(parts)), np.diff(self._bounds))
        heads = np.concatenate([np.asarray(part, np.int64) for part in parts])
        self._data = data
        self._begins, self._ends = _payload(np, np.frombuffer(data, np.uint8), heads)
        self._fields = fields = _Fields(data, self._begins, self._ends)
        if len(fields.odd):
            fields.add([self.message(number) for number in fields.odd.tolist()])
        numbers = _Numbers()
        self.op = np.fromiter(map(numbers.__getitem__, fields.texts(*fields.single[_OP])), np.int64, len(self))
        self.ops = list(numbers)
        owner, self._input_texts = fields.inputs()
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(self)))])
        self._inputs = np.empty(len(owner), np.int64)
        self._indices: dict[int, _Index] = {}
        self._users: dict[int, Any] = {}

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
        return list(self._fields.texts(begin[some], end[some]))

    def numbers(self, part: int, names: Iterable[bytes]) -> list[int]:
        """The nodes of a part that have these names, as far as there are such."""
        return [number for number in map(self._index(part).__getitem__, names) if number >= 0]

    def inputs(self, part: int) -> tuple[Any, Any]:
        """(starts, nodes): the inputs of the i-th node of the part are ``nodes[starts[i]:starts[i + 1]]``.

        -1 stands for a name that is no node of the part: an argument of the function.
        """
        first, stop = self.span(part)
        self._index(part)
        starts = self._starts[first : stop + 1]
        return starts - starts[0], self._inputs[starts[0] : starts[-1]]

    def _index(self, part: int) -> _Index:
        """Name -> node; looks up the inputs too. Made when a part is entered: most functions of a library are not."""
        if part not in self._indices:
            fields, (first, stop) = self._fields, self.span(part)
            begin, end = (column[first:stop] for column in fields.single[_NAME])
            index = self._indices[part] = _Index(zip(fields.texts(begin, end), range(first, stop), strict=True))
            own = slice(int(self._starts[first]), int(self._starts[stop]))
            texts = fields.texts(*(column[own] for column in self._input_texts))
            self._inputs[own] = self._np.fromiter(map(index.__getitem__, texts), self._np.int64, own.stop - own.start)
        return self._indices[part]

    def message(self, number: int) -> Any:
        """The node parsed."""
        raw = self._data[int(self._begins[number]) : int(self._ends[number])]
        try:
            return requires.messages().Node.FromString(raw)
        except requires.decode_error() as error:
            raise Malformed(f"a node of the graph cannot be parsed: {error}") from error

    def inputs_of(self, number: int, most: int, after: int = 0) -> list[int]:
        """The nodes among the first ``most`` inputs, those before ``after`` left out."""
        self._index(int(self.part[number]))
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
        at = _places(self._data, _TYPED) + len(_TYPED)
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
    """Where the fields of all nodes lie: ``single`` has (begin, end) of the last name, op and device of each node.

    ``odd`` are the nodes that have to be parsed: fields after the attributes, or unknown, or too many.
    """

    def __init__(self, data: bytes, begins: Any, ends: Any) -> None:
        np = self._np = requires.numpy()
        self.text = data  # in which the fields lie: the data, and what add() appends
        self.single = {
            key: (np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)) for key in (_NAME, _OP, _DEVICE)
        }
        self._inputs: list[tuple[Any, Any, Any]] = []
        self._odd: list[Any] = []
        for block in _blocks(len(ends), _BLOCK):
            begin, end = begins[block], ends[block]
            left = np.arange(block.start, block.stop), begin, end
            self._read(np.frombuffer(data, np.uint8), _some(left, begin < end))
        self.odd = np.unique(np.concatenate([np.zeros(0, np.int64), *self._odd]))

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
            start, end = _payload(self._np, data, left[1])
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
            start, end = _payload(self._np, data, left[1])
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

        self._inputs = [_some(one, ~np.isin(one[0], self.odd)) for one in self._inputs]
        for number, message in zip(self.odd.tolist(), messages, strict=True):
            for key, value in ((_NAME, message.name), (_OP, message.op), (_DEVICE, message.device)):
                self.single[key][0][number], self.single[key][1][number] = placed(value)
            places = np.asarray([placed(value) for value in message.input], np.int64).reshape(-1, 2)
            self._inputs.append((np.full(len(places), number), places[:, 0], places[:, 1]))
        self.text += bytes(more)

    def texts(self, begin: Any, end: Any) -> Iterator[bytes]:
        blocks = ((begin[block].tolist(), end[block].tolist()) for block in _blocks(len(begin), _BLOCK))
        return map(self.text.__getitem__, chain.from_iterable(map(slice, *columns) for columns in blocks))

    def inputs(self) -> tuple[Any, tuple[Any, Any]]:
        """(owners, (begin, end)) of the inputs of all nodes in order, each cut to the name of the node it comes from."""
        np = self._np
        none = np.zeros(0, np.int64)
        columns = zip((none, none, none), *self._inputs, strict=True)
        owner, begin, end = (np.concatenate(column) for column in columns)
        order = np.argsort(owner, kind="stable")
        owner, begin, end = owner[order], begin[order], end[order]
        data = np.frombuffer(self.text, np.uint8)
        begin = begin + ((begin < end) & (data[np.minimum(begin, len(data) - 1)] == _CARET))
        colons = _places(self.text, b":")
        if len(colons):
            following = np.searchsorted(colons, begin)
            colon = colons[np.minimum(following, len(colons) - 1)]
            end = np.where((following < len(colons)) & (colon < end), colon, end)
        return owner, (begin, end)


def _blocks(rows: int, most: int) -> Iterator[slice]:
    for start in range(0, rows, most):
        yield slice(start, min(rows, start + most))


def _places(data: bytes, pattern: bytes) -> Any:
    """Where this short pattern stands in the data, overlapping ones too."""
    np = requires.numpy()
    values, found = np.frombuffer(data, np.uint8), [np.zeros(0, np.int64)]
    for block in _blocks(max(0, len(data) - len(pattern) + 1), _BYTES):
        at = np.flatnonzero(values[block.start + len(pattern) - 1 : block.stop + len(pattern) - 1] == pattern[-1])
        at += block.start
        for offset, byte in enumerate(pattern[:-1]):
            at = at[values[at + offset] == byte]
        found.append(at)
    return np.concatenate(found)


def _some(columns: tuple[Any, ...], which: Any) -> tuple[Any, ...]:
    return columns if which.all() else tuple(column[which] for column in columns)


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
