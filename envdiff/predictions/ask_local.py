"""Asking a model in the environment under study: its own interpreter, its own TensorFlow, a fresh process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.predictions import exchange
from envdiff.predictions.answers import Answers
from envdiff.predictions.rows import Rows
from envdiff.predictions.scripts import run_script
from envdiff.probe_file import probe_path
from envdiff.scratch import scratch

WAYS = ("signature", "session", "keras")
SECONDS = 600.0


def ask_local(
    python: str,
    model: Path,
    rows: Rows,
    ways: Sequence[str] = (),
    *,
    signature: str = "serving_default",
    tags: Sequence[str] = (),
    seconds: float = SECONDS,
    allow_code: bool = False,
) -> dict[str, Answers]:
    """Answers by way. Without ``ways``: a Keras file through Keras, a SavedModel through its signature and a Session.

    A way that fails has its reason in ``errors``. Raises WorldFailed when the interpreter itself fails, and
    UnusableInput when there is no model. Rows and answers pass through a private folder that is removed afterwards.
    """
    if not model.exists():
        raise UnusableInput("no such model", subject=str(model))
    unknown = [way for way in ways if way not in WAYS]
    if unknown:
        raise UnusableInput(f"no such way of asking: {', '.join(unknown)}", hint=f"ways are {', '.join(WAYS)}")
    with scratch("ask") as folder:
        asked, answered = Path(folder, "rows.npz"), Path(folder, "answers.npz")
        exchange.write(asked, {"rows": rows.arrays}, {"by_row": list(rows.by_row)})
        arguments = [str(probe_path("predict.py")), "--model", str(model.resolve()), "--rows", str(asked)]
        arguments += [
            "--out",
            str(answered),
            "--signature",
            signature,
            "--ways",
            ",".join(ways),
            "--tags",
            ",".join(tags),
        ]
        arguments += ["--allow-code"] if allow_code else []
        run_script(python, arguments, seconds)
        calls, meta = exchange.read(answered)
    return {way: _answers(way, told, calls, meta, rows, signature) for way, told in meta["ways"].items()}


def _answers(
    way: str,
    told: Mapping[str, Any],
    calls: exchange.Calls,
    meta: Mapping[str, Any],
    rows: Rows,
    signature: str,
) -> Answers:
    mine = {name.partition("/")[2]: outputs for name, outputs in calls.items() if name.startswith(f"{way}/")}
    return Answers(
        way=way,
        calls=mine,
        rows_digest=rows.digest,
        signature="" if way == "keras" else signature,
        errors={"all": str(told["error"])} if "error" in told else {},
        seconds={"load": float(told.get("load", 0.0)), **told.get("seconds", {})},
        notes=rows.notes,
        made_by={name: str(version) for name, version in meta["tensorflow"].items()},
    )
