"""Writing results: whole or not at all."""

from __future__ import annotations

import glob
import os
import sys
from pathlib import Path

from envdiff.errors import WorldFailed
from envdiff.scratch import locked, sweep_partials


def write(text: str, destination: Path | None) -> None:
    """Write to a file, or to standard output for None or ``-``. An old file stays whole until the new one is.

    Raises :class:`WorldFailed` for a full disk, a missing folder or no permission.
    """
    if destination is None or str(destination) == "-":
        _print(text)
        return
    try:
        _replace(text, destination)
    except OSError as error:
        raise WorldFailed(
            f"it cannot be written: {error.strerror or error}",
            subject=str(destination),
            hint="what was there before is untouched; choose another place with -o",
        ) from error


def _replace(text: str, destination: Path) -> None:
    if destination.exists() and not destination.is_file():
        # A device or a pipe has no "before" to keep.
        with destination.open("w", encoding="utf-8") as stream:
            stream.write(text)
        return
    # Two runs that write the same file each fill a file of their own; the last to finish wins, whole.
    stem = f".{destination.name[:100]}"
    partial = destination.with_name(f"{stem}.{os.getpid()}.partial")
    sweep_partials(destination, f"{glob.escape(stem)}.*.partial")
    try:
        with locked(partial) as descriptor, os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
            partial.chmod(destination.stat().st_mode & 0o777 if destination.exists() else 0o666 & ~_mask())
            if sys.platform != "win32":
                partial.replace(destination)
        if sys.platform == "win32":  # where an open file cannot be renamed, and nobody sweeps
            partial.replace(destination)
    except FileExistsError:
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _mask() -> int:
    """The permissions that new files do not get; asking means setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def append(text: str, destination: Path) -> None:
    """Add to a file that others add to as well, such as a step summary; raises :class:`WorldFailed`."""
    try:
        with destination.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise WorldFailed(f"it cannot be written: {error.strerror or error}", subject=str(destination)) from error


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (head, less). Nothing more must be tried on this stream, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise WorldFailed(f"standard output cannot be written: {error.strerror or error}") from error
