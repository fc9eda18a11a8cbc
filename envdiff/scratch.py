"""Temporary folders and partial files that do not stay behind, not even after kill -9: whoever comes next takes them away.

A lock on each tells whether its maker still lives; the kernel gives it up with the process, whatever its end.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

NAME = "envdiff-"
LOCK = ".lock"


@contextmanager
def scratch(what: str) -> Iterator[Path]:
    """A private folder, removed at the end. Those of processes that were killed are removed first."""
    home = Path(tempfile.gettempdir())
    _sweep(folder / LOCK for folder in home.glob(f"{NAME}*") if folder.is_dir())
    with ExitStack() as held:
        yield _locked_folder(what, held)


def _locked_folder(what: str, held: ExitStack) -> Path:
    while True:
        name = held.enter_context(tempfile.TemporaryDirectory(prefix=f"{NAME}{what}-"))
        with suppress(FileNotFoundError):  # another process swept it before it was locked
            held.enter_context(locked(Path(name, LOCK)))
            return Path(name)


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Make ``file`` and hold a lock on it; the descriptor that holds it is open for writing.

    Raises FileNotFoundError when its folder is not there, or was swept away meanwhile.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # A sweeper that came between these two lines holds the lock until it has taken the file away.
            _lock(descriptor, wait=True)
            if file.exists():
                yield descriptor
                return
        finally:
            os.close(descriptor)


def sweep_partials(destination: Path, pattern: str) -> None:
    """Remove files beside ``destination`` that match ``pattern`` and that nobody is writing any more."""
    _sweep(destination.parent.glob(pattern))


def _sweep(files: Iterable[Path]) -> None:
    if sys.platform == "win32":
        return
    for file in files:
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _lock(descriptor):
                    _remove(file)
            finally:
                os.close(descriptor)


def _remove(file: Path) -> None:
    if file.name == LOCK:
        shutil.rmtree(file.parent, ignore_errors=True)
    else:
        file.unlink(missing_ok=True)


def _lock(descriptor: int, *, wait: bool = False) -> bool:
    """Whether the lock was free, or could be had."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True
