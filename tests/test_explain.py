"""How a verdict is decided: precedence, doubt, and what a measured difference does to both."""

from __future__ import annotations

from typing import Any

import pytest
from builders import BASE, BOOK, FLAGS, GPU, delta, fingerprint, judged

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.report import Report, Size, Verdict

ONEDNN_OFF = {"env.TF_ENABLE_ONEDNN_OPTS": "0"}
AMX = {"cpu.flags": [*FLAGS, "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"]}
BF16 = {"env.ONEDNN_DEFAULT_FPMATH_MODE": "BF16", **AMX}
CONV = {"model.format": "savedmodel", "model.ops": ["Conv2D", "MatMul", "Relu"]}
T4 = {**GPU, "gpu.0.name": "Tesla T4", "gpu.0.compute_capability": "7.5"}
LOOKUP = {"model.format": "savedmodel", "model.ops": ["GatherV2", "Identity"]}


def rules(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings]


def test_nothing_differs_and_nothing_is_said() -> None:
    report = judged({}, {})
    assert report.answer.verdict is Verdict.HARMLESS
    assert not (report.findings or report.unread or report.unexplained or report.ruled_out or report.full)


def test_the_cause_is_named_in_the_first_sentence() -> None:
    report = judged(ONEDNN_OFF, {})
    assert report.answer.verdict is Verdict.CAN_MOVE
    assert "oneDNN" in report.answer.sentence
    assert "last bits" in report.answer.sentence
    (first,) = report.findings
    assert (first.left.text, first.right.text) == ("off", "on")
    assert first.folded[0][0] == "env.TF_ENABLE_ONEDNN_OPTS"
    assert first.confirm
    assert first.fix
    assert first.sources


def test_swapping_sides_mirrors_the_answer() -> None:
    forth, back = judged({**ONEDNN_OFF, **BF16}, AMX), judged(AMX, {**ONEDNN_OFF, **BF16})
    assert rules(forth) == rules(back)
    assert [(f.left.text, f.right.text) for f in forth.findings] == [(f.right.text, f.left.text) for f in back.findings]
    assert forth.answer.verdict == back.answer.verdict


def test_a_model_without_the_operations_rules_a_cause_out() -> None:
    report = judged({**ONEDNN_OFF, **LOOKUP}, LOOKUP)
    assert not report.findings
    assert any(one.about == "setting.onednn" and "runs no" in one.why for one in report.ruled_out)
    assert rules(judged({**ONEDNN_OFF, **CONV}, CONV)) == ["onednn-one-side"]


def test_without_a_model_the_doubt_is_said() -> None:
    (finding,) = judged(ONEDNN_OFF, {}).findings
    assert "model was not captured" in finding.because


def test_precision_outranks_kernels() -> None:
    both = judged({**BF16, "env.TF_NUM_INTRAOP_THREADS": "1"}, AMX)
    assert both.findings[0].size is Size.SMALL
    assert both.findings[-1].about == "setting.intra_op_threads"


@pytest.mark.parametrize(
    ("measured", "first", "too_small"),
    [
        (delta(3e-7), "setting.onednn", []),
        (delta(4e-1, flips=200), None, ["setting.onednn"]),
        (delta(0.0), None, ["setting.onednn"]),
        (delta(3e-7, steadiness="call-to-call"), None, ["setting.onednn"]),
    ],
    ids=["last-bits", "far-too-large", "equal-bits", "unsteady"],
)
def test_a_measured_difference_judges_causes(measured: Any, first: str | None, too_small: list[str]) -> None:
    report = judged(ONEDNN_OFF, {}, delta=measured)
    assert [finding.about for finding in report.findings[:1]] == ([first] if first else [])
    assert [finding.about for finding in report.too_small] == too_small
    assert all(finding.fits_delta for finding in report.findings)


def test_a_difference_that_nothing_explains_is_not_explained_away() -> None:
    report = judged(ONEDNN_OFF, {}, delta=delta(0.4, flips=200))
    assert report.answer.verdict is Verdict.MOVES
    assert "nothing that is known explains it" in report.answer.sentence


