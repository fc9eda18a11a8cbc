"""What a setting is, and the view of a fingerprint from which settings are concluded."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from envdiff.fingerprint import FactValue, Fingerprint, Unread, Withheld


class Setting(NamedTuple):
    """What TensorFlow will really do, with the trail of how that was concluded.

    ``value`` is None when it could not be concluded; ``unread`` then says why. ``explains`` are the raw facts that
    this setting accounts for whole, so that a report folds them under it.
    """

    name: str
    value: str | None
    trail: str
    explains: tuple[str, ...] = ()
    unread: str = ""

    @property
    def path(self) -> str:
        """The path under which rules and reports speak of it."""
        return f"setting.{self.name}"


class Facts(NamedTuple):
    """A fingerprint as settings read it: typed, with "not read" kept apart from "not set"."""

    fingerprint: Fingerprint

    def value(self, path: str) -> FactValue:
        """The fact, or None when it is absent or unread."""
        return self.fingerprint.get(path)

    def text(self, path: str) -> str | None:
        """The fact if it is a string."""
        value = self.value(path)
        return value if isinstance(value, str) else None

    def number(self, path: str) -> int | None:
        """The fact if it is a whole number."""
        value = self.value(path)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, path: str) -> bool | None:
        """The fact if it is a boolean."""
        value = self.value(path)
        return value if isinstance(value, bool) else None

    def items(self, path: str) -> tuple[str, ...] | None:
        """The fact if it is a list, as strings."""
        value = self.value(path)
        return tuple(str(item) for item in value) if isinstance(value, tuple) else None

    def env(self, name: str) -> str | None:
        """The value of a variable, or None when it is not set (or not read: ask :meth:`why_unread`)."""
        value = self.value(f"env.{name}")
        return None if value is None else str(value)

    def version(self, path: str = "tensorflow.version") -> Version | None:
        """The fact as a version that can be compared; release candidates and local builds keep their place."""
        return as_version(self.text(path))

    def why_unread(self, *paths: str) -> str:
        """The reason why the first of ``paths`` that has one was not read; empty when all were."""
        for path in paths:
            reading = self.fingerprint.reading(path)
            if isinstance(reading, Unread | Withheld):
                return f"{path}: {reading.reason}"
        return ""


LONGEST_VERSION = 200  # characters; a number of thousands of digits is no number to Python either


@lru_cache(maxsize=256)
def as_version(text: str | None) -> Version | None:
    """``text`` as a version, or None; vendor suffixes that are no version (``2.4.1+nv-weird``) are cut off."""
    if text is None or len(text) > LONGEST_VERSION:
        return None
    for candidate in (text, re.split(r"[^0-9.]", text, maxsplit=1)[0].strip(".")):
        try:
            return Version(candidate)
        except InvalidVersion:
            continue
    return None


def minor(version: Version) -> tuple[int, int]:
    """The release series, so that 2.9.0rc1 counts as 2.9."""
    return (version.major, version.minor)


# TensorFlow's own reader of booleans (ReadBoolFromEnvVar): these four words in any case, everything else is an error.
BOOLEAN_WORDS = {"0": False, "false": False, "1": True, "true": True}


def tensorflow_bool(text: str | None) -> bool | None:
    """A variable as TensorFlow reads booleans; None when unset or malformed, which callers tell apart by ``text``."""
    return None if text is None else BOOLEAN_WORDS.get(text.lower())


def quoted(name: str, text: str | None) -> str:
    """How a trail names a variable."""
    return f"{name} is not set" if text is None else f"{name}={text}"
