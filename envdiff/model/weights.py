"""Tensors of a model, whatever its format: name, element type, shape, and a checksum of the raw little-endian bytes.

The checksum is CRC-32C in every format, because a SavedModel's index already holds it: so a ``.h5`` file and an export
of it have equal digests. It tells accidents apart, not attacks; a SHA-256 is added where all bytes are read on request.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.bundle import OBJECT_GRAPH, Bundle, Entry, full_names, joined_checksum
from envdiff.model.dtypes import item_size, numpy_name, shape_text
from envdiff.model.files import open_regular
from envdiff.model.wire import read_varint

_CHUNK = 1 << 22
_OPEN_SHARDS = 64
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


class Role(StrEnum):
    """Only ``WEIGHT`` tensors enter the digests: the rest does not take part in answering, or is not in every format."""

    WEIGHT = "weight"
    OPTIMIZER = "optimizer"
    RANDOM_STATE = "random-state"
    BOOKKEEPING = "bookkeeping"
    COPY = "copy"  # of a weight that the file also holds under another key
    CONSTANT = "constant"  # of the graph: a shape, an axis, a number in a formula


@dataclass(frozen=True)
class Tensor:
    """``key`` finds it in its file, ``name`` is for people. ``crc32c`` None: neither read nor in an index."""

    name: str
    key: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    crc32c: int | None
    basis: str  # "index" or "read"
    sha256: str | None = None
    role: Role = Role.WEIGHT
    wrong: str = ""  # the bytes are not those the index was written for, or could not be read

    @property
    def digest(self) -> str:
        return f"crc32c:{self.crc32c:08x}" if self.crc32c is not None else "unread"

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {shape_text(self.shape)} {self.digest}"


class WeightSource(Protocol):
    """Where the bytes of tensors can be read again, in chunks of a flat array."""

    def opened(self) -> AbstractContextManager[Any]: ...

    def chunks(self, handle: Any, tensor: Tensor, start: int, stop: int) -> Any:
        """Elements ``start`` to ``stop`` of the flattened tensor as a NumPy array."""


_OPTIMIZER = re.compile(
    r"(^|/)(_?optimizer(_weights)?|optimizer_state|training_config)(/|$)|\.OPTIMIZER_SLOT|/(Adam|RMSProp|Momentum|Adagrad|Ftrl)(_\d+)?$"
)
_RANDOM_STATE = re.compile(r"seed_generator(_\d+)?(/|$)|(^|/)_?seed_generators(/|$)|_state_var$|random_generator")
_BOOKKEEPING = re.compile(
    r"^(save_counter|global_step|_CHECKPOINTABLE_OBJECT_GRAPH)(/|$)|(^|/)(beta[12]_power|iterations?)$"
)


def role_of(key: str, name: str, dtype: str) -> Role:
    """What a tensor is for, told by its names; strings (tables, the object graph) are bookkeeping."""
    for text in (key.removesuffix(_VALUE), name):
        if _OPTIMIZER.search(text):
            return Role.OPTIMIZER
        if _RANDOM_STATE.search(text):
            return Role.RANDOM_STATE
        if _BOOKKEEPING.search(text):
            return Role.BOOKKEEPING
    return Role.BOOKKEEPING if dtype in {"string", "variant", "resource"} or key == OBJECT_GRAPH else Role.WEIGHT


def of_bundle(bundle: Bundle) -> list[Tensor]:
    """The tensors that the index lists, with its checksums; their bytes are not read."""
    names = full_names(bundle)
    counts = Counter(name for key, name in names.items() if not key.startswith(_MIRROR))
    return _copies([_of_entry(entry, names.get(entry.key, ""), counts, bundle.big_endian) for entry in bundle.entries])


_MIRROR = "_all_variables/"


def _copies(tensors: list[Tensor]) -> list[Tensor]:
    """Keras 3's export stores each variable twice, as ``variables/N`` and as ``_all_variables/M``."""
    others = Counter((one.dtype, one.shape, one.crc32c) for one in tensors if not one.key.startswith(_MIRROR))
    mirrored = Counter((one.dtype, one.shape, one.crc32c) for one in tensors if one.key.startswith(_MIRROR))
    if not mirrored or mirrored - others:
        return tensors
    return [replace(one, role=Role.COPY) if one.key.startswith(_MIRROR) else one for one in tensors]


