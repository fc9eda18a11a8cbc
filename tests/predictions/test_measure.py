"""Distances, flips, what has no distance, and steadiness."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from envdiff.predictions.answers import Answers
from envdiff.predictions.between import between
from envdiff.predictions.measure import measure, measure_one, measure_outputs
from envdiff.predictions.measured import Standing, Steady
from envdiff.predictions.steady import self_agreement, steadiness


def one(left: object, right: object):
    return measure_one("y", np.asarray(left), "y", np.asarray(right))


def test_the_same_arrays_have_no_distance() -> None:
    values = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    found = one(values, values.copy())
    assert found.standing is Standing.SAME_BITS
    assert (found.max_abs, found.max_rel, found.max_ulp, found.changed, found.flips) == (0, 0, 0, 0, 0)
    assert found.worst == ()


def test_one_element_moved() -> None:
    left = np.arange(40, dtype=np.float32).reshape(8, 5)
    right = left.copy()
    right[3, 4] += 0.5
    found = one(left, right)
    assert found.max_abs == 0.5
    assert found.max_rel == pytest.approx(0.5 / 39)
    assert found.changed == found.changed_values == 1 / 40
    assert found.median_abs == 0
    assert [(row.row, row.max_abs) for row in found.worst] == [(3, 0.5)]
    assert found.histogram == ((-1, 1),)
    assert found.flips == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_neighbours_are_one_ulp_apart(dtype: type) -> None:
    left = np.array([1.0, -1.0, 1e-3, 100.0]).astype(dtype)
    right = (left.view(f"u{left.dtype.itemsize}") + 1).view(left.dtype)
    found = one(left, right)
    assert found.max_ulp == found.median_ulp == 1
    assert found.max_abs > 0


def test_ulps_are_counted_through_zero() -> None:
    tiny = np.float32(1e-45)
    assert one(np.array([tiny]), np.array([-tiny])).max_ulp == 2


def test_signed_zero_is_the_same_value() -> None:
    found = one([0.0, 1.0], [-0.0, 1.0])
    assert found.standing is Standing.SAME_VALUES
    assert found.max_abs == found.max_ulp == found.changed_values == 0
    assert found.changed == 0.5
    assert found.specials.zero_signs == 1


def test_nan_in_the_same_place_is_equal_and_anywhere_else_is_not() -> None:
    nan, inf = np.nan, np.inf
    same = one([1.0, nan, inf, -inf], [1.0, nan, inf, -inf])
    assert same.max_abs == 0
    assert same.specials.nan_both == 1
    found = one([nan, 1.0, inf, 2.0, 3.0], [1.0, nan, -inf, 2.0, nan])
    assert found.max_abs == math.inf
    assert found.changed_values == 0.8
    assert (found.specials.nan_left, found.specials.nan_right, found.specials.infinite) == (1, 2, 1)
    assert "NaN on the left alone" in found.words


def test_flips_and_ties() -> None:
    left = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5], [np.nan, 1.0]])
    right = np.array([[0.2, 0.8], [0.3, 0.7], [0.4, 0.5], [0.0, 1.0]])
    found = one(left, right)
    assert found.flips == 2
    assert found.flips_tied == 1
    assert found.decisions == 4
    assert one(left[:, :1], right[:, :1]).flips is None
    assert one(left[:3].astype(int), right[:3].astype(int)).flips is None


def test_positions_within_rows() -> None:
    left = np.zeros((2, 3, 2))
    left[..., 0] = 1
    right = left.copy()
    right[1, :2] = [0, 1]
    found = one(left, right)
    assert (found.flips, found.flipped_decisions, found.decisions, found.rows) == (1, 2, 6, 2)


NOT_COMPARABLE = [
    (np.zeros(3), np.zeros(4), "shapes differ: 3 on the left, 4 on the right"),
    (np.zeros(()), np.zeros((1, 1)), "a scalar"),
    (np.array([b"a"], object), np.zeros(1), "string on the left, float64 on the right"),
    (np.zeros((0, 2)), np.zeros((3, 2)), "shapes differ"),
    (np.zeros(2, "V4"), np.zeros(2, "V4"), "no distance"),
]


@pytest.mark.parametrize(("left", "right", "words"), NOT_COMPARABLE)
def test_what_cannot_be_compared_is_said(left: np.ndarray, right: np.ndarray, words: str) -> None:
    found = one(left, right)
    assert found.standing is Standing.NOT_COMPARABLE
    assert words in found.words
    assert found.max_abs == math.inf


def test_text_integers_booleans_empty() -> None:
    assert one(np.array([b"a", b"b"], object), np.array(["a", "c"])).changed == 0.5
    assert one(np.array([True, False]), np.array([True, True])).max_abs == 1
    assert one([-(2**63), 0], [2**63 - 1, 0]).max_abs == 2.0**64
    assert one(np.array([2**64 - 1], np.uint64), np.array([-1])).max_abs == 2.0**64
    assert one(np.zeros((0, 3)), np.zeros((0, 3))).standing is Standing.SAME_BITS
    assert one(np.float32([1.5]), np.float64([1.5])).standing is Standing.SAME_VALUES
    assert one(np.array([1 + 1j]), np.array([1 - 1j])).max_abs == 2


def test_constant_and_zero_outputs() -> None:
    assert one([2.0, 2.0], [2.0, 2.0]).range == 2.0
    assert one([0.0, 0.0], [0.0, 0.0]).range is None
    assert one([0.0], [0.0]).max_rel == 0


def test_outputs_are_paired() -> None:
    a, b = np.zeros((3, 2)), np.ones((3, 4))
    assert set(measure({"y": a}, {"other": a}).outputs) == {"y"}
    found = measure_outputs({"p": a, "q": b}, {"r": b, "s": a})
    assert {one.left_name: one.right_name for one in found.outputs.values()} == {"p": "s", "q": "r"}
    found = measure_outputs({"p": a, "q": a}, {"r": a, "s": a})
    assert (found.only_left, found.only_right) == (("p", "q"), ("r", "s"))


FLOATS = hnp.arrays(np.float32, (7, 3), elements=st.floats(width=32, allow_nan=True))


@settings(deadline=None, max_examples=200)
@given(left=FLOATS, right=FLOATS)
def test_a_distance_is_symmetric_and_zero_only_for_equals(left: np.ndarray, right: np.ndarray) -> None:
    forth, back = one(left, right), one(right, left)
    assert forth.max_abs == back.max_abs
    assert forth.max_ulp == back.max_ulp
    assert forth.changed == back.changed
    assert (forth.max_abs == 0) == np.array_equal(left, right, equal_nan=True)
    assert forth.changed_values <= forth.changed


def test_large_outputs_are_measured_as_small_ones_are() -> None:
    random = np.random.default_rng(0)
    left = random.normal(size=(4300, 2000)).astype(np.float32)
    right = left.copy()
    right[4000, 1999] += 2
    right[0, 0] = -0.0
    left[0, 0] = 0.0
    found = one(left, right)
    assert found.max_abs == pytest.approx(2, rel=1e-6)
    assert found.worst[0].row == 4000
    assert found.changed_values == 1 / left.size
    assert found.specials.zero_signs == 1
    assert found.sampled


ROWS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
STEADY = [
    ({}, Steady.NOT_ASKED),
    ({"batch": ROWS}, Steady.NOT_ASKED),
    ({"batch": ROWS, "batch_again": ROWS, "single": ROWS, "concurrent": ROWS}, Steady.STEADY),
    ({"batch": ROWS, "batch_again": ROWS + 1, "single": ROWS}, Steady.CALL_TO_CALL),
    ({"batch": ROWS, "batch_again": ROWS, "single": ROWS + 1}, Steady.BATCH),
    ({"batch": ROWS, "batch_again": ROWS, "single": ROWS, "concurrent": ROWS + 1}, Steady.CONCURRENT),
    ({"batch": ROWS, "batch_again": ROWS + 1, "single": ROWS + 1, "concurrent": ROWS + 1}, Steady.CALL_TO_CALL),
]


@pytest.mark.parametrize(("calls", "word"), STEADY)
def test_steadiness(calls: dict[str, np.ndarray], word: Steady) -> None:
    assert steadiness({name: {"y": array} for name, array in calls.items()}) is word


def test_the_size_of_an_unsteadiness_is_kept() -> None:
    found = self_agreement({"batch": {"y": ROWS}, "batch_again": {"y": ROWS + np.float32(0.5)}})
    assert found.gaps["batch against batch_again"] == pytest.approx(
        0.5 / np.ptp(np.stack([ROWS, ROWS + 0.5])), rel=1e-3
    )


def test_between_two_sides() -> None:
    left = Answers("session", {"batch": {"y": ROWS}, "batch_again": {"y": ROWS}}, "same", notes=("rounded",))
    right = Answers("rest", {"single": {"y": ROWS + 1}}, "other", errors={"batch": "status 400"})
    found = between(left, right)
    assert found.delta.outputs["y"].max_abs == pytest.approx(1, abs=1e-6)
    assert found.delta.steadiness == "left: steady"
    assert any("different rows" in note for note in found.notes)
    assert "right: batch failed: status 400" in found.notes
