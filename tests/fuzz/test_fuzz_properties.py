"""Every reader against what hypothesis makes of its seeds: an answer, or an error that a person can read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
sys.path.extend(str(folder) for folder in (HERE.parent, HERE.parent / "model", HERE.parents[1] / "probes"))

from fuzz_targets import TARGETS  # noqa: E402  found by what stands above
from test_model_fuzz import mutations  # noqa: E402

# Each of these is read by another process, or forks.
SLOW = {"hdf5", "hdf5_inside", "keras"}
SOME = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize("name", sorted(set(TARGETS) - SLOW))
@given(data=st.data(), mutate=mutations())
@SOME
def test_a_changed_seed(name: str, tmp_path: Path, data: st.DataObject, mutate: Callable[[bytes], bytes]) -> None:
    target = TARGETS[name]

    target.tried(mutate(data.draw(st.sampled_from(target.seeds()))), tmp_path)


@pytest.mark.parametrize("name", sorted(set(TARGETS) - SLOW))
@given(raw=st.binary(max_size=300))
@SOME
def test_any_bytes(name: str, tmp_path: Path, raw: bytes) -> None:
    TARGETS[name].tried(raw, tmp_path)
