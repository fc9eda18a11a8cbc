"""The finished answer as frozen plain data: what :mod:`envdiff.explain` decides and every renderer prints.

Nothing here computes, reads or formats. The public JSON shape is :mod:`envdiff.render.json_v1`, converted by hand, so
that a rename here cannot break a user's script. Named tuples, because making fifteen frozen dataclasses would take a
twentieth of the time that a whole report takes.
"""

# No postponed annotations here: a named tuple compiles each one that is a text.
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How bad. Certainty is another scale: :class:`Basis`."""

    MOVES = "moves"
    CAN_MOVE = "can-move"
    HARMLESS = "harmless"
    CANNOT_TELL = "cannot-tell"


class Size(StrEnum):
    """The largest difference a cause can make in the outputs, relative to their range, smallest first."""

    NONE = "none"
    LAST_BITS = "last-bits"  # up to about 1e-5 of the range of the output; labels do not flip
    SMALL = "small"  # up to about 1e-1: reduced precision; few labels flip
    VISIBLE = "visible"  # scores and labels move
    ANY = "any"


class Steadiness(StrEnum):
    """When the difference can be seen again."""

    STABLE = "stable"
    CALL_TO_CALL = "call-to-call"
    START_TO_START = "start-to-start"


class Basis(StrEnum):
    """How we know."""

    OBSERVED = "observed"
    MEASURED = "measured"
    DOCUMENTED = "documented"
    REASONED = "reasoned"


class Source(NamedTuple):
    """Where a claim can be checked; ``read`` is the ISO date on which it was."""

    what: str
    where: str
    read: str


class Side(NamedTuple):
    """One environment as the report names it; ``headline`` is a dozen (name, value) pairs that a reader wants first."""

    label: str
    kind: str
    reached_by: str
    captured_at: str
    headline: tuple[tuple[str, str], ...] = ()


class Shown(NamedTuple):
    """One side of a mismatch in words: its value, and for a setting the trail of how it was concluded."""

    text: str
    trail: str = ""


class Change(NamedTuple):
    """One known change between two versions of something."""

    version: str
    what: str
    size: Size
    basis: Basis
    sources: tuple[Source, ...]
    touches: tuple[str, ...] = ()  # operations; empty: any
    acts: str = ""  # where it acts, in words, if it is not in a graph whoever runs it


class Finding(NamedTuple):
    """A mismatch with what the rulebook says of it, for this model and this difference.

    ``about`` is the setting or fact; ``folded`` are the raw facts that the setting explains, as (path, left, right).
    ``fits_delta`` is None when no difference was measured. ``confirm`` and ``fix`` are sentences or commands,
    ready to print; ``because`` says why this one stands where it stands.
    """

    rule: str
    title: str
    verdict: Verdict
    size: Size
    steadiness: Steadiness
    basis: Basis
    about: str
    left: Shown
    right: Shown
    mechanism: str
    confirm: tuple[str, ...]
    fix: str
    sources: tuple[Source, ...]
    because: str = ""
    fits_delta: bool | None = None
    changes: tuple[Change, ...] = ()
    folded: tuple[tuple[str, str, str], ...] = ()
    at_worst: Size | None = None  # seen, though ``size`` is usual: depth amplified it, a kernel had a bug
    layer: str = "host"  # artifact, input, precision, behaviour, kernels, order or host
    measured: tuple[tuple[str, str], ...] = ()  # (what was changed, what moved by how much)


class SameInEffect(NamedTuple):
    """Written differently, in force alike."""

    about: str
    left: str
    right: str
    why: str


class RuledOut(NamedTuple):
    """A mismatch that a rule knows and that cannot move these predictions. ``rule`` has the full text."""

    about: str
    left: str
    right: str
    rule: str
    why: str


class Unexplained(NamedTuple):
    """A mismatch that no rule knows. It is never called harmless."""

    path: str
    left: str
    right: str


class Unread(NamedTuple):
    """What could not be compared. ``matters`` is True when it could hold a cause."""

    side: str  # "left", "right" or "both"
    path: str
    reason: str
    how_to_read: str
    matters: bool


class Ignored(NamedTuple):
    """A mismatch that the user told envdiff to leave out of the verdict, with their reason."""

    path: str
    left: str
    right: str
    reason: str


class WorstRow(NamedTuple):
    """A row by its number from 0. Top classes are None where the output has no class axis."""

    row: int
    max_abs: float
    left_top: int | None = None
    right_top: int | None = None


class OutputDelta(NamedTuple):
    """The measured difference of one output.

    ``max_abs`` is infinite where a number stands against NaN, text or another shape. ``max_rel`` is relative to the
    output's range; None where undefined.
    """

    max_abs: float
    max_rel: float | None
    max_ulp: float | None
    changed: float  # share of elements with other bits, 0 to 1
    flips: int | None  # rows whose top class differs; None when there is no class axis
    rows: int
    median_abs: float | None = None
    median_rel: float | None = None
    worst: tuple[WorstRow, ...] = ()
    histogram: tuple[tuple[int, int], ...] = ()  # (floor of log10 of the difference, how many elements)
    words: str = ""  # what is special: other shapes, NaN on one side, text


class Delta(NamedTuple):
    """The measured difference of two sets of outputs; ``stated`` when the user gave the number by hand."""

    outputs: Mapping[str, OutputDelta]
    steadiness: str
    stated: bool = False


class Tried(NamedTuple):
    """One switch in an isolation, with its two positions in words.

    ``alone``: what left with it thrown answered, against left; ``all_but``: what right without it answered, against
    right; each same, moved, unclear, void, or None when that was not run. ``share`` is how much of the gap it closes
    alone, ``share_given`` how much opens again when it is taken out of right; None without a finite size.
    ``verdict``: culprit, hidden, cancels, cleared, undecided or void.
    """

    name: str
    about: str
    left: str
    right: str
    alone: str | None
    all_but: str | None
    share: float | None
    share_given: float | None
    trials: int
    verdict: str
    why: str = ""


class Unsteady(NamedTuple):
    """A side that does not agree with itself. ``rows`` are those that change, None: all, or they have no numbers."""

    side: str
    kind: str
    size: float | None  # relative to the output's range; None without a finite size
    rows: tuple[int, ...] | None
    steadied_by: tuple[str, ...]
    tried: tuple[tuple[str, str], ...]  # (what, how it ended)


class Isolation(NamedTuple):
    """Which switches were seen to turn left's answers into right's, on one model with one set of rows.

    ``sets`` are minimal and each suffices; ``hidden`` switches move answers only once the culprits are taken out of
    right; ``cancelling`` groups undo each other. ``forward``: left with the culprits thrown answers as right;
    ``backward``: right without them answers as left; None when it was not tried or could not be told. ``reproduced``
    is how much of a real right's gap the re-created right closes, None when there was no other right.
    """

    left: str
    right: str
    sentence: str
    culprits: tuple[str, ...] = ()
    sets: tuple[tuple[str, ...], ...] = ()
    hidden: tuple[str, ...] = ()
    cancelling: tuple[tuple[str, ...], ...] = ()
    forward: bool | None = None
    backward: bool | None = None
    switches: tuple[Tried, ...] = ()
    noise: tuple[float | None, float | None] = (0.0, 0.0)  # of left and right, relative to the output's range
    gap: float | None = None
    exact: bool = True  # compared bit by bit: both sides are steady
    unsteady: tuple[Unsteady, ...] = ()
    not_recreated: tuple[tuple[str, str], ...] = ()  # (setting or fact, why)
    reproduced: float | None = None
    trials_run: int = 0
    trials_known: int = 0  # found in the journal
    complete: bool = True
    notes: tuple[str, ...] = ()


class Answer(NamedTuple):
    """The first thing a reader sees: verdict, one sentence, and what to run next (may be empty)."""

    verdict: Verdict
    sentence: str
    next_steps: tuple[str, ...] = ()


class Report(NamedTuple):
    """The whole answer, already judged, ordered and counted. ``full`` lists every mismatch as (path, left, right)."""

    left: Side
    right: Side
    answer: Answer
    delta: Delta | None = None
    findings: tuple[Finding, ...] = ()
    too_small: tuple[Finding, ...] = ()
    same_in_effect: tuple[SameInEffect, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    unexplained: tuple[Unexplained, ...] = ()
    unread: tuple[Unread, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    full: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    compared: int = 0  # facts and settings that were read on both sides
    isolation: Isolation | None = None
