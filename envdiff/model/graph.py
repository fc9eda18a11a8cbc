"""Which operations an output really reaches: back through inputs and control inputs, and into the functions called."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from envdiff.model import requires
from envdiff.model.nodes import NodeTable
from envdiff.model.reaching import mark_reached
from envdiff.model.registry import registry
from envdiff.model.wire import Malformed

_INPUTS = 64
GRAPH_PART = 0  # where the graph itself stands among the parts of the table; its functions follow


def text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Reach:
    """``mask``: for each node of the graph and its functions whether it is reached. ``functions``: those entered."""

    graph: Graph
    mask: Any
    functions: frozenset[str]

    @cached_property
    def counts(self) -> Counter[str]:
        """Operation -> how many nodes; the nodes of a function count once, however often it is called."""
        numpy, table = requires.numpy(), self.graph.table
        found = numpy.bincount(table.op[self.mask], minlength=len(table.ops)).tolist()
        return Counter({text(op): count for op, count in zip(table.ops, found, strict=True) if count})

    def having(self, ops: Iterable[str]) -> list[Node]:
        """The reached nodes with one of these operations."""
        wanted = {op for op in ops if op in self.counts}
        return self.graph.of_ops(wanted, self.mask) if wanted else []


@dataclass(frozen=True)
class Node:
    """One node of the graph or of a function, parsed where its attributes are asked for."""

    graph: Graph
    number: int

    @property
    def in_function(self) -> bool:
        return bool(self.graph.table.part[self.number] != GRAPH_PART)

    @property
    def name(self) -> str:
        return text(self.graph.table.name(self.number))

    @property
    def op(self) -> str:
        return self.graph.op(self.number)

    @cached_property
    def attrs(self) -> dict[str, Any]:
        return attributes(self.graph.table.message(self.number).attr)

    def inputs(self) -> list[Node]:
        """The first of them: what is asked here of a node's inputs concerns operations with few."""
        return [Node(self.graph, at) for at in self.graph.table.inputs_of(self.number, _INPUTS)]

    def tensors(self) -> list[tuple[str, str]]:
        """What it computes with: (node or argument, which of its results)."""
        parts = (one.partition(":") for one in self.graph.table.message(self.number).input if not one.startswith("^"))
        return [(name, result or "0") for name, _, result in parts]

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
    """The graph of one MetaGraph with its function library; its nodes are numbered through over both."""

    def __init__(self, message: Any, data: bytes, parts: Sequence[array[int]]) -> None:
        names = [function.signature.name for function in message.library.function]
        self._library = message.library.function
        self.functions = dict(zip(names, self._library, strict=True))
        self._part = {name: part for part, name in enumerate(names, GRAPH_PART + 1)}
        self.table = NodeTable(data, parts)

    def op(self, number: int) -> str:
        return text(self.table.ops[self.table.op[number]])

    @cached_property
    def own_ops(self) -> frozenset[str]:
        """The operations of the graph itself, without its functions."""
        table = self.table
        found = requires.numpy().bincount(table.op[slice(*table.span(GRAPH_PART))], minlength=len(table.ops)).tolist()
        return frozenset(text(op) for op, count in zip(table.ops, found, strict=True) if count)

    def of_ops(self, ops: Collection[str], among: Any) -> list[Node]:
        """The nodes with one of these operations, among those that a mask has."""
        sought = requires.numpy().asarray([text(op) in ops for op in self.table.ops], bool)
        return [Node(self, at) for at in requires.numpy().flatnonzero(sought[self.table.op] & among).tolist()]

    def reach(self, fetches: Iterable[str], feeds: Iterable[str] = ()) -> Reach:
        """From tensor or operation names of the graph; what lies behind a fed tensor is not reached."""
        table, entered = self.table, set[str]()
        mask = requires.numpy().zeros(len(table), bool)
        own, start, fed = table.of([GRAPH_PART]), self._nodes(fetches), self._nodes(feeds)
        while len(own):
            mark_reached(table, own, start, mask, fed)
            called = self._called(own[mask[own]]) - entered
            entered |= called
            own = table.of(sorted(self._part[name] for name in called))
            start, fed = self._returned(called, own), []
        return Reach(self, mask, frozenset(entered))

    def _returned(self, called: Collection[str], own: Any) -> list[int]:
        """The nodes functions run for: their results, control results and, in old functions, all stateful ones."""
        stateful = own[self._stateful[self.table.op[own]] & self._old[self.table.part[own]]]
        return [*(number for name in called for number in self._results[name]), *stateful.tolist()]

    @cached_property
    def _old(self) -> Any:
        """For each part whether it is a function that does not say which of its effects are wanted."""
        found = [False] * (GRAPH_PART + 1) + [not one.control_ret for one in self._library]
        return requires.numpy().asarray(found, bool)

    @cached_property
    def _results(self) -> dict[str, list[int]]:
        tensors = {name: [*one.ret.values(), *one.control_ret.values()] for name, one in self.functions.items()}
        found = iter(
            self.table.find([(self._part[name], _node_name(one)) for name in tensors for one in tensors[name]])
        )
        return {name: [number for number in islice(found, len(own)) if number >= 0] for name, own in tensors.items()}

    def _nodes(self, names: Iterable[str]) -> list[int]:
        """The nodes of the graph itself that these names of tensors or operations stand for."""
        return [number for number in self.table.find([(GRAPH_PART, _node_name(one)) for one in names]) if number >= 0]

    @cached_property
    def _stateful(self) -> Any:
        known = registry().stateful
        return requires.numpy().asarray([text(op) in known for op in self.table.ops], bool)

    @cached_property
    def _calling(self) -> Any:
        """Which operations may call a function: those known to, and those that nobody knows."""
        known = registry()
        names = map(text, self.table.ops)
        return requires.numpy().asarray([name in known.calling or name not in known.names for name in names], bool)

    def _called(self, reached: Any) -> set[str]:
        """The functions that these nodes call; a gradient is not a call."""
        calling = reached[self._calling[self.table.op[reached]]].tolist()
        return {name for number in calling for name in self._named(Node(self, number))}

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
