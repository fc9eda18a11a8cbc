"""``envdiff rules verify``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from envdiff import api
from envdiff.config import read_config
from envdiff.errors import ExitStatus, needs_numpy
from envdiff.output import write
from envdiff.progress import progress
from envdiff.rulebook import Rule, Rulebook
from envdiff.rulebook.measurements import Outcome, Run, Verified, merged, read, written


@dataclass(frozen=True)
class VerifyOptions:
    """What the command was told. ``budget`` is a number of trials, or a time: 90s, 10m, 2h."""

    rules: tuple[str, ...]
    python: tuple[Path, ...]
    quick: bool
    format: str
    output: Path | None
    record: Path | None
    jobs: int
    budget: str | None
    config: Path | None


def run_verify(options: VerifyOptions) -> int:
    """Status 1 when a rule says something else than what was measured."""
    book = api.rulebook(read_config(options.config, Path.cwd()).rules)
    known = read(options.record) if options.record is not None and options.record.exists() else ()
    runs = _runs(options, book)
    if options.record is not None:
        write(written(merged(known, [_worth_keeping(run) for run in runs])), options.record)
    claims = {one.rule: {"claimed": plain_claim(book[one.rule])} for run in runs for one in run.verified}
    told = written(runs, claims) if options.format == "json" else "".join(_text(run, book) for run in runs)
    write(told, options.output)
    broken = any(one.outcome is Outcome.BROKEN for run in runs for one in run.verified)
    return ExitStatus.FOUND if broken else ExitStatus.OK


def _runs(options: VerifyOptions, book: Rulebook) -> list[Run]:
    with needs_numpy("running models"):
        from envdiff.experiment.verify import Asked, to_try, verify
    from envdiff.capture.interpreter import active_interpreter, named_interpreter
    from envdiff.commands.budget import budget

    asked = Asked(to_try(book, options.rules, quick=options.quick), options.quick, options.jobs, budget(options.budget))
    pythons = [named_interpreter(one) for one in options.python] or [active_interpreter(os.environ)]
    runs = []
    for python in pythons:
        with progress(f"rules verify: {python.path}") as say:
            runs.append(verify(python.path, asked, book, user_cache_path("envdiff"), None, say))
    return runs


def _worth_keeping(run: Run) -> Run:
    """What was measured; why nothing could be is another machine's affair."""
    return Run(run.tensorflow, run.python, run.machine, tuple(one for one in run.verified if one.observations))


# ---------------------------------------------------------------- as text

SHOWN = (Outcome.BROKEN, Outcome.HOLDS, Outcome.NOT_SEEN, Outcome.NOT_MEASURED, Outcome.NOT_APPLICABLE)


def _text(run: Run, book: Rulebook) -> str:
    machine = f"{run.machine.get('model')}, {run.machine.get('logical')} processors"
    lines = [f"TensorFlow {run.tensorflow}, Python {run.python}, {machine}"]
    for outcome in SHOWN:
        chosen = [one for one in run.verified if one.outcome is outcome]
        if chosen:
            lines += ["", f"{outcome.value} ({len(chosen)})"]
            lines += [line for one in chosen if one.observations for line in _entry(one, book[one.rule])]
            lines += _unseen([one for one in chosen if not one.observations])
    return "\n".join(lines) + "\n\n"


def _entry(one: Verified, rule: Rule) -> Iterator[str]:
    """Claim against measurement."""
    yield f"  {one.rule}"
    if one.why:
        yield f"    {one.why}"
    yield f"    claimed   {claim(rule)}"
    yield f"    measured  {measured(one)}"


def _unseen(chosen: Sequence[Verified]) -> Iterator[str]:
    """Rules without a measurement, by the reason for it."""
    for why in dict.fromkeys(one.why for one in chosen):
        yield f"  {', '.join(one.rule for one in chosen if one.why == why)}"
        yield f"    {why}"


def claim(rule: Rule) -> str:
    """What a rule says will be seen, and how it knows."""
    worst = f", at worst {rule.at_worst}" if rule.at_worst else ""
    return f"{rule.verdict}, {rule.size}{worst}, {rule.steadiness}, {rule.basis}"


def plain_claim(rule: Rule) -> dict[str, str | None]:
    """The same as data."""
    return {
        "verdict": rule.verdict.value,
        "size": rule.size.value,
        "at_worst": rule.at_worst.value if rule.at_worst else None,
        "steadiness": rule.steadiness.value,
        "basis": rule.basis.value,
    }


def measured(one: Verified) -> str:
    """The largest thing that was seen, in which models something was and in which nothing."""
    largest = one.largest
    failed = _names(seen.model for seen in one.observations if seen.fails)
    fails = f"; fails: {failed}" if failed else ""
    if largest is None or largest.moved is None:
        return f"the same bits in {_names(seen.model for seen in one.observations if not seen.fails)}{fails}"
    moved = largest.moved
    moving = {seen.model for seen in one.observations if seen.moved}
    still = _names(seen.model for seen in one.observations if seen.model not in moving and not seen.fails)
    return (
        f"{moved.size}, {one.steadiness}: {moved.relative:.1e} of the range, {moved.share:.0%} of the elements, "
        f"{moved.flips} of {moved.rows} labels ({largest.change}); moves {_names(moving)}"
        + (f"; not {still}" if still else "")
        + fails
    )


def _names(models: Iterator[str] | Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(set(models)))