def test_equal_bits_are_said_to_be_equal() -> None:
    report = judged(ONEDNN_OFF, {}, delta=delta(0.0))
    assert report.answer.verdict is Verdict.HARMLESS
    assert "equal bit for bit" in report.answer.sentence


def test_one_flipped_label_on_a_tiny_gap_does_not_make_the_cause_large() -> None:
    report = judged(ONEDNN_OFF, {}, delta=delta(3e-7, flips=1))
    assert [finding.about for finding in report.findings] == ["setting.onednn"]


def test_a_variable_for_gpus_is_ruled_out_on_cpus() -> None:
    report = judged({"env.TF_CUDNN_DETERMINISTIC": "1"}, {})
    assert report.answer.verdict is Verdict.HARMLESS
    (out,) = report.ruled_out
    assert out.about == "env.TF_CUDNN_DETERMINISTIC"
    assert "no GPU" in out.why


def test_written_differently_and_in_force_alike() -> None:
    report = judged({"env.TF_ENABLE_ONEDNN_OPTS": "1"}, {})
    assert report.answer.verdict is Verdict.HARMLESS
    (same,) = report.same_in_effect
    assert same.about == "env.TF_ENABLE_ONEDNN_OPTS"
    assert "onednn is on on both sides" in same.why


def test_a_mismatch_that_no_rule_knows_stays_in_sight() -> None:
    report = judged({"env.TF_NEVER_HEARD_OF": "1"}, {})
    assert [one.path for one in report.unexplained] == ["env.TF_NEVER_HEARD_OF"]
    assert report.answer.verdict is Verdict.CANNOT_TELL


def test_what_could_not_be_read_is_no_all_clear() -> None:
    hidden = {**GPU, "gpu.count": None, "gpu.0.name": None, "gpu.0.compute_capability": None}
    side = fingerprint(hidden, unread={"gpu": "no permission to open the device"})
    report = explain(compare(side, side), BOOK)
    assert report.answer.verdict is Verdict.CANNOT_TELL
    (gap,) = [gap for gap in report.unread if gap.path == "gpu"]
    assert gap.side == "both"
    assert gap.matters
    assert "tf32" in gap.reason


def test_ignoring_needs_no_rule_and_keeps_the_reason() -> None:
    report = judged(ONEDNN_OFF, {}, ignore={"env.TF_ENABLE_ONEDNN_OPTS": "known, accepted"})
    assert report.answer.verdict is Verdict.HARMLESS
    assert [(one.path, one.reason) for one in report.ignored] == [("setting.onednn", "known, accepted")]


def test_versions_bring_only_the_changes_between_them() -> None:
    report = judged({"tensorflow.version": "2.13.0"}, {"tensorflow.version": "2.15.1"})
    (finding,) = [one for one in report.findings if one.about == "tensorflow.version"]
    assert finding.changes
    assert {change.version for change in finding.changes} <= {"2.14", "2.15"}


def test_a_model_leaves_only_the_changes_that_can_touch_it() -> None:
    pair = ({"tensorflow.version": "2.13.0"}, {"tensorflow.version": "2.15.1"})
    everything = judged(*pair).findings[-1].changes
    lookup = [one for one in judged(*({**side, **LOOKUP} for side in pair)).findings if one.changes]
    assert len(everything) > len(lookup[0].changes if lookup else ())


def test_a_variable_whose_setting_could_not_be_concluded_is_a_doubted_finding() -> None:
    gpu = {"gpu.count": 1, "gpu.0.name": "NVIDIA A100"}
    sides = [
        fingerprint({**gpu, **more}, base={}, label=label)
        for label, more in (("left", {"env.NVIDIA_TF32_OVERRIDE": "0"}), ("right", {"env.TZ": "UTC"}))
    ]
    (found,) = [one for one in explain(compare(*sides), BOOK).findings if one.about == "setting.tf32"]
    assert found.rule == "tf32-one-side"
    assert found.verdict is Verdict.CAN_MOVE
    assert "could not be concluded" in found.because
    assert found.left.text == "NVIDIA_TF32_OVERRIDE=0"
    assert found.folded == (("env.NVIDIA_TF32_OVERRIDE", "0", "absent"),)


