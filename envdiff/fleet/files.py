"""Which files a fleet is made of."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from envdiff.errors import UnusableInput

SUFFIX = ".json"


def files_of(paths: Iterable[Path]) -> Iterator[Path | UnusableInput]:
    """The files among ``paths`` and the ``*.json`` below its folders, each once; what cannot be listed is an error.

    A file that is not there is given all the same: reading it says so.
    """
    seen: set[tuple[int, int]] = set()
    for path in paths:
        for found in _below(path) if path.is_dir() else (path,):
            # The same file may be reached twice: named beside its folder, or through a link.
            if isinstance(found, UnusableInput) or _is_new(found, seen):
                yield found


def _below(folder: Path) -> Iterator[Path | UnusableInput]:
    refused: list[OSError] = []
    for place, folders, names in os.walk(folder, onerror=refused.append):
        folders.sort()
        yield from (Path(place, name) for name in sorted(names) if name.endswith(SUFFIX))
    for error in refused:
        yield UnusableInput(f"the folder cannot be listed: {error.strerror}", subject=str(error.filename))


def _is_new(file: Path, seen: set[tuple[int, int]]) -> bool:
    try:
        status = file.stat()
    except OSError:
        return True
    sign = (status.st_dev, status.st_ino)
    if sign in seen:
        return False
    seen.add(sign)
    return True
