"""What a judgement can see of one kind of fingerprint: kinds that look the same are judged alike."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from operator import eq
from typing import NamedTuple

from envdiff.explain.model import needs_read
from envdiff.fingerprint import Reading, Unread, Withheld
from envdiff.fleet.columns import UNREAD, WITHHELD, Kind, Table
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.conditions import Look, looks
from envdiff.settings import NOT_APPLICABLE, Setting

MISSING: dict[int, Reading] = {UNREAD: Unread(""), WITHHELD: Withheld("")}


class Situation(NamedTuple):
    """What can be seen of one kind. Of ``compared`` it only counts whether another kind has the same."""

    seen: Hashable
    compared: tuple[Reading, ...] = ()

    def beside(self, other: Situation) -> Hashable:
        """Equal for two pairs that are judged alike, whichever of the two is on the left."""
        return frozenset((self.seen, other.seen)), *map(eq, self.compared, other.compared)


@dataclass(frozen=True, eq=False)
class Glance:
    """A condition's look at one column, for each number that the column has."""

    at: int
    look: Look
    seen: dict[int, Hashable]


@dataclass(frozen=True)
class View:
    """All that a judgement on one path can see of a kind, besides that two kinds differ in it.

    ``whole`` are columns that count with all they say, ``glances`` what conditions want to know of others, ``compared``
    columns that conditions hold against each other. ``decides`` are the settings that may account for the path; of them it
    counts whether they do. ``unlike`` are the numbers of all kinds that may look otherwise than the first.
    """

    table: Table
    path: str
    whole: tuple[int, ...]
    glances: tuple[Glance, ...]
    compared: tuple[int, ...]
    decides: tuple[str, ...]
    unlike: frozenset[int]

    def of(self, kind: Kind) -> Situation:
        """Equal for kinds that are judged alike."""
        if not (self.whole or self.glances or self.compared or self.decides):
            return Situation(kind.entry)
        readings = tuple(self._reading(at, self.table.number(at, kind)) for at in self.compared)
        seen = (
            kind.entry,
            *(_accounts(kind.settings[name], self.path) for name in self.decides),
            *(self.table.number(at, kind) for at in self.whole),
            *(self._glance(kind, one) for one in self.glances),
            *(one if isinstance(one, Unread | Withheld) else None for one in readings),
        )
        return Situation(seen, readings)

    def _reading(self, column: int, number: int) -> Reading:
        return MISSING[number] if number < 0 else self.table.values[column][number]

    def _glance(self, kind: Kind, glance: Glance) -> Hashable:
        number = self.table.number(glance.at, kind)
        if number not in glance.seen:
            glance.seen[number] = glance.look.sees(self._reading(glance.at, number))
        return glance.seen[number]


def _accounts(setting: Setting, path: str) -> Hashable:
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
        first = table.kinds[0]
        self._entered = frozenset(kind.at for kind in table.kinds if kind.entry != first.entry)
        # By setting, where it is not what it is in the first kind.
        self._concluded: dict[str, set[int]] = {}
        for path, setting in first.settings.items():
            self._add(path, setting)
        for kind in table.kinds:
            for path, setting in kind.settings.items():
                if setting is not first.settings[path]:
                    self._concluded.setdefault(path, set()).add(kind.at)
                    self._add(path, setting)

    def _add(self, path: str, setting: Setting) -> None:
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

    def _view(self, path: str, whole: set[str], rules: Sequence[Rule], decides: tuple[str, ...]) -> View:
        whole = whole.union(*(needs_read(rule.needs) for rule in rules))
        glances, compared = {}, set()
        for look in (look for rule in rules for look in looks(rule.when)):
            at = self._table.index.get(look.path)
            if at is None:
                continue
            if not look.compares:
                glances[look.word, look.path, str(look.wanted)] = Glance(at, look, {})
            elif look.path != path:  # that the two differ in the path itself is what is asked about
                compared.add(at)
        columns = tuple(sorted(self._table.index[one] for one in whole if one in self._table.index))
        seen = {*columns, *compared, *(glance.at for glance in glances.values())}
        unlike = self._entered.union(
            *(self._table.others[at] for at in seen), *(self._concluded.get(name, ()) for name in decides)
        )
        return View(self._table, path, columns, tuple(glances.values()), tuple(sorted(compared)), decides, unlike)
