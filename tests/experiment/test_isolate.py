"""What did move the answers, shown on real models by real TensorFlow in fresh processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import Captured

from envdiff import api
from envdiff.experiment.request import IsolateRequest
from envdiff.experiment.trials import Budget
from envdiff.report import Isolation

pytestmark = pytest.mark.tensorflow

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
INNOCENT = {
    "TZ": "Asia/Tokyo",
    "PYTHONHASHSEED": "5",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CUDNN_DETERMINISTIC": "1",
}


class Pair:
    """Two environments of one or two interpreters, and what isolating them gives."""

    def __init__(self, captured: Captured, models: Path, folder: Path) -> None:
        self.captured, self.models, self.folder = captured, models, folder

    def __call__(
        self, model: str, left: Path, variables: Mapping[str, str], right: Path | None = None, **more: Any
    ) -> Isolation:
        request = IsolateRequest(
            left=self.captured(left, "left"),
            right=self.captured(right or left, "right", variables),
            model=self.models / model,
            left_python=left,
            right_python=right,
            journal=self.folder / "journal.jsonl",
            **{"jobs": 2, **more},
        )
        return api.isolate(request)


@pytest.fixture
def isolated(captured: Captured, trial_models: Path, tmp_path: Path) -> Pair:
    return Pair(captured, trial_models, tmp_path)


def verdicts(found: Isolation) -> dict[str, str]:
    return {one.name: one.verdict for one in found.switches}


def test_onednn_among_eight_innocent_changes(isolated: Pair, python221: Path) -> None:
    found = isolated("conv", python221, {ONEDNN: "0", **INNOCENT})
    assert found.culprits == (ONEDNN,)
    assert (found.forward, found.backward, found.exact) == (True, True, True)
    assert set(verdicts(found)) == {ONEDNN, *INNOCENT}
    assert {name for name, verdict in verdicts(found).items() if verdict == "cleared"} == set(INNOCENT)
    assert found.trials_run <= 4 + 6
    (row,) = (one for one in found.switches if one.name == ONEDNN)
    assert (row.alone, row.all_but, row.share, row.share_given) == ("moved", "moved", 1.0, 1.0)
    again = isolated("conv", python221, {ONEDNN: "0", **INNOCENT})
    assert (again.trials_run, again.culprits) == (0, found.culprits), "nothing is run twice, across runs too"


def test_a_version_that_matters_only_without_onednn(isolated: Pair, python212: Path, python221: Path) -> None:
    """Added to left, the version moves nothing and the hidden mode is what would be seen; right knows neither."""
    variables = {ONEDNN: "0", "TF_NUM_INTRAOP_THREADS": "1", "LC_ALL": "C", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}
    found = isolated("conv", python212, variables, python221, vary={"way": ("signature", "session")})
    assert set(found.culprits) == {"interpreter", ONEDNN}
    assert found.forward
    assert {"TF_NUM_INTRAOP_THREADS", "LC_ALL", "way"} <= {
        name for name, verdict in verdicts(found).items() if verdict == "cleared"
    }


def test_a_cap_hides_the_math_mode_and_acts_without_onednn_too(isolated: Pair, python221: Path) -> None:
    """With oneDNN off its kernels still serve Eigen's products, so that the cap on them is part of what moves."""
    variables = {ONEDNN: "0", "ONEDNN_MAX_CPU_ISA": "SSE41", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "TZ": "Asia/Tokyo"}
    found = isolated("attention", python221, variables, vary={"digits": (None, 5)}, every_switch=True)
    assert {ONEDNN, "ONEDNN_MAX_CPU_ISA"} <= set(found.culprits)
    assert "TZ" not in found.culprits
    assert "ONEDNN_DEFAULT_FPMATH_MODE" not in found.culprits
    assert found.forward
    assert found.backward
    assert all(one.alone and one.all_but for one in found.switches)


