"""A model's base path: which children are versions, which of them the policy serves, what is wrong with them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

INT64 = (-(2**63), 2**63 - 1)
# What absl's SimpleAtoi takes: blanks around, one sign, decimal digits.
NUMBER = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*")
GRAPHS = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")
# Files beside the graph and the weights that change how the server runs them; Python's loader reads none of them.
OVERRIDES = ("assets.extra/saved_model_config.pb", "batching_params.pbtxt", "model.tflite")
WARMUP = "assets.extra/tf_serving_warmup_requests"
# How soon after the start the server may still be reading files that were there before it.
MARGIN_S = 1.0


@dataclass(frozen=True)
class Entry:
    """One file below a directory. ``changed`` is the later of its two times, in seconds since 1970."""

    path: str
    kind: str  # file | folder | link | other
    size: int
    changed: float


@dataclass(frozen=True)
class VersionDirectory:
    """One number-named child."""

    name: str
    number: int
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Policy:
    """``latest`` N, ``all``, or ``specific`` numbers."""

    kind: str = "latest"
    count: int = 1
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.kind == "latest":
            return f"latest {self.count}"
        return "all" if self.kind == "all" else "specific " + ", ".join(map(str, self.numbers))


def version_number(name: str) -> int | None:
    """The number that the server reads from a directory's name, or None: ``01``, ``+1`` and ``1`` are the same."""
    found = NUMBER.fullmatch(name)
    number = int(found.group(1)) if found and len(name) < 64 else None
    return number if number is not None and INT64[0] <= number <= INT64[1] else None


def version_directories(entries: Sequence[Entry]) -> tuple[VersionDirectory, ...]:
    """The versions below a base path, in the order of their names; ``entries`` are paths relative to it.

    Links count: the server follows them. Plain files with a number for a name are taken as versions too, and fail.
    """
    below: dict[str, list[Entry]] = {}
    for entry in entries:
        top, _, rest = entry.path.partition("/")
        children = below.setdefault(top, [])
        if rest:
            children.append(Entry(rest, entry.kind, entry.size, entry.changed))
    found = []
    for name in sorted(below):
        number = version_number(name)
        if number is not None:
            found.append(VersionDirectory(name, number, tuple(below[name])))
    return tuple(found)


def collisions(versions: Sequence[VersionDirectory], policy: Policy) -> tuple[str, ...]:
    """``01 and 1 are both version 1; 1 is used``."""
    used = _used(versions, policy)
    return tuple(
        f"{' and '.join(one.name for one in same)} are both version {number}; {used[number].name} is used"
        for number, same in sorted(_by_number(versions).items())
        if len(same) > 1
    )


def aspired(versions: Sequence[VersionDirectory], policy: Policy) -> tuple[VersionDirectory, ...]:
    """The directories that the policy loads, lowest number first."""
    used = _used(versions, policy)
    numbers = sorted(used)
    if policy.kind == "specific":
        chosen = [number for number in numbers if number in policy.numbers]
    else:
        chosen = numbers if policy.kind == "all" else numbers[-max(policy.count, 1) :]
    return tuple(used[number] for number in chosen)


def _by_number(versions: Sequence[VersionDirectory]) -> dict[int, list[VersionDirectory]]:
    found: dict[int, list[VersionDirectory]] = {}
    for version in versions:
        found.setdefault(version.number, []).append(version)
    return found


def _used(versions: Sequence[VersionDirectory], policy: Policy) -> dict[int, VersionDirectory]:
    """Which of several directories with one number is loaded: the last by name; the first where all are wanted; and where
    numbers are named, the one that is written plainly, if each of them has such a directory."""
    same = _by_number(versions)
    if policy.kind == "all":
        return {number: found[0] for number, found in same.items()}
    last = {number: found[-1] for number, found in same.items()}
    plain = {version.number: version for version in versions if version.name == str(version.number)}
    if policy.kind == "specific" and plain.keys() >= set(policy.numbers):
        return {**last, **plain}
    return last


def missing_parts(version: VersionDirectory, index: Callable[[str], bytes | None]) -> tuple[str, ...]:
    """What a complete SavedModel would have and this has not; ``index`` reads ``variables.index``."""
    files = {entry.path: entry.size for entry in version.entries if entry.kind in ("file", "link")}
    if not files:
        return ("it has no files",)
    if "model.tflite" in files and not any(graph in files for graph in GRAPHS):
        return ()
    graphs = [graph for graph in GRAPHS if graph in files]
    lacking = [] if graphs else ["saved_model.pb is missing"]
    lacking += [f"{graph} is empty" for graph in graphs if files[graph] == 0]
    shards = [path for path in files if path.startswith("variables/variables.data-")]
    if "variables/variables.index" not in files:
        if shards:
            lacking.append("variables.index is missing, so no weights are restored")
        elif any(entry.path == "variables" for entry in version.entries):
            lacking.append("variables/ is empty: right for a model without variables only")
        return tuple(lacking)
    return (*lacking, *_missing_shards(files, shards, index("variables/variables.index")))


def _missing_shards(files: Mapping[str, int], shards: Sequence[str], index: bytes | None) -> list[str]:
    if not shards:
        return ["the weights (variables.data-*) are missing"]
    count = re.fullmatch(r".*-of-([0-9]{1,9})", shards[0], re.DOTALL)
    of = int(count.group(1)) if count else 0
    lacking = [
        f"shard {at} of {of} of the weights is missing"
        for at in range(min(of, 1000))
        if f"variables/variables.data-{at:05d}-of-{of:05d}" not in files
    ]
    lacking += [f"{shard} is empty" for shard in shards if files[shard] == 0]
    wrong = index is not None and (len(index) < FOOTER or struct.unpack("<Q", index[-8:])[0] != TABLE_MAGIC)
    return [*lacking, "variables.index is cut short"] if wrong else lacking


# The last eight bytes of a table file (tensorflow/core/lib/io/table_format.txt).
TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER = 48


def newer_files(version: VersionDirectory, started: float) -> tuple[str, ...]:
    """Files that changed after the server had started: what is in memory may be older than what is on disk."""
    late = [entry for entry in version.entries if entry.kind == "file" and entry.changed > started + MARGIN_S]
    return tuple(entry.path for entry in late)
