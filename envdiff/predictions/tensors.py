"""What ``envdiff tensors`` says: array by array, how far apart, how one follows from the other, and where it starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from math import isfinite
from typing import Any

from numpy.typing import NDArray

from envdiff.predictions.functions import Steps
from envdiff.predictions.measure import measure_one, pair_names
from envdiff.predictions.measured import OutputMeasure, Standing
from envdiff.predictions.relate import relate
from envdiff.predictions.relation import Relation, Strength

Array = NDArray[Any]


@dataclass(frozen=True)
class Compared:
    """Two arrays. ``name`` is the left one's, with the right one's when that is another."""

    name: str
    measured: OutputMeasure
    relation: Relation

    @property
    def same(self) -> bool:
        return self.measured.standing in (Standing.SAME_BITS, Standing.SAME_VALUES)


@dataclass(frozen=True)
class TensorsReport:
    """``compared`` in the dump's order; ``first_difference`` names the first array whose values differ, or is None."""

    compared: tuple[Compared, ...]
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()

    @property
    def first_difference(self) -> str | None:
        return next((one.name for one in self.compared if not one.same), None)

    @property
    def same(self) -> bool:
        return not self.only_left and not self.only_right and self.first_difference is None


def compare_tensors(left: Mapping[str, Array], right: Mapping[str, Array]) -> TensorsReport:
    """Arrays are paired by name; a lone one on each side is paired whatever it is called."""
    pairs, only_left, only_right = pair_names(left, right)
    compared = tuple(compare_one(name, left[name], other, right[other]) for name, other in pairs)
    return TensorsReport(_exchanged(compared, left, right), only_left, only_right)


def compare_one(left_name: str, left: Array, right_name: str, right: Array) -> Compared:
    name = left_name if left_name == right_name else f"{left_name} / {right_name}"
    return Compared(name, measure_one(left_name, left, right_name, right), relate(left, right))


def _exchanged(
    compared: tuple[Compared, ...], left: Mapping[str, Array], right: Mapping[str, Array]
) -> tuple[Compared, ...]:
    """Of arrays that nothing relates to their namesakes: those that the other side has, bit for bit, under another name."""
    lost = [one.name for one in compared if one.relation.strength is Strength.NONE and not one.same]
    lost = [name for name in lost if name in left and name in right]
    if len(lost) < 2:
        return compared
    places = {_bits(right[name]): name for name in lost}
    found = {name: places[bits] for name in lost if (bits := _bits(left[name])) in places}
    return tuple(
        replace(one, relation=_under(found[one.name], left[one.name])) if one.name in found else one for one in compared
    )


def _bits(array: Array) -> tuple[tuple[int, ...], str, str]:
    return array.shape, array.dtype.str, sha256(array.tobytes()).hexdigest()


def _under(name: str, array: Array) -> Relation:
    return Relation("exchanged", f"right has it under the name {name}", Strength.EXACT, elements=array.size)


def compare_steps(left: Steps, right: Steps) -> TensorsReport:
    """Arrays are called STEP, or STEP.NAME when a step made several; steps are paired by name."""
    return compare_tensors(_flat(left.steps), _flat(right.steps))


def _flat(steps: Sequence[tuple[str, Mapping[str, Array]]]) -> dict[str, Array]:
    flat: dict[str, Array] = {}
    for step, arrays in steps:
        lone = set(arrays) == {"values"}
        flat.update({step if lone else f"{step}.{name}": array for name, array in arrays.items()})
    return flat


def lines(report: TensorsReport) -> Iterable[str]:
    """Plain text for a terminal: a sentence for each array, its evidence indented below."""
    for one in report.compared:
        yield f"{one.name}: {one.relation.sentence}"
        yield from (f"    {line}" for line in _evidence(one))
    for side, names in (("left", report.only_left), ("right", report.only_right)):
        if names:
            yield f"only on the {side}: {', '.join(names)}"
    if len(report.compared) > 1:
        yield (
            f"the first array that differs is {report.first_difference}"
            if report.first_difference
            else "every array that both sides have is the same"
        )


def as_document(report: TensorsReport) -> dict[str, Any]:
    """The same for programs; distances that are infinite or not a number are written as text."""
    return {
        "same": report.same,
        "first_difference": report.first_difference,
        "only_left": list(report.only_left),
        "only_right": list(report.only_right),
        "arrays": [
            {"name": one.name, "measured": _plain(asdict(one.measured)), "relation": _plain(asdict(one.relation))}
            for one in report.compared
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _evidence(one: Compared) -> Iterable[str]:
    relation, measured = one.relation, one.measured
    if measured.standing is Standing.NOT_COMPARABLE:
        if relation.strength is Strength.NONE:
            return
    elif measured.standing is Standing.DIFFERS:
        yield _difference(measured)
    if relation.strength is not Strength.NONE and relation.steps and relation.max_abs is not None:
        yield _after(relation)
    yield from relation.notes
    if measured.words:
        yield measured.words


def _difference(measured: OutputMeasure) -> str:
    said = f"as they are: {measured.changed_values:.3%} of {measured.elements} elements differ"
    said += f", by at most {measured.max_abs:.3g} (median {measured.median_abs:.3g})"
    if measured.max_rel is not None:
        said += f", {measured.max_rel:.2g} of the range"
    if measured.flips:
        said += f"; the top class of {measured.flips} of {measured.rows} rows differs"
    return said


def _after(relation: Relation) -> str:
    left_over = f"at most {relation.max_abs:.2g} is left over" if relation.max_abs else "no bit is left over"
    if relation.max_rel and relation.max_abs:
        left_over += f" ({relation.max_rel:.1g} of the range)"
    fitted = f", {relation.parameters} numbers fitted" if relation.parameters else ""
    return f"after that {left_over}; {relation.elements} elements{fitted}; {relation.strength.value}"
