"""What can go wrong, said once: an error says what, which, and what now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ExitStatus(IntEnum):
    """The statuses of every command. They are part of the interface and do not change meaning."""

    OK = 0
    FOUND = 1
    MISUSED = 2
    UNUSABLE_INPUT = 3
    WORLD_FAILED = 4
    BUG = 70
    INTERRUPTED = 130


MODELS = "pip install 'envdiff[models]'"  # what brings the optional libraries
LONGEST = 2_000  # characters; what a library says of a damaged file may hold most of the file


class EnvdiffError(Exception):
    """An expected failure, worded for the person at the terminal.

    ``subject`` is the file, container or option it is about; ``hint`` is what to try next. Raised where the
    failure is understood, always from its cause, and caught once, in :mod:`envdiff.cli`.
    """

    exit_status = ExitStatus.UNUSABLE_INPUT

    def __init__(self, message: str, *, subject: str | None = None, hint: str | None = None) -> None:
        self.message = _bounded(message)
        self.subject = _bounded(subject) if subject else subject
        self.hint = _bounded(hint) if hint else hint
        super().__init__(self.message)


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… [{len(text):,} characters in all]"


class UnusableInput(EnvdiffError):
    """A file or value given by the user is missing, malformed, or newer than this envdiff."""


class Misuse(EnvdiffError):
    """The command line itself does not make sense."""

    exit_status = ExitStatus.MISUSED


class WorldFailed(EnvdiffError):
    """Something outside envdiff did not do its part: an interpreter, an engine, a server, a disk."""

    exit_status = ExitStatus.WORLD_FAILED


@contextmanager
def needs_numpy(what: str) -> Iterator[None]:
    """Around imports of modules that compute: the optional NumPy is missed politely. ``what`` would need it."""
    try:
        yield
    except ImportError as error:
        raise UnusableInput(f"{what} needs NumPy", hint=MODELS) from error
