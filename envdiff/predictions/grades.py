"""How closely a hypothesis must hold. The strictest grade is tried first over all hypotheses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Strength

ROUNDINGS = 8.0  # units in the last place: a few operations, each rounded
FLOAT32 = float(np.finfo(np.float32).eps)
CLOSE, CLOSE_16_BIT = 1e-4, 1e-2  # shares of the range


@dataclass(frozen=True)
class Grade:
    """``eps`` is relative to each value, ``share`` to the range of the target."""

    strength: Strength
    eps: float
    share: float

    def tolerance_at_zero(self, pair: Pair) -> float:
        return self.share * pair.spread


def grades(pair: Pair) -> tuple[Grade, ...]:
    tight = Grade(Strength.ROUNDING, ROUNDINGS * pair.eps, 0.0)
    close = Grade(Strength.CLOSE, ROUNDINGS * pair.eps, CLOSE_16_BIT if pair.eps > 1e-5 else CLOSE)
    if pair.eps < FLOAT32 and pair.x.dtype.kind == "f" and pair.y.dtype.kind == "f":
        return tight, Grade(Strength.ROUNDING, ROUNDINGS * FLOAT32, 0.0), close
    return tight, close
