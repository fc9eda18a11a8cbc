"""Which switches two fingerprints give, in which order, and what is named as lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from builders import BASE, BOOK, GPU, fingerprint

from envdiff.compare import compare
from envdiff.experiment.derive import Ends, plan, same_place
from envdiff.experiment.switches import Plan
from envdiff.explain import explain

HERE = Ends(python="/left/python", model="/model", versions=(BASE, BASE))


def planned(right: Mapping[str, Any], left: Mapping[str, Any] | None = None, ends: Ends = HERE) -> Plan:
    comparison = compare(fingerprint(left, label="left"), fingerprint(right, label="right"))
    return plan(explain(comparison, BOOK), comparison, ends)


def knobs(made: Plan) -> dict[str, tuple[Any, ...]]:
    return {one.name: (*one.left.values(), *one.right.values()) for one in made.switches}


CASES: list[tuple[dict[str, Any], dict[str, tuple[Any, Any]]]] = [
    ({"env.TF_ENABLE_ONEDNN_OPTS": "0"}, {"TF_ENABLE_ONEDNN_OPTS": (None, "0")}),
    ({"env.LANG": "de_DE.UTF-8"}, {"LANG": ("C.UTF-8", "de_DE.UTF-8")}),
    ({"env.TZ": "Asia/Tokyo", "os.timezone": "Asia/Tokyo"}, {"TZ": (None, "Asia/Tokyo")}),
    ({"env.PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": (None, "0")}),
    ({"env.XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}, {"XLA_FLAGS": (None, "--xla_cpu_enable_fast_math=true")}),
    ({"env.LD_LIBRARY_PATH": "/somewhere/else"}, {}),
    ({"runtime.threads.intra": 4}, {"threads.intra": (0, 4)}),
    ({"runtime.jit": "autoclustering"}, {"jit": ("", "autoclustering")}),
    ({"runtime.grappler.remapping": False}, {"grappler.remapping": (None, False)}),
    ({"runtime.run_eagerly": True}, {"run_eagerly": (False, True)}),
    ({"keras.dtype_policy": "mixed_bfloat16"}, {"keras.dtype_policy": ("float32", "mixed_bfloat16")}),
    ({"cpu.schedulable": 1}, {"processors": (8, 1)}),
]


@pytest.mark.parametrize(
    ("right", "expected"), CASES, ids=lambda case: ",".join(case) if isinstance(case, dict) else None
)
def test_each_kind_of_mismatch_has_its_switch(
    right: dict[str, Any], expected: dict[str, tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = {
        "runtime.threads.intra": 0,
        "runtime.jit": "",
        "runtime.run_eagerly": False,
        "keras.dtype_policy": "float32",
    }
    if "cpu.schedulable" in right:
        import os

        if len(os.sched_getaffinity(0)) < 8:
            expected = {}
    assert knobs(planned({**base, **right}, base)) == expected


def test_a_processor_without_the_instructions_is_overruled_by_the_variable() -> None:
    """Neither side sets the variable: the processor decides, which another processor can only be told to do."""
    made = planned({"cpu.flags": ["avx", "avx2", "fma", "sse4_1"], "cpu.model": "older"})
    assert knobs(made)["onednn"] == ("1", "0")
    assert knobs(made)["instruction set"] == ("AVX512_CORE", "AVX2")


def test_a_flag_that_follows_a_variable_has_no_switch_of_its_own() -> None:
    left, right = {"runtime.op_determinism": False}, {"runtime.op_determinism": True, "env.TF_DETERMINISTIC_OPS": "1"}
    assert list(knobs(planned(right, left))) == ["TF_DETERMINISTIC_OPS"]


def test_the_likeliest_comes_first_and_what_the_user_names_before_all() -> None:
    right = {"env.TZ": "UTC", "env.OMP_NUM_THREADS": "1", "env.TF_ENABLE_ONEDNN_OPTS": "0"}
    names = [one.name for one in planned(right, None, HERE).switches]
    assert names[0] == "TF_ENABLE_ONEDNN_OPTS"
    ends = Ends(python="/p", model="/m", vary={"way": ("signature", "session")}, versions=(BASE, BASE))
    assert [one.name for one in planned(right, None, ends).switches][:2] == ["way", "TF_ENABLE_ONEDNN_OPTS"]


@pytest.mark.parametrize(
    ("right", "about", "said"),
    [
        ({"tensorflow.version": "2.12.1"}, "tensorflow.version", "--right-python"),
        (GPU, "setting.device", "GPU"),
        ({"model.weights.digest": "b"}, "model.weights.digest", "--vary model"),
        ({"os.libc.version": "2.17"}, "setting.libc", "--right-image"),
    ],
)
def test_what_cannot_be_thrown_is_named_with_the_way_out(right: dict[str, Any], about: str, said: str) -> None:
    left = {"model.weights.digest": "a"} if about.startswith("model") else {}
    made = planned(right, left)
    lost = {one.about: one.why for one in made.lost}
    if about in lost:
        assert said in lost[about]
    else:
        assert not any(one.about == about for one in made.switches)


def test_an_interpreter_brings_its_packages() -> None:
    other = {**BASE, "tensorflow.version": "2.12.1"}
    ends = Ends(python="/left", model="/m", right_python="/right", versions=(BASE, other))
    made = planned({"tensorflow.version": "2.12.1", "packages.numpy": "1.23.5"}, None, ends)
    assert [one.name for one in made.switches] == ["interpreter"]
    assert not made.lost
    (switch,) = made.switches
    assert switch.void(thrown=True, evidence={"tensorflow.version": "2.15.1"})
    assert not switch.void(thrown=True, evidence={"tensorflow.version": "2.12.1"})


def test_what_an_image_sets_goes_with_the_image_unless_its_default_can_be_said() -> None:
    ends = Ends(python="/left", model="/m", image="serving:1", versions=(BASE, BASE))
    right = {"env.TF_ENABLE_ONEDNN_OPTS": "0", "env.TZ": "Asia/Tokyo", "env.MODEL_NAME": "model"}
    made = planned(right, None, ends)
    assert knobs(made)["TF_ENABLE_ONEDNN_OPTS"] == ("1", "0")
    assert set(knobs(made)) == {"image", "TF_ENABLE_ONEDNN_OPTS"}


def test_a_server_on_one_side_is_another_entry_point() -> None:
    made = planned({"serving.version": "2.15.1"})
    assert knobs(made)["entry point"] == ("signature", "session")


def test_the_knobs_of_a_combination() -> None:
    made = planned({"env.TF_ENABLE_ONEDNN_OPTS": "0", "env.TZ": "UTC"})
    left, some = made.knobs(()), made.knobs({"TZ"})
    assert (left["env.TF_ENABLE_ONEDNN_OPTS"], left["env.TZ"]) == (None, None)
    assert (some["env.TF_ENABLE_ONEDNN_OPTS"], some["env.TZ"]) == (None, "UTC")
    assert left["env.LANG"] == "C.UTF-8"
    assert made.void({"TZ"}, {"env.TZ": "UTC"}) == ""
    assert "TZ" in made.void({"TZ"}, {})
    assert "TF_ENABLE_ONEDNN_OPTS" in made.void((), {"env.TF_ENABLE_ONEDNN_OPTS": "0"})


def test_another_interpreter_than_the_fingerprints_is_said() -> None:
    assert "2.21.0 here and 2.15.1" in same_place(fingerprint(), {"tensorflow.version": "2.21.0"})
    assert same_place(fingerprint(), BASE) == ""
