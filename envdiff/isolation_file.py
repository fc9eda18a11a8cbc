"""Reads what ``envdiff isolate --format json`` wrote, strictly: it decides what a report says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.fingerprint import Wanted, parse_json, read_bounded
from envdiff.isolation_schema import SCHEMA, first_complaint
from envdiff.report import Isolation, Tried, Unsteady

ISOLATION = Wanted("isolation", "envdiff isolate LEFT RIGHT --model PATH --format json -o FILE")
FAMILY, _, VERSION = SCHEMA.rpartition("/")


def load_isolation(path: Path) -> Isolation:
    """The isolation in a file. Raises :class:`UnusableInput` for anything else."""
    name = str(path)
    return isolation_from(parse_json(read_bounded(path, wanted=ISOLATION), name, ISOLATION), name)


def isolation_from(document: Any, name: str) -> Isolation:
    """Validate a JSON object as an isolation; ``name`` is what messages call it. Raises :class:`UnusableInput`."""
    _check_schema(document, name)
    complaint = first_complaint(document) or _contradiction(document)
    if complaint:
        raise UnusableInput(
            f"it is a damaged isolation: {complaint}", subject=name, hint=f"write it again: {ISOLATION.command}"
        )
    return _isolation(document)


def _check_schema(document: Any, name: str) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == SCHEMA:
        return
    family, _, version = schema.rpartition("/") if isinstance(schema, str) else ("", "", "")
    if family == FAMILY and version.isdecimal() and version > VERSION:
        raise UnusableInput(
            f"it was written by a newer envdiff (schema {version[:20]}; this one reads {VERSION})",
            subject=name,
            hint="upgrade envdiff, or isolate again with this version",
        )
    raise UnusableInput(
        "it is JSON, but not an envdiff isolation", subject=name, hint=f"{ISOLATION.command} writes one"
    )


def _contradiction(document: Mapping[str, Any]) -> str:
    """Where a document of the right shape does not agree with itself; empty if nowhere."""
    verdicts = {one["name"]: one["verdict"] for one in document["switches"]}
    if len(verdicts) != len(document["switches"]):
        return "switches: a name occurs twice"
    if document["culprits"] != list(dict.fromkeys(name for names in document["sets"] for name in names)):
        return "culprits: they are not the switches of the sets"
    if set(document["culprits"]) != {name for name, verdict in verdicts.items() if verdict == "culprit"}:
        return "culprits: the verdicts of the switches say otherwise"
    others = {*document["hidden"], *(name for names in document["cancelling"] for name in names)}
    if not others <= verdicts.keys():
        return "hidden, cancelling: a name is not among the switches"
    if not document["culprits"] and True in document["verified"].values():
        return "verified: there is no culprit that could be"
    return ""


def _isolation(document: Mapping[str, Any]) -> Isolation:
    noise = document["noise"]
    return Isolation(
        left=document["left"],
        right=document["right"],
        sentence=document["sentence"],
        culprits=tuple(document["culprits"]),
        sets=tuple(map(tuple, document["sets"])),
        hidden=tuple(document["hidden"]),
        cancelling=tuple(map(tuple, document["cancelling"])),
        forward=document["verified"]["forward"],
        backward=document["verified"]["backward"],
        switches=tuple(Tried(**one) for one in document["switches"]),
        noise=(noise["left"], noise["right"]),
        gap=noise["gap"],
        exact=noise["exact"],
        unsteady=tuple(_unsteady(one) for one in document["unsteady"]),
        not_recreated=tuple((one["about"], one["why"]) for one in document["not_recreated"]),
        reproduced=document["reproduced"],
        trials_run=document["trials_run"],
        trials_known=document["trials_known"],
        complete=document["complete"],
        notes=tuple(document["notes"]),
    )


def _unsteady(one: Mapping[str, Any]) -> Unsteady:
    rows = one["rows"]
    return Unsteady(
        side=one["side"],
        kind=one["kind"],
        size=one["size"],
        rows=None if rows is None else tuple(rows),
        steadied_by=tuple(one["steadied_by"]),
        tried=tuple((attempt["what"], attempt["how"]) for attempt in one["tried"]),
    )
