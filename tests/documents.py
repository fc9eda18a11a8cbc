"""The pages that a stranger reads: what is in their blocks, and which of their commands a test can run where."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
# The reference of rules is made from the rules, by a test of its own.
PAGES = (README, ROOT / ".github" / "SECURITY.md", *sorted((ROOT / "envdiff").rglob("*.md")))

# Lines that need an engine: they are run on the stand-in for a model server.
ENGINE = ("docker ", "--container ", "--image ", "http://localhost:8501")
# No cluster can be had here: these are held against the recorded API, and the debug profile's test.
CLUSTER = ("--pod ", "kubectl ")
# Run by tests of their own: the demo, experiments, the installation, and all of this.
ELSEWHERE = (
    "envdiff isolate",
    "envdiff rules verify",
    "--isolation ",
    "python3.11 -m venv",
    "envdiff demo",
    "pip install",
    "python -m pytest",
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def console(page: Path) -> list[str]:
    """The lines of the console blocks, without comments and prompts, in order."""
    lines = [
        line.partition(" #")[0].strip().removeprefix("$ ")
        for block in blocks(page, "console")
        for line in block.splitlines()
    ]
    return [line for line in lines if line]


def needs(line: str, signs: tuple[str, ...]) -> bool:
    return any(sign in line + " " for sign in signs)


def commands(page: Path) -> list[str]:
    """Every call of envdiff in console blocks and in sentences, without pipes and redirections."""
    parts = [part.strip() for line in console(page) for part in re.split(r"&&|\||>", line)]
    inline = re.findall(r"`(envdiff\s[^`]+)`", page.read_text(encoding="utf-8"))
    found = [" ".join(part.split()) for part in [*parts, *inline]]
    return sorted({part for part in found if part.startswith("envdiff ")})
