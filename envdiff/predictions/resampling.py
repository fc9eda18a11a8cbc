"""Images that look like one another, moved by part of a pixel or stretched: what another resize leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.dtypes import as_floats

Array = NDArray[Any]
PLANES = 16  # images looked at
SMALLEST = 12  # pixels a side
LARGEST = 1 << 20  # pixels of an image that is looked at
PASSES = 4


@dataclass(frozen=True)
class Movement:
    """target(row, column) = source(row + down, column + right), for all images alike; stretch: per pixel from the middle."""

    down: float
    right: float
    stretch_down: float
    stretch_right: float
    before: float  # root mean square distance, as it is
    after: float  # and after moving; edges left out

    @property
    def moved(self) -> float:
        return max(abs(self.down), abs(self.right))


def looks_resampled(left: Array, right: Array) -> Movement | None:
    """The movement that brings left to right, when it explains most of their difference.

    Arrays of (height, width), (height, width, channels), (images, height, width[, channels]) or channels first; float
    or integer. None unless moving removes at least half of the root mean square distance.
    """
    planes = _planes(left, right)
    if planes is None:
        return None
    one, other = (_smooth(side) for side in planes)
    before = float(np.sqrt(np.mean(_inside((one - other) ** 2))))
    scale = float(other.std())
    if scale == 0 or before < 1e-6 * scale or before > scale:
        return None
    guess = np.zeros(4)
    for _ in range(PASSES):
        guess = guess + _step(_sample(one, guess), other)
        if np.abs(guess[:2]).max() > 3:
            return None
    after = float(np.sqrt(np.mean(_inside((_sample(one, guess) - other) ** 2))))
    movement = Movement(float(guess[0]), float(guess[1]), float(guess[2]), float(guess[3]), before, after)
    reach = max(
        movement.moved,
        abs(movement.stretch_down) * one.shape[1] / 2,
        abs(movement.stretch_right) * one.shape[2] / 2,
    )
    return movement if after < 0.5 * before and reach > 0.02 else None


def movement_sentence(found: Movement, height: int, width: int) -> str:
    parts = []
    if found.moved > 0.02:
        parts.append(f"moved by {found.down:+.2f} rows and {found.right:+.2f} columns")
    stretch = max(abs(found.stretch_down) * height, abs(found.stretch_right) * width) / 2
    if stretch > 0.02:
        parts.append(f"stretched by {stretch:.2f} pixels at the edges")
    half = " (half a pixel: pixel centres counted in two ways)" if _is_half(found) else ""
    share = 100 * (1 - found.after / found.before)
    return f"looks like resampling: {' and '.join(parts)}{half}; that explains {share:.0f} % of the distance"


def _is_half(found: Movement) -> bool:
    return any(abs(abs(part) - 0.5) < 0.06 for part in (found.down, found.right))


def _planes(left: Array, right: Array) -> tuple[Array, Array] | None:
    """Both as (planes, height, width) float64, at most PLANES of them."""
    if left.shape != right.shape or not 2 <= left.ndim <= 4 or left.dtype.kind not in "iuf":
        return None
    axes = _image_axes(left.shape)
    if axes is None:
        return None
    height, width = (left.shape[axis] for axis in axes)
    if min(height, width) < SMALLEST or height * width > LARGEST:
        return None
    sides = []
    for side in (left, right):
        moved = np.moveaxis(side, axes, (-2, -1))
        few = moved[tuple(slice(0, 4) for _ in range(moved.ndim - 2))]
        sides.append(as_floats(few).reshape(-1, height, width)[:PLANES])
    finite = all(np.isfinite(side).all() for side in sides)
    return (sides[0], sides[1]) if finite else None


def _image_axes(shape: tuple[int, ...]) -> tuple[int, int] | None:
    if len(shape) == 2:
        return (0, 1)
    if shape[-1] in (1, 2, 3, 4):
        return (len(shape) - 3, len(shape) - 2)
    if shape[-3] in (1, 2, 3, 4) or len(shape) == 3:
        return (len(shape) - 2, len(shape) - 1)
    return None


def _smooth(planes: Array) -> Array:
    """A small blur: gradients of noise say nothing about movement."""
    for axis in (1, 2):
        padded = np.pad(planes, [(1, 1) if number == axis else (0, 0) for number in range(3)], mode="edge")
        low, high = (np.take(padded, range(start, start + planes.shape[axis]), axis) for start in (0, 2))
        planes = 0.25 * low + 0.5 * planes + 0.25 * high
    return planes


def _inside(planes: Array) -> Array:
    return planes[:, 4:-4, 4:-4]


def _step(one: Array, other: Array) -> Array:
    """Least squares for (down, right, stretch down, stretch right) from gradients."""
    down, right = np.gradient(one, axis=(1, 2))
    rows = (np.arange(one.shape[1]) - (one.shape[1] - 1) / 2)[None, :, None]
    columns = (np.arange(one.shape[2]) - (one.shape[2] - 1) / 2)[None, None, :]
    columns_of = [_inside(part).ravel() for part in (down, right, down * rows, right * columns)]
    matrix = np.stack(columns_of, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, _inside(other - one).ravel(), rcond=None)
    return np.asarray(solution)


def _sample(planes: Array, guess: Array) -> Array:
    """Planes at moved and stretched places, linearly interpolated, edges repeated."""
    moved = planes
    for axis, shift, stretch in ((1, guess[0], guess[2]), (2, guess[1], guess[3])):
        size = planes.shape[axis]
        place = np.arange(size) + shift + stretch * (np.arange(size) - (size - 1) / 2)
        place = np.clip(place, 0, size - 1)
        low = np.minimum(place.astype(int), size - 2)
        part = (place - low).reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
        moved = np.take(moved, low, axis) * (1 - part) + np.take(moved, low + 1, axis) * part
    return moved
