"""Whose top class differs: what a user sees of a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import Index, blocks, over_blocks
from envdiff.predictions.dtypes import is_floating

Array = NDArray[Any]


@dataclass(frozen=True)
class Tops:
    """``rows``: of the first axis, with at least one flip; in ``tied_rows`` every flip is between tied classes."""

    positions: int
    rows: int
    tied_rows: int


def top_classes(left: Array, right: Array) -> Tops | None:
    """Flips of argmax over the last axis, as a user's argmax sees them: the first of equals wins.

    None without a class axis. Positions with a NaN on either side are not counted: NaN has no order.
    """
    if left.ndim < 2 or left.shape[-1] < 2 or not is_floating(left.dtype):
        return None
    flipped, untied, positions = np.zeros(len(left), bool), np.zeros(len(left), bool), 0
    for index, flips, ties in over_blocks(lambda at: _flips(left, right, at), blocks(left.shape, whole=1)):
        positions += int(flips.sum())
        rows = index[0]
        flipped[rows] |= flips.reshape(len(flips), -1).any(axis=1)
        untied[rows] |= (flips & ~ties).reshape(len(flips), -1).any(axis=1)
    return Tops(positions, int(flipped.sum()), int((flipped & ~untied).sum()))


def _flips(left: Array, right: Array, index: Index) -> tuple[Index, Array, Array]:
    """(index, argmax differs, the two classes are tied on one side), without the last axis."""
    one, other = left[index], right[index]
    left_top, right_top = one.argmax(axis=-1), other.argmax(axis=-1)
    flips = (left_top != right_top) & ~_has_nan(one, left_top) & ~_has_nan(other, right_top)
    ties = (_at(one, left_top) == _at(one, right_top)) | (_at(other, left_top) == _at(other, right_top))
    return index, flips, ties


def _has_nan(array: Array, top: Array) -> Array:
    """argmax answers the first NaN when there is one."""
    value = _at(array, top)
    return np.asarray(np.isnan(value))


def _at(array: Array, position: Array) -> Array:
    return np.take_along_axis(array, position[..., None], axis=-1)[..., 0]
