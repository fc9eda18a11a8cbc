"""Reads again what a fuzzer found, and what it starts from: ``python tests/fuzz/fuzz_replay.py TARGET``.

One line of JSON an input: its name, the seconds it took, the message; at the end the largest amount of memory in MB.
The first input that breaks its reader ends it with a traceback.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE),
    str(HERE.parent),
    str(HERE.parent / "model"),
    str(HERE.parents[1]),
    str(HERE.parents[1] / "probes"),
]
sys.dont_write_bytecode = True

FOUND = HERE / "found"
CPU_S = 120


def main(name: str) -> None:
    from fuzz_targets import TARGETS

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    target = TARGETS[name]
    inputs = {f"seed {number}": seed for number, seed in enumerate(target.seeds())}
    inputs |= {file.name: file.read_bytes() for file in sorted((FOUND / name).glob("*"))}
    with tempfile.TemporaryDirectory() as work:
        for label, data in inputs.items():
            print(label, file=sys.stderr, flush=True)
            start = time.process_time()
            message = target.tried(data, Path(work))
            print(json.dumps({"input": label, "seconds": time.process_time() - start, "message": message}))
    # Not what getrusage says: that begins with the size of the process which started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps({"megabytes": int(status["VmHWM"].split()[0]) >> 10}))


if __name__ == "__main__":
    main(sys.argv[1])
