"""Weights in HDF5 files of Keras, by way of a process that may die of them: :mod:`envdiff.model.hdf5_child`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from envdiff.bounded_json import loads
from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.weights import Tensor, role_of

_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from envdiff.model.hdf5_child import main;"
    " main(sys.argv[2], sys.argv[3])"
)
_PATIENCE_S = 60.0
_BYTES_A_SECOND = 10 << 20  # slower than any disk that weights lie on
_LONGEST_LINE = 1 << 28
_MOST_VALUES = 5_000_000
_HINT = "copy it again; compare its size"


class Hdf5Source:
    """``member`` names the HDF5 file inside the archive ``path``. The process lives as long as this object."""

    def __init__(self, path: Path, member: str = "") -> None:
        self.path = path
        self._member = member
        self._child: subprocess.Popen[bytes] | None = None
        self._limit_s = _PATIENCE_S + path.stat().st_size / _BYTES_A_SECOND

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Raises :class:`UnusableInput` when the file cannot be opened."""
        if self._child is None or self._child.poll() is not None:
            self._child = self._started()
            self._answer()
        yield self

    def chunks(self, handle: Any, tensor: Tensor, start: int, stop: int) -> Any:  # noqa: ARG002  as other sources
        """Elements ``start`` to ``stop`` of the flattened dataset."""
        answer, data = self.ask("elements", key=tensor.key, start=start, stop=stop)
        numpy = requires.numpy()
        return numpy.frombuffer(data, numpy.dtype(str(answer["dtype"])))

    def ask(self, op: str, **arguments: Any) -> tuple[dict[str, Any], bytes]:
        """One answer and the bytes that go with it; raises :class:`UnusableInput` when the file is too damaged."""
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps({"op": op, "path": str(self.path), **arguments}).encode() + b"\n")
            self._child.stdin.flush()
        except OSError as error:
            raise self._died() from error
        return self._answer()

    def _started(self) -> subprocess.Popen[bytes]:
        requires.installed("h5py")
        # One thread for algebra that is not done here: each takes address space, which is bounded.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-c", _BOOT, json.dumps(sys.path), str(self.path), self._member]
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        weakref.finalize(self, _ended, child)
        return child

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        child = self._child
        assert child is not None
        assert child.stdout is not None
        guard = threading.Timer(self._limit_s, child.kill)
        guard.daemon = True
        guard.start()
        try:
            line = child.stdout.readline(_LONGEST_LINE)
            answer = loads(line.decode("ascii"), most=_MOST_VALUES)
            data = child.stdout.read(answer["bytes"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise self._died() from error
        finally:
            guard.cancel()
        if len(data) != answer["bytes"]:
            raise self._died()
        if "error" in answer:
            raise UnusableInput(str(answer["error"]), subject=str(self.path), hint=_HINT)
        return answer, data

    def _died(self) -> UnusableInput:
        child = self._child
        assert child is not None
        _ended(child)
        self._child = None
        how = f"signal {_signal(-child.returncode)}" if child.returncode < 0 else f"status {child.returncode}"
        return UnusableInput(
            f"the HDF5 library does not survive reading this file ({how})",
            subject=str(self.path),
            hint="it is damaged, or made to do harm: do not load it elsewhere",
        )


def _ended(child: subprocess.Popen[bytes]) -> None:
    """Kill it, and leave nothing of it behind."""
    if child.poll() is None and child.stdin is not None:
        try:
            child.stdin.close()
            child.wait(timeout=0.5)
        except (OSError, subprocess.TimeoutExpired):
            child.kill()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # what was still to be written has nobody to read it
                stream.close()
    child.wait()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def read_tensors(source: Hdf5Source, *, sha256: bool) -> tuple[list[Tensor], dict[str, str]]:
    """Every dataset with the checksum of its bytes, and what was left out: path -> reason."""
    with source.opened():
        answer, _ = source.ask("tensors", sha256=sha256)
    return [_tensor(*row) for row in answer["tensors"]], dict(answer["unread"])


def _tensor(path: str, dtype: str, shape: list[int], size: int, crc32c: int | None, sha256: str | None) -> Tensor:
    name = _short(path)
    return Tensor(name, path, dtype, tuple(shape), size, crc32c, "read", sha256, role_of(path, name, dtype))


def _short(path: str) -> str:
    """Keras repeats the layer's name above its variables, and marks them with an output number."""
    parts = path.removeprefix("model_weights/").removesuffix(":0").split("/")
    return "/".join(parts[1:] if parts[0] in parts[1:] else parts)


def file_attributes(source: Hdf5Source, names: tuple[str, ...]) -> dict[str, str]:
    """Those of these string attributes that the file has."""
    with source.opened():
        answer, _ = source.ask("attributes", names=list(names))
    return dict(answer["attributes"])
