"""Running trials: each in a fresh process, side by side where asked, kept in the journal, and never twice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, MutableSet, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from envdiff.capture import filter as secrets
from envdiff.errors import EnvdiffError, WorldFailed
from envdiff.experiment.journal import Ended, Journal, as_outputs
from envdiff.experiment.knobs import BATCHED, ENV, PACKAGE, PLACES, SET, Knobs, digest_of, under
from envdiff.experiment.search import Spent
from envdiff.predictions import exchange
from envdiff.predictions.scripts import run_script
from envdiff.probe_file import probe_path
from envdiff.scratch import scratch
from envdiff.secrets import masked

# Of what a process tells of itself, what no switch changes and no one reads again.
NOT_EVIDENCE = ("packages.", "libraries.", "origins.", "conda.", "builds.", "process.limits.")


@dataclass(frozen=True)
class Limits:
    """What one trial may take: wall seconds, and bytes of memory (None: no limit)."""

    seconds: float = 600.0
    memory: int | None = None


@dataclass(frozen=True)
class Task:
    """One run, complete: it can be sent to another machine that has the same paths."""

    knobs: Knobs
    rows: bytes  # an archive as probes/predict.py reads it
    limits: Limits
    signature: str = "serving_default"
    tags: tuple[str, ...] = ()
    allow_code: bool = False


def perform(task: Task, running: MutableSet[int] | None = None) -> Ended:
    """Run it where its knobs say; what goes wrong in it is how it ended."""
    began = time.monotonic()
    try:
        ended = _place(task)(task, running)
    except EnvdiffError as error:
        ended = Ended(None, error.message)
    # What a program says when it fails may hold anything, and it goes into journals and reports.
    return Ended(ended.outputs, masked(ended.reason), ended.evidence, time.monotonic() - began)


def _place(task: Task) -> Callable[[Task, MutableSet[int] | None], Ended]:
    if task.knobs.get("image"):
        from envdiff.experiment.images import run_image

        return run_image
    return run_python


def run_python(task: Task, running: MutableSet[int] | None = None) -> Ended:
    """In a fresh process of the interpreter ``python``. Raises WorldFailed when that process dies or takes too long."""
    with scratch("trial") as folder:
        answered = Path(folder, "answers.npz")
        specification = write_task(task, Path(folder), Path(folder), str(task.knobs["model"]))
        run_script(
            str(task.knobs["python"]),
            [str(probe_path("trial.py")), str(specification)],
            task.limits.seconds,
            env=environment(task.knobs, os.environ),
            running=running,
        )
        return read_answers(answered, task.knobs)


def write_task(task: Task, folder: Path, inside: Path, model: str) -> Path:
    """Rows and specification into ``folder``, which the trial sees as ``inside``; the specification's path here."""
    (folder / "rows.npz").write_bytes(task.rows)
    file = folder / "trial.json"
    file.write_text(json.dumps(specification_of(task, inside, model)))
    return file


def specification_of(task: Task, inside: Path, model: str) -> dict[str, Any]:
    """What probes/trial.py reads."""
    knobs = task.knobs
    cpus = knobs.get("cpus")
    return {
        "model": model,
        "rows": str(inside / "rows.npz"),
        "out": str(inside / "answers.npz"),
        "way": knobs.get("way") or "signature",
        "calls": list(knobs.get("calls") or BATCHED),
        "signature": task.signature,
        "tags": list(task.tags),
        "set": {path: value for path, value in under(SET, knobs).items() if value is not None},
        "jit_compile": bool(knobs.get("jit_compile")),
        "cast": knobs.get("cast"),
        "digits": knobs.get("digits"),
        "cpus": sorted(os.sched_getaffinity(0))[:cpus] if cpus else None,
        "memory": task.limits.memory,
        "allow_code": task.allow_code,
    }


def environment(knobs: Knobs, own: Mapping[str, str]) -> dict[str, str]:
    """The variables of a trial: those of this process that cannot matter, and those that the knobs name."""
    matter = set(secrets.recorded(sorted(own), ())) - PLACES
    found = {name: value for name, value in own.items() if name not in matter}
    found.update({name: value for name, value in under(ENV, knobs).items() if value is not None})
    folders = [folder for folder in under(PACKAGE, knobs).values() if folder]
    if folders:
        found["PYTHONPATH"] = os.pathsep.join([*folders, *filter(None, [found.get("PYTHONPATH")])])
    return found


def read_answers(file: Path, knobs: Knobs) -> Ended:
    """What a trial wrote. A call's name is left out where the trial made one alone: batch shapes can be compared then."""
    calls, meta = exchange.read(file)
    evidence = kept_evidence((meta.get("evidence") or {}).get("facts") or {}, knobs)
    if "error" in meta:
        return Ended(None, str(meta["error"]), evidence)
    if len(knobs.get("calls") or BATCHED) == 1:
        calls = dict.fromkeys(["rows"], next(iter(calls.values()), {}))
    outputs = as_outputs(calls)
    return Ended(outputs, "", evidence) if outputs else Ended(None, "it answered nothing", evidence)


