"""The demo itself: two environments, two fingerprints, two sets of answers, one report."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from envdiff import api
from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.demo.environments import distribution, tensorflow_environment
from envdiff.errors import WorldFailed, needs_numpy
from envdiff.fingerprint import Fingerprint
from envdiff.report import Delta, Report

PREDICT_LIMIT_S = 300


@dataclass(frozen=True)
class Scene:
    """One side of the demo: an interpreter, and the variables it is run with beyond the user's own."""

    label: str
    python: Path
    extra: Mapping[str, str]

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of this side."""
        return {**os.environ, **self.extra}


@dataclass(frozen=True)
class Demo:
    """What the demo made: both fingerprints, and the report over them and over the measured difference."""

    left: Fingerprint
    right: Fingerprint
    report: Report


def make_scenes(left: str, right: str, home: Path, say: Callable[[str], None]) -> tuple[Scene, Scene]:
    """Two environments that differ as a notebook and a server do: in version, and in one variable."""
    with needs_numpy("the demo"):  # said before two TensorFlows are installed
        importlib.import_module("numpy")
    name = distribution()
    return (
        Scene(f"notebook ({name} {left})", tensorflow_environment(left, home, say), {}),
        Scene(f"server ({name} {right})", tensorflow_environment(right, home, say), {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    )


def run(scenes: tuple[Scene, Scene], say: Callable[[str], None]) -> Demo:
    """Capture both, predict with both, measure, report. Raises :class:`WorldFailed` when a side does not run."""
    fingerprints = []
    for scene in scenes:
        say(f"capturing the {scene.label}")
        fingerprints.append(capture_interpreter(scene.python, Request(label=scene.label), environ=scene.environ))
    left, right = fingerprints
    say("asking both for predictions of the same 64 rows")
    answers = [_predict(scene) for scene in scenes]
    again = _predict(scenes[0])
    delta = _measure(answers[0], answers[1], steady=answers[0]["hex"] == again["hex"])
    return Demo(left, right, api.report(left, right, delta=delta))


def _predict(scene: Scene) -> dict[str, Any]:
    script = str(resources.files("envdiff.demo").joinpath("model.py"))
    try:
        done = subprocess.run(
            [str(scene.python), script],
            capture_output=True,
            text=True,
            env=scene.environ,
            timeout=PREDICT_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WorldFailed(f"it gave no answer within {PREDICT_LIMIT_S} s", subject=scene.label) from error
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise WorldFailed(f"it could not predict: {last[0][:300]}", subject=scene.label)
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def _measure(left: dict[str, Any], right: dict[str, Any], *, steady: bool) -> Delta:
    with needs_numpy("measuring"):
        import numpy as np

        from envdiff.predictions.measure import measure

    def array(side: dict[str, Any]) -> Any:
        return np.frombuffer(bytes.fromhex(side["hex"]), dtype="<f4").reshape(side["shape"])

    return measure(
        {"probabilities": array(left)}, {"probabilities": array(right)}, "stable" if steady else "call-to-call"
    )
