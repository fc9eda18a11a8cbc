"""The probe's secret filter, for facts that are concluded outside the probe: one filter for everything."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from envdiff.probe_file import probe_path


@cache
def _probe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("envdiff._probe_filter", probe_path())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def put(document: dict[str, Any], facts: Mapping[str, Any], unread: Mapping[str, str]) -> None:
    """Add facts and gaps to a fingerprint document; what looks like a secret becomes ``withheld``.

    A fact wins over an unread section that it stands in: it was read after all.
    """
    record = _probe().Record(None)
    for path, value in facts.items():
        record.put(path, value)
    for prefix, reason in unread.items():
        record.cannot(prefix, reason)
    document["facts"].update(record.facts)
    document["unread"].update(record.unread)
    for path, reasons in record.withheld.items():
        document["withheld"][path] = sorted({*document["withheld"].get(path, []), *reasons})


def shown_words(words: Sequence[str]) -> list[str]:
    """A command line without its secrets."""
    probe = _probe()
    safe, _ = probe.safe_command([probe.visible(word) for word in words])
    return [probe.hide_home(word) for word in safe]


def shown_flag(name: str, value: str) -> str | None:
    """The value of a flag or variable, or None if it must not be shown."""
    return None if _probe().withhold(name, value) else value


def recorded(names: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Which of these variables are recorded by value."""
    probe = _probe()
    return [name for name in names if name in probe.ENV_NAMES or name in extra or name.startswith(probe.ENV_PREFIXES)]


def empty_document(label: str, kind: str, reached_by: str) -> dict[str, Any]:
    """A fingerprint document without facts, written now."""
    probe = _probe()
    subject = probe.subject_of(label, label, kind, reached_by)
    document: dict[str, Any] = probe.document(probe.Record(None), subject, "static")
    return document


def without_homes(text: str) -> str:
    """``text`` with home directories, which name their owner, written as ~."""
    hidden: str = _probe().hide_home(text)
    return hidden
