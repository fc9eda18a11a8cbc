"""How long `tensors` takes on two arrays of 50 million floats, against numpy.allclose of the same two.

    python tests/bench/bench_tensors.py [millions]

Prints one ratio a case; both sides of a ratio are the best of three, measured in this run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from envdiff.predictions.tensors import compare_one

REACH = 4.0


def best(run: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def cases(millions: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    table = random.normal(size=(millions * 1000, 1000)).astype(np.float32)
    pixels = random.integers(0, 256, (millions * 1_000_000 // (224 * 224 * 3), 224, 224, 3)).astype(np.float32)
    mean, deviation = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return {
        "the same bits": (table, table.copy()),
        "last bits": (table, table * np.float32(1.0000001)),
        "close": (table, table + (1e-6 * table[::-1])),
        "/ 255": (table, table / np.float32(255)),
        "BGR, / 255": (pixels, pixels[..., ::-1] / np.float32(255)),
        "ImageNet": (pixels, (pixels / 255 - mean) / deviation),
        "NCHW": (pixels, np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))),
        "unrelated": (table, np.roll(table, 7919).reshape(table.shape)),
    }


def main() -> None:
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for name, (left, right) in cases(millions).items():
        simple = best(lambda: np.allclose(left.reshape(-1), right.reshape(-1)))  # noqa: B023 - run at once
        ours = best(lambda: compare_one("x", left, "x", right), 2)  # noqa: B023
        said = compare_one("x", left[:64], "x", right[:64]).relation.sentence
        verdict = "ok" if ours / simple <= REACH else f"over {REACH:g}"
        print(f"{name:15} {ours:6.2f} s / allclose {simple:6.2f} s = {ours / simple:5.2f}  {verdict}   {said[:60]}")


if __name__ == "__main__":
    main()
