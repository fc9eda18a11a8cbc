"""Distances of two numeric arrays of one shape, block by block."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import Index, blocks, over_blocks
from envdiff.predictions.dtypes import as_floats, bits_of, is_floating, ulps_apart
from envdiff.predictions.measured import Specials

Array = NDArray[Any]
SAMPLE = 1 << 20  # elements of which medians are taken
LARGE = (
    1 << 23
)  # elements above which ULP and the histogram come from the sample, and distances in the arrays' own dtype


@dataclass
class Tally:
    """Sums over the blocks seen so far. ``row_max`` is the largest distance of each row."""

    row_max: Array
    changed: int = 0
    changed_values: int = 0
    max_ulp: float = 0.0
    low: float = np.inf
    high: float = -np.inf
    specials: Counter[str] = field(default_factory=Counter)
    histogram: Counter[int] = field(default_factory=Counter)

    def found(self) -> Specials:
        return Specials(**self.specials)


@dataclass(frozen=True)
class _Part:
    index: Index
    low: float
    high: float
    distance: Array | None = None  # None: every bit is the same
    changed: int = 0
    changed_values: int = 0
    max_ulp: float = 0.0
    specials: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Sample:
    """Distances and ULP distances (empty where dtypes differ or are exact) of an even sample of both arrays.

    ``size`` is None when the sample is everything.
    """

    distance: Array
    apart: Array
    size: int | None

    @property
    def median_abs(self) -> float:
        return float(np.median(self.distance))

    @property
    def median_ulp(self) -> float | None:
        return float(np.median(self.apart)) if self.apart.size else None


def sample(left: Array, right: Array) -> Sample:
    """Of at most about a million elements."""
    first, second = _evenly(left, right)
    distance, _ = distances(first, second)
    return Sample(distance, _ulps(first, second, distance), first.size if first.size < left.size else None)


def tally(left: Array, right: Array, even: Sample) -> Tally:
    """Both arrays have the same shape with at least one axis and one element."""
    total = Tally(row_max=np.zeros(left.shape[0]))
    large = left.size > LARGE and left.dtype == right.dtype and left.dtype.kind == "f"
    work = _quick_part if large else _part
    if large:
        total.max_ulp = float(even.apart.max(initial=0))
        total.histogram.update(_decades(even.distance))
    for part in over_blocks(lambda index: work(left[index], right[index], index), blocks(left.shape)):
        total.low, total.high = min(total.low, part.low), max(total.high, part.high)
        total.specials.update(part.specials)
        if part.distance is None:
            continue
        rows = part.index[0]
        worst = part.distance.reshape(part.distance.shape[0], -1).max(axis=1)
        total.row_max[rows] = np.maximum(total.row_max[rows], worst)
        total.changed += part.changed
        total.changed_values += part.changed_values
        if not large:
            total.max_ulp = max(total.max_ulp, part.max_ulp)
            total.histogram.update(_decades(part.distance))
    return total


def _quick_part(left: Array, right: Array, index: Index) -> _Part:
    """As :func:`_part`, in one dtype and without ULP; a block with a NaN or an infinity takes the long way."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = left - right
        np.abs(gap, out=gap)
        worst = gap.max()
    if not np.isfinite(worst):
        return _part(left, right, index)
    low, high = min(left.min(), right.min()), max(left.max(), right.max())
    bits = int(np.count_nonzero(bits_of(left) != bits_of(right)))
    if not bits:
        return _Part(index, float(low), float(high))
    values = int(np.count_nonzero(gap != 0))  # of booleans, which is several times as fast as of numbers
    return _Part(index, float(low), float(high), gap, bits, values, specials=+Counter(zero_signs=bits - values))


def _part(left: Array, right: Array, index: Index) -> _Part:
    low, high = _extent(left)
    if left.dtype == right.dtype and np.array_equal(bits_of(left), bits_of(right)):
        nans = Counter(nan_both=int(np.count_nonzero(np.isnan(left)))) if left.dtype.kind not in "biu" else Counter()
        return _Part(index, low, high, specials=+nans)
    right_low, right_high = _extent(right)
    distance, specials = distances(left, right)
    other_bits = _other_bits(left, right)
    return _Part(
        index,
        min(low, right_low),
        max(high, right_high),
        distance,
        changed=int(np.count_nonzero(other_bits)),
        changed_values=int(np.count_nonzero(distance)),
        max_ulp=float(_ulps(left, right, distance).max(initial=0)),
        specials=specials,
    )


