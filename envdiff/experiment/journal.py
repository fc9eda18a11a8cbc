"""What was run, kept as it ends: one line a trial, synced to the disk, and its answer once for all trials that gave it.

The file survives any end of the program, kill -9 and a full disk included: a torn last line is dropped on reading, and
the answers beside it are written whole before a line names them. A journal belongs to one pair of fingerprints; its
trials have names made of everything that can change their answer, so that a trial found there needs no second run.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.likeness import bits_of
from envdiff.predictions import exchange

SCHEMA = "envdiff/journal/1"
Array = NDArray[Any]
# What TensorFlow says of an error before it says the error.
BEFORE_THE_REASON = re.compile(
    r"Graph execution error:\s*(?:Detected at node .*\n(?:<stack traces? unavailable>\n)?(?:Node: .*\n)?)?"
    r"|\{\{function_node [^}]*\}\}\s*"
)


@dataclass(frozen=True)
class Ended:
    """How one trial ended. ``outputs`` is None when it gave no answer; ``evidence`` are the facts that its process told
    of itself."""

    outputs: Mapping[str, Array] | None
    reason: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def answered(self) -> bool:
        return self.outputs is not None

    @property
    def in_short(self) -> str:
        """The line of the reason that says something, in at most 120 characters."""
        telling = BEFORE_THE_REASON.sub("", self.reason.strip()).partition("\n")[0]
        return textwrap.shorten(telling.rstrip(":"), 120, placeholder=" ...")


class Journal:
    """Open for one isolation. ``pair`` names what is being compared: another pair's journal is refused."""

    def __init__(self, path: Path, pair: str, *, must_exist: bool = False) -> None:
        self.path = path
        self.pair = pair
        self.torn = False
        self._lines: dict[tuple[str, int], dict[str, Any]] = {}
        if must_exist and not path.exists():
            raise UnusableInput("there is no such journal", subject=str(path), hint="leave --resume out to begin one")
        if path.exists():
            self._read()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._answers.mkdir(exist_ok=True)
            if not path.exists():
                self._append({"schema": SCHEMA, "pair": pair})
        except OSError as error:
            raise self._cannot(error) from error

    @property
    def _answers(self) -> Path:
        return self.path.with_name(self.path.name + ".answers")

    def __len__(self) -> int:
        return len(self._lines)

    def find(self, trial: str, repeat: int = 0) -> Ended | None:
        """What run number ``repeat`` of a trial gave, if it is here whole."""
        line = self._lines.get((trial, repeat))
        if line is None:
            return None
        outputs = None
        if line["answer"] is not None:
            file = self._answers / f"{line['answer']}.npz"
            try:
                outputs = exchange.read(file)[0]["answer"]
            except (OSError, KeyError, UnusableInput, WorldFailed):
                return None  # the answer is gone or damaged: the trial is run again
            if bits_of(outputs) != line["answer"]:
                return None
        return Ended(outputs, line["reason"], line["evidence"], line["seconds"])

    def add(self, trial: str, repeat: int, ended: Ended, told: Mapping[str, Any]) -> None:
        """Keep it; ``told`` is for people who read the file."""
        try:
            answer = None if ended.outputs is None else self._keep(ended.outputs)
            line = {
                "trial": trial,
                "repeat": repeat,
                **told,
                "answer": answer,
                "reason": ended.reason,
                "seconds": round(ended.seconds, 3),
                "evidence": dict(ended.evidence),
            }
            self._append(line)
        except OSError as error:
            raise self._cannot(error) from error
        self._lines[trial, repeat] = line

    def _keep(self, outputs: Mapping[str, Array]) -> str:
        name = bits_of(outputs)
        file = self._answers / f"{name}.npz"
        if not file.exists():
            partial = file.with_name(f"{name}.{os.getpid()}.partial")
            try:
                exchange.write(partial, {"answer": outputs}, {})
                with partial.open("rb+") as written:
                    os.fsync(written.fileno())
                partial.replace(file)
            finally:
                partial.unlink(missing_ok=True)
        return name

    def _append(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line, separators=(",", ":"), default=list) + "\n"
        with self.path.open("ab") as file:
            if self.torn:
                file.write(b"\n")
                self.torn = False
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> None:
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise self._cannot(error) from error
        head, *rest = raw.split(b"\n")
        self.torn = bool(raw) and not raw.endswith(b"\n")
        header = _line(head) or {}
        if header.get("schema") != SCHEMA:
            raise UnusableInput("it is no journal of envdiff isolate", subject=str(self.path), hint="give another file")
        if header.get("pair") != self.pair:
            raise UnusableInput(
                "the journal belongs to another pair of fingerprints, another model or other rows",
                subject=str(self.path),
                hint="leave --resume out, or give the files that it was made with",
            )
        for one in rest:
            line = _line(one)
            if line and line.keys() >= _WHOLE:
                self._lines[str(line["trial"]), int(line["repeat"])] = line

    def _cannot(self, error: OSError) -> WorldFailed:
        return WorldFailed(
            f"the journal cannot be kept: {error.strerror or error}",
            subject=str(self.path),
            hint="free some space or name another place with --journal FILE; what is in it already is not lost",
        )


_WHOLE = {"trial", "repeat", "answer", "reason", "seconds", "evidence"}


def _line(raw: bytes) -> dict[str, Any] | None:
    """One line as an object; None for anything else: torn by an end in the middle of writing, or not ours."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_outputs(calls: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """Answers by call as one set of outputs, ``CALL/OUTPUT``."""
    return {f"{call}/{name}": np.asarray(array) for call, found in calls.items() for name, array in found.items()}
