"""``envdiff capture``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff.capture.anonymize import anonymized, local_names
from envdiff.capture.interpreter import (
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
from envdiff.secrets import masked, read_key


@dataclass(frozen=True)
class Privacy:
    """What is done about that which must not be shown, besides holding it back."""

    compare_key: Path | None = None
    show_withheld: bool = False
    anonymize: bool = False


@dataclass(frozen=True)
class CaptureOptions:
    """The command line of ``envdiff capture``."""

    output: Path | None
    label: str | None
    python: Path | None
    pid: int | None
    container: str | None
    image: str | None
    pod: str | None
    way: str | None
    probe_image: str
    ask_version: bool
    static: bool
    env: tuple[str, ...]
    devices: bool
    time_limit_s: float
    privacy: Privacy
    model: ModelRequest
    config: Path | None

    @property
    def elsewhere(self) -> bool:
        """Whether something else than an interpreter of this machine is captured."""
        if self.container is not None or self.image is not None or self.pod is not None:
            return True
        # A server that nothing else is said about is known by its endpoints alone: this machine is the client.
        asked = self.model.server is not None or self.model.grpc is not None
        return self.pid is not None or (asked and self.python is None)


@dataclass(frozen=True)
class Taken:
    """A fingerprint document, from where in words, and what the user should know about it."""

    document: dict[str, Any]
    source: str
    notes: tuple[str, ...] = ()


def run_capture(options: CaptureOptions) -> int:
    """Capture, write, and say on standard error what was taken and what could not be read."""
    if options.python is not None and options.elsewhere:
        other = next(name for name in ("pid", "container", "image", "pod") if getattr(options, name) is not None)
        raise Misuse(f"--{other} and --python exclude each other", hint="what runs is read as it is")
    config = read_config(options.config, Path.cwd())
    key = read_key(options.privacy.compare_key)
    env = (*config.env, *options.env)
    taken = _elsewhere(options, env, key) if options.elsewhere else _here(options, env)
    notes = _add_model(taken.document, options, key)
    document = anonymized(taken.document, local_names(), key) if options.privacy.anonymize else taken.document
    write(json.dumps(document, indent=1, ensure_ascii=False) + "\n", options.output)
    found = from_document(document, "this capture")
    _summary(found, taken.source)
    for note in (*taken.notes, *notes):
        _say(f"  note    {note}")
    if options.privacy.show_withheld:
        from envdiff.commands.withheld import show_withheld

        show_withheld(found)
    return ExitStatus.OK


def _here(options: CaptureOptions, env: tuple[str, ...]) -> Taken:
    """An interpreter's environment."""
    request = Request(
        label=options.label or _label(options.output),
        static=options.static,
        extra_env=env,
        time_limit_s=options.time_limit_s,
        devices=options.devices,
        compare_key=options.privacy.compare_key,
    )
    interpreter = active_interpreter(os.environ) if options.python is None else named_interpreter(options.python)
    found = capture_interpreter(interpreter.path, request, progress=progress(f"capturing {interpreter.path}"))
    return Taken(dict(found.document), f"{interpreter.path} ({interpreter.why})")


def _elsewhere(options: CaptureOptions, env: tuple[str, ...], key: bytes | None) -> Taken:
    """A process, container, image, pod, or what a server's endpoints tell."""
    from envdiff.capture.reach import Reach, capture_reach

    model = options.model
    what = Reach(
        container=options.container,
        image=options.image,
        pod=options.pod,
        pid=options.pid,
        server=model.server,
        grpc=model.grpc,
        model_name=model.model_name,
        label=options.label or _label(options.output),
        env=env,
        static=options.static,
        time_limit_s=options.time_limit_s,
        way=options.way,
        probe_image=options.probe_image,
        ask_version=options.ask_version,
        key=key,
    )
    with progress(f"capturing {what.subject}"):
        found = capture_reach(what)
    return Taken(dict(found.fingerprint.document), f"{what.subject} ({found.way})", found.notes)


def _add_model(document: dict[str, Any], options: CaptureOptions, key: bytes | None) -> tuple[str, ...]:
    """The model's facts and its answers, where they were asked for."""
    request = options.model
    if request.path is not None:
        with progress(f"reading {request.path}"), _model_at(options) as place:
            add_model(document, request, place, key=key)
    if request.rows is None:
        return ()
    _check_asking(options)
    interpreter = named_interpreter(options.python) if options.python else active_interpreter(os.environ)
    with progress("asking the model"):
        notes = add_answers(document, request, interpreter.path)
    kept = request.answers_file or "the fingerprint"
    return (*notes, f"the answers are kept in {kept}; the rows are not, only their digest")


def _check_asking(options: CaptureOptions) -> None:
    request = options.model
    if request.server is not None or request.grpc is not None:
        return
    if request.path is None:
        raise Misuse("there is nothing to ask", subject="--rows", hint="--model PATH, --server URL or --grpc HOST:PORT")
    if options.elsewhere:
        raise Misuse(
            "what runs there is asked through its server", subject="--rows", hint="add --grpc HOST:PORT or --server URL"
        )


@contextmanager
def _model_at(options: CaptureOptions) -> Iterator[Path]:
    """Where the model can be read: where it was said to be, or a temporary copy out of the container or image."""
    assert options.model.path is not None
    if options.container is None and options.image is None and options.pod is None:
        yield options.model.path
        return
    if options.pod is not None:
        raise Misuse("a model inside a pod is not read", subject="--model", hint="kubectl cp it, then --model the copy")
    from envdiff.capture.model_copy import copied_out

    with copied_out(options.container, options.image, str(options.model.path)) as place:
        yield place


def _label(output: Path | None) -> str | None:
    """What the file is called, since people name files after sides: serving.json is "serving"."""
    return output.stem if output is not None and str(output) != "-" else None


def _summary(fingerprint: Fingerprint, source: str) -> None:
    _say(f"captured {source}: {_contents(fingerprint)}")
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
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in masked(text))
    print(safe, file=sys.stderr)  # noqa: T201
