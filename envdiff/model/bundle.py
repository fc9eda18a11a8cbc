"""TensorFlow's checkpoint bundle: ``PREFIX.index`` says what lies where, ``PREFIX.data-00000-of-00001`` holds the bytes."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.dtypes import dtype_name, item_size
from envdiff.model.files import inside, open_regular
from envdiff.model.table import rows, unmasked
from envdiff.model.wire import Malformed, read_varint

_LARGEST_INDEX = 1 << 27
_SHARDS = 10_000
_AXES = 254  # what TensorFlow allows
_ENTRIES = 2_000_000
_INT64 = 2**63
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_OBJECT_GRAPH_LIMIT = 1 << 26


@dataclass(frozen=True)
class Entry:
    """One stored tensor. ``crc32c`` is the plain checksum of its bytes, as the index claims it."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int
    slices: int = 0  # stored in so many pieces: then shard, offset and size mean nothing and the checksum is of theirs
    piece: bool = False  # of a partitioned tensor, under its name


@dataclass(frozen=True)
class Bundle:
    """``lies`` is what the index claims that cannot be; ``missing`` and ``short`` name shard files."""

    folder: Path
    prefix: str  # relative to the folder
    shards: int
    big_endian: bool
    entries: tuple[Entry, ...]
    pieces: tuple[Entry, ...]
    lies: tuple[str, ...]
    missing: tuple[str, ...]
    short: tuple[str, ...]
    long: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not (self.missing or self.short or self.lies)

    def shard_name(self, shard: int) -> str:
        return f"{self.prefix}.data-{shard:05d}-of-{self.shards:05d}"

    def open_shard(self, shard: int) -> BinaryIO:
        path = inside(self.folder, self.shard_name(shard))
        if path is None:
            raise UnusableInput("this part of the weights is missing", subject=self.shard_name(shard))
        return open_regular(path)

    def stored(self) -> Iterator[Entry]:
        """Everything that takes up bytes in a shard."""
        yield from (entry for entry in self.entries if not entry.slices)
        yield from self.pieces


def read_bundle(folder: Path, prefix: str) -> Bundle:
    """``prefix`` is relative to ``folder``: ``variables/variables``. Raises :class:`UnusableInput`."""
    path = inside(folder, prefix + ".index")
    if path is None:
        raise UnusableInput("the index of the weights is missing", subject=prefix + ".index")
    header, entries = _parse(path)
    whole, pieces, lies = _split(entries, header.num_shards)
    missing, short, long = _completeness(folder, prefix, header.num_shards, [*whole, *pieces])
    return Bundle(
        folder, prefix, header.num_shards, header.endianness == 1, tuple(whole), tuple(pieces), tuple(lies),
        tuple(missing), tuple(short), tuple(long),
    )  # fmt: skip


def _parse(path: Path) -> tuple[Any, list[Entry]]:
    """The header and the entries, in the order of their keys."""
    messages = requires.messages()
    decode_error = requires.decode_error()
    with open_regular(path) as stream:
        size = stream.seek(0, 2)
        if not 0 < size <= _LARGEST_INDEX:
            raise Malformed(f"the index has {size} bytes, which cannot be", subject=str(path))
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                header, entries = _parsed(data, messages)
            except decode_error as error:
                raise Malformed(f"an entry of the index cannot be parsed: {error}", subject=str(path)) from error
            except Malformed as error:
                raise Malformed(error.message, subject=str(path)) from error
    return header, entries


def _parsed(data: mmap.mmap, messages: Any) -> tuple[Any, list[Entry]]:
    found = rows(data, requires.crc32c().value)
    key, value = next(found, (None, b""))
    if key != b"":
        raise Malformed("the index has no header")
    header = messages.BundleHeader.FromString(value)
    if not 0 <= header.num_shards <= _SHARDS:
        raise Malformed(f"the index claims {header.num_shards} shards")
    entries: list[Entry] = []
    for key, value in found:
        entries.append(_entry(key, messages.BundleEntry.FromString(value)))
        if len(entries) > _ENTRIES:
            raise Malformed(f"the index lists more than {_ENTRIES} tensors")
    return header, entries


def _split(found: list[Entry], shards: int) -> tuple[list[Entry], list[Entry], list[str]]:
    """Whole tensors (partitioned ones carry the checksums of their pieces), pieces, and what cannot be true."""
    entries: list[Entry] = []
    pieces: dict[str, list[Entry]] = {}
    lies: list[str] = []
    for entry in found:
        wrong = _impossible(entry, shards)
        if wrong:
            lies.append(f"{entry.key[:200]}: {wrong}")
        elif entry.piece:
            pieces.setdefault(entry.key, []).append(entry)
        else:
            entries.append(entry)
    return [_joined(entry, pieces) for entry in entries], [one for some in pieces.values() for one in some], lies


def _entry(key: bytes, message: Any) -> Entry:
    piece = key.startswith(b"\0")
    name = _sliced_name(key) if piece else key.decode("utf-8", "backslashreplace")
    if len(message.shape.dim) > _AXES:
        raise Malformed(f"a tensor in the index has {len(message.shape.dim)} axes")
    shape = tuple(dim.size for dim in message.shape.dim)
    return Entry(
        name, dtype_name(message.dtype), shape, message.shard_id, message.offset, message.size,
        unmasked(message.crc32c), len(message.slices), piece,
    )  # fmt: skip


