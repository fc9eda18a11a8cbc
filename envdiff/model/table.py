"""The sorted-string table of LevelDB, as TensorFlow writes it in ``variables.index``: keys and values in order.

The layout is that of leveldb's ``table_format.md``: blocks of prefix-compressed entries, each followed by a type byte and
a masked CRC-32C; a footer of 48 bytes names the index block, whose values name the data blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from envdiff.model.wire import Buffer, Malformed, read_varint

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48
_TRAILER = 5  # type byte and checksum
_MASK = 0xA282EAD8
_UNCOMPRESSED, _SNAPPY = 0, 1
_LONGEST_KEY = 1 << 16
_LONGEST_VALUE = 1 << 17
_ALL_KEYS = 1 << 27  # a key takes up little of the file where it shares its beginning with the one before


def unmasked(masked: int) -> int:
    """The plain CRC-32C of a stored one; leveldb stores checksums rotated and offset."""
    rotated = (masked - _MASK) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def rows(data: Buffer, crc: Callable[[bytes], int]) -> Iterator[tuple[bytes, bytes]]:
    """Every (key, value); :class:`Malformed` at the first thing that is not so."""
    size = len(data)
    if size < _FOOTER or bytes(data[size - 8 : size]) != _MAGIC:
        raise Malformed("the index does not end like one: truncated, or not an index")
    position = size - _FOOTER
    _, position = read_varint(data, position, size)
    _, position = read_varint(data, position, size)
    offset, position = read_varint(data, position, size)
    length, position = read_varint(data, position, size)
    end, keys = 0, 0
    for _, handle in _entries(_block(data, offset, length, crc)):
        start, after = read_varint(handle, 0, len(handle))
        length, _ = read_varint(handle, after, len(handle))
        if start < end:
            raise Malformed("the index names its blocks out of order")
        end = start + length
        for key, value in _entries(_block(data, start, length, crc)):
            keys += len(key)
            if keys > _ALL_KEYS or len(value) > _LONGEST_VALUE:
                raise Malformed("the index holds names or entries longer than any checkpoint has")
            yield key, value


def _block(data: Buffer, offset: int, length: int, crc: Callable[[bytes], int]) -> bytes:
    if offset + length + _TRAILER > len(data) - _FOOTER:
        raise Malformed("a block of the index lies past its end")
    block = bytes(data[offset : offset + length])
    kind = data[offset + length]
    stored = int.from_bytes(data[offset + length + 1 : offset + length + _TRAILER], "little")
    if crc(block + bytes([kind])) != unmasked(stored):
        raise Malformed("a block of the index fails its checksum")
    if kind == _SNAPPY:
        raise Malformed(
            "the index is compressed with snappy, which TensorFlow does not write and envdiff does not read"
        )
    if kind != _UNCOMPRESSED:
        raise Malformed(f"a block of the index has the unknown type {kind}")
    return block


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise Malformed("a block of the index is too short")
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    if end < 0:
        raise Malformed("a block of the index has more restart points than bytes")
    position, key = 0, b""
    while position < end:
        shared, position = read_varint(block, position, end)
        fresh, position = read_varint(block, position, end)
        length, position = read_varint(block, position, end)
        if shared > len(key) or position + fresh + length > end or shared + fresh > _LONGEST_KEY:
            raise Malformed("an entry of the index runs past its block")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length
