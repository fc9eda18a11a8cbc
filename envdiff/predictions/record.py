"""Writing named arrays from a user's own program, so that two programs can be compared step by step."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envdiff.bounded_json import loads
from envdiff.errors import UnusableInput

VARIABLE = "ENVDIFF_RECORD"
INDEX = "index.jsonl"
MOST = 100_000  # arrays in one folder
LONGEST_LINE = 1 << 16


def record(name: str, array: Any, path: str | os.PathLike[str] | None = None) -> None:
    """Add an array to the folder ``path``, or to the one that ENVDIFF_RECORD names. Does nothing when neither is given.

    ``array`` is anything NumPy can make an array of, also a TensorFlow tensor. A name used again becomes ``NAME#2``.
    Several processes may write into one folder.
    """
    folder = path or os.environ.get(VARIABLE)
    if not folder:
        return
    import numpy as np

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    value = np.asarray(array)
    dtype = value.dtype.name
    if value.dtype.kind == "O":
        value = np.asarray([item if isinstance(item, bytes) else str(item) for item in value.reshape(-1)]).reshape(
            value.shape
        )
    elif value.dtype.kind == "V" or dtype == "bfloat16":
        value = value.view(f"u{value.dtype.itemsize}")
    file = _write(target, value)
    line = json.dumps({"name": str(name), "file": file, "dtype": dtype, "pid": os.getpid()}) + "\n"
    with (target / INDEX).open("a", encoding="utf-8") as index:
        index.write(line)  # one short write: lines of several processes do not mix


def _write(folder: Path, value: Any) -> str:
    import numpy as np

    number = sum(1 for _ in folder.glob("*.npy"))
    while True:
        name = f"{number:06d}.npy"
        try:
            with (folder / name).open("xb") as file:
                np.save(file, value, allow_pickle=False)
        except FileExistsError:
            number += 1
            continue
        return name


def read_index(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(name, file, dtype) in the order of recording; without an index, the .npy files by name."""
    seen: dict[str, int] = {}
    for name, file, dtype in _entries(folder):
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name}#{seen[name]}"), file, dtype


def _entries(folder: Path) -> Iterator[tuple[str, str, str]]:
    index = folder / INDEX
    if not index.is_file():
        yield from ((file.stem, file.name, "") for file in sorted(folder.glob("*.npy")))
        return
    with index.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), "")):
            if number >= MOST:
                raise UnusableInput(f"more than {MOST} recorded arrays", subject=str(index))
            yield _entry(line, f"{index}, line {number + 1}")


def _entry(line: str, subject: str) -> tuple[str, str, str]:
    try:
        entry = loads(line)
        name, file, dtype = (str(entry[key]) for key in ("name", "file", "dtype"))
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableInput("not a line of a recording", subject=subject) from error
    if Path(file).name != file or not file.endswith(".npy"):
        raise UnusableInput("a recording names a file outside its folder", subject=subject)
    return name, file, dtype
