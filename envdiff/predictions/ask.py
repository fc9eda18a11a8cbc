"""Asking a server: which calls are made and in which order, whatever the transport."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from envdiff.errors import WorldFailed
from envdiff.predictions.answers import Call, Outputs, join_rows
from envdiff.predictions.ask_local import ask_local
from envdiff.predictions.measure import largest
from envdiff.predictions.rows import Rows

Array = NDArray[Any]
Predict = Callable[[Mapping[str, Array], int], Outputs]  # (rows, their number) -> outputs; raises WorldFailed

THREADS = 8


@dataclass
class Made:
    """What the calls gave so far."""

    calls: dict[str, Outputs] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def make_calls(predict: Predict, rows: Rows, wanted: Collection[Call] = tuple(Call)) -> Made:
    """One row at a time, all rows, all rows again, all rows from several threads.

    A call that fails is recorded and the next is made: a server that refuses a batch may well answer single rows.
    """
    made = Made()
    if rows.by_row and Call.SINGLE in wanted:
        _one(made, Call.SINGLE, lambda: join_rows([predict(one_row(rows, n), 1) for n in range(rows.count)]))
    for call in (one for one in (Call.BATCH, Call.BATCH_AGAIN) if one in wanted):
        _one(made, call, lambda: predict(rows.arrays, rows.count))
    if Call.BATCH in made.calls and Call.CONCURRENT in wanted:
        _one(made, Call.CONCURRENT, lambda: _concurrently(predict, rows, made.calls[Call.BATCH]))
    return made


def one_row(rows: Rows, number: int) -> dict[str, Array]:
    """A batch of one; inputs without rows go along whole."""
    return {name: array[number : number + 1] if name in rows.by_row else array for name, array in rows.arrays.items()}


def _one(made: Made, call: Call, ask: Callable[[], Outputs]) -> None:
    began = time.monotonic()
    try:
        made.calls[call] = ask()
    except WorldFailed as error:
        made.errors[call] = error.message
    made.seconds[call] = time.monotonic() - began


def _concurrently(predict: Predict, rows: Rows, expected: Outputs) -> Outputs:
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: predict(rows.arrays, rows.count), range(THREADS)))
    return max(answers, key=lambda answer: largest(expected, answer))


__all__ = ["Made", "Predict", "ask_local", "make_calls", "one_row"]
