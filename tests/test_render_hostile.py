"""Reports made of what attackers write: nothing acts, in any face, wherever it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import builders
import cmarkgfm
import pytest
import yaml
from cmarkgfm.cmark import Options
from payloads import PAYLOADS, everywhere
from test_render import hostile_report
from test_render_html import Page, Visit, browser  # noqa: F401  the fixture

from envdiff.boundary import guarded
from envdiff.commands.model import as_text
from envdiff.compare import compare
from envdiff.embedded import fingerprints_from_html
from envdiff.errors import UnusableInput
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint, from_document, parse
from envdiff.render import blocks, render
from envdiff.render.html import html
from envdiff.render.markdown import markdown
from envdiff.render.outline import outline
from envdiff.render.terminal import terminal
from envdiff.render.visible import BLANK, inert
from envdiff.report import Report
from envdiff.rulebook import load_rulebook

HUGE = {"megabyte", "no blank"}
FAIR = "fair"  # a value that nobody minds
every_payload = pytest.mark.parametrize("name", PAYLOADS)
# Ways to the text of each face: a whole report, and an outline in which even our own words are the attacker's, as they
# would be if a later piece of a report were made of values.
WAYS = ("report", "outline")
every_way = pytest.mark.parametrize("way", WAYS)


def report_of(text: str) -> Report:
    return everywhere(hostile_report(FAIR), text)


def words_of(text: str) -> blocks.Outline:
    return everywhere(outline(hostile_report(FAIR)), text, keep=frozenset({"key"}))


@cache
def shown(face: str, way: str, text: str) -> str:
    if way == "report":
        options = {"full": True, "colour": True} if face == "terminal" else {}
        documents = ({"label": text, text: [text]}, {"facts": {text: text}})
        return render(report_of(text), face, generator=text, fingerprints=documents, **options)
    makers: dict[str, Callable[[], str]] = {
        "terminal": lambda: terminal(words_of(text), width=100, colour=True, full=True, generator="envdiff"),
        "markdown": lambda: markdown(words_of(text), limit=65_536, generator="envdiff"),
        "html": lambda: html(words_of(text), fingerprints=None, generator="envdiff"),
    }
    return makers[face]()


def test_every_piece_of_a_report_makes_its_texts_inert() -> None:
    pieces = [one for one in vars(blocks).values() if isinstance(one, type) and one.__module__ == blocks.__name__]

    assert sum(issubclass(one, blocks.Block) for one in pieces) >= 13
    assert {one.__name__ for one in pieces if not issubclass(one, blocks.Block)} == {"Mark"}
    assert blocks.Table(("\x1b", "b"), ()).headers == ("\\x1b", "b")
    assert blocks.Scale("\u202e", (), (), ((0.0, "\0"),)).ticks == ((0.0, "\\0"),)
    assert blocks.Span("a").but(text="\x1b").text == "\\x1b"


@pytest.mark.parametrize("wrong", [blocks.Span, lambda: blocks.Badge("a", "b", "c"), lambda: blocks.Span(to="a")])
def test_a_piece_has_its_fields_and_no_others(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="takes"):
        wrong()


def test_a_piece_stays_as_it_was_made() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        blocks.Span("a").text = "\x1b"


# --- the terminal ---------------------------------------------------------------------------------------------


def assert_quiet(text: str) -> None:
    """Lines of visible characters, and styles as the terminal's own renderer writes them."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    odd = {
        character
        for character in plain
        if character != "\n"
        and (unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in BLANK)
    }
    assert not odd


@every_way
@every_payload
def test_nothing_controls_the_terminal(name: str, way: str) -> None:
    text = shown("terminal", way, PAYLOADS[name])

    assert_quiet(text)
    assert len(text) < 3_000_000
    # Colours are the renderer's: as many styles begin as with any other value of that length.
    assert "\x1b[31m" not in text or "\x1b[31m" in shown("terminal", way, FAIR)
    text.encode()


