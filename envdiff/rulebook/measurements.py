"""What `envdiff rules verify` measured: kept as data, one run a machine and TensorFlow version."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.report import Size

SCHEMA = "envdiff/measurements/1"


class Outcome(StrEnum):
    """What a measurement says of a rule's claim."""

    HOLDS = "holds"
    BROKEN = "broken"
    NOT_SEEN = "not seen here"
    NOT_APPLICABLE = "not applicable here"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Moved:
    """How far one model's answers moved. ``relative`` is the largest distance by the range of its output (infinite
    where there is none), ``share`` that of elements with other bits, of the output with the most; ``flips`` are rows
    with another label, of ``rows``."""

    size: Size
    relative: float
    share: float
    flips: int
    rows: int
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Observation:
    """One model under one change. ``moved`` is None for the same bits; ``fails`` says why there is no answer."""

    change: str
    model: str
    moved: Moved | None
    fails: str = ""


@dataclass(frozen=True)
class Verified:
    """One rule, measured. ``steadiness`` of the changed answers: stable, call-to-call, start-to-start, or empty."""

    rule: str
    outcome: Outcome
    why: str = ""
    steadiness: str = ""
    observations: tuple[Observation, ...] = ()

    @property
    def largest(self) -> Observation | None:
        """The observation that moved most."""
        moved = [(one.moved.relative, one) for one in self.observations if one.moved is not None]
        return max(moved, key=lambda pair: pair[0])[1] if moved else None


@dataclass(frozen=True)
class Run:
    """All rules that were tried in one environment. ``machine`` are facts of its processor."""

    tensorflow: str
    python: str
    machine: Mapping[str, Any]
    verified: tuple[Verified, ...]


@cache
def recorded() -> tuple[Run, ...]:
    """The measurements that come with the package, the oldest TensorFlow first."""
    return read(Path(__file__).parent / "measurements.json")


def read(file: Path) -> tuple[Run, ...]:
    """The runs in a file that :func:`written` made. Raises :class:`UnusableInput`."""
    try:
        document = json.loads(file.read_bytes())
        if document["schema"] != SCHEMA:
            raise UnusableInput("it holds no measurements that this version understands", subject=str(file))
        return tuple(_run(one) for one in document["runs"])
    except OSError as error:
        raise UnusableInput(f"it cannot be read: {error.strerror}", subject=str(file)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnusableInput("it is no file of measurements", subject=str(file)) from error


def merged(old: Sequence[Run], new: Sequence[Run]) -> tuple[Run, ...]:
    """``new`` beside ``old``; of one TensorFlow on one processor the new measurement of each rule counts."""
    runs = {_place(run): run for run in old}
    for run in new:
        before = runs.get(_place(run))
        rules = {one.rule: one for one in (*(before.verified if before else ()), *run.verified)}
        verified = tuple(rules[name] for name in sorted(rules))
        runs[_place(run)] = Run(run.tensorflow, run.python, run.machine, verified)
    return tuple(runs[place] for place in sorted(runs))


def _place(run: Run) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in run.tensorflow.split(".")[:3] if part.isdigit()), str(run.machine.get("model"))


# ---------------------------------------------------------------- as JSON


def written(runs: Sequence[Run], claims: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """The runs as JSON, one line a rule, so that two versions of the file can be compared by eye.

    ``claims``: by rule, what it says; left out of what is kept, because rules change.
    """
    claims = claims or {}
    blocks = []
    for run in runs:
        head = json.dumps({"tensorflow": run.tensorflow, "python": run.python, "machine": dict(run.machine)})
        rules = ",\n".join(
            f"    {json.dumps(one.rule)}: {json.dumps({**claims.get(one.rule, {}), **_plain(one)})}"
            for one in run.verified
        )
        blocks.append(f'  {head[:-1]}, "rules": {{\n{rules}\n  }}}}')
    return f'{{"schema": "{SCHEMA}", "runs": [\n' + ",\n".join(blocks) + "\n]}\n"


def _plain(one: Verified) -> dict[str, Any]:
    changes: dict[str, dict[str, Any]] = {}
    for seen in one.observations:
        change = changes.setdefault(seen.change, {})
        if seen.fails:
            change.setdefault("fails", {})[seen.model] = seen.fails
        elif seen.moved is None:
            change.setdefault("same", []).append(seen.model)
        else:
            change.setdefault("moved", {})[seen.model] = _plain_moved(seen.moved)
    return {"outcome": one.outcome.value, "why": one.why, "steadiness": one.steadiness, "changes": changes}


def _plain_moved(moved: Moved) -> dict[str, Any]:
    return {
        "size": moved.size.value,
        "relative": float(f"{moved.relative:.2g}") if math.isfinite(moved.relative) else None,
        "share": round(moved.share, 3),
        "flips": moved.flips,
        "rows": moved.rows,
        "outputs": list(moved.outputs),
    }


def _run(plain: Mapping[str, Any]) -> Run:
    verified = tuple(_verified(rule, one) for rule, one in plain["rules"].items())
    return Run(plain["tensorflow"], plain["python"], plain["machine"], verified)


def _verified(rule: str, plain: Mapping[str, Any]) -> Verified:
    seen = [
        one
        for change, found in plain["changes"].items()
        for one in (
            *(Observation(change, model, _moved(moved)) for model, moved in found.get("moved", {}).items()),
            *(Observation(change, model, None) for model in found.get("same", ())),
            *(Observation(change, model, None, why) for model, why in found.get("fails", {}).items()),
        )
    ]
    return Verified(rule, Outcome(plain["outcome"]), plain["why"], plain["steadiness"], tuple(seen))


def _moved(plain: Mapping[str, Any]) -> Moved:
    relative = math.inf if plain["relative"] is None else plain["relative"]
    return Moved(Size(plain["size"]), relative, plain["share"], plain["flips"], plain["rows"], tuple(plain["outputs"]))
