"""Every line of the pages that needs an engine is run, on the stand-in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import build
import pytest
from documents import ENGINE, PAGES, ROOT, console, needs
from engines import Containers, docker

from envdiff.capture.containers import Engine
from envdiff.capture.interpreter import Request, capture_interpreter

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]


def lines() -> list[str]:
    return list(dict.fromkeys(line for page in PAGES for line in console(page) if needs(line, ENGINE)))


def test_every_line_runs(
    engine: Engine,
    standin: str,
    python_image: str,
    python221: Path,
    models: Path,
    containers: Containers,
    tmp_path: Path,
) -> None:
    name = containers.serve(standin, models)
    pid = docker(
        "exec", name, "sh", "-c",
        "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *model_server) echo ${p#/proc/};; esac; done",
    )  # fmt: skip
    for folder in ("Dockerfile.probe", "probes"):
        source = ROOT / folder
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / folder)
    local = capture_interpreter(python221, Request(label="notebook", static=True))
    (tmp_path / "notebook.json").write_text(json.dumps(local.document))
    there = {
        "container:serving": f"container:{name}",
        "--container serving": f"--container {name}",
        "http://localhost:8501": containers.address(name),
        "tensorflow/serving:2.19.1": standin,
        "envdiff-probe": "envdiff-test-readme",
        "docker build": f"docker build --build-arg BASE={python_image}",
        "--pid 7": f"--pid {pid}",
    }
    ran = 0
    try:
        for line in lines():
            run_line(line, there, tmp_path)
            ran += 1
    finally:
        docker("rmi", "-f", "envdiff-test-readme", check=False)
    assert ran >= 9
    for file in ("serving.json", "endpoints.json", "image.json", "process.json", "answers.json"):
        assert json.loads((tmp_path / file).read_text())["schema"] == "envdiff/fingerprint/1"


def run_line(line: str, there: dict[str, str], folder: Path) -> None:
    for said, here in there.items():
        line = line.replace(said, here)
    if line.startswith("envdiff "):
        line = f"{sys.executable} -m {line}"
        if " --container " in line or " --image " in line:
            line += " --probe-image envdiff-test-readme"
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    # A report with a finding ends with status 1.
    assert done.returncode in ((0, 1) if " report " in line else (0,)), f"{line}\n{done.stderr}"


def test_the_build_of_the_images_is_kept_by_content(python_image: str) -> None:
    assert build.base_image("python3") == python_image
