"""The measurements of one rule as a Markdown table: change and model against TensorFlow version."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from envdiff.rulebook.measurements import Observation, Run

Seen = Mapping[tuple[str, str], Observation]  # by change and model


def measured_table(rule: str, runs: Sequence[Run]) -> Iterator[str]:
    """Nothing when no run tried the rule."""
    found = {_column(run): _seen(rule, run) for run in runs if _seen(rule, run)}
    if not found:
        return
    yield from ("", "### Measured by `envdiff rules verify`", "")
    yield from _told(found)
    machines = dict.fromkeys(_machine(run) for run in runs if _column(run) in found)
    yield from ("", f"32 rows, one by one and as a batch, on {'; '.join(machines)}.")


def _seen(rule: str, run: Run) -> Seen:
    chosen = [one for verified in run.verified if verified.rule == rule for one in verified.observations]
    return {(one.change, one.model): one for one in chosen}


def _column(run: Run) -> str:
    return run.tensorflow


def _machine(run: Run) -> str:
    widest = [
        name for name in ("amx_tile", "avx512_bf16", "avx512_vnni", "avx512f", "avx2") if name in run.machine["flags"]
    ]
    return f"{run.machine['model']} ({run.machine['logical']} processors{', up to ' + widest[0] if widest else ''})"


def _told(found: Mapping[str, Seen]) -> Iterator[str]:
    rows = sorted({key for seen in found.values() for key in seen})
    stirring = [key for key in rows if any(_stirs(seen.get(key)) for seen in found.values())]
    still = sorted({model for _, model in rows} - {model for _, model in stirring})
    if stirring:
        yield f"| change | model | {' | '.join(found)} |"
        yield f"| --- | --- |{' --- |' * len(found)}"
        for change, model in stirring:
            cells = " | ".join(_cell(seen.get((change, model))) for seen in found.values())
            yield f"| {change.replace('|', ' ')} | {model} | {cells} |"
        yield from ("", "Largest distance relative to the range of the output; share of elements with other bits.")
    if still:
        changes = "" if stirring else f" under {'; '.join(sorted({change for change, _ in rows}))}"
        yield from ("",) if stirring else ()
        yield f"The same bits{changes}, TensorFlow {', '.join(found)}: {', '.join(still)}."


def _stirs(one: Observation | None) -> bool:
    return one is not None and (one.moved is not None or bool(one.fails))


def _cell(one: Observation | None) -> str:
    if one is None:
        return "not tried"
    if one.fails:
        return "fails"
    if one.moved is None:
        return "same bits"
    size = f"{one.moved.relative:.0e}" if math.isfinite(one.moved.relative) else "not comparable"
    flips = f", {one.moved.flips} of {one.moved.rows} labels" if one.moved.flips else ""
    only = f" ({one.moved.outputs[0]} only)" if len(one.moved.outputs) == 1 else ""
    return f"{size}, {one.moved.share:.0%}{flips}{only}"
