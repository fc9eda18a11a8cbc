"""The judgement on real reports: their cause comes first, and what nobody found out is not claimed.

``python tests/ranking/score.py`` prints the tables behind these numbers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ranking.score import HERE, Judged, cases, judge, load, shares

CASES = cases()
BACKGROUND = load(HERE / "background.yaml")

# Known not to come first, and why; whoever improves the ranking takes a name away.
NOT_FIRST: dict[str, str] = {
    "M19": "the Keras that came with a build of TensorFlow has a known visible change, and stands before it",
    "M21": "of an unknown model: whether it computes in int8 is not known, so float32 kernels stand first",
    "N05": "a frozen graph in training mode: neither it nor the TensorFlow Lite file made of it says so",
    "N45": "without a difference a time zone is no finding where no program was captured; the first sentence names it",
    "E09": "Keras changed visibly between the two as well, and stands before the package that builds the model",
    "E15": "a build of one's own stands before the cuDNN that it was built with",
    "Y07": "the two programs were started with other arguments, and are asked about these first",
    "U04": "the Keras that came with TensorFlow has a known visible change, and stands before it",
    "U06": "TF32 on one side alone is the usual cause where GPUs differ; that there were NaN is not told by a size",
    "U15": "each side trained anew, so the weights differ too, for certain",
    "Y06": "for a small difference kernels are suspected before releases; both changed",
    "W03": "that OpenVINO computes there is not known; what it does with such processors stands in the second finding",
    "W15": "an encoding that differs between two programs could have any size, and stands before another library's release",
    "W25": "TF32 on one side alone is the usual cause where GPUs differ, and stands before CUDA libraries too old for one",
    "Z02": "a processor's default of oneDNN that came with the release stands before the release, of which less is known",
    "Z03": "OpenCV's release is suspected before that of the package that builds the model",
    "Z19": "TensorFlow moved with cuDNN, and stands before it",
    "Y15": "a board differs from a server in all things at once",
    "Q14": "a build of one's own stands before the CUDA that it was built with",
}


@pytest.fixture(scope="module")
def plain() -> list[Judged]:
    return [judge(name, case) for name, case in CASES.items()]


@pytest.fixture(scope="module")
def among_others() -> list[Judged]:
    return [judge(name, case, BACKGROUND) for name, case in CASES.items()]


def test_the_cause_is_named_first(plain: list[Judged]) -> None:
    first, three, _ = shares(plain)
    assert first >= 0.92
    assert three >= 0.97


def test_each_report_is_right_or_known_not_to_be(plain: list[Judged]) -> None:
    wrong = {one.name for one in plain if one.outcome in ("in three", "wrong")}
    assert wrong <= set(NOT_FIRST), wrong - set(NOT_FIRST)


def test_what_nobody_found_out_is_not_claimed(plain: list[Judged], among_others: list[Judged]) -> None:
    for judged in (plain, among_others):
        assert shares(judged)[2] == 0


def test_ordinary_mismatches_around_it_do_not_hide_the_cause(among_others: list[Judged]) -> None:
    first, three, _ = shares(among_others)
    assert first >= 0.91
    assert three >= 0.97


def test_few_facts_are_enough() -> None:
    first, three, confident = shares([judge(name, case, bare=True) for name, case in CASES.items()])
    assert first >= 0.91
    assert three >= 0.95
    assert confident == 0


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_complete(name: str) -> None:
    case = CASES[name]
    assert case["url"].startswith("https://")
    assert case["established"] in ("yes", "inferred", "no")
    assert len(set(case["expect"]) & {"rules", "capture", "unresolved"}) == 1 or "about" in case["expect"]
    assert (case["established"] == "no") == bool(case["expect"].get("unresolved"))


def test_no_folder_is_without_a_case() -> None:
    folders = {path.name for path in Path(HERE).iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(CASES)
