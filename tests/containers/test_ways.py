"""--container against a real engine: three ways into two kinds of container, and they agree."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from engines import Containers, docker, get, wait_until

from envdiff.capture.container import Container
from envdiff.capture.container_ways import Captured, ContainerRequest, capture_container
from envdiff.capture.containers import Engine
from envdiff.errors import WorldFailed

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]

# What tells of the moment or of the reader, not of the environment.
MOMENTARY = ("process.threads", "process.started")


def capture(engine: Engine, name: str, probe_image: str, way: str | None = None, **more: Any) -> Captured:
    return capture_container(ContainerRequest(name, way=way, probe_image=probe_image, **more), engine)


def steady(captured: Captured) -> dict[str, Any]:
    return {path: value for path, value in captured.fingerprint.facts.items() if path not in MOMENTARY}


def test_a_server_without_python_is_read_by_host_and_sidecar_alike(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(
        standin, models, "--enable_batching", "false", "--tensorflow_intra_op_parallelism=1",
        options=("-e", "TF_ENABLE_ONEDNN_OPTS=0", "-e", "AWS_SECRET_ACCESS_KEY=hunter2hunter2"),
    )  # fmt: skip
    assert get(containers.address(name) + "/v1/models/model")["model_version_status"][0]["state"] == "AVAILABLE"
    with pytest.raises(WorldFailed, match="no Python"):
        capture(engine, name, probe_image, "docker-exec")
    host, sidecar = (capture(engine, name, probe_image, way) for way in ("host-proc", "sidecar"))
    assert host.fingerprint.reached_by == "host-proc"
    assert sidecar.fingerprint.reached_by == "sidecar"
    assert steady(host) == steady(sidecar)
    assert host.fingerprint.unread == sidecar.fingerprint.unread
    facts = sidecar.fingerprint.facts
    assert facts["env.TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert "AWS_SECRET_ACCESS_KEY" in sidecar.fingerprint.withheld["env"]
    assert "hunter2" not in str(sidecar.fingerprint.document)
    assert facts["serving.batching"] == "on"
    assert facts["serving.dropped"][0].startswith("false: a separate word")
    assert facts["serving.threads.intra"] == 1
    assert facts["serving.model.model.version_served"] == 1
    assert facts["process.found_by"] == "its executable is a model server"
    assert facts["libraries.libtensorflow_cc.path"] == "/usr/lib/tensorflow/libtensorflow_cc.so.2"
    assert facts["container.labels.tensorflow_serving_github_branchtag"] == "2.20.0"


def test_the_first_way_that_works_is_named(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    captured = capture(engine, name, probe_image)
    assert captured.way in ("host-proc", "sidecar")
    assert captured.notes[0].startswith("docker-exec: there is no Python in it")


def test_the_version_line_beats_the_label(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    facts = capture(engine, name, probe_image, "sidecar", ask_version=True).fingerprint.facts
    assert facts["serving.version"] == "2.21.0"
    assert facts["serving.version_source"] == "the second line of --version"
    assert "label" in facts["serving.version_disagreement"][0]


def test_another_user_s_process_is_read(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models, options=("--user", "1000:1000", "--read-only", "--cap-drop", "ALL"))
    facts = capture(engine, name, probe_image, "sidecar").fingerprint.facts
    assert facts["env.MODEL_NAME"] == "model"
    assert facts["container.read_only"] is True


def test_a_cpuset_decides_the_threads(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models, options=("--cpuset-cpus", "0"))
    facts = capture(engine, name, probe_image, "sidecar").fingerprint.facts
    assert facts["serving.threads.intra"] == 1
    assert facts["container.cpuset"] == "0"


def test_a_python_container_is_read_in_three_ways_alike(
    engine: Engine, python_image: str, probe_image: str, tensorflow_mounts: tuple[str, ...], containers: Containers
) -> None:
    program = "import tensorflow, time; print('ready', flush=True); time.sleep(600)"
    name = containers.run(
        python_image, "python3", "-c", program, options=(*tensorflow_mounts, "-e", "TF_ENABLE_ONEDNN_OPTS=0")
    )
    wait_until(lambda: "ready" in docker("logs", name), "TensorFlow is imported")
    ways = {way: capture(engine, name, probe_image, way) for way in ("docker-exec", "host-proc", "sidecar")}
    assert steady(ways["host-proc"]) == steady(ways["sidecar"])
    whole, outside = ways["docker-exec"].fingerprint.facts, ways["sidecar"].fingerprint.facts
    differing = {path for path in whole.keys() & outside.keys() if whole[path] != outside[path]}
    assert differing <= set(MOMENTARY)
    assert whole["tensorflow.version"] == outside["tensorflow.version"] == "2.21.0"
    assert outside["process.found_by"] == "it has TensorFlow mapped"
    assert whole["runtime.onednn"] is False
    assert "runtime.onednn" not in outside
    assert any("unread" in note for note in ways["sidecar"].notes)
    missing = outside.keys() - whole.keys()
    assert not missing, missing


def test_nothing_is_left_behind_and_the_target_is_untouched(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    before = docker("diff", name)
    capture(engine, name, probe_image, "sidecar", ask_version=True)
    assert docker("diff", name) == before


@dataclasses.dataclass
class Broken:
    """How to bring a container into a state, and what must be said of it."""

    words: tuple[str, ...]
    says: str
    hint: str


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Broken(("stop", "-t", "0"), "it is not running", "docker start"), id="stopped"),
        pytest.param(Broken(("pause",), "it is paused", "docker unpause"), id="paused"),
        pytest.param(Broken(("rm", "-f"), "there is no such container", "docker ps"), id="gone"),
    ],
)
def test_a_container_that_cannot_be_read_now(
    engine: Engine, standin: str, probe_image: str, models: Any, containers: Containers, case: Broken
) -> None:
    name = containers.serve(standin, models)
    docker(*case.words, name)
    with pytest.raises(WorldFailed, match=case.says) as caught:
        capture(engine, name, probe_image)
    assert case.hint in str(caught.value.hint)


def waits_after(container: Container, restarts: int) -> bool:
    return container.state == "restarting" and container.document["RestartCount"] >= restarts


def test_a_container_that_keeps_restarting(engine: Engine, standin: str, containers: Containers) -> None:
    name = containers.run(standin, "--model_base_path=", options=("--restart", "always"))
    # The engine waits longer from time to time: 3 s after the fifth, long enough to be seen waiting.
    wait_until(lambda: waits_after(engine.container(name), restarts=5), "it restarts")
    with pytest.raises(WorldFailed, match="restarting") as caught:
        capture(engine, name, "none")
    assert "docker logs" in str(caught.value.hint)


def test_a_missing_probe_image_says_how_to_build_it(
    engine: Engine, standin: str, models: Any, containers: Containers
) -> None:
    name = containers.serve(standin, models)
    with pytest.raises(WorldFailed, match="there is no image") as caught:
        capture(engine, name, "no-such-image:1", "sidecar")
    assert "docker build -f Dockerfile.probe" in str(caught.value.hint)