LIBROSA = ({"packages.librosa": "0.6.3"}, {"packages.librosa": "0.10.0"})
ROWS = {"answers.rows_digest": "rows", "answers.way": "signature"}


def test_what_code_in_front_of_the_model_could_use_is_named_where_nothing_else_explains_it() -> None:
    report = judged(*LIBROSA, delta=delta(0.4, flips=200))
    (finding,) = report.findings
    assert "librosa" in finding.title
    assert "not captured" in finding.because
    assert "librosa" in report.answer.sentence


def test_without_a_difference_it_is_no_finding_and_still_told() -> None:
    report = judged(*LIBROSA)
    assert report.answer.verdict is Verdict.HARMLESS
    assert "librosa" in report.answer.sentence
    assert not report.findings


def test_where_a_capture_asked_both_sides_there_was_no_such_code() -> None:
    left, right = ({**side, **ROWS} for side in LIBROSA)
    assert not judged(left, right, delta=delta(0.4, flips=200)).findings
    assert "librosa" not in judged(left, right).answer.sentence


def test_a_cause_that_fits_leaves_no_room_for_guesses_about_code() -> None:
    left, right = LIBROSA
    weights = {"model.format": "savedmodel", "model.weights.digest": "a"}, {"model.weights.digest": "b"}
    report = judged({**left, **weights[0]}, {**right, **weights[0], **weights[1]}, delta=delta(0.4, flips=200))
    assert rules(report) == ["model-weights"]


def test_a_mismatch_that_no_rule_knows_is_named_where_nothing_explains_the_difference() -> None:
    report = judged({"packages.our-tables": "1"}, {"packages.our-tables": "2"}, delta=delta(0.4, flips=200))
    assert "No rule knows packages.our-tables (1 against 2)" in report.answer.sentence
    long = judged({"packages.our-tables": "1" * 99_999}, {"packages.our-tables": "2"}, delta=delta(0.4, flips=200))
    assert len(long.answer.sentence) < 400


UNSTEADY = delta(0.4, flips=200, steadiness="call-to-call")
CUDNN = (
    {**GPU, "cuda.mapped.libcudnn": "8.0.5", "answers.steadiness": "stable"},
    {**GPU, "cuda.mapped.libcudnn": "8.1.0", "answers.steadiness": "call-to-call"},
)


def test_one_unsteady_gpu_may_be_so_by_its_libraries() -> None:
    report = judged(*CUDNN, delta=UNSTEADY)
    assert report.findings[0].about == "cuda.mapped.libcudnn"
    assert rules(report)[1] == "answers-call-to-call"
    assert f"answered differently. What could make it so: {report.findings[0].title}." in report.answer.sentence


def test_libraries_are_not_why_both_sides_are_unsteady() -> None:
    left, right = CUDNN
    report = judged({**left, "answers.steadiness": "call-to-call"}, right, delta=UNSTEADY)
    assert "cuda-libraries" not in rules(report)
    assert "What could make it so" not in report.answer.sentence or "Masked" in report.answer.sentence


def test_a_side_without_python_has_no_other_version_of_it() -> None:
    gone = {"python.version": None, "packages.numpy": None, "packages.keras": None, "packages.tensorflow-cpu": None}
    report = judged({}, gone)
    assert not report.findings
    assert not report.unexplained
    assert {"python", "packages"} <= {gap.path for gap in report.unread}


NO_TENSORFLOW = {path: None for path in BASE if path.partition(".")[0] in ("tensorflow", "keras")} | {
    "packages.tensorflow-cpu": None, "packages.keras": None, "tensorflow.installed": False,
}  # fmt: skip


def test_two_environments_without_tensorflow_are_not_cleared() -> None:
    report = judged(NO_TENSORFLOW, {**NO_TENSORFLOW, "packages.six": "1.17.0"})
    assert report.answer.verdict is Verdict.CANNOT_TELL
    assert report.answer.sentence == "No TensorFlow was found on either side, so what predicts was not compared."
    assert "--python PATH or --pid N" in report.answer.next_steps[0]


