"""Two graphs, node by node and whatever their names: which constants and attributes are not the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from envdiff.model import requires
from envdiff.model.dtypes import dtype_name, shape_text
from envdiff.model.graph import Node, Reach
from envdiff.model.savedmodel import shape_of
from envdiff.model.tensors import content_of, tensor_values
from envdiff.secrets import masked

_LONGEST = 48  # characters
_SPELLED = 8  # elements
# Names, places, and how a graph is run: none of them is part of what a node computes. Those with an underscore neither.
_ASIDE = frozenset(
    {"shared_name", "container", "config", "config_proto", "executor_type", "output_shapes", "shapes", "debug_name",
     "allowed_devices", "cache_device", "parallel_iterations", "swap_memory", "message", "summarize"}
)  # fmt: skip
# What an attribute that is not written stands for, nearly always; releases write more of them, or fewer.
_UNWRITTEN = frozenset({"no", "0", "0.0", "''", "[]"})


@dataclass(frozen=True)
class NodeChange:
    """``about``: name, operation and attribute, like "model/sum: Sum keep_dims"."""

    about: str
    left: str
    right: str


@dataclass(frozen=True)
class NodesDiff:
    """``unread``: how many constants were too large to be read with their graphs, of both together."""

    changes: tuple[NodeChange, ...]
    unread: int


def compare_nodes(left: Reach, right: Reach, aside: Collection[str], apart: Collection[str] = ()) -> NodesDiff:
    """Each node is paired with one that computes the same; what has no such partner by its name, then in order.

    In order only where both sides have equally many of an operation left: otherwise they have no partner at all, and
    the counts of operations tell. ``aside``: operations that are not looked at; ``apart``: names of constants that are
    compared elsewhere. How the nodes are joined is not compared.
    """
    ours, theirs = (
        [_Known(one) for one in _nodes(reach, aside) if not apart or one.name not in apart] for reach in (left, right)
    )
    unread = sum(one.node.op == "Const" and "value" not in one.node.attrs for one in (*ours, *theirs))
    for same in (_Known.raw, _Known.key):
        ours, theirs = _unequal(ours, theirs, same)
    changes = (change for one, two in _pairs(ours, theirs) for change in _changes(one, two))
    return NodesDiff(tuple(changes), unread)


def _nodes(reach: Reach, aside: Collection[str]) -> list[Node]:
    return reach.having(op for op in reach.counts if op not in aside and op not in reach.graph.functions)


class _Known:
    """A node with what is asked of it again and again."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def raw(self) -> Hashable:
        return self.node.op, tuple(sorted(self.node.graph.table.message(self.node.number).attr))

    def key(self) -> Hashable:
        return self.node.op, tuple(sorted(self.said.items()))

    def name(self) -> Hashable:
        return self.node.op, self.node.name

    @cached_property
    def said(self) -> dict[str, str]:
        """Attribute -> its value in words, without those that do not take part."""
        told = ((name, _value(value)) for name, value in self.node.attrs.items() if not _is_aside(name, value))
        return {name: text for name, text in told if text not in _UNWRITTEN}


def _unequal(ours: list[_Known], theirs: list[_Known], same: Callable[[_Known], Hashable]) -> tuple[list[_Known], ...]:
    """What is left on each side when as many as both have of each kind are taken away."""
    keys = [[same(one) for one in side] for side in (ours, theirs)]
    shared = Counter(keys[0]) & Counter(keys[1])
    left = []
    for side, own in zip((ours, theirs), keys, strict=True):
        still, rest = Counter(shared), []
        for one, key in zip(side, own, strict=True):
            if still[key]:
                still[key] -= 1
            else:
                rest.append(one)
        left.append(rest)
    return left[0], left[1]


def _pairs(ours: list[_Known], theirs: list[_Known]) -> Iterator[tuple[_Known, _Known]]:
    named = {one.name(): one for one in theirs}
    taken = {id(named[one.name()]): one for one in ours if one.name() in named}
    yield from ((taken[id(two)], two) for two in theirs if id(two) in taken)
    paired = {id(one) for one in taken.values()}
    rest: dict[str, tuple[list[_Known], list[_Known]]] = defaultdict(lambda: ([], []))
    for at, side in enumerate((ours, theirs)):
        for one in side:
            if id(one) not in (paired if at == 0 else taken):
                rest[one.node.op][at].append(one)
    for one_side, other in rest.values():
        if len(one_side) == len(other):
            yield from zip(one_side, other, strict=True)


def _changes(left: _Known, right: _Known) -> Iterator[NodeChange]:
    for name in sorted({*left.said, *right.said}):
        ours, theirs = (side.said.get(name, _unwritten(other.said[name]) if name in other.said else "")
                        for side, other in ((left, right), (right, left)))  # fmt: skip
        if ours != theirs:
            about = left.node.op if left.node.op == "Const" else f"{left.node.op} {name}"
            yield NodeChange(f"{masked(left.node.name)}: {about}", ours, theirs)


def _unwritten(other: str) -> str:
    return "no" if other == "yes" else "not written, or zero"


def _is_aside(name: str, value: Any) -> bool:
    kind = value.WhichOneof("value")
    return name.startswith("_") or name in _ASIDE or kind == "func" or (kind == "list" and bool(value.list.func))


def _value(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "tensor":
        return _constant(value.tensor)
    if kind == "shape":
        return shape_text(shape_of(value.shape))
    if kind == "list":
        return _list(value.list)
    return _scalar(kind, getattr(value, kind)) if kind else "''"


def _list(found: Any) -> str:
    parts = [_scalar(kind, one) for kind in ("s", "i", "f", "b", "type") for one in getattr(found, kind)]
    return _short("[" + ", ".join(parts) + "]")


def _scalar(kind: str, value: Any) -> str:
    if kind == "type":
        return dtype_name(value)
    if kind == "b":
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return _short(repr(masked(value.decode("utf-8", "backslashreplace"))))
    return f"{value:.9g}" if kind == "f" else str(value)


def _constant(tensor: Any) -> str:
    kind, shape = dtype_name(tensor.dtype), shape_text(shape_of(tensor.tensor_shape))
    values = tensor_values(tensor, limit=_SPELLED)
    if values is not None:
        shown = ", ".join(_number(kind, one) for one in values)
        return f"{kind} {shape} {_short(shown)}"
    content = content_of(tensor, kind)
    raw = content if content is not None else tensor.SerializeToString(deterministic=True)
    return f"{kind} {shape} crc32c:{requires.crc32c().value(raw):08x}"


def _number(kind: str, value: Any) -> str:
    """With all digits that tell two values of the type apart."""
    if isinstance(value, str):
        return repr(masked(value))
    return f"{value:.{17 if kind == 'float64' else 9}g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    """Long texts end in a checksum, so that two of them that begin alike are not taken for one."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… crc32c:{requires.crc32c().value(text.encode('utf-8', 'surrogatepass')):08x}"
