"""Which nodes of one part are needed for some of them: back through inputs and control inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from envdiff.model import requires
from envdiff.model.nodes import NodeTable

_FEW = 512  # nodes for which a walk costs less than the first round over arrays
_ROUNDS = 64


def mark_reached(table: NodeTable, part: int, start: list[int], mask: Any, fed: Iterable[int] = ()) -> None:
    """Sets ``mask`` for the nodes of ``start`` and all that they need; what a fed node needs is not followed."""
    first, stop = table.span(part)
    if stop - first > _FEW and _left_over(table, part, start, mask, list(fed)):
        return
    starts, inputs = (column.tolist() for column in table.inputs(part))
    ends = set(fed)
    seen, stack = bytearray(stop - first), list(start)
    while stack:
        at = stack.pop()
        if at < 0 or seen[at - first]:
            continue
        seen[at - first] = 1
        if at not in ends:
            stack += inputs[starts[at - first] : starts[at - first + 1]]
    mask[first:stop] |= requires.numpy().frombuffer(seen, bool)


def _left_over(table: NodeTable, part: int, start: list[int], mask: Any, fed: list[int]) -> bool:
    """The same by taking away, round after round, the nodes that nobody needs. Says whether that came to an end.

    Nearly everything in a graph made for serving is reached, so that a few rounds over whole columns replace a walk
    over every node. It takes an order in which inputs come before their users; a loop of TensorFlow 1 has none.
    """
    np = requires.numpy()
    first, stop = table.span(part)
    count = stop - first
    starts, inputs = table.inputs(part)
    owner, source = np.repeat(np.arange(count), np.diff(starts)), inputs - first
    kept, cut = np.zeros(count, bool), np.zeros(count, bool)
    kept[np.asarray(start, np.int64) - first], cut[np.asarray(fed, np.int64) - first] = True, True
    counted = (source >= 0) & ~cut[owner]
    owner, source = owner[counted], source[counted]
    if (source >= owner).any():
        return False
    needed = np.ones(count, bool)
    uses = np.bincount(source, minlength=count)
    for _ in range(_ROUNDS):
        gone = needed & (uses == 0) & ~kept
        if not gone.any():
            mask[first:stop] |= needed
            return True
        needed &= ~gone
        uses -= np.bincount(source[gone[owner]], minlength=count)
    return False
