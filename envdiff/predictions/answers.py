"""What one side said to the rows, by one way of asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.predictions.steady import SelfAgreement, self_agreement

Array = NDArray[Any]
Outputs = Mapping[str, Array]


class Call(StrEnum):
    """How the rows were put together."""

    SINGLE = "single"  # one row at a time, answers joined
    BATCH = "batch"  # all rows at once
    BATCH_AGAIN = "batch_again"  # the same once more
    CONCURRENT = "concurrent"  # all rows at once, from several threads; the answer that differs most from BATCH


@dataclass(frozen=True)
class Answers:
    """``calls`` holds what succeeded, ``errors`` why the others did not. ``seconds`` is wall time per call.

    ``served_before`` and ``served_after`` are (version, state) pairs a server gave around the asking; a difference
    means that answers may come from two models. ``versions`` are those that answers named themselves (gRPC).
    """

    way: str
    calls: Mapping[str, Outputs]
    rows_digest: str
    signature: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    served_before: tuple[tuple[str, str], ...] = ()
    served_after: tuple[tuple[str, str], ...] = ()
    versions: tuple[int, ...] = ()
    made_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def steadiness(self) -> SelfAgreement:
        return self_agreement(self.calls)

    @property
    def main(self) -> Outputs:
        """The answers that stand for this side: the batch, or single rows where no batch is possible."""
        return self.calls.get(Call.BATCH) or self.calls.get(Call.SINGLE) or {}

    @property
    def swapped_while_asked(self) -> bool:
        return len(set(self.versions)) > 1 or self.served_before != self.served_after


def join_rows(singles: list[Outputs]) -> dict[str, Array]:
    """One array for each output; rows whose answers do not fit together stay apart as NAME[row]."""
    joined: dict[str, Array] = {}
    for name in sorted(singles[0]) if singles else ():
        parts = [np.asarray(one[name]) for one in singles if name in one]
        alike = all(part.ndim and part.shape[0] == 1 and part.shape == parts[0].shape for part in parts)
        if alike and len(parts) == len(singles):
            joined[name] = np.concatenate(parts)
        else:
            joined.update({f"{name}[{number}]": part for number, part in enumerate(parts)})
    return joined
