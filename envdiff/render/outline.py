"""A report in words, once, for every face: what is said, in which order, under which name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from envdiff.render.blocks import (
    Bullets,
    Cards,
    Headline,
    Line,
    Mark,
    Outline,
    Pair,
    Point,
    Scale,
    Section,
    Span,
    Table,
    Zone,
)
from envdiff.render.outline_finding import card, size
from envdiff.render.outline_isolation import isolation_sections, proof
from envdiff.render.visible import flow, shorten
from envdiff.render.wording import (
    AGREEMENT,
    BADGES,
    LABEL,
    SIDES,
    TRAIL,
    VALUE,
    count,
    number,
    plain,
    prose,
    share,
    step,
    value,
    whole,
)
from envdiff.report import Delta, Finding, OutputDelta, Report, RuledOut, WorstRow
from envdiff.words import BASES, STEADINESS

# The picture of the delta runs from 1e-8 to 10 times the output's range.
LOWEST, HIGHEST = -8, 1
IN_ANSWER: Final = 3  # outputs, commands and steps on the first screen
BAR_LENGTH: Final = 24
IN_REASON: Final = 8  # mismatches that one reason names
FACTS, OUTPUTS, NOTES = ("fact", "facts"), ("output", "outputs"), ("note", "notes")
FINDINGS, SETTINGS, READINGS = ("finding", "findings"), ("setting", "settings"), ("reading", "readings")
MISMATCHES = ("mismatch", "mismatches")


def outline(report: Report) -> Outline:
    """The whole report, without the sections that would be empty."""
    shown = report.isolation
    sections = (
        *(isolation_sections(shown) if shown else ()),
        _sides(report),
        _delta(report.delta) if report.delta else None,
        _worst_rows(report.delta) if report.delta else None,
        _distribution(report.delta) if report.delta else None,
        _findings(report.findings),
        _too_small(report.findings, report.too_small),
        _same_in_effect(report),
        _ruled_out(report),
        _unread(report),
        _unexplained(report),
        _ignored(report),
        _notes((*report.notes, *(shown.notes if shown else ()))),
        _full(report),
    )
    return Outline(_headline(report), tuple(each for each in sections if each and len(each.body)))


# --- the first screen ---------------------------------------------------------------------------------------


def _headline(report: Report) -> Headline:
    answer = report.answer
    shown = proof(report.isolation) if report.isolation else ()
    pairs = [*_cause(_first(report)), *shown, *_measured(report.delta), *_action(report), *_rest(report)]
    return Headline(
        names=(("left", _label(report.left.label)), ("right", _label(report.right.label))),
        badge=BADGES[answer.verdict],
        sentence=prose(answer.sentence, TRAIL),
        pairs=tuple(pair for pair in pairs if pair.lines),
    )


def _first(report: Report) -> Sequence[Finding]:
    """The finding to begin with; none when what was shown to be the cause is no finding, or when nothing was moved."""
    isolation = report.isolation
    if isolation is None:
        return report.findings[:1]
    guilty = {one.about for one in isolation.switches if one.name in isolation.culprits}
    alike = isolation.exact and isolation.gap == 0
    return [one for one in report.findings[:1] if (one.about in guilty if guilty else not alike)]


def _cause(first: Sequence[Finding]) -> Iterable[Pair]:
    for finding in first:
        left, right = (value(shorten(side.text, 100)) for side in (finding.left, finding.right))
        yield Pair("Cause", (prose(finding.title, VALUE), (*plain("left "), *left, *plain(", right "), *right)))
        yield Pair("Size", size(finding))
        yield Pair("How sure", (plain(BASES[finding.basis]),))
        yield Pair("Steady", (plain(STEADINESS[finding.steadiness]),))


def _measured(delta: Delta | None) -> Iterable[Pair]:
    if delta is None:
        return
    lines = [_output_in_short(name, each) for name, each in list(delta.outputs.items())[:IN_ANSWER]]
    if len(delta.outputs) > IN_ANSWER:
        lines.append(plain(f"and {count(len(delta.outputs) - IN_ANSWER, 'more output', 'more outputs')}"))
    yield Pair("Stated" if delta.stated else "Measured", tuple(lines))


def _output_name(name: str) -> Line:
    """A difference that was stated by hand is of no output by name."""
    return value(name) if name else plain("the answer")


def _output_in_short(name: str, output: OutputDelta) -> Line:
    relative = "" if output.max_rel is None else f" ({number(output.max_rel)} of its range)"
    flips = "" if output.flips is None else f"; {output.flips:,} of {count(output.rows, 'label flips', 'labels flip')}"
    return (*_output_name(shorten(name, LABEL)), *plain(f" differs by up to {number(output.max_abs)}{relative}{flips}"))


def _action(report: Report) -> Iterable[Pair]:
    confirm: tuple[str, ...] = ()
    shown = report.isolation is not None and bool(report.isolation.culprits)
    for finding in _first(report):
        confirm = () if shown else finding.confirm[:IN_ANSWER]
        yield Pair("Fix", (prose(finding.fix, TRAIL),) if finding.fix.strip() else ())
        yield Pair("Confirm", tuple(step(each) for each in confirm))
    steps = [each for each in report.answer.next_steps if each not in confirm]
    yield Pair("Next", tuple(step(each) for each in steps[:IN_ANSWER]))


def _rest(report: Report) -> Iterable[Pair]:
    """What else there is, in numbers, so that a short answer is not taken for the whole."""
    blocking = sum(each.matters for each in report.unread)
    counts = (
        (len(report.findings) - 1, "more finding", "more findings"),
        (len(report.too_small), "real but too small", "real but too small"),
        (len(report.unexplained), "mismatch that no rule knows", "mismatches that no rule knows"),
        (len(report.ruled_out), "ruled out", "ruled out"),
        (len(report.same_in_effect), "same in effect", "same in effect"),
    )
    said = [count(number, one, many) for number, one, many in counts if number > 0]
    yield Pair("Also", (plain(", ".join(said)),) if said else ())
    unread = f"{count(len(report.unread), 'reading', 'readings')}, of which {blocking:,} could hold a cause"
    yield Pair("Not compared", (plain(unread),) if report.unread else ())
    compared = count(report.compared, "fact or setting", "facts and settings")
    yield Pair("Compared", (plain(f"{compared} read on both sides"),) if report.compared else ())


# --- sections -----------------------------------------------------------------------------------------------


def _sides(report: Report) -> Section:
    left, right = report.left, report.right
    given = (
        ("kind", left.kind, right.kind),
        ("reached by", left.reached_by, right.reached_by),
        ("captured at", left.captured_at, right.captured_at),
    )
    names = dict.fromkeys(name for side in (left, right) for name, _ in side.headline)
    known = (dict(left.headline), dict(right.headline))
    facts = ((name, *(side.get(name, "") for side in known)) for name in names)
    rows = tuple((prose(name, VALUE), _or_dash(a), _or_dash(b)) for name, a, b in (*given, *facts))
    headers = ("", f"left: {_label(left.label)}", f"right: {_label(right.label)}")
    return Section("sides", "The two sides", (), Table(headers, rows), FACTS, counted=False)


def _delta(delta: Delta) -> Section:
    headers = ("output", "largest", "of its range", "median", "ULP", "changed", "labels flip")
    rows = tuple((_output_name(name), *map(plain, _output(each))) for name, each in delta.outputs.items())
    origin = "Stated by hand, not measured. " if delta.stated else ""
    lead = prose(origin + AGREEMENT.get(delta.steadiness, delta.steadiness), TRAIL)
    table = Table(headers, rows, frozenset(range(1, len(headers))))
    title = "The stated difference" if delta.stated else "The measured difference"
    return Section("delta", title, lead, table, OUTPUTS, scale=_scale(delta), counted=False)


def _output(output: OutputDelta) -> tuple[str, ...]:
    return (
        number(output.max_abs),
        number(output.max_rel),
        number(output.median_abs),
        whole(output.max_ulp),
        share(output.changed),
        "no class axis" if output.flips is None else f"{output.flips:,} of {output.rows:,}",
    )


def _worst_rows(delta: Delta) -> Section | None:
    """The rows to look at first, numbered from 0."""
    rows = tuple(
        (value(name), plain(f"{each.row:,}"), plain(number(each.max_abs)), plain(_tops(each)))
        for name, output in delta.outputs.items()
        for each in output.worst
        if each.max_abs > 0
    )
    table = Table(("output", "row", "largest", "top class"), rows, frozenset({1, 2}))
    return Section("worst-rows", "Rows most affected", (), table, ("row", "rows"), folded=True, counted=False)


def _tops(row: WorstRow) -> str:
    if row.left_top is None or row.right_top is None:
        return "no class axis"
    same = row.left_top == row.right_top
    return f"{row.left_top} on both sides" if same else f"left {row.left_top}, right {row.right_top}"


def _distribution(delta: Delta) -> Section | None:
    """How many elements differ by how much, a line for each power of ten."""
    rows = tuple(
        (value(name), plain(f"1e{power} to 1e{power + 1}"), plain(f"{many:,}"), plain(_bar(many, output.histogram)))
        for name, output in delta.outputs.items()
        for power, many in output.histogram
    )
    table = Table(("output", "difference", "elements", "share of those that differ"), rows, frozenset({2}))
    title = "How the differences are spread"
    return Section("distribution", title, (), table, ("line", "lines"), folded=True, counted=False)


def _bar(many: int, histogram: Sequence[tuple[int, int]]) -> str:
    part = many / max(sum(each for _, each in histogram), 1)
    return f"{'█' * max(round(part * BAR_LENGTH), 1)} {share(part)}"


def _scale(delta: Delta) -> Scale | None:
    """Where each output stands between the last bits and a wrong answer; None when no range is known."""
    points = tuple(
        Point(shorten(name, LABEL), _position(each.max_rel), f"{number(each.max_rel)} of its range")
        for name, each in list(delta.outputs.items())[:8]
        if each.max_rel is not None and not math.isnan(each.max_rel)
    )
    span = HIGHEST - LOWEST
    last, small = (-5 - LOWEST) / span, (-1 - LOWEST) / span
    zones = (
        Zone("last-bits", "last bits", 0.0, last),
        Zone("small", "small", last, small),
        Zone("visible", "visible", small, 1.0),
    )
    ticks = ((0.0, "1e-8"), (last, "1e-5"), (small, "0.1"), (1.0, "10"))
    return Scale("Largest difference, as a part of the output's range", points, zones, ticks) if points else None


def _position(relative: float) -> float:
    if relative <= 0:
        return 0.0
    if math.isinf(relative):
        return 1.0
    return min(max((math.log10(relative) - LOWEST) / (HIGHEST - LOWEST), 0.02), 1.0)


def _findings(findings: Sequence[Finding]) -> Section:
    cards = Cards(tuple(card(at, each) for at, each in enumerate(findings, 1)))
    lead = plain("Ranked: the likeliest cause comes first.") if len(findings) > 1 else ()
    return Section("findings", "Findings", lead, cards, FINDINGS)


def _too_small(before: Sequence[Finding], findings: Sequence[Finding]) -> Section:
    cards = tuple(card(at, each) for at, each in enumerate(findings, len(before) + 1))
    lead = plain("These do move outputs. None of them can be the difference that was seen.")
    return Section("too-small", "Real, but too small to be this difference", lead, Cards(cards, small=True), FINDINGS)


def _same_in_effect(report: Report) -> Section:
    rows = tuple(
        (value(each.about), _or_dash(each.left), _or_dash(each.right), prose(each.why, TRAIL))
        for each in report.same_in_effect
    )
    table = Table(("setting", "left", "right", "why"), rows)
    return Section("same-in-effect", "Same in effect, though written differently", (), table, SETTINGS)


def _ruled_out(report: Report) -> Section:
    """One row a reason: dozens of packages that cannot matter for the same reason are one line, not dozens."""
    together: dict[tuple[str, str], list[RuledOut]] = {}
    for each in report.ruled_out:
        together.setdefault((each.rule, each.why), []).append(each)
    rows = tuple(_reason(why, rule, ones) for (rule, why), ones in together.items())
    table = Table(("mismatch", "left", "right", "why", "rule"), rows)
    lead = plain(f"{count(len(report.ruled_out), *MISMATCHES)} that cannot move these predictions.")
    return Section("ruled-out", "Ruled out, and why", lead, table, ("reason", "reasons"))


def _reason(why: str, rule: str, ones: Sequence[RuledOut]) -> tuple[Line, ...]:
    if len(ones) == 1:
        (one,) = ones
        return (value(one.about), _or_dash(one.left), _or_dash(one.right), prose(why, TRAIL), _or_dash(rule))
    names = ", ".join(one.about for one in ones[:IN_REASON])
    more = f" and {len(ones) - IN_REASON:,} more" if len(ones) > IN_REASON else ""
    return ((*value(names), *plain(more)), _or_dash(""), _or_dash(""), prose(why, TRAIL), _or_dash(rule))


def _unread(report: Report) -> Section:
    rows = tuple(
        (
            value(each.path),
            plain(SIDES.get(each.side, each.side)),
            plain("yes" if each.matters else "no"),
            prose(each.reason, TRAIL),
            step(each.how_to_read),
        )
        for each in report.unread
    )
    table = Table(("not read", "side", "could matter", "why", "how to read it"), rows)
    lead = plain("Not read is not the same as equal.")
    return Section("unread", "Could not be compared, and how to read it", lead, table, READINGS)


def _unexplained(report: Report) -> Section:
    rows = tuple(_mismatch(each.path, each.left, each.right) for each in report.unexplained)
    lead = plain("No rule knows these. That does not make them harmless.")
    return Section("unexplained", "Unexplained", lead, _mismatches(rows), MISMATCHES, folded=True)


def _ignored(report: Report) -> Section:
    rows = tuple((*_mismatch(each.path, each.left, each.right), prose(each.reason, TRAIL)) for each in report.ignored)
    table = Table(("fact", "left", "right", "reason given"), rows)
    lead = plain("Left out of the verdict because somebody asked for it.")
    return Section("ignored", "Ignored, with reasons", lead, table, MISMATCHES)


def _notes(notes: Sequence[str]) -> Section:
    return Section("notes", "Notes", (), Bullets(tuple(prose(note) for note in notes)), NOTES, counted=False)


def _full(report: Report) -> Section:
    rows = tuple(_mismatch(*each) for each in report.full)
    return Section("full", "Every mismatch", (), _mismatches(rows), MISMATCHES, folded=True)


def _mismatches(rows: tuple[tuple[Line, ...], ...]) -> Table:
    return Table(("fact", "left", "right"), rows)


def _mismatch(path: str, left: str, right: str) -> tuple[Line, Line, Line]:
    return value(path), _or_dash(left), _or_dash(right)


def _or_dash(text: str) -> Line:
    return value(text) if text else (Span("–", Mark.MUTED),)


def _label(text: str) -> str:
    return shorten(flow(text), LABEL) or "(no label)"
