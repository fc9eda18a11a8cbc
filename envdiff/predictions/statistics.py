"""A fitted scale and shift, recognised as a statistic of the array itself: standardised, min-max, another ddof."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import Index, blocks, over_blocks
from envdiff.predictions.dtypes import as_floats
from envdiff.predictions.pairing import Pair

Array = NDArray[Any]


@dataclass(frozen=True)
class Recognised:
    kind: str
    sentence: str
    scale: Array
    shift: Array


def recognise_global(pair: Pair, scale: float, shift: float) -> Recognised | None:
    """Of a relation with one scale and shift: another ddof on the two sides, else a statistic of the whole source."""
    found = _other_ddof(pair, scale, shift)
    if found:
        return found
    if not _plausible(pair.xf[None, :], np.array([scale]), np.array([shift])):
        return None
    stats = _statistics(pair, None)
    return next(_match(np.array([scale]), np.array([shift]), stats, "over the whole array"), None)


def recognise_channels(pair: Pair, axis: int, scale: Array, shift: Array) -> Iterator[Recognised]:
    if not _plausible(pair.groups(axis)[0], scale, shift):
        return
    where = f"for each of the {channels_words(pair.shape[axis], axis)}"
    yield from _match(scale, shift, _statistics(pair, axis), where)


def _plausible(sample: Array, scale: Array, shift: Array) -> bool:
    """Is it worth reading everything for exact statistics? The sample's must be near the fitted numbers."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(np.isfinite(sample), sample, np.nan)
        deviation, mean = np.nanstd(values, axis=1), np.nanmean(values, axis=1)
        slack = 6 * deviation / math.sqrt(values.shape[1])
        near_mean = (np.abs(shift / scale + mean) <= slack) & (np.abs(mean) > slack / 6)
        near_deviation = np.abs(scale * deviation - 1) < min(0.5, 10 / math.sqrt(2 * values.shape[1]))
        width = scale * (np.nanmax(values, axis=1) - np.nanmin(values, axis=1))
        near_width = (width > 0.3) & (width < 1.001)
    centred = np.allclose(scale, 1.0) and near_mean.mean() > 0.5
    return bool(near_deviation.mean() > 0.5 or near_width.mean() > 0.5 or centred)


def channels_words(count: int, axis: int) -> str:
    return f"{count} rows" if axis == 0 else f"{count} channels along axis {axis}"


def _other_ddof(pair: Pair, scale: float, shift: float) -> Recognised | None:
    """Both sides standardised, n elements each time: their scales differ by sqrt((n - 1) / n)."""
    spread = float(np.std(pair.xf[pair.finite]))
    if abs(shift) > 1e-5 * spread:
        return None
    for count, over in _group_sizes(pair.shape):
        for ratio, left, right in (
            (math.sqrt((count - 1) / count), 0, 1),
            (math.sqrt(count / (count - 1)), 1, 0),
        ):
            if abs(scale / ratio - 1) < 0.02 / count:
                words = (
                    f"{{source}} is standardised with ddof {left}, {{target}} with ddof {right}, "
                    f"over {count} {over} ({{target}} = {ratio:.8g} * {{source}})"
                )
                return Recognised("ddof", words, np.array([ratio]), np.zeros(1))
    return None


def _group_sizes(shape: tuple[int, ...]) -> list[tuple[int, str]]:
    size = int(np.prod(shape, dtype=object))
    sizes = [
        (shape[0], "rows"),
        (size // shape[0], "elements of a row"),
        (shape[-1], "elements of the last axis"),
        (size // shape[-1], "elements of a channel"),
        (size, "elements"),
    ]
    if len(shape) == 4:
        sizes += [(shape[1] * shape[2], "pixels"), (shape[2] * shape[3], "pixels")]
    return [(count, over) for count, over in dict(sizes).items() if count > 1]


@dataclass(frozen=True)
class _Statistics:
    count: int
    mean: Array
    deviation: Array  # ddof 0
    low: Array
    high: Array


def _match(scale: Array, shift: Array, stats: _Statistics, where: str) -> Iterator[Recognised]:
    with np.errstate(divide="ignore", invalid="ignore"):
        for ddof in (0, 1):
            deviation = stats.deviation * math.sqrt(stats.count / max(stats.count - ddof, 1))
            words = f"{{target}} is {{source}} standardised {where}, ddof {ddof}"
            yield from _if_close("standardised", words, scale, shift, 1 / deviation, -stats.mean / deviation)
        width = stats.high - stats.low
        words = f"{{target}} is {{source}} scaled to 0..1 by its smallest and largest value {where}"
        yield from _if_close("min-max", words, scale, shift, 1 / width, -stats.low / width)
        words = f"{{target}} is {{source}} minus its mean {where}"
        yield from _if_close("centred", words, scale, shift, np.ones_like(width), -stats.mean)


def _if_close(kind: str, words: str, scale: Array, shift: Array, a: Array, b: Array) -> Iterator[Recognised]:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return
    if np.allclose(scale, a, rtol=1e-2) and np.allclose(shift, b, rtol=1e-2, atol=1e-2 * float(np.abs(b).max())):
        yield Recognised(kind, words, a, b)


def _statistics(pair: Pair, axis: int | None) -> _Statistics:
    """Two passes over the source: mean and extremes, then deviation. NaN are left out."""
    shape = pair.shape
    groups = 1 if axis is None else shape[axis]
    total, count = np.zeros(groups), np.zeros(groups)
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    for at, part in over_blocks(lambda index: _sums(pair, axis, index), blocks(shape)):
        total[at] += part[0]
        count[at] += part[1]
        low[at], high[at] = np.minimum(low[at], part[2]), np.maximum(high[at], part[3])
    mean = total / np.maximum(count, 1)
    squares = np.zeros(groups)
    for at, square in over_blocks(lambda index: _squares(pair, axis, index, mean), blocks(shape)):
        squares[at] += square
    deviation = np.sqrt(squares / np.maximum(count, 1))
    return _Statistics(int(count.max()), mean, deviation, low, high)


def _sums(pair: Pair, axis: int | None, index: Index) -> tuple[slice, tuple[Array, ...]]:
    """Sum, count, smallest and largest finite value of each group in a block."""
    at, values = _grouped(pair, axis, index)
    good = np.isfinite(values)
    if good.all():
        count = np.full(len(values), values.shape[1])
        return at, (values.sum(axis=1), count, values.min(axis=1), values.max(axis=1))
    return at, (
        np.where(good, values, 0.0).sum(axis=1),
        good.sum(axis=1),
        np.where(good, values, np.inf).min(axis=1),
        np.where(good, values, -np.inf).max(axis=1),
    )


def _squares(pair: Pair, axis: int | None, index: Index, mean: Array) -> tuple[slice, Array]:
    at, values = _grouped(pair, axis, index)
    away = values - mean[at, None]
    away *= away
    return at, np.where(np.isfinite(away), away, 0.0).sum(axis=1)


def _grouped(pair: Pair, axis: int | None, index: Index) -> tuple[slice, Array]:
    """(group numbers, values of each group in this block as a matrix), float64."""
    values = as_floats(np.asarray(pair.source[index]))
    if axis is None:
        return slice(0, 1), values.reshape(1, -1)
    at = slice(index[axis].start, index[axis].stop)
    return at, np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
