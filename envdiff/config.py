"""Defaults from ``[tool.envdiff]`` in pyproject.toml, or from a file of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput

LARGEST = 4 << 20
KEYS = {"format": str, "fail-on": str, "ignore": dict, "rules": list, "env": list}


@dataclass(frozen=True)
class Config:
    """What the user wrote down once. ``ignore`` maps path patterns to reasons; ``rules`` are folders of rules."""

    format: str | None = None
    fail_on: str | None = None
    ignore: dict[str, str] = field(default_factory=dict)
    rules: tuple[Path, ...] = ()
    env: tuple[str, ...] = ()


def read_config(file: Path | None, start: Path) -> Config:
    """The configuration in ``file``, or in the nearest pyproject.toml at or above ``start`` that has one.

    Raises :class:`UnusableInput` for a file that is missing, malformed or has unknown keys.
    """
    if file is not None:
        table = _toml(file)
        own = _own(table, file)
        return _config(table if own is None else own, file)
    for folder in (start, *start.parents):
        candidate = folder / "pyproject.toml"
        if candidate.is_file():
            own = _own(_toml(candidate), candidate)
            return Config() if own is None else _config(own, candidate)
    return Config()


def _own(table: dict[str, Any], file: Path) -> dict[str, Any] | None:
    """The table ``[tool.envdiff]``, None without one."""
    tools = table.get("tool", {})
    own = tools.get("envdiff", {}) if isinstance(tools, dict) else tools
    if not isinstance(own, dict):
        raise UnusableInput("[tool.envdiff] is not a table", subject=str(file))
    return own if isinstance(tools, dict) and "envdiff" in tools else None


def _toml(file: Path) -> dict[str, Any]:
    import tomllib

    try:
        if file.stat().st_size > LARGEST:
            raise UnusableInput(f"it is larger than {LARGEST >> 20} MB: no configuration is", subject=str(file))
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableInput(f"it cannot be read: {error.strerror}", subject=str(file)) from error
    except (ValueError, RecursionError) as error:  # malformed, not UTF-8, a number of thousands of digits, too deep
        raise UnusableInput(f"it is not TOML: {str(error)[:300]}", subject=str(file)) from error


def _config(table: dict[str, Any], file: Path) -> Config:
    for key, value in table.items():
        wanted = KEYS.get(key)
        if wanted is None:
            raise UnusableInput(
                f"[tool.envdiff] has no key {key!r}", subject=str(file), hint=f"keys: {', '.join(KEYS)}"
            )
        if not isinstance(value, wanted):
            raise UnusableInput(f"[tool.envdiff] {key}: a {wanted.__name__} is wanted", subject=str(file))
        if wanted is list and not all(isinstance(item, str) for item in value):
            raise UnusableInput(f"[tool.envdiff] {key}: a list of texts is wanted", subject=str(file))
    return Config(
        format=table.get("format"),
        fail_on=table.get("fail-on"),
        ignore={str(path): str(reason) for path, reason in table.get("ignore", {}).items()},
        rules=tuple(file.parent / folder for folder in table.get("rules", [])),
        env=tuple(str(name) for name in table.get("env", [])),
    )
