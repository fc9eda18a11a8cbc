"""What running it showed, in words: a page of its own, and the parts of it that stand in a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envdiff.render.blocks import Badge, Bullets, Headline, Line, Mark, Outline, Pair, Section, Span, Table
from envdiff.render.visible import flow, shorten
from envdiff.render.wording import LABEL, TRAIL, VALUE, muted, number, plain, prose, share, value
from envdiff.report import Isolation, Tried, Unsteady

# Verdicts in the order of the table.
VERDICTS = ("culprit", "hidden", "cancels", "undecided", "void", "cleared")
VERIFIED = {
    "forward": {
        True: "yes: left with the culprits thrown answers as right",
        False: "no: left with all culprits thrown does not answer as right",
        None: "not shown: it was not tried, or the trials were void or unclear",
    },
    "backward": {
        True: "yes: right without the culprits answers as left",
        False: "no: right without the culprits does not answer as left",
        None: "not shown: it was not tried, or the trials were void or unclear",
    },
}
HEADERS = ("switch", "left", "right", "alone", "all but this", "closes", "with others", "trials", "verdict")
NUMERIC = frozenset({5, 6, 7})
LEGEND = (
    "Alone: left with this switch thrown, held against left. All but this: right without it, held against right. "
    "Closes: its share of the gap alone; with others: what opens again when it is taken out of right. Effects hide each "
    "other and do not add up."
)
UNIT = ("switch", "switches")
IN_ANSWER = 5  # names on the first screen
IN_ROWS = 20  # row numbers


def isolation_outline(isolation: Isolation) -> Outline:
    """The whole result as a page of its own."""
    notes = Bullets(tuple(prose(note) for note in isolation.notes))
    sections = (
        *isolation_sections(isolation),
        Section("notes", "Notes", (), notes, ("note", "notes"), counted=False),
    )
    headline = Headline(
        names=tuple(
            (role, shorten(flow(name), LABEL) or "(no label)")
            for role, name in (("left", isolation.left), ("right", isolation.right))
        ),
        badge=_badge(isolation),
        sentence=prose(isolation.sentence, TRAIL),
        pairs=tuple(_pairs(isolation)),
    )
    return Outline(headline, tuple(each for each in sections if len(each.body)))


def isolation_sections(isolation: Isolation) -> tuple[Section, ...]:
    """The table, what is not steady, and what was not run; a report takes them in as they are."""
    return (_switches(isolation), _void(isolation), _unsteady(isolation.unsteady), _not_recreated(isolation))


def proof(isolation: Isolation) -> Iterable[Pair]:
    """What was proven and how well: for the first screen."""
    if isolation.culprits:
        yield Pair("Culprits", tuple(_culprits(isolation)))
        yield Pair("Forwards", (plain(VERIFIED["forward"][isolation.forward]),))
        yield Pair("Backwards", (plain(VERIFIED["backward"][isolation.backward]), *_kept_from(isolation)))
    yield Pair("Noise", (plain(_noise(isolation)),))
    yield Pair("Gap", (plain(_gap(isolation)),))
    yield Pair("Trials", (plain(_trials(isolation)),))


def _badge(isolation: Isolation) -> Badge:
    if isolation.culprits:
        ways = (isolation.forward, isolation.backward).count(True)
        return Badge("moves", ("found", "proven one way", "proven both ways")[ways])
    if isolation.exact and isolation.gap == 0:
        return Badge("harmless", "no difference")
    return Badge("cannot-tell", "unsteady" if isolation.unsteady else "not decided")


def _pairs(isolation: Isolation) -> Iterable[Pair]:
    yield from proof(isolation)
    if isolation.unsteady:
        yield Pair("Unsteady", tuple(_restless(side) for side in isolation.unsteady))
    if isolation.reproduced is not None:
        closes = _percent(isolation.reproduced)
        yield Pair("Re-created", (plain(f"right, as it was run here, closes {closes} of the gap to the real one"),))
    if isolation.not_recreated:
        lost = _listed([about for about, _ in isolation.not_recreated])
        yield Pair("Not run", ((*lost, *plain(" (no switch here throws it)")),))


def _restless(side: Unsteady) -> Line:
    cure = (
        (*plain("; steady with "), *_listed(side.steadied_by)) if side.steadied_by else plain("; nothing steadied it")
    )
    return (*plain(f"{side.side}, {side.kind}"), *cure)


def _culprits(isolation: Isolation) -> Iterable[Line]:
    by_name = {tried.name: tried for tried in isolation.switches}
    for at, names in enumerate(isolation.sets):
        if len(isolation.sets) > 1:
            yield plain("either" if at == 0 else "or")
        yield from (_thrown(by_name[name]) for name in names[:IN_ANSWER])
        if len(names) > IN_ANSWER:
            yield plain(f"and {len(names) - IN_ANSWER:,} more")


def _thrown(tried: Tried) -> Line:
    left, right = (value(shorten(text, 100)) for text in (tried.left, tried.right))
    return (Span(shorten(tried.name, VALUE), Mark.STRONG), *plain(": left "), *left, *plain(", right "), *right)


def _kept_from(isolation: Isolation) -> Iterable[Line]:
    if isolation.hidden:
        verb = "moves" if len(isolation.hidden) == 1 else "move"
        yield (*_listed(isolation.hidden), *plain(f" then {verb} the answers"))


def _noise(isolation: Isolation) -> str:
    left, right = isolation.noise
    if left == right == 0:
        return "none: each side agrees with itself" + (", bit for bit" if isolation.exact else "")
    if left is right is isolation.gap is None and isolation.exact:
        return "not measured"
    return f"left is off from itself by {_size(left)}, right by {_size(right)}"


def _gap(isolation: Isolation) -> str:
    how = (
        "compared bit by bit" if isolation.exact else "compared by distance, since the sides are not steady to the bit"
    )
    return f"{_size(isolation.gap)} between the sides, {how}"


def _size(size: float | None) -> str:
    if size is None:
        return "no finite number"
    return f"{number(size)} of the output's range" if size else "nothing"


def _trials(isolation: Isolation) -> str:
    known = f", {isolation.trials_known:,} known from the journal" if isolation.trials_known else ""
    ended = "" if isolation.complete else "; the budget ended the search before everything was tried"
    return f"{isolation.trials_run:,} run{known}{ended}"


def _listed(names: Sequence[str]) -> Line:
    spans: list[Span] = []
    for name in names[:IN_ANSWER]:
        spans += [*plain(", " if spans else ""), *value(shorten(name, LABEL))]
    return (*spans, *plain(f" and {len(names) - IN_ANSWER:,} more" if len(names) > IN_ANSWER else ""))


# --- sections -----------------------------------------------------------------------------------------------


def _switches(isolation: Isolation) -> Section:
    ordered = sorted(isolation.switches, key=lambda one: _place(one.verdict))
    table = Table(HEADERS, tuple(_row(one) for one in ordered), NUMERIC)
    return Section("isolation", "What running it showed", plain(LEGEND), table, UNIT)


def _place(verdict: str) -> int:
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def _row(tried: Tried) -> tuple[Line, ...]:
    guilty = tried.verdict == "culprit"
    return (
        (Span(shorten(tried.name, VALUE), Mark.STRONG if guilty else Mark.PLAIN),),
        value(tried.left) if tried.left else muted("–"),
        value(tried.right) if tried.right else muted("–"),
        _word(tried.alone),
        _word(tried.all_but),
        _part(tried.share),
        _part(tried.share_given),
        plain(f"{tried.trials:,}"),
        (Span(tried.verdict, Mark.STRONG if guilty else Mark.PLAIN),),
    )


def _word(word: str | None) -> Line:
    return muted("not run") if word is None else plain(word)


def _part(part: float | None) -> Line:
    return muted("–") if part is None else plain(_percent(part))


def _percent(part: float) -> str:
    """A share that can be below nothing and above everything: an answer further away than the other side."""
    return share(part) if 0 <= part <= 1 else f"{part * 100:,.0f} %" if abs(part) < 100 else f"{number(part * 100)} %"


def _void(isolation: Isolation) -> Section:
    rows = tuple((plain(tried.name), prose(tried.why, TRAIL)) for tried in isolation.switches if tried.why)
    lead = plain("These took no effect, or left the model without an answer: nothing is said of them.")
    return Section("void", "Void", lead, Table(("switch", "why"), rows), UNIT)


def _unsteady(sides: Sequence[Unsteady]) -> Section:
    """A column a side: what it does when nothing is changed, and what each attempt made of it."""
    attempts = dict.fromkeys(what for side in sides for what, _ in side.tried)
    first = (plain("nothing"), *(plain(_kind(side)) for side in sides))
    rows = (
        (prose(what, VALUE), *(prose(dict(side.tried).get(what, "not tried"), TRAIL) for side in sides))
        for what in attempts
    )
    headers = ("what was changed", *(side.side for side in sides))
    lead = plain("A side that contradicts itself: its answers change though nothing was changed.")
    table = Table(headers, (first, *rows) if sides else ())
    return Section("unsteady", "Not steady, and what steadies it", lead, table, ("attempt", "attempts"), counted=False)


def _kind(side: Unsteady) -> str:
    size = "" if side.size is None else f", by {_size(side.size)}"
    if side.rows is None:
        return f"changes {side.kind}{size}"
    shown = ", ".join(str(row) for row in side.rows[:IN_ROWS])
    more = f" and {len(side.rows) - IN_ROWS:,} more" if len(side.rows) > IN_ROWS else ""
    return f"changes {side.kind}{size}, in {'row' if len(side.rows) == 1 else 'rows'} {shown}{more}"


def _not_recreated(isolation: Isolation) -> Section:
    rows = tuple((value(about), prose(why, TRAIL)) for about, why in isolation.not_recreated)
    lead = plain("Right was run without these: nothing is said of them.")
    unit = ("mismatch", "mismatches")
    return Section("not-recreated", "Not re-created", lead, Table(("mismatch", "why"), rows), unit)
