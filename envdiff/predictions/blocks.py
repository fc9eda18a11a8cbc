"""Walking through large arrays in blocks that stay in the processor's cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Index = tuple[slice, ...]
T = TypeVar("T")

BLOCK = 1 << 15  # elements: a float64 temporary of one block is 256 KiB
RUN = 16  # blocks that one thread takes at a time
WORKERS = min(4, os.cpu_count() or 1)


def blocks(shape: tuple[int, ...], *, whole: int = 0, limit: int = BLOCK) -> Iterator[Index]:
    """Indices of blocks that cover ``shape``, split along leading axes; the last ``whole`` axes are never split.

    A block is larger than ``limit`` elements only when its whole axes are.
    """
    if 0 in shape:
        return
    yield from _split(shape, len(shape) - whole, limit, ())


def _split(shape: tuple[int, ...], splittable: int, limit: int, done: Index) -> Iterator[Index]:
    axis = len(done)
    if axis >= splittable:
        yield done + tuple(slice(0, size) for size in shape[axis:])
        return
    inner = int(np.prod(shape[axis + 1 :], dtype=object)) if axis + 1 < len(shape) else 1
    if inner > limit and axis + 1 < splittable:
        for start in range(shape[axis]):
            yield from _split(shape, splittable, limit, (*done, slice(start, start + 1)))
        return
    step = max(1, limit // max(inner, 1))
    rest = tuple(slice(0, size) for size in shape[axis + 1 :])
    for start in range(0, shape[axis], step):
        yield (*done, slice(start, min(start + step, shape[axis])), *rest)


def over_blocks(work: Callable[[Index], T], indices: Iterable[Index]) -> Iterator[T]:
    """``work`` on every block, in order; NumPy lets several threads run at once, and is quiet about overflow and NaN."""
    todo = list(indices)
    runs = [todo[start : start + RUN] for start in range(0, len(todo), RUN)]

    def quietly(run: list[Index]) -> list[T]:
        with np.errstate(all="ignore"):  # here: a thread does not inherit it
            return [work(index) for index in run]

    if len(todo) < 2 * RUN or WORKERS == 1:
        for results in map(quietly, runs):
            yield from results
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        for results in pool.map(quietly, runs):
            yield from results


def flat_if_alike(left: Array, right: Array) -> tuple[Array, Array]:
    """Both as one axis where that needs no copy, so that blocks are even."""
    if left.shape == right.shape and left.flags.c_contiguous and right.flags.c_contiguous:
        return left.reshape(-1), right.reshape(-1)
    return left, right