def _impossible(entry: Entry, shards: int) -> str:
    """Why the entry cannot be true, or nothing."""
    if min(entry.shape, default=0) < 0 or entry.offset < 0 or entry.size < 0:
        return "a negative size"
    elements = prod(entry.shape)
    if elements >= _INT64 or entry.offset + entry.size >= _INT64:
        return "a size that no file has"
    if entry.slices:
        return ""
    if not 0 <= entry.shard < max(shards, 1):
        return f"shard {entry.shard} of {shards}"
    width = item_size(entry.dtype)
    if width and elements * width != entry.size:
        return f"{entry.dtype} {list(entry.shape)} takes {elements * width} bytes, the index says {entry.size}"
    return ""


def _joined(entry: Entry, pieces: dict[str, list[Entry]]) -> Entry:
    """A partitioned tensor with the checksum of all its bytes, if the pieces in order make up the whole.

    They do when it was cut along its first axis. Otherwise the checksum is of the pieces' checksums.
    """
    if not entry.slices:
        return entry
    parts = pieces.get(entry.key, [])  # in order of their keys, which is that of their first index
    size = sum(part.size for part in parts)
    return replace(entry, shard=0, offset=0, size=size, crc32c=joined_checksum(entry, parts), slices=len(parts) or 1)


def joined_checksum(entry: Entry, parts: list[Entry]) -> int:
    """Of the whole tensor from its pieces'."""
    rows = sum(part.shape[0] for part in parts if part.shape)
    if entry.shape and rows == entry.shape[0] and all(part.shape[1:] == entry.shape[1:] for part in parts):
        whole = 0
        for part in parts:
            whole = appended(whole, part.crc32c, part.size)
        return whole
    checksum: int = requires.crc32c().value(b"".join(part.crc32c.to_bytes(4, "little") for part in parts))
    return checksum


_POLYNOMIAL = 0x82F63B78  # Castagnoli's, lowest power in the highest bit
_ONE = 1 << 31


def appended(first: int, second: int, size: int) -> int:
    """The CRC-32C of two byte strings laid end to end, from theirs and the size of the second: zlib's crc32_combine."""
    power, factor = _ONE >> 8, _ONE  # x**8, and x**(8 * size) by squaring
    while size:
        if size & 1:
            factor = _times(factor, power)
        power = _times(power, power)
        size >>= 1
    return _times(first, factor) ^ second


def _times(left: int, right: int) -> int:
    """The product of two polynomials over GF(2), modulo Castagnoli's."""
    product = 0
    for bit in range(31, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ _POLYNOMIAL if right & 1 else right >> 1
    return product


def _sliced_name(key: bytes) -> str:
    """The tensor's name in the key of a piece: an ordered code of 0, then the escaped name, ended by 0 1."""
    name = key[1:].partition(b"\0\1")[0]
    return name.replace(b"\0\xff", b"\0").replace(b"\xff\0", b"\xff").decode("utf-8", "backslashreplace")


def _completeness(
    folder: Path, prefix: str, shards: int, entries: list[Entry]
) -> tuple[list[str], list[str], list[str]]:
    needed = dict.fromkeys(range(shards), 0)
    for entry in entries:
        if not entry.slices:
            needed[entry.shard] = max(needed.get(entry.shard, 0), entry.offset + entry.size)
    missing, short, long = [], [], []
    for shard, size in needed.items():
        name = f"{prefix}.data-{shard:05d}-of-{shards:05d}"
        path = inside(folder, name)
        real = path.stat().st_size if path and path.is_file() else None
        if real is None:
            missing.append(name)
        elif real < size:
            short.append(f"{name}: {real} of {size} bytes")
        elif real > size:
            long.append(f"{name}: {real - size} bytes more than the index uses")
    return missing, short, long


def full_names(bundle: Bundle) -> dict[str, str]:
    """Checkpoint key -> the variable's own name, from the object graph that TensorFlow 2 stores among the tensors.

    Empty when there is none or when it cannot be read: the keys are names enough.
    """
    entry = next((entry for entry in bundle.entries if entry.key == OBJECT_GRAPH), None)
    if entry is None or entry.size > _OBJECT_GRAPH_LIMIT or entry.slices:
        return {}
    try:
        graph = _object_graph(bundle, entry)
    except (UnusableInput, OSError, requires.decode_error()):
        return {}
    return {
        tensor.checkpoint_key: tensor.full_name
        for node in graph.nodes
        for tensor in node.attributes
        if tensor.full_name and tensor.checkpoint_key
    }


def _object_graph(bundle: Bundle, entry: Entry) -> Any:
    """A string tensor is its lengths as varints, a checksum of them, then the strings."""
    with bundle.open_shard(entry.shard) as stream:
        stream.seek(entry.offset)
        data = stream.read(entry.size)
    length, position = read_varint(data, 0, len(data))
    text = data[position + 4 : position + 4 + length]
    if len(text) != length:
        raise Malformed("the object graph of the checkpoint is cut off")
    return requires.messages().ObjectGraph.FromString(text)
