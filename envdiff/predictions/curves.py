"""The target is a function of the source: logarithm, sigmoid, softmax, a norm of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.grades import Grade
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Checked, Fit
from envdiff.predictions.verify import compare

Array = NDArray[Any]
Function = Callable[[Array], Array]


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _shifted(x: Array) -> Array:
    return np.asarray(x - x.max(axis=1, keepdims=True))


def _softmax(x: Array) -> Array:
    e = np.exp(_shifted(x))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _log_softmax(x: Array) -> Array:
    z = _shifted(x)
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def _by(statistic: Function) -> Function:
    return lambda x: np.asarray(x / statistic(x)[:, None])


def _standard(ddof: int) -> Function:
    return lambda x: np.asarray((x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, ddof=ddof, keepdims=True))


def _adjusted(x: Array) -> Array:
    """tf.image.per_image_standardization: the deviation is at least 1 / sqrt(number of elements)."""
    deviation = np.maximum(x.std(axis=1, keepdims=True), 1 / np.sqrt(x.shape[1]))
    return np.asarray((x - x.mean(axis=1, keepdims=True)) / deviation)


def _min_max(x: Array) -> Array:
    low = x.min(axis=1, keepdims=True)
    return np.asarray((x - low) / (x.max(axis=1, keepdims=True) - low))


ELEMENTWISE: tuple[tuple[str, str, Function], ...] = (
    ("sigmoid", "sigmoid({source})", _sigmoid),
    ("log", "log({source})", np.log),
    ("log", "log(1 + {source})", np.log1p),
    ("log", "log10({source})", np.log10),
    ("log", "log2({source})", np.log2),
    ("log", "log(sigmoid({source}))", lambda x: np.asarray(-np.logaddexp(0, -x))),
    ("curve", "tanh({source})", np.tanh),
    ("curve", "{source} squared", np.square),
    ("curve", "the square root of {source}", np.sqrt),
    ("curve", "the absolute value of {source}", np.abs),
    ("curve", "1 / {source}", np.reciprocal),
    ("curve", "exp({source}) - 1", np.expm1),
)

# The last axis alone, then everything but the first.
BY_VECTOR: tuple[tuple[str, str, Function], ...] = (
    ("softmax", "softmax({source}) over the last axis", _softmax),
    ("softmax", "log(softmax({source})) over the last axis", _log_softmax),
    (
        "norm",
        "{source} divided by the Euclidean norm of each vector of the last axis",
        _by(lambda x: np.linalg.norm(x, axis=1)),
    ),
    ("norm", "{source} divided by the sum of each vector of the last axis", _by(lambda x: x.sum(axis=1))),
)
BY_ROW: tuple[tuple[str, str, Function], ...] = (
    ("standardised", "{source} standardised for each row, ddof 0", _standard(0)),
    ("standardised", "{source} standardised for each row, ddof 1", _standard(1)),
    (
        "standardised",
        "{source} standardised for each row as tf.image.per_image_standardization does",
        _adjusted,
    ),
    ("min-max", "{source} scaled to 0..1 by the smallest and largest value of each row", _min_max),
    ("norm", "{source} divided by the largest value of each row", _by(lambda x: x.max(axis=1))),
    (
        "centred",
        "{source} minus the mean of each row",
        lambda x: np.asarray(x - x.mean(axis=1, keepdims=True)),
    ),
)

# Their values near zero are what is left of larger ones.
_SUBTRACT = frozenset({"standardised", "min-max", "centred", "log", "softmax"})


def curves(pair: Pair, grade: Grade) -> Iterator[Fit]:
    for kind, words, function in ELEMENTWISE:
        yield Fit(kind, f"{{target}} = {words}", _check(function, pair, grade, kind))


def row_curves(pair: Pair, grade: Grade) -> Iterator[Fit]:
    rank = len(pair.shape)
    if rank < 2:
        return
    if pair.shape[-1] > 1:
        for kind, words, function in BY_VECTOR:
            yield Fit(kind, f"{{target}} = {words}", _check(function, pair, grade, kind), whole=1)
    if int(np.prod(pair.shape[1:], dtype=object)) > 2:
        for kind, words, function in BY_ROW:
            yield Fit(kind, f"{{target}} = {words}", _check(function, pair, grade, kind), whole=rank - 1)


def _check(function: Function, pair: Pair, grade: Grade, kind: str) -> Callable[[Array, Array, Array | None], Checked]:
    """The last place of the source matters more the larger it is in an exponential; in a subtraction it stays."""
    fixed = grade.tolerance_at_zero(pair)
    subtracts = kind in _SUBTRACT

    def check(x: Array, y: Array, along: Array | None) -> Checked:  # noqa: ARG001 - the same function everywhere
        wide = x.astype(np.float64)
        with np.errstate(all="ignore"):
            predicted = np.asarray(function(wide), dtype=np.float64)
            tolerance = 4 * grade.eps * _reach(wide) * np.abs(predicted) + fixed
            if subtracts:
                tolerance += grade.eps * (_reach(predicted) - 1)
            else:
                tolerance += grade.eps * 1e-30
        return compare(predicted, y.astype(np.float64), np.where(np.isfinite(tolerance), tolerance, 0.0))

    return check


def _reach(values: Array) -> float:
    return float(min(1 + np.abs(values).max(initial=0.0, where=np.isfinite(values)), 1e4))
