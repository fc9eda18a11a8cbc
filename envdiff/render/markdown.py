"""An outline as GitHub-flavoured Markdown that always fits a ticket and in which no value acts.

Room is saved by whole rows, never by cutting text, so that no fence and no fold is ever left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from envdiff.render.blocks import Bullets, Card, Cards, Headline, Outline, Pair, Scale, Section, Span, Table
from envdiff.render.markdown_text import cell, fenced, in_html, line, literal, units
from envdiff.render.wording import count

# What gives way first when the room gets small; those that FOLDS names are the folded parts of findings.
GIVES_WAY = (
    "full",
    "distribution",
    "worst-rows",
    "raw",
    "unexplained",
    "same-in-effect",
    "ruled-out",
    "ignored",
    "notes",
    "nowhere",
    "changes",
    "measured",
    "too-small",
    "standing",
    "sources",
    "not-read",
    "unread",
    "not-recreated",
    "void",
    "unsteady",
    "isolation",
    "findings",
    "delta",
    "sides",
    "groups",
    "headline",
)
BADGES = {"moves": "🔴", "can-move": "🟠", "harmless": "🟢", "cannot-tell": "⚪"}
FOLDS = {"measured": "measured effects", "changes": "known changes", "raw": "raw facts", "sources": "sources"}
BAR = 36


class Room(NamedTuple):
    """How many items of each key are shown; a key that is not here is shown whole."""

    kept: Mapping[str, int]

    def of(self, key: str, there_are: int) -> int:
        return min(self.kept.get(key, there_are), there_are)


def markdown(words: Outline, *, limit: int, generator: str) -> str:
    """At most ``limit`` characters, counted as GitHub's editor does (UTF-16 units)."""
    page = _Page(words, limit, generator)
    room = Room({})
    for key in GIVES_WAY:
        if page.fits(room):
            break
        room = _most(page, room, key)
    return page.text(room)


class _Page:
    """The page at any :class:`Room`; a section is laid out once for each number of items that is tried."""

    def __init__(self, words: Outline, limit: int, generator: str) -> None:
        self.words = words
        self.limit = limit
        self._generator = generator
        self._laid_out: dict[tuple[object, ...], str] = {}

    def fits(self, room: Room) -> bool:
        return units(self.text(room)) <= self.limit

    def text(self, room: Room) -> str:
        blocks = [
            *_headline(self.words.headline, room),
            *(self._section(section, room) for section in self.words.sections),
            *_left_out(self.words, room, self.limit),
            f"<sub>{literal(self._generator)}</sub>",
        ]
        return "\n\n".join(block for block in blocks if block) + "\n"

    def _section(self, section: Section, room: Room) -> str:
        folds = tuple(room.kept.get(key) for key in FOLDS) if isinstance(section.body, Cards) else ()
        key = (section.key, room.of(section.key, len(section.body)), *folds)
        if key not in self._laid_out:
            self._laid_out[key] = "\n\n".join(block for block in _section(section, room) if block)
        return self._laid_out[key]


