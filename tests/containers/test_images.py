"""--image: a temporary container tells what an image is; its entry point does not run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Containers, docker, temporary, wait_until

from envdiff.capture.containers import Engine
from envdiff.capture.image import ImageRequest, capture_image
from envdiff.errors import WorldFailed

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]


def test_a_serving_image_is_read_without_running_it(
    engine: Engine, standin: str, probe_image: str, containers: Containers
) -> None:
    captured = capture_image(ImageRequest(standin, probe_image=probe_image), engine)
    facts = captured.fingerprint.facts
    assert captured.way == "image-sidecar"
    assert facts["serving.version"] == "2.21.0"
    assert facts["serving.version_source"] == "the second line of --version"
    assert facts["env.MODEL_NAME"] == "model"
    assert facts["container.entrypoint"] == ("/usr/bin/tf_serving_entrypoint.sh",)
    assert facts["os.distribution"].startswith("debian")
    assert "process.command" not in facts
    assert captured.fingerprint.kind == "image"


def test_a_python_image_runs_the_probe(engine: Engine, python_image: str, containers: Containers) -> None:
    captured = capture_image(ImageRequest(python_image), engine)
    assert captured.way == "image-python"
    assert captured.fingerprint.facts["python.version"].startswith("3.")
    assert captured.fingerprint.facts["tensorflow.installed"] is False


@pytest.fixture
def bare_image(engine: Engine, tmp_path: Path) -> str:
    """An image with one file, in which nothing can run."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text('ID=bare\nVERSION_ID="1"\n')
    subprocess.run(["tar", "-C", str(tmp_path), "-cf", str(tmp_path / "bare.tar"), "etc"], check=True)
    tag = "envdiff-test-bare:1"
    docker("import", "-c", "ENV TF_ENABLE_ONEDNN_OPTS=0 API_TOKEN=x", str(tmp_path / "bare.tar"), tag)
    return tag


def test_an_image_in_which_nothing_runs_is_read_by_its_files(
    engine: Engine, bare_image: str, probe_image: str, containers: Containers
) -> None:
    captured = capture_image(ImageRequest(bare_image, probe_image=probe_image), engine)
    assert captured.way == "image-files"
    assert captured.fingerprint.facts["os.distribution"] == "bare 1"
    assert captured.fingerprint.facts["env.TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert "API_TOKEN" in captured.fingerprint.withheld["env"]
    assert len(captured.notes) == 2


def test_an_unknown_image_gets_a_hint(engine: Engine) -> None:
    with pytest.raises(WorldFailed, match="no such image") as caught:
        capture_image(ImageRequest("envdiff-test-nowhere:1"), engine)
    assert "docker pull" in str(caught.value.hint)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_nothing_outlives_an_interrupted_command(
    engine: Engine, python_image: str, containers: Containers, how: signal.Signals
) -> None:
    program = (
        "from envdiff.capture.containers import Engine; import time\n"
        f"with Engine().temporary({python_image!r}, ['cat']) as (made, _): print(made, flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert child.stdout is not None
    made = child.stdout.readline().decode().strip()
    assert made in temporary()
    os.kill(child.pid, how)
    child.communicate(timeout=30)
    wait_until(lambda: made not in temporary(), "the temporary container is gone", 15)


def test_a_model_is_copied_out_without_its_links(
    engine: Engine, standin: str, models: Path, containers: Containers, tmp_path: Path
) -> None:
    (models / "latest").symlink_to("1")
    (models / "1" / "outside").symlink_to("/etc/passwd")
    name = containers.serve(standin, models)
    place = engine.copy_out(engine.container(name).id, "/models/model/latest", tmp_path / "copy")
    assert (place / "saved_model.pb").read_bytes() == (models / "1" / "saved_model.pb").read_bytes()
    assert not (place / "outside").exists()
    with pytest.raises(WorldFailed):
        engine.copy_out(engine.container(name).id, "/models/none", tmp_path / "none")
