"""A switch is two patches of knobs, left's and right's, and what the process of a trial must show of itself in either
position. A trial that does not show it is void: nothing was thrown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from envdiff.experiment.knobs import Knobs

PLACES = frozenset({"interpreter", "image", "node"})  # switches that change where the model runs, whole
UNTOLD = object()  # a trial in this position need not show anything


@dataclass(frozen=True)
class Shows:
    """``path`` must read ``left`` or ``right`` in a trial's own fingerprint; None: absent; UNTOLD: anything."""

    path: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Switch:
    """``about`` is the setting or fact of the report that it throws; ``said`` its positions in words, where the knobs
    would only name places of this machine."""

    name: str
    about: str
    left: Knobs
    right: Knobs
    shows: tuple[Shows, ...] = ()
    said: tuple[str, str] = ("", "")

    def void(self, thrown: bool, evidence: Mapping[str, Any]) -> str:
        """Why the position did not take effect; empty when it did, or when nothing can be shown of it."""
        for one in self.shows:
            wanted = one.right if thrown else one.left
            got = evidence.get(one.path)
            if wanted is not UNTOLD and _plain(got) != _plain(wanted):
                return f"{self.name}: the process shows {one.path} = {_said(got)}, not {_said(wanted)}"
        return ""


@dataclass(frozen=True)
class Lost:
    """A mismatch that no switch can throw here, and why."""

    about: str
    why: str


@dataclass(frozen=True)
class Plan:
    """``base`` is left as it is run; throwing all switches gives right as far as it can be re-created here."""

    base: Knobs
    switches: tuple[Switch, ...]
    lost: tuple[Lost, ...] = ()

    def knobs(self, thrown: Iterable[str]) -> dict[str, Any]:
        """What a trial with these switches thrown is told."""
        laid = dict(self.base)
        names = frozenset(thrown)
        for switch in self.switches:
            laid.update(switch.right if switch.name in names else switch.left)
        return laid

    def void(self, thrown: Iterable[str], evidence: Mapping[str, Any]) -> str:
        """Why a trial proves nothing: the first switch that did not take effect; empty when all did."""
        names = frozenset(thrown)
        voids = (switch.void(switch.name in names, evidence) for switch in self.switches)
        return next((why for why in voids if why), "")


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)
