"""What measuring two sets of outputs gives: plain frozen data, richer than a report needs, for the renderers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from envdiff.report import WorstRow


class Standing(StrEnum):
    """How one output stands against the other, best first."""

    SAME_BITS = "same bits"
    SAME_VALUES = "same values"  # another dtype, or only the sign of zeros or the payload of NaNs
    DIFFERS = "differs"
    NOT_COMPARABLE = "not comparable"  # other shapes, or text against numbers


class Steady(StrEnum):
    """What asking one side several times showed, worst first after NOT_ASKED."""

    NOT_ASKED = "not asked twice"
    CALL_TO_CALL = "differs from call to call"
    CONCURRENT = "differs only under concurrency"
    BATCH = "differs between single rows and a batch"
    STEADY = "steady"


@dataclass(frozen=True)
class Specials:
    """Elements that have no distance. A NaN in the same place on both sides is equal."""

    nan_both: int = 0
    nan_left: int = 0  # on the left alone
    nan_right: int = 0
    infinite: int = 0  # an infinity that is not the same infinity on the other side
    zero_signs: int = 0  # -0.0 against 0.0: other bits, the same value


@dataclass(frozen=True)
class OutputMeasure:
    """One output measured. Distances are infinite when a number stands against NaN, an infinity or another shape.

    ``max_rel`` and ``median_rel`` are relative to ``range``, largest minus smallest finite value of both sides.
    Medians are over all elements, changed or not; of large outputs they come from an even sample (``sampled``). Above
    eight million elements ULP and histogram come from that sample too, and top classes are not compared.
    ``histogram`` counts changed elements by floor(log10(|difference|)). ``words`` says in a sentence what is special.
    """

    left_name: str
    right_name: str
    left_dtype: str
    right_dtype: str
    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    standing: Standing
    words: str = ""
    rows: int = 0
    elements: int = 0
    max_abs: float = 0.0
    median_abs: float = 0.0
    max_rel: float | None = None
    median_rel: float | None = None
    range: float | None = None
    max_ulp: float | None = None
    median_ulp: float | None = None
    changed: float = 0.0  # share of elements with other bits (values, where dtypes differ)
    changed_values: float = 0.0  # share of elements with another value
    flips: int | None = None  # rows in which a top class differs
    flips_tied: int = 0  # of these, rows where the two classes are tied on one side
    decisions: int = 0  # positions with a top class: rows times inner positions
    flipped_decisions: int = 0
    specials: Specials = field(default_factory=Specials)
    worst: tuple[WorstRow, ...] = ()
    histogram: tuple[tuple[int, int], ...] = ()
    sampled: int | None = None


@dataclass(frozen=True)
class Measured:
    """All outputs, by the left name, and names that only one side has."""

    outputs: Mapping[str, OutputMeasure]
    only_left: tuple[str, ...] = ()
    only_right: tuple[str, ...] = ()
