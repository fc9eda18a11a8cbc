"""Making a TensorFlow environment once and finding it again."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from envdiff.errors import WorldFailed

INSTALL_LIMIT_S = 1800
LOCK_POLL_S = 1.0


def distribution() -> str:
    """The distribution that has TensorFlow for this machine's processor without GPU libraries, if there is one."""
    slim = platform.system() in ("Linux", "Windows") and platform.machine() in ("x86_64", "AMD64")
    return "tensorflow-cpu" if slim else "tensorflow"


def tensorflow_environment(version: str, home: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment with that TensorFlow under ``home``; made at the first call, minutes.

    ``say`` is told what is being done. Raises :class:`WorldFailed` when it cannot be installed.
    """
    tag = f"{distribution()}-{version}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = home / tag
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / ".complete"
    with _alone(home / f"{tag}.lock"):
        if not done.exists():
            say(f"installing {distribution()} {version} into {folder} (some 250 MB to fetch, once)")
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, python, version)
            done.touch()
    return python


def _install(folder: Path, python: Path, version: str) -> None:
    wanted = f"{distribution()}=={version}"
    uv = shutil.which("uv")
    if uv:
        steps = [
            [uv, "venv", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--python", str(python), wanted],
        ]
    else:
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", wanted]
        steps = [[sys.executable, "-m", "venv", str(folder)], pip]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise WorldFailed(
                f"{wanted} cannot be installed: {lines[-1].strip()[:300] if lines else 'no reason given'}",
                subject=str(folder),
                hint="is the package index reachable, and does this Python version have that TensorFlow?",
            )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time: two test workers must not fill one folder."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOCK_POLL_S)
        yield
