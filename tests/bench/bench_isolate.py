"""What isolating costs: trials for a culprit by its rank, one trial against the prediction by hand, and two peers.

    python tests/bench/bench_isolate.py [--peers FOLDER] [-o RESULTS.json]

FOLDER is a virtual environment with envbisect and mlbisect; without it they are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from platformdirs import user_cache_path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "experiment"))

from test_search import Oracle, acting, names

from envdiff import api
from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.demo.environments import tensorflow_environment
from envdiff.experiment.knobs import BATCHED
from envdiff.experiment.request import IsolateRequest
from envdiff.experiment.trials import Limits, Task, packed, perform
from envdiff.predictions.rows import rows_from_signature

ROUNDS = 7
SWITCHED = {
    "TF_ENABLE_ONEDNN_OPTS": "0", "TZ": "Japan", "PYTHONHASHSEED": "5", "LC_ALL": "C", "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_NUM_INTEROP_THREADS": "1",
}  # fmt: skip

BY_HAND = """
import sys
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
function = loaded.signatures["serving_default"]
rows = np.load(sys.argv[2])
for number in range(len(rows)):
    {name: tensor.numpy() for name, tensor in function(x=tf.constant(rows[number : number + 1])).items()}
answers = {name: tensor.numpy() for name, tensor in function(x=tf.constant(rows)).items()}
if len(sys.argv) > 3:
    kept = np.load(sys.argv[3])
    same = all(np.array_equal(kept[name], answer) for name, answer in answers.items())
    print(0.0 if same else 1.0)
    sys.exit(0 if same else 1)