def test_two_that_each_suffice(isolated: Pair, python221: Path) -> None:
    """One processor and one thread are the same to a kernel that divides its work among threads."""
    found = isolated(
        "wide",
        python221,
        {"TF_NUM_INTRAOP_THREADS": "1", "TZ": "Asia/Tokyo"},
        vary={"cpus": (None, 1)},
        every_switch=True,
    )
    if not found.culprits:
        pytest.skip("one thread and two give the same bits on this processor")
    assert sorted(found.sets) == [("TF_NUM_INTRAOP_THREADS",), ("cpus",)]
    assert found.forward
    assert found.backward


def test_two_that_only_move_together(isolated: Pair, python221: Path) -> None:
    """Auto-clustering does nothing on a CPU by itself, nor does XLA's fast arithmetic without it."""
    found = isolated(
        "attention",
        python221,
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math=true", "LC_ALL": "C"},
        vary={"env.TF_XLA_FLAGS": (None, "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit")},
    )
    assert "TF_XLA_FLAGS" in found.culprits
    assert "LC_ALL" not in found.culprits
    assert found.forward


def test_a_random_operation_is_the_finding(isolated: Pair, python221: Path) -> None:
    found = isolated("noisy", python221, {ONEDNN: "0"})
    assert not found.culprits
    assert "noise is the finding" in found.sentence
    assert "random operations without a seed" in found.sentence
    (left, right) = found.unsteady
    assert (left.kind, left.rows, left.steadied_by) == ("between calls", None, ())
    assert right.kind == "between calls"
    assert verdicts(found) == {ONEDNN: "undecided"}


def test_noise_in_some_rows_only(isolated: Pair, python221: Path) -> None:
    found = isolated("some_rows", python221, {ONEDNN: "0"}, budget=Budget(trials=8))
    assert found.unsteady
    rows = found.unsteady[0].rows
    assert rows is not None
    assert 0 < len(rows) < 32


def test_the_shape_of_the_batch(isolated: Pair, python221: Path) -> None:
    found = isolated("batch_sized", python221, {"LC_ALL": "C"}, vary={"calls": (["single"], ["batch"])})
    assert found.culprits == ("calls",)
    assert found.forward
    assert found.backward


def test_numbers_as_text(isolated: Pair, python221: Path) -> None:
    rows = isolated.folder / "rows.npy"
    import numpy as np

    np.save(rows, np.random.default_rng(0).random((6, 12, 16), np.float32))
    found = isolated("attention", python221, {"TZ": "UTC"}, rows=str(rows), vary={"digits": (None, 4)})
    assert found.culprits == ("digits",)


def test_sides_that_answer_alike_have_no_culprit(isolated: Pair, python221: Path) -> None:
    found = isolated("conv", python221, {"TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert not found.culprits
    assert "answer alike bit for bit" in found.sentence


def test_another_interpreter(isolated: Pair, python212: Path, python221: Path) -> None:
    found = isolated("conv", python212, {ONEDNN: "0"}, python221, vary={f"env.{ONEDNN}": ("0", "0")})
    assert found.culprits in ((), ("interpreter",))
    assert {"interpreter"} <= set(verdicts(found))


def test_what_cannot_be_recreated_is_named(isolated: Pair, python212: Path, python221: Path) -> None:
    """Right has another TensorFlow, and nothing here runs it."""
    request = IsolateRequest(
        left=isolated.captured(python221, "left"),
        right=isolated.captured(python212, "right", {ONEDNN: "0"}),
        model=isolated.models / "conv",
        left_python=python221,
        journal=isolated.folder / "journal.jsonl",
    )
    found = api.isolate(request)
    assert found.culprits == (ONEDNN,)
    assert "tensorflow.version" in dict(found.not_recreated)


def test_a_variable_that_does_not_arrive_is_void(isolated: Pair, python221: Path) -> None:
    """A flag that the process does not show was not thrown, whatever the answers say."""
    found = isolated("conv", python221, {ONEDNN: "0"}, vary={"set.runtime.no_such_flag": (None, None)})
    assert found.culprits == (ONEDNN,)
    found = isolated("conv", python221, {ONEDNN: "0"}, vary={"cpus": (None, 64)})
    assert verdicts(found)["cpus"] == "void"
    assert found.culprits == (ONEDNN,)
