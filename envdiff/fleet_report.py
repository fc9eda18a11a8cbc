"""The finished answer about many environments, as frozen plain data: what :mod:`envdiff.fleet` decides.

Groups are called A, B, C by size. A is the one that the others are held against: in a finding it stands on the left.
"""

from __future__ import annotations

from dataclasses import dataclass

from envdiff.report import Answer, Finding, Unread, Verdict


@dataclass(frozen=True)
class Member:
    """One fingerprint: its file as the user would name it, and what it calls itself."""

    path: str
    label: str


@dataclass(frozen=True)
class Group:
    """Fingerprints that are equal in effect.

    ``words`` say what sets it apart. ``causes`` are rules and ``unexplained`` are paths by which it differs from group A.
    ``lacks`` is what could not be compared with it; then ``could_be`` names the groups that it may belong to.
    ``headline`` are (name, value) pairs of one member, ``also_apart`` groups that only this one differs from.
    """

    name: str
    words: str
    members: tuple[Member, ...]
    verdict: Verdict
    causes: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    lacks: tuple[Unread, ...] = ()
    could_be: tuple[str, ...] = ()
    also_apart: tuple[str, ...] = ()
    headline: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class Value:
    """One of the values that a setting or fact has in the fleet, and the groups that have it."""

    text: str
    groups: tuple[str, ...]
    fingerprints: int


@dataclass(frozen=True)
class Split:
    """A setting or fact that groups differ in."""

    path: str
    values: tuple[Value, ...]
    groups: tuple[str, ...]  # those that differ from group A in it
    fingerprints: int  # in those groups


@dataclass(frozen=True)
class Cause(Split):
    """A split that can move predictions: ``finding`` has group A on the left and group ``beside`` on the right."""

    finding: Finding
    beside: str


@dataclass(frozen=True)
class Folded:
    """Facts that differ within the fleet without splitting it, with the reason that they share."""

    paths: tuple[str, ...]
    rule: str
    why: str


@dataclass(frozen=True)
class NotRead:
    """A file that could not be used."""

    path: str
    reason: str
    hint: str


@dataclass(frozen=True)
class FleetReport:
    """The whole answer. ``standing`` is what is wrong in group A itself, ``unread`` what was read in no fingerprint."""

    answer: Answer
    read: int
    groups: tuple[Group, ...]
    causes: tuple[Cause, ...] = ()
    unexplained: tuple[Split, ...] = ()
    standing: tuple[Finding, ...] = ()
    folded: tuple[Folded, ...] = ()
    ignored: tuple[Folded, ...] = ()
    unread: tuple[Unread, ...] = ()
    not_read: tuple[NotRead, ...] = ()
