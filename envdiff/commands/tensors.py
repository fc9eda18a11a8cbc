"""``envdiff tensors``."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdiff.commands.model import as_json, as_text
from envdiff.errors import ExitStatus, Misuse, needs_numpy
from envdiff.output import write
from envdiff.progress import progress

if TYPE_CHECKING:
    from envdiff.predictions.tensors import TensorsReport

FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class TensorOptions:
    """The command line of ``envdiff tensors``."""

    left: str
    right: str
    rows: Path | None
    left_python: Path | None
    right_python: Path | None
    format: str


def run_tensors(options: TensorOptions) -> int:
    """Status 0 when the values are the same, 1 when they are not."""
    with progress("comparing"):
        report = _compare(options)
    from envdiff.predictions.tensors import as_document, lines

    write(as_text(list(lines(report))) if options.format == "text" else as_json(as_document(report)), None)
    return ExitStatus.OK if report.same else ExitStatus.FOUND


def _compare(options: TensorOptions) -> TensorsReport:
    with needs_numpy("comparing arrays"):
        from envdiff.predictions.arrays import read_arrays
        from envdiff.predictions.tensors import compare_steps, compare_tensors
    functions = [_is_function(side) for side in (options.left, options.right)]
    if all(functions):
        return compare_steps(
            _steps(options.left, options.left_python, options), _steps(options.right, options.right_python, options)
        )
    if any(functions):
        raise Misuse("a function can be compared with a function only", hint="or give two dumps")
    return compare_tensors(read_arrays(Path(options.left)), read_arrays(Path(options.right)))


def _is_function(side: str) -> bool:
    return FUNCTION.fullmatch(side) is not None and not Path(side).exists()


def _steps(name: str, python: Path | None, options: TensorOptions) -> Any:
    from envdiff.predictions.functions import FunctionTarget, run_function
    from envdiff.predictions.row_files import rows_from_file

    if options.rows is None:
        raise Misuse("two functions need rows to run on", hint="--rows FILE")
    return run_function(FunctionTarget(name, str(python or sys.executable)), rows_from_file(options.rows))
