"""What lies at a path: which kind of model, and which version of it a server would answer from."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from envdiff.errors import UnusableInput
from envdiff.model.files import inside, read_head


class Form(StrEnum):
    SAVED_MODEL = "savedmodel"
    KERAS = "keras"
    HDF5 = "hdf5"
    TFLITE = "tflite"
    CHECKPOINT = "checkpoint"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Located:
    """``path`` is the directory, file or checkpoint prefix to read; the rest tells how it was chosen.

    ``versions`` are the numbers a server would see under a base path, ``broken`` those without a ``saved_model.pb``,
    ``collisions`` directory names that mean a number another directory wins.
    """

    asked: Path
    path: Path
    form: Form
    version: int | None = None
    versions: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    collisions: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


# absl::SimpleAtoi, with which the server reads directory names: spaces, a sign and leading zeros are accepted.
_VERSION = re.compile(r"^\s*\+?(\d{1,25})\s*$", re.ASCII)
_INT64_MAX = 2**63 - 1
_CHILDREN = 100_000

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"
_FIRST_NODE = b"\x0a"  # how a GraphDef begins
_WANTED = (
    "wanted: a SavedModel directory, a base path with version directories, a .keras, .h5 or .tflite file, "
    "a frozen graph (.pb) or a checkpoint prefix"
)


def locate(path: Path | str) -> Located:
    """Find the model; raises :class:`UnusableInput` when nothing that can be read is there."""
    asked = Path(path).expanduser()
    try:
        mode = asked.stat().st_mode
    except OSError as error:
        return _prefix_or_missing(asked, error)
    except ValueError as error:
        raise UnusableInput("this is not a path", subject=repr(str(asked)), hint=_WANTED) from error
    if stat.S_ISDIR(mode):
        return _directory(asked)
    if not stat.S_ISREG(mode):
        raise UnusableInput("this is neither a file nor a directory", subject=str(asked), hint=_WANTED)
    return _file(asked)


def _prefix_or_missing(asked: Path, error: OSError) -> Located:
    index = asked.with_name(asked.name + ".index") if asked.name else asked
    try:
        if index.is_file():
            return Located(asked, asked, Form.CHECKPOINT)
    except OSError:
        pass  # the name is too long or its directory cannot be entered: the first error says it better
    raise UnusableInput(f"no model can be read there: {error.strerror}", subject=str(asked), hint=_WANTED) from error


def _file(asked: Path) -> Located:
    head = read_head(asked, 16)
    if asked.name in {"saved_model.pb", "saved_model.pbtxt"}:
        return _directory(asked.parent)
    if asked.suffix == ".index":
        return Located(asked, asked.with_suffix(""), Form.CHECKPOINT)
    if head.startswith(_HDF5_MAGIC):
        return Located(asked, asked, Form.HDF5)
    if head.startswith(_ZIP_MAGIC):
        return Located(asked, asked, Form.KERAS)
    if head[4:8] == b"TFL3" or asked.suffix == ".tflite":
        return Located(asked, asked, Form.TFLITE)
    if asked.suffix == ".pb" and head[:1] == _FIRST_NODE:
        return Located(asked, asked, Form.FROZEN)
    raise UnusableInput("this file is not a model: " + _first_bytes(asked, head), subject=str(asked), hint=_WANTED)


def _first_bytes(asked: Path, head: bytes) -> str:
    if not head:
        return "it is empty"
    if asked.suffix in {".h5", ".hdf5", ".keras"}:
        return f"named {asked.suffix}, but it does not begin like one (it may be half copied)"
    return f"it begins with {head[:8].hex()}"


def _directory(asked: Path) -> Located:
    if inside(asked, "saved_model.pb"):
        return Located(asked, asked, Form.SAVED_MODEL, version=_number(asked.name))
    if inside(asked, "saved_model.pbtxt"):
        raise UnusableInput(
            "the model is stored as text (saved_model.pbtxt), which only TensorFlow itself reads",
            subject=str(asked),
            hint="save it again without as_text=True",
        )
    return _base_path(asked) or _checkpoint_directory(asked) or _nothing(asked)


def _number(name: str) -> int | None:
    match = _VERSION.match(name)
    value = int(match.group(1)) if match else -1
    return value if 0 <= value <= _INT64_MAX else None


def _children(base: Path) -> list[str]:
    names = []
    for child in base.iterdir():
        names.append(child.name)
        if len(names) > _CHILDREN:
            raise UnusableInput(f"more than {_CHILDREN} entries", subject=str(base), hint=_WANTED)
    return sorted(names)


def _base_path(base: Path) -> Located | None:
    chosen: dict[int, str] = {}
    collisions, ignored = [], []
    for name in _children(base):
        found = inside(base, name)
        if found is None or not found.is_dir():
            continue
        number = _number(name)
        if number is None:
            ignored.append(name)
        else:
            if number in chosen:  # the later in sort order wins, with no more than a log line
                collisions.append(chosen[number])
            chosen[number] = name
    whole = {number for number, name in chosen.items() if inside(base, f"{name}/saved_model.pb")}
    if not whole:
        return None
    served = max(whole)
    versions = tuple(sorted(chosen))
    broken = tuple(number for number in versions if number not in whole)
    return Located(
        base, base / chosen[served], Form.SAVED_MODEL, served, versions, broken, tuple(collisions), tuple(ignored)
    )


_STATE = re.compile(rb'^model_checkpoint_path:\s*"([^"\\]{1,4000})"', re.MULTILINE)


def _checkpoint_directory(base: Path) -> Located | None:
    if not inside(base, "checkpoint"):
        return None
    match = _STATE.search(read_head(base / "checkpoint", 1 << 16))
    name = Path(match.group(1).decode(errors="replace")).name if match else ""
    if name and inside(base, name + ".index"):
        return Located(base, base / name, Form.CHECKPOINT)
    return None


def _nothing(asked: Path) -> Located:
    names = _children(asked)
    numbers = [name for name in names if _number(name) is not None]
    if numbers:
        message = f"no version directory holds a saved_model.pb ({', '.join(numbers[:5])}): half copied?"
    elif "variables" in names or "variables.index" in names:
        message = "there are variables but no saved_model.pb: half copied?"
    else:
        message = "the directory holds no saved_model.pb, no version directory and no checkpoint"
    raise UnusableInput(message, subject=str(asked), hint=_WANTED)
