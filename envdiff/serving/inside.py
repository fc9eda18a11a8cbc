"""What the facts need of the place where the server runs; who reads it, and how, is the capture's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from envdiff.serving.directory import Entry


class Unreadable(Exception):
    """A file or folder below the server's root could not be read; the text says which and why."""


@dataclass(frozen=True)
class Listing:
    """Files below a folder by relative path. ``cut`` when there were more than the reader lists."""

    entries: tuple[Entry, ...]
    cut: bool = False


class Inside(Protocol):
    """The server's own view of its files."""

    def read(self, path: str, limit: int) -> bytes:
        """The first ``limit`` bytes of a regular file; raises :class:`Unreadable`."""
        ...

    def tree(self, path: str, depth: int) -> Listing:
        """Everything at most ``depth`` folders below ``path``; raises :class:`Unreadable`."""
        ...


@dataclass(frozen=True)
class ServerProcess:
    """A running ``tensorflow_model_server``, or what else serves: its words, and when it started (seconds since 1970).

    ``cpus`` is how many processors it may use.
    """

    words: tuple[str, ...]
    binary: str
    started: float | None = None
    folder: str = "/"
    cpus: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
