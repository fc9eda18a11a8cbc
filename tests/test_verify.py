"""A rule's claim against planted measurements; experiments out of rules; whether a rule speaks of two trials."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import BASE, BOOK, GPU

from envdiff.commands.budget import budget as budget_of
from envdiff.errors import Misuse, UnusableInput
from envdiff.experiment.verify_guard import fingerprint_of, guard
from envdiff.experiment.verify_judge import Seen, moved, verdict
from envdiff.experiment.verify_plan import experiments
from envdiff.report import Basis, Size, Steadiness, Verdict
from envdiff.rulebook import Rule
from envdiff.rulebook.measurements import Moved, Observation, Outcome, Run, Verified, merged, read, written
from envdiff.rulebook.page import page

RULE = BOOK["onednn-one-side"]
OPS = {"model.ops": ("MatMul",), "model.format": "savedmodel", "model.precision": ()}


def seen(size: Size | None, *, fails: str = "", beside: Size = Size.NONE, model: str = "wide") -> Seen:
    how = None if size is None else Moved(size, 1e-6, 0.5, 0, 32, ("logits",))
    return Seen(Observation("A=0 against A=1", model, how, fails), beside)


def rule(**claims: Any) -> Rule:
    return RULE._replace(**{"at_worst": None, "basis": Basis.MEASURED, **claims})


HARMLESS = {"verdict": Verdict.HARMLESS, "size": Size.NONE}


@pytest.mark.parametrize(
    ("claims", "found", "outcome"),
    [
        ({}, [seen(Size.LAST_BITS), seen(None, model="conv")], Outcome.HOLDS),
        ({}, [seen(None)], Outcome.BROKEN),
        ({"basis": Basis.DOCUMENTED}, [seen(None)], Outcome.NOT_SEEN),
        ({"basis": Basis.REASONED, "verdict": Verdict.MOVES}, [seen(None)], Outcome.NOT_SEEN),
        ({}, [seen(Size.SMALL)], Outcome.BROKEN),
        ({"basis": Basis.DOCUMENTED}, [seen(Size.SMALL)], Outcome.BROKEN),
        ({"at_worst": Size.SMALL}, [seen(Size.SMALL)], Outcome.HOLDS),
        ({}, [seen(Size.SMALL, beside=Size.SMALL)], Outcome.HOLDS),
        (HARMLESS, [seen(None), seen(None, model="conv")], Outcome.HOLDS),
        (HARMLESS, [seen(None), seen(Size.LAST_BITS)], Outcome.BROKEN),
        ({}, [seen(None, fails="was ended by SIGABRT")], Outcome.NOT_MEASURED),
        ({}, [seen(None, fails="was ended by SIGABRT"), seen(Size.LAST_BITS)], Outcome.HOLDS),
        ({}, [], Outcome.NOT_APPLICABLE),
    ],
)
def test_a_claim_is_judged_by_what_was_seen(claims: dict[str, Any], found: list[Seen], outcome: Outcome) -> None:
    judged = verdict(rule(**claims), found, Steadiness.STABLE, "no GPU")
    assert judged.outcome is outcome
    assert bool(judged.why) is (outcome is not Outcome.HOLDS)


def test_another_steadiness_than_the_claimed_is_told() -> None:
    judged = verdict(rule(), [seen(Size.LAST_BITS)], Steadiness.CALL_TO_CALL)
    assert judged.outcome is Outcome.HOLDS
    assert "from call to call" in judged.why
    assert not verdict(rule(steadiness=Steadiness.CALL_TO_CALL), [seen(Size.LAST_BITS)], "call-to-call").why


def test_a_failure_is_never_taken_for_an_effect() -> None:
    harmless = verdict(rule(**HARMLESS), [seen(None, fails="random ops must have a seed"), seen(None, model="conv")])
    assert harmless.outcome is Outcome.HOLDS


def test_answers_are_measured_by_their_range() -> None:
    one = {"batch/logits": np.linspace(-4, 4, 80, dtype=np.float32).reshape(8, 10)}
    other = {"batch/logits": one["batch/logits"] + np.float32(8e-4)}
    how = moved(one, other)
    assert how is not None
    assert how.size is Size.SMALL
    assert how.relative == pytest.approx(1e-4, rel=1e-2)
    assert moved(one, dict(one)) is None
    lost = moved(one, {**one, "batch/more": one["batch/logits"]})
    assert lost is not None
    assert lost.size is Size.ANY


# ---------------------------------------------------------------- experiments


def test_what_has_one_value_is_held_while_others_vary() -> None:
    varied = rule(confirm_env={"A": ("1", None), "B": ("0",)}, confirm_run={"digits": (9, 6)})
    first, second = experiments(varied)
    assert [dict(arm.knobs) for arm in first.arms] == [{"env.B": "0", "env.A": "1"}, {"env.B": "0"}]
    assert [dict(arm.knobs) for arm in second.arms] == [{"env.B": "0", "digits": 9}, {"env.B": "0", "digits": 6}]
    assert [arm.told for arm in second.arms] == [{"input.digits": "9"}, {"input.digits": "6"}]
    assert first.change(first.arms[1]) == "A=1 against A unset"


def test_an_experiment_with_something_of_the_readers_is_left_out() -> None:
    assert experiments(BOOK["preloaded-library"]) == ()


def test_every_experiment_of_the_book_can_be_made() -> None:
    made = [one for each in BOOK.rules for one in experiments(each)]
    assert len(made) > 60
    assert all(len({str(arm.knobs) + str(arm.repeat) for arm in one.arms}) == len(one.arms) for one in made)


# ---------------------------------------------------------------- does the rule speak?


def trial(*facts: dict[str, Any]) -> Any:
    return fingerprint_of(BASE, {"runtime.onednn": True, "process.started": "now"}, OPS, *facts)


OFF = {"runtime.onednn": False, "env.TF_ENABLE_ONEDNN_OPTS": "0"}
ON = {"env.TF_ENABLE_ONEDNN_OPTS": "1"}


def test_a_rule_speaks_of_what_the_processes_show() -> None:
    assert guard(RULE, trial(OFF), trial(ON), BOOK).speaks


def test_a_variable_that_changed_nothing_in_force_is_told_with_its_reason() -> None:
    silent = guard(RULE, trial(ON), trial(), BOOK)
    assert not silent.speaks
    assert "onednn is on in both" in silent.why


def test_a_model_without_the_operations_is_not_touched() -> None:
    silent = guard(RULE, trial(OFF, {"model.ops": ("Sin",)}), trial(ON, {"model.ops": ("Sin",)}), BOOK)
    assert not silent.speaks
    assert "runs no" in silent.why


@pytest.mark.parametrize("gpu", [False, True])
def test_what_a_gpu_would_do_is_not_asked_of_a_processor(gpu: bool) -> None:
    facts = {**GPU, "model.ops": ("Conv2D",)} if gpu else {"model.ops": ("Conv2D",)}
    sides = [trial(facts, {"env.TF_CUDNN_USE_AUTOTUNE": value}) for value in ("0", "1")]
    assert guard(BOOK["cudnn-autotune"], *sides, BOOK).speaks is gpu


def test_a_narrower_rule_speaks_instead() -> None:
    sides = [trial(OFF, cap) for cap in ({}, {"env.ONEDNN_MAX_CPU_ISA": "AVX2"})]
    assert guard(BOOK["kernel-isa-without-onednn"], *sides, BOOK).speaks
    assert "kernel-isa-without-onednn" in guard(BOOK["kernel-isa"], *sides, BOOK).why


def test_nothing_is_called_harmless_beside_something_that_is_not() -> None:
    zones = [{"env.TZ": "UTC"}, {"env.TZ": "Asia/Tokyo"}]
    assert guard(BOOK["timezone"], *(trial(zone) for zone in zones), BOOK).speaks
    both = guard(BOOK["timezone"], trial(OFF, zones[0]), trial(ON, zones[1]), BOOK)
    assert not both.speaks
    assert both.beside is not Size.NONE


# ---------------------------------------------------------------- kept


def run(tensorflow: str, *verified: Verified) -> Run:
    return Run(tensorflow, "3.11.7", {"model": "A processor", "logical": 2, "flags": ["avx2"]}, verified)


HOLDS = verdict(
    rule(), [seen(Size.LAST_BITS), seen(None, model="conv"), seen(None, fails="died", model="half")], "stable"
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "measurements.json"
    endless = replace(HOLDS.observations[0], moved=Moved(Size.ANY, math.inf, 1.0, 0, 32, ("logits",)), model="table")
    runs = [run("2.12.1", replace(HOLDS, observations=(*HOLDS.observations, endless)))]
    file.write_text(written(runs), encoding="utf-8")
    (again,) = read(file)
    assert again.tensorflow == "2.12.1"
    assert set(again.verified[0].observations) == set(runs[0].verified[0].observations)


def test_a_new_run_replaces_the_rules_that_it_measured() -> None:
    old = [run("2.12.1", HOLDS, Verified("timezone", Outcome.HOLDS)), run("2.9.3", HOLDS)]
    new = [run("2.12.1", replace(HOLDS, outcome=Outcome.BROKEN)), run("2.21.0", HOLDS)]
    found = merged(old, new)
    assert [one.tensorflow for one in found] == ["2.9.3", "2.12.1", "2.21.0"]
    assert {one.rule: one.outcome.value for one in found[1].verified} == {RULE.id: "broken", "timezone": "holds"}


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"schema": "other/1", "runs": []}', '{"schema": "envdiff/measurements/1"}']
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UnusableInput):
        read(file)


def test_a_rules_page_shows_what_was_measured() -> None:
    text = page(RULE, BOOK.tables, [run("2.12.1", HOLDS), run("2.21.0", HOLDS)])
    assert "| A=0 against A=1 | wide | 1e-06, 50% (logits only) | 1e-06, 50% (logits only) |" in text
    assert "| A=0 against A=1 | half | fails | fails |" in text
    assert "TensorFlow 2.12.1, 2.21.0: conv." in text
    assert "rules verify onednn-one-side" in text
    assert "Measured by" not in page(BOOK["timezone"], BOOK.tables, [run("2.12.1", HOLDS)])


@pytest.mark.parametrize(
    ("text", "budget"), [(None, (None, None)), ("40", (40, None)), ("10m", (None, 600.0)), ("90s", (None, 90.0))]
)
def test_a_budget_is_trials_or_time(text: str | None, budget: Any) -> None:
    assert (budget_of(text).trials, budget_of(text).seconds) == budget
    with pytest.raises(Misuse):
        budget_of("ten")


def test_the_guide_is_short() -> None:
    guide = Path(__file__).parent.parent / "envdiff" / "rulebook" / "verify.md"
    assert guide.read_text(encoding="utf-8").count("\n") < 60
