"""The one place where errors end: an expected one becomes three lines and a status, a bug becomes a saved traceback.

What an engine, a cluster, a server or an interpreter said is part of many messages, and may hold what must not be shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from envdiff.errors import EnvdiffError, ExitStatus, UnusableInput
from envdiff.render.visible import inert
from envdiff.secrets import masked

# Modules that only an extra brings along, by the extra.
EXTRAS = {
    "google_crc32c": "models",
    "grpc": "grpc",
    "h5py": "models",
    "kubernetes": "kubernetes",
    "ml_dtypes": "models",
    "numpy": "models",
    "pyarrow": "rows",
}


def guarded(command: Callable[[], Any], environ: Mapping[str, str]) -> int:
    """Run ``command`` and turn whatever happens into an exit status. Messages go to standard error."""
    try:
        status = command()
    except EnvdiffError as error:
        _tell(error)
        return error.exit_status
    except KeyboardInterrupt as stop:
        return _interrupted(stop)
    except Exception as error:  # noqa: BLE001  the boundary: nothing above this can tell the user anything
        return _other(error, environ)
    return int(status or 0)


def _other(error: Exception, environ: Mapping[str, str]) -> int:
    # Typer brings its command-line library along under a private name, so its errors are known by what they can do.
    show = getattr(error, "show", None)
    if callable(show):
        if hasattr(error, "message"):
            error.message = masked(str(error.message))
        show()
        return ExitStatus.MISUSED
    if type(error).__name__ == "Abort":
        return _interrupted(error.__cause__ or error.__context__ or error)
    missing = str(error.name).partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if missing in EXTRAS:
        hint = f"pip install 'envdiff[{EXTRAS[missing]}]'"
        _tell(UnusableInput("this takes a package that is not installed", subject=missing, hint=hint))
        return ExitStatus.UNUSABLE_INPUT
    if isinstance(error, MemoryError):
        _say("error: there is not enough memory for this input")
        return ExitStatus.WORLD_FAILED
    _bug(error, environ)
    return ExitStatus.BUG


def _interrupted(stop: BaseException) -> int:
    _say("\n".join(("interrupted; files that were complete are kept", *getattr(stop, "__notes__", ()))))
    return ExitStatus.INTERRUPTED


def _tell(error: EnvdiffError) -> None:
    # Further lines are indented, so that none of them looks like a message of its own.
    _say("error: " + error.message.replace("\n", "\n  "))
    if error.subject:
        _say(f"  input   {inert(error.subject)}")
    if error.hint:
        _say(f"  try     {inert(error.hint)}")


def _bug(error: Exception, environ: Mapping[str, str]) -> None:
    import tempfile
    import traceback

    text = masked("".join(traceback.format_exception(error)))
    if environ.get("ENVDIFF_TRACEBACK"):
        _say(text)
    try:
        with tempfile.NamedTemporaryFile("w", prefix="envdiff-bug-", suffix=".txt", delete=False) as file:
            file.write(text)
        where = f"the traceback is in {file.name}"
    except OSError:
        where = "the traceback could not be saved; set ENVDIFF_TRACEBACK=1 to see it"
    _say(f"error: this is a bug in envdiff ({type(error).__name__}); {where}")


def _say(text: str) -> None:
    """Lines for a terminal: what came out of a file must not drive it, and no secret may stand in it."""
    print("\n".join(map(inert, masked(text).split("\n"))), file=sys.stderr)  # noqa: T201
