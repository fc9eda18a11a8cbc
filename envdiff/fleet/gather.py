"""Fingerprints, one at a time, to what tells them apart: memory grows with what differs, not with what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from envdiff.errors import UnusableInput
from envdiff.fingerprint import FactValue, Fingerprint, load
from envdiff.fleet.files import files_of
from envdiff.fleet.harmless import Harmless
from envdiff.fleet_report import Member, NotRead
from envdiff.rulebook import Rulebook

T = TypeVar("T")

KEPT = 64  # fingerprints at a time
# Of a fact that cannot matter, only that it is there: container ids are never the same twice.
THERE = True


@dataclass(frozen=True)
class Digest:
    """What one fingerprint has otherwise than the first one: ``gone`` are facts that only the first has."""

    own: tuple[tuple[str, FactValue], ...]
    gone: tuple[str, ...]
    kind: str
    unread: tuple[str, ...]
    withheld: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(eq=False)
class Alike:
    """Fingerprints with one digest. ``sample`` stands for all, and ``reasons`` are why it could not read what it lacks.

    It is the first by path, in whatever order the files are read.
    """

    digest: Digest
    sample: Member
    reasons: tuple[str, ...]
    members: list[Member] = field(default_factory=list)

    def add(self, member: Member, reasons: tuple[str, ...]) -> None:
        """One more of them."""
        self.members.append(member)
        if member.path < self.sample.path:
            self.sample, self.reasons = member, reasons


@dataclass(frozen=True)
class Gathered:
    """A fleet that was read. ``varied`` are facts that differ and never matter, ``not_read`` files that gave nothing."""

    first: Fingerprint
    alike: tuple[Alike, ...]
    varied: frozenset[str]
    not_read: tuple[NotRead, ...]

    @cached_property
    def count(self) -> int:
        """How many fingerprints were read."""
        return sum(len(one.members) for one in self.alike)

    @cached_property
    def _made(self) -> dict[Alike, Fingerprint]:
        return {}

    def fingerprint(self, one: Alike) -> Fingerprint:
        """A fingerprint that says what those of ``one`` say. Few are kept: they are quickly made."""
        made = self._made.get(one)
        if made is None:
            if len(self._made) >= KEPT:
                self._made.clear()
            made = self._made[one] = self._make(one)
        return made

    def _make(self, one: Alike) -> Fingerprint:
        digest, sample = one.digest, one.sample
        facts = {**self.first.facts, **dict(digest.own)}
        for path in digest.gone:
            del facts[path]
        return replace(
            self.first,
            label=sample.label,
            kind=digest.kind,
            facts=facts,
            unread=dict(zip(digest.unread, one.reasons, strict=True)),
            withheld=dict(digest.withheld),
        )


def gather(paths: Iterable[Path], book: Rulebook, tell: Callable[[int], None] = lambda _: None) -> Gathered:
    """Read everything below ``paths``; ``tell`` is given the number of files so far.

    A file that cannot be used is named in the result. Raises :class:`UnusableInput` when none could be.
    """
    weave = Weave(Harmless(book))
    not_read: list[NotRead] = []
    for number, file in enumerate(files_of(paths)):
        tell(number)
        try:
            if isinstance(file, UnusableInput):
                raise file
            weave.add(load(file), str(file))
        except UnusableInput as error:
            not_read.append(NotRead(error.subject or str(file), error.message, error.hint or ""))
    return weave.gathered(tuple(not_read))


class Weave:
    """The first fingerprint whole, and of every other what it has otherwise."""

    def __init__(self, harmless: Harmless) -> None:
        self._harmless = harmless
        self._first: Fingerprint | None = None
        self._alike: dict[tuple[object, ...], Alike] = {}
        self._varied: set[str] = set()
        self._kept: dict[object, Any] = {}

    def add(self, one: Fingerprint, path: str) -> None:
        if self._first is None:
            facts = {path: THERE if path in self._harmless else value for path, value in one.facts.items()}
            self._first = replace(one, facts=facts, document={}, outputs=None, folder=None)
            self._raw = dict(one.facts)
        digest = self._digest(one)
        # Types count: to a setting 1 and true are not the same.
        sign = (digest, tuple(type(value) for _, value in digest.own))
        member, reasons = Member(path, self._keep(one.label)), self._keep(tuple(one.unread.values()))
        alike = self._alike.get(sign)
        if alike is None:
            alike = self._alike[sign] = Alike(digest, member, reasons)
        alike.add(member, reasons)

    def _digest(self, one: Fingerprint) -> Digest:
        assert self._first is not None
        facts, raw = one.facts, self._raw
        own = []
        for path, value in facts.items():
            other = raw.get(path, self)
            if other is value or (other == value and type(other) is type(value)):
                continue
            if path not in self._harmless:
                own.append((self._keep(path), self._keep(value)))
                continue
            self._varied.add(path)
            if path not in raw:
                own.append((self._keep(path), THERE))
        gone = raw.keys() - facts.keys()
        self._varied.update(path for path in gone if path in self._harmless)
        return Digest(
            own=tuple(sorted(own, key=lambda pair: pair[0])),
            gone=tuple(sorted(gone)),
            kind=self._keep(one.kind),
            unread=self._keep(tuple(one.unread)),
            withheld=self._keep(tuple(one.withheld.items())),
        )

    def _keep(self, value: T) -> T:
        """One object for all that are equal."""
        kept: T = self._kept.setdefault((type(value), value), value)
        return kept

    def gathered(self, not_read: tuple[NotRead, ...]) -> Gathered:
        if self._first is None:
            raise _nothing(not_read)
        alike = sorted(self._alike.values(), key=lambda one: one.sample.path)
        return Gathered(self._first, tuple(alike), frozenset(self._varied), not_read)


def _nothing(not_read: tuple[NotRead, ...]) -> UnusableInput:
    if not not_read:
        return UnusableInput(
            "there is no *.json file in what was given", hint="envdiff capture -o FILE makes a fingerprint"
        )
    first = not_read[0]
    said = "it cannot be used" if len(not_read) == 1 else f"none of {len(not_read):,} files can be used"
    return UnusableInput(f"{said}; {first.path}: {first.reason}", hint=first.hint or None)
