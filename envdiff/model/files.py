"""Every file of a model with its size and digest; nothing here trusts what a directory entry claims to be."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from envdiff.errors import UnusableInput

CHUNK = 1 << 20
_FILES = 20_000
_DEPTH = 24
_LINKS = 16


@dataclass(frozen=True)
class FileRecord:
    """``relative`` has forward slashes. ``digest`` is None when the content was not read; ``why`` then says so."""

    relative: str
    size: int
    digest: str | None
    why: str = ""


def open_regular(path: Path) -> BinaryIO:
    """Open for reading if it is a regular file; a fifo or device neither blocks nor is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnusableInput(f"the file cannot be opened: {reason}", subject=str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnusableInput("this is not a regular file", subject=str(path))
    return os.fdopen(descriptor, "rb")


def read_head(path: Path, size: int) -> bytes:
    with open_regular(path) as stream:
        return stream.read(size)


def read_whole(path: Path, limit: int) -> bytes:
    """All of a file of at most ``limit`` bytes."""
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise UnusableInput(f"the file is larger than {limit} bytes, which such a file never is", subject=str(path))
    return data


def sha256_of(stream: BinaryIO) -> str:
    total = hashlib.sha256()
    while chunk := stream.read(CHUNK):
        total.update(chunk)
    return total.hexdigest()


def inside(root: Path, relative: str) -> Path | None:
    """``root/relative`` with symbolic links followed as long as they stay below ``root``; None if absent or outside.

    Links are followed by hand: below ``/proc/PID/root`` the system would resolve an absolute link against the
    wrong root, and a link out of the model directory is not a part of the model.
    """
    todo = relative.split("/")[::-1]
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            if not done:
                return None
            done.pop()
            continue
        done.append(part)
        target = _link_target(root.joinpath(*done))
        if target is not None:
            links += 1
            if links > _LINKS or target.startswith("/"):
                return None
            done.pop()
            todo.extend(target.split("/")[::-1])
    path = root.joinpath(*done)
    return path if path.exists() else None


def _link_target(path: Path) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 - a plain string: Path would drop a trailing ".."
    except (OSError, ValueError):
        return None


def walk(root: Path) -> Iterator[tuple[str, os.stat_result | None, str]]:
    """Every entry below ``root`` that is not a directory: (relative path, its status, why it cannot be read)."""
    stack = [("", 0)]
    count = 0
    while stack:
        folder, depth = stack.pop()
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            relative = f"{folder}/{name}" if folder else name
            count += 1
            if count > _FILES:
                yield relative, None, f"more than {_FILES} files: the rest was not looked at"
                return
            status, why, is_directory = _look(root, relative)
            if is_directory and depth < _DEPTH:
                stack.append((relative, depth + 1))
            elif is_directory:
                yield relative, None, f"directories nested deeper than {_DEPTH}"
            else:
                yield relative, status, why


def _look(root: Path, relative: str) -> tuple[os.stat_result | None, str, bool]:
    path = root / relative
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            found = inside(root, relative)
            if found is None:
                return None, "a symbolic link that leads out of the model directory or nowhere", False
            status = found.stat()
            if stat.S_ISDIR(status.st_mode):
                return None, "a symbolic link to another directory of the model", False
    except OSError as error:
        return None, f"cannot be looked at: {error.strerror}", False
    if stat.S_ISDIR(status.st_mode):
        return None, "", True
    if not stat.S_ISREG(status.st_mode):
        return None, "not a regular file (fifo, socket or device)", False
    return status, "", False


def records(root: Path, known: dict[str, str]) -> list[FileRecord]:
    """All files below ``root``, sorted; ``known`` gives digests of files whose content is not to be read."""
    result = []
    for relative, status, why in walk(root):
        if status is None:
            result.append(FileRecord(relative, 0, None, why))
        elif relative in known:
            result.append(FileRecord(relative, status.st_size, known[relative]))
        else:
            result.append(_digested(root, relative, status.st_size))
    return sorted(result, key=lambda record: record.relative)


def _digested(root: Path, relative: str, size: int) -> FileRecord:
    found = inside(root, relative)
    if found is None:
        return FileRecord(relative, size, None, "gone while reading")
    try:
        with open_regular(found) as stream:
            return FileRecord(relative, size, sha256_of(stream))
    except (UnusableInput, OSError) as error:
        return FileRecord(relative, size, None, str(error))


def digest_of_files(files: list[FileRecord]) -> str:
    """One digest over sorted (relative path, size, digest); names and contents both count."""
    total = hashlib.sha256()
    for record in sorted(files, key=lambda one: one.relative):
        total.update(f"{record.relative}\0{record.size}\0{record.digest}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
