"""The README and its pages against the program: every command, option, status and example in them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from envdiff.config import read_config
from envdiff.errors import ExitStatus
from envdiff.rulebook import load_rule

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, (ROOT / "envdiff" / "capture" / "privacy.md").read_text(encoding="utf-8")]


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every call of envdiff: in console blocks, line by line, without comments, pipes and redirections."""
    lines = [
        line.partition(" #")[0] for page in PAGES for block in blocks("console", page) for line in block.splitlines()
    ]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\||>", line)]
    inline = [found for page in PAGES for found in re.findall(r"`(envdiff [^`]+)`", page)]
    return sorted({part for part in [*parts, *inline] if part.startswith("envdiff ")})


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_readme_exists_with_its_options(command: str) -> None:
    words = shlex.split(command)[1:]
    names = words[: 2 if words[0] in ("rules", "model") and len(words) > 1 else 1]
    done = subprocess.run(
        [sys.executable, "-m", "envdiff", *names, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in (word.partition("=")[0] for word in words if word.startswith("-") and word != "-"):
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", done.stdout), option


def test_the_table_of_exit_statuses_is_the_programs() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {status.value for status in ExitStatus}


def test_the_example_rule_is_a_valid_rule(tmp_path: Path) -> None:
    (example,) = [block for block in blocks("yaml") if block.startswith("id:")]
    name = re.match(r"id: (\S+)", example)
    assert name
    file = tmp_path / f"{name[1]}.yaml"
    file.write_text(example, encoding="utf-8")
    assert load_rule(file).id == name[1]


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    tomllib.loads(example)
    file = tmp_path / "pyproject.toml"
    file.write_text(example, encoding="utf-8")
    assert read_config(None, tmp_path).fail_on == "moves"


def test_the_install_and_test_commands_are_the_ones_that_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "python -m pytest -n auto --dist loadfile" in README
    assert "python -m pytest -n auto --dist loadfile" in script
    assert "pip install -e '.[dev]'" in README


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_python_examples_compile(number: int) -> None:
    compile(blocks("python")[number], "README.md", "exec")
