"""Two sets of outputs -> how far apart they are, output by output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.dtypes import dtype_name, is_floating, is_text
from envdiff.predictions.measure_numbers import LARGE, Tally, distances, sample, tally
from envdiff.predictions.measured import Measured, OutputMeasure, Specials, Standing
from envdiff.predictions.top_class import Tops, top_classes
from envdiff.report import Delta, OutputDelta, WorstRow

Array = NDArray[Any]
WORST = 5  # rows named


def measure(left: Mapping[str, Array], right: Mapping[str, Array], steadiness: str = "") -> Delta:
    """The difference as a report holds it. For the picture of it see :func:`measure_outputs`."""
    return to_delta(measure_outputs(left, right), steadiness)


def measure_outputs(left: Mapping[str, Array], right: Mapping[str, Array]) -> Measured:
    """Outputs are paired by name; a single one left over on each side is paired whatever it is called."""
    pairs, only_left, only_right = pair_names(left, right)
    outputs = {name: measure_one(name, left[name], other, right[other]) for name, other in pairs}
    return Measured(outputs, only_left, only_right)


def to_delta(measured: Measured, steadiness: str = "") -> Delta:
    outputs = {name: _output_delta(one) for name, one in measured.outputs.items()}
    return Delta(outputs, steadiness)


def _output_delta(one: OutputMeasure) -> OutputDelta:
    return OutputDelta(
        one.max_abs, one.max_rel, one.max_ulp, one.changed, one.flips, one.rows, one.median_abs, one.median_rel,
        one.worst, one.histogram, one.words,
    )  # fmt: skip


def pair_names(
    left: Mapping[str, Array], right: Mapping[str, Array]
) -> tuple[list[tuple[str, str]], tuple[str, ...], tuple[str, ...]]:
    """(left name, right name) pairs, and what is left over. By name, then by shape and dtype if unique."""
    pairs = [(name, name) for name in left if name in right]
    rest_left = [name for name in left if name not in right]
    rest_right = [name for name in right if name not in left]
    if len(rest_left) == len(rest_right) == 1:
        return [*pairs, (rest_left[0], rest_right[0])], (), ()
    for name in tuple(rest_left):
        twins = [other for other in rest_right if _alike(left[name], right[other])]
        rivals = [other for other in rest_left if _alike(left[name], left[other])]
        if len(twins) == len(rivals) == 1:
            pairs.append((name, twins[0]))
            rest_left.remove(name)
            rest_right.remove(twins[0])
    return pairs, tuple(rest_left), tuple(rest_right)


def _alike(one: Array, other: Array) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype


def measure_one(left_name: str, left: Array, right_name: str, right: Array) -> OutputMeasure:
    """Never raises for what the arrays hold: what cannot be compared is said in ``words``."""
    with np.errstate(all="ignore"):
        return _measure_one(left_name, np.asarray(left), right_name, np.asarray(right))


def _measure_one(left_name: str, left: Array, right_name: str, right: Array) -> OutputMeasure:
    names: dict[str, Any] = {
        "left_name": left_name,
        "right_name": right_name,
        "left_dtype": dtype_name(left),
        "right_dtype": dtype_name(right),
        "left_shape": left.shape,
        "right_shape": right.shape,
    }
    obstacle = _obstacle(left, right)
    if obstacle:
        rows = max((shape[0] if shape else 1) for shape in (left.shape, right.shape))
        return OutputMeasure(
            **names,
            standing=Standing.NOT_COMPARABLE,
            words=obstacle,
            rows=rows,
            max_abs=math.inf,
            changed=1.0,
            changed_values=1.0,
        )
    if left.size == 0:
        return OutputMeasure(**names, standing=Standing.SAME_BITS, words=f"empty on both sides, shape {left.shape}")
    first, second = np.atleast_1d(left), np.atleast_1d(right)
    if is_text(left.dtype):
        return _measure_text(names, first, second)
    return _measure_numbers(names, first, second)


def _obstacle(left: Array, right: Array) -> str:
    if left.shape != right.shape:
        return f"shapes differ: {_shape(left)} on the left, {_shape(right)} on the right"
    if is_text(left.dtype) != is_text(right.dtype):
        return f"{dtype_name(left)} on the left, {dtype_name(right)} on the right"
    for side, array in (("left", left), ("right", right)):
        if array.dtype.kind in "VMm" and not is_floating(array.dtype):
            return f"the {side} side has dtype {array.dtype}, which has no distance"
    return ""


def _shape(array: Array) -> str:
    return "×".join(map(str, array.shape)) or "a scalar"


def _measure_text(names: dict[str, Any], left: Array, right: Array) -> OutputMeasure:
    """Text is equal or not, element by element; str and its UTF-8 bytes are the same text."""
    other = np.fromiter(map(_other_text, left.reshape(-1), right.reshape(-1)), bool, left.size)
    changed = int(other.sum())
    standing = Standing.DIFFERS if changed else Standing.SAME_BITS
    rows = other.reshape(left.shape[0], -1).any(axis=1)
    share = changed / left.size
    return OutputMeasure(
        **names,
        standing=standing,
        words=f"{changed} of {left.size} strings differ" if changed else "",
        rows=left.shape[0],
        elements=left.size,
        max_abs=math.inf if changed else 0.0,
        median_abs=math.inf if share > 0.5 else 0.0,
        changed=share,
        changed_values=share,
        worst=tuple(WorstRow(int(row), math.inf) for row in np.flatnonzero(rows)[:WORST]),
    )


def _other_text(left: object, right: object) -> bool:
    return _as_bytes(left) != _as_bytes(right)


def _as_bytes(text: object) -> object:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _measure_numbers(names: dict[str, Any], left: Array, right: Array) -> OutputMeasure:
    even = sample(left, right)
    found = tally(left, right, even)
    specials = found.found()
    max_abs = float(found.row_max.max())
    median_abs, median_ulp = even.median_abs, even.median_ulp
    spread = _spread(found)
    tops = top_classes(left, right) if found.changed and left.size <= LARGE else None
    return OutputMeasure(
        **names,
        standing=_standing(found, left, right),
        words=_words(names, specials, found),
        rows=left.shape[0],
        elements=left.size,
        max_abs=max_abs,
        median_abs=median_abs,
        max_rel=_relative(max_abs, spread),
        median_rel=_relative(median_abs, spread),
        range=spread,
        max_ulp=found.max_ulp if median_ulp is not None else None,
        median_ulp=median_ulp,
        changed=found.changed / left.size,
        changed_values=found.changed_values / left.size,
        specials=specials,
        worst=_worst(found.row_max, left, right),
        histogram=tuple(sorted(found.histogram.items())),
        sampled=even.size,
        **_flips(tops, left),
    )


def _flips(tops: Tops | None, left: Array) -> dict[str, Any]:
    if not (left.ndim > 1 and left.shape[-1] > 1 and is_floating(left.dtype)):
        return {}
    if tops is None and left.size > LARGE:
        return {}
    decisions = left.size // left.shape[-1]
    if tops is None:
        return {"flips": 0, "decisions": decisions}
    return {
        "flips": tops.rows,
        "flips_tied": tops.tied_rows,
        "decisions": decisions,
        "flipped_decisions": tops.positions,
    }


def _spread(found: Tally) -> float | None:
    """Largest minus smallest finite value; the magnitude when all are alike; None when nothing is finite or all is 0."""
    if not found.low <= found.high:
        return None
    return (found.high - found.low) or abs(found.high) or None


def _relative(distance: float, spread: float | None) -> float | None:
    if distance == 0:
        return 0.0
    return None if spread is None else distance / spread


def _standing(found: Tally, left: Array, right: Array) -> Standing:
    if found.changed_values:
        return Standing.DIFFERS
    return Standing.SAME_BITS if found.changed == 0 and left.dtype == right.dtype else Standing.SAME_VALUES


def _words(names: dict[str, Any], specials: Specials, found: Tally) -> str:
    said = [
        (
            names["left_dtype"] != names["right_dtype"],
            f"{names['left_dtype']} on the left, {names['right_dtype']} on the right",
        ),
        (specials.nan_left, f"{specials.nan_left} NaN on the left alone"),
        (specials.nan_right, f"{specials.nan_right} NaN on the right alone"),
        (specials.nan_both, f"{specials.nan_both} NaN in the same place on both sides"),
        (specials.infinite, f"{specials.infinite} infinities that the other side does not have"),
        (specials.zero_signs, f"{specials.zero_signs} zeros of another sign, which is the same value"),
        (found.low == found.high, "every finite value is the same number"),
    ]
    return "; ".join(words for applies, words in said if applies)


def _worst(row_max: Array, left: Array, right: Array) -> tuple[WorstRow, ...]:
    """Rows with the largest distances, the first among equals."""
    order = np.argsort(-row_max, kind="stable")[:WORST]
    classes = left.ndim == 2 and left.shape[1] > 1 and is_floating(left.dtype)
    return tuple(
        WorstRow(
            int(row),
            float(row_max[row]),
            int(left[row].argmax()) if classes else None,
            int(right[row].argmax()) if classes else None,
        )
        for row in order
        if row_max[row] > 0
    )


def largest(left: Mapping[str, Array], right: Mapping[str, Array]) -> tuple[bool, float]:
    """Whether any output differs in value, and the largest distance relative to its output's range.

    Outputs that only one side has, or that cannot be compared, are infinitely far apart.
    """
    measured = measure_outputs(left, right)
    if measured.only_left or measured.only_right:
        return True, math.inf
    differs = [one for one in measured.outputs.values() if one.changed_values or one.changed]
    return bool(differs), max((_far(one) for one in differs), default=0.0)


def _far(one: OutputMeasure) -> float:
    return math.inf if one.max_rel is None else one.max_rel


__all__ = ["distances", "largest", "measure", "measure_one", "measure_outputs", "pair_names", "to_delta"]
