"""Timing whole commands against each other: in turn, so that a machine that slows down slows down both.

The figure of a command is the least CPU time (user and system, with its children) of all rounds, since noise only
adds; memory is the largest single process, in bytes, least of all rounds.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """What one run of a command took: CPU seconds, wall seconds, bytes of the largest process."""

    cpu_s: float
    wall_s: float
    peak: int


@dataclass(frozen=True)
class Ratio:
    """A promise: ``what`` costs at most ``reach`` times ``against``."""

    name: str
    what: str
    against: str
    reach: float
    measure: str = "cpu_s"


# Run in a process of its own, so that the largest child so far is this command's.
RUNNER = """
import json, os, resource, subprocess, sys, time
start = time.perf_counter()
status = subprocess.run(json.loads(sys.argv[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss * 1024]))
"""


def run_once(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """One run; raises RuntimeError when the command fails with a status above 1."""
    told = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(list(command))],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, **(environ or {})},
    )
    status, cpu_s, wall_s, peak = json.loads(told.stdout)
    if status not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with status {status}: {' '.join(command)[:200]}")
    return Cost(cpu_s, wall_s, peak)


def interleaved(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Cost]:
    """Every command ``rounds`` times in turn, after one round that does not count."""
    runs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            cost = run_once(command)
            if turn:
                runs[name].append(cost)
    return {
        name: Cost(min(c.cpu_s for c in costs), min(c.wall_s for c in costs), min(c.peak for c in costs))
        for name, costs in runs.items()
    }


def report(costs: Mapping[str, Cost], ratios: Sequence[Ratio], target: Path | None) -> str:
    """The ratios as a table, also written to ``target`` as JSON."""
    rows, kept = [], []
    for ratio in ratios:
        value = getattr(costs[ratio.what], ratio.measure) / getattr(costs[ratio.against], ratio.measure)
        mark = "reached" if value <= ratio.reach else "missed"
        rows.append(f"{ratio.name:<58} {value:8.3f}  at most {ratio.reach:<6g} {mark}")
        kept.append({"name": ratio.name, "ratio": round(value, 4), "reach": ratio.reach, "measure": ratio.measure})
    if target is not None:
        figures = {name: vars(cost) for name, cost in costs.items()}
        target.write_text(json.dumps({"ratios": kept, "costs": figures}, indent=1) + "\n", encoding="utf-8")
    return "\n".join(rows) + "\n"


def own_peak() -> int:
    """Bytes of this process's largest size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
