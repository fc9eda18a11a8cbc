"""Dumps of arrays, read as named NumPy arrays: npz, npy, JSON, a folder of recorded ones. Nothing is unpickled."""

from __future__ import annotations

import ast
import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from envdiff.errors import UnusableInput
from envdiff.predictions.dtypes import dtype_of
from envdiff.predictions.json_arrays import arrays_from_json

Array = NDArray[Any]
LIMIT = 16 << 30  # bytes of array data in one dump
JSON_LIMIT = 256 << 20  # bytes of JSON text
UNPACKED, TIGHTEST = 1 << 29, 50  # more bytes than this, packed more tightly than this, are not unpacked
MOST_ARRAYS = 10_000
LONGEST_HEADER = 10_000  # bytes, as NumPy has it
UNNAMED = "values"  # what an array without a name is called

HINT_PICKLE = (
    "save it with a plain dtype (numbers, or dtype='S' / 'U' for text); pickles are never loaded, they can run code"
)
HINT_BOMB = "numpy.savez writes arrays of zeros without packing them"
HINT_FORMATS = "dumps are .npz, .npy, .json, or a folder written by envdiff.record"


def read_arrays(path: Path, limit: int = LIMIT) -> dict[str, Array]:
    """Arrays by name, in the dump's order; a lone array without a name is called ``values``.

    ``limit`` is in bytes of array data. A large .npy is mapped, not read. Raises UnusableInput for anything else.
    """
    if path.is_dir():
        return _from_folder(path, limit)
    start = _start(path)
    for magic, read in _READERS:
        if start.startswith(magic):
            return read(path, limit)
    if start.startswith((b"\x80", b"(lp", b"(dp")):
        raise UnusableInput("this is a pickle", subject=str(path), hint=HINT_PICKLE)
    return _from_json(path)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise UnusableInput(f"cannot be read: {error.strerror}", subject=str(path), hint=HINT_FORMATS) from error


def _from_json(path: Path) -> dict[str, Array]:
    try:
        if path.stat().st_size > JSON_LIMIT:
            raise UnusableInput(f"more than {JSON_LIMIT >> 20} MiB of JSON", subject=str(path), hint="save it as .npz")
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableInput("neither NumPy's formats nor JSON text", subject=str(path), hint=HINT_FORMATS) from error
    except OSError as error:
        raise UnusableInput(f"cannot be read: {error.strerror}", subject=str(path), hint=HINT_FORMATS) from error
    return arrays_from_json(text, str(path))


def _from_npy(path: Path, limit: int) -> dict[str, Array]:
    size = path.stat().st_size
    with path.open("rb") as file:
        _check_header(file, size, limit, str(path))
    try:
        array = np.load(path, mmap_mode="r" if size > 1 << 26 else None, allow_pickle=False)
    except (ValueError, OSError, EOFError, LookupError) as error:
        raise UnusableInput(f"the array is damaged: {error}", subject=str(path)) from error
    return plain({UNNAMED: np.asarray(array)}, str(path))


def _check_header(file: IO[bytes], available: int, limit: int, subject: str) -> None:
    """What the header claims must fit into what is there: otherwise NumPy allocates first and fails later."""
    try:
        version = npy.read_magic(file)
        shape, dtype = _header(file, version)
    except (
        ValueError,
        SyntaxError,
        tokenize.TokenError,
        EOFError,
        TypeError,
        LookupError,
        OverflowError,
        RecursionError,
        MemoryError,
    ) as error:
        raise UnusableInput(f"the array's header is damaged: {error}", subject=subject) from error
    if dtype.hasobject:
        raise UnusableInput("the array holds pickled Python objects", subject=subject, hint=HINT_PICKLE)
    size = dtype.itemsize
    for part in shape:
        size *= part
    if any(part < 0 for part in shape) or size > available:
        raise UnusableInput(f"the header claims shape {shape} of {dtype}, more than the file holds", subject=subject)
    if size > limit:
        raise UnusableInput(f"{size >> 20} MiB of array data, more than {limit >> 20} MiB", subject=subject)


