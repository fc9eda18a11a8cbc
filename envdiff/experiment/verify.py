"""Trying rules on this machine: their experiments on small models, each run in a fresh process, claim by claim."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.compare import compare
from envdiff.errors import UnusableInput
from envdiff.experiment.journal import Ended, Journal
from envdiff.experiment.knobs import digest_of, patched
from envdiff.experiment.likeness import bits_of
from envdiff.experiment.noise import TWICE
from envdiff.experiment.request import Here
from envdiff.experiment.search import Spent
from envdiff.experiment.trials import Budget, Limits, Silent, Task, Trials, Wanted, Watcher
from envdiff.experiment.verify_guard import Guard, fingerprint_of, guard
from envdiff.experiment.verify_judge import Seen, moved, verdict
from envdiff.experiment.verify_models import Member, Unit, small_models
from envdiff.experiment.verify_plan import Arm, Experiment, experiments
from envdiff.explain.model import needs_hold
from envdiff.fingerprint import Fingerprint
from envdiff.predictions.document import STEADINESS
from envdiff.predictions.measured import Steady
from envdiff.predictions.steady import steadiness
from envdiff.probe_file import probe_path
from envdiff.report import Steadiness
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.measurements import Observation, Outcome, Run, Verified

# A model that fails or hangs is a result; none of these takes seconds when it does not.
LIMITS = Limits(seconds=300.0)
# Of an interpreter, what a trial's own evidence leaves out.
BESIDE = ("packages.", "origins.", "conda.", "builds.", "cuda.")
PROCESSOR = ("avx", "fma", "amx", "sse4", "f16c", "asimd", "sve", "bf16", "i8mm")

# What a test has time for: a rule of every kind, on the models that one start answers and one with a random operation.
QUICK_RULES = (
    "cudnn-autotune", "grappler-options", "hash-seed", "intra-op-threads", "kernel-isa", "logging-variables",
    "model-random-unseeded", "onednn-one-side", "timezone",
)  # fmt: skip
QUICK_UNITS = ("bundle_floats", "bundle_random")


@dataclass(frozen=True)
class Asked:
    """What to verify and how far to go. ``quick`` takes few models and a rule's first experiment, and repeats nothing."""

    rules: tuple[Rule, ...]
    quick: bool = False
    jobs: int = 1
    budget: Budget = field(default_factory=Budget)


Say = Callable[[str], None]


def verify(python: Path, asked: Asked, book: Rulebook, cache: Path, watcher: Watcher | None, say: Say) -> Run:
    """Everything that was asked about, in the environment of one interpreter. ``say`` is told what is being done.

    Raises UnusableInput for an interpreter without TensorFlow, WorldFailed when models or journal cannot be kept.
    """
    here = Here(python, capture_interpreter(python, Request(static=True)).facts)
    if not here.facts.get("tensorflow.version"):
        raise UnusableInput("this interpreter has no TensorFlow", subject=str(python), hint="--python PATH")
    say("making the small models")
    units = small_models(python, here.content, cache)
    rows = {str(one.path): one.rows for unit in units for one in (unit, *unit.parts)}
    scripts = [_digest(probe_path(name).read_bytes()) for name in ("trial.py", "predict.py")]
    identity = digest_of(here.content, [unit.path.name for unit in units], scripts, sorted(map(_digest, rows.values())))
    trials = Trials(
        journal=Journal(cache / "verify" / f"{identity}.jsonl", identity),
        task=lambda knobs: Task(knobs, rows[str(knobs["model"])], LIMITS),
        identity=identity,
        jobs=asked.jobs,
        budget=asked.budget,
        watcher=watcher or Silent(),
    )
    if asked.quick:
        units = tuple(unit for unit in units if unit.path.name in QUICK_UNITS)
    try:
        return _Verification(here, units, trials, book, quick=asked.quick).run(asked.rules, say)
    finally:
        trials.close()


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True)
class Base:
    """A model as it is: what it answers, and whether it answers that again."""

    unit: Unit
    member: Member
    evidence: Mapping[str, Any]
    steadiness: Steady
    repeats: bool

    @property
    def steady(self) -> bool:
        """Another answer to the same rows can be told from its own noise: there is none."""
        return self.repeats and self.steadiness in (Steady.STEADY, Steady.BATCH)


