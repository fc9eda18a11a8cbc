"""Reports for the tests of the faces: one-line builders with defaults, and a few that could be real."""

from __future__ import annotations

from typing import Any

import isolations

from envdiff.report import (
    Answer,
    Basis,
    Change,
    Delta,
    Finding,
    Ignored,
    OutputDelta,
    Report,
    RuledOut,
    SameInEffect,
    Shown,
    Side,
    Size,
    Source,
    Steadiness,
    Unexplained,
    Unread,
    Verdict,
)

MEASURED = Source("envdiff's experiment onednn-one-side", "tests/experiments", "2026-11-22")
PORT = Source(
    "tensorflow/core/util/port.cc, DefaultOneDnnPolicy",
    "https://github.com/tensorflow/tensorflow/blob/v2.15.1/tensorflow/core/util/port.cc",
    "2026-11-22",
)

NO_OPENMP = "TensorFlow's CPU kernels do not use OpenMP"


def side(label: str = "left", **over: Any) -> Side:
    return Side(
        **{
            "label": label,
            "kind": "interpreter",
            "reached_by": "interpreter",
            "captured_at": "2026-11-22T15:00:00Z",
            "headline": (("TensorFlow", "2.15.1"), ("Python", "3.11.7"), ("CPU", "AMD EPYC 9R14")),
            **over,
        }
    )


def output(**over: Any) -> OutputDelta:
    given = {"max_abs": 2.4e-7, "max_rel": 3e-8, "max_ulp": 24.0, "changed": 0.72, "flips": 0, "rows": 32}
    return OutputDelta(**{**given, **over})


def finding(title: str = "oneDNN kernels run on one side only", **over: Any) -> Finding:
    return Finding(
        **{
            "rule": "onednn-one-side",
            "title": title,
            "verdict": Verdict.CAN_MOVE,
            "size": Size.LAST_BITS,
            "steadiness": Steadiness.STABLE,
            "basis": Basis.MEASURED,
            "about": "setting.onednn",
            "left": Shown(
                "on", "variable unset; TensorFlow 2.15.1 turns it on for a CPU with avx512_vnni; this CPU has it"
            ),
            "right": Shown("off", "TF_ENABLE_ONEDNN_OPTS is 0"),
            "mechanism": "With oneDNN on, `MatMul` and `Conv2D` run in other kernels, which add up in another order. "
            "Floating point addition is not associative, so the last bits differ.",
            "confirm": ("envdiff isolate left.json right.json --only onednn",),
            "fix": "Set `TF_ENABLE_ONEDNN_OPTS` to the same value on both sides before TensorFlow is imported.",
            "sources": (MEASURED, PORT),
            "layer": "kernels",
            "measured": (
                ("TF_ENABLE_ONEDNN_OPTS 1 to 0, TensorFlow 2.15.1", "logits by 3e-7 to 2e-6; no label flips"),
            ),
            **over,
        }
    )


def report(**over: Any) -> Report:
    given = {
        "left": side("left"),
        "right": side("right"),
        "answer": Answer(Verdict.CAN_MOVE, "These two can predict differently: oneDNN kernels run on one side only."),
        "compared": 412,
    }
    return Report(**{**given, **over})


