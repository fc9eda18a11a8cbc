"""Reads the two fingerprints that an HTML report carries, so that a report can be compared again."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from envdiff.errors import UnusableInput

LEFT, RIGHT = "envdiff-left", "envdiff-right"
HINT = "use a report that `envdiff` wrote with `--format html`, or the fingerprint files themselves"


class _Embedded(HTMLParser):
    """Collects the text of the script elements with one of the two ids."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, list[str]] = {}
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("id")
        if tag == "script" and given.get("type") == "application/json" and name in (LEFT, RIGHT):
            if name in self.found:
                raise UnusableInput(f"the page holds two fingerprints named {name}", hint=HINT)
            self.found[name] = []
            self._inside = name

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self.found[self._inside].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = None


def fingerprints_from_html(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The left and the right fingerprint, as parsed JSON that nobody has validated yet."""
    parser = _Embedded()
    parser.feed(text)
    parser.close()
    return _document(parser.found, LEFT), _document(parser.found, RIGHT)


def _document(found: dict[str, list[str]], name: str) -> dict[str, Any]:
    if name not in found:
        raise UnusableInput("the page holds no fingerprints", subject=name, hint=HINT)
    try:
        document = json.loads("".join(found[name]))
    except (ValueError, RecursionError) as error:
        raise UnusableInput("a fingerprint in the page is damaged", subject=name, hint=HINT) from error
    if not isinstance(document, dict):
        raise UnusableInput("a fingerprint in the page is not an object", subject=name, hint=HINT)
    return document
