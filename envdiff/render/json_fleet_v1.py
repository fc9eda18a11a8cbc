"""``envdiff/fleet/1``: many environments as JSON, converted field by field; :mod:`.schema_fleet_v1` describes the shape."""

from __future__ import annotations

from typing import Any

from envdiff.fleet_report import Cause, FleetReport, Folded, Group, Split
from envdiff.render.json_v1 import finding_document, unread_document

SCHEMA = "envdiff/fleet/1"


def fleet_document(fleet: FleetReport, generator: str) -> dict[str, Any]:
    """``fleet`` in the public shape."""
    return {
        "schema": SCHEMA,
        "generator": generator,
        "read": fleet.read,
        "answer": {
            "verdict": fleet.answer.verdict.value,
            "sentence": fleet.answer.sentence,
            "next_steps": list(fleet.answer.next_steps),
        },
        "groups": [_group(each) for each in fleet.groups],
        "causes": [_cause(each) for each in fleet.causes],
        "unexplained": [_split(each) for each in fleet.unexplained],
        "standing": [finding_document(each) for each in fleet.standing],
        "unread": [unread_document(each) for each in fleet.unread],
        "folded": [_folded(each) for each in fleet.folded],
        "ignored": [{"paths": list(each.paths), "reason": each.why} for each in fleet.ignored],
        "not_read": [{"path": each.path, "reason": each.reason, "hint": each.hint} for each in fleet.not_read],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "words": group.words,
        "verdict": group.verdict.value,
        "fingerprints": len(group),
        "causes": list(group.causes),
        "unexplained": list(group.unexplained),
        "lacks": [unread_document(each) for each in group.lacks],
        "could_be": list(group.could_be),
        "also_apart": list(group.also_apart),
        "headline": [{"name": name, "value": value} for name, value in group.headline],
        "members": [{"path": each.path, "label": each.label} for each in group.members],
    }


def _split(split: Split) -> dict[str, Any]:
    return {
        "path": split.path,
        "values": [
            {"text": each.text, "groups": list(each.groups), "fingerprints": each.fingerprints} for each in split.values
        ],
        "groups": list(split.groups),
        "fingerprints": split.fingerprints,
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {**_split(cause), "beside": cause.beside, "finding": finding_document(cause.finding)}


def _folded(folded: Folded) -> dict[str, Any]:
    return {"paths": list(folded.paths), "rule": folded.rule, "why": folded.why}
