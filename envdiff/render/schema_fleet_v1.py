"""The shape of ``envdiff/fleet/1``, for scripts that read it and for the schema that is published."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from envdiff.render.schema_v1 import Answer, Count, Finding, Headline, Part, Unread, Verdict


class Member(Part):
    """One fingerprint: its file, and what it calls itself."""

    path: str
    label: str


class Group(Part):
    """Fingerprints that are equal in effect.

    ``causes`` are rules and ``unexplained`` paths by which it differs from the first group, A. ``lacks`` is what could
    not be compared with A: side ``left`` is A, ``right`` is this group; ``could_be`` are the groups that it may belong
    to. ``also_apart`` are groups that it differs from while A does not.
    """

    name: str
    words: str
    verdict: Verdict
    fingerprints: Count
    causes: list[str]
    unexplained: list[str]
    lacks: list[Unread]
    could_be: list[str]
    also_apart: list[str]
    headline: list[Headline]
    members: list[Member]


class Value(Part):
    """One value in the fleet, and the groups that have it."""

    text: str
    groups: list[str]
    fingerprints: Count


class Split(Part):
    """A setting or fact; ``groups`` are those that differ from A in it."""

    path: str
    values: list[Value]
    groups: list[str]
    fingerprints: Count


class Cause(Split):
    """``finding`` compares A (left) with the group ``beside`` (right)."""

    beside: str
    finding: Finding


class Folded(Part):
    """Facts that differ and cannot matter, by reason."""

    paths: list[str]
    rule: str
    why: str


class IgnoredPaths(Part):
    """What the user left out of the verdict."""

    paths: list[str]
    reason: str


class NotRead(Part):
    """A file that could not be used."""

    path: str
    reason: str
    hint: str


class FleetV1(Part):
    """Many environments. Groups are ordered by size after A, causes are ranked, the likeliest first."""

    model_config = ConfigDict(extra="forbid", title="envdiff fleet")

    format: Literal["envdiff/fleet/1"] = Field(alias="schema")
    generator: str
    read: Count
    answer: Answer
    groups: list[Group]
    causes: list[Cause]
    unexplained: list[Split]
    standing: list[Finding]
    unread: list[Unread]
    folded: list[Folded]
    ignored: list[IgnoredPaths]
    not_read: list[NotRead]


def fleet_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the document."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **FleetV1.model_json_schema()}
