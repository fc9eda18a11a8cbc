"""Planted changes in weights, and what envdiff calls them."""

from __future__ import annotations

from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
from model_writing import write_saved_model

from envdiff.model.bundle import appended
from envdiff.model.compare import ModelDiff, diff
from envdiff.model.compare_weights import Relation
from envdiff.model.facts import model_facts
from envdiff.model.requires import crc32c

RANDOM = np.random.default_rng(1)
BASE = {
    "first/kernel": RANDOM.normal(size=(5, 7)).astype("float32"),
    "first/bias": RANDOM.normal(size=7).astype("float32"),
    "norm/gamma": RANDOM.normal(size=7).astype("float32"),
    "norm/moving_mean": RANDOM.normal(size=7).astype("float32"),
    "second/kernel": RANDOM.normal(size=(7, 7)).astype("float32"),
}


def compared(tmp_path: Path, right: dict[str, np.ndarray], left: dict[str, np.ndarray] = BASE) -> ModelDiff:
    paths = [write_saved_model(tmp_path / side, arrays=one) for side, one in (("left", left), ("right", right))]
    return diff(*paths)


def with_changed(**changes: np.ndarray) -> dict[str, np.ndarray]:
    return {name: changes.get(name.replace("/", "_"), array) for name, array in BASE.items()}


def test_equal(tmp_path: Path) -> None:
    found = compared(tmp_path, BASE)
    assert found.weights.relation is Relation.EQUAL
    assert found.same


def test_other_names(tmp_path: Path) -> None:
    found = compared(tmp_path, {f"model/{number}": array for number, array in enumerate(BASE.values())})
    assert found.weights.relation is Relation.RENAMED
    assert ("first/kernel", "model/0") in found.weights.renamed
    assert found.same


def test_one_element_by_one_ulp(tmp_path: Path) -> None:
    kernel = BASE["first/kernel"].copy()
    kernel[2, 3] = np.nextafter(kernel[2, 3], np.float32(9))
    found = compared(tmp_path, with_changed(first_kernel=kernel)).weights
    assert found.relation is Relation.ONE
    change = found.changes[0]
    assert (change.left.name, change.changed, change.total, change.max_ulp) == ("first/kernel", 1, 35, 1)
    assert change.max_abs == pytest.approx(float(kernel[2, 3]) - float(BASE["first/kernel"][2, 3]))
    assert "1 ULP" in found.sentence


def test_ulps_across_zero(tmp_path: Path) -> None:
    tiny = np.full(1, np.float32(1e-45))
    found = compared(tmp_path, {"w": -tiny}, {"w": tiny}).weights
    assert found.changes[0].max_ulp == 2


def test_all_differ(tmp_path: Path) -> None:
    found = compared(tmp_path, {name: array + np.float32(1) for name, array in BASE.items()})
    assert found.weights.relation is Relation.ALL
    assert not found.same


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_cast(tmp_path: Path, name: str) -> None:
    kind = np.dtype(getattr(ml_dtypes, name, None) or name)
    found = compared(tmp_path, {key: array.astype(kind) for key, array in BASE.items()}).weights
    assert found.relation is Relation.CAST
    assert f"float32 -> {name}" in found.sentence


def test_cast_there_and_back(tmp_path: Path) -> None:
    rounded = {name: array.astype(ml_dtypes.bfloat16).astype("float32") for name, array in BASE.items()}
    found = compared(tmp_path, rounded).weights
    assert found.relation is Relation.ROUNDED
    assert "bfloat16" in found.sentence


def test_transposed_also_when_square(tmp_path: Path) -> None:
    turned = {name: np.ascontiguousarray(array.T) for name, array in BASE.items()}
    found = compared(tmp_path, turned).weights
    assert found.relation is Relation.TRANSPOSED
    assert {one.left.name for one in found.changes} == {"first/kernel", "second/kernel"}


def test_fresh_initialisation(tmp_path: Path) -> None:
    fresh = {name: RANDOM.normal(size=array.shape).astype("float32") for name, array in BASE.items()}
    fresh |= {name: np.zeros(7, "float32") for name in ("first/bias", "norm/moving_mean")}
    found = compared(tmp_path, fresh | {"norm/gamma": np.ones(7, "float32")}).weights
    assert found.relation is Relation.FRESH
    assert "the right looks like a fresh initialisation" in found.sentence


def test_moving_statistics_only(tmp_path: Path) -> None:
    found = compared(tmp_path, with_changed(norm_moving_mean=BASE["norm/moving_mean"] * 2)).weights
    assert found.relation is Relation.MOVING_STATISTICS


def test_other_shapes(tmp_path: Path) -> None:
    found = compared(tmp_path, {"first/kernel": np.zeros((2, 2), "float32")}).weights
    assert found.relation is Relation.OTHER_TENSORS
    assert found.only_left


def test_nan_and_infinity_are_values(tmp_path: Path) -> None:
    odd = np.array([np.nan, np.inf, -0.0, 1], "float32")
    assert compared(tmp_path, {"w": odd}, {"w": odd.copy()}).weights.relation is Relation.EQUAL
    change = compared(tmp_path, {"w": np.array([1, 1, 0, 1], "float32")}, {"w": odd}).weights.changes[0]
    assert change.changed == 3
    assert change.max_abs == 0  # among the finite ones


def test_digest_is_the_same_in_hdf5_and_sharded(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        for name, array in BASE.items():
            file.create_dataset(f"layers/{name}", data=array)
    plain = write_saved_model(tmp_path / "plain", arrays=BASE)
    sharded = write_saved_model(tmp_path / "sharded", arrays=BASE, shards=3)
    readings = [model_facts(path).facts for path in (tmp_path / "model.weights.h5", plain, sharded)]
    assert len({one["model.weights.digest"] for one in readings}) == 1
    assert diff(plain, tmp_path / "model.weights.h5").same


def test_names_count_in_the_named_digest(tmp_path: Path) -> None:
    left = write_saved_model(tmp_path / "left", arrays=BASE)
    right = write_saved_model(tmp_path / "right", arrays={f"m/{name}": array for name, array in BASE.items()})
    ours, theirs = (model_facts(one).facts for one in (left, right))
    assert ours["model.weights.digest"] == theirs["model.weights.digest"]
    assert ours["model.weights.named_digest"] != theirs["model.weights.named_digest"]


@pytest.mark.parametrize(("first", "second"), [(b"", b""), (b"a", b""), (b"", b"b"), (b"abc" * 99, b"x" * 12345)])
def test_checksums_of_joined_bytes(first: bytes, second: bytes) -> None:
    value = crc32c().value
    assert appended(value(first), value(second), len(second)) == value(first + second)


def test_rendering_is_plain_and_json_able(tmp_path: Path) -> None:
    import json

    found = compared(tmp_path, with_changed(first_kernel=BASE["first/kernel"] + np.float32(0.5)))
    assert any("first/kernel" in line for line in found.lines())
    assert json.loads(json.dumps(found.as_json()))["same"] is False