def kept_evidence(facts: Mapping[str, Any], knobs: Knobs) -> dict[str, Any]:
    """Of what a process tells of itself, what switches change and people read."""
    packages = {f"packages.{name}" for name in under(PACKAGE, knobs)}
    return {path: value for path, value in facts.items() if not path.startswith(NOT_EVIDENCE) or path in packages}


# ---------------------------------------------------------------- many trials


class Watcher(Protocol):
    """Whoever shows what is going on."""

    def stage(self, words: str, at_most: int) -> None:
        """What begins now, and how many trials it can take."""

    def began(self, trials: int) -> None:
        """So many trials run now."""

    def ended(self, ended: Ended, *, again: bool) -> None:
        """One ended; ``again``: it was found in the journal."""

    def stands(self, thrown: Collection[str], of: int, like: str) -> None:
        """What a combination of ``of`` switches answered: as left, right, or other, or nothing that counts."""


class Silent:
    """Shows nothing."""

    def stage(self, words: str, at_most: int) -> None:
        """Nothing."""

    def began(self, trials: int) -> None:
        """Nothing."""

    def ended(self, ended: Ended, *, again: bool) -> None:
        """Nothing."""

    def stands(self, thrown: Collection[str], of: int, like: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Budget:
    """``trials`` counts runs that really take place, ``seconds`` wall time from the first."""

    trials: int | None = None
    seconds: float | None = None


Wanted = tuple[Knobs, int]  # what to run, and which repeat of it


@dataclass
class Trials:
    """Runs what is wanted and keeps it. Close it on every way out: it ends what still runs.

    ``executors`` are by node; what has none runs in ``jobs`` threads, each waiting for a process. ``identity`` names
    what the knobs do not: the rows, the model's and the interpreters' content.
    """

    journal: Journal
    task: Callable[[Knobs], Task]
    identity: str
    jobs: int = 1
    budget: Budget = field(default_factory=Budget)
    watcher: Watcher = field(default_factory=Silent)
    executors: Mapping[str, Executor] = field(default_factory=dict)
    run: int = 0
    known: int = 0  # distinct trials that the journal already had
    _found: set[tuple[str, int]] = field(default_factory=set)
    _local: ThreadPoolExecutor | None = None
    _running: set[int] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    def ask(self, wanted: Sequence[Wanted]) -> list[Ended]:
        """How each ended, in order. Raises :class:`Spent` when the budget does not allow the next one; those that had
        been begun are finished and kept."""
        known = {self._name(one): self.journal.find(*self._name(one)) for one in wanted}
        missing = [one for one in wanted if known[self._name(one)] is None]
        self.watcher.began(len(missing))
        for one in wanted:
            found = known[self._name(one)]
            if found is not None and self._name(one) not in self._found:
                self.known += 1
                self.watcher.ended(found, again=True)
        self._found.update(known)
        allowed = self._allowed(missing)
        known.update(self._run(allowed))
        if len(allowed) < len({self._name(one) for one in missing}):
            raise Spent
        return [ended for one in wanted if (ended := known[self._name(one)]) is not None]

    def _name(self, one: Wanted) -> tuple[str, int]:
        return digest_of(one[0], self.identity), one[1]

    def _allowed(self, missing: Sequence[Wanted]) -> list[Wanted]:
        distinct = list({self._name(one): one for one in missing}.values())
        if self.budget.seconds is not None and time.monotonic() - self._began > self.budget.seconds:
            return []
        return distinct if self.budget.trials is None else distinct[: max(0, self.budget.trials - self.run)]

    def _run(self, wanted: Sequence[Wanted]) -> dict[tuple[str, int], Ended]:
        futures: dict[Future[Ended], Wanted] = {self._submit(self.task(one[0])): one for one in wanted}
        found = {}
        for future in as_completed(futures):
            one = futures[future]
            ended = self._result(future)
            self.run += 1
            self.journal.add(*self._name(one), ended, {"knobs": dict(one[0])})
            self.watcher.ended(ended, again=False)
            found[self._name(one)] = ended
        self._found.update(found)
        return found

    def _submit(self, task: Task) -> Future[Ended]:
        elsewhere = self.executors.get(str(task.knobs.get("node") or ""))
        if elsewhere is not None:
            return elsewhere.submit(perform, task)
        if self._local is None:
            self._local = ThreadPoolExecutor(self.jobs, "trial")
        return self._local.submit(partial(perform, running=self._running), task)

    @staticmethod
    def _result(future: Future[Ended]) -> Ended:
        """A worker of another machine can fail in ways of its own; that is how the trial ended."""
        try:
            return future.result()
        except (OSError, RuntimeError, EOFError) as error:
            return Ended(None, f"the worker failed: {error}")

    def close(self) -> None:
        """End what still runs; nothing of it is kept."""
        if self._local is None:
            return
        self._local.shutdown(wait=False, cancel_futures=True)
        for group in list(self._running):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self._local.shutdown(wait=True)


def packed(rows: Mapping[str, Any], by_row: Sequence[str]) -> bytes:
    """Rows as a trial reads them."""
    with scratch("rows") as folder:
        file = Path(folder, "rows.npz")
        try:
            exchange.write(file, {"rows": rows}, {"by_row": list(by_row)})
        except OSError as error:
            raise WorldFailed(f"the rows cannot be written: {error.strerror or error}", subject=str(folder)) from error
        return file.read_bytes()
