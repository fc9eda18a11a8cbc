"""The small models that rules are tried on: made once by the TensorFlow under study, kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.capture.model import FROM_SIGNATURE, rows_for
from envdiff.errors import WorldFailed
from envdiff.experiment.knobs import digest_of
from envdiff.experiment.trials import packed
from envdiff.model.facts import model_facts
from envdiff.predictions.scripts import run_script
from envdiff.probe_file import probe_path

SIGNATURE = "serving_default"
MAKING_S = 600.0
BUNDLE = "bundle_"


@dataclass(frozen=True)
class Member:
    """One model as an answer of a process: ``prefix`` starts the names of its outputs, ``facts`` are its own."""

    name: str
    prefix: str
    facts: Mapping[str, Any]

    def outputs(self, answered: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Its part of what a process answered, ``CALL/OUTPUT``, the second asking of the batch left out."""
        found = {}
        for name, array in answered.items():
            call, _, output = name.partition("/")
            if call != "batch_again" and output.startswith(self.prefix):
                found[f"{call}/{output.removeprefix(self.prefix)}"] = np.asarray(array)
        return found


@dataclass(frozen=True)
class Unit:
    """What one process loads and answers: a model, or a bundle of them. ``parts`` are a bundle's models on their own,
    for when it fails and not all of them do."""

    path: Path
    rows: bytes
    members: tuple[Member, ...]
    parts: tuple[Unit, ...] = ()

    def part(self, name: str) -> Unit:
        """The model of that name on its own."""
        return next((one for one in self.parts if one.path.name == name), self)


def small_models(python: Path, content: str, cache: Path) -> tuple[Unit, ...]:
    """The models for one interpreter, whose ``content`` names everything in it that can change them.

    Raises WorldFailed when they cannot be made or kept.
    """
    script = probe_path("small_models.py")
    name = digest_of(content, hashlib.sha256(script.read_bytes()).hexdigest())
    folder = cache / "models" / name
    if not folder.is_dir():
        _make(python, script, folder)
    return _units(folder)


def _make(python: Path, script: Path, folder: Path) -> None:
    """All or nothing: a folder that was begun and not ended never gets the name under which it is looked for."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        run_script(str(python), [str(script), str(partial)], MAKING_S)
        try:
            partial.replace(folder)
        except OSError:
            if not folder.is_dir():  # another process was quicker
                raise
    except OSError as error:
        raise WorldFailed(
            f"the small models cannot be kept: {error.strerror or error}", subject=str(folder), hint="free some space"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _units(folder: Path) -> tuple[Unit, ...]:
    """Bundles, and the models that are in none."""
    facts = {path.name: _facts(path) for path in sorted(folder.iterdir())}
    bundles = {name: _models_of(facts[name]) for name in facts if name.startswith(BUNDLE)}
    bundled = {model for models in bundles.values() for model in models}
    alone = {
        name: _unit(folder / name, (Member(name, "", facts[name]),)) for name in facts if not name.startswith(BUNDLE)
    }
    units = [
        _unit(
            folder / name,
            tuple(Member(model, f"{model}_", facts[model]) for model in models),
            tuple(alone[model] for model in models),
        )
        for name, models in bundles.items()
    ]
    return (*units, *(unit for name, unit in alone.items() if name not in bundled))


def _facts(path: Path) -> Mapping[str, Any]:
    """What a fingerprint of that model would say; where it lies is no part of it."""
    return {name: value for name, value in model_facts(path).facts.items() if name != "model.path"}


def _models_of(facts: Mapping[str, Any]) -> list[str]:
    """A bundle's inputs have the names of its models."""
    return [str(one).partition(" ")[0] for one in facts[f"model.signature.{SIGNATURE}.inputs"]]


def _unit(path: Path, members: tuple[Member, ...], parts: tuple[Unit, ...] = ()) -> Unit:
    rows, _ = rows_for(path, FROM_SIGNATURE, SIGNATURE)
    return Unit(path, packed(rows.arrays, rows.by_row), members, parts)
