"""The flags that each release of tensorflow_model_server knows, with their types and defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from packaging.version import InvalidVersion, Version

DEFAULT_WORDS = {"cpus": 1, "4*cpus": 4}

LONGEST_VERSION = 200  # characters


@dataclass(frozen=True)
class Flag:
    """One flag. ``since`` and ``until`` are releases (first with, first without); ``type`` is bool, int, float, string."""

    name: str
    type: str
    default: str
    effect: str
    since: str = "0"
    until: str | None = None

    def known_to(self, version: Version | None) -> bool:
        """Whether ``version`` has the flag; an unknown version counts as the newest."""
        if version is None:
            return self.until is None
        series = Version(f"{version.major}.{version.minor}")
        return Version(self.since) <= series and (self.until is None or series < Version(self.until))

    def default_for(self, cpus: int | None) -> str | None:
        """The default as text; None when it follows the number of processors and that is not known."""
        share = DEFAULT_WORDS.get(self.default)
        if share is None:
            return self.default
        return None if cpus is None else str(share * cpus)


@cache
def every_flag() -> Mapping[str, Flag]:
    """All flags of all releases by name."""
    text = resources.files("envdiff.serving").joinpath("flags.toml").read_text(encoding="utf-8")
    return {row["name"]: Flag(**row) for row in tomllib.loads(text)["flags"]}


def flags_of(version: Version | None) -> Mapping[str, Flag]:
    """The flags that this release of the server parses."""
    return {name: flag for name, flag in every_flag().items() if flag.known_to(version)}


def release_of(text: str | None) -> Version | None:
    """``2.15.1``, ``2.18.0-rc1`` or ``2.4.1+dev.sha.0f`` as a version; None for what is none (master, 0.0.0)."""
    try:
        found = Version((text or "").split("+")[0].strip()[:LONGEST_VERSION])
    except InvalidVersion:
        return None
    return found if found.major else None
