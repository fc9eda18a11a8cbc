"""Whole-number labels that were renamed one to one, and labels against the scores they were picked from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.relation import Relation, Strength

Array = NDArray[Any]
MOST_LABELS = 1000
MOST_ELEMENTS = 1 << 24


def renamed(left: Array, right: Array) -> Relation | None:
    """Each label on the left always stands against the same label on the right, and the other way round."""
    if left.dtype.kind not in "iub" or right.dtype.kind not in "iub" or left.size > MOST_ELEMENTS:
        return None
    pairs, counts = np.unique(
        np.stack([left.reshape(-1).astype(np.int64), right.reshape(-1).astype(np.int64)]),
        axis=1,
        return_counts=True,
    )
    labels = pairs.shape[1]
    one_to_one = labels == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))
    if not one_to_one or not 2 <= labels <= MOST_LABELS or int(counts.min()) < 2:
        return None
    share = counts / counts.sum()
    shown = left.size * float(-(share * np.log2(share)).sum())
    if shown < 30 + math.lgamma(labels + 1) / math.log(2) * 2:
        return None
    moved = [(int(a), int(b)) for a, b in pairs.T if a != b]
    listed = ", ".join(f"{a}→{b}" for a, b in moved[:12]) + (" …" if len(moved) > 12 else "")
    sentence = f"right = left with its labels renamed one to one ({listed})"
    return Relation("labels-renamed", sentence, Strength.EXACT, ("labels-renamed",), 0.0, 0.0, 1.0, labels, left.size)


def picked(left: Array, right: Array) -> Relation | None:
    """One side is the index of the largest score of the other."""
    for labels, scores, sentence in (
        (right, left, "right = the top class of left (argmax over the last axis)"),
        (left, right, "left = the top class of right (argmax over the last axis)"),
    ):
        fits = labels.dtype.kind in "iu" and scores.dtype.kind == "f" and scores.shape[:-1] == labels.shape
        if not fits or scores.ndim == 0 or scores.shape[-1] < 2 or labels.size == 0:
            continue
        if labels.size * math.log2(scores.shape[-1]) >= 30 and np.array_equal(scores.argmax(axis=-1), labels):
            return Relation("top-class", sentence, Strength.EXACT, ("top-class",), 0.0, 0.0, 1.0, 0, labels.size)
    return None
