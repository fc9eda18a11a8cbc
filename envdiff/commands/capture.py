"""``envdiff capture``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff.capture.interpreter import (
    Interpreter,
    Request,
    active_interpreter,
    capture_interpreter,
    named_interpreter,
)
from envdiff.capture.model import ModelRequest, add_answers, add_model
from envdiff.config import read_config
from envdiff.errors import ExitStatus, Misuse
from envdiff.fingerprint import Fingerprint, from_document, show
from envdiff.output import write
from envdiff.progress import progress


@dataclass(frozen=True)
class CaptureOptions:
    """The command line of ``envdiff capture``."""

    output: Path | None
    label: str | None
    python: Path | None
    pid: int | None
    static: bool
    env: tuple[str, ...]
    devices: bool
    time_limit_s: float
    model: ModelRequest
    config: Path | None


def run_capture(options: CaptureOptions) -> int:
    """Capture, write, and say on standard error what was taken and what could not be read."""
    if options.pid is not None and options.python is not None:
        raise Misuse("--pid and --python exclude each other", hint="a running process is read as it is")
    config = read_config(options.config, Path.cwd())
    request = Request(
        label=options.label or _label(options.output),
        static=options.static,
        pid=options.pid,
        extra_env=(*config.env, *options.env),
        time_limit_s=options.time_limit_s,
        devices=options.devices,
    )
    interpreter = _interpreter(options)
    what = f"reading process {options.pid}" if options.pid is not None else f"capturing {interpreter.path}"
    fingerprint = capture_interpreter(interpreter.path, request, progress=progress(what))
    document = dict(fingerprint.document)
    notes = _add_model(document, options.model, interpreter)
    write(json.dumps(document, indent=1, ensure_ascii=False) + "\n", options.output)
    _summary(from_document(document, "this capture"), interpreter, options)
    for note in notes:
        _say(f"  note    {note}")
    return ExitStatus.OK


def _add_model(document: dict[str, Any], request: ModelRequest, interpreter: Interpreter) -> tuple[str, ...]:
    """The model's facts and its answers, where they were asked for."""
    if request.rows is not None and request.path is None and request.server is None and request.grpc is None:
        raise Misuse("there is nothing to ask", subject="--rows", hint="--model PATH, --server URL or --grpc HOST:PORT")
    if request.path is not None:
        with progress(f"reading {request.path}"):
            add_model(document, request)
    if request.rows is None:
        return ()
    with progress("asking the model"):
        notes = add_answers(document, request, interpreter.path)
    kept = request.answers_file or "the fingerprint"
    return (*notes, f"the answers are kept in {kept}; the rows are not, only their digest")


def _label(output: Path | None) -> str | None:
    """What the file is called, since people name files after sides: serving.json is "serving"."""
    return output.stem if output is not None and str(output) != "-" else None


def _interpreter(options: CaptureOptions) -> Interpreter:
    if options.pid is not None:
        return Interpreter(Path(sys.executable), "envdiff's own, to read another process")
    return active_interpreter(os.environ) if options.python is None else named_interpreter(options.python)


def _summary(fingerprint: Fingerprint, interpreter: Interpreter, options: CaptureOptions) -> None:
    taken = f"process {options.pid}" if options.pid is not None else f"{interpreter.path} ({interpreter.why})"
    _say(f"captured {taken}: {_contents(fingerprint)}")
    for path, reason in fingerprint.unread.items():
        _say(f"  unread  {path}: {reason}")


def _contents(fingerprint: Fingerprint) -> str:
    version = fingerprint.get("tensorflow.version")
    names = len(fingerprint.withheld.get("env", ()))
    parts = [f"{len(fingerprint.facts)} facts", f"TensorFlow {show(version)}" if version else "no TensorFlow"]
    if names:
        parts.append(f"{names} variables by name only")
    return ", ".join(parts)


def _say(text: str) -> None:
    print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text), file=sys.stderr)  # noqa: T201
