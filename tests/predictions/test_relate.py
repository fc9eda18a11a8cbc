"""Every planted relation is found and named; what is not related is said to be unrelated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from planted import PLANTED

from envdiff.predictions.relate import relate
from envdiff.predictions.relation import Strength

SEEDS = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_relation_is_found_and_named(name: str, seed: int) -> None:
    planted = PLANTED[name]
    left, right = planted.make(np.random.default_rng(seed))
    found = relate(left, right)
    assert found.kind == planted.kind, found.sentence
    for words in planted.words:
        assert words in found.sentence


@settings(deadline=None, max_examples=60)
@given(seed=SEEDS, name=st.sampled_from(sorted(PLANTED)))
def test_whatever_the_numbers(seed: int, name: str) -> None:
    planted = PLANTED[name]
    found = relate(*planted.make(np.random.default_rng(seed)))
    assert found.kind == planted.kind, found.sentence


def _kinds_of_arrays(random: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    makers = {
        "normal": lambda: random.normal(size=shape).astype(np.float32),
        "uniform": lambda: random.random(shape),
        "pixels": lambda: random.integers(0, 256, shape).astype(np.uint8),
        "codes": lambda: random.integers(0, 12, shape),
        "heavy": lambda: random.standard_cauchy(shape).astype(np.float32),
        "smooth": lambda: np.cumsum(random.normal(size=shape), axis=-1).astype(np.float32),
        "probabilities": lambda: random.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32),
    }
    return np.asarray(makers[kind]())


KINDS = ["normal", "uniform", "pixels", "codes", "heavy", "smooth", "probabilities"]
SHAPES = [(5,), (40,), (3, 3), (30, 10), (16, 1), (2, 8, 8, 3), (1000,), (200, 40), (8, 3, 6, 6)]


@settings(deadline=None, max_examples=150)
@given(seed=SEEDS, shape=st.sampled_from(SHAPES), kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)))
def test_never_a_false_relation(seed: int, shape: tuple[int, ...], kinds: tuple[str, str]) -> None:
    random = np.random.default_rng(seed)
    left, right = (_kinds_of_arrays(random, shape, kind) for kind in kinds)
    assume(not np.array_equal(left, right))
    found = relate(left, right)
    assert found.strength is Strength.NONE, found.sentence


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.ones(100), np.arange(100.0)),
        (np.zeros((4, 4)), np.ones((4, 4))),
        (np.arange(3.0), np.arange(3.0) * 2),
        (np.tile([0, 1], 50), np.tile([1, 1, 0, 1], 25)),
        (np.full(50, np.nan), np.arange(50.0)),
    ],
)
def test_degenerate_arrays_are_said_to_be_degenerate(left: np.ndarray, right: np.ndarray) -> None:
    found = relate(left, right)
    assert found.kind == "degenerate"
    assert found.strength is Strength.NONE


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        (np.zeros((0, 4)), np.zeros((0, 4)), "empty"),
        (np.zeros((0, 4)), np.zeros((1, 4)), "not-comparable"),
        (np.array([b"a", b"b"], object), np.array(["a", "b"], object), "identical"),
        (np.array([b"a", b"b"], object), np.array([b"b", b"a"], object), "reordered"),
        (np.array([b"a", b"b"], object), np.arange(2), "not-comparable"),
        (np.array(3.0), np.array(4.0), "degenerate"),
        (np.random.default_rng(0).random((3, 4)), np.random.default_rng(1).random((5, 7)), "not-comparable"),
        (np.array([0.0, 1, 2, -3, -0.0]), np.array([-0.0, 1, 2, -3, -0.0]), "same-values"),
    ],
)
def test_what_has_no_relation_is_put_in_words(left: np.ndarray, right: np.ndarray, kind: str) -> None:
    assert relate(left, right).kind == kind


def test_exceptions_are_told() -> None:
    random = np.random.default_rng(0)
    left = random.integers(0, 256, (4, 30, 30, 3)).astype(np.float32)
    right = left / np.float32(255)
    right[1, 2, 3, 0] = 7.0
    found = relate(left, right)
    assert "right = left / 255" in found.sentence
    assert found.holds < 1
    assert "not for 1 of 10800 elements, the first at [1, 2, 3, 0]" in found.notes[0]


def test_a_noisy_copy_is_alike_and_no_more() -> None:
    random = np.random.default_rng(0)
    left = random.normal(size=(100, 50)).astype(np.float32)
    found = relate(left, left + random.normal(0, 1e-2, left.shape).astype(np.float32))
    assert found.kind == "alike"
    assert found.strength is Strength.NONE


def test_large_arrays_are_verified_on_every_element() -> None:
    left = np.random.default_rng(0).random((3000, 400)).astype(np.float32)
    right = left * np.float32(2)
    assert relate(left, right).holds == 1.0
    right[2999, 399] = -5.0
    found = relate(left, right)
    assert found.holds < 1.0
    assert "[2999, 399]" in found.notes[0]
