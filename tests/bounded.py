"""Runs Python code that reads a hostile file, with bounds on time, and says how it ended and how much memory it took.

``python bounded.py FOLDER CODE``: prints one line of JSON: ``error`` (the message of an expected one, or ""), ``status``,
``megabytes`` above what the imports took, ``seconds``.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from envdiff.errors import EnvdiffError

CPU_S = 60


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main(folder: str, code: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    setup, _, work = code.partition("\n---\n")
    names = {"folder": Path(folder)}
    exec(setup, names)
    before, start, error, status = peak(), time.process_time(), "", 0
    try:
        exec(work, names)
    except EnvdiffError as caught:
        error, status = caught.message, int(caught.exit_status)
    took = {"seconds": time.process_time() - start, "megabytes": peak() - before}
    print(json.dumps({"error": error, "status": status, **took}))


if __name__ == "__main__":
    main(*sys.argv[1:])
