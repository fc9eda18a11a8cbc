"""The same elements in other places: views of an array, the simplest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.relation import Source

Array = NDArray[Any]
MOST_AXES = 5
LAYOUTS = {
    (0, 3, 1, 2): "layout NHWC against NCHW",
    (0, 2, 3, 1): "layout NCHW against NHWC",
    (2, 0, 1): "layout HWC against CHW",
    (1, 2, 0): "layout CHW against HWC",
    (0, 4, 1, 2, 3): "layout NDHWC against NCDHW",
    (0, 2, 3, 4, 1): "layout NCDHW against NDHWC",
}
# Where an image keeps its height and width, by number of axes, channels last.
_IMAGE_AXES = {3: ("height", "width"), 4: ("height", "width")}


@dataclass(frozen=True)
class Structure:
    """``source`` has the target's shape; ``words`` says what was done."""

    kind: str
    words: str
    source: Source
    steps: tuple[str, ...] = ()
    bits: float = 0.0  # information in the choice itself, beyond the table of hypotheses


@dataclass(frozen=True)
class Taken:
    """``array`` reordered along one axis, not copied. Index it with slices, or with one integer array per axis."""

    array: Array
    axis: int
    order: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        at = index[self.axis]
        if isinstance(at, slice) and all(isinstance(part, slice) for part in index):
            others = (*index[: self.axis], slice(None), *index[self.axis + 1 :])
            return np.asarray(np.take(self.array[others], self.order[at], axis=self.axis))
        return np.asarray(self.array[(*index[: self.axis], self.order[at], *index[self.axis + 1 :])])


def structures(array: Array, shape: tuple[int, ...]) -> Iterator[Structure]:
    """Views of ``array`` that have ``shape``; the array itself is left out."""
    if array.shape == shape:
        yield from _reversed(array)
    if array.ndim == len(shape) <= MOST_AXES:
        yield from _transposed(array, shape)
    if array.shape != shape and array.size == int(np.prod(shape, dtype=object)):
        yield from _reshaped(array, shape)


def _reversed(array: Array) -> Iterator[Structure]:
    for axis in _channel_axes(array.shape):
        name = f"channels swapped (RGB against BGR, axis {axis})"
        yield Structure("channels-reversed", name, np.flip(array, axis), ("channels-reversed",))
    for count in (1, 2):
        for axes in combinations(range(array.ndim), count):
            if all(array.shape[axis] > 1 for axis in axes) and not (
                count == 1 and axes[0] in _channel_axes(array.shape)
            ):
                yield Structure(
                    "flipped", f"flipped along {_axis_names(array, axes)}", np.flip(array, axes), ("flipped",)
                )


def _axis_names(array: Array, axes: tuple[int, ...]) -> str:
    image = _IMAGE_AXES.get(array.ndim, ())
    first = array.ndim - 3
    names = []
    for axis in axes:
        known = image[axis - first] if image and 0 <= axis - first < 2 and array.shape[-1] in (1, 3, 4) else ""
        rows = "rows" if axis == 0 and not known else ""
        names.append(f"axis {axis} ({known or rows})" if known or rows else f"axis {axis}")
    return " and ".join(names)


def _channel_axes(shape: tuple[int, ...]) -> list[int]:
    """Axes of three: the last, or the one before height and width."""
    rank = len(shape)
    return [axis for axis in dict.fromkeys((rank - 1, rank - 3)) if 0 <= axis < rank and rank > 1 and shape[axis] == 3]


def _transposed(array: Array, shape: tuple[int, ...]) -> Iterator[Structure]:
    for order in permutations(range(array.ndim)):
        if order == tuple(range(array.ndim)) or tuple(array.shape[axis] for axis in order) != shape:
            continue
        view = array.transpose(order)
        words = f"axes transposed {order}"
        if order in LAYOUTS:
            words = f"{LAYOUTS[order]} (axes transposed {order})"
        yield Structure("transposed", words, view, ("transposed",))
        for axis in _channel_axes(array.shape):
            both = f"{words}, and channels swapped (RGB against BGR)"
            swapped = np.flip(view, order.index(axis))
            yield Structure("transposed", both, swapped, ("transposed", "channels-reversed"))


def _reshaped(array: Array, shape: tuple[int, ...]) -> Iterator[Structure]:
    """Only where no copy is needed, or the array is small."""
    if not array.flags.c_contiguous and array.nbytes > 1 << 28:
        return
    words = f"reshaped from {_by(array.shape)} to {_by(shape)}"
    if [size for size in array.shape if size > 1] == [size for size in shape if size > 1]:
        words = f"an axis of length 1 added or removed ({_by(array.shape)} against {_by(shape)})"
    yield Structure("reshaped", words, array.reshape(shape), ("reshaped",))
    if array.ndim in (3, 4) and array.shape[-1] in (1, 3, 4):
        moved = np.moveaxis(array, -1, -3)
        if array.nbytes <= 1 << 28:
            words = f"layout changed to channels first, then flattened from {_by(array.shape)} to {_by(shape)}"
            yield Structure("reshaped", words, moved.reshape(shape), ("transposed", "reshaped"))


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a scalar"
