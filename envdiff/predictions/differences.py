"""The elements in which two arrays of one shape differ: how many, and a sample of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import Index, blocks, flat_if_alike, over_blocks
from envdiff.predictions.dtypes import bits_of

Array = NDArray[Any]
PER_BLOCK = 512


@dataclass(frozen=True)
class Differences:
    """``left`` and ``right`` are values at some of the differing places. ``values`` counts elements with another value,
    ``bits`` those with other bits (equal to ``values`` when dtypes differ). NaN equals NaN."""

    bits: int
    values: int
    left: Array
    right: Array


def differences(left: Array, right: Array) -> Differences:
    first, second = flat_if_alike(left, right)
    bits = values = 0
    found: list[tuple[Array, Array]] = []
    for other_bits, other_values, sample in over_blocks(lambda at: _block(first, second, at), blocks(first.shape)):
        bits += other_bits
        values += other_values
        if sample is not None:
            found.append(sample)
    if not found:
        return Differences(bits, values, left.reshape(-1)[:0], right.reshape(-1)[:0])
    return Differences(
        bits, values, np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])
    )


def _block(left: Array, right: Array, index: Index) -> tuple[int, int, tuple[Array, Array] | None]:
    x, y = left[index], right[index]
    other = np.asarray(x != y)
    values = int(np.count_nonzero(other))
    if values and _has_nan(x) and _has_nan(y):
        other &= ~(np.isnan(x) & np.isnan(y))
        values = int(np.count_nonzero(other))
    if not values:
        return (_other_bits(x, y) if x.dtype == y.dtype else 0), 0, None
    step = max(1, values // PER_BLOCK)
    if values == x.size:  # there is nothing to look for
        return values, values, (x.reshape(-1)[::step], y.reshape(-1)[::step])
    picked = np.flatnonzero(other)[::step]
    return values, values, (x.reshape(-1)[picked], y.reshape(-1)[picked])


def _has_nan(array: Array) -> bool:
    return array.dtype.kind not in "iubOSU" and bool(np.isnan(array).any())


def _other_bits(x: Array, y: Array) -> int:
    if x.dtype.kind in "OSU":
        return 0
    return int(np.count_nonzero(bits_of(x) != bits_of(y)))
