"""What the groups of a fleet have for one setting or fact, and what they are called by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envdiff.compare import shown_pair
from envdiff.fingerprint import Reading, Unread
from envdiff.fingerprint import Value as Read
from envdiff.fleet.columns import Kind, Table, reading_of
from envdiff.fleet.group import Cluster
from envdiff.fleet_report import Value

SHOWN = 40  # characters of a value in the description of a group
LONG = 3  # items of a list that is shown whole; of a longer one, what it has otherwise than group A


@dataclass(frozen=True)
class Values:
    """``names`` are the groups in order, with what each is called; the first is the one others are held against."""

    table: Table
    names: Mapping[Cluster, str]

    def across(self, path: str) -> tuple[Value, ...]:
        """Who has what at ``path``, most fingerprints first."""
        counts: dict[str, int] = {}
        groups: dict[str, dict[str, None]] = {}
        for cluster, name in self.names.items():
            for kind in cluster.kinds:
                text = self._text(path, kind)
                counts[text] = counts.get(text, 0) + len(kind.alike.members)
                groups.setdefault(text, {})[name] = None
        values = [Value(text, tuple(groups[text]), count) for text, count in counts.items()]
        return tuple(sorted(values, key=lambda value: (-value.fingerprints, value.text)))

    def words(self, path: str, cluster: Cluster) -> str:
        """The setting or fact with its value, short: ``onednn off``."""
        name = path
        for prefix in ("setting.", "variable.", "env.", "packages."):
            name = name.removeprefix(prefix)
        text = self._text(path, cluster.kinds[0])
        return f"{name.removesuffix('.version')} {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"

    def _text(self, path: str, kind: Kind) -> str:
        reading = self._reading(path, kind)
        own = self._reading(path, next(iter(self.names)).kinds[0])
        return "not read" if isinstance(reading, Unread) else _shown(own, reading)

    def _reading(self, path: str, kind: Kind) -> Reading:
        column = self.table.index.get(path)
        if column is None:  # the same in all
            return reading_of(path, kind.fingerprint, kind.settings)
        number = self.table.rows[kind.at][column]
        return self.table.values[column][number] if number >= 0 else Unread("")


def _shown(own: Reading, other: Reading) -> str:
    """A long list by what it has otherwise than that of group A."""
    if not isinstance(other, Read) or not isinstance(other.value, tuple) or len(other.value) <= LONG:
        return str(other)
    items = f"{len(other.value)} items"
    if own == other or not isinstance(own, Read) or not isinstance(own.value, tuple) or len(own.value) <= LONG:
        return items
    lost, more = (text.removeprefix("also ") for text in shown_pair(own, other))
    nothing = "nothing that the other lacks"
    parts = [f"{word} {text}" for word, text in (("with", more), ("without", lost)) if text != nothing]
    return f"{items}: {', '.join(parts)}" if parts else f"{items}, in another order"
