"""How does one array follow from the other? Hypotheses in an order, the simplest first, each checked on everything.

A hypothesis is tried on a small even sample, must be more than chance could make of unrelated numbers
(:func:`envdiff.predictions.verify.convincing`), and is then verified on every element.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.affine import channel_scale_and_shift, same_values, scale_and_shift
from envdiff.predictions.casts import casts, decimals, to_integers
from envdiff.predictions.curves import curves, row_curves
from envdiff.predictions.differences import Differences, differences
from envdiff.predictions.dtypes import is_number, is_text
from envdiff.predictions.filling import clipped, replaced
from envdiff.predictions.grades import Grade, grades
from envdiff.predictions.labels import picked, renamed
from envdiff.predictions.pairing import Pair
from envdiff.predictions.relation import Fit, Relation, Strength
from envdiff.predictions.reordering import reordered
from envdiff.predictions.resampling import looks_resampled, movement_sentence
from envdiff.predictions.structures import Structure, structures
from envdiff.predictions.unrelated import alike, degenerate, of_other_shapes, text
from envdiff.predictions.verify import FOUND_BY_SEARCHING, Verified, on_everything, on_sample

Array = NDArray[Any]
Propose = Callable[[Pair, Grade], Iterator[Fit]]
ENOUGH = 0.99  # share of elements for which a relation must hold; the exceptions are told

# Tried in this order on arrays as they are; each first for "right from left", then for "left from right".
STRICT: tuple[Propose, ...] = (
    casts, decimals, same_values, scale_and_shift, to_integers, curves, row_curves, channel_scale_and_shift,
)  # fmt: skip
# After the elements were put into other places.
REARRANGED: tuple[Propose, ...] = (
    casts,
    same_values,
    scale_and_shift,
    to_integers,
    decimals,
    channel_scale_and_shift,
)
CLOSE: tuple[Propose, ...] = (scale_and_shift, curves, row_curves, channel_scale_and_shift)
CLOSE_REARRANGED: tuple[Propose, ...] = (same_values, scale_and_shift)


def relate(left: Array, right: Array) -> Relation:
    """Never raises for what the arrays hold. Of two relations that hold, the simpler one is told."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of columns that are NaN throughout
        return _relate(np.asarray(left), np.asarray(right))


def _relate(left: Array, right: Array) -> Relation:
    early = _before_searching(left, right)
    if early:
        return early
    if left.shape != right.shape:
        candidates = list(structures(left, right.shape))
        return _rearranged(candidates, right, None) or picked(left, right) or of_other_shapes(left, right)
    found = differences(left, right)
    if found.values == 0:
        return _identical(left, right, found)
    return _search(left, right, found)


def _before_searching(left: Array, right: Array) -> Relation | None:
    if is_text(left.dtype) or is_text(right.dtype):
        return text(left, right)
    if not (is_number(left.dtype) and is_number(right.dtype)):
        words = f"dtypes {left.dtype} and {right.dtype} are only compared bit for bit"
        if left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes():
            return Relation("identical", "right = left, bit for bit", Strength.EXACT, elements=left.size)
        return Relation("not-comparable", words, Strength.NONE, elements=left.size)
    if left.size == 0 or right.size == 0:
        same = left.shape == right.shape
        words = "both are empty" if same else f"shapes differ: {left.shape} against {right.shape}, one of them empty"
        return Relation("empty" if same else "not-comparable", words, Strength.EXACT if same else Strength.NONE)
    return None


def _identical(left: Array, right: Array, found: Differences) -> Relation:
    def told(kind: str, words: str) -> Relation:
        return Relation(kind, words, Strength.EXACT, (), 0.0, 0.0, 1.0, 0, left.size)

    if left.dtype != right.dtype:
        return told("same-values", f"right = left, cast from {left.dtype.name} to {right.dtype.name} without a loss")
    if found.bits:
        return told("same-values", f"right = left, except {found.bits} zeros of another sign or NaN of other bits")
    return told("identical", "right = left, bit for bit")


def _search(left: Array, right: Array, found: Differences) -> Relation:
    poor = degenerate(left, right)
    forth, back = Pair(left, right), Pair(right, left)
    strict = () if poor else grades(forth)[:-1]
    for pair, names, swapped in ((forth, _FORTH, False), (back, _BACK, True)):
        relation = _first(pair, replaced(pair, found, swapped), names, Strength.EXACT)
        if relation:
            return relation
    if poor:
        return renamed(left, right) or poor
    for grade in strict:
        relation = _both_ways(forth, back, STRICT, grade)
        if relation:
            return relation
    close = grades(forth)[-1]
    relation = _clipped(forth, back) or renamed(left, right) or _both_ways(forth, back, (same_values,), close)
    if relation:
        return relation
    candidates = [*structures(left, right.shape), *reordered(left, right)]
    relation = _rearranged(candidates, right, None)
    if relation:
        return relation
    relation = _both_ways(forth, back, CLOSE, close) or _rearranged(candidates, right, close)
    return relation or _resampled(left, right) or alike(forth, found)


_FORTH = {"source": "left", "target": "right"}
_BACK = {"source": "right", "target": "left"}


