"""A side that does not agree with itself: of which kind the disagreement is, and what would end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.experiment.knobs import ENV, SET, Knobs, patched
from envdiff.experiment.likeness import Outputs, bits_of, distance
from envdiff.experiment.trials import Trials

Array = NDArray[Any]
TWICE = ("single", "batch", "batch_again")


class Kind(StrEnum):
    """When a side contradicts itself, the worst first."""

    CALLS = "between calls"
    STARTS = "between starts"
    CONCURRENT = "only under concurrency"
    THREADS = "only with more than one thread"
    STEADY = "never"


ONE_THREAD = "one thread"

# What is known to steady a model, the mildest first; (what it is called, what a trial is told).
STEADIERS: tuple[tuple[str, Knobs], ...] = (
    ("tf.random.set_seed(0)", {SET + "runtime.global_seed": 0}),
    (ONE_THREAD, {ENV + "TF_NUM_INTRAOP_THREADS": "1", ENV + "TF_NUM_INTEROP_THREADS": "1"}),
    ("TF_ENABLE_ONEDNN_OPTS=0", {ENV + "TF_ENABLE_ONEDNN_OPTS": "0"}),
    (
        "tf.config.experimental.enable_op_determinism()",
        {SET + "runtime.op_determinism": True, SET + "runtime.global_seed": 0},
    ),
)


@dataclass(frozen=True)
class Unrest:
    """One side's disagreement with itself. ``rows`` are numbers of rows that change, None when all do or none has a
    number; ``steadied_by`` what made it steady here, ``tried`` everything that was tried, with how it ended."""

    side: str
    kind: Kind
    size: float
    rows: tuple[int, ...] | None = None
    steadied_by: tuple[str, ...] = ()
    tried: tuple[tuple[str, str], ...] = ()


def _call(outputs: Outputs, prefix: str) -> dict[str, Array]:
    return {name.partition("/")[2]: array for name, array in outputs.items() if name.startswith(prefix)}


def calls_agree(outputs: Outputs) -> bool:
    """Whether the same batch, asked twice in one process, gave the same bits."""
    first, again = (_call(outputs, name) for name in ("batch/", "batch_again/"))
    return not again or bits_of(first) == bits_of(again)


def kind_of(runs: Sequence[Outputs]) -> Kind:
    """From plain runs: calls, starts, or none of the two."""
    if not all(calls_agree(run) for run in runs):
        return Kind.CALLS
    return Kind.STARTS if len({bits_of(run) for run in runs}) > 1 else Kind.STEADY


def unrest(side: str, runs: Sequence[Outputs]) -> Unrest:
    """What plain runs of one side show; its kind is STEADY where they agree."""
    size = max(distance(_plain(one), _plain(other)) for one in runs for other in runs)
    return Unrest(side, kind_of(runs), max([size, *(_within(run) for run in runs)]), _rows(runs))


def with_cures(one: Unrest, knobs: Knobs, trials: Trials) -> Unrest:
    """What steadies it: each of :data:`STEADIERS` is run twice."""
    tried, steadied, kind = [], [], one.kind
    for words, patch in STEADIERS:
        ended = trials.ask([(patched(knobs, patch, {"calls": TWICE}), repeat) for repeat in range(2)])
        failed = next((run.in_short for run in ended if not run.answered), None)
        steady = failed is None and kind_of([run.outputs for run in ended if run.outputs]) is Kind.STEADY
        tried.append((words, f"fails: {failed}" if failed is not None else "steady" if steady else "no change"))
        if steady:
            steadied.append(words)
            kind = Kind.THREADS if words == ONE_THREAD else kind
    return replace(one, kind=kind, steadied_by=tuple(steadied), tried=tuple(tried))


def only_concurrently(side: str, knobs: Knobs, trials: Trials) -> Unrest | None:
    """A side that is steady as long as one call runs at a time, and not when eight do."""
    (ended,) = trials.ask([(patched(knobs, {"calls": ("batch", "concurrent")}), 0)])
    if ended.outputs is None:
        return None
    calls = [_call(ended.outputs, name) for name in ("batch/", "concurrent/")]
    return None if bits_of(calls[0]) == bits_of(calls[1]) else Unrest(side, Kind.CONCURRENT, distance(*calls))


def _plain(run: Outputs) -> Mapping[str, Array]:
    return {name: array for name, array in run.items() if not name.startswith("batch_again/")}


def _within(run: Outputs) -> float:
    first, again = (_call(run, name) for name in ("batch/", "batch_again/"))
    return distance(first, again) if again else 0.0


def _rows(runs: Sequence[Outputs]) -> tuple[int, ...] | None:
    """Rows of the batch that change, if it is only some of them."""
    arrays = [
        array
        for run in runs
        for name, array in sorted(run.items())
        if name.startswith(("batch/", "batch_again/", "rows/"))
    ]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or not next(iter(shapes)):
        return None
    first = np.asarray(arrays[0])
    changed: set[int] = set()
    for other in arrays[1:]:
        different = np.asarray(other != first).reshape(len(first), -1).any(axis=1)
        changed |= set(np.flatnonzero(different).tolist())
    return tuple(sorted(changed)) if 0 < len(changed) < len(first) else None
