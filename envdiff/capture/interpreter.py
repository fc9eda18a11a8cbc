"""A fingerprint from a Python interpreter, or from another process: the probe is run and its one line taken."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.fingerprint import Fingerprint, parse
from envdiff.probe_file import probe_path
from envdiff.secrets import masked

# The probe limits TensorFlow's import itself; this is for a probe that hangs all the same.
GRACE_S = 30.0


@dataclass(frozen=True)
class Interpreter:
    """A Python and the reason why it is the one."""

    path: Path
    why: str


def active_interpreter(environ: Mapping[str, str], *, own: Path | None = None) -> Interpreter:
    """The Python of the active environment, which is not the one envdiff itself is installed in.

    A virtual or conda environment that is activated counts first, then the first Python on PATH, then envdiff's own
    (``own``, for tests).
    """
    own = own or Path(sys.executable)
    for variable, what in (("VIRTUAL_ENV", "the active virtual environment"), ("CONDA_PREFIX", "the active conda one")):
        home = environ.get(variable)
        if home and (found := _python_in(Path(home))):
            return Interpreter(found, what)
    for name in ("python3", "python"):
        on_path = shutil.which(name, path=environ.get("PATH"))
        if on_path and Path(on_path).absolute() != own.absolute():
            return Interpreter(Path(on_path), "the first Python on PATH")
    return Interpreter(own, "envdiff's own: no other was found; --python takes another")


def _python_in(home: Path) -> Path | None:
    places = (home / "bin" / "python", home / "bin" / "python3", home / "Scripts" / "python.exe", home / "python.exe")
    return next((place for place in places if place.is_file()), None)


def named_interpreter(path: Path) -> Interpreter:
    """The Python the user named: an executable, or an environment's folder; raises :class:`UnusableInput`."""
    if path.is_dir():
        found = _python_in(path)
        if found is None:
            raise UnusableInput("there is no Python in this folder", subject=str(path), hint="--python PATH/bin/python")
        return Interpreter(found, "as asked")
    resolved = shutil.which(str(path))
    if resolved is None:
        raise UnusableInput("there is no such interpreter", subject=str(path), hint="--python PATH/bin/python")
    return Interpreter(Path(resolved), "as asked")


@dataclass(frozen=True)
class Request:
    """What to ask the probe for."""

    label: str | None = None
    static: bool = False
    extra_env: tuple[str, ...] = ()
    time_limit_s: float = 120.0
    devices: bool = False
    compare_key: Path | None = None

    def arguments(self) -> list[str]:
        """The probe's command line."""
        arguments = ["--time-limit", f"{self.time_limit_s:g}"]
        arguments += ["--static"] if self.static else []
        arguments += ["--devices"] if self.devices else []
        arguments += ["--label", self.label] if self.label is not None else []
        arguments += ["--compare-key", str(self.compare_key)] if self.compare_key is not None else []
        for name in self.extra_env:
            arguments += ["--env", name]
        return arguments


def capture_interpreter(
    interpreter: Path,
    request: Request,
    *,
    environ: Mapping[str, str] | None = None,
    progress: AbstractContextManager[object] | None = None,
) -> Fingerprint:
    """Run the probe under ``interpreter`` and validate what it says.

    ``environ`` is the environment the probe sees (this process's by default). Raises :class:`WorldFailed` when the
    interpreter does not run, dies, or hangs.
    """
    command = [str(interpreter), str(probe_path()), *request.arguments()]
    with progress or nullcontext():
        output = _run(command, request.time_limit_s + GRACE_S, environ)
    return parse(output, f"the probe under {interpreter}")


def _run(command: Sequence[str], limit_s: float, environ: Mapping[str, str] | None) -> bytes:
    try:
        # A session of its own, so that a time limit or Ctrl-C ends the probe's children as well.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        raise WorldFailed(f"it does not start: {error.strerror or error}", subject=command[0]) from error
    try:
        output, chatter = process.communicate(timeout=limit_s)
    except BaseException as error:
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            raise WorldFailed(
                f"the probe did not end within {limit_s:.0f} s", subject=command[0], hint="try --static"
            ) from error
        raise
    if process.returncode != 0:
        raise WorldFailed(
            _death(process.returncode, chatter), subject=command[0], hint="try --static, or --python PATH"
        )
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass
    process.communicate()


def _death(status: int, chatter: bytes) -> str:
    last = next((line for line in reversed(chatter.decode("utf-8", "replace").splitlines()) if line.strip()), "")
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"the probe ended with {how}" + (f": {masked(last.strip())[:300]}" if last else "")
