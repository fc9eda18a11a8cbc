"""Trials in containers: an image with a Python runs the trial itself, one without serves the model and is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableSet, Sequence
from pathlib import Path
from typing import Any

from envdiff.capture.container import Container
from envdiff.capture.container_ways import ContainerRequest, capture_container
from envdiff.capture.containers import Engine
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.journal import Ended, as_outputs
from envdiff.experiment.knobs import BATCHED, ENV, under
from envdiff.experiment.trials import Task, kept_evidence, read_answers, write_task
from envdiff.predictions import exchange
from envdiff.predictions.answers import Call
from envdiff.predictions.ask import Made, make_calls
from envdiff.predictions.ask_grpc import GrpcTarget, connect
from envdiff.predictions.ask_rest import RestServer, RestTarget
from envdiff.predictions.rows import Rows
from envdiff.probe_file import probe_path
from envdiff.scratch import scratch

PYTHONS = ("python3", "python")
START_S = 120.0
INSIDE = Path("/envdiff")
SERVER_MODEL = "model"  # where a model server's image looks when it is told nothing else


def run_image(task: Task, _running: MutableSet[int] | None = None) -> Ended:
    """In a fresh container of the image. Raises WorldFailed when the engine, the container or the server fails."""
    engine = Engine()
    reference = str(task.knobs["image"])
    image = engine.image(reference)
    if image is None:
        raise WorldFailed("the engine has no such image", subject=reference, hint=f"docker pull {reference}")
    try:
        return _by_python(task, engine, str(image["Id"]))
    except _NoPython:
        return _by_server(task, engine, image)


class _NoPython(Exception):
    """The image cannot run the trial itself."""


def _variables(task: Task) -> dict[str, str]:
    return {name: value for name, value in under(ENV, task.knobs).items() if value is not None}


def _by_python(task: Task, engine: Engine, image: str) -> Ended:
    with scratch("trial") as folder:
        inside = INSIDE / "io"
        write_task(task, Path(folder), inside, str(INSIDE / "model"))
        binds = [
            f"{probe_path().parent}:{INSIDE}/probes:ro",
            f"{task.knobs['model']}:{INSIDE}/model:ro",
            f"{folder}:{inside}",
        ]
        for python in PYTHONS:
            command = [python, f"{INSIDE}/probes/trial.py", str(inside / "trial.json")]
            try:
                with engine.temporary(image, command, binds=binds, environment=_variables(task)) as (_, channel):
                    channel.rest(task.limits.seconds)
                    said = channel.chatter.decode("utf-8", "replace").strip()
            except WorldFailed as error:
                if "executable file not found" in str(error) or "no such file" in str(error).lower():
                    continue
                raise
            answered = Path(folder, "answers.npz")
            if not answered.exists():
                raise WorldFailed(
                    f"the trial ended without an answer: {said[-400:] or 'no reason given'}", subject=image
                )
            return read_answers(answered, task.knobs)
    raise _NoPython


def _by_server(task: Task, engine: Engine, image: Mapping[str, Any]) -> Ended:
    """The image's own program with the model mounted where it looks for one, asked by REST or gRPC."""
    set_ = dict(one.partition("=")[::2] for one in (image.get("Config") or {}).get("Env") or ())
    base, name = set_.get("MODEL_BASE_PATH", "/models"), set_.get("MODEL_NAME", SERVER_MODEL)
    binds = [f"{task.knobs['model']}:{base}/{name}/1:ro"]
    ask, port = TRANSPORTS[str(task.knobs.get("transport") or "rest")]
    with engine.serving(str(image["Id"]), _variables(task), binds) as container:
        address = f"{_address(container)}:{port}"
        made = ask(address, name, task, lambda status: _when_ready(status, engine, container))
        if not made.calls:
            raise WorldFailed(f"the server refuses the rows: {next(iter(made.errors.values()), 'no reason given')}")
        return Ended(as_outputs(made.calls), "", _evidence(container, task))


Status = Callable[[], Sequence[tuple[str, str]]]  # (version, state)
Ready = Callable[[Status], None]


def ask_by_rest(address: str, name: str, task: Task, ready: Ready) -> Made:
    """The task's calls to the model ``name`` once ``ready`` has seen it served. Raises WorldFailed."""
    server = RestServer(RestTarget(f"http://{address}", name, task.signature))
    ready(server.status)
    return make_calls(RestServer(server.target, server.signature()[1]).predict, _rows(task), _calls(task))


def ask_by_grpc(address: str, name: str, task: Task, ready: Ready) -> Made:
    """The same by gRPC. Raises UnusableInput without grpcio."""
    server = connect(GrpcTarget(address, name, task.signature))
    try:
        ready(server.status)
        return make_calls(server.predict, _rows(task), _calls(task))
    finally:
        server.close()


# How a model server is asked, and where it listens for that.
TRANSPORTS = {"rest": (ask_by_rest, 8501), "grpc": (ask_by_grpc, 8500)}


def _calls(task: Task) -> list[Call]:
    return [Call(call) for call in task.knobs.get("calls") or BATCHED]


def _address(container: Container) -> str:
    networks = (container.document.get("NetworkSettings") or {}).get("Networks") or {}
    found = next((str(one["IPAddress"]) for one in networks.values() if one.get("IPAddress")), None)
    if found is None:
        raise WorldFailed("the container has no address on this machine", subject=container.name)
    return found


def _when_ready(status: Status, engine: Engine, container: Container) -> None:
    """Wait until the server has the model. Raises WorldFailed when it ends or takes too long."""
    end = time.monotonic() + START_S
    while True:
        try:
            if any(state == "AVAILABLE" for _, state in status()):
                return
            reason = "no version of the model is available"
        except WorldFailed as error:
            reason = error.message
        if engine.container(container.id).state != "running":
            raise WorldFailed(f"the server ended: {engine.last_words(container.id) or 'it said nothing'}")
        if time.monotonic() > end:
            raise WorldFailed(f"the server was not ready within {START_S:.0f} s: {reason}")
        time.sleep(0.1)


def _rows(task: Task) -> Rows:
    with scratch("rows") as folder:
        file = Path(folder, "rows.npz")
        file.write_bytes(task.rows)
        calls, meta = exchange.read(file)
    return Rows(calls["rows"], tuple(meta["by_row"]), "")


def _evidence(container: Container, task: Task) -> dict[str, Any]:
    """What the process that serves tells of itself; its declared variables where it cannot be read."""
    try:
        facts: Mapping[str, Any] = capture_container(ContainerRequest(container.id, static=True)).fingerprint.facts
    except (WorldFailed, UnusableInput):
        declared = dict(one.partition("=")[::2] for one in container.config.get("Env") or ())
        facts = {f"{ENV}{name}": value for name, value in declared.items()}
    return kept_evidence(facts, task.knobs)
