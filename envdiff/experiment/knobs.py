"""What one trial is told: flat knobs, so that a switch, a journal and a bundle share one language.

python, image                  where the model runs: an interpreter, or an image
transport                      rest or grpc: how an image that is a model server is asked
node                           which executor runs it, where several machines take part
model                          the path of the model, as this machine sees it
way, calls                     the entry point, and how the rows are put together; see probes/trial.py
jit_compile, cast, digits      as there
cpus                           how many processors the process may use
env.NAME                       a variable; None: not set
set.PATH                       a flag set through TensorFlow's functions, by the fact that shows it
package.NAME                   a folder with another version of that package, found before the environment's own
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Knobs = Mapping[str, Any]

BATCHED = ("single", "batch")  # every trial asks both ways: half of the small differences show at one row only
ENV, SET, PACKAGE = "env.", "set.", "package."

# Variables that name places of a machine: a trial keeps its own machine's, unless a knob says otherwise.
PLACES = frozenset(
    (
        "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "KERAS_HOME", "LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD",
        "MODEL_BASE_PATH", "MODEL_NAME", "NIX_LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TF_JIT_CACHE_DIR",
        "TF_PLUGGABLE_DEVICE_LIBRARY_PATH", "TZDIR",
    )
)  # fmt: skip


def patched(knobs: Knobs, *patches: Knobs) -> dict[str, Any]:
    """``knobs`` with the patches laid over, the last one on top."""
    laid = dict(knobs)
    for patch in patches:
        laid.update(patch)
    return laid


def under(prefix: str, knobs: Knobs) -> dict[str, Any]:
    """The knobs of one kind, by the rest of their name."""
    return {name.removeprefix(prefix): value for name, value in knobs.items() if name.startswith(prefix)}


def digest_of(*parts: Any) -> str:
    """A short name for plain data, the same in every process and on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no plain data")
