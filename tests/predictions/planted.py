"""Pairs of arrays with a known relation: what was done to the left one, and the words that must name it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]

MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
CAFFE = np.float32([103.939, 116.779, 123.68])


@dataclass(frozen=True)
class Planted:
    """``kind`` and every one of ``words`` must be in the relation that is found."""

    make: Callable[[np.random.Generator], tuple[Array, Array]]
    kind: str
    words: tuple[str, ...]


def images(random: np.random.Generator) -> Array:
    return random.integers(0, 256, (4, 24, 20, 3)).astype(np.float32)


def table(random: np.random.Generator) -> Array:
    return random.normal(3, 5, (300, 7))


def logits(random: np.random.Generator) -> Array:
    return random.normal(0, 2, (128, 10)).astype(np.float32)


def shares(random: np.random.Generator) -> Array:
    return random.random((50, 8))


def _of(source: Callable[[np.random.Generator], Array], right: Callable[[Array], Array]) -> Callable[..., Any]:
    def make(random: np.random.Generator) -> tuple[Array, Array]:
        left = source(random)
        return left, np.asarray(right(left))

    return make


def _both(
    source: Callable[[np.random.Generator], Array], left: Callable[[Array], Array], right: Callable[[Array], Array]
) -> Callable[..., Any]:
    def make(random: np.random.Generator) -> tuple[Array, Array]:
        raw = source(random)
        return np.asarray(left(raw)), np.asarray(right(raw))

    return make


def _missing(random: np.random.Generator) -> Array:
    values = table(random)
    values[random.random(values.shape) < 0.05] = np.nan
    return values


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _shuffled(axis: int) -> Callable[[Array], Array]:
    return lambda x: np.take(x, np.random.default_rng(5).permutation(x.shape[axis]), axis=axis)


def _waves(down: float, right: float) -> Array:
    rows, columns = np.mgrid[0:48, 0:64]
    rows, columns = rows + down, columns + right
    plane = 100 * np.sin(rows / 5) * np.cos(columns / 7) + 20 * np.sin((rows + columns) / 3)
    return np.repeat(plane[None, :, :, None], 3, axis=3).astype(np.float32)


def standard(x: Array, ddof: int, axis: Any = 0) -> Array:
    return np.asarray((x - x.mean(axis=axis, keepdims=True)) / x.std(axis=axis, ddof=ddof, keepdims=True))


PLANTED: dict[str, Planted] = {
    "copy": Planted(_of(logits, np.copy), "identical", ("bit for bit",)),
    "same values in float64": Planted(_of(logits, lambda x: x.astype(np.float64)), "same-values", ("without a loss",)),
    "one ulp": Planted(_of(logits, lambda x: x * np.float32(1.0000001)), "equal-within-rounding", ("7 digits",)),
    "another order of additions": Planted(
        _of(logits, lambda x: x + np.float32(1e-6) * x[::-1, ::-1]), "equal-within-rounding", ("6 digits",)
    ),
    "divided by 255": Planted(_of(images, lambda x: x / np.float32(255)), "scale-and-shift", ("right = left / 255",)),
    "bytes divided by 255": Planted(
        _both(images, lambda x: x.astype(np.uint8), lambda x: x / np.float32(255)),
        "scale-and-shift",
        ("right = left / 255",),
    ),
    "times 255": Planted(_both(images, lambda x: x / 255, lambda x: x), "scale-and-shift", ("left * 255",)),
    "to -1..1": Planted(_of(images, lambda x: x / np.float32(127.5) - 1), "scale-and-shift", ("/ 127.5 - 1",)),
    "0..1 against -1..1": Planted(
        _both(images, lambda x: x / np.float32(255), lambda x: x / np.float32(127.5) - 1),
        "scale-and-shift",
        ("2 * left - 1",),
    ),
    "255 against 256": Planted(
        _both(images, lambda x: x / np.float32(255), lambda x: x / np.float32(256)),
        "scale-and-shift",
        ("divided by 256 where left is divided by 255",),
    ),
    "ImageNet from pixels": Planted(
        _of(images, lambda x: (x / 255 - MEAN) / DEVIATION), "channel-scale-and-shift", ("ImageNet mean and deviation",)
    ),
    "ImageNet from 0..1": Planted(
        _both(images, lambda x: x / 255, lambda x: (x / 255 - MEAN) / DEVIATION),
        "channel-scale-and-shift",
        ("left is pixels / 255", "ImageNet mean and deviation"),
    ),
    "ImageNet constants the wrong way round": Planted(
        _of(images, lambda x: (x / 255 - MEAN[::-1]) / DEVIATION[::-1]),
        "channel-scale-and-shift",
        ("reversed (BGR) order",),
    ),
    "ImageNet against -1..1": Planted(
        _both(images, lambda x: (x / 255 - MEAN) / DEVIATION, lambda x: x / np.float32(127.5) - 1),
        "channel-scale-and-shift",
        ("left is ImageNet mean and deviation", "right is pixels / 127.5 - 1"),
    ),
    "caffe": Planted(
        _of(images, lambda x: x[..., ::-1] - CAFFE), "composed", ("channels swapped", "BGR order (caffe)")
    ),
    "channels swapped": Planted(_of(images, lambda x: x[..., ::-1]), "channels-reversed", ("RGB against BGR",)),
    "channels swapped, channels first": Planted(
        _both(images, lambda x: x.transpose(0, 3, 1, 2), lambda x: x[..., ::-1].transpose(0, 3, 1, 2)),
        "channels-reversed",
        ("RGB against BGR", "axis 1"),
    ),
    "channels swapped and divided": Planted(
        _of(images, lambda x: x[..., ::-1] / np.float32(255)), "composed", ("channels swapped", "left / 255")
    ),
    "channels first": Planted(_of(images, lambda x: x.transpose(0, 3, 1, 2)), "transposed", ("NHWC against NCHW",)),
    "channels first, swapped, divided": Planted(
        _of(images, lambda x: (x / np.float32(255)).transpose(0, 3, 1, 2)[:, ::-1]),
        "composed",
        ("NCHW", "channels swapped", "left / 255"),
    ),
    "height and width exchanged": Planted(
        _of(images, lambda x: x.transpose(0, 2, 1, 3)), "transposed", ("axes transposed (0, 2, 1, 3)",)
    ),
    "transposed and cast": Planted(
        _of(logits, lambda x: x.T.astype(np.float16)), "composed", ("axes transposed", "cast to float16")
    ),
    "five axes": Planted(
        _of(lambda r: r.normal(size=(2, 3, 4, 5, 6)), lambda x: x.transpose(4, 0, 2, 1, 3)),
        "transposed",
        ("(4, 0, 2, 1, 3)",),
    ),
    "mirrored": Planted(_of(images, lambda x: x[:, :, ::-1]), "flipped", ("axis 2 (width)",)),
    "upside down": Planted(_of(images, lambda x: x[:, ::-1]), "flipped", ("axis 1 (height)",)),
    "half a pixel": Planted(lambda r: (_waves(0, 0), _waves(0.5, 0.5)), "resampled", ("half a pixel", "+0.50 rows")),
    "float16 and back": Planted(
        _of(logits, lambda x: x.astype(np.float16).astype(np.float32)), "cast", ("float16 and back",)
    ),
    "bfloat16": Planted(_of(logits, lambda x: x.astype(ml_dtypes.bfloat16)), "cast", ("bfloat16",)),
    "bfloat16 cut off": Planted(
        _of(logits, lambda x: (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)), "cast", ("cut off",)
    ),
    "float32": Planted(_of(table, lambda x: x.astype(np.float32)), "cast", ("cast to float32",)),
    "wrapped": Planted(
        _of(lambda r: r.integers(-300, 900, (40, 30)), lambda x: x.astype(np.uint8)), "wrap", ("uint8", "256")
    ),
    "truncated": Planted(_of(table, lambda x: np.trunc(x * 1).astype(np.int32)), "round-to-integer", ("truncated",)),
    "rounded": Planted(_of(table, np.rint), "round-to-integer", ("nearest",)),
    "pixels truncated": Planted(
        _of(lambda r: r.random((20, 30)).astype(np.float32), lambda x: (x * np.float32(255)).astype(np.uint8)),
        "scale-and-round",
        ("255 * left", "truncated"),
    ),
    "three decimals": Planted(_of(table, lambda x: np.round(x, 3)), "decimals", ("3 decimals",)),
    "six decimals of float32": Planted(_of(logits, lambda x: np.round(x, 6)), "decimals", ("6 decimals",)),
    "six significant digits": Planted(
        _of(table, np.vectorize(lambda value: float(f"{value:.6g}"))), "significant-digits", ("6 significant digits",)
    ),
    "standardised, ddof 0": Planted(
        _of(table, lambda x: standard(x, 0)), "standardised", ("7 channels along axis 1", "ddof 0")
    ),
    "standardised, ddof 1": Planted(
        _of(table, lambda x: standard(x, 1)), "standardised", ("7 channels along axis 1", "ddof 1")
    ),
    "ddof 0 against 1": Planted(
        _both(table, lambda x: standard(x, 0), lambda x: standard(x, 1)), "ddof", ("ddof 0, right with ddof 1", "300")
    ),
    "ddof 1 against 0": Planted(
        _both(table, lambda x: standard(x, 1), lambda x: standard(x, 0)), "ddof", ("ddof 1, right with ddof 0", "300")
    ),
    "standardised over everything": Planted(
        _of(table, lambda x: standard(x, 0, None)), "standardised", ("over the whole array", "ddof 0")
    ),
    "standardised row by row": Planted(
        _of(images, lambda x: standard(x, 0, (1, 2, 3))), "standardised", ("each row", "ddof 0")
    ),
    "scaled to 0..1": Planted(
        _of(table, lambda x: (x - x.min(0)) / (x.max(0) - x.min(0))), "min-max", ("smallest and largest",)
    ),
    "clipped at quantiles": Planted(
        _of(table, lambda x: np.clip(x, np.quantile(x, 0.01), np.quantile(x, 0.99))),
        "clipped",
        ("1 % and 99 % quantiles",),
    ),
    "clipped column by column": Planted(
        _of(table, lambda x: np.clip(x, np.quantile(x, 0.05, axis=0), np.quantile(x, 0.95, axis=0))),
        "clipped",
        ("each column", "5 % and 95 % quantiles"),
    ),
    "clipped at constants": Planted(_of(logits, lambda x: np.clip(x, -1, 1)), "clipped", ("clipped to -1..1",)),
    "relu": Planted(_of(logits, lambda x: np.maximum(x, 0)), "clipped", ("relu",)),
    "missing to 0": Planted(_of(_missing, lambda x: np.nan_to_num(x, nan=0.0)), "filled", ("filled with 0",)),
    "missing to the mean": Planted(
        _of(_missing, lambda x: np.where(np.isnan(x), np.nanmean(x, axis=0), x)), "filled", ("mean of their column",)
    ),
    "another code for missing": Planted(
        _both(_missing, lambda x: np.nan_to_num(x, nan=-1), lambda x: np.nan_to_num(x, nan=-999)),
        "replaced",
        ("-1 replaced by -999",),
    ),
    "rows shuffled": Planted(_of(logits, _shuffled(0)), "reordered", ("rows in another order",)),
    "classes shuffled": Planted(_of(logits, _shuffled(1)), "reordered", ("columns or classes",)),
    "rows shuffled and computed again": Planted(
        _of(logits, lambda x: _shuffled(0)(x) + np.float32(1e-6)), "reordered", ("rows in another order", "digits")
    ),
    "labels renamed": Planted(
        _of(lambda r: r.integers(0, 10, 400), lambda x: np.random.default_rng(1).permutation(10)[x]),
        "labels-renamed",
        ("renamed one to one",),
    ),
    "softmax": Planted(_of(logits, _softmax), "softmax", ("right = softmax(left)",)),
    "logits of a softmax": Planted(_both(logits, _softmax, lambda x: x), "softmax", ("left = softmax(right)",)),
    "log softmax": Planted(_of(logits, lambda x: np.log(_softmax(x))), "softmax", ("log(softmax(left))",)),
    "sigmoid": Planted(_of(logits, lambda x: 1 / (1 + np.exp(-x))), "sigmoid", ("sigmoid(left)",)),
    "log": Planted(_of(shares, np.log), "log", ("log(left)",)),
    "unit length": Planted(
        _of(logits, lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)), "norm", ("Euclidean norm",)
    ),
    "the top class": Planted(_of(logits, lambda x: x.argmax(axis=1)), "top-class", ("argmax",)),
    "an axis more": Planted(_of(logits, lambda x: x[:, None]), "reshaped", ("axis of length 1",)),
    "flattened": Planted(_of(images, lambda x: x.reshape(4, -1)), "reshaped", ("reshaped from",)),
    "fewer rows": Planted(_of(logits, lambda x: x[:50]), "more-rows", ("first 50 rows are the same",)),
    "an odd scale and shift": Planted(
        _of(logits, lambda x: np.float32(0.3717123) * x + np.float32(0.25)), "scale-and-shift", ("0.371712", "0.25")
    ),
}
