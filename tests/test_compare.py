"""Two fingerprints to mismatches: what is the same, what differs, and what cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from builders import GPU, fingerprint
from hypothesis import given
from hypothesis import strategies as st

from envdiff.compare import Comparison, compare, shown_pair
from envdiff.fingerprint import Absent, Unread, Value


def compared(left: dict[str, Any], right: dict[str, Any], **more: Any) -> Comparison:
    return compare(fingerprint(left), fingerprint(right, **more))


def paths(mismatches: Any) -> list[str]:
    return [mismatch.path for mismatch in mismatches]


def test_an_environment_equals_itself() -> None:
    same = compared({}, {})
    assert not (same.mismatches or same.same_in_effect or same.idle or same.incomparable or same.full)


@pytest.mark.parametrize(
    ("left", "right", "mismatches", "same", "idle"),
    [
        ({"env.TF_ENABLE_ONEDNN_OPTS": "0"}, {}, ["setting.onednn"], [], []),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "1"}, {}, [], ["setting.onednn"], []),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "1"}, {"env.TF_ENABLE_ONEDNN_OPTS": "true"}, [], ["setting.onednn"], []),
        ({"env.TF_CUDNN_DETERMINISTIC": "1"}, {}, [], [], ["setting.variable.TF_CUDNN_DETERMINISTIC"]),
        ({"env.TF_NUM_INTRAOP_THREADS": "8"}, {}, [], ["setting.intra_op_threads"], []),
        ({"env.TF_NUM_INTRAOP_THREADS": "2"}, {}, ["setting.intra_op_threads"], [], []),
        ({"env.MY_FLAG": "1"}, {}, ["env.MY_FLAG"], [], []),
        ({"packages.scipy": "1.14.0"}, {}, ["packages.scipy"], [], []),
        ({"env.PYTHONHASHSEED": "random"}, {}, [], ["setting.hash_seed"], []),
    ],
)
def test_what_is_in_force_counts_not_what_was_typed(
    left: dict[str, Any], right: dict[str, Any], mismatches: list[str], same: list[str], idle: list[str]
) -> None:
    result = compared(left, right)
    assert (paths(result.mismatches), paths(result.same_in_effect), paths(result.idle)) == (mismatches, same, idle)


def test_raw_facts_fold_under_the_setting_that_explains_them() -> None:
    (mismatch,) = compared({"env.TF_ENABLE_ONEDNN_OPTS": "0"}, {}).mismatches
    assert mismatch.folded == (("env.TF_ENABLE_ONEDNN_OPTS", Value("0"), Absent()),)


def test_another_device_says_enough_about_its_own_variables() -> None:
    result = compared({**GPU, "env.TF_CUDNN_USE_AUTOTUNE": "0"}, {})
    assert "setting.device" in paths(result.mismatches)
    assert paths(result.idle) == ["setting.variable.TF_CUDNN_USE_AUTOTUNE"]


def test_unread_is_never_equal_not_even_to_unread() -> None:
    missing = {"cpu.flags": None, "cpu.model": None}
    left = fingerprint(missing, unread={"cpu": "no /proc"})
    result = compare(left, left)
    assert not result.mismatches
    assert {gap.path for gap in result.incomparable} >= {"cpu", "setting.onednn", "setting.kernel_isa"}
    assert {gap.side for gap in result.incomparable} == {"both"}


def test_a_section_that_one_side_lacks_is_said_once() -> None:
    result = compared({"model.format": "savedmodel", "model.ops": ["MatMul"]}, {})
    assert [(gap.path, gap.side) for gap in result.incomparable] == [("model", "right")]


def test_of_two_long_lists_only_the_difference_is_shown() -> None:
    one, other = Value(("a", "b", "c", "d", "x")), Value(("a", "b", "c", "d"))
    assert shown_pair(one, other) == ("also x", "nothing that the other lacks")
    assert shown_pair(Unread("why"), Absent()) == ("unread: why", "absent")


FACTS = st.dictionaries(
    st.sampled_from(["env.TF_ENABLE_ONEDNN_OPTS", "env.TF_NUM_INTRAOP_THREADS", "env.XLA_FLAGS", "packages.numpy",
                     "tensorflow.version", "cpu.schedulable", "gpu.count", "env.ODD"]),
    st.sampled_from(["0", "1", "", "2.9.0", "--xla_x=1", 4, None]),
)  # fmt: skip


@given(FACTS, FACTS)
def test_swapping_the_sides_mirrors_the_answer(left: dict[str, Any], right: dict[str, Any]) -> None:
    forth, back = compared(left, right), compared(right, left)
    assert [(m.path, m.left, m.right) for m in forth.mismatches] == [(m.path, m.right, m.left) for m in back.mismatches]
    assert paths(forth.same_in_effect) == paths(back.same_in_effect)
    assert paths(forth.idle) == paths(back.idle)
    assert forth.compared == back.compared


@given(FACTS)
def test_anything_equals_itself(facts: dict[str, Any]) -> None:
    assert not compared(facts, facts).mismatches