def _of_entry(entry: Entry, own: str, counts: Counter[str], big_endian: bool) -> Tensor:
    return Tensor(
        name=own if own and counts[own] == 1 else entry.key.removesuffix(_VALUE),
        key=entry.key,
        dtype=entry.dtype,
        shape=entry.shape,
        size=entry.size,
        crc32c=None if big_endian else entry.crc32c,
        basis="index",
        role=role_of(entry.key, own, entry.dtype),
    )


def content_digest(tensors: Iterable[Tensor]) -> str:
    """Over the sorted distinct (type, shape, checksum) of the weights: equal whenever the weights are, whatever their
    names, and however often one file stores a shared one."""
    lines = sorted({f"{one.dtype} {shape_text(one.shape)} {one.digest}" for one in tensors if one.role is Role.WEIGHT})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def named_digest(tensors: Iterable[Tensor]) -> str:
    lines = sorted(str(one) for one in tensors if one.role is Role.WEIGHT)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def sha256_digest(tensors: Iterable[Tensor]) -> str | None:
    """The like over SHA-256 sums, once every weight was read."""
    weights = [one for one in tensors if one.role is Role.WEIGHT]
    if not all(one.sha256 for one in weights):
        return None
    lines = sorted({f"{one.dtype} {shape_text(one.shape)} {one.sha256}" for one in weights})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def verified(bundle: Bundle, tensors: list[Tensor]) -> list[Tensor]:
    """The same tensors with checksums of the bytes that are really there, read in chunks."""
    entries = {entry.key: entry for entry in bundle.entries}
    pieces: dict[str, list[Entry]] = {}
    for piece in bundle.pieces:
        pieces.setdefault(piece.key, []).append(piece)
    source = BundleSource(bundle)
    with source.opened() as streams:
        order = sorted(tensors, key=lambda one: (entries[one.key].shard, entries[one.key].offset))
        checked = {one.key: _verified(source, streams, one, entries[one.key], pieces) for one in order}
    return [checked[one.key] for one in tensors]


def _verified(
    source: BundleSource, streams: Any, tensor: Tensor, entry: Entry, pieces: dict[str, list[Entry]]
) -> Tensor:
    try:
        parts = pieces.get(entry.key, []) if entry.slices else [entry]
        sums = [source.sums(streams, part) for part in parts]
    except (UnusableInput, OSError) as error:
        return replace(tensor, crc32c=None, basis="read", wrong=str(error))
    if tensor.dtype in {"variant", "resource"}:
        return replace(tensor, sha256=sums[0][1])  # its checksum covers a form that is not the bytes
    real = [replace(part, crc32c=crc) for part, (crc, _) in zip(parts, sums, strict=True)]
    whole = joined_checksum(entry, real) if entry.slices else real[0].crc32c
    sha256 = None if entry.slices else sums[0][1]
    wrong = "" if whole == entry.crc32c else "the bytes are not those the index was written for"
    return replace(tensor, crc32c=whole, basis="read", sha256=sha256, wrong=wrong)


