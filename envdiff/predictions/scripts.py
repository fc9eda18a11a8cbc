"""How a script is run in the environment under study."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, MutableSet, Sequence
from contextlib import suppress
from pathlib import Path

from envdiff.errors import UnusableInput, WorldFailed

STDERR_LINES = 12


def run_script(
    python: str,
    arguments: Sequence[str],
    seconds: float,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    running: MutableSet[int] | None = None,
) -> str:
    """Runs to the end or to the limit, with every process it started; returns the last lines of its standard error.

    ``running`` holds its process group as long as it runs, for whoever may have to end it from another thread. Raises
    UnusableInput when there is no such interpreter, WorldFailed when the script fails or takes too long.
    """
    try:
        process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=cwd,
            env=env,
        )
    except OSError as error:
        raise UnusableInput(f"no interpreter can be started there: {error.strerror}", subject=python) from error
    running = set() if running is None else running
    running.add(process.pid)
    try:
        _, raw = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise WorldFailed(
            f"no answer within {seconds:g} s", subject=python, hint="give it longer, or fewer rows"
        ) from error
    except BaseException:
        _end(process)
        raise
    finally:
        running.discard(process.pid)
    tail = "\n".join(raw.decode("utf-8", "replace").strip().splitlines()[-STDERR_LINES:])
    if process.returncode:
        raise WorldFailed(f"{_ending(process.returncode)}:\n{tail}", subject=python)
    return tail


def _end(process: subprocess.Popen[bytes]) -> None:
    """The script and what it started: it leads its own process group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stderr:
        process.stderr.close()


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