@dataclass
class _Verification:
    here: Here
    units: Sequence[Unit]
    trials: Trials
    book: Rulebook
    quick: bool
    bases: tuple[Base, ...] = ()
    spent: bool = False

    def run(self, rules: Sequence[Rule], say: Say) -> Run:
        say("every model as it is")
        verified = []
        try:
            self.bases = tuple(self._bases())
            say("every experiment on its first models")
            self._ahead(rules)
        except Spent:
            self.spent = not self.bases
        for number, rule in enumerate(rules, 1):
            say(f"{rule.id} ({number} of {len(rules)} rules, {self.trials.run} trials)")
            verified.append(self._rule(rule))
        return Run(
            str(self.here.facts["tensorflow.version"]),
            str(self.here.facts["python.version"]),
            self._machine(),
            tuple(verified),
        )

    def _machine(self) -> dict[str, Any]:
        facts = self.here.facts
        flags = facts.get("cpu.flags")
        told = {name: facts.get(f"cpu.{name}") for name in ("model", "vendor", "family", "model_number", "logical")}
        listed = [str(flag) for flag in flags] if isinstance(flags, tuple) else []
        return {**told, "system": facts.get("os.system"), "flags": [one for one in listed if one.startswith(PROCESSOR)]}

    # ------------------------------------------------------------ models as they are

    def _bases(self) -> Iterator[Base]:
        as_is = Arm("", {})
        wanted = [self._wanted(unit, as_is, again) for unit in self.units for again in range(1 if self.quick else 2)]
        self.trials.ask(wanted)
        for unit in self.units:
            runs = self._ask(unit, [as_is], range(1 if self.quick else 2))
            for member in unit.members if all(run.answered for run in runs) else ():
                yield _base(unit, member, runs)

    def _ahead(self, rules: Sequence[Rule]) -> None:
        """What every rule will want first, all at once, so that no processor waits for the end of a rule."""
        firsts = [
            (fitting[0].unit, experiment)
            for rule in rules
            for experiment in self._tried(rule)
            for fitting in [self._fitting(rule, experiment)[0]]
            if fitting
        ]
        self.trials.ask([self._wanted(unit, arm) for unit, experiment in firsts for arm in experiment.arms])

    def _tried(self, rule: Rule) -> tuple[Experiment, ...]:
        return experiments(rule)[: 1 if self.quick else None]

    def _wanted(self, unit: Unit, arm: Arm, again: int = 0) -> Wanted:
        base = {"python": str(self.here.path), "model": str(unit.path), "calls": TWICE}
        return patched(base, arm.knobs), arm.repeat + again

    def _ask(self, unit: Unit, arms: Sequence[Arm], again: Sequence[int] = (0,)) -> list[Ended]:
        return self.trials.ask([self._wanted(unit, arm, number) for arm in arms for number in again])

    # ------------------------------------------------------------ one rule

    def _rule(self, rule: Rule) -> Verified:
        if self.spent:
            return Verified(rule.id, Outcome.NOT_MEASURED, "the budget is spent")
        tried = self._tried(rule)
        if not tried:
            yours = rule.confirm_env or rule.confirm_run
            why = "its experiment needs something of yours" if yours else "it has no experiment"
            return Verified(rule.id, Outcome.NOT_MEASURED, why)
        seen: list[Seen] = []
        silent: list[str] = []
        steady = ""
        try:
            for experiment in tried:
                found, why = self._experiment(rule, experiment)
                seen.extend(found)
                silent.extend([why] if why else [])
                steady = max(steady, self._steadiness(experiment, found), key=_WORST.index)
        except Spent:  # the next rule may need nothing but what was run before
            return Verified(rule.id, Outcome.NOT_MEASURED, "the budget is spent")
        return verdict(rule, seen, steady, silent[0] if silent else "")

    def _experiment(self, rule: Rule, experiment: Experiment) -> tuple[list[Seen], str]:
        """What was seen where the rule speaks, or why it speaks nowhere.

        What the processes of one unit say of themselves tells for which other models a run is worth its time.
        """
        fitting, why = self._fitting(rule, experiment)
        if not fitting:
            return [], why
        units = list({one.unit.path: one.unit for one in fitting}.values())
        first = self._telling(units, experiment)
        if not all(run.evidence for run in first):
            reason = next(one.in_short for one in first if not one.answered)
            change = experiment.change(experiment.arms[-1])
            return [Seen(Observation(change, one.member.name, None, reason)) for one in fitting], ""
        guards = {one.member.name: self._guards(rule, experiment, one, first) for one in fitting}
        speaking = [one for one in fitting if any(each.speaks for each in guards[one.member.name])]
        if not speaking:
            return [], next(each.why for found in guards.values() for each in found)
        seen = []
        further = {one.unit.path: one.unit for one in speaking}.values()
        self.trials.ask([self._wanted(unit, arm) for unit in further for arm in experiment.arms])
        for base in speaking:
            ended, one = self._answers(base, experiment)
            for at, (arm, each) in enumerate(zip(experiment.arms[1:], guards[one.member.name], strict=True), 1):
                if each.speaks:
                    seen.append(Seen(_observed(experiment, one, (ended[0], ended[at]), arm), each.beside))
        return seen, ""

    def _answers(self, one: Base, experiment: Experiment) -> tuple[list[Ended], Base]:
        """The runs of every arm; by the model alone where its bundle fails."""
        ended = self._ask(one.unit, experiment.arms)
        if all(run.answered for run in ended) or not one.unit.parts:
            return ended, one
        alone = one.unit.part(one.member.name)
        return self._ask(alone, experiment.arms), replace(one, unit=alone, member=alone.members[0])

    def _telling(self, units: Sequence[Unit], experiment: Experiment) -> list[Ended]:
        """The runs of the first unit whose processes all lived to tell of themselves; of the last if none did."""
        for unit in units:
            runs = self._ask(unit, experiment.arms)
            if all(run.evidence for run in runs):
                break
        return runs

    def _fitting(self, rule: Rule, experiment: Experiment) -> tuple[list[Base], str]:
        """The models that the rule can touch, and that are steady unless it is about starts."""
        whys = []
        fitting = []
        for one in self.bases:
            own = self._fingerprint(one, one.evidence, experiment.arms[0])
            pair = compare(own, own)
            for needs in (rule.needs._replace(ops=()), rule.needs):
                needed, reason = needs_hold(needs, pair)
                if needed is False:
                    whys.append(reason)
                    break
            else:
                if one.steady or experiment.of_starts:
                    fitting.append(one)
        return fitting, whys[0] if whys else "no model here gives the same answer twice"

    def _guards(self, rule: Rule, experiment: Experiment, one: Base, runs: Sequence[Ended]) -> list[Guard]:
        """For every arm after the first."""
        sides = [self._fingerprint(one, ended.evidence, arm) for ended, arm in zip(runs, experiment.arms, strict=True)]
        return [guard(rule, sides[0], other, self.book) for other in sides[1:]]

    def _fingerprint(self, one: Base, evidence: Mapping[str, Any], arm: Arm) -> Fingerprint:
        packages = {path: value for path, value in self.here.facts.items() if path.startswith(BESIDE)}
        told = {"answers.steadiness": STEADINESS[one.steadiness], "answers.way": "signature"}
        return fingerprint_of(packages, evidence, one.member.facts, told, arm.told)

    def _steadiness(self, experiment: Experiment, found: Sequence[Seen]) -> str:
        """How the answers that moved repeat: within a process, and over starts of the model that moved most."""
        moving = [one.observation for one in found if one.observation.moved is not None]
        if not moving:
            return ""
        most = max(moving, key=lambda one: one.moved.relative if one.moved else 0.0)
        base = next(one for one in self.bases if one.member.name == most.model)
        if experiment.of_starts:
            return Steadiness.CALL_TO_CALL if base.steadiness is Steady.CALL_TO_CALL else Steadiness.START_TO_START
        arm = next(arm for arm in experiment.arms[1:] if experiment.change(arm) == most.change)
        runs = self._ask(base.unit, [arm], range(1 if self.quick else 2))
        told = _base(base.unit, base.member, runs) if all(run.answered for run in runs) else base
        if told.steadiness is Steady.CALL_TO_CALL:
            return Steadiness.CALL_TO_CALL
        return Steadiness.STABLE if told.repeats else Steadiness.START_TO_START


