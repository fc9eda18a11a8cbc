"""From a rule's ``confirm`` to experiments: what is varied, what is held, and what a trial cannot tell of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envdiff.experiment.knobs import ENV, SET, Knobs
from envdiff.rulebook import Rule

# Values in a rule that stand for something of the reader's.
PLACEHOLDERS = frozenset(("FILE", "LIBRARY"))
# What a trial is told and no process can see: the fact by which rules speak of it.
TOLD: Mapping[str, str] = {
    "calls": "input.batch_shape",
    "cast": "input.dtype",
    "digits": "input.digits",
    "jit_compile": "model.xla_must_compile",
    "way": "answers.way",
}


@dataclass(frozen=True)
class Arm:
    """One value of what is varied. ``told`` are facts that belong to it, ``repeat`` counts starts of the same run."""

    words: str
    knobs: Knobs
    told: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True)
class Experiment:
    """One thing varied: every other arm is held against the first."""

    rule: str
    varies: str
    arms: tuple[Arm, ...]

    @property
    def of_starts(self) -> bool:
        """Whether it asks if the same run repeats; then models with random numbers are its subject."""
        return self.varies == "repeat"

    def change(self, other: Arm) -> str:
        """The pair in words."""
        return f"{self.arms[0].words} against {other.words}"


def experiments(rule: Rule) -> tuple[Experiment, ...]:
    """Every thing that the rule's experiment varies, on its own; those that need something of the reader's left out."""
    held = {**{ENV + name: value for name, value in rule.held_env.items()}, **_held_run(rule)}
    found = [
        Experiment(rule.id, name, tuple(_of_variable(name, value, held) for value in values))
        for name, values in rule.varied_env.items()
        if not PLACEHOLDERS.intersection(values)
    ]
    found += [
        Experiment(rule.id, name, tuple(_of_run(name, value, held) for value in values))
        for name, values in rule.confirm_run.items()
        if len(values) > 1
    ]
    return tuple(found)


def _held_run(rule: Rule) -> dict[str, Any]:
    alone = {name: values[0] for name, values in rule.confirm_run.items() if len(values) == 1}
    return {_knob(name): _value(name, value) for name, value in alone.items()}


def _of_variable(name: str, value: str | None, held: Knobs) -> Arm:
    """A variable that is not set is left out of the knobs, so that the run is the one that all experiments share."""
    words = f"{name} unset" if value is None else f"{name}={value}"
    return Arm(words, held if value is None else {**held, ENV + name: value}, _told(held))


def _of_run(name: str, value: Any, held: Knobs) -> Arm:
    if name == "repeat":
        return Arm(f"start {value}", held, _told(held), repeat=int(value) - 1)
    plain = name.removeprefix("runtime.")
    words = f"{plain} as it is" if value is None else f"{plain} {str(value).lower()}"
    as_it_is = value is None or (name, value) == ("way", "signature")  # the run that all experiments share
    knobs = held if as_it_is else {**held, _knob(name): _value(name, value)}
    told = {TOLD[name]: False if value is None and name == "jit_compile" else str(value)} if name in TOLD else {}
    if name == "jit_compile" and value is not None:
        told = {TOLD[name]: bool(value)}
    return Arm(words, knobs, {**_told(held), **told})


def _told(held: Knobs) -> dict[str, Any]:
    return {TOLD[name]: value for name, value in held.items() if name in TOLD}


def _knob(name: str) -> str:
    return SET + name if name.startswith("runtime.") else name


def _value(name: str, value: Any) -> Any:
    return (value,) if name == "calls" else value
