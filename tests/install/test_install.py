"""The wheel and the sdist, as a stranger gets them: what is in them, and what they do once installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest
from runner import run_action

from envdiff import __version__
from envdiff.boundary import EXTRAS as MODULES

ROOT = Path(__file__).parent.parent.parent
RECORDED = ROOT / "tests" / "data" / "fingerprints" / "1"
EXTRAS = {"models", "rows", "grpc", "kubernetes"}


def run(*command: object, cwd: Path | None = None, status: int = 0, **environ: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **environ}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == status, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout if status == 0 else done.stdout + done.stderr


@dataclass(frozen=True)
class Built:
    """The sdist, and the wheel that was built from what the sdist holds."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Built(sdist, wheel)


def environment(folder: Path, *wanted: object) -> Path:
    """The ``bin`` of a new virtual environment with ``wanted``."""
    run(sys.executable, "-m", "venv", folder)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
    if done.returncode and not os.environ.get("CI"):
        pytest.skip(f"packages cannot be installed here: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("venv") / "plain", built.wheel)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("tools") / "venv", "pipx", "uv")


def tracked(*places: str) -> set[str]:
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *places, cwd=ROOT).splitlines()
    return {name for name in names if (ROOT / name).exists()}


def test_the_wheel_holds_the_package_the_probes_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = tracked("envdiff") | {f"envdiff/_{name}" for name in tracked("probes")}
    assert names == ours
    assert {"envdiff/py.typed", "envdiff/_probes/envprobe.py", "envdiff/rulebook/rules/onednn-one-side.yaml"} <= names
    assert built.wheel.name == f"envdiff-{__version__}-py3-none-any.whl"


def test_the_sdist_holds_everything_that_its_tests_need(built: Built) -> None:
    with tarfile.open(built.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert tracked() <= names


def test_the_wheel_says_what_it_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        (place,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        said = HeaderParser().parsestr(wheel.read(place).decode())
        licence = wheel.read(f"{Path(place).parent}/licenses/{said['License-File']}").decode()
    assert said["Version"] == __version__
    assert said["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence and "END OF TERMS AND CONDITIONS" in licence
    assert set(said.get_all("Provides-Extra", [])) == EXTRAS | {"dev"}
    assert "Typing :: Typed" in said.get_all("Classifier", [])


def test_it_works_where_nothing_else_is(installed: Path, tmp_path: Path) -> None:
    envdiff, home = installed / "envdiff", {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert run(envdiff, "--version", **home) == f"envdiff {__version__}\n"
    python = installed / "python"
    run(envdiff, "capture", "--python", python, "--static", "-o", "a.json", cwd=tmp_path, **home)
    assert json.loads((tmp_path / "a.json").read_bytes())["facts"]["packages.envdiff"] == __version__
    run(envdiff, "report", "a.json", "a.json", "--format", "html", "-o", "a.html", cwd=tmp_path, **home)
    assert "a.json" not in run(envdiff, "report", "a.html", cwd=tmp_path, **home)
    run(envdiff, "report", RECORDED / "interpreter.json", RECORDED / "container.json", status=1, **home)
    assert "onednn-one-side" in run(envdiff, "rules", "list", **home)
    assert run(envdiff, "rules", "reference", **home) == (ROOT / "envdiff/rulebook/reference.md").read_text("utf-8")
    assert run(envdiff, "probe", **home) == (ROOT / "probes" / "envprobe.py").read_text(encoding="utf-8")
    assert json.loads(run(envdiff, "schema", "report", **home))["$defs"]


@pytest.mark.parametrize(
    ("words", "status", "extra"),
    [
        (["model", "show", str(ROOT / "tests/data/models/tf115/tf1_dropout")], 3, "models"),
        (["model", "show", str(ROOT / "tests/data/models/keras/dense.h5")], 3, "models"),
        (["tensors", "a.npz", "b.npz"], 3, "models"),
        (["report", str(RECORDED / "model.json"), str(RECORDED / "server.json")], 3, "models"),
        (["capture", "--grpc", "127.0.0.1:1", "--model-name", "m"], 3, "models"),
        (["capture", "--pod", "models/serving-0"], 4, "kubernetes"),
    ],
)
def test_what_takes_more_than_the_plain_installation_says_which_extra(
    installed: Path, tmp_path: Path, words: list[str], status: int, extra: str
) -> None:
    said = run(installed / "envdiff", *words, status=status, cwd=tmp_path, HOME=str(tmp_path))
    assert f"pip install 'envdiff[{extra}]'" in said


def test_every_package_that_an_extra_brings_is_missed_politely() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    brought = {re.split(r"[\[>]", wanted)[0]: extra for extra in EXTRAS for wanted in table[extra]}
    del brought["envdiff"]
    assert {{"grpcio": "grpc"}.get(name, name.replace("-", "_")): extra for name, extra in brought.items()} == MODULES


def test_the_types_of_the_installed_wheel_are_strict(installed: Path, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parent / "consumer.py", tmp_path)
    words = ("--strict", "--python-executable", installed / "python", "--cache-dir", tmp_path / "cache", "consumer.py")
    assert "Success" in run(sys.executable, "-m", "mypy", *words, cwd=tmp_path)


def test_it_installs_from_the_sdist(built: Built, installed: Path, tmp_path: Path) -> None:
    bin_ = environment(tmp_path / "venv", "--no-deps", built.sdist)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (others,) = installed.parent.glob("lib/python*/site-packages")
    (site / "others.pth").write_text(str(others), encoding="utf-8")
    assert run(bin_ / "envdiff", "--version", cwd=tmp_path) == f"envdiff {__version__}\n"
    place = run(bin_ / "python", "-c", "import envdiff.probe_file as f; print(f.probe_path())", cwd=tmp_path)
    assert place.strip() == str(site / "envdiff" / "_probes" / "envprobe.py")


def test_pipx_and_uvx_run_it_from_the_wheel(built: Built, tools: Path, tmp_path: Path) -> None:
    home = {"PIPX_HOME": str(tmp_path / "pipx"), "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_PYTHON_DOWNLOADS": "never"}
    said = f"envdiff {__version__}\n"
    assert (
        run(tools / "pipx", "run", "--python", sys.executable, "--spec", built.wheel, "envdiff", "--version", **home)
        == said
    )
    assert run(tools / "uvx", "--python", sys.executable, "--from", built.wheel, "envdiff", "--version", **home) == said


def test_the_action_installs_what_it_comes_with(tmp_path: Path) -> None:
    """The whole of it: installed from the action's own revision, with the extra that compares answers."""
    for name in ("model", "server"):
        shutil.copy(RECORDED / f"{name}.json", tmp_path)
    ran = run_action(tmp_path, baseline="model.json", candidate="server.json")
    assert ran.status == 0, ran.log
    assert ran.outputs["verdict"] == "harmless"
    assert "equal bit for bit" in ran.summary
