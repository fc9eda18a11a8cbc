"""Questions to the reader (``probes/reader.py``) over whatever pipe leads to it, and its answers."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from envdiff.bounded_json import loads
from envdiff.capture.reader_answers import is_right
from envdiff.errors import EnvdiffError, WorldFailed
from envdiff.probe_file import probe_path
from envdiff.secrets import masked
from envdiff.serving.directory import Entry
from envdiff.serving.inside import Listing, Unreadable

# Isolated: a json.py in the container's working directory must not be imported.
BOOT = (
    "import sys,json,types;s=json.loads(sys.stdin.readline());m=types.ModuleType('envprobe');"
    "sys.modules['envprobe']=m;exec(compile(s['envprobe'],'envprobe.py','exec'),m.__dict__);"
    "exec(compile(s['reader'],'reader.py','exec'),{'__name__':'__main__'})"
)
LARGEST_ANSWER = 128 << 20
ANSWER_S = 30.0


class Refused(Exception):
    """The reader could not answer this question; ``denied`` when it lacked permission."""

    def __init__(self, reason: str, *, denied: bool = False) -> None:
        super().__init__(reason)
        self.denied = denied


class Channel(Protocol):
    """Bytes to and from a reader."""

    def send(self, data: bytes) -> None:
        """Raises :class:`WorldFailed` when the other end is gone."""
        ...

    def line(self, limit_s: float) -> bytes:
        """The next line. Raises :class:`WorldFailed` when none comes in time, or ever."""
        ...


def boot_command(python: str) -> list[str]:
    """What starts a reader that gets its program on standard input: nothing need be installed where it runs."""
    return [python, "-I", "-c", BOOT]


def boot_line() -> bytes:
    """The program, for the reader that :func:`boot_command` started."""
    sources = {name: probe_path(f"{name}.py").read_text(encoding="utf-8") for name in ("envprobe", "reader")}
    return json.dumps(sources).encode() + b"\n"


@dataclass(frozen=True)
class Reader:
    """A reader that answers."""

    channel: Channel
    subject: str

    def ask(self, op: str, *, limit_s: float = ANSWER_S, **arguments: Any) -> dict[str, Any]:
        """One answer. Raises :class:`Refused`, or :class:`WorldFailed` when the reader is gone."""
        self.channel.send(json.dumps({"op": op, **arguments}).encode() + b"\n")
        raw = self.channel.line(limit_s)
        try:
            answer = loads(raw.decode("utf-8"))
        except ValueError as error:
            said = masked(raw[:200].decode("utf-8", "replace"))
            raise WorldFailed(f"the reader did not answer with JSON: {said!r}", subject=self.subject) from error
        if not isinstance(answer, dict):
            raise WorldFailed("the reader did not answer with an object", subject=self.subject)
        if "error" in answer:
            why = masked(str(answer["error"])).strip()[:500]
            raise Refused(why or "it cannot be read", denied=bool(answer.get("denied")))
        if not is_right(op, answer):
            raise WorldFailed(f"the reader's answer is none to the question ({op})", subject=self.subject)
        return answer


@dataclass(frozen=True)
class InsideReader:
    """The files that process ``pid`` sees, for the serving facts."""

    reader: Reader
    pid: int

    def read(self, path: str, limit: int) -> bytes:
        answer = self._ask("read", path, limit=limit)
        return base64.b64decode(answer["data"])

    def tree(self, path: str, depth: int) -> Listing:
        answer = self._ask("tree", path, depth=depth)
        entries = tuple(Entry(str(p), str(kind), int(size), float(at)) for p, kind, size, at in answer["entries"])
        return Listing(entries, bool(answer["cut"]))

    def _ask(self, op: str, path: str, **more: Any) -> dict[str, Any]:
        try:
            return self.reader.ask(op, pid=self.pid, path=path, **more)
        except Refused as error:
            raise Unreadable(f"{path}: {error}") from error


class LocalChannel:
    """A reader on this machine. A process of its own: a file system that hangs must not hang envdiff."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-s", str(probe_path("reader.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise WorldFailed("the local reader ended") from error

    def line(self, limit_s: float) -> bytes:
        import select
        import time

        assert self._process.stdout is not None
        handle, data, end = self._process.stdout.fileno(), bytearray(), time.monotonic() + limit_s
        while not data.endswith(b"\n"):
            if not select.select([handle], [], [], max(end - time.monotonic(), 0))[0]:
                raise WorldFailed(f"the local reader did not answer within {limit_s:.0f} s")
            data += _part(handle)
            if len(data) > LARGEST_ANSWER:
                raise WorldFailed("the local reader answers without end")
        return bytes(data)

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.communicate()


def _part(handle: int) -> bytes:
    import os

    part = os.read(handle, 1 << 20)
    if not part:
        raise WorldFailed("the local reader ended")
    return part


def failure(error: EnvdiffError | Refused) -> str:
    """A failure as one clause of another message."""
    return error.message if isinstance(error, EnvdiffError) else str(error)


def clean_environment(environment: Mapping[str, str] | list[str] | None) -> dict[str, str]:
    """``NAME=VALUE`` words, as an engine keeps them, by name."""
    if isinstance(environment, Mapping):
        return dict(environment)
    pairs = (word.partition("=") for word in environment or [])
    return {name: value for name, equals, value in pairs if name and equals}