def test_the_values_of_a_side_stay_on_their_line() -> None:
    lines = shown("terminal", "report", "left\nerror: all is well\r\x1b[2K").splitlines()

    assert not any(line.startswith("error") for line in lines)


# --- Markdown -------------------------------------------------------------------------------------------------

# What GitHub's filters look for in rendered text outside code and links.
ACTS = re.compile(r"@\w|#\d|\bGH-\d|://|www\.|\w@\w|:[\w+-]+:|\$|\b[0-9a-f]{7,40}\b|mailto:", re.IGNORECASE)
OURS = {
    "h2", "h3", "h4", "p", "ul", "li", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "details",
    "summary", "sub", "br",
}  # fmt: skip
BLOCKS = OURS - {"code", "strong", "br", "p", "sub"}


class Seen(HTMLParser):
    """What a browser would get: tags in order, attributes, and text outside code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self._code = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")


@cache
def as_github_shows(markdown_text: str) -> Seen:
    """By GitHub's own parser, with the filters that it applies to all HTML switched off."""
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
    return Seen(cmarkgfm.github_flavored_markdown_to_html(markdown_text, options=options))


@every_way
@every_payload
def test_nothing_acts_on_github(name: str, way: str) -> None:
    text = shown("markdown", way, PAYLOADS[name])
    seen = as_github_shows(text)

    assert set(seen.tags) <= OURS, set(seen.tags) - OURS
    assert seen.attributes <= {"align", "lang"}
    found = [words for words in seen.words if ACTS.search(words)]
    assert not found, found[:3]
    assert_quiet(text)
    if name not in HUGE:
        fair = as_github_shows(shown("markdown", way, FAIR))
        assert [tag for tag in seen.tags if tag in BLOCKS] == [tag for tag in fair.tags if tag in BLOCKS]


def test_only_a_plain_source_of_a_rule_is_a_link() -> None:
    address = "https://www.tensorflow.org/api_docs"
    seen = as_github_shows(shown("markdown", "report", address))

    assert seen.tags.count("a") == shown("markdown", "report", address).count(f"<{address}>")
    assert seen.attributes <= {"align", "lang", "href"}


# --- HTML -----------------------------------------------------------------------------------------------------


@every_way
@every_payload
def test_nothing_becomes_part_of_the_page(name: str, way: str) -> None:
    page, fair = Page(shown("html", way, PAYLOADS[name])), Page(shown("html", way, FAIR))
    svg = {tag for tag in page.tags if tag[0] in ("text", "rect", "svg", "a")}

    assert page.tags == fair.tags or set(page.tags) - svg <= set(fair.tags)
    assert all(address.startswith("#") for address in page.addresses)
    assert_quiet("".join(page.words).replace("\t", ""))


@pytest.mark.browser
@every_payload
def test_a_browser_finds_nothing_to_do(browser: Any, tmp_path: Path, name: str) -> None:  # noqa: F811
    visit = Visit(browser, shown("html", "report", PAYLOADS[name]), tmp_path)
    label = visit.page.locator("header .sides b").first

    assert visit.said == []
    assert visit.asked == []
    assert label.inner_text().replace("\xa0", " ") == outline(report_of(PAYLOADS[name])).headline.names[0][1].strip()
    assert visit.page.evaluate("document.querySelectorAll('script:not([type=\"application/json\"])').length") == 0
    assert visit.page.evaluate("document.scripts.length") == 2
    visit.page.close()


INTRUDERS = {
    "script": "<script>document.title = 'taken'</script>",
    "handler": "<b id=x onclick=\"document.title = 'taken'\">x</b><img src=x onerror=\"document.title = 'taken'\">",
    "image": "<img src=https://evil.example/p.png>",
    "style": "<style>body { background: url(https://evil.example/x.png) }</style>",
    "attribute": "<p style='background: url(https://evil.example/x.png)'>x</p>",
    "frame": "<iframe src=https://evil.example></iframe><object data=https://evil.example></object>",
    "address": "<a id=x href=\"javascript:document.title = 'taken'\">x</a>",
    "sheet": "<link rel=stylesheet href=https://evil.example/x.css>",
    "module": "<script type=module src=https://evil.example/x.js></script>",
}


