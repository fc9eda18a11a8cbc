"""Asking servers: the answers of good ones, and words for those that misbehave."""

from __future__ import annotations

import itertools
import json
import socket
import time

import grpc
import ml_dtypes
import numpy as np
import pytest
from servers import Grpc, Rest, grpc_server, model, rest_server

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions.ask_grpc import GrpcTarget, ask_grpc, connect
from envdiff.predictions.ask_rest import RestServer, RestTarget, ask_rest
from envdiff.predictions.measured import Steady
from envdiff.predictions.protos import prediction_service_pb2 as pb
from envdiff.predictions.rest_rows import body_of, transport_notes
from envdiff.predictions.rows import Rows, rows_from_signature
from envdiff.predictions.tensor_messages import NUMBER_OF, to_array, to_message

ROWS = rows_from_signature([("x", "float32", [None, 4])], 5)
EXPECTED = model(ROWS.arrays["x"])


@pytest.mark.parametrize("form", ["row", "columnar"])
def test_rest_answers(form: str) -> None:
    with rest_server() as (url, seen):
        found = ask_rest(RestTarget(url, "m", form=form), ROWS)
    assert set(found.calls) == {"single", "batch", "batch_again", "concurrent"}
    assert not found.errors
    for call in found.calls.values():
        assert np.allclose(call["logits"], EXPECTED["logits"])
        assert call["logits"].dtype == np.float32
        assert call["top"].tolist() == EXPECTED["top"].tolist()
    assert found.served_before == (("12", "LOADING"), ("7", "AVAILABLE"))
    assert found.served_before == found.served_after
    assert len(seen) == 5 + 2 + 8
    assert found.notes == ()


def test_rest_signature() -> None:
    with rest_server() as (url, _):
        inputs, outputs = RestServer(RestTarget(url, "m")).signature()
        assert inputs[0].words() == "float32 of shape [?, 4]"
        assert outputs == {"logits": "float32", "top": "int64"}
        with pytest.raises(UnusableInput, match="no signature other"):
            RestServer(RestTarget(url, "m", signature="other")).signature()


def _slow(handler: Rest) -> None:
    time.sleep(1.0)
    handler.close_connection = True


