"""The TensorFlow environments of the demo: made once and found again."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from pathlib import Path

from envdiff.environments import environment


def distribution() -> str:
    """The distribution that has TensorFlow for this machine's processor without GPU libraries, if there is one."""
    slim = platform.system() in ("Linux", "Windows") and platform.machine() in ("x86_64", "AMD64")
    return "tensorflow-cpu" if slim else "tensorflow"


def tensorflow_environment(version: str, home: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment with that TensorFlow under ``home``; made at the first call, minutes.

    ``say`` is told what is being done. Raises :class:`WorldFailed` when it cannot be installed.
    """
    name = distribution()
    folder = home / f"{name}-{version}-py{sys.version_info.major}.{sys.version_info.minor}"

    def told(words: str) -> None:
        say(f"{words}: {name} {version}, some 250 MB to fetch, once")

    return environment(folder, sys.executable, [f"{name}=={version}"], told)
