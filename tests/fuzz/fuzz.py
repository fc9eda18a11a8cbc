"""Coverage-guided fuzzing of one reader: ``python tests/fuzz/fuzz.py TARGET --seconds N``; ``list`` names the targets.

Exit status 0: nothing found. Otherwise the input that broke the reader lies in the folder that is printed; after the
fix it belongs into ``tests/fuzz/found/TARGET/``, where the tests replay it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [
    str(HERE),
    str(HERE.parent),
    str(HERE.parent / "model"),
    str(HERE.parents[1]),
    str(HERE.parents[1] / "probes"),
]
sys.dont_write_bytecode = True

with atheris.instrument_imports(include=["envdiff", "envprobe", "reader"]):
    from fuzz_targets import TARGETS
    from fuzz_targets import warm_up as imported

LONGEST_S = 20  # of one input, before it counts as a hang
MOST_MB = 3_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=["list", *TARGETS])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="a folder in which interesting inputs are kept between runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--artifacts", type=Path, help="where an input that breaks the reader is written")
    options = parser.parse_args()
    if options.target == "list":
        print("\n".join(TARGETS))
        return
    run(options)


def run(options: argparse.Namespace) -> None:
    target = TARGETS[options.target]
    work = Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    seeds = work / "seeds"
    seeds.mkdir()
    for number, seed in enumerate(target.seeds()):
        (seeds / f"{number:03}").write_bytes(seed)
    artifacts = options.artifacts or work
    artifacts.mkdir(parents=True, exist_ok=True)
    print(f"inputs that break it are written to {artifacts}", file=sys.stderr)
    with atheris.instrument_imports(include=["envdiff", "envprobe", "reader"]):
        imported(target)
    corpus = [str(options.corpus)] if options.corpus else []
    for folder in corpus:
        Path(folder).mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={options.seconds}", f"-timeout={LONGEST_S}", f"-rss_limit_mb={MOST_MB}",
        f"-artifact_prefix={artifacts}/", f"-max_len={target.longest}", f"-seed={options.seed}", "-len_control=20", "-report_slow_units=60",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, *corpus, str(seeds)], lambda data: target.tried(data, work))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
