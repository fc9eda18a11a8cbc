"""``--budget``: how many trials, or how long."""

from __future__ import annotations

import re

from envdiff.errors import Misuse
from envdiff.experiment.trials import Budget

UNITS = {"s": 1, "m": 60, "h": 3600}


def budget(text: str | None) -> Budget:
    """``40`` trials, or ``90s``, ``15m``, ``2h`` of time. Raises Misuse."""
    if text is None:
        return Budget()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None or (not found[2] and "." in found[1]):
        raise Misuse(
            "a number of trials or a time is wanted", subject=f"--budget {text}", hint="--budget 40, 90s or 15m"
        )
    return Budget(seconds=float(found[1]) * UNITS[found[2]]) if found[2] else Budget(trials=int(found[1]))
