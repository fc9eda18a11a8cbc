"""``envdiff/report/1``: the report as JSON, converted field by field.

By hand, so that a rename inside cannot break a script outside. :mod:`.schema_v1` describes the same shape.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from envdiff.render.isolation_v1 import isolation_document
from envdiff.report import Change, Delta, Finding, OutputDelta, Report, Shown, Side, Source, Unread

SCHEMA = "envdiff/report/1"


def as_json(document: Mapping[str, Any]) -> str:
    """ASCII only: no character in a value can change what a terminal or a log shows."""
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f") + "\n"


def document(report: Report, generator: str) -> dict[str, Any]:
    """``report`` in the public shape, of plain dicts, lists, strings, numbers, booleans and None."""
    return {
        "schema": SCHEMA,
        "generator": generator,
        "left": _side(report.left),
        "right": _side(report.right),
        "compared": report.compared,
        "answer": {
            "verdict": report.answer.verdict.value,
            "sentence": report.answer.sentence,
            "next_steps": list(report.answer.next_steps),
        },
        "delta": _delta(report.delta) if report.delta else None,
        "findings": [finding_document(each) for each in report.findings],
        "too_small": [finding_document(each) for each in report.too_small],
        "same_in_effect": [
            {"about": each.about, "left": each.left, "right": each.right, "why": each.why}
            for each in report.same_in_effect
        ],
        "ruled_out": [
            {"about": each.about, "left": each.left, "right": each.right, "rule": each.rule, "why": each.why}
            for each in report.ruled_out
        ],
        "unexplained": [_mismatch(each.path, each.left, each.right) for each in report.unexplained],
        "unread": [unread_document(each) for each in report.unread],
        "ignored": [{**_mismatch(each.path, each.left, each.right), "reason": each.reason} for each in report.ignored],
        "notes": list(report.notes),
        "mismatches": [_mismatch(*each) for each in report.full],
        "isolation": isolation_document(report.isolation, generator) if report.isolation else None,
    }


def unread_document(gap: Unread) -> dict[str, Any]:
    """A reading that is missing, in the public shape."""
    return {
        "side": gap.side,
        "path": gap.path,
        "reason": gap.reason,
        "how_to_read": gap.how_to_read,
        "matters": gap.matters,
    }


def _side(side: Side) -> dict[str, Any]:
    return {
        "label": side.label,
        "kind": side.kind,
        "reached_by": side.reached_by,
        "captured_at": side.captured_at,
        "headline": [{"name": name, "value": value} for name, value in side.headline],
    }


def _delta(delta: Delta) -> dict[str, Any]:
    return {
        "outputs": {name: _output(each) for name, each in delta.outputs.items()},
        "steadiness": delta.steadiness,
        "stated": delta.stated,
    }


def _output(output: OutputDelta) -> dict[str, Any]:
    return {
        "max_abs": _number(output.max_abs),
        "max_rel": _number(output.max_rel),
        "max_ulp": _number(output.max_ulp),
        "changed": _number(output.changed),
        "flips": output.flips,
        "rows": output.rows,
        "median_abs": _number(output.median_abs),
        "median_rel": _number(output.median_rel),
        "worst": [
            {"row": each.row, "max_abs": _number(each.max_abs), "left_top": each.left_top, "right_top": each.right_top}
            for each in output.worst
        ],
        "histogram": [{"power": power, "elements": many} for power, many in output.histogram],
        "words": output.words,
    }


def _number(value: float | None) -> float | str | None:
    """JSON has no word for what is not finite; leaving it out would read as "not defined"."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def finding_document(finding: Finding) -> dict[str, Any]:
    """A finding in the public shape."""
    return {
        "rule": finding.rule,
        "title": finding.title,
        "verdict": finding.verdict.value,
        "size": finding.size.value,
        "at_worst": finding.at_worst.value if finding.at_worst else None,
        "steadiness": finding.steadiness.value,
        "basis": finding.basis.value,
        "layer": finding.layer,
        "about": finding.about,
        "left": _shown(finding.left),
        "right": _shown(finding.right),
        "because": finding.because,
        "mechanism": finding.mechanism,
        "measured": [{"what": what, "moved": moved} for what, moved in finding.measured],
        "confirm": list(finding.confirm),
        "fix": finding.fix,
        "sources": [_source(each) for each in finding.sources],
        "fits_delta": finding.fits_delta,
        "changes": [_change(each) for each in finding.changes],
        "folded": [_mismatch(*each) for each in finding.folded],
    }


def _shown(shown: Shown) -> dict[str, Any]:
    return {"text": shown.text, "trail": shown.trail}


def _source(source: Source) -> dict[str, Any]:
    return {"what": source.what, "where": source.where, "read": source.read}


def _change(change: Change) -> dict[str, Any]:
    return {
        "version": change.version,
        "what": change.what,
        "size": change.size.value,
        "basis": change.basis.value,
        "touches": list(change.touches),
        "acts": change.acts,
        "sources": [_source(each) for each in change.sources],
    }


def _mismatch(path: str, left: str, right: str) -> dict[str, Any]:
    return {"path": path, "left": left, "right": right}
