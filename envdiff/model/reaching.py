"""Which of some nodes are needed for some of them: back through inputs and control inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from envdiff.model import requires
from envdiff.model.nodes import NodeTable

_FEW = 512  # nodes for which a walk costs less than the first round over arrays
_ROUNDS = 64


def mark_reached(table: NodeTable, own: Any, start: list[int], mask: Any, fed: Iterable[int] = ()) -> None:
    """Sets ``mask`` for the nodes of ``start`` and all that they need; what a fed node needs is not followed.

    ``own``: all nodes of the parts that these lie in, ascending.
    """
    np = requires.numpy()
    starts, sources = table.within(own)
    first, ends = (np.searchsorted(own, np.asarray(list(some), np.int64)) for some in (start, fed))
    needed = _left_over(starts, sources, first, ends) if len(own) > _FEW else None
    mask[own] |= _walked(starts, sources, first, ends) if needed is None else needed


def _walked(starts: Any, sources: Any, start: Any, fed: Any) -> Any:
    starts, sources, ends = starts.tolist(), sources.tolist(), set(fed.tolist())
    seen, stack = bytearray(len(starts) - 1), start.tolist()
    while stack:
        at = stack.pop()
        if at < 0 or seen[at]:
            continue
        seen[at] = 1
        if at not in ends:
            stack += sources[starts[at] : starts[at + 1]]
    return requires.numpy().frombuffer(seen, bool)


def _left_over(starts: Any, source: Any, start: Any, fed: Any) -> Any:
    """The same by taking away, round after round, the nodes that nobody needs; None where that came to no end.

    Nearly everything in a graph made for serving is reached, so that a few rounds over whole columns replace a walk
    over every node. It takes an order in which inputs come before their users; a loop of TensorFlow 1 has none.
    """
    np = requires.numpy()
    count = len(starts) - 1
    owner = np.repeat(np.arange(count), np.diff(starts))
    kept, cut = np.zeros(count, bool), np.zeros(count, bool)
    kept[start], cut[fed] = True, True
    counted = (source >= 0) & ~cut[owner]
    owner, source = owner[counted], source[counted]
    if (source >= owner).any():
        return None
    needed = np.ones(count, bool)
    uses = np.bincount(source, minlength=count)
    for _ in range(_ROUNDS):
        gone = needed & (uses == 0) & ~kept
        if not gone.any():
            return needed
        needed &= ~gone
        uses -= np.bincount(source[gone[owner]], minlength=count)
    return None
