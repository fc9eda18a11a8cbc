"""Weights in HDF5 files of Keras, read without following anything out of the file and without believing its sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.weights import Tensor, role_of

_CHUNK_BYTES = 1 << 22
_DATASETS = 200_000
_DEPTH = 32
_RATIO = 64  # a dataset that claims more bytes than this many times its file is not read
_FREE = 64 << 20  # below this, a claim costs nothing
_ATTRIBUTE = 64 << 20

_ERRORS = (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeError, OverflowError, MemoryError)


class Hdf5Source:
    """Opens the file (or, for ``.keras``, an extracted copy of its weights) again for each use."""

    def __init__(self, path: Path, stream: BinaryIO | None = None) -> None:
        self.path = path
        self._stream = stream

    @contextmanager
    def opened(self) -> Iterator[Any]:
        h5py = requires.h5py()
        try:
            file = h5py.File(self._stream if self._stream is not None else self.path, "r")
        except _ERRORS as error:
            raise UnusableInput(
                f"this HDF5 file cannot be opened: {error}",
                subject=str(self.path),
                hint="copy it again; compare its size",
            ) from error
        try:
            yield file
        finally:
            file.close()

    def chunks(self, handle: Any, tensor: Tensor, start: int, stop: int) -> Any:
        """Elements ``start`` to ``stop`` of the flattened dataset; whole rows are read to get them."""
        try:
            return _flat(handle[tensor.key], start, stop)
        except _ERRORS as error:
            raise UnusableInput(f"the tensor cannot be read: {error}", subject=tensor.name) from error


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


def read_tensors(source: Hdf5Source, *, sha256: bool) -> tuple[list[Tensor], dict[str, str]]:
    """Every dataset with the checksum of its bytes, and what was left out: path -> reason."""
    unread: dict[str, str] = {}
    with source.opened() as file:
        size = file.id.get_filesize()
        try:
            found = list(_datasets(file, unread))
            tensors = [_tensor(path, one, size, unread, sha256=sha256) for path, one in found]
        except _ERRORS as error:
            raise UnusableInput(f"this HDF5 file cannot be read: {error}", subject=str(source.path)) from error
    return [one for one in tensors if one is not None], unread


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
    return ""


def _tensor(path: str, dataset: Any, file_size: int, unread: dict[str, str], *, sha256: bool) -> Tensor | None:
    name = _short(path)
    if dataset.shape is None:
        return None
    kind = _type_name(dataset.dtype)
    role = role_of(path, name, kind)
    why = _refused(dataset, file_size)
    if why:
        unread[path] = why
    if why or not kind or kind == "string":
        return Tensor(name, path, kind or str(dataset.dtype), tuple(dataset.shape), 0, None, "read", role=role)
    crc, sha = _sums(dataset, sha256=sha256)
    size = prod(dataset.shape) * dataset.dtype.itemsize
    return Tensor(name, path, kind, tuple(dataset.shape), size, crc, "read", sha, role)


def _type_name(dtype: Any) -> str:
    """TensorFlow's name of the element type; empty for compound and other types that are no weights.

    Keras stores bfloat16 as a two-byte opaque type tagged with its name, or widened to float32.
    """
    if dtype.kind in "OSU":
        return "string"
    if dtype.kind == "V":
        return "bfloat16" if dtype.itemsize == 2 and not dtype.names else ""
    return str(dtype.newbyteorder("=").name)


def _short(path: str) -> str:
    """Keras repeats the layer's name above its variables, and marks them with an output number."""
    parts = path.removeprefix("model_weights/").removesuffix(":0").split("/")
    return "/".join(parts[1:] if parts[0] in parts[1:] else parts)


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
    """Ranges of whole rows of about 4 MiB, and of whole chunks where the dataset is chunked."""
    width = max(dataset.dtype.itemsize, 1)
    row = max(prod(dataset.shape[1:]), 1) if dataset.shape else 1
    rows = max(1, _CHUNK_BYTES // (row * width))
    if dataset.chunks:
        rows = -(-rows // dataset.chunks[0]) * dataset.chunks[0]
    step = rows * row
    for start in range(0, total, step):
        yield start, min(total, start + step)


def text_attribute(file: Any, name: str) -> str | None:
    """A string attribute of the file, None when absent."""
    if name not in file.attrs:
        return None
    if file.id.get_filesize() > 0 and file.attrs.get_id(name).get_storage_size() > _ATTRIBUTE:
        raise UnusableInput(f"the attribute {name} is larger than {_ATTRIBUTE} bytes")
    value = file.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def file_attributes(source: Hdf5Source, names: tuple[str, ...]) -> dict[str, str]:
    """Those of these string attributes that the file has."""
    with source.opened() as file:
        try:
            found = {name: text_attribute(file, name) for name in names}
        except _ERRORS as error:
            raise UnusableInput(
                f"the attributes of this HDF5 file cannot be read: {error}", subject=str(source.path)
            ) from error
    return {name: value for name, value in found.items() if value is not None}