@pytest.mark.browser
@pytest.mark.parametrize("name", INTRUDERS)
def test_the_policy_holds_what_escaping_would_let_through(browser: Any, tmp_path: Path, name: str) -> None:  # noqa: F811
    """The page is changed as if a value had not been escaped."""
    text = shown("html", "report", FAIR).replace("<main>", f"<main>{INTRUDERS[name]}", 1)
    visit = Visit(browser, text, tmp_path)
    if "id=x" in INTRUDERS[name]:
        visit.page.locator("#x").click()

    assert visit.page.title() != "taken"
    assert [address for address in visit.asked if address not in visit.refused] == []
    assert any("Content Security Policy" in line for line in visit.said)
    visit.page.close()


@pytest.mark.browser
def test_text_that_runs_the_other_way_does_not_turn_what_stands_beside_it(browser: Any, tmp_path: Path) -> None:  # noqa: F811
    visit = Visit(browser, shown("html", "report", "\u05d0\u05d1"), tmp_path)
    isolated = visit.page.evaluate("getComputedStyle(document.querySelector('code')).unicodeBidi")

    assert isolated == "isolate"
    visit.page.close()


# --- JSON -----------------------------------------------------------------------------------------------------


@every_payload
def test_json_holds_it_whole_and_in_plain_ascii(name: str) -> None:
    text = shown("json", "report", PAYLOADS[name])

    assert all(" " <= character <= "~" or character == "\n" for character in text)
    assert json.loads(text)["left"]["label"] == PAYLOADS[name]


# --- from the files on --------------------------------------------------------------------------------------

SECTIONS = (
    "packages", "env", "libraries", "conda", "origins", "model.signature", "model.file", "serving.model", "serving.flag",
    "runtime.grappler", "cuda.mapped", "process.limits", "builds", "gpu",
)  # fmt: skip
VALUED = (
    "tensorflow.version", "tensorflow.git_version", "python.version", "cpu.model", "cpu.flags", "os.distribution",
    "keras.version", "container.image", "model.path", "model.ops", "model.assets_missing", "model.signature_default",
    "model.signatures", "model.vocabularies", "model.layers", "model.weights.tensors", "model.format", "serving.version",
    "serving.dropped", "serving.models", "env.TF_ENABLE_ONEDNN_OPTS", "env.TF_XLA_FLAGS", "answers.way",
    "packages.numpy", "gpu.0.name", "process.command", "runtime.jit",
)  # fmt: skip


def document_of(text: str, side: str) -> dict[str, Any]:
    """A fingerprint in which everything that can come from elsewhere is ``text``, and no two sides alike."""
    value = text + side
    facts: dict[str, Any] = {f"{section}.{text}"[:1000]: value for section in SECTIONS}
    facts |= {path: [value] if path.endswith("s") else value for path in VALUED} | {text[:1000]: [value, 1, None]}
    document = builders.document(facts, label=text, kind=text, unread={f"keras.{text}"[:1000]: text, "cuda": text})
    document["subject"]["reached_by"] = document["captured_at"] = document["probe"]["version"] = text
    document["withheld"] = {"env": [text, value], text[:1000]: [text]}
    content = {"dtype": "float32", "shape": [1, 2], "data": "AAAAAAAAgD8=" if side else "AAAAAAAAAEA="}
    document["outputs"] = {
        "way": text, "signature": text, "rows_digest": text, "errors": {text: text}, "notes": [text], "versions": [1],
        "served_before": [[text, text]], "served_after": [[text, text]],
        "calls": {"batch": {text: content}, text: {text: content}},
    }  # fmt: skip
    return document