_WORST = ("", *(str(one) for one in (Steadiness.STABLE, Steadiness.START_TO_START, Steadiness.CALL_TO_CALL)))


def _base(unit: Unit, member: Member, runs: Sequence[Ended]) -> Base:
    calls = _calls(member, runs[0])
    answers = {bits_of(member.outputs(run.outputs or {})) for run in runs}
    return Base(unit, member, runs[0].evidence, steadiness(calls), len(answers) == 1)


def _calls(member: Member, run: Ended) -> dict[str, dict[str, Any]]:
    """A member's answers by call."""
    calls: dict[str, dict[str, Any]] = {}
    for name, array in (run.outputs or {}).items():
        call, _, output = name.partition("/")
        if output.startswith(member.prefix):
            calls.setdefault(call, {})[output.removeprefix(member.prefix)] = array
    return calls


def _observed(experiment: Experiment, one: Base, ended: tuple[Ended, Ended], arm: Arm) -> Observation:
    """One model, first arm against ``arm``. Starts are compared across calls too: the first batch of one against the
    second of another."""
    change, name = experiment.change(arm), one.member.name
    failed = next((run.in_short for run in ended if not run.answered), "")
    if failed:
        return Observation(change, name, None, failed)
    if experiment.of_starts:
        left, right = _calls(one.member, ended[0])["batch"], _calls(one.member, ended[1])["batch_again"]
        return Observation("first call against the second of another start", name, moved(left, right))
    left, right = (one.member.outputs(run.outputs or {}) for run in ended)
    return Observation(change, name, moved(left, right))


def to_try(book: Rulebook, ids: Sequence[str], *, quick: bool) -> tuple[Rule, ...]:
    """The rules that were named; without names all that have an experiment, few when quick."""
    if ids:
        return tuple(book[one] for one in ids)
    if quick:
        return tuple(rule for rule in book.rules if rule.id in QUICK_RULES)
    return tuple(rule for rule in book.rules if rule.confirm_env or rule.confirm_run)
