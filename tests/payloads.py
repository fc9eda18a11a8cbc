"""What an attacker writes where a value is expected, and the same report or fingerprint with it in every place."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, TypeVar

T = TypeVar("T")

PAYLOADS = {
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>alert(1)//-->",
    "image": '"><img src=https://evil.example/p.png onerror=alert(1)>',
    "handler": "' onmouseover='alert(1)' x='",
    "style": "</style></title></textarea><style>@import url(https://evil.example/x.css);</style>",
    "base": "<base href=https://evil.example/><meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "svg": "<svg><script>alert(1)</script><a xlink:href=javascript:alert(1)>x</a></svg>",
    "template": "{{ 7 * 7 }}{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}",
    "entities": "&lt;img src=x&gt; &#60;b&#62; &amp;",
    "javascript": "javascript:alert(1)",
    "mention": "@octocat and @github/everyone, octocat@evil.example",
    "reference": "#123 GH-7 owner/repo#1 0123456789abcdef0123456789abcdef01234567",
    "link": "[x](https://evil.example) ![x](https://evil.example/p.png) <https://evil.example> [x][y]",
    "address": "https://evil.example/x www.evil.example ftp://evil.example mailto:a@evil.example",
    "definition": "[y]: https://evil.example 'x'",
    "footnote": "[^1] [^1]: x",
    "table": "a|b\\|c\\\\|d | --- |",
    "fence": "```\n~~~~\n`````` x ```` y",
    "ticks": "`a``b```c` `<b>`",
    "heading": "# h\n## h\nx\n===\ny\n---\n> q\n- l\n1. n\n- [ ] t\n> [!NOTE]\n> x",
    "emphasis": "*a* **b** _c_ __d__ ~~e~~ ***",
    "html block": "\n\n<details><summary>x</summary>\n\n</details>\n\n<table><tr><td>\n\n",
    "formula": "$x$ $$y$$ $`z`$ :tada: :octocat:",
    "csi": "\x1b[31mred\x1b[0m\x1b[2J\x1b[1;1H\x1b[?1049h",
    "osc": "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\\x1b]0;title\x07\x1b]52;c;eA==\x07",
    "c1": "\x9b2J\x9d0;title\x9c\x90q\x9c\x8d",
    "dcs": "\x1bP+q544e\x1b\\\x1b_x\x1b\\\x1bc",
    "carriage": "safe\rEVIL\x08\x08\x7f\x0b\x0c\x0e\x0f",
    "bidi": "\u202eabc\u202c\u2066x\u2069\u200f\u200e\u061c\u202a\u2067",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u034fh\u115fi\u3164j\uffa0k\u2800l",
    "tags": "x\U000e0041\U000e0042\U000e007fy\ufe0fz\U000e0100",
    "separators": "a\u2028b\u2029c\x85d\x1ce\x1df\u00a0g\u3000h",
    "nul": "a\x00b\x00",
    "surrogate": "\udc00a\ud800b\ud83d",
    "private": "\ue000\U000f0000\uffff\U0010ffff",
    "zalgo": "Z" + "\u0334\u0322\u0489" * 60,
    "markup": "[bold red]x[/] [link=https://evil.example]y[/link] :boom: [/]",
    "megabyte": "<@`|" * 262_144,
    "no blank": "x" * 1_000_000,
}


def everywhere(value: T, text: str, keep: frozenset[str] = frozenset()) -> T:
    """``value`` with ``text`` for every string in it: in dataclasses, tuples and mappings, names and values.

    Words of our own (enumerations) and fields named in ``keep`` stay.
    """
    return _replaced(value, text, keep)  # type: ignore[no-any-return]


def _replaced(value: Any, text: str, keep: frozenset[str]) -> Any:
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return text
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.init and field.name not in keep]
        return dataclasses.replace(value, **{f.name: _replaced(getattr(value, f.name), text, keep) for f in fields})
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        return value._replace(**{name: _replaced(getattr(value, name), text, keep) for name in value._fields})
    if isinstance(value, tuple):
        return tuple(_replaced(one, text, keep) for one in value)
    if isinstance(value, dict):
        return {_replaced(key, text, keep): _replaced(one, text, keep) for key, one in value.items()}
    return value
