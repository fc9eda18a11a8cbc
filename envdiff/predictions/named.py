"""Numbers that people multiply images with, and shapes that a fitted number can be recognised by."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations


@dataclass(frozen=True)
class Normalisation:
    """value = scale * pixel + shift, for a pixel of 0 to 255; three numbers where channels differ, else one."""

    name: str
    scale: tuple[float, ...]
    shift: tuple[float, ...]


def _mean_and_deviation(name: str, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Normalisation:
    """Mean and deviation as given for pixels of 0 to 1."""
    scale = tuple(1 / (255 * d) for d in deviation)
    return Normalisation(name, scale, tuple(-m / d for m, d in zip(mean, deviation, strict=True)))


IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# keras.applications.imagenet_utils, mode "caffe": means in the order blue, green, red.
CAFFE_MEAN = (103.939, 116.779, 123.68)

NORMALISATIONS = (
    Normalisation("pixels 0..255", (1.0,), (0.0,)),
    Normalisation("pixels / 255", (1 / 255,), (0.0,)),
    Normalisation("pixels / 127.5 - 1", (1 / 127.5,), (-1.0,)),
    Normalisation("pixels / 256", (1 / 256,), (0.0,)),
    Normalisation("pixels / 128 - 1", (1 / 128,), (-1.0,)),
    Normalisation("pixels - 127.5", (1.0,), (-127.5,)),
    Normalisation("pixels - 128", (1.0,), (-128.0,)),
    Normalisation("pixels / 255 - 0.5", (1 / 255,), (-0.5,)),
    _mean_and_deviation("ImageNet mean and deviation", IMAGENET_MEAN, IMAGENET_DEVIATION),
    _mean_and_deviation(
        "ImageNet mean and deviation in reversed (BGR) order", IMAGENET_MEAN[::-1], IMAGENET_DEVIATION[::-1]
    ),
    Normalisation("ImageNet means subtracted, BGR order (caffe)", (1.0,) * 3, tuple(-m for m in CAFFE_MEAN)),
    Normalisation("ImageNet means subtracted, RGB order", (1.0,) * 3, tuple(-m for m in CAFFE_MEAN[::-1])),
    _mean_and_deviation("CIFAR-10 mean and deviation", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    _mean_and_deviation("MNIST mean and deviation", (0.1307,), (0.3081,)),
)

# (scale, shift, what it is): relations of one scale and shift that need no talk of pixels.
PLAIN = (
    (1 / 255, 0.0, "{target} = {source} / 255"),
    (255.0, 0.0, "{target} = {source} * 255"),
    (1 / 127.5, -1.0, "{target} = {source} / 127.5 - 1"),
    (127.5, 127.5, "{target} = ({source} + 1) * 127.5"),
    (2.0, -1.0, "{target} = 2 * {source} - 1 (0..1 against -1..1)"),
    (0.5, 0.5, "{target} = ({source} + 1) / 2 (-1..1 against 0..1)"),
    (1 / 256, 0.0, "{target} = {source} / 256"),
    (256.0, 0.0, "{target} = {source} * 256"),
    (255 / 256, 0.0, "{target} = {source} * 255 / 256 (divided by 256 where {source} is divided by 255)"),
    (256 / 255, 0.0, "{target} = {source} * 256 / 255 (divided by 255 where {source} is divided by 256)"),
    (-1.0, 0.0, "{target} = -{source}"),
    (-1.0, 1.0, "{target} = 1 - {source}"),
)


@dataclass(frozen=True)
class NamedAffine:
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    sentence: str


def named_affines(channels: int) -> Iterator[NamedAffine]:
    """Every relation with a name, for one scale and shift (``channels`` 1) or for three channels."""
    if channels == 1:
        for scale, shift, sentence in PLAIN:
            yield NamedAffine((scale,), (shift,), sentence)
    for one, other in permutations(NORMALISATIONS, 2):
        if max(len(one.scale), len(other.scale)) == channels:
            yield _between(one, other, channels)


def _between(one: Normalisation, other: Normalisation, channels: int) -> NamedAffine:
    a0, b0, a1, b1 = (_wide(part, channels) for part in (one.scale, one.shift, other.scale, other.shift))
    scale = tuple(to / of for of, to in zip(a0, a1, strict=True))
    shift = tuple(b - a * start for b, a, start in zip(b1, scale, b0, strict=True))
    return NamedAffine(scale, shift, f"{{source}} is {one.name}; {{target}} is {other.name}")


def _wide(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers * channels if len(numbers) == 1 else numbers


def plain_number(value: float) -> str:
    """Shortest text that is the number to seven digits."""
    return f"{value:.7g}"


def short_numbers(value: float) -> Iterator[float]:
    """Numbers that a person would have typed, near ``value``, the shortest first: 0.25, 1/3, 12.5."""
    if value == 0 or not math.isfinite(value):
        return
    for digits in range(1, 7):
        for candidate in (float(f"{value:.{digits}g}"), 1 / float(f"{1 / value:.{digits}g}")):
            if abs(candidate / value - 1) < 1e-4:
                yield candidate
