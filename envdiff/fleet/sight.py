"""What a judgement can see of one kind of fingerprint: kinds that look the same are judged alike."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from envdiff.explain.model import needs_read
from envdiff.fingerprint import Reading, Unread, Withheld
from envdiff.fleet.columns import UNREAD, WITHHELD, Kind, Table
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import Look, looks
from envdiff.settings import NOT_APPLICABLE

MISSING: dict[int, Reading] = {UNREAD: Unread(""), WITHHELD: Withheld("")}


@dataclass(frozen=True, eq=False)
class Glance:
    """A condition's look at one column, for each number that the column has."""

    at: int
    look: Look
    seen: dict[int, Hashable]


@dataclass(frozen=True)
class View:
    """All that a judgement on one path can see of a kind, besides that two kinds differ in it.

    ``whole`` are columns that count with all they say, ``glances`` what conditions want to know of others. ``decides`` are
    the settings that may account for the path; of them it counts whether they do.
    """

    table: Table
    path: str
    whole: tuple[int, ...]
    glances: tuple[Glance, ...]
    decides: tuple[str, ...]

    def of(self, kind: Kind) -> Hashable:
        """Equal for kinds that are judged alike."""
        if not (self.whole or self.glances or self.decides):
            return kind.entry
        row = self.table.rows[kind.at]
        accounts = tuple(_accounts(kind, name, self.path) for name in self.decides)
        return (
            kind.entry,
            accounts,
            *(row[at] for at in self.whole),
            *(self._glance(row, one) for one in self.glances),
        )

    def _glance(self, row: tuple[int, ...], glance: Glance) -> Hashable:
        number = row[glance.at]
        if number not in glance.seen:
            reading = MISSING[number] if number < 0 else self.table.values[glance.at][number]
            glance.seen[number] = glance.look.sees(reading)
        return glance.seen[number]


def _accounts(kind: Kind, name: str, path: str) -> Hashable:
    setting = kind.settings[name]
    return setting.value is not None, path in setting.explains


class Sight:
    """The views of one table."""

    def __init__(self, table: Table, book: Rulebook, *, ignored: bool) -> None:
        self._table = table
        self._book = book
        self._ignored = ignored
        self._explains: dict[str, set[str]] = {}
        self._decides: dict[str, set[str]] = {}
        self._idle: set[str] = set()
        for settings in {id(kind.settings): kind.settings for kind in table.kinds}.values():
            for path, setting in settings.items():
                self._explains.setdefault(path, set()).update(setting.explains)
                if setting.value == NOT_APPLICABLE:
                    self._idle.add(path)
                for fact in setting.explains:
                    self._decides.setdefault(fact, set()).add(path)

    def on(self, path: str) -> View:
        """For a mismatch at ``path``."""
        if path not in self._explains:
            decides = tuple(sorted(self._decides.get(path, ())))
            return self._view(
                path, set(), [rule for name in (path, *decides) for rule in self._book.about(name)], decides
            )
        whole: set[str] = set()
        if path in self._idle:
            whole.update((path, "setting.device"))
        if path in self._idle or self._ignored:
            # Whether what was typed differs too.
            whole.update(self._explains[path])
        return self._view(path, whole, self._book.about(path), ())

    def on_rule(self, rule: Rule) -> View:
        """For a rule that looks at every pair."""
        return self._view(rule.id, set(), [rule], ())

    def _view(self, path: str, whole: set[str], rules: list[Rule], decides: tuple[str, ...]) -> View:
        whole = whole.union(*(needs_read(rule.needs) for rule in rules))
        glances = {}
        for look in (look for rule in rules for look in looks(rule.when)):
            at = self._table.index.get(look.path)
            # That the two differ in the path itself is what is asked about.
            if at is not None and not (look.path == path and look.compares):
                glances[look.word, look.path, str(look.wanted)] = Glance(at, look, {})
        columns = tuple(sorted(self._table.index[one] for one in whole if one in self._table.index))
        return View(self._table, path, columns, tuple(glances.values()), decides)