def _die(handler: Rest) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def _cut(handler: Rest) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"outputs": [')
    handler.close_connection = True


HOSTILE = {
    "500": (lambda h: h.say({"error": "Op type not registered"}, 500), "status 500: Op type not registered"),
    "HTML": (lambda h: h.say(b"<html>Sign in</html>", kind="text/html"), "not JSON but text/html"),
    "redirect": (lambda h: h.say(b"", 302, Location="http://elsewhere.example/"), "elsewhere.example/, not followed"),
    "nothing": (_die, "POST /v1/models/m:predict"),
    "cut off": (_cut, "cut off after 13 bytes"),
    "slow": (_slow, "timed out"),
    "no outputs": (lambda h: h.say({"error": None}), "neither predictions nor outputs"),
    "a list": (lambda h: h.say([1, 2]), "neither predictions nor outputs"),
    "mixed": (lambda h: h.say({"outputs": [1, "a"]}), "the answer is no array"),
    "deep": (lambda h: h.say(b"[" * 100_000), "not JSON"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_rest_server_that_misbehaves_is_told(name: str) -> None:
    reply, words = HOSTILE[name]
    with rest_server(predict=reply) as (url, _):
        found = ask_rest(
            RestTarget(url, "m", seconds=0.3 if name == "slow" else 10),
            rows_from_signature([("x", "float32", [None, 4])], 2),
        )
    assert found.calls == {}
    assert set(found.errors) == {"single", "batch", "batch_again"}
    assert words in found.errors["batch"]


def test_no_status_is_an_error() -> None:
    with (
        rest_server(status=lambda h: h.say({"error": "Servable not found"}, 404)) as (url, _),
        pytest.raises(WorldFailed, match="status 404: Servable not found"),
    ):
        ask_rest(RestTarget(url, "m"), ROWS)
    with pytest.raises(WorldFailed):
        ask_rest(RestTarget(url, "m", seconds=2), ROWS)
    with pytest.raises(UnusableInput, match="http"):
        ask_rest(RestTarget("ftp://127.0.0.1", "m"), ROWS)


def test_a_server_that_dies_between_answers_keeps_what_it_said() -> None:
    count = itertools.count()

    def dying(handler: Rest) -> None:
        handler._predict() if next(count) < 5 else _die(handler)

    with rest_server(predict=dying) as (url, _):
        found = ask_rest(RestTarget(url, "m"), ROWS)
    assert set(found.calls) == {"single"}
    assert set(found.errors) == {"batch", "batch_again"}
    assert np.allclose(found.main["logits"], EXPECTED["logits"])


def test_without_metadata_outputs_are_float64_and_it_is_said() -> None:
    with rest_server(metadata=lambda h: h.say({}, 404)) as (url, _):
        found = ask_rest(RestTarget(url, "m"), ROWS)
    assert found.main["logits"].dtype == np.float64
    assert any("no metadata" in note for note in found.notes)


def test_nan_and_infinity_come_and_go_as_tokens() -> None:
    raw = json.loads(body_of({"x": np.float32([[np.nan, np.inf]])}, 1, "columnar", "s"))
    assert np.isnan(raw["inputs"][0][0])
    answer = b'{"outputs": {"logits": [[NaN, -Infinity]], "top": [1]}}'
    with rest_server(predict=lambda h: h.say(answer)) as (url, _):
        found = ask_rest(RestTarget(url, "m"), ROWS)
    assert np.isnan(found.main["logits"][0, 0])
    assert found.steadiness.steady is Steady.STEADY or "single" in found.calls


def test_bodies_are_exact_and_short() -> None:
    body = body_of({"x": np.float32([[0.1]])}, 1, "row", "sig")
    assert json.loads(body) == {"signature_name": "sig", "instances": [[0.1]]}
    body = body_of({"a": np.array([b"\xff"], object), "n": np.array([2**60])}, 1, "row", "s")
    assert json.loads(body)["instances"] == [{"a": {"b64": "/w=="}, "n": 2**60}]
    with pytest.raises(WorldFailed, match="REST cannot carry"):
        body_of({"x": np.zeros(1, np.float16)}, 1, "row", "s")
    with pytest.raises(WorldFailed, match="row format"):
        body_of({"x": np.zeros((2, 1)), "k": np.array(1.0)}, 2, "row", "s")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([0.1]), "up to 2 ulp"),
        (np.array([0.5, 3.25]), None),
        (np.float32([0.1]), None),
        (np.float32([np.nan]), "bare tokens"),
        (np.float32([-0.0]), "-0.0"),
    ],
)
def test_what_the_transport_costs_is_said(array: np.ndarray, words: str | None) -> None:
    notes = transport_notes({"x": array})
    assert not notes if words is None else words in notes[0]


def test_grpc_answers() -> None:
    with grpc_server(Grpc()) as address:
        found = ask_grpc(GrpcTarget(address, "m"), ROWS)
        server = connect(GrpcTarget(address, "m"))
        assert server.signature_inputs()[0].words() == "float32 of shape [?, 4]"
        server.close()
    assert set(found.calls) == {"single", "batch", "batch_again", "concurrent"}
    assert np.array_equal(found.main["logits"], EXPECTED["logits"])
    assert found.main["top"].tolist() == EXPECTED["top"].tolist()
    assert set(found.versions) == {7}
    assert found.served_before == (("7", "AVAILABLE"),)
    assert not found.swapped_while_asked