def onednn_one_side() -> Report:
    """One switch, measured, with everything around it that a real pair has."""
    return report(
        left=side("laptop"),
        right=side("serving", kind="container", reached_by="pid-namespace"),
        answer=Answer(
            Verdict.MOVES,
            "The answers differ by up to 2.4e-07 in logits. "
            "The cause that fits best: oneDNN kernels run on one side only.",
            ("envdiff isolate laptop.json serving.json --rows rows.npz",),
        ),
        delta=Delta(
            {"logits": output(), "probs": output(max_abs=6e-8, max_rel=6e-8, max_ulp=2.0)},
            "the same twice on each side",
        ),
        findings=(
            finding(
                verdict=Verdict.MOVES,
                because="It is large enough, steady in the same way, and the model runs MatMul and Conv2D.",
                fits_delta=True,
                folded=(("env.TF_ENABLE_ONEDNN_OPTS", "(absent)", "0"), ("runtime.onednn", "true", "false")),
            ),
        ),
        same_in_effect=(
            SameInEffect(
                "setting.threads.intra", "unset", "0", "both leave the number of threads to TensorFlow, which takes 8"
            ),
        ),
        ruled_out=(
            RuledOut("env.TF_DETERMINISTIC_OPS", "(absent)", "1", "determinism-cpu", "it moves nothing on a CPU"),
            RuledOut("setting.tf32", "on", "off", "tf32-no-gpu", "neither side has a GPU"),
        ),
        unexplained=(Unexplained("packages.grpcio", "1.62.0", "1.60.1"),),
        ignored=(Ignored("os.timezone", "Europe/Berlin", "UTC", "our servers are all UTC"),),
        full=(
            ("env.TF_DETERMINISTIC_OPS", "(absent)", "1"),
            ("env.TF_ENABLE_ONEDNN_OPTS", "(absent)", "0"),
            ("os.timezone", "Europe/Berlin", "UTC"),
            ("packages.grpcio", "1.62.0", "1.60.1"),
            ("runtime.onednn", "true", "false"),
        ),
    )


def versions_apart() -> Report:
    """TensorFlow 2.12.1 against 2.21.0: labels flip, the decoder is the cause, the version is too small."""
    version = finding(
        "TensorFlow 2.12.1 against 2.21.0",
        rule="tensorflow-version",
        about="tensorflow.version",
        left=Shown("2.12.1"),
        right=Shown("2.21.0"),
        mechanism="Kernels and graph rewrites changed between the two. "
        "Most models keep every bit; some move in the last ones.",
        fix="Serve with the version that the model was checked with.",
        confirm=("Run the model in a second environment with `tensorflow-cpu==2.12.1` and compare.",),
        because="Its largest known effect is 4e-5; 0.31 was measured.",
        fits_delta=False,
        changes=(
            Change(
                "2.15",
                "convolution and attention layers give other last bits than 2.12",
                Size.LAST_BITS,
                Basis.MEASURED,
                (MEASURED,),
                ("Conv2D", "Einsum"),
            ),
            Change(
                "2.18",
                "recurrent and attention layers give other last bits than 2.16",
                Size.LAST_BITS,
                Basis.MEASURED,
                (MEASURED,),
            ),
        ),
    )
    decoder = finding(
        "JPEG images are decoded by another program",
        rule="jpeg-decoder",
        verdict=Verdict.MOVES,
        size=Size.VISIBLE,
        about="model.inputs.image",
        left=Shown("tf.image.decode_jpeg", "the graph of the model decodes; its default method is INTEGER_FAST"),
        right=Shown("Pillow 10.4.0", "the client decodes and sends pixels"),
        mechanism="`tf.image.decode_jpeg` takes INTEGER_FAST by default. "
        "Pillow and OpenCV give the bits of INTEGER_ACCURATE.\n\n"
        "A pixel is off by a few steps, and on a small model that flips labels.",
        confirm=(
            "envdiff tensors left-inputs.npz right-inputs.npz",
            "TF_CPP_MIN_LOG_LEVEL=1 python predict.py --dct-method INTEGER_ACCURATE",
        ),
        fix="Decode in one place. Or ask TensorFlow for `dct_method='INTEGER_ACCURATE'`.",
        layer="input",
        measured=(("the decoder of 256 images", "22 of 256 labels flip"),),
        because="Inputs come before versions, and it is the only finding large enough.",
        fits_delta=True,
    )
    bounds = {"max_abs": 3.1, "max_rel": 0.31, "max_ulp": 5_242_880.0, "changed": 1.0, "flips": 22, "rows": 256}
    many = tuple((f"packages.package-{at:03}", f"1.{at}.0", f"2.{at}.0") for at in range(140))
    return report(
        left=side("training", headline=(("TensorFlow", "2.12.1"), ("Python", "3.11.7"), ("Keras", "2.12.0"))),
        right=side(
            "production",
            kind="container",
            reached_by="docker-exec",
            headline=(
                ("TensorFlow", "2.21.0"),
                ("Python", "3.11.9"),
                ("Keras", "3.15.1"),
                ("image", "registry.example/ranker@sha256:9f2c"),
            ),
        ),
        answer=Answer(
            Verdict.MOVES,
            "The answers differ by up to 3.1e+00 in serving_default/probabilities, 22 of 256 labels flip. "
            "The cause that fits best: JPEG images are decoded by another program.",
            ("envdiff tensors left-inputs.npz right-inputs.npz",),
        ),
        delta=Delta(
            {"serving_default/probabilities": output(**bounds)}, "the same twice on each side, alone and in a batch"
        ),
        findings=(decoder,),
        too_small=(version, finding(fits_delta=False)),
        ruled_out=tuple(
            RuledOut(f"env.OMP_VARIABLE_{at}", "(absent)", str(at), "openmp-inert", NO_OPENMP) for at in range(9)
        ),
        unexplained=tuple(Unexplained(*each) for each in many[:30]),
        unread=(
            Unread(
                "right",
                "libraries",
                "no permission to read /proc/7/maps",
                "envdiff capture --container production --user root",
                True,
            ),
        ),
        full=many,
        compared=731,
    )