def _header(file: IO[bytes], version: tuple[int, int]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Version 3 is version 2 in UTF-8; NumPy has a function for the first two only."""
    if version in ((1, 0), (2, 0)):
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        return shape, dtype
    size = int.from_bytes(file.read(4), "little")
    if version != (3, 0) or size > LONGEST_HEADER:
        raise ValueError(f"version {version}, {size} bytes")
    said = ast.literal_eval(file.read(size).decode("utf-8"))
    shape = said["shape"]
    if not (isinstance(shape, tuple) and all(isinstance(part, int) for part in shape)):
        raise ValueError(f"a shape of {str(shape)[:80]}")
    return shape, npy.descr_to_dtype(said["descr"])


def _from_npz(path: Path, limit: int) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(path) as bundle:
            return plain(_members(bundle, str(path), limit), str(path))
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        LookupError,
        OSError,
    ) as error:
        raise UnusableInput(f"the archive is damaged: {error}", subject=str(path)) from error
    except ValueError as error:
        raise UnusableInput(f"an array in the archive is damaged: {error}", subject=str(path)) from error


def _members(bundle: zipfile.ZipFile, subject: str, limit: int) -> dict[str, Array]:
    infos = [info for info in bundle.infolist() if not info.is_dir()]
    if len(infos) > MOST_ARRAYS:
        raise UnusableInput(f"{len(infos)} members, more than {MOST_ARRAYS}", subject=subject)
    total, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if total > limit:
        raise UnusableInput(f"unpacks to more than {limit >> 20} MiB", subject=subject)
    if total > UNPACKED and total > TIGHTEST * packed:
        raise UnusableInput(
            f"{total >> 20} MiB packed into {packed >> 20}: not unpacked", subject=subject, hint=HINT_BOMB
        )
    arrays: dict[str, Array] = {}
    for info in infos:
        where = f"{subject}, member {info.filename}"
        if not info.filename.endswith(".npy"):
            raise UnusableInput("not a NumPy archive", subject=where, hint=HINT_FORMATS)
        with bundle.open(info) as file:
            _check_header(file, info.file_size, limit, where)
        with bundle.open(info) as file:
            arrays[info.filename.removesuffix(".npy")] = npy.read_array(file, allow_pickle=False)
    return arrays


def plain(arrays: Mapping[str, Array], subject: str) -> dict[str, Array]:
    """Structured arrays as one array a field; two raw bytes an element are bfloat16, which is how NumPy stores it."""
    if not arrays:
        raise UnusableInput("holds no arrays", subject=subject, hint=HINT_FORMATS)
    result: dict[str, Array] = {}
    for name, array in arrays.items():
        if array.dtype.names:
            result.update({f"{name}.{field}": array[field] for field in array.dtype.names})
        elif array.dtype.kind == "V":
            result[name] = _from_raw(array, f"{subject}, array {name}")
        else:
            result[name] = array
    return result


def _from_raw(array: Array, subject: str) -> Array:
    if array.dtype.itemsize != 2:
        hint = "write it as float32, or with envdiff.record, which keeps the dtype's name"
        raise UnusableInput(f"dtype {array.dtype} says nothing about its meaning", subject=subject, hint=hint)
    return array.view(dtype_of("bfloat16"))


def _from_folder(path: Path, limit: int) -> dict[str, Array]:
    from envdiff.predictions.record import read_index

    arrays: dict[str, Array] = {}
    for name, file, dtype in read_index(path):
        array = next(iter(_from_npy_named(path / file, limit, dtype).values()))
        limit -= array.nbytes
        arrays[name] = array
    if not arrays:
        raise UnusableInput("the folder holds no recorded arrays", subject=str(path), hint=HINT_FORMATS)
    return arrays


def _from_npy_named(path: Path, limit: int, dtype: str) -> dict[str, Array]:
    if _start(path)[:6] != b"\x93NUMPY":
        raise UnusableInput("not a NumPy array", subject=str(path), hint=HINT_FORMATS)
    size = path.stat().st_size
    with path.open("rb") as file:
        _check_header(file, size, limit, str(path))
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, LookupError) as error:
        raise UnusableInput(f"the array is damaged: {error}", subject=str(path)) from error
    if array.dtype.kind == "V" or (dtype and dtype != array.dtype.name and array.dtype.kind == "u"):
        try:
            array = array.view(dtype_of(dtype))
        except (ValueError, TypeError) as error:
            raise UnusableInput(f"recorded as {dtype}, which it cannot be", subject=str(path)) from error
    return plain({UNNAMED: array}, str(path))


_READERS: tuple[tuple[bytes, Callable[[Path, int], dict[str, Array]]], ...] = (
    (b"\x93NUMPY", _from_npy),
    (b"PK", _from_npz),
)
