"""What a capture held back, for the person who made it: which name, where, why. Never a value, nor a part of one."""

from __future__ import annotations

import sys

from envdiff.fingerprint import Fingerprint
from envdiff.secrets import masked, probe

HEADER = ("place", "name", "why")


def show_withheld(fingerprint: Fingerprint) -> None:
    """One line for each thing, on standard error."""
    rows = rows_of(fingerprint)
    if not rows:
        _say("nothing was withheld")
        return
    widths = [max(len(row[at]) for row in (HEADER, *rows)) for at in range(2)]
    for place, name, why in (HEADER, *rows):
        _say(f"{place:<{widths[0]}}  {name:<{widths[1]}}  {why}".rstrip())
    _say(f"{len(rows)} withheld; what is recorded is in the file, and nothing of these values is")


def rows_of(fingerprint: Fingerprint) -> list[tuple[str, str, str]]:
    """(place, name, why), what looked like a secret before what is merely not a setting."""
    rows = []
    for path, reasons in sorted(fingerprint.withheld.items()):
        section, _, name = path.partition(".")
        if not name:
            continue
        for reason in reasons:
            part, parted, why = reason.rpartition(": ")
            called = name if section == "env" else f"{path} {part}".strip() if parted else path
            rows.append((PLACES.get(section, section), called, why))
    alone = [name for name in fingerprint.withheld.get("env", ()) if f"env.{name}" not in fingerprint.withheld]
    return rows + [("environment", name, _why_alone(name)) for name in sorted(alone)]


def _why_alone(name: str) -> str:
    why: str = probe().BY_NAME if probe().names_a_secret(name, "") else probe().NAMED_ALONE
    return why


PLACES = {
    "env": "environment",
    "process": "command line",
    "serving": "server",
    "model": "model",
    "container": "container",
    "packages": "packages",
    "origins": "packages",
    "tensorflow": "TensorFlow",
    "libraries": "libraries",
}


def _say(text: str) -> None:
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in masked(text))
    print(safe, file=sys.stderr)  # noqa: T201
