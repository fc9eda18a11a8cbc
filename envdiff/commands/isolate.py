"""``envdiff isolate``."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff import __version__, api
from envdiff.commands.budget import budget
from envdiff.commands.report import wants_colour
from envdiff.config import read_config
from envdiff.errors import ExitStatus, Misuse
from envdiff.experiment.journal import Ended
from envdiff.experiment.request import IsolateRequest
from envdiff.experiment.trials import Limits, Silent, Watcher
from envdiff.fingerprint import load
from envdiff.output import write
from envdiff.render import render_isolation
from envdiff.report import Isolation

SIZES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
NOTHING = ("", "none", "unset")
CALLS = ("single", "batch")
TRANSPORTS = ("rest", "grpc")
KNOBS = ("way", "calls", "transport", "jit_compile", "cast", "digits", "cpus", "model")
PREFIXES = ("env.", "set.")


@dataclass(frozen=True)
class IsolateOptions:
    """The command line of ``envdiff isolate``."""

    left: Path
    right: Path
    model: Path
    rows: str
    left_python: Path | None
    right_python: Path | None
    right_image: str | None
    right_server: str | None
    model_name: str
    signature: str
    vary: tuple[str, ...]
    budget: str | None
    jobs: int
    journal: Path | None
    resume: Path | None
    every_switch: bool
    install: bool
    yes: bool
    bundle: Path | None
    trial_time: float
    trial_memory: str | None
    allow_code: bool
    format: str | None
    output: Path | None
    config: Path | None


def run_isolate(options: IsolateOptions) -> int:
    """Status 1 when switches were shown to move the answers, 0 when nothing was."""
    config = read_config(options.config, Path.cwd())
    request = _request(options)
    if options.install:
        from envdiff.commands.isolate_install import with_installed

        request = with_installed(request, yes=options.yes)
    try:
        with _watched() as watcher:
            found = api.isolate(request, rules=config.rules, watcher=watcher, bundle=options.bundle)
    except KeyboardInterrupt as stop:
        # Typer makes a bare status of it, so what the user can do now is said here.
        print("\n".join(getattr(stop, "__notes__", ())), file=sys.stderr)  # noqa: T201
        raise
    write(_rendered(found, options.format or config.format or "terminal", options.output), options.output)
    if options.bundle is not None:
        print(f"wrote {options.bundle}: two commands that show it", file=sys.stderr)  # noqa: T201
    return ExitStatus.FOUND if found.culprits else ExitStatus.OK


def _request(options: IsolateOptions) -> IsolateRequest:
    if options.right_image and options.right_python:
        raise Misuse("--right-image and --right-python exclude each other", hint="an image brings its own interpreter")
    if options.resume and options.journal:
        raise Misuse("--resume and --journal exclude each other", hint="--resume FILE also goes on writing to FILE")
    varied = dict(_varied(text) for text in options.vary)
    if "transport" in varied and not options.right_image:
        raise Misuse("only an image that is a model server is asked over a transport", hint="--right-image REF")
    return IsolateRequest(
        left=load(options.left),
        right=load(options.right),
        model=options.model,
        rows=options.rows,
        left_python=options.left_python,
        right_python=options.right_python,
        right_image=options.right_image,
        right_server=options.right_server,
        model_name=options.model_name,
        signature=options.signature,
        vary=varied,
        budget=budget(options.budget),
        limits=Limits(options.trial_time, _bytes(options.trial_memory)),
        jobs=options.jobs,
        journal=options.resume or options.journal,
        resume=options.resume is not None,
        every_switch=options.every_switch,
        allow_code=options.allow_code,
    )


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)([kmg]?)b?", text.strip().lower())
    if found is None:
        raise Misuse("a size is wanted", subject=f"--trial-memory {text}", hint="--trial-memory 4g")
    return int(found[1]) * SIZES[found[2]]


def _varied(text: str) -> tuple[str, tuple[Any, Any]]:
    knob, sign, values = text.partition("=")
    left, colon, right = values.partition(":")
    if not sign or not colon:
        raise Misuse("KNOB=LEFT:RIGHT is wanted", subject=f"--vary {text}", hint="--vary way=signature:session")
    if knob not in KNOBS and not knob.startswith(PREFIXES):
        raise Misuse(
            "there is no such knob", subject=f"--vary {text}", hint=f"{', '.join(KNOBS)}, env.NAME or set.PATH"
        )
    return knob, (_value(knob, left), _value(knob, right))


def _value(knob: str, text: str) -> Any:
    if text.lower() in NOTHING:
        return None
    if knob == "calls":
        if text not in CALLS:
            raise Misuse("rows go singly or in a batch", subject=f"--vary {knob}={text}", hint="calls=single:batch")
        return [text]
    if knob == "transport":
        if text not in TRANSPORTS:
            raise Misuse("a server is asked by rest or by grpc", subject=f"--vary {knob}={text}")
        return text
    if knob.startswith("env."):
        return text
    if text.lower() in ("true", "yes", "on", "false", "no", "off") and knob not in ("way", "cast", "model"):
        return text.lower() in ("true", "yes", "on")
    return int(text) if text.lstrip("-").isdigit() else text


def _rendered(found: Isolation, shape: str, output: Path | None) -> str:
    to_screen = output is None and sys.stdout.isatty()
    return render_isolation(
        found,
        shape,
        width=shutil.get_terminal_size().columns,
        colour=to_screen and wants_colour(os.environ),
        generator=f"envdiff {__version__}",
    )


# ---------------------------------------------------------------- what is going on


def _watched() -> Any:
    from contextlib import nullcontext

    return Live() if sys.stderr.isatty() else nullcontext(Silent())


class Live(Watcher):
    """One line on the terminal: what is tried, what is known so far, how long it may take."""

    def __init__(self) -> None:
        from rich.console import Console

        self._status = Console(stderr=True).status("starting")
        self._began = time.monotonic()
        self._words, self._at_most, self._running = "", 0, 0
        self._run, self._stage_run, self._again, self._seconds = 0, 0, 0, 0.0
        self._last = ""

    def __enter__(self) -> Live:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def stage(self, words: str, at_most: int) -> None:
        self._words, self._at_most, self._stage_run = words, at_most, 0
        self._show()

    def began(self, trials: int) -> None:
        self._running = trials
        self._show()

    def ended(self, ended: Ended, *, again: bool) -> None:
        self._again += again
        self._stage_run += 1
        if not again:
            self._run += 1
            self._running -= 1
            self._seconds += ended.seconds
        if not ended.answered:
            self._last = f"no answer: {ended.reason.partition(chr(10))[0][:60]}"
        self._show()

    def stands(self, thrown: Collection[str], of: int, like: str) -> None:
        out = of - len(thrown)
        names = ", ".join(sorted(thrown)) if len(thrown) <= 2 else f"{len(thrown)} of {of}"
        what = f"right without {out}" if len(thrown) > of // 2 else f"left with {names}"
        self._last = f"{what}: {like}"
        self._show()

    def _show(self) -> None:
        from rich.text import Text

        parts = [self._words, f"trial {self._run + 1}" + (f" (and {self._again} known)" if self._again else "")]
        if self._last:
            parts.append(f"last: {self._last}")
        if self._run:
            left = max(0, self._at_most - self._stage_run) * self._seconds / self._run
            parts.append(f"at most {left:.0f} s left here")
        self._status.update(Text(" · ".join(parts)))
