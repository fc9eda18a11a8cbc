"""An outline as one HTML file: no request, no script, nothing that a value could start.

The policy in the page forbids all but the one style sheet, named by its digest. Both fingerprints ride along as
inert JSON; :mod:`envdiff.embedded` reads them back.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from envdiff.render.blocks import Bullets, Cards, Outline

MOST_ROWS = 5_000  # of one table: with more a browser is slow to open it
LEFT, RIGHT = "envdiff-left", "envdiff-right"
# Inside a script element these could end it, or begin a comment; JSON spells them otherwise.
ESCAPES = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029\x7f"})


def html(words: Outline, *, fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None, generator: str) -> str:
    """The whole page. Every expression in it is escaped by the template library, except the style and the JSON."""
    style = _read("page.css")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["card_body"] = lambda body: isinstance(body, Cards)
    environment.tests["bullet_body"] = lambda body: isinstance(body, Bullets)
    page = environment.from_string(_read("page.html.j2"))
    return page.render(
        headline=words.headline,
        sections=words.sections,
        policy=_policy(style),
        style=Markup(style),  # noqa: S704  a file of this package
        embedded=_embedded(fingerprints),
        generator=generator,
        most=MOST_ROWS,
    )


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _embedded(fingerprints: tuple[Mapping[str, Any], Mapping[str, Any]] | None) -> tuple[tuple[str, Markup], ...]:
    if fingerprints is None:
        return ()
    return tuple((name, _as_script(each)) for name, each in zip((LEFT, RIGHT), fingerprints, strict=True))


def _as_script(document: Mapping[str, Any]) -> Markup:
    """ASCII JSON without a character that means something to an HTML parser."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.translate(ESCAPES))  # noqa: S704


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
