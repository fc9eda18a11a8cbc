"""What arrays of both sides say about each other, as facts that rules can speak of.

A relation between two recorded inputs (``right = left / 255``) is worth more than both arrays: it names the step that
is done on one side only. Here it becomes one fact on each side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdiff.errors import UnusableInput, needs_numpy
from envdiff.fingerprint import FactValue, Fingerprint

if TYPE_CHECKING:
    from envdiff.predictions.relation import Relation

Sides = tuple[Fingerprint, Fingerprint]

# Kind of relation -> what a rule calls that part of the input.
INPUT = {
    "scale-and-shift": "range",
    "scale-and-round": "range",
    "channel-scale-and-shift": "normalisation",
    "channels-reversed": "channels",
    "transposed": "layout",
    "reshaped": "layout",
    "resampled": "resize",
    "exchanged": "names",
    "cast": "dtype",
    "wrap": "dtype",
    "round-to-integer": "dtype",
    "decimals": "digits",
    "significant-digits": "digits",
    "equal-within-rounding": "digits",
    "standardised": "statistics",
    "ddof": "statistics",
    "min-max": "statistics",
    "norm": "statistics",
    "clipped": "clipping",
    "filled": "missing",
    "replaced": "missing",
    "labels-renamed": "vocabulary",
}
# Of answers, only what no rounding can do is a cause in itself.
ANSWERS = {
    "reordered": "order",
    "labels-renamed": "order",
    "softmax": "activation",
    "sigmoid": "activation",
    "log": "activation",
    "decimals": "digits",
    "significant-digits": "digits",
    "cast": "digits",
    "transposed": "order",
    "reshaped": "shape",
    "scale-and-shift": "scale",
}


def with_inputs(left: Fingerprint, right: Fingerprint, dumps: tuple[Path, Path]) -> tuple[Sides, tuple[str, ...]]:
    """Both sides with what the recorded arrays show, and notes. The first array that differs counts: there it starts.

    Raises :class:`UnusableInput` for a dump that cannot be read, for two without a common name, and without NumPy.
    """
    with needs_numpy("comparing arrays"):
        from envdiff.predictions.arrays import read_arrays
        from envdiff.predictions.tensors import compare_tensors
    found = compare_tensors(read_arrays(dumps[0]), read_arrays(dumps[1]))
    if not found.compared:
        raise UnusableInput("the two dumps have no array of the same name", subject=f"{dumps[0]} and {dumps[1]}")
    first = next((one for one in found.compared if not one.same), None)
    if first is None:
        return (left, right), (f"The recorded arrays are the same on both sides ({len(found.compared)} compared).",)
    path = f"input.{_part(first.relation, INPUT, _columns) or 'other'}"
    note = f"The recorded arrays differ from {first.name} on: {first.relation.sentence}."
    return _with(left, right, path, _spoken(first.name, first.relation)), (note,)


def with_answers(left: Fingerprint, right: Fingerprint, relations: Mapping[str, Relation]) -> Sides:
    """Both sides with how one's answers follow from the other's, where that is a cause and not a size."""
    for name, relation in relations.items():
        part = _part(relation, ANSWERS, lambda _: "order")
        if part:
            return _with(left, right, f"answers.{part}", _spoken(name, relation))
    return left, right


def _part(relation: Relation, parts: Mapping[str, str], reordered: Callable[[Relation], str]) -> str | None:
    """Of a composed relation, the first step that has a name."""
    for kind in (relation.kind, *relation.steps):
        if kind == "reordered":
            return reordered(relation)
        if kind in parts:
            return parts[kind]
    return None


def _columns(relation: Relation) -> str:
    return "rows" if relation.sentence.startswith("rows") else "columns"


def _spoken(name: str, relation: Relation) -> tuple[str, str]:
    """What each side has: the array under its name on one side, and what became of it on the other."""
    target, equals, rest = relation.sentence.partition(" = ")
    if equals and target == "right":
        return name, rest.replace("left", name)
    if equals and target == "left":
        return rest.replace("right", name), name
    return name, f"{name}, {relation.sentence}"


def _with(left: Fingerprint, right: Fingerprint, path: str, values: tuple[str, str]) -> Sides:
    def one(side: Fingerprint, value: FactValue) -> Fingerprint:
        document: dict[str, Any] = dict(side.document)
        document["facts"] = {**document.get("facts", {}), path: value}
        return replace(side, facts={**side.facts, path: value}, document=document)

    return one(left, values[0]), one(right, values[1])
