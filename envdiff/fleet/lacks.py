"""What a group could not be held against because it was not read, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envdiff.compare import compare
from envdiff.explain.gaps import gaps, how_to_read
from envdiff.fingerprint import ON_REQUEST, Withheld
from envdiff.fingerprint import Unread as NotRead
from envdiff.fleet.columns import Kind, reading_of
from envdiff.fleet.group import Cluster
from envdiff.fleet.questions import missing
from envdiff.report import Unread


def lacks(cluster: Cluster, main: Kind) -> tuple[Unread, ...]:
    """What stands between the group and ``main``, which is on the left. Each thing that was not read is told once."""
    kind = cluster.kinds[0]
    told = list(missing(main, kind)) if kind.blind != main.blind else []
    for question in cluster.lacks:
        path, reason = _root(question.path, kind)
        if not any(_covers(one, path, reason) for one in told):
            told.append(Unread("right", path, reason, how_to_read(path), matters=True))
    return tuple(told)


def read_nowhere(kinds: Sequence[Kind]) -> tuple[Unread, ...]:
    """What no fingerprint of the fleet read."""
    one = kinds[0].fingerprint
    return tuple(gap for gap in gaps(compare(one, one)) if all(_misses(kind, gap.path) for kind in kinds))


def _misses(kind: Kind, path: str) -> bool:
    setting = kind.settings.get(path)
    return setting.value is None if setting is not None else path in kind.alike.digest.unread


def _root(path: str, kind: Kind) -> tuple[str, str]:
    """The prefix, section or setting that was not read as a whole, and why."""
    reading = reading_of(path, kind.fingerprint, kind.settings)
    reason = reading.reason if isinstance(reading, NotRead | Withheld) else ""
    if path in kind.settings or isinstance(reading, Withheld):
        return path, reason
    return next((prefix for prefix in _prefixes(path) if prefix in kind.alike.digest.unread), _section(path)), reason


def _prefixes(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]


def _section(path: str) -> str:
    section = path.partition(".")[0]
    return section if section in ON_REQUEST else path


def _covers(told: Unread, path: str, reason: str) -> bool:
    """A setting names first what it could not be concluded without."""
    return told.side != "left" and (told.path == path or reason.startswith(told.path))
