"""--server against servers that behave in every way a server can."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from envdiff.capture.endpoints import ServerRequest, add_endpoints, capture_server
from envdiff.errors import UnusableInput, WorldFailed

STATUS = {
    "model_version_status": [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}},
        {"version": "2", "state": "END", "status": {"error_code": "DATA_LOSS", "error_message": "bad shard"}},
    ]
}
SHAPE = {"dim": [{"size": "-1", "name": ""}, {"size": "4", "name": ""}], "unknown_rank": False}
SIGNATURE = {
    "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": SHAPE, "name": "x:0"}},
    "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [], "unknown_rank": True}, "name": "y:0"}},
    "method_name": "tensorflow/serving/predict",
}
METADATA = {
    "model_spec": {"name": "m"},
    "metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE}}},
}
METRICS = (
    "# TYPE :tensorflow:cc:saved_model:load_attempt_count counter\n"
    ':tensorflow:cc:saved_model:load_attempt_count{model_path="/models/m/00001",status="success"} 1\n'
    ':tensorflow:serving:batching_session:wrapped_run_count{model_name="m"} 4\n'
)


class Served:
    """A server whose answers a test decides; what was asked is kept."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(f"{self.command} {self.path}")
                outer.routes.get(self.path, plain(404, '{"error": "not found"}'))(self)

            do_POST = do_GET

            def log_message(self, *words: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up early is what some tests are about."""

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def plain(
    status: int, text: str, kind: str = "application/json", **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return answer


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.routes["/v1/models/m"] = plain(200, json.dumps(STATUS))
    made.routes["/v1/models/m/metadata"] = plain(200, json.dumps(METADATA))
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_what_endpoints_tell(served: Served) -> None:
    served.routes["/monitoring/prometheus/metrics"] = plain(200, METRICS, "text/plain")
    fingerprint = capture_server(ServerRequest(served.url, "m"))
    facts = fingerprint.facts
    assert facts["serving.model.m.states"] == ("2 END: bad shard", "1 AVAILABLE")
    assert facts["serving.versions_answering"] == ("m=1",)
    assert facts["serving.failed_loads"] == ("m: 2: bad shard",)
    assert facts["serving.model.m.signatures"] == ("serving_default: x DT_FLOAT [?, 4] -> y DT_FLOAT of any shape",)
    assert facts["serving.loaded_directories"] == ("/models/m/00001",)
    assert facts["serving.batching_seen"] is True
    assert fingerprint.kind == "server"
    assert "combine with" in fingerprint.unread["env"]
    assert all(line.startswith("GET ") for line in served.asked)


def test_metrics_that_are_off_are_unread(served: Served) -> None:
    fingerprint = capture_server(ServerRequest(served.url + "/", "m"))
    assert "monitoring_config_file" in fingerprint.unread["serving.loaded_directories"]


def test_endpoints_contradict_the_directory(served: Served) -> None:
    document: dict[str, Any] = {"facts": {"serving.model.m.version_served": 2}, "unread": {}, "withheld": {}}
    add_endpoints(document, ServerRequest(served.url, "m"))
    assert "answers with 1" in document["facts"]["serving.answering_disagreement"][0]


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b"x" * (1 << 20))


@pytest.mark.parametrize(
    ("answer", "says", "hint"),
    [
        (plain(200, "<html>log in</html>", "text/html"), "not JSON but text/html", "proxy"),
        (plain(302, "", Location="http://elsewhere/"), "not followed", ""),
        (plain(500, '{"error": "boom"}'), "status 500: boom", ""),
        (plain(500, "<html/>", "text/html"), "status 500: not JSON", "proxy"),
        (plain(404, '{"error": "Servable not found"}'), "Servable not found", "--model-name"),
        (plain(200, "[]"), "no model server's status", ""),
        (plain(200, "[" * 100000), "not JSON", ""),
        (plain(200, '{"model_version_status": 7}'), "no model server's status", ""),
        (lambda handler: time.sleep(1.5), "no answer within", "--time-limit"),
        (trickle, "no whole answer within", ""),
        (endless, "more than 16 MB|no whole answer", ""),
        (lambda handler: handler.connection.close(), "does not answer", "REST port"),
    ],
    ids=["html", "redirect", "500", "500 html", "404", "list", "deep", "number", "silent", "trickle", "endless", "cut"],
)  # fmt: skip
def test_a_server_that_misbehaves(served: Served, answer: Any, says: str, hint: str) -> None:
    served.routes["/v1/models/m"] = answer
    start = time.monotonic()
    with pytest.raises(WorldFailed, match=says) as caught:
        capture_server(ServerRequest(served.url, "m", limit_s=0.5))
    assert time.monotonic() - start < 5
    assert hint in str(caught.value.hint or "")


def test_terminal_escapes_do_not_survive_in_messages_or_stay_plain_data(served: Served) -> None:
    status = {"model_version_status": [{"version": "1", "state": "\x1b[31mAVAILABLE", "status": {}}]}
    served.routes["/v1/models/m"] = plain(200, json.dumps(status))
    fingerprint = capture_server(ServerRequest(served.url, "m"))
    assert fingerprint.facts["serving.model.m.states"] == ("1 \x1b[31mAVAILABLE",)
    assert "serving.versions_answering" not in fingerprint.facts


def test_nobody_listens() -> None:
    with pytest.raises(WorldFailed, match="does not answer"):
        capture_server(ServerRequest("http://127.0.0.1:9", "m", limit_s=2))


@pytest.mark.parametrize("url", ["127.0.0.1:8501", "ftp://x", "http://", "http://h:port"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UnusableInput, match="not an"):
        capture_server(ServerRequest(url, "m"))
