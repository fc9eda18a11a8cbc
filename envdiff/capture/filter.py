"""The probe's secret filter, for facts that are concluded outside the probe: one filter for everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envdiff.secrets import masked, probe

# Facts whose last part is a name that people give: a flag called api_key holds one.
NAMED = ("serving.flag.", "env.")


def put(
    document: dict[str, Any],
    facts: Mapping[str, Any],
    unread: Mapping[str, str],
    *,
    key: bytes | None = None,
    known: Iterable[str] = (),
) -> None:
    """Add facts and gaps to a fingerprint document; what looks like a secret becomes ``withheld``.

    A fact wins over an unread section that it stands in: it was read after all. With ``key``, what is withheld leaves a
    keyed digest. ``known`` are secrets that something else has given away.
    """
    record = probe().Record(None, None, key, known)
    for path, value in facts.items():
        name = next((path.removeprefix(start) for start in NAMED if path.startswith(start)), "")
        record.put(path, value, name)
    for prefix, reason in unread.items():
        record.cannot(prefix, reason)
    add(document, record)


def put_environment(
    document: dict[str, Any], environment: Mapping[str, str], extra: Sequence[str], *, key: bytes | None = None
) -> None:
    """Add variables that an engine or an image knows, as the probe adds a process's own."""
    record = probe().Record(None, None, key, probe().secrets_in(environment))
    shown = recorded(sorted(environment), extra)
    for name, value in environment.items():
        if name in shown:
            record.put(f"env.{name}", value, name)
        if f"env.{name}" not in record.facts:
            record.hide_name(name, value)
    add(document, record)


def put_commands(
    document: dict[str, Any],
    commands: Mapping[str, Sequence[str]],
    *,
    key: bytes | None = None,
    known: Iterable[str] = (),
) -> None:
    """Add command lines; of a word that holds a secret its name stays."""
    record = probe().Record(None, None, key, known)
    for path, words in commands.items():
        if words:
            record.put_command(path, list(words))
    add(document, record)


def add(document: dict[str, Any], record: Any) -> None:
    """Put what a record of the probe holds into a fingerprint document."""
    document["facts"].update(record.facts)
    document["unread"].update(record.unread)
    merge_withheld(document, {"withheld": record.withheld, "compare_key": {"digests": record.digests}})


def merge_withheld(document: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Take over what another document of the same subject names as withheld, with its digests."""
    for path, reasons in other["withheld"].items():
        document["withheld"][path] = sorted({*document["withheld"].get(path, []), *reasons})
    for path, digests in other.get("compare_key", {}).get("digests", {}).items():
        document["compare_key"]["digests"].setdefault(path, {}).update(digests)


def secrets_of_command(words: Sequence[str]) -> list[str]:
    """What a command line holds that must not be shown: it may stand in what is concluded from it, too."""
    _, withheld = probe().safe_command([probe().visible(word) for word in words])
    return [value for _, _, value in withheld]


def secrets_of_environment(environment: Mapping[str, str]) -> list[str]:
    """Values of the variables whose names say that they are secrets."""
    found: list[str] = probe().secrets_in(environment)
    return found


def shown_flag(name: str, value: str) -> str | None:
    """The value of a flag or variable, or None if it must not be shown."""
    return None if probe().withhold(name, value) else value


def recorded(names: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Which of these variables are recorded by value."""
    own = probe()
    return [name for name in names if name in own.ENV_NAMES or name in extra or name.startswith(own.ENV_PREFIXES)]


def relabel(document: dict[str, Any], label: str, **more: str) -> None:
    """Give the subject of a document another label; one that holds a secret is not shown."""
    document["subject"].update(label=probe().subject_of(label, label, "", "")["label"], **more)


def empty_document(label: str, kind: str, reached_by: str, *, key: bytes | None = None) -> dict[str, Any]:
    """A fingerprint document without facts, written now."""
    own = probe()
    subject = own.subject_of(label, label, kind, reached_by)
    document: dict[str, Any] = own.document(own.Record(None, None, key), subject, "static")
    return document


def without_homes(text: str) -> str:
    """``text`` with home directories, which name their owner, written as ~."""
    hidden: str = probe().hide_home(text)
    return hidden


def without_secrets(outputs: dict[str, Any]) -> dict[str, Any]:
    """The answers of a document with their notes and errors masked: a server words those as it likes."""
    return {
        **outputs,
        "errors": {name: masked(why) for name, why in outputs["errors"].items()},
        "notes": [masked(note) for note in outputs["notes"]],
    }
