"""target = a * source + b: one a and b, or one for each channel; named where the numbers are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.grades import Grade
from envdiff.predictions.named import named_affines, plain_number, short_numbers
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Check, Checked, Fit
from envdiff.predictions.statistics import Recognised, channels_words, recognise_channels, recognise_global
from envdiff.predictions.verify import compare, on_sample

Array = NDArray[Any]
CHANNELS = 4096  # at most
PER_CHANNEL = 6  # elements of a channel below which two numbers for it prove nothing


def same_values(pair: Pair, grade: Grade) -> Iterator[Fit]:
    """The same numbers, up to the grade's tolerance."""
    if _comparable(pair):
        check = affine_check(np.ones(1), np.zeros(1), grade, pair)
        yield Fit("same-values", "{target} = {source}", check)


def scale_and_shift(pair: Pair, grade: Grade) -> Iterator[Fit]:
    """One scale and one shift for everything."""
    if not _comparable(pair):
        return
    x, y = pair.xf[pair.finite], pair.yf[pair.finite]
    fitted = _least_squares(x[None, :], y[None, :])
    if fitted is None or not _nearly(fitted, x, y, pair, grade):
        fitted = _middle_slope(x, y)
        if fitted is None or not _nearly(fitted, x, y, pair, grade):
            return
    scale, shift = float(fitted[0][0]), float(fitted[1][0])
    yield from _named(pair, grade, fitted, None)
    recognised = recognise_global(pair, scale, shift)
    if recognised:
        yield _recognised_fit(pair, grade, recognised, None)
    yield from _typed(pair, grade, scale, shift)


def channel_scale_and_shift(pair: Pair, grade: Grade) -> Iterator[Fit]:
    """One scale and shift for each index of the last axis, then of the second (channels first), then of the first."""
    if not _comparable(pair):
        return
    for axis in _channel_axes(pair.shape):
        x, y = pair.groups(axis)
        fitted = _least_squares(x, y)
        if fitted is None:
            continue
        scale, shift = fitted
        with np.errstate(invalid="ignore"):
            gap = np.abs(scale[:, None] * x + shift[:, None] - y)
            near = np.abs(scale[:, None] * x) + np.abs(shift[:, None])
        if float(np.mean(gap <= 4 * grade.eps * near + grade.tolerance_at_zero(pair))) < 0.99:
            continue
        yield from _named(pair, grade, fitted, axis)
        for recognised in recognise_channels(pair, axis, scale, shift):
            yield _recognised_fit(pair, grade, recognised, axis)
        yield from _channel_fits(pair, grade, scale, shift, axis)


def _channel_fits(pair: Pair, grade: Grade, scale: Array, shift: Array, axis: int) -> Iterator[Fit]:
    where = channels_words(len(scale), axis)
    if np.allclose(scale, scale[0], rtol=1e-4):
        start = affine_sentence(float(f"{scale[0]:.7g}"), 0.0)
        yield _fit(pair, grade, scale, shift, f"{start} + a shift for each of the {where}", len(scale) + 1, axis)
    words = f"{{target}} = {{source}} times a scale plus a shift for each of the {where}"
    yield _fit(pair, grade, scale, shift, words, 2 * len(scale), axis)


def affine_check(scale: Array, shift: Array, grade: Grade, pair: Pair, power: float = 1.0) -> Check:
    """``scale`` and ``shift`` have one element, or one for each index of the fit's axis."""
    # numbers fitted to rounded values are themselves a little off, which shows where the target is near zero
    fixed = grade.tolerance_at_zero(pair) + (pair.eps * pair.spread if power > 1.0 else 0.0)
    one = scale.size == 1
    spread_out: dict[tuple[int, ...], tuple[Array, Array]] = {}

    def numbers(x: Array, along: Array | None) -> tuple[Any, Any]:
        """Written out to the block's shape, once: multiplying along a last axis of three is slow."""
        if one or along is None:
            return scale[0], shift[0]
        if x.ndim == 1 or along.size != scale.size:  # a sample, or a part of the channels
            return scale[along], shift[along]
        if x.shape not in spread_out:
            spread_out[x.shape] = (_written_out(scale[along], x.shape), _written_out(shift[along], x.shape))
        return spread_out[x.shape]

    def check(x: Array, y: Array, along: Array | None) -> Checked:
        a, b = numbers(x, along)
        predicted = x.astype(np.float64)
        if not one or a != 1.0:
            predicted *= a
        tolerance = np.abs(predicted)
        if not one or b != 0.0:
            predicted += b
            tolerance += np.abs(b)
        tolerance *= grade.eps * power
        if fixed:
            tolerance += fixed
        return compare(predicted, y.astype(np.float64), tolerance)

    return check


def _fit(pair: Pair, grade: Grade, scale: Array, shift: Array, sentence: str, parameters: int, axis: int | None) -> Fit:
    numbers = {"scale": tuple(scale.tolist()), "shift": tuple(shift.tolist())} if scale.size <= 16 else {}
    check = affine_check(scale, shift, grade, pair, 1.0 if parameters == 0 else 2.0)
    kind = "scale-and-shift" if axis is None else "channel-scale-and-shift"
    return Fit(kind, sentence, check, parameters, axis, numbers=numbers)


