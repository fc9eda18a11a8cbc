"""Readers against mutations of real small files: an answer or UnusableInput, nothing else, and soon."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envdiff.errors import UnusableInput
from envdiff.model.compare import diff
from envdiff.model.facts import model_facts
from envdiff.model.show import described

QUICK = settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A few bytes set, a stretch cut, doubled or blanked."""
    edits = draw(
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255), st.integers(0, 3), st.integers(1, 40)), max_size=6)
    )

    def mutate(data: bytes) -> bytes:
        out = bytearray(data)
        for place, value, kind, size in edits:
            at = int(place * max(len(out) - 1, 0))
            stretch = {0: bytes([value]) + out[at + 1 : at + size], 1: b"", 2: out[at : at + size] * 2, 3: bytes(size)}
            out[at : at + size] = stretch[kind]
        return bytes(out)

    return mutate


def survives(path: Path) -> None:
    with contextlib.suppress(UnusableInput):
        described(model_facts(path, verify_weights=True)).lines()
        diff(path, path).lines()


@pytest.fixture
def copy(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded / "tf1_dropout", tmp_path / "model"))


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@given(mutate=mutations())
@QUICK
def test_saved_model(copy: Path, recorded: Path, name: str, mutate: Callable[[bytes], bytes]) -> None:
    (copy / name).write_bytes(mutate((recorded / "tf1_dropout" / name).read_bytes()))
    survives(copy)


@given(mutate=mutations())
@QUICK
def test_tflite(tmp_path: Path, recorded: Path, mutate: Callable[[bytes], bytes]) -> None:
    (tmp_path / "dense.tflite").write_bytes(mutate((recorded.parent / "keras" / "dense.tflite").read_bytes()))
    survives(tmp_path / "dense.tflite")


@pytest.mark.parametrize("name", ["dense.h5", "dense.keras"])
@given(mutate=mutations())
@settings(QUICK, max_examples=15, deadline=None)
def test_files_of_keras(tmp_path: Path, recorded: Path, name: str, mutate: Callable[[bytes], bytes]) -> None:
    """Few: each is read by a process of its own. The reader inside that process is fuzzed by itself."""
    (tmp_path / name).write_bytes(mutate((recorded.parent / "keras" / name).read_bytes()))
    survives(tmp_path / name)


@given(st.binary(max_size=400))
@QUICK
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    for name in ("a.h5", "a.keras", "a.tflite", "saved_model.pb"):
        (tmp_path / name).write_bytes(data)
        survives(tmp_path / name)


def test_the_unchanged_files_are_read(recorded: Path) -> None:
    for name in ("dense.h5", "dense.keras"):
        assert model_facts(recorded.parent / "keras" / name).facts["model.weights.count"] == 4
    with h5py.File(recorded.parent / "keras/dense.h5") as file:
        assert np.isfinite(file["model_weights/first/first/bias:0"][:]).all()
