"""Makes the picture of the README out of a true report: picture.py REPORT.html PICTURE.png

envdiff demo -o demo && python tests/picture.py demo/report.html .github/report.png
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

WIDTH, HEIGHT = 900, 690
LARGEST = 200_000  # bytes: a README is read over slow lines as well


def picture(page: Path, chromium: str) -> bytes:
    """The first screen of the page, as headless Chromium draws it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        opened.goto(page.absolute().as_uri())
        drawn = opened.screenshot()
        browser.close()
    return drawn


if __name__ == "__main__":
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "there is no Chromium on this machine"
    data = picture(Path(sys.argv[1]), found)
    assert len(data) <= LARGEST, f"{len(data)} bytes are too many for a README"
    Path(sys.argv[2]).write_bytes(data)