"""


def counts() -> dict[str, float]:
    """Trials beyond the runs of both ends."""
    lone = []
    for rank in range(8):
        oracle = Oracle(names(8), acting(f"s{rank}"))
        oracle.search()
        lone.append(len(oracle.asked))
    pairs = []
    for one in range(12):
        for other in range(one + 1, 12):
            oracle = Oracle(names(12), lambda thrown, both=frozenset((f"s{one}", f"s{other}")): both <= thrown)
            oracle.search()
            pairs.append(len(oracle.asked))
    return {
        "one culprit among 8, ranked 1 to 4, at most": max(lone[:4]),
        "one culprit among 8, any rank, at most": max(lone),
        "two needed together among 12, at most": max(pairs),
        "two needed together among 12, median": median(pairs),
    }


def trial_ratio(python: Path, model: Path, folder: Path) -> dict[str, float]:
    """CPU seconds of one trial against the same prediction in a fresh process, interleaved."""
    rows = rows_from_signature([("x", "float32", (None, 8, 8, 3))], 16)
    import numpy as np

    file, script = folder / "rows.npy", folder / "by_hand.py"
    np.save(file, rows.arrays["x"])
    script.write_text(BY_HAND)
    task = Task({"python": str(python), "model": str(model), "calls": BATCHED}, packed(rows.arrays, ["x"]), Limits())
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(spent(lambda: perform(task)))
        theirs.append(spent(lambda: subprocess.run([python, script, model, file], capture_output=True, check=True)))
    return {
        "one trial, CPU s": min(ours), "by hand, CPU s": min(theirs),
        "one trial / by hand": min(ours) / min(theirs), "median / median": median(ours) / median(theirs),
    }  # fmt: skip


def spent(work: object) -> float:
    before = os.times()
    work()  # type: ignore[operator]
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def envdiff_run(python: Path, model: Path, folder: Path) -> dict[str, object]:
    environ = {name: os.environ[name] for name in ("PATH", "HOME")} | {"LANG": "C.UTF-8"}
    sides = [
        capture_interpreter(python, Request(label=label, static=True), environ={**environ, **variables})
        for label, variables in (("left", {}), ("right", SWITCHED))
    ]
    began = time.monotonic()
    found = api.isolate(IsolateRequest(*sides, model=model, left_python=python, journal=folder / "journal.jsonl"))
    return {
        "seconds": time.monotonic() - began, "runs": found.trials_run, "culprits": list(found.culprits),
        "forward": found.forward, "backward": found.backward,
    }  # fmt: skip


def peers(python: Path, model: Path, folder: Path, home: Path) -> dict[str, object]:
    """The same case: eight variables, a command that compares with what left answered."""

    environ = {name: os.environ[name] for name in ("PATH", "HOME")} | {"LANG": "C.UTF-8"}
    rows, kept, script, log = (folder / name for name in ("rows.npy", "kept.npz", "by_hand.py", "runs.log"))
    keep = "import sys, numpy as np, tensorflow as tf; f = tf.saved_model.load(sys.argv[1]).signatures['serving_default']; np.savez(sys.argv[3], **{n: t.numpy() for n, t in f(x=tf.constant(np.load(sys.argv[2]))).items()})"
    subprocess.run([python, "-c", keep, model, rows, kept], env=environ, check=True, capture_output=True)
    runner = folder / "run.sh"
    runner.write_text(f"#!/bin/sh\necho run >> {log}\nexec {python} {script} {model} {rows} {kept} 2>/dev/null\n")
    runner.chmod(0o755)
    good, bad = folder / "good.env", folder / "bad.env"
    good.write_text("LANG=C.UTF-8\n")
    bad.write_text("LANG=C.UTF-8\n" + "".join(f"{name}={value}\n" for name, value in SWITCHED.items()))
    # mlbisect hands its axes over under names of its own: a wrapper sets what they stand for.
    wrapper, manifest = folder / "wrapper.py", folder / "mlbisect.yaml"
    wrapper.write_text(
        f"import json, os, subprocess\nnames = {list(SWITCHED)!r}\nenv = dict(os.environ)\n"
        "for name in names:\n    value = env.get('MLBISECT_AXIS_' + name, 'unset')\n"
        "    env.pop(name, None)\n    env.update({name: value} if value != 'unset' else {})\n"
        f"status = subprocess.run([{str(runner)!r}], env=env, capture_output=True).returncode\n"
        "print(json.dumps({'metric': float(status == 0)}))\n"
    )
    axes = "".join(f"  - {{name: {name.lower()}, old: unset, new: '{value}'}}\n" for name, value in SWITCHED.items())
    manifest.write_text(
        "version: 1\nname: bench\nmetric: {name: same, direction: higher_is_better, min_effect: 0.5}\n"
        f"run: {{command: '{sys.executable} {wrapper}', timeout_s: 600, workdir: .}}\naxes:\n{axes}"
        "budget: {max_runs: 60, baseline_runs: 5, min_runs_per_config: 3, max_runs_per_config: 10, batch_size: 1,"
        " confidence: 0.95}\n"
    )
    commands = {
        "envbisect": [home / "bin/envbisect", "diagnose", "--no-color", "--pass", good, "--fail", bad, "--", runner],
        "mlbisect": [home / "bin/mlbisect", "run", manifest],
    }
    found: dict[str, object] = {}
    for name, command in commands.items():
        log.write_text("")
        began = time.monotonic()
        done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, check=False)
        found[name] = {
            "seconds": time.monotonic() - began, "runs": len(log.read_text().split()), "status": done.returncode,
            "said": (done.stdout + done.stderr).strip()[-600:],
        }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    python = tensorflow_environment("2.21.0", user_cache_path("envdiff") / "environments", print)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        maker = Path(__file__).parent.parent / "experiment" / "make_models.py"
        subprocess.run([python, maker, folder], capture_output=True, check=True)
        model = folder / "conv"
        results = {"counts": counts(), "trial": trial_ratio(python, model, folder)}
        results["envdiff isolate"] = envdiff_run(python, model, folder)
        if options.peers:
            results["peers"] = peers(python, model, folder, options.peers)
    text = json.dumps(results, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
