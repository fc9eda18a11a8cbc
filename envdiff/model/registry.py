"""The operations of TensorFlow's own registry: which are its own, stateful, or call functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Registry:
    names: frozenset[str]
    stateful: frozenset[str]
    calling: frozenset[str]


@cache
def registry() -> Registry:
    """Operations of 1.15, 2.12 and 2.21 together; see ``data/ops.txt`` for where the list comes from."""
    names, stateful, calling = set(), set(), set()
    text = files("envdiff.model").joinpath("data/ops.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, _first, _last, flags = line.split(" ")
        names.add(name)
        if "s" in flags:
            stateful.add(name)
        if "f" in flags:
            calling.add(name)
    return Registry(frozenset(names), frozenset(stateful), frozenset(calling))
