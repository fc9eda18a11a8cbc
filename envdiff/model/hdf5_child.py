"""Reads HDF5 files in a process of its own, which answers questions about one file on its standard output.

The C library that reads HDF5 is brought to its knees by a damaged file now and then: it overruns memory, it turns in
circles. Then this process dies and :mod:`envdiff.model.hdf5` says so. Nothing is followed out of the file, and no size
in it is believed. A question is a line of JSON; so is an answer, followed by as many bytes as it says.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import IO, Any

from envdiff.errors import UnusableInput
from envdiff.model import requires

_CHUNK_BYTES = 1 << 22
_DATASETS = 200_000
_DEPTH = 32
_RATIO = 64  # a dataset that claims more bytes than this many times its file is not read
_FREE = 64 << 20  # below this, a claim costs nothing
_STEP = 1 << 30  # bytes that are read at once at most: one row, or one row of chunks
_ATTRIBUTE = 64 << 20
_ADDRESS_SPACE = 6 << 30  # of this process: h5py, NumPy and two steps

_ERRORS = (
    OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, UnicodeError, OverflowError, MemoryError,
)  # fmt: skip


def main(path: str, member: str) -> None:
    """Until standard input ends: whoever asks has gone then."""
    _bound_itself()
    with suppress(BrokenPipeError):
        serve(path, member, sys.stdin.buffer, sys.stdout.buffer)


def serve(path: str, member: str, questions: IO[bytes], out: IO[bytes]) -> None:
    """First whether the file can be opened, then one answer a question."""
    try:
        opened = requires.h5py().File(_extracted(path, member) if member else path, "r")
    except (*_ERRORS, UnusableInput, zipfile.BadZipFile, zlib.error, EOFError) as error:
        _answer(out, {"error": f"this HDF5 file cannot be opened: {error}"})
        return
    _answer(out, {})
    for line in questions:
        question = json.loads(line)
        try:
            answer, data = _OPERATIONS[question["op"]](opened, question)
        except UnusableInput as error:
            _answer(out, {"error": error.message})
        except _ERRORS as error:
            _answer(out, {"error": f"this HDF5 file cannot be read: {error}"})
        else:
            _answer(out, answer, data)


def _answer(out: IO[bytes], answer: dict[str, Any], data: bytes = b"") -> None:
    out.write(json.dumps({**answer, "bytes": len(data)}).encode() + b"\n" + data)
    out.flush()


def _bound_itself() -> None:
    """A limit on memory where the system has one, and no core file."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_AS, _ADDRESS_SPACE), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(what)[1]
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _extracted(path: str, member: str) -> IO[bytes]:
    """A nameless temporary copy: HDF5 needs to seek, which a packed member cannot. The archive was checked before."""
    from envdiff.model.keras_file import pieces

    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  open as long as this process
    with zipfile.ZipFile(path) as archive:
        for piece in pieces(archive, archive.getinfo(member)):
            copy.write(piece)
    copy.seek(0)
    return copy


