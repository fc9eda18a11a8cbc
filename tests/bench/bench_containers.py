"""What reading a container costs, as ratios: bench_containers.py CONTAINER PROBE_IMAGE PYTHON.

CONTAINER is a running model server, PYTHON an interpreter whose --static capture is the measure of the host's way.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from envdiff.capture.container_ways import ContainerRequest, capture_container
from envdiff.capture.containers import Engine
from envdiff.capture.interpreter import Request, capture_interpreter

ROUNDS = 5


def seconds(work: Callable[[], object]) -> float:
    """The median of a few rounds, after one that warms caches."""
    work()
    took = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def measure(container: str, probe_image: str, python: Path) -> dict[str, float]:
    """Seconds of each way and of what it is compared with."""
    engine = Engine()
    nothing = ["docker", "run", "--rm", "--network=none", "--entrypoint", "true", probe_image]
    return {
        "docker run of nothing": seconds(lambda: subprocess.run(nothing, check=True)),
        "sidecar": seconds(
            lambda: capture_container(ContainerRequest(container, way="sidecar", probe_image=probe_image), engine)
        ),
        "--static": seconds(lambda: capture_interpreter(python, Request(static=True))),
        "host /proc": seconds(lambda: capture_container(ContainerRequest(container, way="host-proc"), engine)),
    }


def main() -> None:
    """Print the measurements and the two ratios that are promised."""
    took = measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    for what, time_s in took.items():
        print(f"{what:24s} {time_s:.3f} s")
    print(f"sidecar / docker run     {took['sidecar'] / took['docker run of nothing']:.2f} (promised: at most 1.5)")
    print(f"host /proc - --static    {took['host /proc'] - took['--static']:.3f} s (promised: at most 0.25)")


if __name__ == "__main__":
    main()
