"""The document that one environment says about itself: :func:`load` is the only way in.

Facts are flat, so that a rule, a diff and a reader share one language: a dotted path leads to a scalar or to a list
of scalars. What a path gave is a :class:`Reading`, and "not there", "could not be asked" and "held back" are three
different readings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from envdiff.bounded_json import OutOfBounds, loads
from envdiff.errors import UnusableInput

SCHEMA_FAMILY = "envdiff/fingerprint/"
SCHEMA_VERSION = 1
SCHEMA = f"{SCHEMA_FAMILY}{SCHEMA_VERSION}"

# The largest real fingerprint seen has a few megabytes; anything near this is another kind of file.
MAX_BYTES = 64 * 2**20
MAX_PATH = 1000


@dataclass(frozen=True)
class Wanted:
    """What a file should be: how messages call it, and the command that writes one."""

    name: str
    command: str


FINGERPRINT = Wanted("fingerprint", "envdiff capture -o FILE")

Scalar = str | int | float | bool | None
FactValue = Scalar | tuple[Scalar, ...]

# Sections that a capture has only when it was asked for them. Without one fact in them they were not captured,
# which is not the same as empty.
ON_REQUEST = {
    "model": "capture with --model PATH",
    "answers": "capture with --model PATH --rows FILE (or --rows signature)",
    "serving": "capture the serving process: --container NAME or --pid N",
    "container": "capture with --container NAME",
    "process": "capture the running process: --pid N",
    "runtime": "capture without --static",
    "keras": "capture from inside the environment",
    "conda": "the environment is not a conda one, or was read from outside",
}
# Sections that no capture leaves empty: without one fact in them, what was looked at was not asked, or is no Python.
NEVER_EMPTY = frozenset(("python", "os", "cpu", "tensorflow"))


@dataclass(frozen=True)
class Value:
    """The fact was read."""

    value: FactValue

    def __str__(self) -> str:
        return show(self.value)


@dataclass(frozen=True)
class Absent:
    """The section was read and the fact is not in it: an unset variable, a package that is not installed."""

    def __str__(self) -> str:
        return "absent"


@dataclass(frozen=True)
class Unread:
    """The probe could not ask. Two unread facts are not equal."""

    reason: str

    def __str__(self) -> str:
        return f"unread: {self.reason}"


@dataclass(frozen=True)
class Withheld:
    """It is there and it was held back, because it may be a secret.

    ``digest`` is keyed: of two made with the same key, equal ones mean equal values. Both are empty without a key.
    """

    reason: str
    digest: str = ""
    key: str = ""

    def __str__(self) -> str:
        return f"withheld (keyed digest {self.digest[:8]})" if self.digest else "withheld"

    def comparable(self, other: Reading) -> bool:
        """Whether the two can be told equal or different without being shown."""
        return isinstance(other, Withheld) and bool(self.digest and other.digest) and self.key == other.key != ""


Reading = Value | Absent | Unread | Withheld


def show(value: FactValue) -> str:
    """A fact as a person would write it: ``yes``/``no``, lists joined with commas, an empty one as ``(none)``."""
    if isinstance(value, tuple):
        return ", ".join(show(item) for item in value) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


@dataclass(frozen=True)
class Fingerprint:
    """One environment, validated. ``document`` is the JSON object it came from, kept for reports that embed it.

    ``digests``: what is withheld at a path, as keyed digests by the name of the part ("" for the whole); ``key`` says
    which key made them. ``anonymized`` is which key names were replaced with, "" for none, None if none were replaced.
    """

    label: str
    kind: str
    reached_by: str
    captured_at: str
    probe_version: str
    mode: str
    facts: Mapping[str, FactValue]
    unread: Mapping[str, str]
    withheld: Mapping[str, tuple[str, ...]]
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key: str = ""
    anonymized: str | None = None
    outputs: Mapping[str, Any] | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    folder: str | None = field(default=None, compare=False)  # where its file lies, for what is kept beside it

    def reading(self, path: str) -> Reading:
        """What asking for ``path`` gave. A fact that was read wins over an unread section it stands in."""
        if path in self.facts:
            return Value(self.facts[path])
        section, _, name = path.partition(".")
        # A section's own entry lists names; it says nothing of the section itself.
        if (name and path in self.withheld) or name in self.withheld.get(section, ()):
            return Withheld("held back by the secret filter", self.digests.get(path, {}).get("", ""), self.key)
        reason = self._unread_reason(path)
        if reason is not None:
            return Unread(reason)
        if section in self.sections:
            return Absent()
        if section in ON_REQUEST:
            return Unread(f"not captured; {ON_REQUEST[section]}")
        # Packages are an interpreter's: there are none to be absent where no interpreter was looked at.
        asked = "python" if section == "packages" and "python" not in self.sections else section
        return Unread("not captured") if asked in NEVER_EMPTY else Absent()

    def get(self, path: str) -> FactValue:
        """The value of ``path``, or None when it was not read."""
        return self.facts.get(path)

    @cached_property
    def sections(self) -> frozenset[str]:
        """The first components of all facts."""
        return frozenset(path.partition(".")[0] for path in self.facts)

    def _unread_reason(self, path: str) -> str | None:
        prefix = path
        while prefix:
            if prefix in self.unread:
                return self.unread[prefix]
            prefix = prefix.rpartition(".")[0]
        return None


def load(source: str | Path, *, stdin: bool = False) -> Fingerprint:
    """Read a fingerprint from a file, or from standard input when ``stdin``; HTML reports give their left side.

    Raises :class:`UnusableInput` for anything that is not a fingerprint this version understands.
    """
    name = "standard input" if stdin else str(source)
    loaded = parse(read_bounded(Path(source), stdin=stdin), name)
    return loaded if stdin else replace(loaded, folder=str(Path(source).parent))


def read_bounded(path: Path, *, stdin: bool = False, wanted: Wanted = FINGERPRINT) -> bytes:
    """The bytes of an input, at most :data:`MAX_BYTES`; raises :class:`UnusableInput`."""
    name = "standard input" if stdin else str(path)
    try:
        if stdin:
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UnusableInput("there is no such file", subject=name, hint=f"{wanted.command} makes one") from error
    except OSError as error:
        raise UnusableInput(f"it cannot be read: {error.strerror or error}", subject=name) from error
    if len(raw) > MAX_BYTES:
        raise UnusableInput(
            f"it is larger than {MAX_BYTES // 2**20} MB: no {wanted.name} is",
            subject=name,
            hint=f"give the file that {wanted.command} wrote",
        )
    return raw


def parse(raw: bytes, name: str) -> Fingerprint:
    """The fingerprint in ``raw``; ``name`` is what messages call it."""
    return from_document(parse_json(raw, name), name)


def parse_json(raw: bytes, name: str, wanted: Wanted = FINGERPRINT) -> Any:
    """Strict JSON: no duplicate keys, no NaN or infinity, bounded depth and number of values.

    Raises :class:`UnusableInput` saying where it broke.
    """
    again = f"write it again: {wanted.command}"
    if not raw.strip():
        raise UnusableInput("it is empty", subject=name, hint="the command that should have written it did not end")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableInput("it is not UTF-8 text, so it is no JSON", subject=name, hint=again) from error
    try:
        return loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        cut = " (it ends early: was the copy complete?)" if error.pos >= len(text.rstrip()) else ""
        raise UnusableInput(f"it is not valid JSON at {where}: {error.msg}{cut}", subject=name, hint=again) from error
    except OutOfBounds as error:
        raise UnusableInput(f"{error}: no {wanted.name} is", subject=name, hint=again) from error
    except ValueError as error:
        raise UnusableInput(f"it is not usable JSON: {error}", subject=name, hint=again) from error


_CAPTURE_AGAIN = "capture again: envdiff capture -o FILE"


def from_document(document: Any, name: str) -> Fingerprint:
    """Validate a JSON object as a fingerprint; raises :class:`UnusableInput`."""
    _check_schema(document, name)
    if not _is_well_formed(document):
        from envdiff.fingerprint_schema import first_complaint

        complaint = first_complaint(document)
        raise UnusableInput(f"it is a damaged fingerprint: {complaint}", subject=name, hint=_CAPTURE_AGAIN)
    subject, facts = document["subject"], document["facts"]
    return Fingerprint(
        label=subject["label"],
        kind=subject["kind"],
        reached_by=subject["reached_by"],
        captured_at=document["captured_at"],
        probe_version=document["probe"]["version"],
        mode=document["probe"].get("mode", "full"),
        facts={path: tuple(value) if isinstance(value, list) else value for path, value in facts.items()},
        unread=document.get("unread", {}),
        withheld={path: tuple(names) for path, names in document.get("withheld", {}).items()},
        digests=document.get("compare_key", {}).get("digests", {}),
        key=document.get("compare_key", {}).get("id", ""),
        anonymized=document["anonymized"]["key"] if "anonymized" in document else None,
        outputs=document.get("outputs"),
        document=document,
    )


def _is_well_formed(document: Any) -> bool:
    """What :mod:`envdiff.fingerprint_schema` says in full, by hand: building its models takes half as long as a report.

    A test holds the two together.
    """
    subject, probe = document.get("subject"), document.get("probe")
    return (
        isinstance(subject, dict)
        and all(isinstance(subject.get(key), str) for key in ("label", "kind", "reached_by"))
        and isinstance(probe, dict)
        and isinstance(probe.get("version"), str)
        and isinstance(probe.get("mode", "full"), str)
        and isinstance(document.get("captured_at"), str)
        and _maps(document.get("facts"), _is_fact)
        and _maps(document.get("unread", {}), lambda reason: isinstance(reason, str))
        and _maps(document.get("withheld", {}), lambda names: isinstance(names, list) and all(map(_is_text, names)))
        and _is_compare_key(document.get("compare_key", {"id": "", "digests": {}}))
        and _is_anonymized(document.get("anonymized", {"key": ""}))
        and isinstance(document.get("outputs"), dict | None)
    )


def _is_compare_key(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and _maps(value.get("digests"), lambda parts: isinstance(parts, dict) and all(map(_is_text, parts.values())))
    )


def _is_anonymized(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("key"), str)


def _maps(value: Any, is_right: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(0 < len(path) <= MAX_PATH and is_right(one) for path, one in value.items())


def _is_fact(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, _SCALARS) for item in value)
    return isinstance(value, _SCALARS)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_SCALARS = (str, int, float, bool, type(None))


def _check_schema(document: Any, name: str) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith(SCHEMA_FAMILY):
        raise UnusableInput(
            "it is JSON, but not an envdiff fingerprint",
            subject=name,
            hint="envdiff capture writes fingerprints; other tools' files cannot be compared",
        )
    major = schema.removeprefix(SCHEMA_FAMILY).partition(".")[0]
    if not (major.isdecimal() and len(major) < 10):
        raise UnusableInput(f"its schema is malformed: {schema[:80]!r}", subject=name, hint=_CAPTURE_AGAIN)
    if int(major) > SCHEMA_VERSION:
        raise UnusableInput(
            f"it was written by a newer envdiff (schema {major}; this one reads up to {SCHEMA_VERSION})",
            subject=name,
            hint="upgrade envdiff, or capture again with the probe of this version",
        )


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:80]!r} occurs twice in one object")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:
        raise ValueError(f"{digits[:80]} is a number without end")
    return number


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
