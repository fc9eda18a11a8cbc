"""``envdiff isolate --install``: what it would make is shown, and asked for, before it is made."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import typer
from platformdirs import user_cache_path

from envdiff.capture.interpreter import active_interpreter, named_interpreter
from envdiff.errors import ExitStatus, Misuse
from envdiff.experiment.install import install_environment, install_packages, needed
from envdiff.experiment.request import IsolateRequest
from envdiff.progress import progress


def with_installed(request: IsolateRequest, *, yes: bool) -> IsolateRequest:
    """``request`` with the right's interpreter or packages; unchanged when both sides have the same."""
    if request.right_python or request.right_image:
        raise Misuse("--install makes the right side's interpreter", hint="leave --right-python and --right-image out")
    wanted = needed(request.left, request.right)
    if wanted is None:
        return request
    home = user_cache_path("envdiff") / "isolate" / "environments"
    if not yes:
        _ask(f"install {wanted.words}, below {home}?")
    near = (named_interpreter(request.left_python) if request.left_python else active_interpreter(os.environ)).path
    with progress("installing the right side's packages"):
        if wanted.whole:
            return replace(request, right_python=install_environment(wanted, near, home, _quiet))
        return replace(request, packages=install_packages(wanted, near, home, _quiet))


def _quiet(_words: str) -> None:
    """The spinner says it."""


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Misuse("--install asks before it installs, and there is nobody to answer", hint="add --yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(ExitStatus.MISUSED)