def _most(page: _Page, room: Room, key: str) -> Room:
    """``room`` with as many items of ``key`` as still fit."""

    def trial(count: int) -> Room:
        return Room({**room.kept, key: count})

    if not page.fits(trial(0)):
        return trial(0)
    low, high = 0, min(_largest(page.words, key), page.limit // 12)  # no item is shorter than that
    while low < high:
        middle = (low + high + 1) // 2
        if page.fits(trial(middle)):
            low = middle
        else:
            high = middle - 1
    return trial(low)


def _largest(words: Outline, key: str) -> int:
    if key == "headline":
        return len(words.headline.pairs)
    if key in FOLDS:
        return max((len(part) for card in _cards(words) if (part := _fold(card, key))), default=0)
    return max((len(section.body) for section in words.sections if section.key == key), default=0)


def _left_out(words: Outline, room: Room, limit: int) -> Iterable[str]:
    """Exactly what is not shown, and where it is."""
    said = [
        literal(f"{len(section.body) - kept:,} of {count(len(section.body), *section.unit)} under “{section.title}”")
        for section in words.sections
        if (kept := room.of(section.key, len(section.body))) < len(section.body)
    ]
    shown = list(_cards(words, room))
    for key, name in FOLDS.items():
        sizes = [len(part) for card in shown if (part := _fold(card, key))]
        missing = sum(each - room.of(key, each) for each in sizes)
        if missing:
            said.append(f"{missing:,} of {sum(sizes):,} {name} of the findings")
    lines = len(words.headline.pairs)
    if room.of("headline", lines) < lines:
        said.append("lines of the answer")
    if said:
        yield (
            f"**Left out to fit {limit:,} characters:** {'; '.join(said)}. "
            "See all of it with `--format html` or `--format json`."
        )


def _cards(words: Outline, room: Room | None = None) -> Iterable[Card]:
    for section in words.sections:
        if isinstance(section.body, Cards):
            most = room.of(section.key, len(section.body)) if room else len(section.body)
            yield from section.body.first(most).cards


def _fold(card: Card, key: str) -> Table | Bullets | None:
    parts: Mapping[str, Table | Bullets | None] = {
        "measured": card.measured,
        "changes": card.changes,
        "raw": card.raw,
        "sources": card.sources,
    }
    return parts[key]


# --- pieces -------------------------------------------------------------------------------------------------


def _headline(headline: Headline, room: Room) -> Iterable[str]:
    yield f"## envdiff: {' and '.join(f'{literal(name)} ({literal(role)})' for role, name in headline.names)}"
    badge = f"{BADGES[headline.badge.key]} **{literal(headline.badge.word.upper())}**"
    yield f"{badge} · {line(headline.sentence)}".rstrip()
    yield _pairs(headline.pairs[: room.of("headline", len(headline.pairs))])


def _section(section: Section, room: Room) -> Iterable[str]:
    kept = room.of(section.key, len(section.body))
    if not kept:
        return
    title = literal(section.title) + (f" ({len(section.body):,})" if section.counted else "")
    yield f"### {title}"
    yield line(section.lead)
    if section.scale:
        yield _scale(section.scale)
    body = section.body.first(kept)
    if isinstance(body, Cards):
        for card in body.cards:
            yield from _small_card(card, room) if body.small else _card(card, room)
        return
    text = _bullets(body) if isinstance(body, Bullets) else as_table(body)
    yield from _folded(count(len(body), *section.unit), (text,)) if section.folded else (text,)


def _card(card: Card, room: Room) -> Iterable[str]:
    yield f"#### {card.number}. {BADGES[card.badge.key]} {literal(card.badge.word.upper())}: {line(card.title)}"
    yield _pairs((*card.facts, *card.actions))
    for pair in card.explained:
        yield from _folded(pair.name, (line(each) for each in pair.lines))
    yield from _card_folds(card, room)


def _small_card(card: Card, room: Room) -> Iterable[str]:
    """One fold a finding; everything about it inside."""
    yield f"**{card.number}.** {literal(card.badge.word.upper())}: {line(card.title)}"
    inside = (_pairs((*card.facts, *card.explained, *card.actions)), *_card_folds(card, room))
    yield from _folded("Details", inside)


def _card_folds(card: Card, room: Room) -> Iterable[str]:
    names = (
        ("measured", "Measured effects"),
        ("changes", "Known changes between the versions"),
        ("raw", "Raw facts behind this"),
        ("sources", "Sources"),
    )
    for key, name in names:
        part = _fold(card, key)
        kept = room.of(key, len(part)) if part else 0
        if part and kept:
            shown = part.first(kept)
            yield from _folded(
                f"{name} ({kept:,})", (_bullets(shown) if isinstance(shown, Bullets) else as_table(shown),)
            )


def _folded(summary: str, blocks: Iterable[str]) -> Iterable[str]:
    yield f"<details><summary>{in_html(summary)}</summary>"
    yield from blocks
    yield "</details>"


def _pairs(pairs: Iterable[Pair]) -> str:
    return "\n".join(f"- **{literal(pair.name)}:** {'<br>'.join(line(each) for each in pair.lines)}" for pair in pairs)


def _bullets(bullets: Bullets) -> str:
    return "\n".join(f"- {line(item)}" for item in bullets.items)


def as_table(table: Table) -> str:
    """A table in which a cell stays a cell."""
    align: Callable[[int], str] = lambda at: "--:" if at in table.numeric else "---"  # noqa: E731
    rows = [
        [cell((Span(header),)) for header in table.headers],
        [align(at) for at in range(len(table.headers))],
        *([cell(each) for each in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _scale(scale: Scale) -> str:
    zones = " " * BAR
    for zone in scale.zones:
        at = round(zone.start * BAR)
        zones = f"{zones[:at]}|{zone.name}".ljust(BAR)
    bars = (f"{'█' * round(point.position * BAR):·<{BAR}}  {point.text}  {point.name}" for point in scale.points)
    return fenced((scale.title, zones, *bars))