def rule_of(text: str, folder: Path) -> Path:
    """A rule of somebody's that says ``text`` wherever a rule may say anything."""
    source = {"what": text, "where": text, "read": "2026-11-22"}
    rule = {
        "id": "a-rule", "title": text, "about": [f"packages.{text}"[:900], "packages.numpy"], "layer": "kernels",
        "when": {"differs": "packages.numpy"}, "verdict": "can-move", "size": "any", "basis": "reasoned",
        "mechanism": text, "fix": text, "measured": [{"what": text, "moved": text}], "sources": [source],
        "confirm": {"do": [text], "env": {text: [text, None]}},
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "a-rule.yaml").write_text(yaml.safe_dump(rule, allow_unicode=False), encoding="utf-8")
    return folder


def judged(left: Fingerprint, right: Fingerprint, rules: Path | None) -> Report:
    from envdiff.answers import difference

    found = difference(left, right)
    book = load_rulebook([rules]) if rules else builders.BOOK
    return explain(compare(left, right), book, delta=found.delta, notes=found.notes)


@pytest.mark.parametrize("name", sorted(set(PAYLOADS) - HUGE))
def test_fingerprints_and_rules_made_of_it_are_shown_inert(tmp_path: Path, name: str) -> None:
    payload = PAYLOADS[name]
    documents = [document_of(payload, side) for side in ("", "2")]
    left, right = (parse(json.dumps(one).encode(), "a file") for one in documents)
    # YAML has no word for half a character.
    rules = None if name == "surrogate" else rule_of(payload.strip() or "x", tmp_path / "rules")
    found = judged(left, right, rules)
    faces = {
        face: render(
            found, face, fingerprints=(documents[0], documents[1]), **({"full": True} if face == "terminal" else {})
        )
        for face in ("terminal", "markdown", "html", "json")
    }

    assert rules is None or any(finding.rule == "a-rule" for finding in (*found.findings, *found.too_small))
    assert_quiet(faces["terminal"])
    seen = as_github_shows(faces["markdown"])
    assert set(seen.tags) <= OURS | {"a"}
    assert not [
        words for words in seen.words if ACTS.search(re.sub(r"https://(github|www.tensorflow)[^ ]*", "", words))
    ]
    assert set(Page(faces["html"]).tags) <= known_tags()
    assert faces["json"].isascii()
    sides = (from_document(side, "a page") for side in fingerprints_from_html(faces["html"]))
    assert judged(*sides, rules) == found
    if name in ON_THE_COMMAND_LINE:
        read_back(faces["html"], tmp_path)


ON_THE_COMMAND_LINE = {"script", "csi", "bidi"}


@cache
def known_tags() -> set[tuple[str, tuple[str, ...]]]:
    left, right = (parse(json.dumps(document_of(FAIR, side)).encode(), "a file") for side in ("", "2"))
    pages = [
        render(judged(left, right, None), "html", fingerprints=({}, {})),
        shown("html", "report", "https://a.example"),
    ]
    return {tag for page in pages for tag in Page(page).tags}


def read_back(page: str, folder: Path) -> None:
    """The page as an input again: both sides are in it, and what comes out is as quiet."""
    (folder / "hostile.html").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", "envdiff", "report", "hostile.html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60)

    assert done.returncode in (0, 1), done.stderr
    assert_quiet(done.stdout.decode())
    assert_quiet(done.stderr.decode())


# --- other words on a terminal --------------------------------------------------------------------------------


@every_payload
def test_an_error_says_it_and_does_nothing_else(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    payload = PAYLOADS[name]

    def fails() -> None:
        raise UnusableInput(f"{payload} is no number", subject=payload, hint=payload)

    assert guarded(fails, {}) == 3
    said = capsys.readouterr().err
    assert_quiet(said)
    assert len(said) < 80_000
    assert [line for line in said.splitlines() if not line.startswith((" ", "error: "))] == []


@every_payload
def test_lines_about_models_and_tensors_are_inert(name: str) -> None:
    assert_quiet(as_text([f"signature {PAYLOADS[name]}", PAYLOADS[name]]))


@every_payload
def test_what_is_inert_stays_so(name: str) -> None:
    assert inert(inert(PAYLOADS[name])) == inert(PAYLOADS[name])
