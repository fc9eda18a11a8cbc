"""``envdiff/isolation/1``: an isolation as JSON, converted field by field.

By hand, so that a rename inside cannot break a script outside. :mod:`envdiff.isolation_schema` describes the same shape,
:mod:`envdiff.isolation_file` reads it back.
"""

from __future__ import annotations

import math
from typing import Any

from envdiff.report import Isolation, Tried, Unsteady

SCHEMA = "envdiff/isolation/1"


def isolation_document(isolation: Isolation, generator: str) -> dict[str, Any]:
    """``isolation`` in the public shape, of plain dicts, lists, strings, numbers, booleans and None."""
    return {
        "schema": SCHEMA,
        "generator": generator,
        "left": isolation.left,
        "right": isolation.right,
        "sentence": isolation.sentence,
        "culprits": list(isolation.culprits),
        "sets": [list(each) for each in isolation.sets],
        "hidden": list(isolation.hidden),
        "cancelling": [list(each) for each in isolation.cancelling],
        "trials_run": isolation.trials_run,
        "trials_known": isolation.trials_known,
        "complete": isolation.complete,
        "verified": {"forward": isolation.forward, "backward": isolation.backward},
        "switches": [_switch(each) for each in isolation.switches],
        "noise": {
            "left": _finite(isolation.noise[0]),
            "right": _finite(isolation.noise[1]),
            "gap": _finite(isolation.gap),
            "exact": isolation.exact,
        },
        "unsteady": [_unsteady(each) for each in isolation.unsteady],
        "not_recreated": [{"about": about, "why": why} for about, why in isolation.not_recreated],
        "reproduced": _finite(isolation.reproduced),
        "notes": list(isolation.notes),
    }


def _switch(tried: Tried) -> dict[str, Any]:
    return {
        "name": tried.name,
        "about": tried.about,
        "left": tried.left,
        "right": tried.right,
        "alone": tried.alone,
        "all_but": tried.all_but,
        "share": _finite(tried.share),
        "share_given": _finite(tried.share_given),
        "trials": tried.trials,
        "verdict": tried.verdict,
        "why": tried.why,
    }


def _unsteady(side: Unsteady) -> dict[str, Any]:
    return {
        "side": side.side,
        "kind": side.kind,
        "size": _finite(side.size),
        "rows": None if side.rows is None else list(side.rows),
        "steadied_by": list(side.steadied_by),
        "tried": [{"what": what, "how": how} for what, how in side.tried],
    }


def _finite(size: float | None) -> float | None:
    """null says that there is no finite size."""
    return size if size is not None and math.isfinite(size) else None
