"""Bytes taken as choices: how a fuzzer's input becomes a document whose shape is right and whose content is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Reads an input from its start; when it is used up everything is zero."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def number(self) -> int:
        """0 to 255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def one_of(self, options: Sequence[T]) -> T:
        return options[(self.number() << 8 | self.number()) % len(options)]

    def raw(self) -> bytes:
        """Up to 255 bytes, their number first."""
        size = self.number()
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self) -> str:
        """Valid Unicode, or not: lone surrogates are among what JSON can hold."""
        return self.raw().decode("utf-8", "surrogateescape")


def parts(data: bytes, names: Sequence[str], mark: bytes = b"\xff\x00\xff") -> dict[str, bytes]:
    """One input as several files: what stands between the marks, in order."""
    return dict(zip(names, [*data.split(mark), *[b""] * len(names)], strict=False))


def joined(*files: bytes, mark: bytes = b"\xff\x00\xff") -> bytes:
    """The other way round, for seeds."""
    return mark.join(files)
