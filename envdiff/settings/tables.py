"""The versioned defaults of ``defaults.json``, as questions."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from packaging.version import Version

from envdiff.settings.model import as_version, minor


@cache
def _defaults() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "defaults.json").read_bytes())
    return loaded


def onednn_default(release: tuple[int, int], system: str, architecture: str) -> str:
    """``absent``, ``off`` or ``by-processor`` for a stock build of ``release``."""
    for row in _defaults()["onednn_default"]["rows"]:
        until = as_version(row.get("until"))
        if until is not None and release >= minor(until):
            continue
        if row.get("system", system) != system or row.get("architecture", architecture) != architecture:
            continue
        return str(row["default"])
    raise AssertionError("the last row matches everything")


def onednn_cpu_features() -> tuple[str, ...]:
    """The processor features, any of which turns oneDNN on by default."""
    return tuple(_defaults()["onednn_cpu_features"]["flags"])


def native_level(flags: Collection[str]) -> str:
    """oneDNN's name for the highest level whose features ``flags`` has; ``none`` if there is not even the lowest."""
    table = _defaults()["isa_levels"]
    levels = [level["name"] for level in table["levels"] if set(level["flags"]) <= set(flags)]
    if levels:
        return str(levels[-1])
    return next((str(name) for flag, name in table["other"] if flag in flags), "none")


def cap_level(native: str, cap: str | None) -> str:
    """``native`` lowered to ``cap``; a cap that oneDNN does not know, or above the native level, changes nothing."""
    table = _defaults()["isa_levels"]
    order = [level["name"] for level in table["levels"]]
    wanted = table["aliases"].get((cap or "all").lower(), (cap or "all").lower())
    if wanted not in order or native not in order:
        return native
    return str(order[min(order.index(wanted), order.index(native))])


def float_level(level: str) -> str:
    """The class of a level for float32 arithmetic."""
    return _class_of(level, "float")


def low_precision_level(level: str) -> str:
    """The class of a level for bfloat16, float16 and int8."""
    return _class_of(level, "low")


def _class_of(level: str, which: str) -> str:
    for row in _defaults()["isa_levels"]["levels"]:
        if row["name"] == level:
            return str(row[which])
    return level if which == "float" else "none"


def tf32_since() -> tuple[int, int]:
    """The first release that uses TF32 unless told otherwise."""
    version = as_version(_defaults()["tf32"]["since"])
    assert version is not None
    return minor(version)


def tf32_capability() -> str:
    """The lowest compute capability that has TF32."""
    return str(_defaults()["tf32"]["capability"])


def oldest_gpu_to_ask_about() -> Version:
    """The lowest compute capability for which it is known which CUDA release was the first with code for it."""
    return Version(min(_defaults()["cuda_for_gpu"]["first"], key=int))


def cuda_for(generation: int) -> str | None:
    """The first CUDA release with code for GPUs of this major compute capability, None where that is not known."""
    found = _defaults()["cuda_for_gpu"]["first"].get(str(generation))
    return None if found is None else str(found)


def cuda_of_release(release: tuple[int, int]) -> str | None:
    """The CUDA release that stock wheels of ``release`` are built with, None before there was one to tell."""
    rows = _defaults()["cuda_of_release"]["rows"]
    found = [cuda for since, cuda in rows if (first := as_version(since)) is not None and release >= minor(first)]
    return str(found[-1]) if found else None


def no_tf32_on_rocm_until() -> tuple[int, int]:
    """The last release known to ask no library of AMD's for TF32."""
    version = as_version(_defaults()["tf32"]["not_on_rocm_until"])
    assert version is not None
    return minor(version)
