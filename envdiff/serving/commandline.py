"""A server's command line as the server's own parser takes it, and every word that had no effect.

The parser (tsl::Flags::Parse) knows ``--name=value`` and, for booleans, ``--name``. Everything else is left over; the
server prints a line about the first such word and starts.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envdiff.serving.flags import Flag, every_flag, flags_of

MOST_WORDS = 2_000
LONGEST_NAME = 100
BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}  # in any case
REST = "--"
NUMBER = {
    "int": re.compile(r"[+-]?[0-9]{1,18}"),
    "float": re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?"),
}


@dataclass(frozen=True)
class Dropped:
    """A word without effect: ``meant`` is what was probably wanted, empty if that cannot be guessed."""

    word: str
    reason: str
    meant: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" + (f"; probably meant {self.meant}" if self.meant else "")


@dataclass(frozen=True)
class CommandLine:
    """``values`` are the flags that were given and taken; ``repeated`` are flags given more than once."""

    values: Mapping[str, str]
    dropped: tuple[Dropped, ...]
    repeated: tuple[str, ...]
    refused: tuple[Dropped, ...]


def parse(words: Sequence[str], version: Version | None) -> CommandLine:
    """``words`` without the program's name; ``version`` decides which flags exist (None: the newest)."""
    known = flags_of(version)
    values: dict[str, str] = {}
    repeated: list[str] = []
    dropped: list[Dropped] = []
    refused: list[Dropped] = []
    looked_at = words[: min(MOST_WORDS, words.index(REST))] if REST in words else words[:MOST_WORDS]
    for at, word in enumerate(looked_at):
        name, equals, text = word[2:].partition("=") if word.startswith("--") else ("", "", "")
        flag = known.get(name)
        if flag is None or not (equals or flag.type == "bool"):
            dropped.append(_dropped(list(words), at, known, version))
            continue
        value = _value(flag, text, bool(equals))
        if value is None:
            refused.append(Dropped(word, f"the server does not start with this: {name} wants {_wanted(flag)}"))
            continue
        if name in values:
            repeated.append(name)
        values[name] = value
    unseen = words[len(looked_at) : MOST_WORDS]
    dropped += [Dropped(word, f"the server looks at nothing from {REST} on") for word in unseen]
    if len(words) > MOST_WORDS:
        dropped.append(
            Dropped(f"{len(words) - MOST_WORDS} more words", "they were not looked at: no server has so many")
        )
    return CommandLine(values, tuple(dropped), tuple(dict.fromkeys(repeated)), tuple(refused))


def _value(flag: Flag, text: str, given: bool) -> str | None:
    if flag.type == "bool":
        return BOOLEANS.get(text.lower()) if given else "true"
    if flag.type == "string":
        return text
    return text if NUMBER[flag.type].fullmatch(text) else None


def _wanted(flag: Flag) -> str:
    return {"bool": "true or false", "int": "a whole number", "float": "a number"}[flag.type]


def _dropped(words: list[str], at: int, known: Mapping[str, Flag], version: Version | None) -> Dropped:
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) and not words[at + 1].startswith("-") else None
    if word.startswith("--"):
        return _dropped_option(word, after, known, version)
    before = words[at - 1] if at else ""
    owner = before.lstrip("-")
    if before.startswith("--") and owner in known:
        kind = known[owner]
        if kind.type == "bool":
            return Dropped(word, f"a separate word; {before} alone already means {before}=true", f"{before}={word}")
        return Dropped(word, f"a separate word is no value for {before}", f"{before}={word}")
    if word.startswith("-"):
        name = word.lstrip("-")
        meant = f"--{name}" if name.partition("=")[0] in known else ""
        return Dropped(word, "flags start with two dashes", meant)
    return Dropped(word, "the server takes no words besides --name=value")


def _dropped_option(word: str, after: str | None, known: Mapping[str, Flag], version: Version | None) -> Dropped:
    name, equals, text = word[2:].partition("=")
    if name in known:
        return Dropped(
            word, "the value must be joined by =; the default stays", f"{word}={after}" if after is not None else ""
        )
    other = every_flag().get(name)
    if other is not None:
        return Dropped(word, _other_release(other, version), _successor(other, known, text))
    near = [] if len(name) > LONGEST_NAME else difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return Dropped(word, "no such flag", f"--{near[0]}{equals}{text}" if near else "")


def _other_release(flag: Flag, version: Version | None) -> str:
    if version is not None and version < Version(flag.since):
        return f"the flag exists since {flag.since}, this server is {version}"
    return f"the flag is gone since {flag.until}" + (f", this server is {version}" if version else "")


def _successor(flag: Flag, known: Mapping[str, Flag], text: str) -> str:
    if flag.name == "use_tflite_model" and "prefer_tflite_model" in known:
        return f"--prefer_tflite_model={text or 'true'}"
    return ""
