"""The first lines of a report: verdict, one sentence, what to run next; and what each side is in a dozen facts."""

from __future__ import annotations

from envdiff.compare import Comparison
from envdiff.explain.judge import GUESS, NO_PROGRAM
from envdiff.explain.model import NO_TENSORFLOW
from envdiff.explain.rank import UNSTEADY, alike, size_of, solved
from envdiff.fingerprint import Fingerprint, show
from envdiff.report import Answer, Delta, Finding, RuledOut, Side, Size, Steadiness, Unexplained, Unread, Verdict
from envdiff.settings import Setting

NAMED = 3  # things in a sentence
LONGEST = 60  # characters of a value in it

EXPECT = {
    Size.NONE: "No difference is expected from it",
    Size.LAST_BITS: "Expect the last bits to differ (up to about 1e-5 of the output's range), not the labels",
    Size.SMALL: "Expect differences of up to about a tenth of the output's range, and few labels to flip",
    Size.VISIBLE: "Expect scores and labels to move visibly",
    Size.ANY: "The difference can have any size",
}

HEADLINE = (
    ("TensorFlow", ("tensorflow.version", "tensorflow.distribution")),
    ("Keras", ("keras.version",)),
    ("Python", ("python.version",)),
    ("oneDNN", ("setting.onednn",)),
    ("device", ("setting.device",)),
    ("GPU", ("gpu.0.name",)),
    ("CPU", ("cpu.model",)),
    ("kernels", ("setting.kernel_isa",)),
    ("threads", ("setting.intra_op_threads",)),
    ("system", ("os.distribution", "os.machine")),
    ("C library", ("setting.libc",)),
)


def answer(
    findings: tuple[Finding, ...],
    too_small: tuple[Finding, ...],
    unexplained: tuple[Unexplained, ...],
    unread: tuple[Unread, ...],
    delta: Delta | None,
    program: tuple[RuledOut, ...] = (),
) -> Answer:
    """The verdict over everything that was judged. ``program``: what a program that was not captured could use."""
    missing = tuple(gap for gap in unread if gap.matters)
    differ = delta is not None and size_of(delta) is not Size.NONE
    guess = findings[0] if findings and GUESS in findings[0].because else None
    if findings and guess is None:
        moves = differ or any(one.verdict is Verdict.MOVES for one in findings)
        verdict = Verdict.MOVES if moves else Verdict.CAN_MOVE
        return Answer(verdict, _because_of(findings, delta), _next_steps(findings[0], missing))
    if delta is not None and differ:
        # That they differ was measured; only the cause is unknown.
        said = _not_by_these(too_small, unexplained, delta)
        if guess is not None:
            return Answer(Verdict.MOVES, f"{said} It could also be this: {guess.title}.", _next_steps(guess, missing))
        return Answer(Verdict.MOVES, said, _read(missing))
    if delta is not None:
        return Answer(Verdict.HARMLESS, _equal(delta, too_small, missing), _read(missing))
    if missing and NO_TENSORFLOW in missing[0].reason:
        sentence = f"N{NO_TENSORFLOW[1:]}, so what predicts was not compared."
        return Answer(Verdict.CANNOT_TELL, sentence, _read(missing))
    if missing:
        was = "was" if len(missing) == 1 else "were"
        sentence = (
            f"Nothing that was read can move predictions, but {_count(missing, 'thing')} that can {was} not read."
        )
        return Answer(Verdict.CANNOT_TELL, sentence, _read(missing))
    if unexplained:
        sentence = (
            "Nothing known to move predictions differs; "
            f"{_count(unexplained, 'mismatch')} {'is' if len(unexplained) == 1 else 'are'} not in the rulebook."
        )
        return Answer(Verdict.CANNOT_TELL, sentence)
    sentence = "Nothing that differs between these two can move predictions."
    if program:
        names = [one.about.removeprefix("packages.").removeprefix("setting.") for one in program]
        shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        sentence = (
            f"Nothing that differs between these two can move what the model computes. Code that prepares its input was "
            f"not captured; if there is any, what differs for it is: {shown}."
        )
    return Answer(Verdict.HARMLESS, sentence)


