"""The same rows, columns or classes in another order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.dtypes import as_floats
from envdiff.predictions.structures import Structure, Taken

Array = NDArray[Any]
KEYS = 24  # elements by which one index along the axis is known
MOST = 1 << 22  # indices along an axis
SEED = 20261122


def reordered(left: Array, right: Array) -> Iterator[Structure]:
    """``left`` in the order of ``right`` along its first, last, then other axes, where an order can be found."""
    if left.shape != right.shape or left.ndim == 0:
        return
    axes = dict.fromkeys((0, left.ndim - 1, *range(left.ndim)))
    for axis in axes:
        if 2 <= left.shape[axis] <= MOST:
            found = _order(_keys(left, axis), _keys(right, axis))
            if found is not None and (found[0] != np.arange(len(found[0]))).any():
                yield _structure(left, axis, *found)


def _structure(left: Array, axis: int, order: Array, bits: float) -> Structure:
    what = "rows" if axis == 0 else "columns or classes" if axis == left.ndim - 1 else f"indices of axis {axis}"
    moved = int((order != np.arange(len(order))).sum())
    words = f"{what} in another order ({moved} of {len(order)} moved"
    words += f": {_show(order)})" if len(order) <= 12 else ")"
    return Structure("reordered", words, Taken(left, axis, order), ("reordered",), bits)


def _show(order: Array) -> str:
    return "right takes left's " + ", ".join(map(str, order.tolist()))


def _keys(array: Array, axis: int) -> Array:
    """(indices, sampled elements), float64, at the same places on both sides."""
    rest = [size for number, size in enumerate(array.shape) if number != axis]
    count = int(np.prod(rest, dtype=object))
    flat = np.arange(count)
    if count > KEYS:
        flat = np.sort(
            np.random.default_rng(SEED).choice(count, KEYS, replace=False)
            if count < 1 << 20
            else np.random.default_rng(SEED).integers(0, count, KEYS)
        )
    places = list(np.unravel_index(flat, rest)) if rest else [np.zeros(1, int)][:0]
    index = (
        *(p[None, :] for p in places[:axis]),
        np.arange(array.shape[axis])[:, None],
        *(p[None, :] for p in places[axis:]),
    )
    return as_floats(array[index]) + 0.0  # -0.0 becomes 0.0


def _order(left: Array, right: Array) -> tuple[Array, float] | None:
    """Which index of left stands at each place of right, and the bits in that choice; None when they do not match.

    Exact keys first; then the nearest along a random direction, for arrays that were computed in two ways.
    """
    left, right = np.nan_to_num(left, nan=1e308), np.nan_to_num(right, nan=1e308)
    hash_left, hash_right = _hashes(left), _hashes(right)
    by_left, by_right = np.argsort(hash_left, kind="stable"), np.argsort(hash_right, kind="stable")
    if not np.array_equal(hash_left[by_left], hash_right[by_right]):
        near = _nearest(left, right)
        if near is None:
            return None
        by_left, by_right = near
    order = np.empty(len(left), dtype=np.int64)
    order[by_right] = by_left
    _, repeats = np.unique(hash_left, return_counts=True)
    bits = math.lgamma(len(left) + 1) - sum(math.lgamma(int(count) + 1) for count in repeats if count > 1)
    return order, bits / math.log(2)


def _hashes(keys: Array) -> Array:
    """One integer for each row of keys, equal for equal rows wherever they stand."""
    odd = np.random.default_rng(SEED).integers(0, 1 << 62, keys.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.asarray((np.ascontiguousarray(keys).view(np.uint64) * odd).sum(axis=1, dtype=np.uint64))


def _nearest(left: Array, right: Array) -> tuple[Array, Array] | None:
    """Both sorted along one direction; None unless the pairs are then the same up to small differences."""
    with np.errstate(over="ignore", invalid="ignore"):
        first = np.abs(np.sort(left[:, 0]) - np.sort(right[:, 0]))
        if not (first <= 1e-4 * np.ptp(right[:, 0])).mean() >= 0.9:
            return None
        direction = np.random.default_rng(SEED).normal(size=left.shape[1])
        by_left, by_right = np.argsort(left @ direction), np.argsort(right @ direction)
        gap = np.abs(left[by_left] - right[by_right])
        return (by_left, by_right) if (gap <= 1e-2 * np.ptp(right)).mean() >= 0.99 else None
