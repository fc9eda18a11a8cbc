"""Which finding comes first, and which cannot be the measured difference at all."""

from __future__ import annotations

from envdiff.report import Basis, Delta, Finding, Size, Steadiness, Verdict
from envdiff.rulebook import LAYERS

SIZES = tuple(Size)
VERDICTS = (Verdict.MOVES, Verdict.CAN_MOVE)
BASES = tuple(Basis)

# Upper borders of the largest difference, relative to the range of the output. Measured on thirteen models: reordered
# sums stay below 1e-5 of the range, reduced precision below 1e-1.
BORDERS = ((2e-5, Size.LAST_BITS), (1e-1, Size.SMALL))
# Which causes to suspect for a difference of a known size. In 205 public reports, differences in the last bits came from
# the order of float operations (never from weights, input or the model's version), small ones from precision and pixels,
# visible ones from what is served, what is fed and what layers mean.
SUSPECTS = {
    Size.LAST_BITS: ("kernels", "behaviour", "input", "order", "precision", "host", "artifact"),
    Size.SMALL: ("precision", "input", "kernels", "behaviour", "order", "host", "artifact"),
    Size.VISIBLE: LAYERS,
}
UNSTEADY = "answers.steadiness"  # that a side does not agree with itself is a symptom, not yet a cause
# Layers whose findings can say why one GPU answers otherwise at each call and another does not.
RACING = ("precision", "behaviour", "kernels")
# A row whose top two classes are this close flips its label without the cause being large.
FLIP_SHARE = 0.01


def size_of(delta: Delta) -> Size:
    """The size class of a measured difference: none only when no bit changed."""
    if all(output.changed == 0 for output in delta.outputs.values()):
        return Size.NONE
    relative = [output.max_rel if output.max_rel is not None else output.max_abs for output in delta.outputs.values()]
    largest = max(relative)
    named = next((size for border, size in BORDERS if largest <= border), Size.VISIBLE)
    return max(named, _flipped(delta), key=SIZES.index)


def _flipped(delta: Delta) -> Size:
    """Many flipped labels are visible whatever the numbers say; one on a tiny gap is not."""
    rows = sum(output.rows for output in delta.outputs.values() if output.flips is not None)
    flips = sum(output.flips or 0 for output in delta.outputs.values())
    return Size.VISIBLE if rows >= 20 and flips / rows > 10 * FLIP_SHARE else Size.NONE


def ranked(
    findings: list[Finding], delta: Delta | None, *, unsteady_gpu: bool = False
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(findings in order, findings that are real but cannot be this difference).

    ``unsteady_gpu``: one side alone changes from call to call, and it may compute on a GPU.
    """
    if delta is None:
        return tuple(sorted(findings, key=_without_delta)), ()
    size = size_of(delta)
    judged = [one._replace(fits_delta=fits(one, size, delta.steadiness, unsteady_gpu=unsteady_gpu)) for one in findings]
    judged.sort(key=lambda one: _with_delta(one, size))
    fitting = [one for one in judged if one.fits_delta]
    if delta.steadiness == Steadiness.CALL_TO_CALL and len(fitting) > 1 and fitting[0].about == UNSTEADY:
        fitting[:2] = fitting[1], fitting[0]  # what else fits can make a side unsteady
    return tuple(fitting), tuple(one for one in judged if not one.fits_delta)


def fits(finding: Finding, size: Size, steadiness: str, *, unsteady_gpu: bool = False) -> bool:
    """Whether ``finding`` alone can be a difference of this size and steadiness.

    On a GPU another release or library can be what brings in a race, or a sum in no fixed order.
    """
    if size is Size.NONE:
        return False
    if reach(finding) < SIZES.index(size):
        return False
    if steadiness == Steadiness.CALL_TO_CALL:
        return finding.steadiness is Steadiness.CALL_TO_CALL or (unsteady_gpu and finding.layer in RACING)
    return not (steadiness == Steadiness.STABLE and finding.steadiness is Steadiness.CALL_TO_CALL)


def reach(finding: Finding) -> int:
    """The place of the largest difference that ``finding`` can make among the sizes."""
    return SIZES.index(finding.at_worst or finding.size)


def solved(findings: tuple[Finding, ...], delta: Delta | None) -> bool:
    """Whether there is no difference to explain, or a finding that usually makes one as large."""
    size = size_of(delta) if delta is not None else Size.NONE
    apart = (one for one in findings if not alike(one))
    return size is Size.NONE or any(SIZES.index(one.size) >= SIZES.index(size) for one in apart)


def alike(finding: Finding) -> bool:
    """What may be wrong on both sides alike does not set them apart, unless it says for certain that answers move."""
    return finding.verdict is not Verdict.MOVES and finding.left.text == finding.right.text


def _without_delta(finding: Finding) -> tuple[object, ...]:
    return (LAYERS.index(finding.layer), *_strength(finding))


def _with_delta(finding: Finding, size: Size) -> tuple[object, ...]:
    distance = abs(SIZES.index(finding.size) - SIZES.index(size))
    if finding.size is Size.ANY:
        # What has no size of its own is no worse a guess for a small difference than for a large one, and the first guess
        # only where it moves answers for certain: other weights, another input.
        certain = finding.verdict is Verdict.MOVES and not finding.because and size is Size.VISIBLE
        distance = 0 if certain else min(distance, 1)
    return (
        not finding.fits_delta,
        alike(finding),
        distance,
        SUSPECTS.get(size, LAYERS).index(finding.layer),
        *_strength(finding),
    )


def _strength(finding: Finding) -> tuple[object, ...]:
    return (
        VERDICTS.index(finding.verdict),
        -SIZES.index(finding.size),
        bool(finding.because),
        BASES.index(finding.basis),
        finding.about,
    )
