"""Most elements are the same, the rest were replaced: missing values filled, values clipped, codes exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import blocks
from envdiff.predictions.differences import Differences
from envdiff.predictions.dtypes import as_floats, is_floating
from envdiff.predictions.named import plain_number
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Check, Checked, Fit
from envdiff.predictions.verify import compare

Array = NDArray[Any]
FEWEST = 3  # replaced elements
LEFT_ALONE = 0.2  # share of elements that clipping must not have touched
QUANTILES = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25)
QUANTILES_UP_TO = 1 << 23  # elements sorted for a name


def replaced(pair: Pair, found: Differences, swapped: bool) -> Iterator[Fit]:
    """``swapped``: the pair's source is the right side, so the differences are read the other way."""
    x, y = (found.right, found.left) if swapped else (found.left, found.right)
    if not FEWEST <= found.values < pair.target.size or not x.size:
        return
    x, y = as_floats(x), as_floats(y)
    if np.isnan(x).all() and not np.isnan(y).any():
        yield from _filled(pair, y)
    elif (x == x[0]).all() and (y == y[0]).all():
        words = f"{{target}} = {{source}} with {plain_number(x[0])} replaced by {plain_number(y[0])}"
        old, new = float(x[0]), float(y[0])
        yield Fit("replaced", words, _exchange(lambda v: v == old, new), 0, exact=True)


def _filled(pair: Pair, y: Array) -> Iterator[Fit]:
    if (y == y[0]).all():
        words = f"{{target}} = {{source}} with missing values (NaN) filled with {plain_number(y[0])}"
        yield Fit("filled", words, _exchange(np.isnan, float(y[0])), 0, exact=True)
    elif len(pair.shape) == 2 and pair.target.size <= QUANTILES_UP_TO:
        yield from _filled_by_column(pair)


def _filled_by_column(pair: Pair) -> Iterator[Fit]:
    source = as_floats(np.asarray(pair.source[tuple(slice(0, size) for size in pair.shape)]))
    if np.isnan(source).all(axis=0).any():
        return
    for name, of in (("mean", np.nanmean), ("median", np.nanmedian), ("smallest value", np.nanmin)):
        each = np.asarray(of(source, axis=0))

        def check(x: Array, y: Array, along: Array | None, each: Array = each) -> Checked:
            wide = x.astype(np.float64)
            predicted = np.where(np.isnan(wide), each[along], wide)
            return compare(predicted, y.astype(np.float64), 8 * pair.eps * np.abs(predicted))

        words = f"{{target}} = {{source}} with missing values (NaN) filled with the {name} of their column"
        yield Fit("filled", words, check, 0, axis=1)


def _exchange(where: Any, new: float) -> Check:
    def check(x: Array, y: Array, along: Array | None) -> Checked:  # noqa: ARG001 - one value for all
        wide = x.astype(np.float64)
        return compare(np.where(where(wide), new, wide), y.astype(np.float64), 0.0)

    return check


def clipped(pair: Pair) -> Iterator[Fit]:
    """Held within two constants, which are the target's own extremes; of a table, also column by column."""
    if not (is_floating(pair.x.dtype) or pair.x.dtype.kind in "iu") or pair.y.dtype.kind == "b":
        return
    if not pair.finite.any() or float((pair.xf == pair.yf)[pair.finite].mean()) < LEFT_ALONE:
        return
    low, high = _extremes(pair.target, None)
    cut_low, cut_high = bool((pair.xf < low[0]).any()), bool((pair.xf > high[0]).any())
    if cut_low or cut_high:
        words = _clip_words(pair, float(low[0]), float(high[0]), cut_low, cut_high)
        yield Fit("clipped", words, _clip_check(low, high), cut_low + cut_high, exact=True)
    if len(pair.shape) == 2 and 1 < pair.shape[1] <= 4096 and pair.shape[0] >= 16:
        low, high = _extremes(pair.target, 1)
        words = "{target} = {source} clipped, each column at its own two limits" + _column_quantiles(pair, low, high)
        yield Fit("clipped", words, _clip_check(low, high), 2, axis=1, exact=True)


def _clip_check(low: Array, high: Array) -> Check:
    def check(x: Array, y: Array, along: Array | None) -> Checked:
        at = 0 if along is None else along
        predicted = np.clip(x.astype(np.float64), low[at], high[at])
        return compare(predicted, y.astype(np.float64), 0.0)

    return check


def _extremes(array: Array, axis: int | None) -> tuple[Array, Array]:
    groups = 1 if axis is None else array.shape[axis]
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    for index in blocks(array.shape):
        values = as_floats(array[index])
        at = slice(0, 1) if axis is None else index[axis]
        grouped = (
            values.reshape(1, -1) if axis is None else np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        )
        low[at] = np.fmin(low[at], np.fmin.reduce(grouped, axis=1))
        high[at] = np.fmax(high[at], np.fmax.reduce(grouped, axis=1))
    return low, high


def _clip_words(pair: Pair, low: float, high: float, cut_low: bool, cut_high: bool) -> str:
    if cut_low and not cut_high and low == 0.0:
        return "{target} = {source} with negative values set to 0 (relu)"
    if not (cut_low and cut_high):
        side, limit = ("below", low) if cut_low else ("above", high)
        return f"{{target}} = {{source}} clipped {side} at {plain_number(limit)}"
    words = f"{{target}} = {{source}} clipped to {plain_number(low)}..{plain_number(high)}"
    return words + _quantile_words(pair, low, high)


def _quantile_words(pair: Pair, low: float, high: float) -> str:
    if pair.target.size > QUANTILES_UP_TO:
        return ""
    values = as_floats(np.asarray(pair.source[tuple(slice(0, size) for size in pair.shape)]))
    name = _quantile_name(values.reshape(-1, 1), np.array([low]), np.array([high]))
    return f", its {name} quantiles" if name else ""


def _column_quantiles(pair: Pair, low: Array, high: Array) -> str:
    if pair.target.size > QUANTILES_UP_TO:
        return ""
    values = as_floats(np.asarray(pair.source[tuple(slice(0, size) for size in pair.shape)]))
    name = _quantile_name(values, low, high)
    return f" ({name} quantiles)" if name else ""


def _quantile_name(values: Array, low: Array, high: Array) -> str:
    """Every way of interpolating counts: the limit must lie between the neighbours of the quantile."""
    ordered = np.sort(values, axis=0)
    count = int(np.isfinite(ordered).all(axis=1).sum())
    for share in QUANTILES:
        place = share * (count - 1)
        near, far = int(np.floor(place)), min(int(np.ceil(place)), count - 1)
        below = (ordered[near] <= low) & (low <= ordered[far])
        above = (ordered[count - 1 - far] <= high) & (high <= ordered[count - 1 - near])
        if count and below.all() and above.all():
            return f"{100 * share:g} % and {100 - 100 * share:g} %"
    return ""
