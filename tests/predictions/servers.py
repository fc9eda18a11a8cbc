"""Small real servers on the loopback interface: a model server's REST and gRPC faces, and some that misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np

from envdiff.predictions.ask_grpc import METADATA, PREDICT, STATUS
from envdiff.predictions.protos import prediction_service_pb2 as pb
from envdiff.predictions.tensor_messages import NUMBER_OF, to_array, to_message

Array = np.ndarray[Any, Any]
WEIGHTS = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)


def model(x: Array) -> dict[str, Array]:
    y = x.astype(np.float32) @ WEIGHTS
    return {"logits": y, "top": y.argmax(axis=1)}


SIGNATURE = {
    "inputs": {
        "x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}, {"size": "4"}], "unknown_rank": False}}
    },
    "outputs": {"logits": {"dtype": "DT_FLOAT"}, "top": {"dtype": "DT_INT64"}},
}

Reply = Callable[["Rest"], None]


class Rest(BaseHTTPRequestHandler):
    """``misbehave`` of the server takes over where it has an entry for the request's kind."""

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self._reply("metadata" if self.path.endswith("/metadata") else "status")

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.body)
        self._reply("predict")

    def _reply(self, kind: str) -> None:
        odd = self.server.misbehave.get(kind)
        if odd:
            odd(self)
            return
        {"metadata": self._metadata, "status": self._status, "predict": self._predict}[kind]()

    def _metadata(self) -> None:
        self.say({"metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}}})

    def _status(self) -> None:
        self.say(
            {"model_version_status": [{"version": "7", "state": "AVAILABLE"}, {"version": "12", "state": "LOADING"}]}
        )

    def _predict(self) -> None:
        document = json.loads(self.body)
        if "instances" in document:
            rows = [row["x"] if isinstance(row, dict) else row for row in document["instances"]]
            found = model(np.array(rows))
            self.say({"predictions": [{n: a[i].tolist() for n, a in found.items()} for i in range(len(rows))]})
        else:
            given = document["inputs"]
            found = model(np.array(given["x"] if isinstance(given, dict) else given))
            self.say({"outputs": {name: array.tolist() for name, array in found.items()}})

    def say(self, document: object, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def rest_server(**misbehave: Reply) -> Iterator[tuple[str, list[bytes]]]:
    """(url, bodies of the predictions asked for)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Rest)
    server.daemon_threads = True
    server.misbehave, server.seen = misbehave, []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Grpc:
    """The three calls as handlers; tests replace what they want to misbehave."""

    def __init__(self) -> None:
        self.version = 7
        self.calls = 0

    def predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:
        self.calls += 1
        found = model(to_array(request.inputs["x"], "x"))
        response = pb.PredictResponse()
        response.model_spec.version.value = self.version
        response.outputs["logits"].CopyFrom(to_message(found["logits"]))
        listed = response.outputs["top"]
        listed.dtype = NUMBER_OF["int64"]
        listed.tensor_shape.dim.add(size=len(found["top"]))
        listed.int64_val.extend(found["top"].tolist())
        return response

    def status(self, request: pb.GetModelStatusRequest, context: grpc.ServicerContext) -> pb.GetModelStatusResponse:
        response = pb.GetModelStatusResponse()
        response.model_version_status.add(version=self.version, state=30)
        return response

    def metadata(
        self, request: pb.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> pb.GetModelMetadataResponse:
        signatures = pb.SignatureDefMap()
        info = signatures.signature_def["serving_default"].inputs["x"]
        info.dtype = 1
        info.tensor_shape.dim.add(size=-1)
        info.tensor_shape.dim.add(size=4)
        response = pb.GetModelMetadataResponse()
        response.metadata["signature_def"].Pack(signatures)
        return response


@contextmanager
def grpc_server(face: Grpc) -> Iterator[str]:
    def handler(call: Callable[..., Any], request: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            call,
            request_deserializer=request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )

    methods = {
        PREDICT: handler(face.predict, pb.PredictRequest),
        STATUS: handler(face.status, pb.GetModelStatusRequest),
        METADATA: handler(face.metadata, pb.GetModelMetadataRequest),
    }

    class Router(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            return methods.get(details.method)

    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((Router(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
