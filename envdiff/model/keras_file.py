"""``.keras`` archives: a zip of ``metadata.json``, ``config.json``, ``model.weights.h5`` and assets.

Nothing is unpacked under a name from the archive, nothing is unpickled, no layer is built.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.model.files import FileRecord, open_regular
from envdiff.model.hdf5 import Hdf5Source
from envdiff.model.layers import KerasConfig, keras_config, parse_json

_ENTRIES = 20_000
_JSON = 64 << 20
_FREE, _RATIO = 1 << 20, 200  # what is larger is not unpacked when it is packed more tightly than this
_LARGE, _LARGE_RATIO = 64 << 20, 20  # weights of that size hardly shrink at all
_CHUNK = 1 << 20
_WEIGHTS = ("model.weights.h5", "weights.h5")
_CORRUPT = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    LookupError,
)


@dataclass(frozen=True)
class KerasArchive:
    """``members`` lists what is in it. ``weights`` reads the member again."""

    config: KerasConfig | None
    members: list[FileRecord]
    weights: Hdf5Source | None


def read_archive(path: Path) -> KerasArchive:
    """Raises :class:`UnusableInput` for what is not a zip file or not a Keras one."""
    with open_regular(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                return _read(archive, path)
        except _CORRUPT as error:
            if isinstance(error, UnusableInput):
                raise
            raise UnusableInput(
                f"this archive cannot be read: {error}", subject=str(path), hint="copy it again; compare its size"
            ) from error


def _read(archive: zipfile.ZipFile, path: Path) -> KerasArchive:
    infos = archive.infolist()
    if len(infos) > _ENTRIES:
        raise UnusableInput(f"the archive holds more than {_ENTRIES} files", subject=str(path))
    total, real = sum(info.file_size for info in infos), path.stat().st_size
    if _is_bomb(total, real):
        raise UnusableInput(f"{total} bytes packed into {real}: not unpacked", subject=str(path))
    names = [info.filename for info in infos]
    if "config.json" not in names and not set(_WEIGHTS) & set(names):
        raise UnusableInput("this zip file holds no config.json and no weights: not a Keras model", subject=str(path))
    members: list[FileRecord] = []
    weights = None
    for info in infos:
        if info.is_dir():
            continue
        why = _refused(info)
        digest = None
        if not why:
            digest = _digest(archive, info)
            if info.filename in _WEIGHTS:
                weights = Hdf5Source(path, info.filename)
        members.append(FileRecord(info.filename, info.file_size, digest, why))
    return KerasArchive(_config(archive, names), members, weights)


def _refused(info: zipfile.ZipInfo) -> str:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or info.filename.startswith(("/", "\\")) or ":" in parts[0]:
        return "its name leads out of the archive: not read"
    if _is_bomb(info.file_size, max(info.compress_size, 1)):
        return f"{info.file_size} bytes packed into {info.compress_size}: not unpacked"
    if info.flag_bits & 1:
        return "encrypted: not read"
    return ""


def _is_bomb(size: int, packed: int) -> bool:
    return (size > _FREE and size > _RATIO * packed) or (size > _LARGE and size > _LARGE_RATIO * packed)


def pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    """The member in chunks, never more bytes than it declared."""
    left = info.file_size
    with archive.open(info) as member:
        while chunk := member.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise UnusableInput("a member of the archive is larger than it says", subject=info.filename)
            yield chunk


def _digest(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    total = hashlib.sha256()
    for chunk in pieces(archive, info):
        total.update(chunk)
    return total.hexdigest()


def _json_member(archive: zipfile.ZipFile, name: str) -> Any:
    info = archive.getinfo(name)
    if info.file_size > _JSON or _refused(info):
        raise UnusableInput(f"{name} is larger than {_JSON} bytes or packed like a bomb", subject=name)
    return parse_json(b"".join(pieces(archive, info)), name)


def _config(archive: zipfile.ZipFile, names: list[str]) -> KerasConfig | None:
    if "config.json" not in names:
        return None
    metadata = _json_member(archive, "metadata.json") if "metadata.json" in names else {}
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    return keras_config(_json_member(archive, "config.json"), str(version or ""))
