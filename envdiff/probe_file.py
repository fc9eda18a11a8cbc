"""Where the probes are: beside the package in the repository, inside it in a wheel."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from envdiff.errors import WorldFailed


def probe_path(name: str = "envprobe.py") -> Path:
    """The probe as a file. Raises :class:`WorldFailed` if the installation is incomplete."""
    package = Path(str(resources.files("envdiff")))
    for folder in (package / "_probes", package.parent / "probes"):
        if (folder / name).is_file():
            return folder / name
    raise WorldFailed(f"the probe {name} is missing from this installation", hint="install envdiff again")
