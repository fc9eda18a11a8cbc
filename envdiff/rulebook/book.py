"""All rules and change tables, found by what they are about and made when they are needed."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from envdiff.errors import UnusableInput
from envdiff.rulebook.model import ChangeTable, Rule, rule_from, table_from

Made = TypeVar("Made")
WILDCARDS = frozenset("*?[")


class Entry(NamedTuple):
    """What finding a rule takes. ``condition`` is the length of its condition, written: the longer, the more specific."""

    id: str
    about: tuple[str, ...]
    standing: bool | str
    condition: int


class FromText(Mapping[str, Made], Generic[Made]):
    """Things by id, each made from its JSON text when it is first asked for: a report takes a few of the rules."""

    def __init__(self, texts: Mapping[str, str], make: Callable[[Mapping[str, Any]], Made]) -> None:
        self._texts = texts
        self._make = make
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._make(json.loads(self._texts[name]))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


class Rulebook:
    """``entries`` in the order of their ids; ``rules`` and ``tables`` map ids to JSON texts that the door let through."""

    def __init__(self, entries: tuple[Entry, ...], rules: Mapping[str, str], tables: Mapping[str, str]) -> None:
        self._entries = entries
        self._rules = FromText(rules, rule_from)
        self.tables: Mapping[str, ChangeTable] = FromText(tables, table_from)
        self._about: dict[str, tuple[Rule, ...]] = {}

    def __getitem__(self, rule_id: str) -> Rule:
        if rule_id not in self._rules:
            import difflib

            close = ", ".join(difflib.get_close_matches(rule_id, list(self._rules), n=5))
            raise UnusableInput(
                f"there is no rule {rule_id!r}",
                hint=f"did you mean one of: {close}" if close else "envdiff rules lists them",
            )
        return self._rules[rule_id]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All of them, by id."""
        return tuple(self._rules[entry.id] for entry in self._entries)

    def standing(self, *, unsolved: bool = False) -> tuple[Rule, ...]:
        """Rules that look at every pair, whether or not the sides differ in what they are about.

        ``unsolved``: those that only do where answers differ and nothing else explains it.
        """
        kind = "unsolved" if unsolved else True
        return tuple(self._rules[entry.id] for entry in self._entries if entry.standing == kind)

    def about(self, path: str) -> tuple[Rule, ...]:
        """Rules that speak of ``path``, the most specific first: by name, by longer pattern, by more conditions."""
        if path not in self._about:  # a fleet asks for the same paths again and again
            self._about[path] = tuple(self._rules[entry.id] for entry in self._entries_about(path))
        return self._about[path]

    def _entries_about(self, path: str) -> list[Entry]:
        named = [(len(path) + 1, entry) for entry in self._by_path.get(path, ())]
        named += [
            (len(glob), entry)
            for start, glob, entry in self._globs
            # What stands before the first wildcard decides nearly always, and costs no regular expression.
            if path.startswith(start) and fnmatch.fnmatchcase(path, glob)
        ]
        named.sort(key=lambda pair: (-pair[0], -pair[1].condition, pair[1].id))
        return [entry for _, entry in named]

    @cached_property
    def _by_path(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self._entries:
            for path in entry.about if not entry.standing else ():
                found.setdefault(path, []).append(entry)
        return found

    @cached_property
    def _globs(self) -> list[tuple[str, str, Entry]]:
        """(text before the first wildcard, pattern, entry)."""
        pairs = [(path, entry) for entry in self._entries if not entry.standing for path in entry.about]
        return [
            (re.split(r"[*?[]", path, maxsplit=1)[0], path, entry)
            for path, entry in pairs
            if not WILDCARDS.isdisjoint(path)
        ]
