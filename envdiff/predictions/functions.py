"""Two pre-processing functions on the same raw rows, each in its own interpreter if asked, compared step by step."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions import exchange
from envdiff.predictions.rows import Rows
from envdiff.predictions.scripts import run_script
from envdiff.probe_file import probe_path
from envdiff.scratch import scratch

Array = NDArray[Any]
SECONDS = 300.0


@dataclass(frozen=True)
class FunctionTarget:
    """``name`` is MODULE:FUNCTION; ``folder`` is where the module is found (and where the function runs)."""

    name: str
    python: str = sys.executable
    folder: Path | None = None
    seconds: float = SECONDS


@dataclass(frozen=True)
class Steps:
    """``steps``: (name, arrays) in the order they were yielded; one step called "result" when the function returns."""

    target: FunctionTarget
    steps: tuple[tuple[str, Mapping[str, Array]], ...]
    made_by: Mapping[str, str]


def run_function(target: FunctionTarget, rows: Rows) -> Steps:
    """The function is called with one array for a lone input, else with a dict of arrays.

    It may return an array or a dict of arrays, or yield (step name, array or dict). Raises WorldFailed with the
    function's own traceback when it fails, UnusableInput for a name that is no MODULE:FUNCTION.
    """
    module, _, function = target.name.partition(":")
    if not module or not function:
        raise UnusableInput(f"{target.name} is not MODULE:FUNCTION", hint="for example: preprocess:normalise")
    folder = (target.folder or Path.cwd()).resolve()
    with scratch("call") as private:
        given, made = Path(private, "rows.npz"), Path(private, "made.npz")
        exchange.write(given, {"rows": rows.arrays}, {"by_row": list(rows.by_row)})
        arguments = [str(probe_path("call.py")), "--function", target.name, "--rows", str(given), "--out", str(made)]
        run_script(target.python, arguments, target.seconds, cwd=folder)
        calls, meta = exchange.read(made)
    if "error" in meta:
        raise WorldFailed(f"the function failed:\n{meta['error']}", subject=target.name)
    order = [str(name) for name in meta["steps"]]
    return Steps(target, tuple((name, calls.get(name, {})) for name in order), meta.get("made_by", {}))
