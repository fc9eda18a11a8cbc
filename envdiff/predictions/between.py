"""Two sides' answers -> the difference as a report holds it, with both sides' steadiness in words."""

from __future__ import annotations

from dataclasses import dataclass

from envdiff.predictions.answers import Answers
from envdiff.predictions.measure import measure_outputs, to_delta
from envdiff.predictions.measured import Measured, Steady
from envdiff.report import Delta


@dataclass(frozen=True)
class Difference:
    """``notes`` are what a reader must know before trusting the numbers: other rows, a swap, a transport."""

    delta: Delta
    measured: Measured
    notes: tuple[str, ...] = ()


def between(left: Answers, right: Answers) -> Difference:
    """Of the same call on both sides: the batch, else single rows."""
    measured = measure_outputs(left.main, right.main)
    return Difference(to_delta(measured, steady_words(left, right)), measured, tuple(_notes(left, right)))


def steady_words(left: Answers, right: Answers) -> str:
    """One word when both sides are alike, else a word for each."""
    one, other = left.steadiness.steady, right.steadiness.steady
    if one == other:
        return str(one)
    spoken = [(name, word) for name, word in (("left", one), ("right", other)) if word != Steady.NOT_ASKED]
    return "; ".join(f"{name}: {word}" for name, word in spoken)


def _notes(left: Answers, right: Answers) -> list[str]:
    notes = []
    if left.rows_digest != right.rows_digest:
        notes.append("the two sides were asked different rows: this difference says nothing about the models")
    for name, side in (("left", left), ("right", right)):
        if side.swapped_while_asked:
            notes.append(f"{name}: another version was served while it was asked")
        notes += [f"{name}: {note}" for note in side.notes]
        notes += [f"{name}: {call} failed: {why}" for call, why in side.errors.items()]
    return notes