def test_a_swap_while_asking_is_noticed() -> None:
    face = Grpc()
    plain = face.predict

    def swapping(request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        face.version = 7 if face.calls < 3 else 8
        return plain(request, context)

    face.predict = swapping
    with grpc_server(face) as address:
        found = ask_grpc(GrpcTarget(address, "m"), ROWS)
    assert set(found.versions) == {7, 8}
    assert found.served_after == (("8", "AVAILABLE"),)
    assert found.swapped_while_asked


def test_a_server_that_answers_differently_under_concurrency() -> None:
    face = Grpc()
    plain = face.predict

    def racing(request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        response = plain(request, context)
        if face.calls > 7:
            response.outputs["logits"].CopyFrom(to_message(np.ones_like(EXPECTED["logits"])))
        return response

    face.predict = racing
    with grpc_server(face) as address:
        found = ask_grpc(GrpcTarget(address, "m"), ROWS)
    assert found.steadiness.steady in (Steady.CONCURRENT, Steady.CALL_TO_CALL)
    assert "batch against concurrent" in found.steadiness.gaps


def _abort(request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "input x\nhas a wrong shape")


def _lying(**fields: object):
    def answer(request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        response = pb.PredictResponse()
        tensor = response.outputs["y"]
        for size in fields.get("shape", ()):
            tensor.tensor_shape.dim.add(size=size)
        tensor.dtype = fields.get("dtype", 1)
        tensor.tensor_content = fields.get("content", b"")
        return response

    return answer


HOSTILE_GRPC = {
    "aborted": (_abort, "INVALID_ARGUMENT: input x has a wrong shape"),
    "empty": (lambda r, c: pb.PredictResponse(), "no outputs"),
    "overflowing shape": (_lying(shape=(2**40, 2**40)), "which no tensor has"),
    "negative shape": (_lying(shape=(-1,)), "which no tensor has"),
    "too few bytes": (_lying(shape=(3,), content=b"\0" * 8), "not as many values"),
    "odd bytes": (_lying(shape=(3,), content=b"\0" * 7), "not as many values"),
    "unknown dtype": (_lying(dtype=99), "not known (number 99)"),
}


@pytest.mark.parametrize("name", HOSTILE_GRPC)
def test_a_grpc_server_that_misbehaves_is_told(name: str) -> None:
    face = Grpc()
    face.predict, words = HOSTILE_GRPC[name]
    with grpc_server(face) as address:
        found = ask_grpc(GrpcTarget(address, "m"), ROWS)
    assert found.calls == {}
    assert words in found.errors["batch"]


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(WorldFailed, match=r"UNAVAILABLE|DEADLINE"):
        ask_grpc(GrpcTarget(address, "m", seconds=2), ROWS)


EVERY_DTYPE = [
    np.float32([[1.5, -0.0]]),
    np.float64([np.pi]),
    np.float16([0.1]),
    np.array([0.1]).astype(ml_dtypes.bfloat16),
    np.array([-5], np.int8),
    np.array([200], np.uint8),
    np.array([-300], np.int16),
    np.array([60000], np.uint16),
    np.array([-7], np.int32),
    np.array([2**31], np.uint32),
    np.array([-(2**62)]),
    np.array([2**63], np.uint64),
    np.array([True, False]),
    np.complex64([1 + 2j]),
    np.complex128([1 - 2j]),
    np.array([b"\x00\xff", b""], object),
    np.zeros((0, 3), np.float32),
    np.array(3.0),
]


@pytest.mark.parametrize("array", EVERY_DTYPE, ids=lambda array: array.dtype.name)
def test_tensors_travel_exactly(array: np.ndarray) -> None:
    message = pb.Tensor.FromString(to_message(array).SerializeToString())
    back = to_array(message, "x")
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


LISTED = {
    "float32": ("float_val", [1.5, 2.5]),
    "float64": ("double_val", [1.5, 2.5]),
    "float16": ("half_val", [0x3C00, 0x4000]),
    "bfloat16": ("half_val", [0x3F80, 0x4000]),
    "int8": ("int_val", [-1, 2]),
    "int64": ("int64_val", [-1, 2]),
    "uint64": ("uint64_val", [1, 2]),
    "bool": ("bool_val", [True, False]),
    "complex64": ("scomplex_val", [1, 2, 3, 4]),
    "string": ("string_val", [b"a", b"b"]),
}


@pytest.mark.parametrize("name", LISTED)
def test_typed_lists_are_read(name: str) -> None:
    field, values = LISTED[name]
    message = pb.Tensor(dtype=NUMBER_OF[name])
    message.tensor_shape.dim.add(size=2)
    getattr(message, field).extend(values)
    assert len(to_array(message, "x")) == 2


def test_the_last_listed_value_stands_for_the_rest() -> None:
    message = pb.Tensor(dtype=1, float_val=[3.0])
    message.tensor_shape.dim.add(size=4)
    assert to_array(message, "x").tolist() == [3.0] * 4


def test_inputs_without_rows_go_along_whole() -> None:
    rows = Rows({"x": np.zeros((3, 2)), "k": np.array(2.0)}, ("x",), "here")
    from envdiff.predictions.ask import make_calls

    shapes = []

    def predict(arrays: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        shapes.append((arrays["x"].shape, arrays["k"].shape, count))
        return {"y": arrays["x"]}

    make_calls(predict, rows)
    assert shapes[0] == ((1, 2), (), 1)
    assert shapes[3] == ((3, 2), (), 3)
