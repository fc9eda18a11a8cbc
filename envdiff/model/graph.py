"""Which operations an output really reaches: back through inputs and control inputs, and into the functions called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from envdiff.model import requires
from envdiff.model.nodes import Body, NodeTable
from envdiff.model.registry import registry
from envdiff.model.split import Part
from envdiff.model.wire import Malformed

_INPUTS = 64
GRAPH = ""  # the name under which the graph itself stands among the functions


def text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Reach:
    """``nodes``: for the graph (named "") and each function entered, the numbers of the nodes reached, sorted."""

    graph: Graph
    nodes: Mapping[str, list[int]]

    @cached_property
    def counts(self) -> Counter[str]:
        """Operation -> how many nodes; the nodes of a function count once, however often it is called."""
        total: Counter[bytes] = Counter()
        for name, reached in self.nodes.items():
            total.update(map(self.graph.body(name).ops.__getitem__, reached))
        return Counter({text(op): count for op, count in total.items()})

    @cached_property
    def sets(self) -> Mapping[str, frozenset[int]]:
        return {name: frozenset(reached) for name, reached in self.nodes.items()}

    def having(self, ops: Iterable[str]) -> list[Node]:
        """The reached nodes with one of these operations."""
        wanted = {op for op in ops if op in self.counts}
        if not wanted:
            return []
        sought = {op.encode() for op in wanted}
        return [
            Node(self.graph, name, number)
            for name, reached in self.nodes.items()
            for number in self._of_ops(name, reached, sought)
        ]

    def _of_ops(self, name: str, reached: list[int], sought: set[bytes]) -> list[int]:
        ops = self.graph.body(name).ops
        return [number for number in reached if ops[number] in sought]


@dataclass(frozen=True)
class Node:
    """One node of the graph or of a function, parsed where its attributes are asked for."""

    graph: Graph
    function: str
    number: int

    @property
    def body(self) -> Body:
        return self.graph.body(self.function)

    @property
    def name(self) -> str:
        return text(self.body.names[self.number])

    @property
    def op(self) -> str:
        return text(self.body.ops[self.number])

    @cached_property
    def attrs(self) -> dict[str, Any]:
        return attributes(self.graph.message(self.function, self.number).attr)

    def inputs(self) -> list[Node]:
        """The first of them: what is asked here of a node's inputs concerns operations with few."""
        return [Node(self.graph, self.function, at) for at in self.body.inputs(self.number, _INPUTS)]

    def constant(self) -> Any:
        """The tensor message of a ``Const`` node, or None."""
        value = self.attrs.get("value") if self.op == "Const" else None
        return value.tensor if value is not None and value.HasField("tensor") else None


def attributes(raw: Iterable[bytes]) -> dict[str, Any]:
    """Attribute name -> ``Attr`` message."""
    entry = requires.messages().AttrEntry
    try:
        parsed = [entry.FromString(one) for one in raw]
    except requires.decode_error() as error:
        raise Malformed(f"an attribute in the graph cannot be parsed: {error}") from error
    return {one.key: one.value for one in parsed}


class Graph:
    """The graph of one MetaGraph with its function library."""

    def __init__(self, message: Any, data: bytes, parts: Sequence[Part]) -> None:
        names = [function.signature.name for function in message.library.function]
        self.functions = dict(zip(names, message.library.function, strict=True))
        self._names = [GRAPH, *names]
        self._part = {name: part for part, name in enumerate(self._names)}
        self.table = NodeTable(data, parts)
        self._bodies: dict[str, Body] = {}

    def body(self, function: str) -> Body:
        found = self._bodies.get(function)
        if found is None:
            found = self._bodies[function] = self.table.body(self._part[function])
        return found

    def message(self, function: str, number: int) -> Any:
        return self.table.message(self._part[function], number)

    def devices(self, function: str) -> list[tuple[int, bytes]]:
        return self.table.devices(self._part[function])

    def place(self, number: int) -> tuple[str, int]:
        """(function, node number there) of a node numbered over all parts."""
        part = self.table.part_of(number)
        return self._names[part], number - self.table.first(part)

    def reach(self, fetches: Iterable[str], feeds: Iterable[str] = ()) -> Reach:
        """From tensor or operation names of the graph; what lies behind a fed tensor is not reached."""
        body = self.body(GRAPH)
        fed = {at for at in map(body.index.get, map(_node_name, feeds)) if at is not None}
        start = [at for at in map(body.index.get, map(_node_name, fetches)) if at is not None]
        reached = {GRAPH: _walk_back(body, start, fed)}
        todo = self._called(GRAPH, reached[GRAPH])
        while todo:
            name = todo.pop()
            if name in reached:
                continue
            reached[name] = _walk_back(self.body(name), self._returned(name), set())
            todo.extend(self._called(name, reached[name]))
        return Reach(self, reached)

    def _returned(self, name: str) -> list[int]:
        """The nodes a function runs for: its results, its control results and, in old functions, all stateful ones."""
        function, body = self.functions[name], self.body(name)
        tensors = [*function.ret.values(), *function.control_ret.values()]
        found = [at for at in map(body.index.get, map(_node_name, tensors)) if at is not None]
        if not function.control_ret:
            stateful = {op.encode() for op in registry().stateful}
            found.extend(at for at, op in enumerate(body.ops) if op in stateful)
        return found

    def _called(self, name: str, reached: list[int]) -> list[str]:
        """The functions that these nodes call; a gradient is not a call."""
        ops = self.body(name).ops
        kinds = {ops[at] for at in reached}
        calling = {kind for kind in kinds if self._calls(text(kind))}
        called: list[str] = []
        if calling:
            for at in (at for at in reached if ops[at] in calling):
                called.extend(self._named(Node(self, name, at)))
        return called

    def _calls(self, op: str) -> bool:
        known = registry()
        return op in known.calling or op not in known.names

    def _named(self, node: Node) -> list[str]:
        names = [node.op]  # TensorFlow 1 calls a function by using its name as the operation
        for value in node.attrs.values():
            kind = value.WhichOneof("value")
            if kind == "func":
                names.append(value.func.name)
            elif kind == "list":
                names.extend(one.name for one in value.list.func)
        return [name for name in names if name in self.functions]


def _node_name(tensor: str) -> bytes:
    return tensor.removeprefix("^").partition(":")[0].encode("utf-8", "surrogatepass")


def _walk_back(body: Body, start: list[int], fed: set[int]) -> list[int]:
    seen = bytearray(len(body.names) + 1)
    seen[-1] = 1  # node -1: no node here
    starts, flat = body.starts, body.flat
    ends = {at for at in fed if starts[at] < starts[at + 1]}
    stack = list(start)
    while stack:
        at = stack.pop()
        if seen[at]:
            continue
        seen[at] = 1
        if not ends or at not in ends:
            stack += flat[starts[at] : starts[at + 1]]
    numpy = requires.numpy()
    reached: list[int] = numpy.flatnonzero(numpy.frombuffer(seen, numpy.uint8)[:-1]).tolist()
    return reached
