"""What running it showed outranks the rules: what comes first, what is ruled out, and what stays in doubt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import delta, document, judged
from isolations import isolation, tried
from test_cli import envdiff

from envdiff import api
from envdiff.render import render, render_isolation, report_schema
from envdiff.report import Basis, Isolation, Report, Verdict

LEFT = {"env.TF_ENABLE_ONEDNN_OPTS": "0", "env.TF_NUM_INTRAOP_THREADS": "1", "env.TF_NEVER_HEARD_OF": "1"}
ONEDNN, THREADS, UNKNOWN = "setting.onednn", "setting.intra_op_threads", "env.TF_NEVER_HEARD_OF"


def shown(*switches: Any, **over: Any) -> Report:
    return judged(LEFT, {}, isolation=isolation(*switches, **over))


def onednn(verdict: str = "cleared", **over: Any) -> Any:
    return tried("TF_ENABLE_ONEDNN_OPTS", verdict, **{"about": ONEDNN, "left": "0", "right": "not set", **over})


def threads(verdict: str = "cleared", **over: Any) -> Any:
    return tried("TF_NUM_INTRAOP_THREADS", verdict, **{"about": THREADS, "left": "1", "right": "not set", **over})


def abouts(report: Report) -> list[str]:
    return [one.about for one in report.findings]


def because(report: Report, about: str) -> str:
    return next(one.because for one in (*report.findings, *report.too_small) if one.about == about)


def test_without_one_nothing_changes() -> None:
    assert abouts(judged(LEFT, {})) == [ONEDNN, THREADS]
    assert judged(LEFT, {}).isolation is None


def test_the_culprit_comes_first_and_the_sentence_is_the_experiments() -> None:
    report = shown(onednn(), threads("culprit"), sentence="Threads it is.")

    assert abouts(report) == [THREADS]
    assert report.answer.verdict is Verdict.MOVES
    assert report.answer.sentence == "Threads it is."
    assert report.answer.next_steps == ()
    (first,) = report.findings
    assert first.verdict is Verdict.MOVES
    assert first.basis is Basis.MEASURED
    assert first.because == (
        "shown by running it: left with TF_NUM_INTRAOP_THREADS thrown answers as right, and right without it answers as "
        "left"
    )
    assert report.isolation is not None


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({}, "isolate took it out of right and nothing changed, on this model and these rows"),
        ({"all_but": None, "alone": "same"}, "isolate added it to left and nothing changed"),
        ({"all_but": None}, "isolate threw it together with others and nothing changed"),
    ],
)
def test_what_was_cleared_is_ruled_out_with_what_was_done(over: dict[str, Any], says: str) -> None:
    report = shown(onednn("culprit"), threads(**over))

    (out,) = [one for one in report.ruled_out if one.about == THREADS]
    assert out.why.startswith(says)
    assert out.rule
    assert abouts(report) == [ONEDNN]


def test_what_no_rule_knows_is_ruled_out_when_it_was_cleared() -> None:
    report = shown(onednn("culprit"), tried("TF_NEVER_HEARD_OF"))

    assert not report.unexplained
    assert any(one.about == UNKNOWN and one.rule == "" for one in report.ruled_out)


@pytest.mark.parametrize(
    ("verdict", "over", "says"),
    [
        ("hidden", {"alone": "moved"}, "once what was shown to be the cause is taken out of right"),
        ("cancels", {}, "another switch undoes that in right"),
        ("undecided", {}, "isolate could not decide it"),
        ("void", {"why": "the process shows 8"}, "isolate could not throw it: the process shows 8"),
        ("cleared", {"alone": "moved"}, "thrown by itself it moves the answers"),
        ("cleared", {"all_but": "moved"}, "thrown by itself it moves the answers"),
    ],
)
def test_what_was_not_cleared_stays_a_finding_and_says_so(verdict: str, over: dict[str, Any], says: str) -> None:
    report = shown(onednn("culprit"), threads(verdict, **over))

    assert abouts(report) == [ONEDNN, THREADS]
    assert says in because(report, THREADS)
    assert not any(one.about == THREADS for one in report.ruled_out)


def test_a_mismatch_is_not_cleared_by_half_of_it() -> None:
    sides = ({**LEFT, "env.TF_NUM_INTEROP_THREADS": "1"}, {})
    before = next(one for one in judged(*sides).findings if one.about == THREADS)
    folded = {path for path, _, _ in before.folded}
    report = judged(*sides, isolation=isolation(onednn("culprit"), threads()))

    assert (THREADS in abouts(report)) is (folded - {"env.TF_NUM_INTRAOP_THREADS"} != set())


def test_what_was_not_run_says_why() -> None:
    report = shown(onednn("culprit"), not_recreated=((THREADS, "another processor"),))

    assert "isolate did not run it: another processor" in because(report, THREADS)


def test_a_culprit_that_was_too_small_by_the_rules_comes_first_and_fits() -> None:
    sides = (LEFT, {})
    before = judged(*sides, delta=delta(0.4, flips=200))
    assert ONEDNN in [one.about for one in before.too_small]
    report = judged(*sides, delta=delta(0.4, flips=200), isolation=isolation(onednn("culprit"), threads()))

    assert abouts(report) == [ONEDNN]
    assert report.findings[0].fits_delta is True
    assert not report.too_small


def test_several_together_and_several_that_suffice_are_told_apart() -> None:
    pair = (onednn("culprit"), threads("culprit"))
    both = shown(*pair)
    either = shown(*pair, sets=(("TF_ENABLE_ONEDNN_OPTS",), ("TF_NUM_INTRAOP_THREADS",)), backward=False)

    assert "left with TF_ENABLE_ONEDNN_OPTS, TF_NUM_INTRAOP_THREADS thrown" in because(both, ONEDNN)
    assert because(either, ONEDNN).endswith(
        "left with TF_ENABLE_ONEDNN_OPTS thrown answers as right, as it does with others by themselves"
    )


def test_a_whole_interpreter_is_not_one_package() -> None:
    sides = ({"tensorflow.version": "2.13.0", "packages.numpy": "1.24.0"}, {})
    switch = tried("interpreter", "culprit", about="tensorflow.version")
    report = judged(*sides, isolation=isolation(switch))
    before = {one.about: one.verdict for one in judged(*sides).findings}

    assert report.findings[0].about == "tensorflow.version"
    assert report.findings[0].verdict is before["tensorflow.version"]
    assert "the whole interpreter with all its packages was changed, not this alone" in report.findings[0].because


def test_one_of_another_pair_is_a_note_and_decides_nothing() -> None:
    before = judged(LEFT, {})
    for over in ({"left": "a", "right": "b"}, {"left": "right", "right": "left"}):
        report = shown(onednn("culprit"), **over)

        assert report._replace(notes=before.notes) == before
        assert "it is not used here" in " ".join(report.notes)


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        (tried("way", "culprit", about=""), "way (it is no fact of a fingerprint)"),
        (tried("TF_NEVER_HEARD_OF", "culprit"), "TF_NEVER_HEARD_OF (no rule knows it)"),
        (tried("TF_OTHER", "culprit"), "TF_OTHER (no mismatch here is about env.TF_OTHER)"),
    ],
)
def test_a_culprit_that_is_no_finding_is_told(switch: Any, says: str) -> None:
    report = shown(switch, onednn())

    assert f"Shown to be a cause, and not among the findings: {says}." in report.notes
    assert report.answer.verdict is Verdict.MOVES
    screen = render(report, "terminal")
    assert f"Culprits   {switch.name}" in screen.replace("  Cause", "")
    assert "Cause  " not in screen.partition("What running it showed")[0]


def test_a_culprit_that_a_rule_held_to_be_without_effect_refutes_the_rule() -> None:
    sides = ({"env.TF_CUDNN_DETERMINISTIC": "1"}, {})
    (held,) = judged(*sides).ruled_out
    report = judged(*sides, isolation=isolation(tried("TF_CUDNN_DETERMINISTIC", "culprit", about=held.about)))

    assert not report.ruled_out
    assert [one.path for one in report.unexplained] == [held.about]
    assert "running it refutes that" in report.notes[-1]


def test_a_culprit_known_by_a_raw_fact_is_found_under_its_setting() -> None:
    sides = ({"env.TF_ENABLE_ONEDNN_OPTS": "1"}, {})
    assert judged(*sides).same_in_effect
    report = judged(*sides, isolation=isolation(tried("TF_ENABLE_ONEDNN_OPTS", "culprit")))

    assert not report.same_in_effect
    assert [one.path for one in report.unexplained] == ["env.TF_ENABLE_ONEDNN_OPTS"]
    raw = shown(tried("TF_ENABLE_ONEDNN_OPTS", "culprit"), threads())
    assert abouts(raw) == [ONEDNN]


def test_without_a_culprit_the_rules_speak_first() -> None:
    alike = shown(onednn("undecided"), sentence="They answer alike.", gap=0.0)

    assert alike.answer.verdict is judged(LEFT, {}).answer.verdict
    assert alike.answer.sentence.endswith("By running it: They answer alike.")
    assert "isolate threw it together with all others, and the sides answered alike" in because(alike, ONEDNN)
    assert alike.answer.next_steps == ()
    assert "Cause  " not in render(alike, "terminal").partition("What running it showed")[0]
    noisy = shown(onednn("undecided"), gap=0.0, exact=False)
    assert "could not decide it" in because(noisy, ONEDNN)


def test_a_cause_that_was_cleared_is_not_in_the_sentence() -> None:
    report = shown(onednn(), threads("undecided"), complete=False, sentence="No cause is proven.")

    assert "oneDNN" not in report.answer.sentence
    assert report.answer.verdict is Verdict.MOVES
    assert abouts(report) == [THREADS]


def test_one_way_alone_says_what_was_not_run() -> None:
    report = shown(onednn("culprit"), backward=None, not_recreated=(("cpu.model", "another processor"),))

    assert report.answer.next_steps == ("cpu.model: another processor",)


# --- from the shell -----------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, facts in (("left", LEFT), ("right", {})):
        (tmp_path / f"{name}.json").write_text(json.dumps(document(facts, label=name)), encoding="utf-8")
    written = render_isolation(found(), "json")
    (tmp_path / "isolation.json").write_text(written, encoding="utf-8")
    return tmp_path


def found() -> Isolation:
    return isolation(onednn("culprit"), threads(), sentence="TF_ENABLE_ONEDNN_OPTS alone does it.")


@pytest.mark.parametrize("form", ["terminal", "markdown", "html", "json"])
def test_every_format_takes_it_in(files: Path, form: str) -> None:
    done = envdiff("report", "left.json", "right.json", "--isolation", "isolation.json", "--format", form, cwd=files)

    assert done.returncode == 1, done.stderr.decode()
    text = done.stdout.decode()
    assert "alone does it." in text
    assert "took it out of right" in text
    if form == "json":
        jsonschema.validate(json.loads(text), report_schema())
        assert json.loads(text)["isolation"]["culprits"] == ["TF_ENABLE_ONEDNN_OPTS"]
    else:
        assert text.index("What running it showed") < text.index("The two sides")


def test_a_file_that_is_no_isolation_is_status_3(files: Path) -> None:
    done = envdiff("report", "left.json", "right.json", "--isolation", "left.json", cwd=files)

    assert done.returncode == 3
    assert b"not an envdiff isolation" in done.stderr


def test_the_program_and_the_shell_say_the_same(files: Path) -> None:
    sides = (files / "left.json", files / "right.json")

    assert api.report(*sides, isolation=found()) == api.report(*sides, isolation=files / "isolation.json")


def test_its_schema_is_published(files: Path) -> None:
    schema = json.loads(envdiff("schema", "isolation").stdout)

    jsonschema.validate(json.loads((files / "isolation.json").read_bytes()), schema)
