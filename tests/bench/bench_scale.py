"""What sizes cost that nobody has today, against a tenth of them: twelve times the time is linear, with some room.

python tests/bench/bench_scale.py [--rounds N] [-o ratios.json]

A pair of fingerprints with 20,000 packages and 20,000 variables, reported in every format; a model of 500,000 nodes and
50,000 tensors, shown.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "model"))

import numpy as np
from bench_model import deep
from builders import document
from interleaved import Ratio, interleaved, report
from model_writing import write_bundle

READ = "import json, pathlib, sys\nfor name in sys.argv[1:]: json.loads(pathlib.Path(name).read_bytes())"
FORMATS = ("terminal", "markdown", "html", "json")
RATIOS = (
    *(Ratio(f"report to {name}, 20,000 / 2,000 (CPU)", f"{name} of 20000", f"{name} of 2000", 12) for name in FORMATS),
    Ratio("report to markdown / json.load of both (CPU)", "markdown of 20000", "json.load", 60),
    Ratio("report to html, 20,000 / 2,000 (memory)", "html of 20000", "html of 2000", 3, "peak"),
    Ratio("model show, 500,000 nodes / 50,000 (CPU)", "model of 500000", "model of 50000", 12),
    Ratio("model show, 500,000 nodes / 50,000 (memory)", "model of 500000", "model of 50000", 8, "peak"),
)


def crowded(folder: Path, many: int) -> list[str]:
    """Two fingerprints that differ in half of their packages and a third of their variables."""
    paths = []
    for side in (0, 1):
        facts = {f"packages.package-{at:05}": f"1.{at}.{side * (at % 2)}" for at in range(many)}
        facts |= {f"env.VARIABLE_{at:05}": f"{side if at % 3 == 0 else 0}" for at in range(many)}
        paths.append(folder / f"{many}-{side}.json")
        paths[-1].write_text(json.dumps(document(facts), indent=1), encoding="utf-8")
    return [str(path) for path in paths]


def model(folder: Path, nodes: int) -> str:
    deep(folder, nodes)
    names = (f"layer_{at}/kernel/.ATTRIBUTES/VARIABLE_VALUE" for at in range(nodes // 10))
    write_bundle(folder, {name: np.full(4, at, "float32") for at, name in enumerate(names)})
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    envdiff = [sys.executable, "-m", "envdiff"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        commands = {}
        for many in (20_000, 2_000):
            pair = crowded(folder, many)
            for name in FORMATS:
                commands[f"{name} of {many}"] = [*envdiff, "report", *pair, "--format", name, "-o", f"{folder}/out"]
            commands.setdefault("json.load", [sys.executable, "-c", READ, *pair])
        for nodes in (500_000, 50_000):
            commands[f"model of {nodes}"] = [*envdiff, "model", "show", model(folder / str(nodes), nodes)]
        costs = interleaved(commands, options.rounds)
    for name, cost in costs.items():
        print(f"{name:<20} {cost.cpu_s:7.3f} s CPU {cost.wall_s:7.3f} s {cost.peak / 2**20:7.1f} MB")
    print(report(costs, RATIOS, options.output), end="")


if __name__ == "__main__":
    main()
