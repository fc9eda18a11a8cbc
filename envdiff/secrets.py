"""What must not be shown: the functions of the probe, so that there is one filter and one copy of its patterns."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

from envdiff.errors import UnusableInput
from envdiff.probe_file import probe_path


@cache
def probe() -> ModuleType:
    """The probe as a module."""
    spec = importlib.util.spec_from_file_location("envdiff._probe_filter", probe_path())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def masked(text: str) -> str:
    """``text`` with every secret in it written as ``[withheld]``: for messages, notes, logs and journals."""
    found: str = probe().masked(text)
    return found


def read_key(path: Path | None) -> bytes | None:
    """The key that a file holds, None for no file. Raises :class:`UnusableInput` for one that is too short to be one."""
    if path is None:
        return None
    try:
        key: bytes = probe().read_key(str(path))
    except probe().Misuse as error:
        raise UnusableInput(str(error), subject=str(path), hint="openssl rand -hex 32 > compare.key") from error
    return key
