"""Two captures of models leave nothing unexplained, and a model beside itself gives no finding about a difference."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from builders import BOOK, fingerprint

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.model.facts import model_facts
from envdiff.report import Report

MODELS = Path(__file__).parent / "data" / "models"
NAMES = (
    "keras/dense.h5",
    "keras/dense.keras",
    "keras/dense.tflite",
    "tf115/init_overwrites",
    "tf115/tf1_dropout",
)
# What is wrong with a model even when both sides have it.
STANDING = {"tf115/init_overwrites": {"model-init-overwrites"}, "tf115/tf1_dropout": {"model-dropout-on"}}


def judged(left: str, right: str) -> Report:
    sides = []
    for label, name in (("left", left), ("right", right)):
        reading = model_facts(MODELS / name)
        sides.append(fingerprint(reading.facts, label=label, unread=reading.unread))
    return explain(compare(*sides), BOOK)


@pytest.mark.parametrize(("left", "right"), list(combinations(NAMES, 2)))
def test_every_fact_of_a_model_has_a_rule(left: str, right: str) -> None:
    report = judged(left, right)
    assert not report.unexplained
    assert report.findings


@pytest.mark.parametrize("name", NAMES)
def test_a_model_beside_itself(name: str) -> None:
    report = judged(name, name)
    assert {one.rule for one in report.findings} == STANDING.get(name, set())
    assert not report.unexplained


def test_the_same_weights_in_two_formats_are_not_other_weights() -> None:
    rules = {one.rule for one in judged("keras/dense.h5", "keras/dense.keras").findings}
    assert rules
    assert not rules & {"model-weights", "model-weights-precision", "model-ops"}


def test_a_converted_model_is_named_as_one() -> None:
    assert [one.rule for one in judged("keras/dense.keras", "keras/dense.tflite").findings] == ["model-format-tflite"]
