"""Isolations for the tests: one-line builders with defaults, and a few that could be real."""

from __future__ import annotations

from typing import Any

from envdiff.report import Isolation, Tried, Unsteady

OTHER_PYTHON = (
    "The right side is run by another interpreter than it was captured from: python.version is 3.11.7 here and 3.11.9 in "
    "the fingerprint."
)


def tried(name: str = "TF_ENABLE_ONEDNN_OPTS", verdict: str = "cleared", **over: Any) -> Tried:
    guilty = verdict == "culprit"
    given = {
        "about": f"env.{name}",
        "left": "not set",
        "right": "1",
        "alone": "moved" if guilty else None,
        "all_but": "moved" if guilty else "same",
        "share": 1.0 if guilty else None,
        "share_given": 1.0 if guilty else 0.0,
        "trials": 1,
    }
    return Tried(**{"name": name, "verdict": verdict, **given, **over})


def isolation(*switches: Tried, **over: Any) -> Isolation:
    culprits = tuple(one.name for one in switches if one.verdict == "culprit")
    given = {
        "left": "left",
        "right": "right",
        "sentence": "TF_ENABLE_ONEDNN_OPTS alone turns left's answers into right's, and right without it answers as left "
        "(8 trials, compared bit by bit).",
        "culprits": culprits,
        "sets": (culprits,) if culprits else (),
        "forward": True if culprits else None,
        "backward": True if culprits else None,
        "switches": switches,
        "gap": 2.9e-7,
        "trials_run": 8,
    }
    return Isolation(**{**given, **over})


def one_culprit() -> Isolation:
    """A variable among innocent ones."""
    return isolation(
        tried("TF_NUM_INTRAOP_THREADS", right="2"),
        tried("TF_ENABLE_ONEDNN_OPTS", "culprit", about="setting.onednn", right="0", trials=3),
        tried("TZ", left="Europe/Berlin", right="UTC"),
        tried("PYTHONHASHSEED", right="0"),
        left="laptop",
        right="serving",
        not_recreated=(("cpu.model", "another processor: run isolate on a machine with it"),),
    )


def two_together() -> Isolation:
    """Two that are needed together, one that they hide, one that could not be thrown; a budget that ended."""
    pair = ("ONEDNN_DEFAULT_FPMATH_MODE", "TF_ENABLE_ONEDNN_OPTS")
    return isolation(
        tried(pair[0], "culprit", right="BF16", alone="same", share=0.0, share_given=0.998, trials=9),
        tried(pair[1], "culprit", about="setting.onednn", left="0", right="1", share=0.0021, share_given=1.4, trials=8),
        tried("jit", "hidden", about="runtime.jit", left="", right="autoclustering", alone="moved", share=-0.12, trials=4),
        tried("interpreter", about="tensorflow.version", left="2.15", right="2.21", alone="same", share=0.0, trials=4),
        tried("grappler.remapping", "void", about="", left="", right="", all_but=None, share_given=None, trials=0,
              why="grappler.remapping: the process shows runtime.grappler.remapping = nothing, not True"),
        tried("processors", "undecided", about="cpu.schedulable", left="2", right="8", alone="unclear", all_but="void"),
        left="training",
        right="production",
        sentence="ONEDNN_DEFAULT_FPMATH_MODE and TF_ENABLE_ONEDNN_OPTS together turn left's answers into right's, and no "
        "fewer do; right without them still differs from left, because of jit, which they hide (19 trials, compared by "
        "distance: the sides are not steady to the bit).",
        hidden=("jit",),
        backward=False,
        noise=(1.2e-8, 0.0),
        gap=0.0043,
        exact=False,
        unsteady=(
            Unsteady(
                "left",
                "between starts",
                1.2e-8,
                (0, 3),
                ("one thread",),
                (("tf.random.set_seed(0)", "no change"), ("one thread", "steady")),
            ),
        ),
        reproduced=0.91,
        trials_run=12,
        trials_known=7,
        complete=False,
        notes=(OTHER_PYTHON,),
    )  # fmt: skip


def each_suffices() -> Isolation:
    """Two that do the same."""
    return isolation(
        tried("TF_ENABLE_ONEDNN_OPTS", "culprit", left="1", right="0", share=1.0, share_given=0.0, all_but="same"),
        tried("ONEDNN_VERBOSE", left="not set", right="1"),
        tried(
            "instruction set", "culprit", about="setting.kernel_isa", left="AVX512_CORE", right="AVX2", all_but="same"
        ),
        sets=(("TF_ENABLE_ONEDNN_OPTS",), ("instruction set",)),
        sentence="Each of these by itself turns left's answers into right's: TF_ENABLE_ONEDNN_OPTS; instruction set, and "
        "right without them answers as left (9 trials, compared bit by bit).",
    )


def noise() -> Isolation:
    """A model that draws random numbers: nothing can be blamed."""
    attempts = (
        ("tf.random.set_seed(0)", "steady"),
        ("one thread", "no change"),
        ("tf.config.experimental.enable_op_determinism()", "fails: it needs a seed"),
    )
    return isolation(
        tried("TF_ENABLE_ONEDNN_OPTS", "undecided", left="1", right="0", all_but=None, share_given=None),
        sentence="The noise is the finding: left and right contradict themselves between calls, by more than the sides "
        "differ, so no mismatch can be blamed (14 trials). tf.random.set_seed(0) steadies it.",
        noise=(0.31, 0.28),
        gap=0.22,
        exact=False,
        unsteady=tuple(
            Unsteady(side, "between calls", size, None, ("tf.random.set_seed(0)",), attempts)
            for side, size in (("left", 0.31), ("right", 0.28))
        ),
        trials_run=14,
    )


def alike() -> Isolation:
    """What differs cannot be thrown here."""
    return isolation(
        tried("TZ", "undecided", left="UTC", right="Asia/Tokyo", all_but=None, share_given=None),
        sentence="Left and right, as far as right can be re-created here, answer alike bit for bit (4 trials); not "
        "re-created here: setting.kernel_isa.",
        gap=0.0,
        trials_run=4,
        not_recreated=(("setting.kernel_isa", "another processor: run isolate on a machine with it"),),
    )


REAL = {
    "one-culprit": one_culprit,
    "two-together": two_together,
    "each-suffices": each_suffices,
    "noise": noise,
    "alike": alike,
}