def test_what_concerns_tensorflow_is_no_more_than_a_doubt_where_there_is_none() -> None:
    old = {**NO_TENSORFLOW, **GPU, "tensorflow.variant": None, "tensorflow.build.is_cuda_build": None}
    first = judged(old, {**old, "gpu.0.compute_capability": "7.5", "gpu.0.name": "Tesla T4"}).findings[0]
    assert first.rule == "tf32-one-side"
    assert first.verdict is Verdict.CAN_MOVE
    assert "no TensorFlow was found" in first.because


def test_a_rule_in_doubt_gives_way_to_a_certain_one_that_reaches_further() -> None:
    left, right = ({**NO_TENSORFLOW, "packages.openvino": version} for version in ("2025.4.1", "2026.4.0"))
    assert rules(judged(left, right, delta=delta(0.5))) == ["other-runtime"]


def test_a_cause_that_usually_moves_less_is_not_said_to_fit() -> None:
    report = judged(GPU, {**GPU, "env.CUDA_VISIBLE_DEVICES": "-1"}, delta=delta(0.5))
    assert rules(report)[0].startswith("device-one-side")
    assert "usually moves less" in report.answer.sentence


def test_what_both_programs_do_alike_is_said_last_and_as_a_guess() -> None:
    program = {"process.command": ["python", "serve.py"]}
    report = judged(program, program, delta=delta(0.5))
    assert rules(report) == ["hash-seed-random-of-program"]
    assert "nothing that is known explains it" in report.answer.sentence
    assert "It could also be this" in report.answer.sentence
    assert not rules(judged(program, program))
    asked = {**program, "answers.rows_digest": "r"}
    assert not rules(judged(asked, asked, delta=delta(0.5)))


def test_where_a_library_lies_is_no_finding() -> None:
    """Two virtual environments hold the same files in two places."""
    names = ("libscipy_openblas64_", "libgomp", "libjpeg", "libm", "libcudnn", "libonnxruntime", "libMIOpen")
    left, right = ({f"libraries.{name}.path": f"/{place}/{name}.so" for name in names} for place in ("a", "b"))
    report = judged(left, right)
    assert report.answer.verdict is Verdict.HARMLESS
    assert len(report.ruled_out) == len(names)


def test_a_release_stands_for_the_files_that_come_with_it() -> None:
    left, right = (
        {**NO_TENSORFLOW, "packages.onnxruntime": release, "libraries.libonnxruntime.build_id": build}
        for release, build in (("1.20.1", "aa"), ("1.32.0", "bb"))
    )
    (first,) = judged(left, right).findings
    assert first.title == "Another onnxruntime computes: 1.20.1 against 1.32.0"
    assert first.folded[0][0] == "libraries.libonnxruntime.build_id"


def test_other_weights_are_suspected_before_a_release_that_may_do_as_much() -> None:
    left, right = (
        {"packages.keras": keras, "keras.version": keras, "model.weights.digest": digest}
        for keras, digest in (("2.8.0", "a"), ("2.10.0", "b"))
    )
    assert rules(judged(left, right, delta=delta(0.5)))[:2] == ["model-weights", "keras-version"]


def test_a_gpu_on_one_side_may_be_why_answers_change_from_call_to_call() -> None:
    unsteady = delta(0.05, steadiness="call-to-call")
    assert rules(judged(T4, {}, delta=unsteady))[0] == "device-one-side"
    assert "device-one-side" not in rules(judged(T4, T4, delta=unsteady))


@pytest.mark.parametrize(("form", "doubted"), [("hdf5", False), ("keras", False), (None, True)])
def test_a_keras_file_is_built_by_keras_for_certain(form: str | None, doubted: bool) -> None:
    left, right = ({"packages.keras-retinanet": one, "model.format": form} for one in ("0.2.0", "0.3.0"))
    (first,) = judged(left, right).findings
    assert (first.rule, bool(first.because)) == ("model-packages", doubted)
