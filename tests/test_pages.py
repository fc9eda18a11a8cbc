"""The pages against the program: every command, option, status, example, link and table in them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from documents import PAGES, README, ROOT, blocks, commands, named
from probe_capture import load_probe

from envdiff.config import read_config
from envdiff.errors import ExitStatus
from envdiff.fingerprint import ON_REQUEST
from envdiff.rulebook import load_rule

FINGERPRINT = ROOT / "envdiff" / "fingerprint.md"
WRITING = ROOT / "envdiff" / "rulebook" / "writing.md"
RECORDED = [json.loads(file.read_bytes()) for file in sorted((ROOT / "tests/data/fingerprints").glob("*/*.json"))]


def cells(page: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    section = f"\n{page.read_text(encoding='utf-8')}".partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


@pytest.mark.parametrize(
    ("page", "command"),
    [(page, command) for page in PAGES for command in commands(page)],
    ids=lambda value: named(value) if isinstance(value, Path) else value,
)
def test_a_command_on_a_page_exists_with_its_options(page: Path, command: str) -> None:
    words = shlex.split(command)[1:]
    names = words[: 2 if words[0] in ("rules", "model") and len(words) > 1 else 1]
    if words[0].startswith("-"):
        names = []
    done = subprocess.run(
        [sys.executable, "-m", "envdiff", *names, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in (word.partition("=")[0] for word in words if word.startswith("-") and word != "-"):
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", done.stdout), option


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        if "://" in place:
            continue
        file = (page.parent / place).resolve() if place else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_the_readme_is_short_and_names_every_page() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.count("\n") < 300
    listed = {cell for row in cells(README, "## Pages") for cell in re.findall(r"\]\(([^)]+)\)", row[0])}
    assert {named(page) for page in PAGES if page != README} <= listed


def test_the_picture_is_a_small_png() -> None:
    data = (ROOT / ".github" / "report.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(data) <= 200_000


def test_the_table_of_exit_statuses_is_the_programs() -> None:
    text = README.read_text(encoding="utf-8")
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert listed == {status.value for status in ExitStatus}


def test_the_example_rule_is_a_valid_rule(tmp_path: Path) -> None:
    (example,) = [block for block in blocks(WRITING, "yaml") if block.startswith("id:")]
    name = re.match(r"id: (\S+)", example)
    assert name
    file = tmp_path / f"{name[1]}.yaml"
    file.write_text(example, encoding="utf-8")
    assert load_rule(file).id == name[1]


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    (example,) = blocks(README, "toml")
    tomllib.loads(example)
    file = tmp_path / "pyproject.toml"
    file.write_text(example, encoding="utf-8")
    assert read_config(None, tmp_path).fail_on == "moves"


def test_the_example_step_gives_the_action_what_it_takes() -> None:
    (example,) = blocks(README, "yaml")
    (step,) = yaml.safe_load(example)
    action = yaml.safe_load((ROOT / ".github/actions/report/action.yml").read_text(encoding="utf-8"))
    assert step["uses"] == "./envdiff/.github/actions/report"
    assert set(step["with"]) <= set(action["inputs"])
    assert {name for name, said in action["inputs"].items() if said.get("required")} <= set(step["with"])


def test_the_install_and_test_commands_are_the_ones_that_ci_runs() -> None:
    script, readme = (file.read_text(encoding="utf-8") for file in (ROOT / ".ci" / "run", README))
    assert "python -m pytest -n auto --dist loadfile" in readme
    assert "python -m pytest -n auto --dist loadfile" in script
    assert "pip install -e '.[dev]'" in readme


def test_the_changes_are_told_up_to_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"**{project['version']}**" in README.read_text(encoding="utf-8").partition("\n## Changes\n")[2]


@pytest.mark.parametrize(
    ("page", "number"), [(page, number) for page in PAGES for number in range(len(blocks(page, "python")))], ids=str
)
def test_the_python_examples_compile(page: Path, number: int) -> None:
    compile(blocks(page, "python")[number], named(page), "exec")


def test_the_table_of_sections_is_complete() -> None:
    rows = {row[0].strip("`"): row for row in cells(FINGERPRINT, "## Sections")}
    seen = {path.partition(".")[0] for document in RECORDED for path in document["facts"]}
    probe = load_probe()
    assert set(rows) == seen | {name for name, _, _ in probe.SECTIONS} | {"origins"}
    assert {name for name, row in rows.items() if row[2] != "always"} == set(ON_REQUEST)
    facts = {path for document in RECORDED for path in document["facts"]}
    source = Path(str(probe.__file__)).read_text(encoding="utf-8")
    for section, row in rows.items():
        example = row[3].strip("`")
        assert example.startswith(section + ".")
        # What this machine has no example of (CUDA, conda) must at least be something that the probe writes.
        assert example in facts or f'"{example.rpartition(".")[0]}' in source, example


def test_the_example_fingerprint_and_the_kinds_are_right() -> None:
    from envdiff.fingerprint import from_document

    (example,) = blocks(FINGERPRINT, "json")
    assert from_document(json.loads(example), "the page").label == "serving"
    text = FINGERPRINT.read_text(encoding="utf-8")
    named_kinds = set(re.findall(r"`(\w+)`", re.search(r"^`kind` is one of (.+)$", text, re.MULTILINE)[1]))
    assert {document["subject"]["kind"] for document in RECORDED} <= named_kinds
    keys = {row[0].strip("`") for row in cells(FINGERPRINT, "# The fingerprint")}
    assert keys == {key for document in RECORDED for key in document}
