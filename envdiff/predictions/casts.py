"""Relations that lose something: casts, wrapping, truncation, rounding to digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.dtypes import dtype_of, epsilon, is_floating
from envdiff.predictions.grades import Grade
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Check, Checked, Fit
from envdiff.predictions.verify import compare

Array = NDArray[Any]

_THROUGH = ("float32", "float16", "bfloat16")
_SCALES = (
    (1.0, 0.0, "{s}"),
    (255.0, 0.0, "255 * {s}"),
    (256.0, 0.0, "256 * {s}"),
    (127.5, 127.5, "127.5 * ({s} + 1)"),
)
_TO_INTEGER: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("rounded to the nearest integer", np.rint),
    ("truncated to an integer", np.trunc),
    ("rounded down to an integer", np.floor),
    ("rounded up to an integer", np.ceil),
)
_WRAPS = (("uint8", 0, 255), ("int8", -128, 127), ("uint16", 0, 65535), ("int16", -32768, 32767))


def _exactly(transform: Callable[[Array], Array]) -> Check:
    def check(x: Array, y: Array, along: Array | None) -> Checked:  # noqa: ARG001 - the numbers do not depend on it
        with np.errstate(invalid="ignore", over="ignore"):
            predicted = transform(x)
        return compare(predicted.astype(np.float64), y.astype(np.float64), 0.0)

    return check


def casts(pair: Pair, grade: Grade) -> Iterator[Fit]:  # noqa: ARG001 - exact or not at all
    """Through a narrower floating type, bit for bit."""
    if not is_floating(pair.x.dtype) and pair.x.dtype.kind not in "iu":
        return
    for name in _THROUGH:
        narrow = dtype_of(name)
        if is_floating(pair.y.dtype) and _loses(pair.x.dtype, narrow) and not _loses(narrow, pair.y.dtype):
            words = f"{{target}} = {{source}} cast to {name}"
            if pair.y.dtype != narrow:
                words += f" and back to {pair.y.dtype.name}"
            if _changes(pair.x, pair.x.astype(narrow)):
                yield Fit("cast", words, _exactly(partial(_cast_to, narrow)), exact=True)
    if is_floating(pair.y.dtype) and pair.x.dtype == np.float32 and _changes(pair.x, _cut_to_bfloat16(pair.x)):
        words = "{target} = {source} with its last 16 bits cut off (bfloat16, truncated)"
        yield Fit("cast", words, _exactly(_cut_to_bfloat16), exact=True)


def _cast_to(dtype: np.dtype[Any], x: Array) -> Array:
    return x.astype(dtype)


def _saturated(transform: Callable[[Array], Array], x: Array) -> Array:
    return np.clip(transform(x), 0, 255)


def _changes(x: Array, cast: Array) -> bool:
    """A cast that loses nothing here explains nothing."""
    return bool(np.any(x.astype(np.float64) != cast.astype(np.float64)))


def _loses(wide: np.dtype[Any], narrow: np.dtype[Any]) -> bool:
    if wide.kind in "iu":
        return 8 * wide.itemsize > -math.log2(epsilon(narrow)) + 1
    return epsilon(narrow) > epsilon(wide)


def _cut_to_bfloat16(x: Array) -> Array:
    return (np.ascontiguousarray(x).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def to_integers(pair: Pair, grade: Grade) -> Iterator[Fit]:  # noqa: ARG001 - exact or not at all
    """Scaled to pixels or not, then rounded, truncated, saturated or wrapped."""
    y = pair.yf[np.isfinite(pair.yf)]
    if pair.y.dtype.kind == "b" or not y.size or not bool(np.all(y == np.rint(y))):
        return
    for scale, shift, text in _SCALES if pair.x.dtype.kind == "f" else _SCALES[:1]:
        yield from _rounded(pair, scale, shift, text.format(s="{source}"))
    yield from _wrapped(pair)


def _rounded(pair: Pair, scale: float, shift: float, text: str) -> Iterator[Fit]:
    if pair.x.dtype.kind != "f":
        return
    low, high = float(pair.yf.min()), float(pair.yf.max())
    for words, rounding in _TO_INTEGER:

        def transform(x: Array, r: Callable[[Array], Array] = rounding) -> Array:
            # in the source's own precision: 255 * x differs from the float64 product in the last bit
            return np.asarray(r(x * x.dtype.type(scale) + x.dtype.type(shift)))

        name = "round-to-integer" if scale == 1.0 else "scale-and-round"
        yield Fit(name, f"{{target}} = {text}, {words}", _exactly(transform), exact=True)
        if (low, high) == (0.0, 255.0):
            saturated = f"{{target}} = {text}, {words} and held within 0..255"
            yield Fit(name, saturated, _exactly(partial(_saturated, transform)), exact=True)


def _wrapped(pair: Pair) -> Iterator[Fit]:
    for name, low, high in _WRAPS:
        x = pair.xf[np.isfinite(pair.xf)]
        if not x.size or (x.min() >= low and x.max() <= high):
            continue
        if pair.yf.min() < low or pair.yf.max() > high:
            continue
        size = high - low + 1

        def transform(x: Array, low: int = low, size: int = size) -> Array:
            return np.asarray(np.mod(np.trunc(x.astype(np.float64)) - low, size) + low)

        yield Fit(
            "wrap",
            f"{{target}} = {{source}} wrapped into {name} (modulo {size})",
            _exactly(transform),
            exact=True,
        )


def decimals(pair: Pair, grade: Grade) -> Iterator[Fit]:  # noqa: ARG001 - has its own tolerance
    """Rounded to n digits after the point, or to n significant digits."""
    if not (is_floating(pair.x.dtype) and is_floating(pair.y.dtype)):
        return
    for digits in range(-2, 13):
        step = 10.0**-digits
        if digits and _tells(pair, step):  # whole numbers: see to_integers
            words = f"{digits} decimals" if digits > 0 else f"multiples of {step:g}"
            yield Fit(
                "decimals", f"{{target}} = {{source}} rounded to {words}", _on_grid(pair, partial(_same_step, step))
            )
    for digits in range(1, 16):
        if _tells(pair, _step(_values(pair), digits)):
            words = f"{{target}} = {{source}} rounded to {digits} significant digits"
            yield Fit("significant-digits", words, _on_grid(pair, partial(_step, digits=digits)))


def _values(pair: Pair) -> Array:
    """Different finite target values, zero left out."""
    return np.asarray(pair.values[np.isfinite(pair.values) & (pair.values != 0)])


def _tells(pair: Pair, step: Array | float) -> bool:
    """Multiples of the step are rare enough among the dtype's numbers that these values say something."""
    values = np.abs(_values(pair))
    if not values.size:
        return False
    with np.errstate(over="ignore"):
        bits = np.clip(np.log2(step / (2 * pair.eps * values)), 0.0, 20.0)
    coarse = np.asarray(step < 100 * np.median(values)).all()
    return bool(coarse) and float(bits.sum()) >= 60.0 and float(np.median(bits)) >= 0.5


def _same_step(step: float, y: Array) -> float:  # noqa: ARG001 - one step whatever the value
    return step


def _step(y: Array, digits: int) -> Array:
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(y) * (1 + 1e-12)))
    return np.asarray(10.0 ** (np.where(np.isfinite(exponent), exponent, 0) - digits + 1))


def _on_grid(pair: Pair, step_of: Callable[[Array], Array | float]) -> Check:
    """The target is a multiple of the step, and no multiple is nearer to the source (ties may go either way)."""
    eps = pair.eps

    def check(x: Array, y: Array, along: Array | None) -> Checked:  # noqa: ARG001
        wide, goal = x.astype(np.float64), y.astype(np.float64)
        step = step_of(goal)
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(goal - np.rint(goal / step) * step)
            on_grid = gap <= eps * np.abs(goal)
            nearest = np.abs(wide - goal) <= 0.5 * step * (1 + 1e-9) + 2 * eps * np.abs(goal)
        same = (wide == goal) & on_grid | np.isnan(wide) & np.isnan(goal) | np.isinf(wide) & (wide == goal)
        return Checked(np.where(same, 0.0, gap), on_grid & nearest | same)

    return check