def nothing_can_move() -> Report:
    """Two environments that differ in ways that are known to be inert."""
    return report(
        left=side("staging"),
        right=side("production"),
        answer=Answer(Verdict.HARMLESS, "Nothing that differs between these two can move predictions."),
        same_in_effect=(
            SameInEffect("setting.onednn", "unset", "1", "unset means on here: TensorFlow 2.15.1 and avx512_vnni"),
        ),
        ruled_out=(
            RuledOut("env.OMP_NUM_THREADS", "(absent)", "1", "openmp-inert", NO_OPENMP),
            RuledOut("os.locale.numeric", "C", "de_DE.UTF-8", "locale-inert", "measured: no locale moved a bit"),
        ),
        full=(
            ("env.OMP_NUM_THREADS", "(absent)", "1"),
            ("env.TF_ENABLE_ONEDNN_OPTS", "(absent)", "1"),
            ("os.locale.numeric", "C", "de_DE.UTF-8"),
        ),
    )


def cannot_tell() -> Report:
    """The side that matters would not be read."""
    return report(
        left=side("notebook"),
        right=side("ranker-7d9f", kind="pod", reached_by="endpoints", headline=()),
        answer=Answer(
            Verdict.CANNOT_TELL,
            "Nothing that was read on both sides can move predictions, "
            "but the server's flags and its CPU could not be read.",
            ("envdiff capture --pod ranker-7d9f --ephemeral -o right.json",),
        ),
        unread=(
            Unread(
                "right",
                "env",
                "the image has no shell and no Python",
                "envdiff capture --pod ranker-7d9f --ephemeral",
                True,
            ),
            Unread(
                "right",
                "cpu",
                "the image has no shell and no Python",
                "envdiff capture --pod ranker-7d9f --ephemeral",
                True,
            ),
            Unread(
                "both",
                "gpu",
                "no permission to open /dev/nvidiactl",
                "Run the capture as the user of the process.",
                False,
            ),
        ),
        notes=("The right side was captured 9 days after the left.",),
        compared=18,
    )


def isolated() -> Report:
    """The same, after the switches were thrown."""
    shown = isolations.one_culprit()
    before = onednn_one_side()
    because = "shown by running it: left with TF_ENABLE_ONEDNN_OPTS thrown answers as right"
    return before._replace(
        answer=Answer(Verdict.MOVES, shown.sentence),
        findings=tuple(one._replace(because=because) for one in before.findings),
        isolation=shown._replace(notes=("The left side is run by another interpreter than it was captured from.",)),
    )


REAL = {
    "onednn-one-side": onednn_one_side,
    "versions-apart": versions_apart,
    "nothing-can-move": nothing_can_move,
    "cannot-tell": cannot_tell,
    "isolated": isolated,
}
