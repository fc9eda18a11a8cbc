"""Every command on every page is run, in the order in which it stands there, and every Python example of the API page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from documents import CLUSTER, ELSEWHERE, ENGINE, PAGES, ROOT, blocks, console, named, needs

sys.path.insert(0, str(Path(__file__).parent / "standin"))
sys.path.insert(0, str(Path(__file__).parent / "predictions"))

import build
from servers import Grpc, grpc_server

import envdiff

pytestmark = pytest.mark.tensorflow

HERE = Path(__file__).parent
RECORDED = HERE / "data" / "fingerprints" / "1"
API = ROOT / "envdiff" / "api.md"
BIN = Path(sys.executable).parent
# Statuses that say something of what was compared, not of the command.
ANSWERS = re.compile(r"envdiff (fleet|report|tensors|model diff|rules search)\b")
PREPARATION = "def notebook(x):\n    return x[..., ::-1]\n\n\ndef serving(x):\n    return x[..., ::-1] * 2\n"
SERVE = (
    "import envdiff\nenvdiff.record('decoded', [[0, 128, 255]])\nenvdiff.record('entering', [[0.0, 128.0, 255.0]])\n"
)


def run_on_this_machine(page: Path) -> list[str]:
    return [line for line in console(page) if not needs(line, (*ENGINE, *CLUSTER, *ELSEWHERE))]


def lay_out(folder: Path, models: Path) -> None:
    """The files that the pages speak of."""
    import numpy as np

    shutil.copytree(RECORDED, folder / "recorded")
    for name, source in {
        "notebook": "model", "serving": "server", "left": "interpreter", "right": "container",
        "a": "interpreter", "b": "static", "baseline": "interpreter", "candidate": "program",
    }.items():  # fmt: skip
        shutil.copy(RECORDED / f"{source}.json", folder / f"{name}.json")
    (folder / "pods").mkdir()
    for number, source in enumerate(("server", "server", "container")):
        shutil.copy(RECORDED / f"{source}.json", folder / "pods" / f"pod-{number}.json")
    shutil.copytree(models, folder / "models" / "resnet")
    (folder / "models/resnet/1").rename(folder / "models/resnet/3")
    shutil.copy(HERE / "data/models/keras/dense.h5", folder / "notebook.h5")
    numbers = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
    np.savez(folder / "rows.npz", x=numbers)
    np.savez(folder / "raw.npz", x=numbers)
    for side, factor in (("notebook", 1), ("serving", 255)):
        envdiff.record("entering", numbers * factor, path=folder / f"{side}-tensors")
    (folder / "prep.py").write_text(PREPARATION, encoding="utf-8")
    (folder / "serve.py").write_text(SERVE, encoding="utf-8")
    (folder / "our-rules").mkdir()
    (rule,) = blocks(ROOT / "envdiff/rulebook/writing.md", "yaml")
    (folder / "our-rules/our-resize.yaml").write_text(rule, encoding="utf-8")


@pytest.fixture(scope="module")
def python(tf_python: Callable[[str], Path]) -> Path:
    return tf_python("2.21.0")


@pytest.fixture
def place(python: Path, tmp_path: Path) -> Path:
    lay_out(tmp_path, build.saved_models(python))
    return tmp_path


@pytest.fixture
def there(python: Path, place: Path) -> Iterator[dict[str, str]]:
    """What the pages say, and what it is here."""
    child = subprocess.Popen([str(python), "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with grpc_server(Grpc()) as address:
            yield {
                "ssh host python3": "python3",
                "/opt/serve/bin/python": str(python),
                "--pid 4711": f"--pid {child.pid}",
                "/models/resnet": str(place / "models" / "resnet"),
                "serving:8500": address,
            }
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("page", [page for page in PAGES if run_on_this_machine(page)], ids=named)
def test_every_command_of_a_page_runs(page: Path, place: Path, python: Path, there: dict[str, str]) -> None:
    environ = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(python.parent.parent),
        "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
    }
    for said in run_on_this_machine(page):
        line = said
        for word, here in there.items():
            line = line.replace(word, here)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=place,
            env=environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        allowed = (0, 1) if ANSWERS.search(line) else (0,)
        assert done.returncode in allowed, f"{said}\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}"


def test_what_is_run_nowhere_here_is_little_and_known() -> None:
    left = {line for page in PAGES for line in console(page) if needs(line, (*CLUSTER, *ELSEWHERE))}
    assert {re.split(r"[ .\[]", line)[0] for line in left} <= {"kubectl", "envdiff", "pip", "python3"}
    experiments = {line for line in left if line.startswith(("envdiff isolate", "envdiff rules verify"))}
    assert len(left - experiments) <= 6, left


def test_the_examples_of_the_api_page_run_and_are_typed(
    place: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other in one program, as they stand; then the same text for the type checker."""
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(ROOT / "probes"))
    monkeypatch.setattr(sys, "argv", ["serve.py"])
    monkeypatch.setenv("VIRTUAL_ENV", str(python.parent.parent))
    # A baseline of this machine: on another one's processor the example's test would rightly fail.
    baseline = envdiff.capture(static=True, label="baseline").document
    (place / "baseline.json").write_text(json.dumps(baseline), encoding="utf-8")
    code = "\n".join(blocks(API, "python")).replace("/opt/serve/bin/python", str(python))
    names: dict[str, object] = {"__name__": "examples"}
    exec(compile(code, "api.md", "exec"), names)
    test = names["test_serving_is_what_the_model_was_checked_with"]
    assert callable(test)
    test()
    assert json.loads((place / "program.json").read_bytes())["subject"]["label"] == "training"
    assert (place / "ticket.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (place / "examples.py").write_text(f"from __future__ import annotations\n\n{code}", encoding="utf-8")
    words = (
        "--strict",
        "--disable-error-code",
        "import-not-found",
        "--disable-error-code",
        "import-untyped",
        "examples.py",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words],
        cwd=place, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
