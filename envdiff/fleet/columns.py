"""A fleet as a table: a row for each kind of fingerprint, a column for each setting and fact that is not the same in all.

Of a row is held what it has otherwise than the first: a thousand kinds with a thousand columns have little in each.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from envdiff.compare import Comparison
from envdiff.fingerprint import Fingerprint, Reading, Unread, Value, Withheld
from envdiff.fleet.gather import Alike, Gathered
from envdiff.fleet.harmless import NOT_FOR_SETTINGS
from envdiff.settings import Setting, settings_of

Settings = dict[str, Setting]
# Numbers of readings that cannot be held against others.
UNREAD, WITHHELD = -1, -2


@dataclass(frozen=True, eq=False)
class Kind:
    """Fingerprints with one digest, and what is in force there. ``at`` is its number in the fleet.

    ``blind`` is equal for kinds that could not read the same things, ``entry`` for those that are run alike.
    """

    at: int
    alike: Alike
    settings: Settings
    blind: Hashable
    entry: Hashable
    gathered: Gathered

    @property
    def fingerprint(self) -> Fingerprint:
        """What the kind says, made anew: a fleet of a thousand kinds does not hold a thousand fingerprints."""
        return self.gathered.fingerprint(self.alike)


@dataclass(frozen=True)
class Table:
    """``values[column][number]`` is a reading: the number is equal where the reading is, and below 0 where there is none.

    ``usual[column]`` is the number of the first kind; ``others[column]`` has those of the kinds that differ from it, by
    their numbers in the fleet.
    """

    kinds: tuple[Kind, ...]
    columns: tuple[str, ...]
    usual: tuple[int, ...]
    others: tuple[Mapping[int, int], ...]
    values: tuple[Sequence[Reading], ...]

    @cached_property
    def index(self) -> dict[str, int]:
        """The place of each column by its path."""
        return {path: at for at, path in enumerate(self.columns)}

    def number(self, column: int, kind: Kind) -> int:
        """What ``kind`` has there."""
        return self.others[column].get(kind.at, self.usual[column])


def table_of(gathered: Gathered) -> Table:
    """Every kind with its readings of what varies; settings are concluded once for all that must come to the same."""
    kinds = tuple(_kinds(gathered))
    settings, facts = _varying(kinds)
    columns = tuple(dict.fromkeys((*settings, *facts)))
    index = {path: at for at, path in enumerate(columns)}
    numbers: list[dict[object, int]] = [{} for _ in columns]
    values: list[list[Reading]] = [[] for _ in columns]
    others: list[dict[int, int]] = [{} for _ in columns]
    usual: tuple[int, ...] = ()
    # The first kind of each blindness is asked for everything, the next ones for what they have otherwise than it.
    known: dict[object, tuple[Kind, dict[int, int]]] = {}
    for kind in kinds:
        fingerprint = kind.fingerprint
        blindness = kind.blind, kind.alike.digest.withheld
        like, row = known.get(blindness, (None, {}))
        row = dict(row)
        for path in columns if like is None else (*settings, *_touched(like), *_touched(kind)):
            at = index[path]
            row[at] = _number(reading_of(path, fingerprint, kind.settings), numbers[at], values[at])
        usual = usual or tuple(row[at] for at in range(len(columns)))
        row = {at: number for at, number in row.items() if number != usual[at]}
        known.setdefault(blindness, (kind, row))
        for at, number in row.items():
            others[at][kind.at] = number
    return Table(kinds, columns, usual, tuple(others), tuple(values))


def reading_of(path: str, fingerprint: Fingerprint, settings: Settings) -> Reading:
    """What a kind gives for a fact, or for a setting: unread where it could not be concluded."""
    setting = settings.get(path)
    if setting is None:
        return fingerprint.reading(path)
    return Unread(setting.unread) if setting.value is None else Value(setting.value)


def side_by_side(left: Kind, right: Kind) -> Comparison:
    """Both kinds as a rule looks at them, with no mismatch looked for."""
    nothing: Any = ()
    return Comparison(
        left.fingerprint, right.fingerprint, left.settings, right.settings,
        nothing, nothing, nothing, nothing, nothing, 0,
    )  # fmt: skip


def _kinds(gathered: Gathered) -> Iterator[Kind]:
    known: dict[object, Settings] = {}
    same: dict[object, Any] = {}
    for at, alike in enumerate(gathered.alike):
        fingerprint = gathered.fingerprint(alike)
        sign = _sign(alike, fingerprint)
        if sign not in known:
            known[sign] = {path: same.setdefault(one, one) for path, one in settings_of(fingerprint).items()}
        settings = known[sign]
        lost = tuple(path for path, setting in settings.items() if setting.value is None)
        blind = (fingerprint.sections, frozenset(fingerprint.unread), lost)
        entry = (fingerprint.kind, "serving" in fingerprint.sections)
        yield Kind(at, alike, settings, same.setdefault(blind, blind), same.setdefault(entry, entry), gathered)


def _sign(alike: Alike, fingerprint: Fingerprint) -> object:
    """What settings are concluded from."""
    digest = alike.digest
    own = tuple(
        (path, type(value), value) for path, value in digest.own if path.partition(".")[0] not in NOT_FOR_SETTINGS
    )
    gone = tuple(path for path in digest.gone if path.partition(".")[0] not in NOT_FOR_SETTINGS)
    return own, gone, digest.unread, digest.withheld, fingerprint.sections


def _touched(kind: Kind) -> Iterator[str]:
    """Facts that it has otherwise than the fingerprint that was read first."""
    yield from (path for path, _ in kind.alike.digest.own)
    yield from kind.alike.digest.gone


def _varying(kinds: tuple[Kind, ...]) -> tuple[list[str], list[str]]:
    """Settings and facts. A fact varies when one kind has it otherwise than the fingerprint that was read first."""
    first = kinds[0].settings
    every = {id(kind.settings): kind.settings for kind in kinds}.values()
    settings = [path for path, one in first.items() if any(other[path].value != one.value for other in every)]
    return settings, sorted({path for kind in kinds for path in _touched(kind)})


def _number(reading: Reading, known: dict[object, int], values: list[Reading]) -> int:
    if isinstance(reading, Unread | Withheld):
        return UNREAD if isinstance(reading, Unread) else WITHHELD
    value = reading.value if isinstance(reading, Value) else reading
    number = known.setdefault((type(value), value), len(known))
    if number == len(values):
        values.append(reading)
    return number