def _extent(array: Array) -> tuple[float, float]:
    """Smallest and largest finite value; (inf, -inf) when there is none. Of complex numbers, the magnitude."""
    values = np.abs(array) if array.dtype.kind == "c" else array
    with np.errstate(invalid="ignore"):
        low, high = float(values.min()), float(values.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = as_floats(values)
    finite = finite[np.isfinite(finite)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)


def distances(left: Array, right: Array) -> tuple[Array, Counter[str]]:
    """Absolute differences as float64: 0 for NaN against NaN, infinite for NaN or infinity against anything else."""
    if left.dtype.kind in "iub" and right.dtype.kind in "iub":
        return _integer_distances(left, right), Counter()
    first, second = as_floats(left), as_floats(right)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(first - second)
    specials: Counter[str] = Counter(zero_signs=_zero_signs(first, second))
    if not np.isfinite(distance).all():
        nan_left, nan_right = np.isnan(first), np.isnan(second)
        same = (nan_left & nan_right) | (first == second)
        distance[same] = 0.0
        distance[np.isnan(distance)] = np.inf
        specials.update(
            nan_both=int(np.count_nonzero(nan_left & nan_right)),
            nan_left=int(np.count_nonzero(nan_left & ~nan_right)),
            nan_right=int(np.count_nonzero(nan_right & ~nan_left)),
            infinite=int(np.count_nonzero(~same & ~nan_left & ~nan_right & np.isinf(distance))),
        )
    return distance, +specials


def _integer_distances(left: Array, right: Array) -> Array:
    """Exact up to 2**53, also where the subtraction itself would overflow."""
    if left.dtype.kind == "b" or right.dtype.kind == "b":
        left, right = left.astype(np.int64), right.astype(np.int64)
    if np.uint64 in (left.dtype, right.dtype) and left.dtype != right.dtype:
        exact = np.abs(left.astype(object) - right.astype(object))
        return np.asarray(exact, np.float64)
    wide = np.uint64 if left.dtype == np.uint64 else np.int64
    first, second = left.astype(wide), right.astype(wide)
    gap = np.maximum(first, second).view(np.uint64) - np.minimum(first, second).view(np.uint64)
    return np.asarray(gap, np.float64)


def _zero_signs(first: Array, second: Array) -> int:
    if first.dtype.kind == "c":
        return 0
    zeros = (first == 0) & (second == 0)
    return int(np.count_nonzero(zeros & (np.signbit(first) != np.signbit(second)))) if zeros.any() else 0


def _other_bits(left: Array, right: Array) -> Array:
    if left.dtype != right.dtype:
        return np.asarray(distances(left, right)[0] != 0)
    other = bits_of(left) != bits_of(right)
    return np.asarray(other.any(axis=-1) if other.ndim > left.ndim else other)


def _ulps(left: Array, right: Array, distance: Array) -> Array:
    """Of elements that have a distance; empty where the dtypes differ or are exact."""
    if left.dtype != right.dtype or not is_floating(left.dtype):
        return np.zeros(0)
    apart = ulps_apart(left, right)
    return np.asarray(apart[np.isfinite(distance)], np.float64)


def _decades(distance: Array) -> Counter[int]:
    """Changed elements by the power of ten of their distance; infinite ones are left to the specials."""
    moved = distance[(distance > 0) & np.isfinite(distance)]
    with np.errstate(divide="ignore"):
        decades, counts = np.unique(np.floor(np.log10(moved)).astype(int), return_counts=True)
    return Counter(dict(zip(decades.tolist(), counts.tolist(), strict=True)))


def _evenly(left: Array, right: Array) -> tuple[Array, Array]:
    """Everything, or every n-th element of both, on one axis."""
    step = max(1, left.size // SAMPLE) | 1  # odd, so that it does not keep meeting one channel of an even layout
    if left.flags.c_contiguous and right.flags.c_contiguous:
        return left.reshape(-1)[::step], right.reshape(-1)[::step]
    at = np.unravel_index(np.arange(0, left.size, step), left.shape)
    return left[at], right[at]
