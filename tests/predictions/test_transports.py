"""A model server in a trial: the same rows by REST and by gRPC, from the stand-ins that speak both."""

from __future__ import annotations

import numpy as np
from servers import Grpc, grpc_server, model, rest_server

from envdiff.experiment.images import Status, ask_by_grpc, ask_by_rest
from envdiff.experiment.trials import Limits, Task, packed

ROWS = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)
TASK = Task({"image": "any", "model": "any"}, packed({"x": ROWS}, ["x"]), Limits())


def ready(status: Status) -> None:
    assert "AVAILABLE" in {state for _, state in status()}


def test_both_transports_bring_the_same_answers() -> None:
    with rest_server() as (url, _):
        by_rest = ask_by_rest(url.removeprefix("http://"), "model", TASK, ready)
    with grpc_server(Grpc()) as address:
        by_grpc = ask_by_grpc(address, "model", TASK, ready)
    for made in (by_rest, by_grpc):
        assert set(made.calls) == {"single", "batch"}, made.errors
        assert np.array_equal(made.calls["batch"]["logits"], model(ROWS)["logits"])


def test_only_the_calls_of_the_task_are_made() -> None:
    face = Grpc()
    task = Task({**TASK.knobs, "calls": ["batch"]}, TASK.rows, Limits())
    with grpc_server(face) as address:
        assert set(ask_by_grpc(address, "model", task, ready).calls) == {"batch"}
    assert face.calls == 1
