"""Python environments and folders of single packages, made once with uv or pip and found again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from envdiff.errors import WorldFailed

INSTALL_LIMIT_S = 1800
LOCK_POLL_S = 1.0
QUIET = ("--disable-pip-version-check", "--no-input", "--quiet")


def environment(
    folder: Path, base: str, wanted: Sequence[str], say: Callable[[str], None], *, exact: bool = False
) -> Path:
    """The interpreter of an environment with the packages ``wanted``, made at the first call: minutes.

    ``base`` is the interpreter to make it from, or a version (3.11) for uv to find. ``exact``: nothing but these
    packages, whatever they depend on. ``say`` is told before it begins. Raises WorldFailed when it cannot be made.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    more = ["--no-deps"] if exact else []
    if shutil.which("uv"):
        steps = [
            ["uv", "venv", "--python", base, str(folder)],
            ["uv", "pip", "install", *more, "--python", str(python), *wanted],
        ]
    else:
        steps = [[base, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", *QUIET, *more, *wanted]]
    _make(folder, steps, say)
    return python


def package_folder(folder: Path, python: Path, wanted: str, say: Callable[[str], None]) -> Path:
    """A folder that holds one package for ``python``, alone. Raises WorldFailed when it cannot be made."""
    pip = [str(python), "-m", "pip", "install", *QUIET, "--no-deps", "--target", str(folder), wanted]
    _make(folder, [pip], say)
    return folder


def _make(folder: Path, steps: Sequence[Sequence[str]], say: Callable[[str], None]) -> None:
    """Run ``steps`` once: a folder counts only when all of them ended well, and one process at a time makes it."""
    done = folder / ".complete"
    with _alone(folder.with_name(folder.name + ".lock")):
        if done.exists():
            return
        say(f"installing into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        for step in steps:
            _run(step, folder)
        done.touch()


def _run(step: Sequence[str], folder: Path) -> None:
    hint = "is the package index reachable, and has it these packages for this version of Python?"
    try:
        done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False)
    except OSError as error:
        raise WorldFailed(f"{step[0]} does not start: {error.strerror or error}", subject=str(folder)) from error
    except subprocess.TimeoutExpired as error:
        raise WorldFailed(f"installing took more than {INSTALL_LIMIT_S} s", subject=str(folder), hint=hint) from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        last = lines[-1][:300] if lines else "no reason given"
        raise WorldFailed(f"the packages cannot be installed: {last}", subject=str(folder), hint=hint)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time: two must not fill one folder."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOCK_POLL_S)
        yield
