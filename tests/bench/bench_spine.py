"""What probing, capturing, reporting and asking for help cost, as ratios to what cannot be avoided.

python tests/bench/bench_spine.py [--rounds N] [-o ratios.json]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from interleaved import Ratio, interleaved, report
from platformdirs import user_cache_path

from envdiff.demo.environments import tensorflow_environment
from envdiff.probe_file import probe_path

RATIOS = (
    Ratio("static probe / import tensorflow (CPU)", "static probe", "import tensorflow", 0.04),
    Ratio("capture / import tensorflow (CPU)", "capture", "import tensorflow", 1.10),
    Ratio("capture / import tensorflow (wall)", "capture", "import tensorflow", 1.10, "wall_s"),
    Ratio("report to Markdown / import typer, rich, pydantic (CPU)", "report", "import all three", 1.8),
    Ratio("help / import typer (CPU)", "help", "import typer", 1.5),
    Ratio(
        "static probe without TensorFlow / python -c pass (memory)", "static probe, no TensorFlow", "pass", 3, "peak"
    ),
    Ratio("static probe / python -c pass (memory)", "static probe", "pass", 3, "peak"),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--version", default="2.21.0", help="TensorFlow to measure with")
    options = parser.parse_args()
    # Without compiled modules every start would measure the compiler.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    python = str(tensorflow_environment(options.version, user_cache_path("envdiff") / "environments", print))
    envdiff = str(Path(sys.executable).parent / "envdiff")
    probe = str(probe_path())
    with tempfile.TemporaryDirectory() as folder:
        left, right, target = (str(Path(folder) / name) for name in ("left.json", "right.json", "report.md"))
        commands = {
            "pass": [python, "-c", "pass"],
            "import tensorflow": [python, "-c", "import tensorflow"],
            "static probe": [python, probe, "--static"],
            "static probe, no TensorFlow": [sys.executable, probe, "--static"],
            "capture": [envdiff, "capture", "--python", python, "-o", left],
            "capture for the report": [envdiff, "capture", "--static", "--python", python, "-o", right],
            "report": [envdiff, "report", left, right, "--format", "markdown", "-o", target],
            "help": [envdiff, "--help"],
            "import typer": [sys.executable, "-c", "import typer"],
            "import all three": [sys.executable, "-c", "import typer, rich, pydantic; pydantic.BaseModel"],
        }
        costs = interleaved(commands, options.rounds)
    print(report(costs, RATIOS, options.output), end="")


if __name__ == "__main__":
    main()
