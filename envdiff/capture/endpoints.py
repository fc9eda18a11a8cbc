"""``--server``: what a running model server's endpoints tell. Only GET requests, and reads by gRPC; nothing changes."""

from __future__ import annotations

import hashlib
import http.client
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from envdiff.bounded_json import loads
from envdiff.capture import filter as secrets
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.fingerprint import Fingerprint, from_document
from envdiff.predictions.cut_off import cut_off
from envdiff.secrets import masked
from envdiff.serving.facts import key_of

LARGEST = 16 << 20
METRICS_PATH = "/monitoring/prometheus/metrics"
# Both bounded: an answer of megabytes must not be searched again from each of its bytes.
LOADED = re.compile(r"^:tensorflow:cc:saved_model:load_attempt_count\{([^}\n]{0,5000})\}[ \t]{1,9}([0-9.]+)", re.M)
QUOTED = re.compile(r'\b(\w{1,100})="((?:[^"\\]|\\.)*)"')
NUMBER = re.compile(r"[0-9]{1,19}")
BATCHED = re.compile(r"^:tensorflow:serving:batching_session:", re.M)


@dataclass(frozen=True)
class ServerRequest:
    """Which server and model. ``url`` may be empty where ``grpc`` is given; ``limit_s`` bounds each request.

    ``metrics`` is the path of the server's metrics.
    """

    url: str
    model: str
    grpc: str | None = None
    label: str | None = None
    limit_s: float = 10.0
    metrics: str = METRICS_PATH
    key: bytes | None = field(default=None, repr=False)  # the compare key


def capture_server(request: ServerRequest) -> Fingerprint:
    """A fingerprint of what the endpoints tell alone. Raises :class:`WorldFailed` when the server does not tell."""
    label = request.label or f"{request.model} at {_host(request)}"
    document = secrets.empty_document(label, "server", "endpoints", key=request.key)
    reason = "endpoints do not tell it; combine with --container, --pod or --pid"
    for section in ("env", "os", "cpu", "gpu", "cuda", "python", "packages", "libraries", "runtime", "tensorflow"):
        document["unread"][section] = reason
    for section in ("serving.flag", "serving.session", "serving.batching", "serving.threads", "serving.version"):
        document["unread"][section] = reason
    add_endpoints(document, request)
    return from_document(document, request.url or str(request.grpc))


def add_endpoints(document: dict[str, Any], request: ServerRequest) -> None:
    """Put what the endpoints tell into a fingerprint that may come from elsewhere."""
    facts: dict[str, Any] = {}
    unread: dict[str, str] = {}
    if request.url:
        _rest(document, request, facts, unread)
    if request.grpc:
        _grpc(request, facts, unread)
    told = {path: value for path, value in facts.items() if value not in (None, [])}
    secrets.put(document, told, unread, key=request.key)


def _rest(document: dict[str, Any], request: ServerRequest, facts: dict[str, Any], unread: dict[str, str]) -> None:
    states = _states(_json(request, _model_path(request)), request)
    prefix = f"serving.model.{key_of(request.model)}."
    facts[prefix + "states"] = [f"{number} {state}{': ' + why if why else ''}" for number, state, why in states]
    available = [int(number) for number, state, _ in states if state == "AVAILABLE" and NUMBER.fullmatch(number)]
    facts[prefix + "version_answering"] = max(available, default=None)
    facts["serving.versions_answering"] = [f"{request.model}={max(available)}"] if available else []
    facts["serving.failed_loads"] = [
        f"{request.model}: {number}: {why}" for number, state, why in states if state == "END" and why
    ]
    served = document["facts"].get(prefix + "version_served")
    if available and isinstance(served, int) and served != max(available):
        said = f"{request.model}: the directory's version is {served}, the server answers with {max(available)}"
        facts["serving.answering_disagreement"] = [said]
    _metadata(request, prefix, facts, unread)
    _metrics(request, facts, unread)


def _states(document: Any, request: ServerRequest) -> list[tuple[str, str, str]]:
    """(version, state, what went wrong), the highest version first."""
    found = document.get("model_version_status") if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise WorldFailed(f"this is no model server's status: {_short(document)}", subject=request.url)
    rows = []
    for one in found[:1000]:
        if isinstance(one, Mapping):
            status = one.get("status")
            why = str(status.get("error_message") or "") if isinstance(status, Mapping) else ""
            rows.append((str(one.get("version")), str(one.get("state")), why[:300]))
    return sorted(rows, key=lambda row: (len(row[0]), row[0]), reverse=True)


def _metadata(request: ServerRequest, prefix: str, facts: dict[str, Any], unread: dict[str, str]) -> None:
    """Signatures as one line each, and a digest of them all: equal digests take and give the same tensors."""
    try:
        document = _json(request, _model_path(request) + "/metadata")
        signatures = document["metadata"]["signature_def"]["signature_def"]
        lines = [_signature_line(name, signatures[name]) for name in sorted(signatures) if not name.startswith("__")]
    except WorldFailed as error:
        unread[prefix + "signatures"] = error.message
        return
    except (KeyError, TypeError, AttributeError, ValueError):
        unread[prefix + "signatures"] = "the metadata is not understood"
        return
    facts[prefix + "signatures"] = lines
    facts[prefix + "signature_digest"] = hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _signature_line(name: str, signature: Mapping[str, Any]) -> str:
    sides = []
    for side in ("inputs", "outputs"):
        tensors = signature.get(side) or {}
        sides.append(", ".join(f"{key} {_tensor(tensors[key])}" for key in sorted(tensors)))
    return f"{name}: {sides[0] or 'nothing'} -> {sides[1] or 'nothing'}"


