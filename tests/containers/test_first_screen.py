"""The local interpreter against the stand-in, set up wrongly in each of the usual ways: the report names it first."""

from __future__ import annotations

import os
import shutil
import time
import urllib.request
from pathlib import Path

import pytest
from builders import BOOK
from engines import Containers, get, wait_until

from envdiff.capture.container_ways import ContainerRequest, capture_container
from envdiff.capture.containers import Engine
from envdiff.capture.interpreter import Request, capture_interpreter
from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.fingerprint import Fingerprint

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]

FIRST_SCREEN = 12


@pytest.fixture(scope="session")
def local(python221: Path) -> Fingerprint:
    return capture_interpreter(python221, Request(label="local", static=True))


def rules(local: Fingerprint, engine: Engine, name: str, probe_image: str) -> list[str]:
    captured = capture_container(
        ContainerRequest(name, probe_image=probe_image, way="sidecar", ask_version=True), engine
    )
    report = explain(compare(local, captured.fingerprint), BOOK)
    return [finding.rule for finding in report.findings[:FIRST_SCREEN]]


def test_everything_at_once(
    local: Fingerprint,
    engine: Engine,
    standin: str,
    probe_image: str,
    models: Path,
    saved_models: Path,
    containers: Containers,
    tmp_path: Path,
) -> None:
    shutil.copytree(saved_models / "2", models / "2")
    (tmp_path / "session.config").write_text("intra_op_parallelism_threads: 1\ninter_op_parallelism_threads: 1\n")
    name = containers.serve(
        standin,
        models,
        "--enable_batching",
        "false",
        "--tensorflow_session_config_file=/config/session.config",
        options=("-e", "TF_ENABLE_ONEDNN_OPTS=0", "-v", f"{tmp_path}:/config:ro"),
    )
    time.sleep(1.5)
    weights = models / "2" / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes())
    named = rules(local, engine, name, probe_image)
    assert "onednn-one-side" in named
    assert "serving-dropped-words" in named
    assert "serving-batching" in named
    assert "serving-several-versions" in named
    assert "serving-stale-files" in named
    assert "serving-session-overwritten" in named


def test_a_plain_server_raises_no_alarm_of_its_own(
    local: Fingerprint, engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    assert [rule for rule in rules(local, engine, name, probe_image) if rule.startswith("serving-")] == [
        "serving-version-disagreement"
    ]


def test_the_thread_count_that_the_server_really_has(
    local: Fingerprint, engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models, "--tensorflow_intra_op_parallelism=7")
    assert "intra-op-threads" in rules(local, engine, name, probe_image)


def test_an_overwritten_version_is_stale_and_still_answers_with_the_old_weights(
    engine: Engine, standin: str, probe_image: str, models: Path, saved_models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    url = containers.address(name) + "/v1/models/model:predict"

    def answer() -> str:
        with urllib.request.urlopen(url, b'{"instances": [[1, 1, 1, 1]]}', timeout=10) as reply:
            return str(reply.read().decode())

    assert answer() == '{"predictions": [[4.0, 4.0, 4.0]]}'
    time.sleep(1.5)
    for file in (saved_models / "2" / "variables").iterdir():
        shutil.copyfile(file, models / "1" / "variables" / file.name)
    captured = capture_container(ContainerRequest(name, probe_image=probe_image, way="sidecar"), engine)
    assert "model: 1/variables/variables.data-00000-of-00001" in captured.fingerprint.facts["serving.stale"]  # type: ignore[operator]
    assert answer() == '{"predictions": [[4.0, 4.0, 4.0]]}'


def test_a_higher_version_takes_over(
    engine: Engine, standin: str, probe_image: str, models: Path, saved_models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    shutil.copytree(saved_models / "2", models / ".coming")
    (models / ".coming").rename(models / "2")
    url = containers.address(name) + "/v1/models/model"
    wait_until(lambda: get(url)["model_version_status"][0]["version"] == "2", "version 2 answers", 20)
    captured = capture_container(ContainerRequest(name, probe_image=probe_image, way="sidecar"), engine)
    assert captured.fingerprint.facts["serving.model.model.version_served"] == 2


def test_endpoints_and_container_together(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers, tmp_path: Path
) -> None:
    from envdiff.capture.reach import Reach, capture_reach

    (tmp_path / "monitoring.config").write_text("prometheus_config { enable: true }")
    name = containers.serve(
        standin, models, "--monitoring_config_file=/config/monitoring.config", options=("-v", f"{tmp_path}:/config:ro")
    )
    captured = capture_reach(
        Reach(container=name, server=containers.address(name), model_name="model", probe_image=probe_image)
    )
    facts = captured.fingerprint.facts
    assert facts["serving.versions_answering"] == ("model=1",)
    assert facts["serving.loaded_directories"] == ("/models/model/1",)
    assert facts["serving.model.model.signatures"] == ("serving_default: x DT_FLOAT [?, 4] -> scores DT_FLOAT [?, 3]",)
    assert facts["serving.batching"] == "off"


def test_a_hostile_model_directory(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    secret = models.parent / "outside.txt"
    secret.write_text("outside")
    name = containers.serve(standin, models, "--model_config_file=", "--batching_parameters_file=/models/model/2/pipe")
    hostile = models / "2"
    (hostile / "variables").mkdir(parents=True)
    (hostile / "saved_model.pb").symlink_to("/etc/shadow")
    os.mkfifo(hostile / "pipe")
    os.mkfifo(hostile / "variables" / "variables.index")
    with (hostile / "variables" / "variables.data-00000-of-00001").open("wb") as file:
        file.truncate(4 << 30)
    (hostile / "up").symlink_to("../../../../../../../../")
    (hostile / "loop").symlink_to("loop")
    (models / "3").symlink_to("/proc/self/root")
    (hostile / "\x1b[31mred").write_text("")
    start = time.monotonic()
    captured = capture_container(ContainerRequest(name, probe_image=probe_image, way="sidecar"), engine)
    assert time.monotonic() - start < 10
    assert "outside" not in str(captured.fingerprint.facts)
    assert captured.fingerprint.facts["serving.models"] == ("model",)
