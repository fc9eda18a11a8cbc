"""Two pre-processing functions on the same rows: step by step, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions.functions import FunctionTarget, run_function
from envdiff.predictions.rows import rows_from_signature
from envdiff.predictions.tensors import compare_steps, compare_tensors, lines

MODULE = """
import numpy as np
print("a word on standard output")

def left(images):
    yield "raw", images
    yield "floats", images.astype(np.float32)
    yield "scaled", images.astype(np.float32) / np.float32(255)
    yield "mask", {"sum": images.sum(axis=(1, 2, 3)), "max": images.max(axis=(1, 2, 3))}

def right(images):
    yield "raw", images
    yield "floats", images.astype(np.float32)
    yield "scaled", images.astype(np.float32)[..., ::-1] / np.float32(255)
    yield "mask", {"sum": images.sum(axis=(1, 2, 3)), "max": images.max(axis=(1, 2, 3))}

def once(images):
    return images / 255

def both(rows):
    return rows["a"] + rows["b"]

def breaks(images):
    yield "raw", images
    raise ValueError("no such colour")

def odd(images):
    yield images

def ends(images):
    import os
    os._exit(3)

def sleeps(images):
    import time
    time.sleep(60)
"""

ROWS = rows_from_signature([("image", "uint8", [None, 6, 6, 3])], 4)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., object]:
    (tmp_path / "preprocess.py").write_text(MODULE)
    return lambda name, rows=ROWS, **more: run_function(
        FunctionTarget(f"preprocess:{name}", folder=tmp_path, **more), rows
    )


def test_the_first_step_that_differs_is_named(run: Callable[..., object]) -> None:
    report = compare_steps(run("left"), run("right"))
    assert [one.name for one in report.compared] == ["raw", "floats", "scaled", "mask.sum", "mask.max"]
    assert report.first_difference == "scaled"
    text = "\n".join(lines(report))
    assert "scaled: channels swapped (RGB against BGR" in text
    assert "the first array that differs is scaled" in text
    assert "no bit is left over" in text


def test_a_function_may_return_one_array(run: Callable[..., object]) -> None:
    found = run("once")
    assert [name for name, _ in found.steps] == ["result"]
    assert np.array_equal(found.steps[0][1]["values"], ROWS.arrays["image"] / 255)


def test_several_inputs_are_a_dict(run: Callable[..., object]) -> None:
    rows = rows_from_signature([("a", "float32", [None]), ("b", "float32", [None])], 3)
    assert np.array_equal(run("both", rows).steps[0][1]["values"], rows.arrays["a"] + rows.arrays["b"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("breaks", "ValueError: no such colour"),
        ("odd", "a step must be a"),
        ("missing", "no attribute 'missing'"),
        ("ends", "ended with status 3"),
    ],
)
def test_a_function_that_fails_is_told(name: str, words: str, run: Callable[..., object]) -> None:
    with pytest.raises(WorldFailed) as caught:
        run(name)
    assert words in caught.value.message


def test_a_function_that_takes_too_long_is_ended(run: Callable[..., object]) -> None:
    with pytest.raises(WorldFailed, match="no answer within"):
        run("sleeps", seconds=1.5)


def test_names_and_interpreters_that_are_none(run: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="is not MODULE:FUNCTION"):
        run_function(FunctionTarget("preprocess"), ROWS)
    with pytest.raises(UnusableInput, match="no interpreter"):
        run("once", python=str(tmp_path / "nothing"))


def test_dumps_in_words() -> None:
    random = np.random.default_rng(0)
    left = random.normal(size=(50, 10)).astype(np.float32)
    report = compare_tensors({"a": left, "b": left, "c": left}, {"a": left, "b": left[:, ::-1], "d": left[:3]})
    text = list(lines(report))
    assert text[0] == "a: right = left, bit for bit"
    assert text[1].startswith("b: flipped along axis 1")
    assert "the top class of" in text[2]
    assert any(line.startswith("c / d: shapes differ") for line in text)
    assert report.first_difference == "b"
    assert not report.same
    assert compare_tensors({"a": left}, {"z": left.copy()}).same


def test_arrays_under_each_others_names_are_said_to_have_changed_places() -> None:
    random = np.random.default_rng(7)
    ids, mask, other = random.integers(0, 30_000, (8, 64)), random.integers(0, 2, (8, 64)), random.normal(size=(8, 64))

    report = compare_tensors({"ids": ids, "mask": mask, "other": other}, {"ids": mask, "mask": ids, "other": other})

    assert [one.relation.kind for one in report.compared[:2]] == ["exchanged", "exchanged"]
    assert "right has it under the name mask" in report.compared[0].relation.sentence
    assert report.compared[2].same
