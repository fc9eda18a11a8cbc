"""The shape of ``envdiff/report/1``, for scripts that read it and for the schema that is published."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from envdiff.isolation_schema import IsolationV1

Number = Annotated[float, Field(allow_inf_nan=False)] | Literal["NaN", "Infinity", "-Infinity"]
Verdict = Literal["moves", "can-move", "harmless", "cannot-tell"]
Size = Literal["none", "last-bits", "small", "visible", "any"]
Steadiness = Literal["stable", "call-to-call", "start-to-start"]
Basis = Literal["observed", "measured", "documented", "reasoned"]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A closed object: what is not described here is not there."""

    model_config = ConfigDict(extra="forbid")


class Headline(Part):
    name: str
    value: str


class Side(Part):
    label: str
    kind: str
    reached_by: str
    captured_at: str
    headline: list[Headline]


class Answer(Part):
    verdict: Verdict
    sentence: str
    next_steps: list[str]


class WorstRow(Part):
    """Rows are numbered from 0; the top classes are null where the output has no class axis."""

    row: Count
    max_abs: Number
    left_top: int | None
    right_top: int | None


class Decade(Part):
    """How many elements differ by 10**power to 10**(power + 1)."""

    power: int
    elements: Count


class OutputDelta(Part):
    """One output. ``max_rel`` is relative to the output's range; ``changed`` is a share; null: not defined."""

    max_abs: Number
    max_rel: Number | None
    max_ulp: Number | None
    changed: Number
    flips: Count | None
    rows: Count
    median_abs: Number | None
    median_rel: Number | None
    worst: list[WorstRow]
    histogram: list[Decade]
    words: str


class Delta(Part):
    """``stated``: given by hand, not measured."""

    outputs: dict[str, OutputDelta]
    steadiness: str
    stated: bool


class Shown(Part):
    """One side's value, and how it was concluded."""

    text: str
    trail: str


class Source(Part):
    what: str
    where: str
    read: str


class Change(Part):
    version: str
    what: str
    size: Size
    basis: Basis
    touches: list[str]
    acts: str
    sources: list[Source]


class Measured(Part):
    """What was changed in an experiment, and what moved by how much."""

    what: str
    moved: str


class Mismatch(Part):
    path: str
    left: str
    right: str


class Ignored(Mismatch):
    reason: str


class Finding(Part):
    """A mismatch with what the rulebook says of it. ``fits_delta`` is null when nothing was measured."""

    rule: str
    title: str
    verdict: Verdict
    size: Size
    at_worst: Size | None
    steadiness: Steadiness
    basis: Basis
    layer: str
    about: str
    left: Shown
    right: Shown
    because: str
    mechanism: str
    measured: list[Measured]
    confirm: list[str]
    fix: str
    sources: list[Source]
    fits_delta: bool | None
    changes: list[Change]
    folded: list[Mismatch]


class SameInEffect(Part):
    about: str
    left: str
    right: str
    why: str


class RuledOut(Part):
    about: str
    left: str
    right: str
    rule: str
    why: str


class Unread(Part):
    """``matters``: it could hold a cause."""

    side: str
    path: str
    reason: str
    how_to_read: str
    matters: bool


class ReportV1(Part):
    """The answer of envdiff. Findings are ranked, the likeliest cause first."""

    model_config = ConfigDict(extra="forbid", title="envdiff report")

    format: Literal["envdiff/report/1"] = Field(alias="schema")
    generator: str
    left: Side
    right: Side
    compared: Count
    answer: Answer
    delta: Delta | None
    findings: list[Finding]
    too_small: list[Finding]
    same_in_effect: list[SameInEffect]
    ruled_out: list[RuledOut]
    unexplained: list[Mismatch]
    unread: list[Unread]
    ignored: list[Ignored]
    notes: list[str]
    mismatches: list[Mismatch]
    isolation: IsolationV1 | None


def report_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the report."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ReportV1.model_json_schema()}
