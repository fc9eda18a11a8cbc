"""``envdiff model show|diff``."""

from __future__ import annotations

import json
from pathlib import Path

from envdiff.errors import ExitStatus
from envdiff.output import write
from envdiff.progress import progress
from envdiff.render.visible import inert


def run_show(path: Path, verify_weights: bool, form: str) -> int:
    """One model, described."""
    from envdiff.model.show import describe

    with progress(f"reading {path}"):
        described = describe(path, verify_weights=verify_weights)
    write(as_text(described.lines()) if form == "text" else as_json(described.as_json()), None)
    return ExitStatus.OK


def run_diff(left: Path, right: Path, form: str) -> int:
    """Two models; status 1 when something that takes part in answering differs."""
    from envdiff.model.compare import diff

    with progress(f"comparing {left} and {right}"):
        found = diff(left, right)
    write(as_text(found.lines()) if form == "text" else as_json(found.as_json()), None)
    return ExitStatus.OK if found.same else ExitStatus.FOUND


def as_text(lines: list[str]) -> str:
    """Lines for a terminal; names come out of files, so they are made inert."""
    return "".join(inert(line) + "\n" for line in lines)


def as_json(document: object) -> str:
    """ASCII JSON, without the one control character that JSON leaves as it is."""
    return json.dumps(document, indent=2, default=str).replace("\x7f", "\\u007f") + "\n"