def _tensors(file: Any, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Every dataset with the checksum of its bytes, and what was left out: path -> reason."""
    unread: dict[str, str] = {}
    size = file.id.get_filesize()
    if size == 0:  # a file object does not tell
        size = Path(question["path"]).stat().st_size
    rows = [_tensor(path, one, size, unread, sha256=question["sha256"]) for path, one in _datasets(file, unread)]
    return {"tensors": [row for row in rows if row is not None], "unread": unread}, b""


def _attributes(file: Any, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    found = {name: _text_attribute(file, name) for name in question["names"]}
    return {"attributes": {name: value for name, value in found.items() if value is not None}}, b""


def _elements(file: Any, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Elements ``start`` to ``stop`` of the flattened dataset; whole rows are read to get them."""
    array = _flat(file[question["key"]], question["start"], question["stop"])
    if array.dtype.hasobject:
        raise TypeError("its elements have no fixed size")
    return {"dtype": array.dtype.str}, array.tobytes()


_OPERATIONS = {"tensors": _tensors, "attributes": _attributes, "elements": _elements}


def _flat(dataset: Any, start: int, stop: int) -> Any:
    numpy = requires.numpy()
    if not dataset.shape:
        return _little(numpy.asarray(dataset[()]).reshape(1)[start:stop])
    row = prod(dataset.shape[1:])
    if row == 0:
        return numpy.zeros(0, dataset.dtype)
    first, last = start // row, -(-stop // row)
    rows = numpy.asarray(dataset[first:last]).reshape(-1)
    return _little(rows[start - first * row : stop - first * row])


def _little(array: Any) -> Any:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _datasets(file: Any, unread: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Groups are entered once each, hard links only: soft and external links are named, never followed."""
    h5py = requires.h5py()
    stack: list[tuple[str, Any, int]] = [("", file["/"], 0)]
    seen: set[Any] = set()
    count = 0
    while stack:
        path, group, depth = stack.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            full = f"{path}/{name}" if path else name
            count += 1
            if count > _DATASETS:
                unread[path or "/"] = f"more than {_DATASETS} objects: the rest was not read"
                return
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                unread[full] = "a link to elsewhere: not followed"
                continue
            child = group[name]
            if isinstance(child, h5py.Dataset):
                yield full, child
            elif isinstance(child, h5py.Group) and depth < _DEPTH:
                stack.append((full, child, depth + 1))
            elif isinstance(child, h5py.Group):
                unread[full] = f"groups nested deeper than {_DEPTH}"


def _refused(dataset: Any, file_size: int) -> str:
    """Why the bytes of this dataset are not read, or nothing."""
    if dataset.external:
        return "its bytes are in another file: not followed"
    if dataset.is_virtual:
        return "a view of other files: not followed"
    claimed = prod(dataset.shape or ()) * dataset.dtype.itemsize
    if claimed > _FREE and claimed > _RATIO * file_size:
        return f"claims {claimed} bytes in a file of {file_size}: not read"
    chunk = prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if chunk > _FREE and chunk > claimed:
        return f"claims chunks of {chunk} bytes: not read"
    step = _step(dataset) * dataset.dtype.itemsize
    if min(step, claimed) > _STEP:
        return f"a row of it, or of its chunks, takes {min(step, claimed)} bytes: not read"
    return ""


def _tensor(
    path: str, dataset: Any, file_size: int, unread: dict[str, str], *, sha256: bool
) -> tuple[str, str, list[int], int, int | None, str | None] | None:
    """(path, element type, shape, bytes, CRC-32C, SHA-256); None for a dataset without a space."""
    if dataset.shape is None:
        return None
    kind = _type_name(dataset.dtype)
    why = _refused(dataset, file_size)
    if why:
        unread[path] = why
    if why or not kind or kind == "string":
        return path, kind or str(dataset.dtype), list(dataset.shape), 0, None, None
    crc, sha = _sums(dataset, sha256=sha256)
    return path, kind, list(dataset.shape), prod(dataset.shape) * dataset.dtype.itemsize, crc, sha


def _type_name(dtype: Any) -> str:
    """TensorFlow's name of the element type; empty for compound and other types that are no weights.

    Keras stores bfloat16 as a two-byte opaque type tagged with its name, or widened to float32.
    """
    if dtype.kind in "OSU":
        return "string"
    if dtype.kind == "V":
        return "bfloat16" if dtype.itemsize == 2 and not dtype.names else ""
    return str(dtype.newbyteorder("=").name)


def _sums(dataset: Any, *, sha256: bool) -> tuple[int, str | None]:
    crc32c = requires.crc32c()
    total = prod(dataset.shape)
    crc, sha = 0, hashlib.sha256()
    for start, stop in _steps(dataset, total):
        data = _flat(dataset, start, stop).tobytes()
        crc = crc32c.extend(crc, data)
        if sha256:
            sha.update(data)
    return crc, sha.hexdigest() if sha256 else None


def _steps(dataset: Any, total: int) -> Iterator[tuple[int, int]]:
    step = _step(dataset)
    for start in range(0, total, step):
        yield start, min(total, start + step)


def _step(dataset: Any) -> int:
    """Elements in whole rows of about 4 MiB, and in whole chunks where the dataset is chunked."""
    width = max(dataset.dtype.itemsize, 1)
    row = max(prod(dataset.shape[1:]), 1) if dataset.shape else 1
    rows = max(1, _CHUNK_BYTES // (row * width))
    if dataset.chunks:
        rows = -(-rows // max(dataset.chunks[0], 1)) * max(dataset.chunks[0], 1)
    return int(rows * row)


def _text_attribute(file: Any, name: str) -> str | None:
    """A string attribute of the file, None when absent."""
    if name not in file.attrs:
        return None
    if file.id.get_filesize() > 0 and file.attrs.get_id(name).get_storage_size() > _ATTRIBUTE:
        raise UnusableInput(f"the attribute {name} is larger than {_ATTRIBUTE} bytes")
    value = file.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
