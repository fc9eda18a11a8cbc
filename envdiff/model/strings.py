"""Strings that lie in one buffer, told apart by the hundred thousand without an object for each of them.

A string is where it begins and ends. Many are looked at together: hashed with NumPy and numbered by their hashes, then
compared byte by byte with what they were taken for, so that a hash may collide and nothing is mistaken.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

from envdiff.model import requires

BLOCK = 1 << 12  # strings looked at together: their bytes stay in the cache
WIDTH = 64  # bytes of each that are looked at together; there must be as many behind every end
_ROUNDS = 16  # of so many bytes; what is longer than that takes objects
_SPREAD = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: multiplying by it moves differences to the upper bits
_KEYS = tuple((_SPREAD * (2 * number + 3)) % 2**64 | 1 for number in range(WIDTH // 8))
_SLOT_BITS = 17  # so that the slots stay in the cache


def spared(data: bytes, end: Any) -> bytes:
    """The data with as many bytes behind all these ends as the other functions here need."""
    return data if not len(end) or int(end.max()) + WIDTH <= len(data) else data + bytes(WIDTH)


def hashes(data: bytes, begin: Any, end: Any, group: Any) -> Any:
    """64 bits for the start of each string; the same string of another group (a whole number for each) has others."""
    np = requires.numpy()
    keys, spread, half = np.asarray(_KEYS, np.uint64), np.uint64(_SPREAD), np.uint64(32)
    found = np.empty(len(begin), np.uint64)
    for block in blocks(len(begin), BLOCK):
        at, left = begin[block], end[block] - begin[block]
        mixed = left.astype(np.uint64) ^ (group[block].astype(np.uint64) << half)
        rows = slice(None)  # of the block: all of them first, then those that are longer
        for _ in range(_ROUNDS):
            words = _words(data, at, left)
            words ^= words >> half  # or two strings with other last bytes in two words were often taken for the same
            value = (mixed[rows] ^ words @ keys) * spread
            mixed[rows] = value ^ (value >> half)
            longer = np.flatnonzero(left > WIDTH)
            rows = longer if isinstance(rows, slice) else rows[longer]
            at, left = at[longer] + WIDTH, left[longer] - WIDTH
            if not len(at):
                break
        found[block] = mixed
    return found


def firsts(data: bytes, begin: Any, end: Any, group: Any, value: Any) -> Any:
    """For each string where the same string of the same group stands: one place for all of them.

    ``value``: what :func:`hashes` gives for them; it is used up.
    """
    np = requires.numpy()
    found = _by_hash(np, value)
    for block in blocks(len(found), BLOCK):
        taken = np.flatnonzero(found[block] != np.arange(block.start, block.stop)) + block.start
        other = found[taken]
        alike = (group[other] == group[taken]).all()
        if not alike or not _same(data, begin[taken], end[taken], begin[other], end[other]):
            break
    else:
        return found
    places: dict[tuple[bytes, int], int] = {}
    named = zip(texts(data, begin, end), group.tolist(), strict=True)
    return np.fromiter((places.setdefault(one, at) for at, one in enumerate(named)), np.int64, len(begin))


def among(value: Any, sought: Any) -> Any:
    """Which of these hashes are among the sought ones; a few others are said to be too."""
    np = requires.numpy()
    slots, shift = np.zeros(1 << _SLOT_BITS, bool), np.uint64(64 - _SLOT_BITS)
    slots[sought >> shift] = True
    return slots[value >> shift]


def _by_hash(np: Any, value: Any) -> Any:
    """For each a place of one with the same hash."""
    found, left = np.empty(len(value), np.int64), np.arange(len(value))
    slots = np.empty(1 << _SLOT_BITS, np.int64)
    shift, spread = np.uint64(64 - _SLOT_BITS), np.uint64(_SPREAD)
    while len(left):
        # One of those that fall into a slot stays there, and takes with it all that are like it.
        for block in blocks(len(left), BLOCK):
            slots[value[left[block]] >> shift] = left[block]
        others = []
        for block in blocks(len(left), BLOCK):
            own = value[left[block]]
            found[left[block]] = kept = slots[own >> shift]
            others.append(left[block][value[kept] != own])
        left = np.concatenate(others)
        value[left] *= spread
    return found


def _same(data: bytes, begin: Any, end: Any, other: Any, other_end: Any) -> bool:
    """Whether the i-th string has the bytes of the i-th other, for all of them."""
    length = end - begin
    if not (length == other_end - other).all():
        return False
    for _ in range(_ROUNDS):
        if (_words(data, begin, length) != _words(data, other, length)).any():
            return False
        longer = length > WIDTH
        begin, other, length = begin[longer] + WIDTH, other[longer] + WIDTH, length[longer] - WIDTH
        if not len(length):
            return True
    pairs = zip(texts(data, begin, begin + length), texts(data, other, other + length), strict=True)
    return all(one == another for one, another in pairs)


def texts(data: bytes, begin: Any, end: Any) -> Iterator[bytes]:
    places = ((begin[block].tolist(), end[block].tolist()) for block in blocks(len(begin), BLOCK))
    return map(data.__getitem__, chain.from_iterable(map(slice, *columns) for columns in places))


def blocks(rows: int, most: int) -> Iterator[slice]:
    for start in range(0, rows, most):
        yield slice(start, min(rows, start + most))


def _words(data: bytes, begin: Any, length: Any) -> Any:
    """The first bytes of each as words, a row for each string; nought behind its end."""
    np = requires.numpy()
    whole = np.ndarray((len(data) - WIDTH + 1,), f"V{WIDTH}", data, strides=(1,))
    words = whole[begin].view(np.uint64).reshape(-1, WIDTH // 8)
    words &= _masks().take(np.minimum(length, WIDTH), axis=0)
    return words


@cache
def _masks() -> Any:
    """For each length the bits that belong to a string."""
    np = requires.numpy()
    return (np.tri(WIDTH + 1, WIDTH, -1, np.uint8) * np.uint8(255)).view(np.uint64)