def _written_out(numbers: Array, shape: tuple[int, ...]) -> Array:
    return np.ascontiguousarray(np.broadcast_to(numbers, shape))


def _recognised_fit(pair: Pair, grade: Grade, found: Recognised, axis: int | None) -> Fit:
    check = affine_check(found.scale, found.shift, grade, pair, 4.0)
    return Fit(found.kind, found.sentence, check, 0, axis)


def _named(pair: Pair, grade: Grade, fitted: tuple[Array, Array], axis: int | None) -> Iterator[Fit]:
    scale, shift = fitted
    if len(scale) not in (1, 3):
        return
    unit = float(np.abs(shift).max()) + float(np.abs(scale).max()) * float(np.abs(pair.xf[pair.finite]).max(initial=0))
    for known in named_affines(len(scale)):
        if not np.allclose(scale, known.scale, rtol=1e-3, atol=0):
            continue
        if np.abs(shift - known.shift).max() > max(1e-3, grade.share) * unit:
            continue
        yield _fit(pair, grade, np.array(known.scale), np.array(known.shift), known.sentence, 0, axis)


def _typed(pair: Pair, grade: Grade, scale: float, shift: float) -> Iterator[Fit]:
    """Numbers that look typed, then the fitted ones: the first that pass on the sample."""
    slack = grade.eps / 4 + grade.share
    size = float(np.abs(pair.yf[pair.finite]).max(initial=0.0))
    shifts = [b for b in dict.fromkeys((0.0, *short_numbers(shift), shift)) if abs(b - shift) <= slack * size]
    scales = [a for a in dict.fromkeys((1.0, *short_numbers(scale), scale)) if abs(a / scale - 1) <= slack]
    for a in scales:
        for b in shifts:
            parameters = (a != 1.0) + (b != 0.0)
            fit = _fit(pair, grade, np.array([a]), np.array([b]), affine_sentence(a, b), parameters, None)
            if parameters and on_sample(pair, fit):
                yield fit
                return


def affine_sentence(scale: float, shift: float) -> str:
    inverse = 1 / scale if scale else math.inf
    body = "{source}"
    if scale == -1:
        body = "-{source}"
    elif scale != 1 and _is_short(inverse) and not _is_short(scale):
        body = f"{{source}} / {plain_number(inverse)}"
    elif scale != 1:
        body = f"{plain_number(scale)} * {{source}}"
    if shift == 0:
        return f"{{target}} = {body}"
    return f"{{target}} = {body} {'+' if shift > 0 else '-'} {plain_number(abs(shift))}"


def _is_short(value: float) -> bool:
    return math.isfinite(value) and float(f"{value:.4g}") == value


def _comparable(pair: Pair) -> bool:
    return int(pair.finite.sum()) >= 4 and min(pair.distinct) >= 4


def _channel_axes(shape: tuple[int, ...]) -> list[int]:
    """Candidate axes whose channels have enough elements each."""
    axes = [len(shape) - 1, 1, 0] if len(shape) > 1 else []
    size = int(np.prod(shape, dtype=object))
    return [axis for axis in dict.fromkeys(axes) if 2 <= shape[axis] <= CHANNELS and size // shape[axis] >= PER_CHANNEL]


def _least_squares(x: Array, y: Array) -> tuple[Array, Array] | None:
    """Scale and shift of each row of finite values; a row in which x is constant gets scale 1 and its own shift."""
    good = np.isfinite(x) & np.isfinite(y)
    if not good.all():
        if good.sum(axis=1).min(initial=0) < 2:
            return None
        x, y = np.where(good, x, np.nan), np.where(good, y, np.nan)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean_x, mean_y = np.nanmean(x, axis=1, keepdims=True), np.nanmean(y, axis=1, keepdims=True)
        variance = np.nansum((x - mean_x) ** 2, axis=1)
        scale = np.nansum((x - mean_x) * (y - mean_y), axis=1) / variance
    scale = np.where(variance > 0, scale, 1.0)
    shift = (mean_y - scale[:, None] * mean_x)[:, 0]
    return (scale, shift) if np.isfinite(scale).all() and np.isfinite(shift).all() and scale.any() else None


def _nearly(fitted: tuple[Array, Array], x: Array, y: Array, pair: Pair, grade: Grade) -> bool:
    scale, shift = fitted[0][0], fitted[1][0]
    gap = np.abs(scale * x + shift - y)
    allowed = 4 * grade.eps * (np.abs(scale * x) + abs(shift)) + grade.tolerance_at_zero(pair)
    return float(np.mean(gap <= allowed)) >= 0.99


def _middle_slope(x: Array, y: Array) -> tuple[Array, Array] | None:
    """Scale and shift from the median slope between pairs of elements: a few outliers do not move it."""
    other = np.random.default_rng(0).permutation(len(x))
    across = x[other] - x
    usable = across != 0
    if usable.sum() < 16:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        steep = np.abs(across) >= np.median(np.abs(across[usable]))  # the longest distances give the best slopes
        scale = float(np.median((y[other] - y)[steep & usable] / across[steep & usable]))
        shift = float(np.median(y - scale * x))
    return (np.array([scale]), np.array([shift])) if np.isfinite([scale, shift]).all() and scale else None