class BundleSource:
    """Reads tensors of a bundle from its shards; the handle is a cache of open files."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.entries = {entry.key: entry for entry in bundle.entries}

    @contextmanager
    def opened(self) -> Iterator[dict[int, BinaryIO]]:
        streams: dict[int, BinaryIO] = {}
        try:
            yield streams
        finally:
            for stream in streams.values():
                stream.close()

    def _stream(self, streams: dict[int, BinaryIO], shard: int) -> BinaryIO:
        if shard not in streams:
            if len(streams) >= _OPEN_SHARDS:
                streams.pop(next(iter(streams))).close()
            streams[shard] = self.bundle.open_shard(shard)
        return streams[shard]

    def sums(self, streams: dict[int, BinaryIO], entry: Entry) -> tuple[int, str]:
        """(CRC-32C as the index counts it, SHA-256 of the stored bytes)."""
        crc32c = requires.crc32c()
        stream = self._stream(streams, entry.shard)
        stream.seek(entry.offset)
        crc, sha256, left = 0, hashlib.sha256(), entry.size
        if entry.dtype == "string":
            crc, head = _string_head(stream, entry)
            sha256.update(head)
            left -= len(head)
        while left:
            chunk = stream.read(min(left, _CHUNK))
            if not chunk:
                raise UnusableInput("the shard ends before the tensor does", subject=entry.key)
            crc = crc32c.extend(crc, chunk)
            sha256.update(chunk)
            left -= len(chunk)
        return crc, sha256.hexdigest()

    def chunks(self, handle: Any, tensor: Tensor, start: int, stop: int) -> Any:
        """Elements ``start`` to ``stop`` of the flattened tensor as a NumPy array."""
        entry = self.entries[tensor.key]
        if entry.slices or (tensor.role is Role.BOOKKEEPING and not item_size(tensor.dtype)):
            raise UnusableInput(
                "stored in pieces or without fixed size: its bytes cannot be compared", subject=tensor.name
            )
        kind = numpy_dtype(tensor.dtype, big_endian=self.bundle.big_endian)
        stream = self._stream(handle, entry.shard)
        stream.seek(entry.offset + start * kind.itemsize)
        data = stream.read((stop - start) * kind.itemsize)
        if len(data) != (stop - start) * kind.itemsize:
            raise UnusableInput("the shard ends before the tensor does", subject=tensor.name)
        return requires.numpy().frombuffer(data, kind)


class FileSource:
    """Reads tensors whose elements lie one after another in one file, among other things."""

    def __init__(self, path: Path, places: Mapping[str, int]) -> None:
        """``places``: where the first element is, by the tensor's key; none for what is stored in another way."""
        self.path, self.places = path, places

    def opened(self) -> AbstractContextManager[BinaryIO]:
        return open_regular(self.path)

    def chunks(self, handle: BinaryIO, tensor: Tensor, start: int, stop: int) -> Any:
        """Elements ``start`` to ``stop`` of the flattened tensor as a NumPy array."""
        kind, place = numpy_dtype(tensor.dtype), self.places.get(tensor.key)
        if place is None or tensor.size != prod(tensor.shape) * kind.itemsize:
            raise UnusableInput("its elements do not lie in the file one after another", subject=tensor.name)
        handle.seek(place + start * kind.itemsize)
        data = handle.read((stop - start) * kind.itemsize)
        if len(data) != (stop - start) * kind.itemsize:
            raise UnusableInput("the file ends before the tensor does", subject=tensor.name)
        return requires.numpy().frombuffer(data, kind)


def numpy_dtype(name: str, *, big_endian: bool = False) -> Any:
    """A NumPy type for TensorFlow's name; ml_dtypes knows those NumPy does not."""
    numpy, known = requires.numpy(), numpy_name(name)
    if known in {"bfloat16", "int4", "uint4", "int2", "uint2"} or known.startswith("float8"):
        kind = getattr(requires.ml_dtypes(), known, None)
        if kind is None:
            raise UnusableInput(f"ml-dtypes does not know {known} here", hint="pip install -U 'envdiff[models]'")
        return numpy.dtype(kind)
    return numpy.dtype(known).newbyteorder(">" if big_endian else "<")


def _string_head(stream: BinaryIO, entry: Entry) -> tuple[int, bytes]:
    """The lengths before the strings: checksum so far, and the bytes they take in the file.

    The index's checksum covers each length as four (or eight) bytes, not as the varint that is stored, then the stored
    checksum of the lengths, then the strings.
    """
    count = prod(entry.shape)
    if count > entry.size:  # every string takes at least one byte for its length
        raise UnusableInput("more strings than bytes", subject=entry.key)
    data = stream.read(min(entry.size, count * 10 + 4))
    position, lengths = 0, bytearray()
    for _ in range(count):
        length, position = read_varint(data, position, len(data))
        lengths += length.to_bytes(4 if length < 1 << 32 else 8, "little")
    head = data[: position + 4]
    stream.seek(entry.offset + len(head))
    return requires.crc32c().value(bytes(lengths) + head[position:]), head