def _tensor(info: Mapping[str, Any]) -> str:
    shape = info.get("tensor_shape") or {}
    if shape.get("unknown_rank"):
        return f"{info['dtype']} of any shape"
    sizes = [int(one["size"]) for one in shape.get("dim") or []]
    return f"{info['dtype']} [{', '.join('?' if size < 0 else str(size) for size in sizes)}]"


def _metrics(request: ServerRequest, facts: dict[str, Any], unread: dict[str, str]) -> None:
    """The directory that was really loaded, and whether batching runs: nothing else tells either."""
    status, _, raw = _get(request, request.metrics)
    text = raw.decode("utf-8", "replace")
    if status != http.client.OK or "# TYPE" not in text:
        unread["serving.loaded_directories"] = "metrics are off: --monitoring_config_file turns them on"
        return
    loaded = []
    for labels, _count in LOADED.findall(text):
        said = dict(QUOTED.findall(labels))
        if said.get("status") == "success" and "model_path" in said:
            loaded.append(said["model_path"])
    facts["serving.loaded_directories"] = sorted(set(loaded))
    facts["serving.batching_seen"] = bool(BATCHED.search(text))


def _grpc(request: ServerRequest, facts: dict[str, Any], unread: dict[str, str]) -> None:
    """Version states by gRPC: two ports may lead to two servers."""
    from envdiff.predictions.ask_grpc import GrpcTarget, connect

    try:
        server = connect(GrpcTarget(str(request.grpc), request.model, seconds=request.limit_s))
    except (WorldFailed, UnusableInput) as error:
        unread["serving.grpc"] = error.message
        return
    try:
        facts["serving.grpc_states"] = [f"{number} {state}" for number, state in server.status()]
    except WorldFailed as error:
        unread["serving.grpc"] = error.message
    finally:
        server.close()


# -- one bounded GET


def _model_path(request: ServerRequest) -> str:
    return f"/v1/models/{quote(request.model, safe='')}"


def _host(request: ServerRequest) -> str:
    return urlsplit(request.url).netloc.rpartition("@")[2] if request.url else str(request.grpc)


def _json(request: ServerRequest, path: str) -> Any:
    status, headers, raw = _get(request, path)
    if 300 <= status < 400:
        where = headers.get("Location") or "nowhere"
        raise WorldFailed(
            f"status {status}: it sends on to {_short(where)}, which is not followed", subject=request.url
        )
    try:
        document = loads(raw.decode("utf-8", "replace"))
    except ValueError as error:
        kind = headers.get("Content-Type") or "no type"
        hint = "is this a proxy or a log-in page? give the model server's own REST address"
        raise WorldFailed(f"status {status}: not JSON but {_short(kind)}", subject=request.url, hint=hint) from error
    if status != http.client.OK:
        said = document.get("error") if isinstance(document, Mapping) else document
        wrong_name = "is --model-name right?" if status == http.client.NOT_FOUND else None
        raise WorldFailed(f"status {status}: {_short(said)}", subject=request.url, hint=wrong_name)
    return document


def _get(request: ServerRequest, path: str) -> tuple[int, Mapping[str, str], bytes]:
    """(status, headers, body). The whole answer has ``limit_s``, also when it trickles."""
    connection, base = _connection(request)
    headers = {"Accept": "application/json, text/plain", "Connection": "close"}
    over, response = threading.Event(), None
    try:
        with cut_off(connection, request.limit_s) as over:
            connection.request("GET", base + path, headers=headers)
            response = connection.getresponse()
            body = response.read(LARGEST + 1)
        if over.is_set():
            raise TimeoutError
        if len(body) > LARGEST:
            raise WorldFailed(f"an answer of more than {LARGEST >> 20} MB", subject=request.url)
        return response.status, dict(response.headers.items()), body
    except (OSError, ValueError, http.client.HTTPException) as error:
        if over.is_set() or isinstance(error, TimeoutError):
            hint = "--time-limit waits longer"
            what = "no answer" if response is None else "no whole answer"
            raise WorldFailed(f"{what} within {request.limit_s:g} s", subject=request.url, hint=hint) from error
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "is the REST port open (--rest_api_port), and does http:// fit?"
        raise WorldFailed(f"it does not answer: {words}", subject=request.url, hint=hint) from error
    finally:
        connection.close()


def _connection(request: ServerRequest) -> tuple[http.client.HTTPConnection, str]:
    kinds: dict[str, type[http.client.HTTPConnection]] = {
        "http": http.client.HTTPConnection,
        "https": http.client.HTTPSConnection,
    }
    try:
        parts = urlsplit(request.url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UnusableInput("not an address", subject=request.url, hint="http://HOST:8501") from error
    if parts.scheme not in kinds or not host or not request.model:
        raise UnusableInput(
            "not an http:// or https:// address with a model name",
            subject=request.url,
            hint="--server http://HOST:8501 --model-name NAME",
        )
    return kinds[parts.scheme](host, port, timeout=request.limit_s), parts.path.rstrip("/")


def _short(value: Any) -> str:
    text = masked(" ".join(str(value).split()))
    return text if len(text) <= 200 else text[:200] + " …"
