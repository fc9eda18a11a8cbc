"""Text in GitHub-flavoured Markdown that stays text: no tags, no links, no mentions, no references, no broken cells.

GitHub looks for mentions, references and addresses in the *rendered* text, so a backslash or an entity does not
keep it from finding them; code does. A word that it could take for one of these is therefore set as code. Texts have no
line ends and nothing invisible: see :class:`~envdiff.render.blocks.Block`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from envdiff.render.blocks import Line, Mark, Span

# Formulas, mentions and mail addresses, #1 and GH-1, hexadecimal commits, addresses with and without a scheme, :emoji:.
_FOUND_BY_GITHUB = re.compile(
    r"[@$]|#\d|\bGH-\d|\b[0-9a-f]{7,64}\b|\w:/|://|www\.|mailto:|xmpp:|:[\w+-]+(?::|$)|\bCVE-\d|\bGHSA-", re.IGNORECASE
)
# An underscore between two letters or digits is only an underscore.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&!]|(?<![^\W_])_|_(?![^\W_])")
_AT_START = re.compile(r"^(\d{1,9})([.)])(?=\s|$)|^([-+#=])(?=[\s#=-]|$)")
# Issues, pull requests, commits and discussions of GitHub would be told of the link: they are shown, not linked.
_WOULD_BE_TOLD = re.compile(
    r"//(www\.|redirect\.)?github\.com/[^/]+/[^/]+/(issues|pull|commit|discussions)", re.IGNORECASE
)


def line(spans: Line) -> str:
    """Spans one after the other, outside a table."""
    return _joined(spans, in_table=False)


def cell(spans: Line) -> str:
    """The same inside a table, where a bar ends the cell, even in code."""
    return _joined(spans, in_table=True)


def literal(text: str, *, in_table: bool = False) -> str:
    """``text`` as prose in which nothing is markup."""
    words = text.split(" ")
    safe = (_code(word, in_table) if _FOUND_BY_GITHUB.search(word) else _escape(word) for word in words)
    return _AT_START.sub(lambda at: f"{at[1]}\\{at[2]}" if at[1] else f"\\{at[3]}", " ".join(safe))


def fenced(lines: Iterable[str]) -> str:
    """A block of literal text; the fence is longer than any run of backticks inside."""
    text = "\n".join(lines)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def in_html(text: str) -> str:
    """``text`` where GitHub reads HTML and not Markdown: the summary of a fold."""
    escaped = html.escape(text)
    return f"<code>{escaped}</code>" if _FOUND_BY_GITHUB.search(text) else escaped


def units(text: str) -> int:
    """Length in UTF-16 units: what JavaScript, and so GitHub's editor, calls characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def _joined(spans: Line, in_table: bool) -> str:
    out = ""
    for span in spans:
        text = _span(span, in_table)
        # Two codes without a gap would share their backticks.
        out += f" {text}" if text.startswith("`") and out.endswith("`") else text
    return out.strip()


def _span(span: Span, in_table: bool) -> str:
    if span.mark is Mark.LINK and not _WOULD_BE_TOLD.search(span.text):
        return f"<{span.text}>"
    if span.mark in (Mark.CODE, Mark.LINK):
        return _code(span.text, in_table)
    text = literal(span.text, in_table=in_table)
    return f"**{text}**" if span.mark is Mark.STRONG else text


def _code(text: str, in_table: bool) -> str:
    if in_table:
        # A bar after a backslash has no spelling that all parsers read alike.
        text = re.sub(r"(?<=\\)\|", r"\\x7c", text).replace("|", r"\|")
    ticks = "`" * (_longest_run(text) + 1)
    # One blank on each side is taken off again by the parser; needed next to a backtick, kept from being lost else.
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _escape(word: str) -> str:
    return _SPECIAL.sub(lambda found: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0], f"\\{found[0]}"), word)
