"""The answers that two fingerprints hold, measured against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envdiff.errors import needs_numpy
from envdiff.fingerprint import Fingerprint
from envdiff.report import Delta, OutputDelta

LARGEST_RELATED = 4_000_000  # elements: how one output follows from another is searched for, which takes time


@dataclass(frozen=True)
class Difference:
    """``delta`` is None when the answers are not at hand, or are to different rows: then they say nothing.

    ``relations``: by output, how the right side's answers follow from the left's.
    """

    delta: Delta | None
    notes: tuple[str, ...] = ()
    relations: Mapping[str, Any] = field(default_factory=dict)


def difference(left: Fingerprint, right: Fingerprint) -> Difference:
    """The measured difference of what both fingerprints keep.

    Raises :class:`UnusableInput` for answers that are damaged, and when NumPy is missing.
    """
    with needs_numpy("comparing answers"):
        from envdiff.predictions.between import between
        from envdiff.predictions.document import steadiness_of
    sides = []
    for name, side in (("left", left), ("right", right)):
        try:
            sides.append(_answers(side))
        except FileNotFoundError as error:
            return Difference(
                None, (f"The {name} side keeps its answers in {error.filename}, which is not beside it.",)
            )
    one, other = sides
    if one.rows_digest != other.rows_digest:
        return Difference(None, ("The two sides were asked different rows, so their answers were not compared.",))
    found = between(one, other)
    notes = tuple(note[0].upper() + note[1:] + "." for note in found.notes if "different rows" not in note)
    lone = [
        *(f"left: {name}" for name in found.measured.only_left),
        *(f"right: {n}" for n in found.measured.only_right),
    ]
    if lone:
        notes = (*notes, f"Outputs that one side alone gave: {', '.join(lone)}.")
    return Difference(found.delta._replace(steadiness=steadiness_of(one, other)), notes, _relations(one, other))


def _relations(left: Any, right: Any) -> dict[str, Any]:
    from envdiff.predictions.measure import pair_names
    from envdiff.predictions.relate import relate

    pairs, _, _ = pair_names(left.main, right.main)
    small = [(one, other) for one, other in pairs if left.main[one].size <= LARGEST_RELATED]
    return {one: relate(left.main[one], right.main[other]) for one, other in small}


def _answers(side: Fingerprint) -> Any:
    from envdiff.predictions import exchange
    from envdiff.predictions.document import from_document

    document = dict(side.outputs or {})
    if "kept_in" in document:
        # A bare name, beside the fingerprint: a path in a file from elsewhere must not lead anywhere.
        file = Path(side.folder or ".") / Path(str(document["kept_in"])).name
        if not file.is_file():
            raise FileNotFoundError(2, "no such file", str(file))
        calls, _ = exchange.read(file)
        return replace(from_document({**document, "calls": {}}, side.label), calls=calls)
    return from_document(document, side.label)


def stated(max_abs: float) -> Delta:
    """A difference that somebody observed and says by hand: its size and nothing else."""
    return Delta({"": OutputDelta(max_abs, None, None, 1.0 if max_abs else 0.0, None, 0)}, "", stated=True)