def _both_ways(forth: Pair, back: Pair, table: tuple[Propose, ...], grade: Grade) -> Relation | None:
    """The first that holds everywhere, else the one with the fewest exceptions."""
    best: Relation | None = None
    for propose in table:
        for pair, names in ((forth, _FORTH), (back, _BACK)):
            relation = _first(pair, propose(pair, grade), names, grade.strength)
            if relation and relation.holds == 1.0:
                return relation
            if relation and (best is None or _far_fewer(1 - relation.holds, 1 - best.holds)):
                best = relation
    return best


def _clipped(forth: Pair, back: Pair) -> Relation | None:
    for pair, names in ((forth, _FORTH), (back, _BACK)):
        relation = _first(pair, clipped(pair), names, Strength.EXACT)
        if relation:
            return relation
    return None


def _first(
    pair: Pair,
    fits: Iterator[Fit],
    names: dict[str, str],
    strength: Strength,
    structure: Structure | None = None,
) -> Relation | None:
    best: tuple[Verified, Fit] | None = None
    for fit in fits:
        if not on_sample(pair, fit):
            continue
        verified = on_everything(pair, fit)
        if verified.share >= ENOUGH and (best is None or _far_fewer(1 - verified.share, 1 - best[0].share)):
            best = (verified, fit)
        if verified.share == 1.0:
            break
    return _relation(pair, best[1], best[0], names, strength, structure) if best else None


def _far_fewer(exceptions: float, than: float) -> bool:
    """A later hypothesis is a stronger claim: it must explain ten times more of the exceptions."""
    return exceptions * 10 < than


def _relation(
    pair: Pair,
    fit: Fit,
    verified: Verified,
    names: dict[str, str],
    strength: Strength,
    structure: Structure | None,
) -> Relation:
    exact = verified.worst == 0.0
    relative = verified.worst / pair.spread if pair.spread else None
    sentence = fit.sentence.format(**names)
    kind = fit.kind
    steps: tuple[str, ...] = (fit.kind,)
    if structure:
        trivial = fit.kind == "same-values"
        steps = structure.steps if trivial else (*structure.steps, fit.kind)
        kind = structure.kind if trivial else "composed"
        sentence = structure.words if trivial else f"{structure.words}, then {sentence}"
    if fit.kind == "same-values" and not exact:
        sentence += (
            f", equal to {_digits(relative)} digits" if not structure else f"; equal to {_digits(relative)} digits"
        )
        kind = "equal-within-rounding" if not structure else kind
    return Relation(
        kind, sentence, Strength.EXACT if exact else strength, steps, verified.worst, relative, verified.share,
        fit.parameters, pair.target.size, _exceptions(pair, verified), fit.numbers,
    )  # fmt: skip


def _digits(relative: float | None) -> int:
    return 0 if not relative else max(0, int(-np.log10(relative)))


def _exceptions(pair: Pair, verified: Verified) -> tuple[str, ...]:
    if verified.first_bad is None:
        return ()
    count = round((1 - verified.share) * pair.target.size)
    return (f"not for {count} of {pair.target.size} elements, the first at {list(verified.first_bad)}",)


def _rearranged(candidates: list[Structure], right: Array, grade: Grade | None) -> Relation | None:
    """Elements in other places, then one of the value relations. ``grade`` None: the strict ones."""
    table = CLOSE_REARRANGED if grade else REARRANGED
    for structure in candidates:
        reordering = structure.kind == "reordered"
        relation = _in_places(structure, right, (same_values,) if reordering else table, grade)
        if relation:
            return relation
    return None


def _in_places(structure: Structure, right: Array, table: tuple[Propose, ...], grade: Grade | None) -> Relation | None:
    pair = Pair(structure.source, right)
    if not _worth_trying(pair) or not _enough_for_choice(pair, structure):
        return None
    for one in (grade,) if grade else grades(pair)[:-1]:
        for propose in table:
            relation = _first(pair, propose(pair, one), _FORTH, one.strength, structure)
            if relation:
                return relation
    return None


def _worth_trying(pair: Pair) -> bool:
    """Related values are correlated, over everything or inside the channels of an axis."""
    if min(pair.distinct) < 4:
        return False
    if _correlation(pair.xf, pair.yf) > 0.95:
        return True
    if len(pair.shape) < 2:
        return False
    return any(_group_correlation(pair, axis) > 0.95 for axis in (len(pair.shape) - 1, 1))


def _group_correlation(pair: Pair, axis: int) -> float:
    if not 2 <= pair.shape[axis] <= 16:
        return 0.0
    return min(_correlation(x, y) for x, y in zip(*pair.groups(axis), strict=True))


def _correlation(x: Array, y: Array) -> float:
    good = np.isfinite(x) & np.isfinite(y)
    if good.sum() < 3:
        return 0.0
    x, y = x[good] - x[good].mean(), y[good] - y[good].mean()
    size = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return abs(float((x * y).sum())) / size if size else 0.0


def _enough_for_choice(pair: Pair, structure: Structure) -> bool:
    shown = pair.target.size * min(pair.entropy, 20.0)
    return shown >= FOUND_BY_SEARCHING + structure.bits


def _resampled(left: Array, right: Array) -> Relation | None:
    found = looks_resampled(left, right)
    if found is None:
        return None
    height, width = (left.shape[-3], left.shape[-2]) if left.ndim > 2 else left.shape
    numbers = {"down": (found.down,), "right": (found.right,)}
    return Relation(
        "resampled", f"right {movement_sentence(found, height, width)}", Strength.NONE, ("resampled",),
        found.after, found.after / max(found.before, 5e-324), 1.0, 4, left.size, (), numbers,
    )  # fmt: skip
