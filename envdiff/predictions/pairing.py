"""A source and a target of one shape, and small even samples of them on which hypotheses are tried first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.dtypes import as_floats, epsilon
from envdiff.predictions.relation import Source

Array = NDArray[Any]
SAMPLE = 1 << 14
ROWS_SAMPLE = 1 << 16  # elements in sampled whole rows
PER_GROUP = 64  # elements of one channel, at least
SEED = 20261122  # which elements are sampled must not change from run to run


def sampled(count: int, most: int) -> Array:
    """All of 0 .. count - 1, or ``most`` of them in order, the same ones every time."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).integers(0, count, most))


@dataclass(frozen=True)
class Pair:
    """``source`` may be a view of the array as given: transposed, reversed, reordered."""

    source: Source
    target: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.target.shape

    @cached_property
    def _at(self) -> tuple[Array, ...]:
        return tuple(np.unravel_index(sampled(self.target.size, SAMPLE), self.shape))

    @cached_property
    def x(self) -> Array:
        """Sampled source values, one axis."""
        return np.asarray(self.source[self._at])

    @cached_property
    def y(self) -> Array:
        return np.asarray(self.target[self._at])

    @cached_property
    def xf(self) -> Array:
        return as_floats(self.x)

    @cached_property
    def yf(self) -> Array:
        return as_floats(self.y)

    def along(self, axis: int | None) -> Array | None:
        """Position of every sampled value along an axis."""
        return None if axis is None else self._at[axis]

    @cached_property
    def finite(self) -> Array:
        return np.isfinite(self.xf) & np.isfinite(self.yf)

    @cached_property
    def eps(self) -> float:
        """Relative precision of the coarser side; that of float64 for exact dtypes."""
        return max(epsilon(np.dtype(self.source.dtype)), epsilon(self.target.dtype), float(np.finfo(np.float64).eps))

    @cached_property
    def spread(self) -> float:
        """Range of the finite sampled target values, or their magnitude if they are all one number."""
        values = self.yf[np.isfinite(self.yf)]
        if not values.size:
            return 0.0
        return float(values.max() - values.min()) or float(abs(values[0]))

    @cached_property
    def distinct(self) -> tuple[int, int]:
        return len(np.unique(self.xf)), len(self.values)

    @cached_property
    def values(self) -> Array:
        """Different sampled target values."""
        return np.unique(self.yf)

    @cached_property
    def entropy(self) -> float:
        """Bits of one sampled target value, judged by how often each value occurs."""
        _, counts = np.unique(self.yf, return_counts=True)
        share = counts / counts.sum()
        return float(-(share * np.log2(share)).sum())

    def groups(self, axis: int) -> tuple[Array, Array]:
        """(channels, samples) of both sides, float64: the same positions of every index along ``axis``."""
        rest = [size for number, size in enumerate(self.shape) if number != axis]
        count = int(np.prod(rest, dtype=object))
        flat = sampled(count, max(PER_GROUP, SAMPLE // self.shape[axis]))
        places = list(np.unravel_index(flat, rest)) if rest else []
        index = (
            *(p[None, :] for p in places[:axis]),
            np.arange(self.shape[axis])[:, None],
            *(p[None, :] for p in places[axis:]),
        )
        return as_floats(np.asarray(self.source[index])), as_floats(np.asarray(self.target[index]))

    @cached_property
    def _rows(self) -> dict[int, tuple[Array, Array] | None]:
        return {}

    def rows(self, whole: int) -> tuple[Array, Array] | None:
        """See :meth:`_whole_rows`; many hypotheses ask for the same ones."""
        if whole not in self._rows:
            self._rows[whole] = self._whole_rows(whole)
        return self._rows[whole]

    def _whole_rows(self, whole: int) -> tuple[Array, Array] | None:
        """A few blocks, their last ``whole`` axes complete, as (blocks, elements); None if one is too large."""
        lead, inner = self.shape[: len(self.shape) - whole], self.shape[len(self.shape) - whole :]
        size, count = int(np.prod(inner, dtype=object)), int(np.prod(lead, dtype=object))
        if size > 64 * ROWS_SAMPLE or not lead:
            return None
        flat = sampled(count, max(1, ROWS_SAMPLE // size))
        index = tuple(np.unravel_index(flat, lead))
        ends = tuple(np.arange(n).reshape(-1, *([1] * (whole - 1 - k))) for k, n in enumerate(inner))
        full = tuple(part.reshape(-1, *([1] * whole)) for part in index) + ends
        return np.asarray(self.source[full]).reshape(len(flat), size), self.target[full].reshape(len(flat), size)
