"""From what the user asks for to an isolation that can run: interpreters, rows, plan, journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envdiff.capture.interpreter import Request, active_interpreter, capture_interpreter, named_interpreter
from envdiff.capture.model import FROM_SIGNATURE, rows_for
from envdiff.compare import compare
from envdiff.errors import UnusableInput
from envdiff.experiment.derive import Ends, plan, same_place
from envdiff.experiment.isolate import Isolating
from envdiff.experiment.journal import Journal
from envdiff.experiment.knobs import Knobs, digest_of
from envdiff.experiment.likeness import Outputs
from envdiff.experiment.trials import Budget, Limits, Silent, Task, Trials, Watcher, packed
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint
from envdiff.report import Isolation
from envdiff.rulebook import Rulebook

# What of an interpreter can change what a trial answers; its variables are knobs.
CONTENT = ("python.version", "tensorflow.", "packages.", "cpu.model", "cpu.flags", "builds.")


@dataclass(frozen=True)
class IsolateRequest:
    """What ``envdiff isolate`` is asked. ``rows`` is a file or the word signature; ``vary`` maps a knob to its left and
    right value; ``executors`` are by node (``""`` for all), ``packages`` folders with the right's single packages."""

    left: Fingerprint
    right: Fingerprint
    model: Path
    rows: str = FROM_SIGNATURE
    left_python: Path | None = None
    right_python: Path | None = None
    right_image: str | None = None
    right_server: str | None = None
    model_name: str = "model"
    signature: str = "serving_default"
    vary: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    packages: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    limits: Limits = field(default_factory=Limits)
    jobs: int = 1
    journal: Path | None = None
    resume: bool = False
    every_switch: bool = False
    allow_code: bool = False
    executors: Mapping[str, Executor] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """Everything that an isolation runs on. :meth:`run` it, then :meth:`close` it on every way out."""

    isolating: Isolating
    task: Callable[[Knobs], Task]
    versions: tuple[Mapping[str, Any], Mapping[str, Any]]  # facts of the two interpreters
    every_switch: bool

    def run(self) -> Isolation:
        """Raises WorldFailed when an end does not answer or the journal cannot be kept."""
        return self.isolating.run(every_switch=self.every_switch)

    def close(self) -> None:
        """End what still runs."""
        self.isolating.trials.close()

    @property
    def journal(self) -> Journal:
        """Where the trials are kept."""
        return self.isolating.trials.journal

    def bundle(self, found: Isolation, path: Path) -> None:
        """What was found, as two commands for somebody else: see :func:`envdiff.experiment.bundle.write_bundle`."""
        from envdiff.experiment.bundle import write_bundle

        write_bundle(path, self.isolating.plan, self.task, found, versions=self.versions)


def prepare(request: IsolateRequest, book: Rulebook, cache: Path, watcher: Watcher | None = None) -> Prepared:
    """Look at the model, the rows and the interpreters, and plan. ``cache`` is where the journal lies when the request
    names no place.

    Raises UnusableInput for a model, rows, interpreter or journal that cannot be used.
    """
    rows, place = rows_for(request.model, request.rows, request.signature)
    here = _interpreters(request)
    comparison = compare(request.left, request.right)
    planned = plan(explain(comparison, book), comparison, _ends(request, here, place))
    identity = digest_of(
        rows.digest, request.signature, [one.content for one in here], content_of(place), request.right_image
    )
    packed_rows = packed(rows.arrays, rows.by_row)

    def task(knobs: Knobs) -> Task:
        return Task(knobs, packed_rows, request.limits, request.signature, (), request.allow_code)

    trials = Trials(
        journal=_journal(request, identity, cache),
        task=task,
        identity=identity,
        jobs=request.jobs,
        budget=request.budget,
        watcher=watcher or Silent(),
        executors=request.executors,
    )
    labels = (request.left.label, request.right.label)
    isolating = Isolating(planned, trials, labels, _reference(request, rows), tuple(_notes(request, here)))
    return Prepared(isolating, task, (here[0].facts, here[-1].facts), request.every_switch)


def _ends(request: IsolateRequest, here: Sequence[Here], place: Path) -> Ends:
    return Ends(
        python=str(here[0].path),
        model=str(place.resolve()),
        way="keras" if place.is_file() else "signature",
        right_python=str(here[1].path) if len(here) > 1 else None,
        image=request.right_image,
        nodes={"left", "right"} <= request.executors.keys(),
        vary=_placed(request),
        packages=request.packages,
        versions=(here[0].facts, here[-1].facts),
        own=not _notes(request, here),
    )


@dataclass(frozen=True)
class Here:
    """An interpreter of this machine, with what it says of itself."""

    path: Path
    facts: Mapping[str, Any]

    @property
    def content(self) -> str:
        """A name for everything in it that can change an answer."""
        return digest_of({path: value for path, value in self.facts.items() if path.startswith(CONTENT)})


def _interpreters(request: IsolateRequest) -> list[Here]:
    left = named_interpreter(request.left_python) if request.left_python else active_interpreter(os.environ)
    paths = [left.path, *([named_interpreter(request.right_python).path] if request.right_python else [])]
    found = [Here(path, capture_interpreter(path, Request(static=True)).facts) for path in paths]
    for one, option in zip(found, ("--left-python", "--right-python"), strict=False):
        if not one.facts.get("tensorflow.version"):
            raise UnusableInput("this interpreter has no TensorFlow", subject=str(one.path), hint=f"{option} PATH")
    return found


def _placed(request: IsolateRequest) -> Mapping[str, tuple[Any, Any]]:
    """Models that are varied are found as the model itself is: the version that a server would serve."""
    if "model" not in request.vary:
        return request.vary
    left, right = (rows_for(Path(one), request.rows, request.signature)[1] for one in request.vary["model"])
    return {**request.vary, "model": (str(left.resolve()), str(right.resolve()))}


def content_of(model: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of a model's files: what tells that it is still the same."""
    files = sorted(model.rglob("*")) if model.is_dir() else [model]
    return [(str(one.relative_to(model)), one.stat().st_size, one.stat().st_mtime_ns) for one in files if one.is_file()]


def _journal(request: IsolateRequest, identity: str, cache: Path) -> Journal:
    pair = digest_of(request.left.facts, request.right.facts, identity)
    path = request.journal or cache / "isolate" / f"{pair}.jsonl"
    return Journal(path, pair, must_exist=request.resume)


def _reference(request: IsolateRequest, rows: Any) -> Sequence[Outputs]:
    """What the real right answers, asked twice, where there is one that can only be asked."""
    if request.right_server is None:
        return ()
    from envdiff.experiment.journal import as_outputs
    from envdiff.predictions.ask_rest import RestTarget, ask_rest

    answers = ask_rest(RestTarget(request.right_server, request.model_name, request.signature), rows)
    calls = {call: outputs for call, outputs in answers.calls.items() if call in ("single", "batch")}
    return (as_outputs(calls),) if calls else ()


def _notes(request: IsolateRequest, here: Sequence[Here]) -> list[str]:
    sides = (("left", request.left, here[0]), *((("right", request.right, here[1]),) if len(here) > 1 else ()))
    notes = []
    for name, fingerprint, one in sides:
        why = same_place(fingerprint, one.facts)
        if why:
            notes.append(f"The {name} side is run by another interpreter than it was captured from: {why}.")
    return notes
