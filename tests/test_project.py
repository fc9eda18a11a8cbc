"""The house: layout, arrows, lint, types, and whatever could drift apart."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted(file for file in (ROOT / "envdiff").rglob("*.py") if not file.name.endswith("_pb2.py"))
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "misc", "base"}
TOP_LEVEL = {"pyproject.toml", "README.md", "Dockerfile.probe", "envdiff", "probes", "tests"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "envdiff", "probes", "tests"),
        ("mypy",),
    ],
    ids=["lint", "format", "types"],
)
def test_the_tools_are_content(command: tuple[str, ...]) -> None:
    done = run(sys.executable, "-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_arrows_point_down() -> None:
    done = run(str(Path(sys.executable).parent / "lint-imports"), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_top_level_is_as_given() -> None:
    visible = {name.split("/")[0] for name in run("git", "ls-files").stdout.splitlines() if not name.startswith(".")}
    assert visible <= TOP_LEVEL


@pytest.mark.parametrize("file", PACKAGE, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_are_short_and_named_for_what_they_are(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert file.stem not in SAYS_NOTHING
    assert "TODO" not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno < 60, node.name


def test_errors_are_caught_broadly_in_two_places_only() -> None:
    broad = []
    for file in [*PACKAGE, *(ROOT / "probes").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            caught = getattr(node, "type", None) if isinstance(node, ast.ExceptHandler) else 0
            if caught is None or (isinstance(caught, ast.Name) and caught.id == "Exception"):
                broad.append(str(file.relative_to(ROOT)))
    # A probe runs what may do anything: TensorFlow's import, a model, the user's own function.
    assert {name for name in broad if not name.startswith("probes/")} == {"envdiff/boundary.py"}
    assert broad.count("envdiff/boundary.py") == 1


def test_the_probes_know_nothing_of_the_package() -> None:
    for file in (ROOT / "probes").glob("*.py"):
        assert not re.search(r"^\s*(from|import) envdiff\b", file.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_public_function_of_the_interface_is_documented() -> None:
    import envdiff

    for name in envdiff.__all__:
        if not name.startswith("_"):
            assert (getattr(envdiff, name).__doc__ or "").strip(), name
