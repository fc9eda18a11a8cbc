"""Does one side agree with itself? Repeats, single rows against a batch, and under concurrency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from envdiff.predictions.measure import largest
from envdiff.predictions.measured import Steady

Array = NDArray[Any]
Calls = Mapping[str, Mapping[str, Array]]

# What disagrees -> what it is called, the worst first. Calls absent from the answers are not compared.
_COMPARISONS = (
    ("batch", "batch_again", Steady.CALL_TO_CALL),
    ("single", "single_again", Steady.CALL_TO_CALL),
    ("batch", "concurrent", Steady.CONCURRENT),
    ("single", "concurrent_single", Steady.CONCURRENT),
    ("single", "batch", Steady.BATCH),
)


@dataclass(frozen=True)
class SelfAgreement:
    """``gaps``: for each comparison made, the largest distance relative to the output's range (0: all alike)."""

    steady: Steady
    gaps: Mapping[str, float] = field(default_factory=dict)


def steadiness(calls: Calls) -> Steady:
    """The worst word that fits; :func:`self_agreement` also has the sizes."""
    return self_agreement(calls).steady


def self_agreement(calls: Calls) -> SelfAgreement:
    gaps: dict[str, float] = {}
    words: list[Steady] = []
    for one, other, word in _COMPARISONS:
        if one not in calls or other not in calls:
            continue
        differs, gap = largest(calls[one], calls[other])
        gaps[f"{one} against {other}"] = gap
        if differs:
            words.append(word)
    if not gaps:
        return SelfAgreement(Steady.NOT_ASKED)
    return SelfAgreement(words[0] if words else Steady.STEADY, gaps)
