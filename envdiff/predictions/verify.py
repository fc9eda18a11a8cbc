"""Does a hypothesis hold on every element, and how much evidence is that?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.blocks import Index, blocks, over_blocks
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Checked, Fit

Array = NDArray[Any]
FOUND_BY_SEARCHING = 30.0  # bits that a hypothesis without parameters must show: many are tried
TYPICAL = 0.02  # the largest median gap, as a share of how far target values typically lie from their median
PER_PARAMETER = 24.0  # bits that one fitted number can absorb


@dataclass(frozen=True)
class Verified:
    """``worst`` is the largest gap among elements that hold; ``first_bad`` the position of the first that does not."""

    share: float
    worst: float
    first_bad: tuple[int, ...] | None


def compare(predicted: Array, y: Array, tolerance: Array | float) -> Checked:
    """Near enough within ``tolerance``; NaN against NaN and equal infinities hold."""
    if predicted.dtype == y.dtype == np.float64:
        with np.errstate(invalid="ignore"):
            gap = predicted - y
            np.abs(gap, out=gap)
            holds = gap <= tolerance
        if holds.all() and np.isfinite(gap.max(initial=0.0)):  # an infinite gap is within an infinite tolerance
            return Checked(gap, holds)
    else:
        with np.errstate(invalid="ignore"):
            gap = np.abs(predicted.astype(np.float64) - y.astype(np.float64))
            holds = gap <= tolerance
    same = (predicted == y) | (np.isnan(predicted) & np.isnan(y))
    gap = np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap))
    return Checked(gap, holds & np.isfinite(gap) | same)


def on_sample(pair: Pair, fit: Fit) -> bool:
    """Cheap test first. A few elements may fail: outliers are looked for on everything, and told."""
    if fit.whole:
        rows = pair.rows(fit.whole)
        if rows is None:
            return False
        checked = fit.check(rows[0], rows[1], None)
    else:
        checked = fit.check(pair.x, pair.y, pair.along(fit.axis))
    return float(checked.holds.mean()) >= 0.99 and convincing(pair, fit, checked) and _in_the_bulk(pair, checked)


def _in_the_bulk(pair: Pair, checked: Checked) -> bool:
    """A few huge values make the range, and any tolerance that is a share of it, wider than all others differ."""
    finite = pair.yf[np.isfinite(pair.yf)]
    gaps = checked.gap[np.isfinite(checked.gap)]
    if not finite.size or not gaps.size:
        return True
    typical = float(np.median(np.abs(finite - np.median(finite))))
    return typical == 0.0 or float(np.median(gaps)) <= TYPICAL * typical


def convincing(pair: Pair, fit: Fit, checked: Checked) -> bool:
    """Could unrelated values have met the hypothesis by chance?

    A value that had the whole range to fall into and fell within the tolerance shows log2(range / tolerance) bits,
    never more than how surprising the values are in themselves (a constant shows none).
    """
    if min(pair.distinct) < 4 + fit.parameters // max(1, _groups(pair, fit)):
        return False
    finite = checked.gap[np.isfinite(checked.gap)]
    slack = max(float(finite.max()) if finite.size else 0.0, pair.eps * pair.spread, 5e-324)
    each = min(20.0, math.log2(max(pair.spread / slack, 1.0)))
    shown = max(pair.distinct[1] * each * 0.5, pair.y.size * min(pair.entropy, each))
    return shown >= FOUND_BY_SEARCHING + PER_PARAMETER * fit.parameters * _sampled_share(pair, fit)


def _groups(pair: Pair, fit: Fit) -> int:
    return 1 if fit.axis is None else pair.shape[fit.axis]


def _sampled_share(pair: Pair, fit: Fit) -> float:
    """Of many channels only some elements are in the sample; weigh their numbers alike."""
    if fit.axis is None:
        return 1.0
    return min(1.0, pair.y.size / pair.target.size * 4)


def on_everything(pair: Pair, fit: Fit) -> Verified:
    held, worst, first = 0, 0.0, None
    for index, good, gap, bad in over_blocks(lambda at: _block(pair, fit, at), blocks(pair.shape, whole=fit.whole)):
        held += good
        worst = max(worst, gap)
        if first is None and bad is not None:
            first = tuple(int(part.start + place) for part, place in zip(index, bad, strict=True))
    return Verified(held / pair.target.size, worst, first)


def _block(pair: Pair, fit: Fit, index: Index) -> tuple[Index, int, float, tuple[int, ...] | None]:
    y = pair.target[index]
    x = np.asarray(pair.source[index])
    if fit.whole:
        width = int(np.prod(y.shape[y.ndim - fit.whole :], dtype=object))
        checked = fit.check(x.reshape(-1, width), y.reshape(-1, width), None)
    else:
        checked = fit.check(x, y, _along(fit.axis, index))
    holds = checked.holds.reshape(y.shape)
    if holds.all():
        return index, y.size, float(checked.gap.max(initial=0.0)), None
    good = int(np.count_nonzero(holds))
    gap = float(checked.gap.reshape(y.shape)[holds].max(initial=0.0))
    return index, good, gap, tuple(int(part[0]) for part in np.nonzero(~holds))


def _along(axis: int | None, index: Index) -> Array | None:
    if axis is None:
        return None
    positions = np.arange(index[axis].start, index[axis].stop)
    return positions.reshape(-1, *([1] * (len(index) - axis - 1)))
