"""The Markdown face: inert on GitHub, never too long, never cut in the middle."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import reports
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_render import hostile_report

from envdiff.errors import Misuse
from envdiff.render import TICKET, render
from envdiff.render.blocks import Mark, Span
from envdiff.render.markdown_text import cell, fenced, line, literal, units
from envdiff.report import Answer, Report, Source, Unexplained, Unread, Verdict

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
OUR_HTML = re.compile(r"</?details>|</?summary>|<br>|</?sub>")
# What GitHub's own filters make of rendered text outside code.
ACTS = re.compile(r"@\w|#\d|\bGH-\d|https?://|www\.|\w@\w|:[\w+-]+:|\$", re.IGNORECASE)

nasty = st.one_of(
    st.text(max_size=60),
    st.text("`|\\<>@#*_~[]()!&$:/.-+=1aG H\n\u202e", max_size=60),
    st.sampled_from([
        "@octocat", "#123", "owner/repo#1", "GH-7", "https://evil.example/x", "www.evil.example", "a@b.example",
        "![x](https://evil.example/p.png)", "[x](javascript:alert(1))", "<img src=x onerror=alert(1)>", "</details>",
        "<!-- ", "```", "~~~", "`a``b```", "a|b", "a\\|b", "\\", "a\\", "| --- |", "---", "===", "# h", "- x", "1. x",
        "&lt;", "&#64;x", ":tada:", "$x$", "$`x`$", "<https://evil.example>", "[a]: https://evil.example", "[a][a]",
        "0123456789abcdef0123456789abcdef01234567", "\t", "    code", "<script>", "<![CDATA[", "a\n\nb", "\n# h",
    ]),
)  # fmt: skip


def parsed(text: str) -> tuple[list[str], list[str], str]:
    """HTML pieces, link targets, and the text outside code of ``text`` as a browser would get it."""
    html: list[str] = []
    links: list[str] = []
    words: list[str] = []
    for token in PARSER.parse(text):
        for each in (token, *(token.children or ())):
            if each.type in ("html_block", "html_inline"):
                html.append(each.content)
            elif each.type in ("link_open", "image"):
                links.append(str(each.attrs.get("href", each.attrs.get("src"))))
            elif each.type == "text" and not (links and each.content == links[-1]):
                words.append(each.content)
    return html, links, "\n".join(words)


@settings(deadline=None, max_examples=60)
@given(nasty)
@example("a\\|b``|\\")
def test_no_value_acts(text: str) -> None:
    html, links, words = parsed(render(hostile_report(text), "markdown", generator="envdiff"))

    left_over = OUR_HTML.sub("", "".join(html))
    assert not re.search("[<>]", left_over), left_over
    assert {link for link in links if not text_is_an_address(link)} == set()
    assert not ACTS.search(words), words


def text_is_an_address(link: str) -> bool:
    """Sources of the rulebook may be linked; the hostile report puts values there as well."""
    return link.startswith("https://evil.example")


@settings(deadline=None, max_examples=60)
@given(nasty)
def test_the_structure_does_not_depend_on_values(text: str) -> None:
    def shape(report: Report) -> list[str]:
        kept = (
            "heading_open",
            "tr_open",
            "th_open",
            "td_open",
            "table_open",
            "details",
            "fence",
            "hr",
            "blockquote_open",
        )
        return [token.type for token in PARSER.parse(render(report, "markdown")) if token.type in kept]

    empty = text.strip() == ""
    assert empty or shape(hostile_report(text)) == shape(hostile_report("plain"))


@settings(deadline=None, max_examples=60)
@given(nasty)
@example("a\\|b")
@example("|")
def test_a_cell_stays_one_cell_and_keeps_its_value(text: str) -> None:
    table = f"| {cell((Span(text, Mark.CODE),))} | {cell((Span(text),))} | end |\n"
    tokens = PARSER.parse(f"| a | b | c |\n| --- | --- | --- |\n{table}")
    cells = [token for token in tokens if token.type == "inline"][3:]

    assert len(cells) == 3
    assert cells[2].content == "end"


@pytest.mark.parametrize("text", ["a", "`", "``a`", "a` `b", "<b>", "a\\", "https://a.example", "@me #1"])
def test_code_shows_exactly_the_value(text: str) -> None:
    (inline,) = (token for token in PARSER.parse(line((Span(text, Mark.CODE),))) if token.type == "inline")

    assert [(each.type, each.content) for each in inline.children or ()] == [("code_inline", text)]


def test_a_fence_is_longer_than_what_it_holds() -> None:
    assert fenced(("a", "````")) == "`````text\na\n````\n`````"


def test_plain_words_and_numbers_are_left_alone() -> None:
    assert literal("2.4e-7 and TF_ENABLE_ONEDNN_OPTS, 72.0 %, -1") == "2.4e-7 and TF_ENABLE_ONEDNN_OPTS, 72.0 %, -1"


@pytest.mark.parametrize(
    ("where", "linked"),
    [
        ("https://www.tensorflow.org/api_docs", True),
        ("https://github.com/tensorflow/tensorflow/blob/v2.15.1/RELEASE.md", True),
        ("https://github.com/tensorflow/tensorflow/issues/121865", False),
        ("http://a.example", False),
        ("javascript:alert(1)", False),
        ("https://a.example/\"onclick=x", False),
    ],
)  # fmt: skip
def test_only_plain_addresses_that_tell_nobody_are_linked(where: str, linked: bool) -> None:
    source = Source("what", where, "2026-11-22")
    text = render(reports.report(findings=(reports.finding(sources=(source,)),)), "markdown")

    assert (f"<{where}>" in text) is linked


# --- length -------------------------------------------------------------------------------------------------


def huge(count: int, width: int = 20) -> Report:
    rows = tuple((f"packages.name-{at:05}", f"{at}" * width, "`<|@" * width) for at in range(count))
    return reports.report(
        findings=tuple(reports.finding(f"finding {at}", folded=rows[:50]) for at in range(40)),
        too_small=tuple(reports.finding(f"small {at}") for at in range(40)),
        unexplained=tuple(Unexplained(*row) for row in rows),
        unread=tuple(Unread("right", row[0], row[1], row[2], True) for row in rows[:200]),
        full=rows,
    )


@pytest.mark.parametrize("limit", [8_192, 20_000, TICKET])
@pytest.mark.parametrize("count", [0, 100, 5_000])
def test_it_always_fits_and_says_what_is_missing(count: int, limit: int) -> None:
    text = render(huge(count), "markdown", limit=limit)

    assert units(text) <= limit
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    if count:
        assert re.search(r"\*\*Left out to fit .*`--format html` or `--format json`\.", text.splitlines()[-3])
        assert f"{count:,} mismatches under “Every mismatch”" in text


def test_later_sections_give_way_first() -> None:
    text = render(huge(5_000), "markdown")

    assert text.startswith("## envdiff")
    assert "### The two sides" in text
    assert "#### 1. " in text
    assert "### Every mismatch" not in text


def test_room_that_is_left_is_used() -> None:
    rows = tuple((f"packages.name-{at:05}", "1", "2") for at in range(5_000))
    text = render(reports.report(full=rows), "markdown")

    assert TICKET - 200 < units(text) <= TICKET
    assert re.search(r"to fit 65,536 characters:\*\* [\d,]+ of 5,000 mismatches", text)


@pytest.mark.parametrize("character", ["<", "\U000e0001", "😀", "`"])
def test_it_fits_when_every_character_grows(character: str) -> None:
    text = character * 100_000
    for report in (hostile_report(text), reports.report(answer=Answer(Verdict.MOVES, text, (text,) * 90))):
        assert units(render(report, "markdown", limit=16_384)) <= 16_384


def test_too_small_a_limit_is_misuse() -> None:
    with pytest.raises(Misuse):
        render(reports.report(), "markdown", limit=100)


class _Balance(HTMLParser):
    """Every fold that opens closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("limit", range(8_192, 40_000, 3_001))
def test_folds_close_wherever_room_ends(limit: int) -> None:
    balance = _Balance()
    balance.feed(PARSER.render(render(huge(300), "markdown", limit=limit)))

    assert balance.open == []
