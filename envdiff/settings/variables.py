"""Settings that are a plain reading of one variable: the table ``variables.json`` turned into settings."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from packaging.version import Version

from envdiff.fingerprint import Absent
from envdiff.settings.devices import device
from envdiff.settings.model import Facts, Setting, minor, quoted, tensorflow_bool
from envdiff.settings.onednn import onednn

NOT_APPLICABLE = "n/a"


class Variable(NamedTuple):
    """One row of the table."""

    name: str
    reads: str
    default: str
    needs: str
    since: str | None = None
    until: str | None = None


@cache
def variables() -> tuple[Variable, ...]:
    """All rows, in the order of the file."""
    groups = json.loads((Path(__file__).parent / "variables.json").read_bytes())["groups"]
    return tuple(Variable(**row) for rows in groups.values() for row in rows)


class Surroundings(NamedTuple):
    """What a variable needs in order to act: asked once for all of them."""

    version: Version | None
    device: Setting
    onednn: Setting


def variable_settings(facts: Facts) -> tuple[Setting, ...]:
    """One setting a row; a row whose variable is not set and has nothing to act on is still given, as ``n/a``."""
    around = Surroundings(facts.version(), device(facts), onednn(facts))
    return tuple(
        unset if isinstance(facts.fingerprint.reading(unset.explains[0]), Absent) else _setting(row, facts, around)
        for row, unset in _unset(around)
    )


@lru_cache(maxsize=32)
def _unset(around: Surroundings) -> tuple[tuple[Variable, Setting], ...]:
    """Every row with what it comes to where its variable is not set: nearly all of them, nearly everywhere."""
    return tuple((row, _concluded(row, None, around)) for row in variables())


def _setting(row: Variable, facts: Facts, around: Surroundings) -> Setting:
    path = f"env.{row.name}"
    unread = facts.why_unread(path)
    if unread:
        return Setting(f"variable.{row.name}", None, "", (path,), unread)
    return _concluded(row, facts.env(row.name), around)


def _concluded(row: Variable, text: str | None, around: Surroundings) -> Setting:
    name, explains = f"variable.{row.name}", (f"env.{row.name}",)
    idle = _why_idle(row, around)
    if idle:
        return Setting(name, NOT_APPLICABLE, idle, explains)
    missing = _why_not_known(row, around)
    if missing and text is not None:
        return Setting(name, None, "", explains, missing)
    value, trail = _read(row, text)
    return Setting(name, value, trail, explains)


def _why_idle(row: Variable, around: Surroundings) -> str:
    """Why the variable cannot act here; empty if it can or if that is not known."""
    version = around.version
    if version is not None and row.since is not None and minor(version) < _series(row.since):
        return f"TensorFlow {version} does not know it yet"
    if version is not None and row.until is not None and minor(version) >= _series(row.until):
        return f"TensorFlow {version} does not read it any more"
    if row.needs == "gpu" and around.device.value == "cpu":
        return f"no GPU in use: {around.device.trail}"
    if row.needs == "onednn" and around.onednn.value == "off":
        return "oneDNN is off"
    if row.needs == "onednn-off" and around.onednn.value == "on":
        return "oneDNN is on"
    return ""


def _series(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    return int(major), int(rest)


def _why_not_known(row: Variable, around: Surroundings) -> str:
    needed = {"gpu": around.device, "onednn": around.onednn, "onednn-off": around.onednn}.get(row.needs)
    return needed.unread if needed is not None and needed.value is None else ""


def _read(row: Variable, text: str | None) -> tuple[str, str]:
    """(value in force, trail) for the way TensorFlow reads this variable."""
    written = quoted(row.name, text)
    if text is None:
        return row.default, written
    if row.reads == "bool":
        asked = tensorflow_bool(text)
        if asked is None:
            return row.default, f"{written} is not 0, 1, true or false, so the default holds"
        return "on" if asked else "off", written
    if row.reads == "not-zero":
        return "off" if text == "0" else "on", f"{written}; only exactly 0 means off"
    if row.reads == "exact-1":
        return "on" if text == "1" else "off", f"{written}; only exactly 1 means on"
    return text.strip() or row.default, written
