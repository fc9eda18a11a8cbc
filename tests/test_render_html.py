"""The HTML face: one inert file that carries both fingerprints and reads well in a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import reports
from hypothesis import given, settings
from hypothesis import strategies as st
from test_render import hostile_report

from envdiff.embedded import fingerprints_from_html
from envdiff.errors import UnusableInput
from envdiff.render import render

LEFT = '<script type="application/json" id="envdiff-left">{}</script>'
RIGHT = '<script type="application/json" id="envdiff-right">{}</script>'
DOCUMENTS = ({"facts": {"a": "left"}}, {"facts": {"a": "right"}})
nasty = st.one_of(
    st.text(max_size=60),
    st.text("<>\"'&/=-! scriptaonl\n\u2028{}%", max_size=60),
    st.sampled_from([
        "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "<!--", "-->",
        "]]>", "{{ 7 * 7 }}", "{% raw %}", "' onmouseover='x", "</style>",
        "</title><base href=//x>", "javascript:alert(1)",
        "https://a.example/\" onclick=\"x", "&lt;b&gt;", "\ud800", "\x00",
    ]),
)  # fmt: skip


class Page(HTMLParser):
    """Tags with the names of their attributes, and all addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.addresses.extend(value or "" for name, value in attrs if name in ("href", "src", "action"))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


KNOWN = {
    tag for each in (*reports.REAL.values(), lambda: hostile_report("https://a.example"), lambda: hostile_report("`x`"))
    for tag in Page(render(each(), "html", fingerprints=DOCUMENTS)).tags
}  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(nasty)
def test_no_value_becomes_an_element_or_an_attribute(text: str) -> None:
    page = Page(render(hostile_report(text), "html", fingerprints=({"v": text}, {text: 1}), generator=text))

    assert set(page.tags) <= KNOWN
    assert all(address.startswith(("#", "https://")) for address in page.addresses)


@settings(deadline=None, max_examples=60)
@given(nasty)
def test_fingerprints_come_back_as_they_were(text: str) -> None:
    documents = ({"facts": {text: text}}, {"facts": {"a": [text, 1, None, 0.5, True]}})

    assert fingerprints_from_html(render(hostile_report(text), "html", fingerprints=documents)) == documents


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<p>no report</p>",
        render(reports.report(), "html"),
        LEFT,
        LEFT.replace("{}", "{") + RIGHT,
        LEFT.replace("{}", "[]") + RIGHT,
        LEFT * 2,
        '<script type="application/json" id="envdiff-left">' + "[" * 100_000,
        "<![",
    ],
    ids=["empty", "other page", "without", "one side", "damaged", "no object", "twice", "too deep", "half a tag"],
)
def test_a_page_without_fingerprints_is_unusable(page: str) -> None:
    with pytest.raises(UnusableInput):
        fingerprints_from_html(page)


def test_the_policy_forbids_everything_but_the_one_style_sheet() -> None:
    text = render(reports.onednn_one_side(), "html", fingerprints=DOCUMENTS)

    assert "default-src &#39;none&#39;; style-src &#39;sha256-" in text
    assert "unsafe" not in text
    assert " style=" not in text
    assert "url(" not in text
    assert "@import" not in text


# --- in a browser -------------------------------------------------------------------------------------------

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; the test is skipped where there is none, and fails in CI."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        reason = "there is no Chromium on this machine"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


class Visit:
    """A page that was opened, and everything it did that a report must not do."""

    def __init__(self, browser: Any, text: str, folder: Path, **context: Any) -> None:
        path = folder / "report.html"
        path.write_text(text, encoding="utf-8")
        self.page = browser.new_page(**context)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.refused: list[str] = []  # of those: what the policy of the page did not let out
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on(
            "requestfailed", lambda request: self.refused.append(request.url) if request.failure == "csp" else None
        )
        self.page.goto(path.as_uri())
        self.asked.remove(path.as_uri())


@pytest.mark.browser
@pytest.mark.parametrize("name", reports.REAL)
def test_a_report_opens_quietly(browser: Any, tmp_path: Path, name: str) -> None:
    visit = Visit(browser, render(reports.REAL[name](), "html", fingerprints=DOCUMENTS), tmp_path)

    assert visit.said == []
    assert visit.asked == []
    assert visit.page.locator("h1").is_visible()
    assert visit.page.locator("header .badge").first.inner_text().strip()
    background = visit.page.evaluate("getComputedStyle(document.querySelector('.answer')).borderTopWidth")
    assert background == "5px", "the style sheet was not let in by the policy"


@pytest.mark.browser
@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", '"><img src=https://evil.example/x onerror=alert(1)>']
)
def test_a_hostile_report_opens_quietly_too(browser: Any, tmp_path: Path, text: str) -> None:
    visit = Visit(browser, render(hostile_report(text), "html", fingerprints=({"a": text}, {"a": text})), tmp_path)

    assert visit.said == []
    assert visit.asked == []
    assert visit.page.locator("img").count() == 0


@pytest.mark.browser
def test_folds_open_and_close_without_script(browser: Any, tmp_path: Path) -> None:
    visit = Visit(browser, render(reports.versions_apart(), "html"), tmp_path, java_script_enabled=False)
    last = visit.page.locator("#full")

    assert not last.get_by_text("packages.package-139").is_visible()
    last.locator("summary").click()
    assert last.get_by_text("packages.package-139").is_visible()
    last.locator("summary").click()
    assert not last.get_by_text("packages.package-139").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("name", reports.REAL)
def test_it_fits_the_screen_and_text_stands_out(
    browser: Any, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    window = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    visit = Visit(browser, render(reports.REAL[name](), "html"), tmp_path, **window)

    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert visit.page.evaluate(WORST_CONTRAST) >= 4.5
    assert visit.page.locator("h1").bounding_box()["y"] < 200


# The lowest contrast (WCAG 2) between a text and the first background behind it.
WORST_CONTRAST = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => {
    const linear = (each) => each <= .03928 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4;
    const [r, g, b] = parts(text).map((each) => linear(each / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  let worst = 21;
  const texts = "p, dt, th, td, code, .badge, .count, .muted, summary, h1, h2, a, footer";
  for (const element of document.querySelectorAll(texts)) {
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    worst = Math.min(worst, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
  }
  return worst;
}"""
