"""What asking through probes/predict.py costs, against the same calls written by hand: CPU seconds of whole processes.

    python tests/bench/bench_ask.py PYTHON SAVED_MODEL

PYTHON has TensorFlow; the model's serving_default takes one float input x of (?, 8).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from envdiff.predictions.ask_local import ask_local
from envdiff.predictions.rows import rows_from_signature

REACH = 1.05
BY_HAND = """
import sys, numpy as np, tensorflow as tf
x = np.load(sys.argv[2])["x"]
f = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
ask = lambda rows: {name: tensor.numpy() for name, tensor in f(x=tf.constant(rows)).items()}
singles = [ask(x[n : n + 1]) for n in range(len(x))]
kept = {"s" + name: np.concatenate([one[name] for one in singles]) for name in singles[0]}
kept.update({"b" + name: array for name, array in ask(x).items()})
kept.update({"c" + name: array for name, array in ask(x).items()})
np.savez(sys.argv[3], **kept)
"""


def cpu(run: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    python, model = sys.argv[1], Path(sys.argv[2])
    rows = rows_from_signature([("x", "float32", [None, 8])], 256)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "x.npz"), **rows.arrays)
        command = [python, "-c", BY_HAND, str(model), f"{folder}/x.npz", f"{folder}/made.npz"]
        hand, ours = [], []
        for _ in range(5):
            hand.append(cpu(lambda: subprocess.run(command, check=True, capture_output=True)))
            ours.append(cpu(lambda: ask_local(python, model, rows, ["signature"])))
    ratio = min(ours) / min(hand)
    verdict = "ok" if ratio <= REACH else f"over {REACH:g}"
    print(f"ask {min(ours):.2f} s / by hand {min(hand):.2f} s = {ratio:.3f}  {verdict}")


if __name__ == "__main__":
    main()
