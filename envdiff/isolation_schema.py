"""``envdiff/isolation/1`` in full: the published schema, for scripts that read it and for the report that carries it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCHEMA = "envdiff/isolation/1"
Size = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Ended = Literal["same", "moved", "unclear", "void"]
Verdict = Literal["culprit", "hidden", "cancels", "cleared", "undecided", "void"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Verified(_Part):
    """``forward``: left with the culprits thrown answers as right; ``backward``: right without them answers as left.

    null: not tried, or it could not be told."""

    forward: bool | None
    backward: bool | None


class Noise(_Part):
    """How far each side is from itself, and the sides from each other, relative to the output's range.

    null: without a finite size. ``exact``: both sides are steady, and answers were compared bit by bit."""

    left: Size | None
    right: Size | None
    gap: Size | None
    exact: bool


class TriedSwitch(_Part):
    """``alone``: what left with it thrown answered, against left; ``all_but``: right without it, against right.

    ``share`` of the gap is closed by it alone, ``share_given`` opens again when it is taken out of right. ``trials`` is
    how many of the search had it thrown."""

    name: str
    about: str
    left: str
    right: str
    alone: Ended | None
    all_but: Ended | None
    share: Size | None
    share_given: Size | None
    trials: Count
    verdict: Verdict
    why: str


class Attempt(_Part):
    """What was tried to steady a side, and how it ended."""

    what: str
    how: str


class UnsteadySide(_Part):
    """A side that contradicts itself. ``rows`` are those that change, from 0; null: all, or they have no numbers."""

    side: str
    kind: str
    size: Size | None
    rows: list[Count] | None
    steadied_by: list[str]
    tried: list[Attempt]


class NotRecreated(_Part):
    """A mismatch that no switch could throw."""

    about: str
    why: str


class IsolationV1(_Part):
    """Which switches were seen to turn left's answers into right's, on one model with one set of rows.

    ``culprits`` are the switches of all ``sets``; each set suffices by itself, and nothing can be left out of it.
    ``hidden`` switches move answers only once the culprits are taken out of right; ``cancelling`` groups undo each other.
    ``reproduced`` is the share of a real right's gap that the re-created right closes; null: there was no other right."""

    model_config = ConfigDict(extra="forbid", strict=True, title="envdiff isolation")

    format: Literal["envdiff/isolation/1"] = Field(alias="schema")
    generator: str
    left: str
    right: str
    sentence: str
    culprits: list[str]
    sets: list[Annotated[list[str], Field(min_length=1)]]
    hidden: list[str]
    cancelling: list[list[str]]
    trials_run: Count
    trials_known: Count
    complete: bool
    verified: Verified
    switches: list[TriedSwitch]
    noise: Noise
    unsteady: list[UnsteadySide]
    not_recreated: list[NotRecreated]
    reproduced: Size | None
    notes: list[str]


def isolation_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **IsolationV1.model_json_schema()}


def first_complaint(document: Any) -> str:
    """What is wrong with ``document``, with the key; empty if nothing is."""
    try:
        IsolationV1.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:200]
        return f"{where}: {first['msg']}"
    return ""
