"""What a fleet of a thousand fingerprints costs, as ratios to reading their JSON and to a fleet of a hundred.

python tests/bench/bench_fleet.py [--rounds N] [--version V] [-o ratios.json]

Replicas are one real capture each, with what is never the same twice (identity, start), harmless differences, and one in
fifty that is odd. The nodes of the mixed fleet have one of several processors, models, package sets and thread counts.
Of the strangers no two have the same weights, packages or processor: the worst case, which has a thousand of everything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interleaved import Ratio, interleaved, report
from platformdirs import user_cache_path

from envdiff.demo.environments import tensorflow_environment

READ = "import json, pathlib, sys\nfor file in pathlib.Path(sys.argv[1]).glob('*.json'):\n with file.open() as f: json.load(f)"
RATIOS = (
    Ratio("1,000 replicas / json.load of each (CPU)", "1,000 replicas", "json.load of 1,000 replicas", 10),
    Ratio("1,000 replicas to HTML / json.load of each (CPU)", "replicas to HTML", "json.load of 1,000 replicas", 10),
    Ratio("1,000 mixed nodes / json.load of each (CPU)", "1,000 mixed", "json.load of 1,000 mixed", 10),
    Ratio("1,000 strangers / json.load of each (CPU)", "1,000 strangers", "json.load of 1,000 strangers", 40),
    Ratio("1,000 replicas / 100 replicas (memory)", "1,000 replicas", "100 replicas", 1.1, "peak"),
    Ratio("1,000 mixed nodes / 100 mixed nodes (memory)", "1,000 mixed", "100 mixed", 1.1, "peak"),
)


def replica(number: int) -> dict[str, Any]:
    """What one of many pods has that its neighbours have not."""
    own = {
        "container.id": f"{number:064x}",
        "container.name": f"ranker-{number}",
        "process.pid": 7 + number % 3,
        "process.started": f"2026-11-22T15:{number % 60:02}:00Z",
        "os.release": f"6.1.{number % 5}",
        "packages.pip": f"24.{number % 4}",
    }
    return {**own, "env.TF_ENABLE_ONEDNN_OPTS": "0"} if number % 50 == 49 else own


def mixed(number: int) -> dict[str, Any]:
    """A node of a cluster that grew over years."""
    return {
        **replica(number),
        "cpu.flags": [
            "avx",
            "avx2",
            "fma",
            *(["avx512f", "avx512vl", "avx512bw", "avx512dq"] if number % 3 else []),
            f"f{number % 6}",
        ],
        "cpu.model": f"processor {number % 6}",
        "cpu.schedulable": 2 ** (number % 5),
        "model.format": "savedmodel",
        "model.ops": ["Conv2D", "MatMul"],
        "model.weights.digest": f"{number % 4:064x}",
        "packages.numpy": f"1.{24 + number % 3}.0",
        "packages.our-preprocessing": f"1.{number % 5}.0",
    }


def stranger(number: int) -> dict[str, Any]:
    """Nothing is the same twice, and much of it counts."""
    return {
        **replica(number),
        "model.weights.digest": f"{number:064x}",
        "model.format": "savedmodel",
        "packages.our-preprocessing": f"1.{number}.0",
        "env.TF_NUM_INTRAOP_THREADS": str(1 + number % 16),
        "cpu.flags": ["avx", "avx2", "fma", *(f"f{bit}" for bit in range(10) if number >> bit & 1)],
        **{f"packages.extra-{number + at}": "1.0" for at in range(20)},
    }


def written(folder: Path, base: dict[str, Any], count: int, own: Callable[[int], dict[str, Any]]) -> str:
    folder.mkdir()
    for number in range(count):
        document = {**base, "facts": {**base["facts"], **own(number)}}
        document["subject"] = {**base["subject"], "label": f"pod-{number}"}
        (folder / f"pod-{number:04}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--version", default="2.21.0", help="TensorFlow of the real capture")
    options = parser.parse_args()
    python = str(tensorflow_environment(options.version, user_cache_path("envdiff") / "environments", print))
    envdiff = [sys.executable, "-m", "envdiff"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([*envdiff, "capture", "--python", python, "-o", str(folder / "base.json")], check=True)
        base = json.loads((folder / "base.json").read_bytes())
        replicas, few = (written(folder / f"replicas-{n}", base, n, replica) for n in (1000, 100))
        nodes, few_nodes = (written(folder / f"mixed-{n}", base, n, mixed) for n in (1000, 100))
        strangers = written(folder / "strangers", base, 1000, stranger)
        target = str(folder / "out")
        commands = {
            "json.load of 1,000 replicas": [sys.executable, "-c", READ, replicas],
            "1,000 replicas": [*envdiff, "fleet", replicas, "-o", target],
            "replicas to HTML": [*envdiff, "fleet", replicas, "--format", "html", "-o", target],
            "100 replicas": [*envdiff, "fleet", few, "-o", target],
            "json.load of 1,000 mixed": [sys.executable, "-c", READ, nodes],
            "1,000 mixed": [*envdiff, "fleet", nodes, "-o", target],
            "100 mixed": [*envdiff, "fleet", few_nodes, "-o", target],
            "json.load of 1,000 strangers": [sys.executable, "-c", READ, strangers],
            "1,000 strangers": [*envdiff, "fleet", strangers, "-o", target],
        }
        costs = interleaved(commands, options.rounds)
    for name, cost in costs.items():
        print(f"{name:<30} {cost.cpu_s:7.3f} s CPU {cost.wall_s:7.3f} s {cost.peak / 2**20:7.1f} MB")
    print(report(costs, RATIOS, options.output), end="")


if __name__ == "__main__":
    main()
