"""The measurements that come with the rules: they fit the claims, and what a processor can measure is measured."""

from __future__ import annotations

import pytest
from builders import BOOK

from envdiff.report import Basis, Size, Verdict
from envdiff.rulebook.measurements import Outcome, Verified, recorded

SIZES = list(Size)
RUNS = recorded()
ROWS = [(run.tensorflow, one) for run in RUNS for one in run.verified]


def test_every_release_of_the_table_is_there_with_its_machine() -> None:
    assert [run.tensorflow.rpartition(".")[0] for run in RUNS] == ["2.12", "2.15", "2.18", "2.21"]
    assert all(run.machine["model"] and run.machine["flags"] and run.machine["logical"] for run in RUNS)


@pytest.mark.parametrize(("version", "one"), ROWS, ids=[f"{version} {one.rule}" for version, one in ROWS])
def test_a_measurement_fits_its_rule(version: str, one: Verified) -> None:
    rule = BOOK[one.rule]
    assert one.outcome is not Outcome.BROKEN, one.why
    reach = rule.at_worst or rule.size
    for seen in one.observations:
        if seen.moved is not None:
            assert rule.verdict is not Verdict.HARMLESS, seen
            assert SIZES.index(seen.moved.size) <= SIZES.index(reach), seen


def test_nothing_of_the_machine_but_its_processor_is_kept() -> None:
    for _, one in ROWS:
        for seen in one.observations:
            assert "/" not in seen.fails.replace("I/O", ""), seen.fails


# Rules that say "measured" and that no processor like this one shows on a saved model, by where they were measured.
ELSEWHERE = {
    "on rows and answers themselves, outside TensorFlow": {
        "answers-same-rows",
        "input-channels", "input-decoder", "input-normalisation", "input-range", "input-resize", "input-statistics",
        "input-transport", "model-without-numpy", "numpy-beside-servers", "numpy-patch-release", "numpy-version",
        "pillow-version", "host-blas", "host-numpy-simd",
    },
    "with models that Keras builds or runs, and over REST": {
        "answers-way-keras", "answers-way-rest", "global-seed", "keras-generation", "keras-version",
        "model-dtype-policies", "model-keras-generation", "run-eagerly",
    },
    "on two exports of one model": {
        "model-exported-anew", "model-format", "model-image-decode", "model-image-normalise", "model-image-resize",
        "model-path", "model-precision", "model-producer",
    },
    "in two installations": {
        "file-and-message-packages", "gpu-unused", "onednn-default-by-release", "support-packages",
        "tensorflow-altered-files", "tensorflow-gpu-build-on-cpu", "tensorflow-two-packages", "tensorflow-version",
    },
    "in containers, or with libraries of another system": {"allocator-preload", "cpu-quota", "libc-float64"},
    "with single operations": {"locale-letters", "locale-letters-of-unknown-model"},
    "where the process dies, so that nothing can be compared": {"op-determinism-malformed"},
    "on processors with AMX, or on two processors": {
        "low-precision-isa-amx", "low-precision-isa-of-unknown-model", "onednn-default-by-processor", "onednn-math-mode", "onednn-math-mode-any-before-216",
    },
}  # fmt: skip


def test_what_is_called_measured_was_measured() -> None:
    here = {one.rule for _, one in ROWS}
    there = set().union(*ELSEWHERE.values())
    claimed = {rule.id for rule in BOOK.rules if rule.basis is Basis.MEASURED}
    assert claimed - here - there == set(), "envdiff rules verify --record, or say documented or reasoned"
    assert there - claimed == set()
    assert there & here == set()
