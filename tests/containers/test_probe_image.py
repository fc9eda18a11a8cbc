"""Dockerfile.probe by hand, as its comments say, and processes of this machine with --pid."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from engines import Containers, docker

from envdiff.capture.containers import Engine
from envdiff.capture.reach import Reach, capture_reach
from envdiff.errors import Misuse, WorldFailed

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]


def test_it_runs_as_nobody_and_tells_of_itself(engine: Engine, probe_image: str) -> None:
    document = json.loads(docker("run", "--rm", "--network=none", "--read-only", probe_image))
    assert document["probe"]["mode"] == "static"
    assert document["subject"]["kind"] == "interpreter"
    assert docker("run", "--rm", "--entrypoint", "id", probe_image, "-u") == "65532"


def test_it_has_no_build_tools_and_is_small(engine: Engine, probe_image: str, python_image: str) -> None:
    sizes = [int(docker("inspect", "-f", "{{.Size}}", image)) for image in (probe_image, python_image)]
    assert sizes[0] - sizes[1] < 1 << 20
    found = docker("run", "--rm", "--entrypoint", "sh", probe_image, "-c", "command -v gcc make pip || true")
    assert found == ""


def test_the_line_for_machines_without_envdiff(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models, options=("--user", "1000", "-e", "TF_ENABLE_ONEDNN_OPTS=0"))
    said = docker("exec", name, "sh", "-c", "grep -l tensorflow_model_server /proc/[0-9]*/comm; cat /proc/[0-9]*/comm")
    pid = docker(
        "exec", name, "sh", "-c",
        "for p in /proc/[0-9]*; do case $(readlink $p/exe) in *model_server) echo ${p#/proc/};; esac; done",
    )  # fmt: skip
    assert pid.isdecimal(), said
    text = docker(
        "run", "--rm", f"--pid=container:{name}", "--cap-add=SYS_PTRACE", "--user", "0", probe_image, "--pid", pid
    )
    facts = json.loads(text)["facts"]
    assert facts["env.TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert facts["process.command"][0] == "tensorflow_model_server"


def test_pid_and_container_share_one_reader(
    engine: Engine, standin: str, probe_image: str, models: Path, containers: Containers
) -> None:
    name = containers.serve(standin, models, "--enable_batching")
    rows = docker("top", name, "-eo", "pid,args").splitlines()[1:]
    pid = next(int(row.split()[0]) for row in rows if "tensorflow_model_server" in row.split()[1])
    by_pid = capture_reach(Reach(pid=pid)).fingerprint.facts
    by_name = capture_reach(Reach(container=name, way="host-proc")).fingerprint.facts
    momentary = ("process.threads", "process.started", "serving.version", "serving.rest_", "tensorflow.")
    for path, value in by_pid.items():
        if not path.startswith((*momentary, "serving.flag")):
            assert by_name[path] == value, path


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Reach(), "nothing to capture"),
        (Reach(container="a", image="b"), "exclude each other"),
        (Reach(server="http://h:1"), "go together"),
        (Reach(container="a", model_name="m"), "go together"),
        (Reach(grpc="h:1"), "go together"),
    ],
)
def test_options_that_do_not_fit(asked: Reach, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        capture_reach(asked)


def test_a_process_that_is_not_there() -> None:
    with pytest.raises(WorldFailed, match="no process"):
        capture_reach(Reach(pid=4194304))


def test_the_image_is_layered_onto_a_serving_image_with_a_python(engine: Engine, python_image: str) -> None:
    """The other build argument: any image with a Python can be the base."""
    import build

    tag = build.probe_image(python_image)
    document: dict[str, Any] = json.loads(
        docker("run", "--rm", "--network=none", tag, "--static", "--label", "layered")
    )
    assert document["subject"]["label"] == "layered"
    assert subprocess.run(["docker", "history", "-q", tag], capture_output=True, check=True).stdout
