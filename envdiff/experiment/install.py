"""The right side's interpreter, or single packages of it, made here from its fingerprint with uv or pip."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from envdiff.environments import environment, package_folder
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.knobs import digest_of
from envdiff.fingerprint import Fingerprint

PACKAGE = "packages."
# What runs pip, not TensorFlow.
TOOLS = frozenset({"pip", "setuptools", "wheel", "uv", "envdiff"})
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
VERSION = re.compile(r"[0-9][0-9A-Za-z.!+]*")


@dataclass(frozen=True)
class Installation:
    """What would be installed: a whole environment, or single packages, each in a folder of its own."""

    python: str  # the version, 3.11
    packages: Mapping[str, str]
    whole: bool

    @property
    def words(self) -> str:
        """For the question."""
        if not self.whole:
            return f"{len(self.packages)} packages, each alone: " + ", ".join(
                f"{n} {v}" for n, v in self.packages.items()
            )
        return (
            f"an environment of Python {self.python} with {len(self.packages)} packages, {_tensorflow(self.packages)}"
        )


def _tensorflow(packages: Mapping[str, str]) -> str:
    return next(
        (f"{name} {version}" for name, version in packages.items() if name.startswith("tensorflow")), "no TensorFlow"
    )


def needed(left: Fingerprint, right: Fingerprint) -> Installation | None:
    """What right has and left has not; a whole environment where TensorFlow or Python differ, None when nothing does.

    Raises UnusableInput when the fingerprint does not tell the packages.
    """
    packages = _packages(right)
    if not packages:
        raise UnusableInput(
            "the right fingerprint lists no packages", hint="capture it from its Python, or give --right-python"
        )
    version = str(right.get("python.version") or "")
    minor = ".".join(version.split(".")[:2])
    if any(left.get(path) != right.get(path) for path in ("tensorflow.version", "tensorflow.distribution")):
        return Installation(minor, packages, whole=True)
    if minor != ".".join(str(left.get("python.version") or "").split(".")[:2]):
        return Installation(minor, packages, whole=True)
    mine = _packages(left)
    other = {name: version for name, version in packages.items() if name in mine and mine[name] != version}
    return Installation(minor, other, whole=False) if other else None


def _packages(side: Fingerprint) -> dict[str, str]:
    """Packages that an index can give: nothing editable, local or built at home. Names and versions are checked: they
    become words of a command line."""
    found = {}
    for path, value in side.facts.items():
        name = path.removeprefix(PACKAGE)
        if not path.startswith(PACKAGE) or name in TOOLS or side.get(f"origins.{name}"):
            continue
        if NAME.fullmatch(name) and VERSION.fullmatch(str(value)):
            found[name] = str(value)
    return found


def install_environment(wanted: Installation, near: Path, home: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of an environment with exactly these packages. ``near`` is tried as its Python.

    Raises WorldFailed when it cannot be made.
    """
    pins = [f"{name}=={version}" for name, version in wanted.packages.items()]
    base = wanted.python if shutil.which("uv") else str(_interpreter(wanted.python, near))
    return environment(home / digest_of(wanted.python, pins), base, pins, say, exact=True)


def install_packages(
    wanted: Installation, python: Path, home: Path, say: Callable[[str], None]
) -> dict[str, tuple[str, str]]:
    """Each package in a folder of its own, for ``python``: {name: (folder, version)}. Raises WorldFailed."""
    made = {}
    for name, version in wanted.packages.items():
        folder = home / digest_of(wanted.python, name, version)
        made[name] = str(package_folder(folder, python, f"{name}=={version}", say)), version
    return made


def _interpreter(version: str, near: Path) -> Path:
    """A Python of that minor version: the one at hand, or one on PATH."""
    asked = [str(near), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
        return near
    found = shutil.which(f"python{version}")
    if found is None:
        raise WorldFailed(f"there is no Python {version} here", hint="install it, or uv, which brings it along")
    return Path(found)
