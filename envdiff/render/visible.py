"""Text from an unknown environment, made safe to look at: nothing in it acts, nothing in it hides.

Every piece of a report passes its texts through :func:`inert` (see :class:`~envdiff.render.blocks.Block`); a face then
escapes for its own format.
"""

from __future__ import annotations

import unicodedata

NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
# Controls, invisible format characters (bidi marks among them), lone surrogates, private use, unassigned,
# line and paragraph separators, and spaces that look like the ordinary one.
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
# Letters and marks that Unicode calls visible and that every font draws as nothing.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# More marks than this on one letter is a way to draw over other lines, not a way to write.
MARKS_IN_A_ROW = 4


def inert(text: str) -> str:
    """``text`` on one line, with what cannot be seen written as an escape (``\\n``, ``\\x1b``, ``\\u202e``)."""
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        hidden = _is_hidden(character) or marks > MARKS_IN_A_ROW
        out.append(_escape(character) if hidden else character)
    return "".join(out)


def shorten(text: str, most: int) -> str:
    """At most ``most`` characters of ``text``, and a note of how many there are when that is less than all."""
    if len(text) <= most:
        return text
    return f"{text[:most].rstrip()}… [{len(text):,} characters in all]"


def flow(text: str) -> str:
    """``text`` as running prose: line ends and runs of blanks are single spaces."""
    return " ".join(text.split())


def _is_hidden(character: str) -> bool:
    if character == " ":
        return False
    selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return selector or character in BLANK or unicodedata.category(character) in HIDDEN


def _escape(character: str) -> str:
    code = ord(character)
    if character in NAMED:
        return NAMED[character]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
