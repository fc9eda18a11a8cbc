"""One finding in words."""

from __future__ import annotations

from envdiff.render.blocks import Bullets, Card, Line, Mark, Pair, Span, Table
from envdiff.render.wording import (
    BADGES,
    FITS,
    SIZE_WORDS,
    TRAIL,
    VALUE,
    address,
    muted,
    paragraphs,
    plain,
    prose,
    step,
    value,
)
from envdiff.report import Change, Finding, Shown, Source
from envdiff.words import BASES, LAYER_WORDS, SIZES, STEADINESS


def card(number: int, finding: Finding) -> Card:
    """``number`` is the finding's place in the ranking, from 1."""
    facts = tuple(pair for pair in _facts(finding) if pair.lines)
    mechanism = paragraphs(finding.mechanism)
    return Card(
        number=number,
        title=prose(finding.title, VALUE),
        badge=BADGES[finding.verdict],
        facts=facts,
        brief=tuple(pair for pair in facts if pair.name in ("Size", "Left", "Right")),
        explained=(Pair("What happens", mechanism),) if mechanism else (),
        actions=tuple(pair for pair in _actions(finding) if pair.lines),
        measured=_measured(finding.measured) if finding.measured else None,
        changes=_changes(finding.changes) if finding.changes else None,
        raw=_raw(finding.folded) if finding.folded else None,
        sources=Bullets(tuple(_source(each) for each in finding.sources)) if finding.sources else None,
    )


def size(finding: Finding) -> tuple[Line, ...]:
    """How far it moves outputs, usually and, where that was seen, at worst."""
    more = finding.at_worst is not None and finding.at_worst is not finding.size
    worst = (plain(f"at worst {SIZES[finding.at_worst]}"),) if more and finding.at_worst else ()
    return (plain(SIZES[finding.size]), *worst)


def _facts(finding: Finding) -> tuple[Pair, ...]:
    fits = () if finding.fits_delta is None else (plain(FITS[finding.fits_delta]),)
    return (
        Pair("Size", size(finding)),
        Pair("Steady", (plain(STEADINESS[finding.steadiness]),)),
        Pair("How sure", (plain(BASES[finding.basis]),)),
        Pair("Fits", fits),
        Pair("About", ((*value(finding.about), *muted(f" ({LAYER_WORDS.get(finding.layer, finding.layer)})")),)),
        Pair("Left", shown_side(finding.left)),
        Pair("Right", shown_side(finding.right)),
        Pair("Why here", (prose(finding.because, TRAIL),) if finding.because.strip() else ()),
    )


def _actions(finding: Finding) -> tuple[Pair, ...]:
    return (
        Pair("Confirm", tuple(step(each) for each in finding.confirm)),
        Pair("Fix", paragraphs(finding.fix)),
        Pair("Rule", (value(finding.rule),)),
    )


def shown_side(side: Shown) -> tuple[Line, ...]:
    """A value, and how a setting was concluded."""
    trail = prose(side.trail, TRAIL)
    return (value(side.text), *((trail,) if trail else ()))


def _changes(changes: tuple[Change, ...]) -> Table:
    rows = tuple(
        (
            value(each.version),
            prose(each.what, TRAIL),
            plain(SIZE_WORDS[each.size]),
            plain(each.basis.value),
            prose(", ".join((*each.touches, *filter(None, (each.acts,)))), VALUE) or muted("any"),
            tuple(span for source in each.sources for span in (*_source(source), Span(" "))),
        )
        for each in changes
    )
    return Table(("version", "what changed", "size", "basis", "touches", "source"), rows)


def _measured(measured: tuple[tuple[str, str], ...]) -> Table:
    return Table(("what was changed", "what moved"), tuple((prose(what), prose(moved)) for what, moved in measured))


def _raw(folded: tuple[tuple[str, str, str], ...]) -> Table:
    return Table(("fact", "left", "right"), tuple(tuple(value(each) for each in row) for row in folded))


def _source(source: Source) -> Line:
    what = prose(source.what, VALUE)
    where = (address(source.where),) if source.where.strip() else ()
    read = f" (read {source.read})" if source.read.strip() else ""
    return (*what, *plain(": " if what and where else ""), *where, Span(read, Mark.MUTED))
