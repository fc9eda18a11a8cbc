"""An outline for a terminal. Texts are inert already, and none is read as markup: each is a :class:`rich.text.Text`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from envdiff.render.blocks import (
    Badge,
    Bullets,
    Card,
    Cards,
    Headline,
    Line,
    Mark,
    Outline,
    Pair,
    Scale,
    Section,
    Table,
)
from envdiff.render.wording import count

NARROWEST, WIDEST = 40, 120
STYLES = {
    Mark.PLAIN: "",
    Mark.STRONG: "bold",
    Mark.CODE: "cyan",
    Mark.MUTED: "dim",
    Mark.LINK: "underline",
}
BADGES = {
    "moves": "bold white on red",
    "can-move": "bold black on yellow",
    "harmless": "bold black on green",
    "cannot-tell": "bold white on magenta",
}
# How much of each section is shown; a section that is not here is shown whole.
SHOWN = {
    "isolation": 8,
    "void": 5,
    "unsteady": 8,
    "not-recreated": 5,
    "findings": 5,
    "too-small": 3,
    "same-in-effect": 5,
    "ruled-out": 5,
    "unread": 6,
    "unexplained": 5,
    "ignored": 5,
    "worst-rows": 5,
    "distribution": 8,
    "groups": 10,
    "standing": 3,
    "nowhere": 6,
    "not-read": 6,
    "full": 0,
}
STACKED = 64  # characters of one line of a stacked row
COLUMNS_SIDE_BY_SIDE = 3  # a table with more is stacked when the terminal is narrow
NUMBERS_SIDE_BY_SIDE = 7  # numbers are short


def terminal(words: Outline, *, width: int, colour: bool, full: bool, generator: str) -> str:
    """``full`` shows what is otherwise shortened; what was shortened is always counted."""
    out = StringIO()
    console = Console(
        file=out,
        width=max(width, NARROWEST),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(_headline(words.headline))
    for section in words.sections:
        console.print(_section(section, min(console.width, WIDEST), full))
    console.print(Text("\n" + generator, style="dim"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _headline(headline: Headline) -> RenderableType:
    badge = _badge(headline.badge)
    parts = [Text.assemble((f"{role} ", "dim"), (name, "bold")) for role, name in headline.names]
    title = Text("  ").join(parts)
    answer = Text.assemble(badge, " ", _text(headline.sentence, "bold"))
    return Group(title, answer, Text(), _pairs(headline.pairs))


def _section(section: Section, width: int, full: bool) -> RenderableType:
    most = len(section.body) if full else SHOWN.get(section.key, len(section.body))
    shown = section.body.first(most)
    parts: list[RenderableType] = [Text(), Rule(Text(_title(section), "bold"), align="left", style="dim")]
    if section.lead:
        parts.append(_text(section.lead))
    if section.scale:
        parts.append(_scale(section.scale, width))
    if isinstance(shown, Cards):
        parts.extend(_card(each, width, full, brief=shown.small and not full) for each in shown.cards)
    elif isinstance(shown, Bullets):
        parts.extend(_bullets(shown))
    elif len(shown):
        parts.append(_table(shown, width))
    if len(shown) < len(section.body):
        parts.append(_more(len(section.body) - len(shown), section.unit, len(shown) > 0))
    return Group(*parts)


def _title(section: Section) -> str:
    return f"{section.title} ({len(section.body):,})" if section.counted else section.title


def _more(left_out: int, unit: tuple[str, str], some_shown: bool) -> Text:
    one, many = (f"more {each}" if some_shown else each for each in unit)
    said = count(left_out, one, many)
    return Text(f"… {said} not shown here: --full shows all, as does --format markdown or html", style="dim")


def _card(card: Card, width: int, full: bool, brief: bool) -> RenderableType:
    title = Text.assemble((f"{card.number}  ", "bold"), _badge(card.badge), " ")
    title.append_text(_text(card.title, "bold"))
    parts: list[RenderableType] = [Text(), title, _inset(_pairs(_in_card(card, brief)))]
    folds = tuple(_folds(card))
    if full:
        for name, body in folds:
            parts.append(_inset(Text(name, "bold")))
            parts.extend(
                _inset(each) for each in (_bullets(body) if isinstance(body, Bullets) else (_table(body, width - 3),))
            )
    elif folds and not brief:
        said = ", ".join(f"{name.lower()} ({len(body):,})" for name, body in folds)
        parts.append(_inset(Text(f"… {said} not shown here: --full", style="dim")))
    return Group(*parts)


def _in_card(card: Card, brief: bool) -> tuple[Pair, ...]:
    if brief:
        return card.brief
    return (*card.facts, *card.explained, *card.actions)


def _folds(card: Card) -> Iterator[tuple[str, Table | Bullets]]:
    if card.measured:
        yield "Measured effects", card.measured
    if card.changes:
        yield "Known changes between the versions", card.changes
    if card.raw:
        yield "Raw facts behind this", card.raw
    if card.sources:
        yield "Sources", card.sources


def _inset(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 3))


def _pairs(pairs: Iterable[Pair]) -> Grid:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for pair in pairs:
        for at, line in enumerate(pair.lines):
            grid.add_row(Text("" if at else pair.name, "bold"), _text(line))
    return grid


def _table(table: Table, width: int) -> RenderableType:
    most = NUMBERS_SIDE_BY_SIDE if table.numeric else COLUMNS_SIDE_BY_SIDE
    if len(table.headers) > most and width < WIDEST:
        return Group(*(_stacked(table.headers, row) for row in table.rows))
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    for at, header in enumerate(table.headers):
        grid.add_column(Text(header), overflow="fold", justify="right" if at in table.numeric else "left")
    for row in table.rows:
        grid.add_row(*(_text(cell) for cell in row))
    return grid


def _stacked(headers: tuple[str, ...], row: tuple[Line, ...]) -> RenderableType:
    """A row of a wide table on a narrow terminal: its first cell, then its others, short ones side by side."""
    lines: list[Text] = []
    room = 0
    for header, cell in zip(headers[1:], row[1:], strict=True):
        named = Text.assemble((f"{header}: ", "dim"), _text(cell))
        if lines and len(named) < room:
            lines[-1].append_text(Text("   ") + named)
            room -= len(named) + 3
        else:
            lines.append(named)
            room = STACKED - len(named)
    return Group(_text(row[0], "bold"), *(_inset(each) for each in lines))


def _bullets(bullets: Bullets) -> Iterator[RenderableType]:
    for item in bullets.items:
        grid = Grid.grid(padding=(0, 1, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text("-"), _text(item))
        yield grid


def _scale(scale: Scale, width: int) -> RenderableType:
    """A bar an output, under the names of the zones it reaches into."""
    length = 36 if width >= 72 else 18
    name_width = min(max(len(point.name) for point in scale.points), 20)
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=name_width, overflow="ellipsis", no_wrap=True)
    grid.add_column(width=length, no_wrap=True)
    grid.add_column(overflow="fold")
    zones = Text(" " * length, "dim")
    for zone in scale.zones:
        at = round(zone.start * length)
        zones = zones[:at] + Text(f"|{zone.name}", "dim") + Text(" " * length)
    grid.add_row(Text(), zones[:length], Text())
    for point in scale.points:
        filled = round(point.position * length)
        bar = Text("█" * filled, "yellow") + Text("·" * (length - filled), "dim")
        grid.add_row(Text(point.name, "cyan"), bar, Text(point.text))
    return Group(Text(scale.title, "dim"), grid, Text())


def _badge(badge: Badge) -> Text:
    return Text(f" {badge.word.upper()} ", BADGES[badge.key])


def _text(line: Line, style: str = "") -> Text:
    text = Text(style=style)
    for span in line:
        text.append(span.text, STYLES[span.mark])
    return text