def _because_of(findings: tuple[Finding, ...], delta: Delta | None) -> str:
    first = findings[0]
    title = first.title
    others = f" {_count(findings[1:], 'other mismatch')} can move predictions too." if len(findings) > 1 else ""
    if delta is None:
        word = "will" if first.verdict is Verdict.MOVES else "can"
        return f"These two {word} predict differently: {title}. {EXPECT[first.size]}.{others}"
    said = f"The answers differ by up to {_largest(delta)}."
    if len(findings) > 1 and findings[1].about == UNSTEADY and delta.steadiness == Steadiness.CALL_TO_CALL:
        return f"{said} {findings[1].title}. What could make it so: {title}."
    if alike(first):
        return f"{said} What could explain it is so on both sides: {title}.{others}"
    if NO_PROGRAM in first.because:
        return (
            f"{said} Nothing that was captured explains it; a program that prepares the input could: {title}.{others}"
        )
    if solved((first,), delta):
        return f"{said} The cause that fits best: {title}.{others}"
    if first.verdict is Verdict.MOVES:
        return f"{said} This moves them, though it usually moves less: {title}.{others}"
    return f"{said} This could explain it, though it usually moves less: {title}.{others}"


def _equal(delta: Delta, too_small: tuple[Finding, ...], missing: tuple[Unread, ...]) -> str:
    """These rows only: others may still be moved by what differs, or by what was not read."""
    if delta.stated:
        said = "No difference was observed"
    elif any(output.changed for output in delta.outputs.values()):
        said = "The answers to these rows are equal"
    else:
        said = "The answers to these rows are equal bit for bit"
    if too_small:
        said += f"; {_count(too_small, 'known mismatch')} did not move them"
    if missing:
        said += (
            f"; {_count(missing, 'thing')} that can move predictions {'was' if len(missing) == 1 else 'were'} not read"
        )
    return said + "."


def _not_by_these(too_small: tuple[Finding, ...], unexplained: tuple[Unexplained, ...], delta: Delta) -> str:
    said = f"The answers differ by up to {_largest(delta)}, and nothing that is known explains it."
    if too_small:
        others = f" and {_count(too_small[1:], 'other mismatch')}" if len(too_small) > 1 else ""
        said += f" What is known to move them would do so less, or in another way: {too_small[0].title}{others}."
    if not unexplained:
        return f"{said} Look at the served files, the model version and the inputs."
    first = unexplained[0]
    left, right = (text if len(text) <= LONGEST else f"{text[:LONGEST]}…" for text in (first.left, first.right))
    more = f" and {_count(unexplained[1:], 'other mismatch')}" if len(unexplained) > 1 else ""
    return (
        f"{said} No rule knows {first.path} ({left} against {right}){more}; besides, look at the served files, "
        "the model version and the inputs."
    )


def _largest(delta: Delta) -> str:
    name, worst = max(delta.outputs.items(), key=lambda pair: (pair[1].max_rel or pair[1].max_abs, pair[0]))
    flips = f", {worst.flips} of {worst.rows} labels flip" if worst.flips else ""
    return f"{worst.max_abs:.2g} in {name}{flips}" if name else f"{worst.max_abs:.2g}{flips}"


def _next_steps(first: Finding, missing: tuple[Unread, ...]) -> tuple[str, ...]:
    return (*first.confirm[:2], *_read(missing[:1]))


def _read(missing: tuple[Unread, ...]) -> tuple[str, ...]:
    steps = [f"{gap.path} ({gap.side}): {gap.how_to_read}" for gap in missing[:3]]
    return tuple(dict.fromkeys(steps))


def _count(things: tuple[object, ...], name: str) -> str:
    number = len(things)
    return f"{number} {name}" if number == 1 else f"{number} {name}{'es' if name.endswith('ch') else 's'}"


def side(fingerprint: Fingerprint, settings: dict[str, Setting]) -> Side:
    """One environment in the facts that a reader wants first."""
    return Side(
        label=fingerprint.label,
        kind=fingerprint.kind,
        reached_by=fingerprint.reached_by,
        captured_at=fingerprint.captured_at,
        headline=tuple((name, text) for name, paths in HEADLINE if (text := _first(paths, fingerprint, settings))),
    )


def _first(paths: tuple[str, ...], fingerprint: Fingerprint, settings: dict[str, Setting]) -> str:
    parts = []
    for path in paths:
        value = settings[path].value if path in settings else fingerprint.get(path)
        if value is not None:
            parts.append(show(value))
    return " ".join(parts[:1]) + (f" ({parts[1]})" if len(parts) > 1 else "")


def headline_paths(comparison: Comparison) -> tuple[str, ...]:
    """Every path the headlines read, for checks against what the probe can produce."""
    known = comparison.left_settings
    return tuple(path for _, paths in HEADLINE for path in paths if path not in known)
