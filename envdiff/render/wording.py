"""What the words of a report mean to a reader: one table a word, and how numbers are written."""

from __future__ import annotations

import math
import re

from envdiff.render.blocks import Badge, Line, Mark, Span
from envdiff.render.visible import flow, shorten
from envdiff.report import Size, Verdict

BADGES = {
    Verdict.MOVES: Badge("moves", "does move"),
    Verdict.CAN_MOVE: Badge("can-move", "can move"),
    Verdict.HARMLESS: Badge("harmless", "harmless"),
    Verdict.CANNOT_TELL: Badge("cannot-tell", "cannot tell"),
}
SIZE_WORDS = {
    Size.NONE: "none",
    Size.LAST_BITS: "last bits",
    Size.SMALL: "small",
    Size.VISIBLE: "visible",
    Size.ANY: "any",
}
FITS = {
    True: "yes: it can make a difference as large and as steady as the measured one",
    False: "no: it cannot make a difference like the measured one",
}
# How the sides agree with themselves; a word that is not here is shown as it is.
AGREEMENT = {
    "stable": "Asked again, each side answered the same.",
    "call-to-call": "A side does not agree with itself: asked twice, it answered differently.",
    "concurrent": "A side answers otherwise while several requests run at once.",
    "single-vs-batch": "A side answers otherwise when rows are asked one by one than when they are asked as a batch.",
    "not-asked": "No side was asked twice.",
}
SIDES = {"left": "left", "right": "right", "both": "both sides"}

VALUE = 300  # characters of a value, a title or a command
TRAIL = 900
PROSE = 2_500
LABEL = 60

_COMMAND = re.compile(r"^(\$ |envdiff |docker |kubectl |pip |python3? |[A-Z][A-Z0-9_]{2,}=\S)")
_DIGEST = re.compile(r"\b([0-9a-f]{12})(?:[0-9a-f]{28}|[0-9a-f]{52})\b")
_LINK = re.compile(r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9./_~:?#&=%+,@!()-]*)?\Z")


def prose(text: str, most: int = PROSE) -> Line:
    """Running text; what stands between backticks is code."""
    parts = shorten(flow(text), most).split("`")
    if len(parts) % 2 == 0:  # a backtick without a partner is only a backtick
        parts[-2:] = ["`".join(parts[-2:])]
    marks = (Mark.PLAIN, Mark.CODE)
    return tuple(Span(part, marks[at % 2]) for at, part in enumerate(parts) if part)


def paragraphs(text: str) -> tuple[Line, ...]:
    """``text`` split at its empty lines."""
    lines = (prose(part) for part in re.split(r"\n\s*\n", text.strip()[:PROSE]))
    return tuple(line for line in lines if line)


def plain(text: str) -> Line:
    return (Span(text),)


def muted(text: str) -> Line:
    return (Span(text, Mark.MUTED),)


def value(text: str) -> Line:
    """A value as it was captured, digests by their beginning: two that differ do so there."""
    text = _DIGEST.sub(r"\1…", text)
    return (Span(shorten(text, VALUE), Mark.CODE),) if text else (Span("(empty)", Mark.MUTED),)


def step(text: str) -> Line:
    """Something to do: a command in full, or a sentence."""
    text = text.strip()
    if "\n" not in text and _COMMAND.match(text):
        return (Span(shorten(text.removeprefix("$ "), PROSE), Mark.CODE),)
    return prose(text, TRAIL)


def address(where: str) -> Span:
    """A link when it is an ordinary https address, else the text."""
    where = shorten(where, VALUE)
    return Span(where, Mark.LINK if _LINK.match(where) else Mark.CODE)


def count(number: int, one: str, many: str) -> str:
    """``1 label``, ``1,204 labels``."""
    return f"{number:,} {one if number == 1 else many}"


def number(value: float | None) -> str:
    """Two significant digits; what is no number is said in words."""
    if value is None:
        return "not defined"
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    text = f"{value:.2g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def whole(value: float | None) -> str:
    """A count that may be huge, such as a distance in ULP."""
    return f"{value:,.0f}" if value is not None and math.isfinite(value) else number(value)


def share(value: float) -> str:
    """A share from 0 to 1 as a percentage that is 0 or 100 only when it is exactly that."""
    if not math.isfinite(value) or value in (0.0, 1.0):
        return {0.0: "0 %", 1.0: "100 %"}.get(value, number(value))
    return "under 0.1 %" if value < 0.001 else "over 99.9 %" if value > 0.999 else f"{value:.1%}".replace("%", " %")
