"""Settings that are a plain reading of one variable: the table ``variables.toml`` turned into settings."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from envdiff.settings.devices import device
from envdiff.settings.model import Facts, Setting, as_version, minor, quoted, tensorflow_bool
from envdiff.settings.onednn import onednn

NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Variable:
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
    text = resources.files("envdiff.settings").joinpath("variables.toml").read_text(encoding="utf-8")
    return tuple(Variable(**row) for row in tomllib.loads(text)["variables"])


def variable_settings(facts: Facts) -> tuple[Setting, ...]:
    """One setting a row; a row whose variable is not set and has nothing to act on is still given, as ``n/a``."""
    return tuple(_setting(row, facts) for row in variables())


def _setting(row: Variable, facts: Facts) -> Setting:
    name, path = f"variable.{row.name}", f"env.{row.name}"
    unread = facts.why_unread(path)
    if unread:
        return Setting(name, None, "", (path,), unread)
    text = facts.env(row.name)
    idle = _why_idle(row, facts)
    if idle:
        return Setting(name, NOT_APPLICABLE, idle, (path,))
    missing = _why_not_known(row, facts, text)
    if missing and text is not None:
        return Setting(name, None, "", (path,), missing)
    value, trail = _read(row, text)
    return Setting(name, value, trail, (path,))


def _why_idle(row: Variable, facts: Facts) -> str:
    """Why the variable cannot act here; empty if it can or if that is not known."""
    version = facts.version()
    since, until = as_version(row.since), as_version(row.until)
    if version is not None and since is not None and minor(version) < minor(since):
        return f"TensorFlow {version} does not know it yet"
    if version is not None and until is not None and minor(version) >= minor(until):
        return f"TensorFlow {version} does not read it any more"
    if row.needs == "gpu" and device(facts).value == "cpu":
        return f"no GPU in use: {device(facts).trail}"
    if row.needs == "onednn" and onednn(facts).value == "off":
        return "oneDNN is off"
    if row.needs == "onednn-off" and onednn(facts).value == "on":
        return "oneDNN is on"
    return ""


def _why_not_known(row: Variable, facts: Facts, text: str | None) -> str:
    if text is None:
        return ""
    if row.needs == "gpu" and device(facts).value is None:
        return device(facts).unread
    if row.needs in ("onednn", "onednn-off") and onednn(facts).value is None:
        return onednn(facts).unread
    return ""


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
    if row.reads == "present":
        return "on", written
    return text.strip() or row.default, written
