"""Reads the two fingerprints that an HTML report carries, so that a report can be compared again."""

from __future__ import annotations

import re
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.fingerprint import parse_json

LEFT, RIGHT = "envdiff-left", "envdiff-right"
HINT = "use a report that `envdiff` wrote with `--format html`, or the fingerprint files themselves"
# As :mod:`envdiff.render.html` writes it. Nothing in its JSON is a "<", so that the end of one is plain to see; a parser
# for all of HTML takes quadratic time where somebody wants it to.
SCRIPT = re.compile(rf'<script type="application/json" id="({LEFT}|{RIGHT})">([^<]*)</script>')


def fingerprints_from_html(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The left and the right fingerprint, as parsed JSON that nobody has validated yet."""
    found: dict[str, str] = {}
    for name, document in SCRIPT.findall(text):
        if name in found:
            raise UnusableInput(f"the page holds two fingerprints named {name}", hint=HINT)
        found[name] = document
    return _document(found, LEFT), _document(found, RIGHT)


def _document(found: dict[str, str], name: str) -> dict[str, Any]:
    if name not in found:
        raise UnusableInput("the page holds no fingerprints", subject=name, hint=HINT)
    try:
        document = parse_json(found[name].encode(), name)
    except (UnusableInput, UnicodeEncodeError) as error:
        raise UnusableInput("a fingerprint in the page is damaged", subject=name, hint=HINT) from error
    if not isinstance(document, dict):
        raise UnusableInput("a fingerprint in the page is not an object", subject=name, hint=HINT)
    return document
