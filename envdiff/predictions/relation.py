"""What relating two arrays gives, and the hypotheses that are tried on the way: frozen plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]


class Strength(StrEnum):
    """How closely the relation holds."""

    EXACT = "exact"  # every bit follows
    ROUNDING = "within rounding"  # a few units in the last place of the coarser dtype
    CLOSE = "close"  # within 1e-4 of the range (1e-2 of 16-bit floats): the same numbers, computed in another way
    NONE = "none"


@dataclass(frozen=True)
class Relation:
    """How one array follows from the other.

    ``kind`` is a stable word; ``steps`` are the kinds that were composed, in order. ``max_abs`` is the largest residual
    after the relation, ``max_rel`` the same against the range of the explained array. ``holds`` is the share of
    elements for which it is true (1.0, or a little less with the exceptions told in ``notes``). ``parameters`` counts numbers
    taken from the arrays themselves: the more, the weaker the evidence from the same number of ``elements``.
    """

    kind: str
    sentence: str
    strength: Strength
    steps: tuple[str, ...] = ()
    max_abs: float | None = None
    max_rel: float | None = None
    holds: float = 1.0
    parameters: int = 0
    elements: int = 0
    notes: tuple[str, ...] = ()
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Source(Protocol):
    """An array, or something that is indexed like one without having been copied."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def ndim(self) -> int: ...
    def __getitem__(self, index: Any) -> Any: ...


@dataclass(frozen=True)
class Checked:
    """Element by element: the distance from what the hypothesis says, and whether that is near enough."""

    gap: Array
    holds: Array


# (source values, target values, position of each value along Fit.axis, broadcastable) -> Checked
Check = Callable[[Array, Array, Array | None], Checked]


@dataclass(frozen=True)
class Fit:
    """One hypothesis with its numbers filled in, to be checked on everything.

    ``sentence`` has the places ``{target}`` and ``{source}``. ``axis`` is set when the numbers depend on the position
    along it; ``whole`` trailing axes must reach ``check`` undivided (1 for softmax).
    """

    kind: str
    sentence: str
    check: Check
    parameters: int = 0
    axis: int | None = None
    whole: int = 0
    exact: bool = False
    numbers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
