"""What the groups of a fleet have for one setting or fact, and what they are called by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

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

    @cached_property
    def _main(self) -> Kind:
        """One of the group that others are held against."""
        return next(iter(self.names)).kinds[0]

    @cached_property
    def _place(self) -> dict[Kind, int]:
        """Where the group of each kind stands among all."""
        return {kind: place for place, cluster in enumerate(self.names) for kind in cluster.kinds}

    @cached_property
    def _places(self) -> frozenset[int]:
        return frozenset(range(len(self.names)))

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """How many kinds are in the group of each place."""
        return tuple(len(cluster.kinds) for cluster in self.names)

    @cached_property
    def _fingerprints(self) -> int:
        return sum(cluster.count for cluster in self.names)

    def across(self, path: str) -> tuple[Value, ...]:
        """Who has what at ``path``, most fingerprints first."""
        counts: Counter[str] = Counter()
        places: dict[str, set[int]] = {}
        taken: Counter[int] = Counter()
        for kind, text in self._others(path):
            place = self._place[kind]
            counts[text] += len(kind.alike.members)
            places.setdefault(text, set()).add(place)
            taken[place] += 1
        # All others have what the first kind has.
        usual = self._places.difference(place for place, kinds in taken.items() if kinds == self._sizes[place])
        if usual:
            text = self._text(path, self.table.kinds[0])
            counts[text] += self._fingerprints - counts.total()
            places[text] = places.get(text, set()) | usual
        name = tuple(self.names.values()).__getitem__
        values = [Value(text, tuple(map(name, sorted(places[text]))), count) for text, count in counts.items()]
        return tuple(sorted(values, key=lambda value: (-value.fingerprints, value.text)))

    def _others(self, path: str) -> Iterator[tuple[Kind, str]]:
        """All kinds that may have something else than the first, with what they have."""
        column = self.table.index.get(path)
        if column is None:
            yield from ((kind, self._text(path, kind)) for kind in self.table.kinds)
            return
        texts: dict[int, str] = {}
        for at, number in self.table.others[column].items():
            kind = self.table.kinds[at]
            if number not in texts:
                texts[number] = self._text(path, kind)
            yield kind, texts[number]

    def words(self, path: str, cluster: Cluster) -> str:
        """The setting or fact with its value, short: ``onednn off``."""
        name = path
        for prefix in ("setting.", "variable.", "env.", "packages."):
            name = name.removeprefix(prefix)
        text = self._text(path, cluster.kinds[0])
        return f"{name.removesuffix('.version')} {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"

    def _text(self, path: str, kind: Kind) -> str:
        reading = self._reading(path, kind)
        own = self._reading(path, self._main)
        return "not read" if isinstance(reading, Unread) else _shown(own, reading)

    def _reading(self, path: str, kind: Kind) -> Reading:
        column = self.table.index.get(path)
        if column is None:  # the same in all
            return reading_of(path, kind.fingerprint, kind.settings)
        number = self.table.number(column, kind)
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
