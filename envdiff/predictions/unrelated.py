"""What is said when no relation was found, or none can be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.differences import Differences
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Relation, Strength

Array = NDArray[Any]
FEWEST = 4  # different values below which any relation could be made up
ALIKE = 0.9


def text(left: Array, right: Array) -> Relation:
    if left.shape != right.shape or left.dtype.kind not in "OSU" or right.dtype.kind not in "OSU":
        words = f"text against {right.dtype}" if left.dtype.kind in "OSU" else f"{left.dtype} against text"
        if left.shape != right.shape:
            words = f"shapes differ: {left.shape} against {right.shape}"
        return Relation("not-comparable", words, Strength.NONE)
    other = [_bytes(a) != _bytes(b) for a, b in zip(left.reshape(-1), right.reshape(-1), strict=True)]
    if not any(other):
        return Relation("identical", "right = left, every string", Strength.EXACT, elements=left.size)
    if sorted(map(_bytes, left.reshape(-1))) == sorted(map(_bytes, right.reshape(-1))):
        return Relation("reordered", "the same strings in another order", Strength.EXACT, elements=left.size)
    return Relation("unrelated", f"{sum(other)} of {left.size} strings differ", Strength.NONE, elements=left.size)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def degenerate(left: Array, right: Array) -> Relation | None:
    """Too few values, or values too alike, for any relation to mean something."""
    if left.size < FEWEST:
        return Relation(
            "degenerate",
            f"{left.size} elements are too few to tell a relation",
            Strength.NONE,
            elements=left.size,
        )
    for name, distinct in zip(("left", "right"), Pair(left, right).distinct, strict=True):
        if distinct == 1:
            words = f"{name} is one number throughout: nothing follows from that"
            return Relation("degenerate", words, Strength.NONE, elements=left.size)
        if distinct < FEWEST:
            words = f"{name} has only {distinct} different values: any relation could be made up"
            return Relation("degenerate", words, Strength.NONE, elements=left.size)
    return None


def of_other_shapes(left: Array, right: Array) -> Relation:
    """Shapes differ and no rearrangement fits: perhaps one has the first rows of the other."""
    words = f"shapes differ: {_by(left)} against {_by(right)}"
    if left.ndim == right.ndim > 0 and left.shape[1:] == right.shape[1:]:
        rows = min(len(left), len(right))
        if rows and np.array_equal(left[:rows], right[:rows], equal_nan=True):
            more = "left" if len(left) > rows else "right"
            words += f"; the first {rows} rows are the same, {more} has {abs(len(left) - len(right))} more"
            return Relation("more-rows", words, Strength.EXACT, ("more-rows",), elements=min(left.size, right.size))
    return Relation("not-comparable", words, Strength.NONE, elements=0)


def _by(array: Array) -> str:
    return "×".join(map(str, array.shape)) or "a scalar"


def alike(pair: Pair, found: Differences) -> Relation:
    """Unrelated, or alike without a rule: the correlation is told, it is not a relation."""
    good = pair.finite
    gap = float(np.abs(pair.xf[good] - pair.yf[good]).max()) if good.any() else None
    relative = gap / pair.spread if gap is not None and pair.spread else None
    changed = f"{found.values} of {pair.target.size} elements differ"
    with np.errstate(invalid="ignore", divide="ignore"):
        both = good.sum() > 2 and pair.xf[good].std() > 0 and pair.yf[good].std() > 0
        correlation = float(np.corrcoef(pair.xf[good], pair.yf[good])[0, 1]) if both else 0.0
    if correlation > ALIKE and relative is not None:
        size = f"by up to {relative:.2g} of the range"
        words = f"alike (correlation {correlation:.6f}) by no rule that is known: {changed}, {size}"
        return Relation("alike", words, Strength.NONE, (), gap, relative, elements=pair.target.size)
    words = f"unrelated: no relation that is known leads from one to the other; {changed}"
    return Relation("unrelated", words, Strength.NONE, (), gap, relative, elements=pair.target.size)
