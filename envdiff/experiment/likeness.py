"""How far one answer is from another, and whose answer it is."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.experiment.search import Like
from envdiff.predictions.dtypes import dtype_name, is_text
from envdiff.predictions.measure import measure_outputs
from envdiff.predictions.measured import Measured

Array = NDArray[Any]
Outputs = Mapping[str, Array]  # "CALL/OUTPUT" -> array

# An answer within this many times the noise of one side is that side's; beyond the second it is not. Between them
# nothing is said. Two sides whose gap is below the third cannot be told apart by single runs.
SAME, MOVED, TELLABLE = 1.5, 3.0, 4.0


def bits_of(outputs: Outputs) -> str:
    """A digest of every bit of an answer, names, types and shapes included."""
    digest = hashlib.sha256()
    for name in sorted(outputs):
        array = np.asarray(outputs[name])
        digest.update(f"{name} {dtype_name(array)} {array.shape}\n".encode())
        raw = array.reshape(-1).tolist() if is_text(array.dtype) else np.ascontiguousarray(array).tobytes()
        digest.update(repr(raw).encode() if isinstance(raw, list) else raw)
    return digest.hexdigest()[:32]


def distance(one: Outputs, other: Outputs) -> float:
    """The largest distance over all outputs, relative to the range of each; 0 for equal bits, infinite where it has
    none: another shape, text that differs, an output that one of them lacks."""
    return farthest(measure_outputs(one, other))


def farthest(measured: Measured) -> float:
    """The largest relative distance in ``measured``."""
    if measured.only_left or measured.only_right:
        return math.inf
    changed = [one for one in measured.outputs.values() if one.changed]
    return max((math.inf if one.max_rel is None else one.max_rel for one in changed), default=0.0)


@dataclass(frozen=True)
class Yardstick:
    """Both ends, each run at least twice: what every other trial is held against."""

    left: Sequence[Outputs]
    right: Sequence[Outputs]

    @cached_property
    def noise(self) -> tuple[float, float]:
        """How far each side is from itself, over its runs."""
        return _spread(self.left), _spread(self.right)

    @cached_property
    def bits(self) -> tuple[frozenset[str], frozenset[str]]:
        """The answers each side gave, by their bits."""
        return frozenset(map(bits_of, self.left)), frozenset(map(bits_of, self.right))

    @property
    def steady(self) -> bool:
        """Each side agrees with itself to the last bit."""
        return all(len(seen) == 1 for seen in self.bits)

    @cached_property
    def gap(self) -> float:
        """The smallest distance between a run of left and a run of right."""
        return min(distance(one, other) for one in self.left for other in self.right)

    @property
    def apart(self) -> bool:
        """Whether the sides can be told apart at all."""
        if self.steady:
            return self.bits[0] != self.bits[1]
        return self.gap > TELLABLE * max(self.noise)

    def like(self, outputs: Outputs) -> Like:
        """Whose answer this is: by its bits where both sides are steady, by distance where they are not."""
        bits = bits_of(outputs)
        if self.steady:
            return Like.LEFT if bits in self.bits[0] else Like.RIGHT if bits in self.bits[1] else Like.OTHER
        noise = max(self.noise)
        to_left, to_right = self.distances(outputs)
        if min(to_left, to_right) <= SAME * noise:
            return Like.LEFT if to_left < to_right else Like.RIGHT
        return Like.OTHER if min(to_left, to_right) > MOVED * noise else Like.UNCLEAR

    def distances(self, outputs: Outputs) -> tuple[float, float]:
        """How far ``outputs`` is from the nearest run of left and of right."""
        to_left, to_right = (min(distance(outputs, run) for run in side) for side in (self.left, self.right))
        return to_left, to_right

    def closed(self, outputs: Outputs) -> float | None:
        """The share of the gap that is closed, from left (0) to right (1); negative when further away than left.

        None where distances say nothing: an answer, or the gap, without a finite size.
        """
        _, to_right = self.distances(outputs)
        if not (math.isfinite(self.gap) and math.isfinite(to_right)) or self.gap == 0:
            return None
        return 1.0 - to_right / self.gap


def _spread(runs: Sequence[Outputs]) -> float:
    return max((distance(one, other) for one, other in combinations(runs, 2)), default=0.0)
