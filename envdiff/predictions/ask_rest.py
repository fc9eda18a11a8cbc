"""Asking a TensorFlow model server by REST: what the transport costs is said in the notes."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
from numpy.typing import NDArray

from envdiff.bounded_json import OutOfBounds, loads
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions.answers import Answers, Outputs
from envdiff.predictions.ask import make_calls
from envdiff.predictions.cut_off import cut_off
from envdiff.predictions.json_arrays import MOST_VALUES, arrays_from_document
from envdiff.predictions.rest_rows import body_of, transport_notes
from envdiff.predictions.rows import InputSpec, Rows

Array = NDArray[Any]
SECONDS = 30.0
WHOLE = 10  # times that, at most, for a whole answer
LARGEST = 256 << 20  # bytes of an answer
ROW, COLUMN = "row", "columnar"


@dataclass(frozen=True)
class RestTarget:
    """``url`` is the server's, http://HOST:PORT; ``form`` is "row" (instances) or "columnar" (inputs)."""

    url: str
    model: str
    signature: str = "serving_default"
    version: int | None = None
    label: str | None = None
    form: str = COLUMN
    seconds: float = SECONDS


@dataclass(frozen=True)
class RestServer:
    """One connection a request: a server that closes kept ones, or dies, then fails that request and no other."""

    target: RestTarget
    dtypes: Mapping[str, str] = field(default_factory=dict)  # of outputs, from the metadata: JSON itself has none

    def predict(self, rows: Mapping[str, Array], count: int) -> Outputs:
        body = body_of(rows, count, self.target.form, self.target.signature)
        document = self._ask("POST", ":predict", body)
        content = document if isinstance(document, Mapping) else {}
        key = next((key for key in ("predictions", "outputs") if key in content), None)
        if key is None:
            raise WorldFailed(
                f"the answer has neither predictions nor outputs: {_short(document)}", subject=self.target.url
            )
        try:
            arrays = arrays_from_document({key: content[key]}, self.target.url)
        except UnusableInput as error:
            raise WorldFailed(f"the answer is no array: {error.message}", subject=self.target.url) from error
        return self._typed(arrays)

    def _typed(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """A lone output comes without its name; numbers come without their dtype."""
        if set(arrays) == {"values"} and len(self.dtypes) == 1:
            arrays = {next(iter(self.dtypes)): arrays["values"]}
        typed = {}
        for name, array in arrays.items():
            wanted = self.dtypes.get(name, "")
            number = wanted in _JSON_DTYPES and array.dtype.kind in "iuf"
            with np.errstate(over="ignore", invalid="ignore"):
                typed[name] = array.astype(wanted) if number else array
        return typed

    def status(self) -> tuple[tuple[str, str], ...]:
        document = self._ask("GET", "", None)
        found = document.get("model_version_status") if isinstance(document, Mapping) else None
        if not isinstance(found, list):
            raise WorldFailed(f"this is no model server's status: {_short(document)}", subject=self.target.url)
        pairs = [(str(one.get("version")), str(one.get("state"))) for one in found if isinstance(one, Mapping)]
        return tuple(sorted(pairs, key=lambda pair: (len(pair[0]), pair[0]), reverse=True))

    def signature(self) -> tuple[tuple[InputSpec, ...], dict[str, str]]:
        """(inputs, dtype of each output) of the target's signature."""
        document = self._ask("GET", "/metadata", None)
        try:
            signatures = document["metadata"]["signature_def"]["signature_def"]
            chosen = signatures.get(self.target.signature)
            if chosen is None:
                raise UnusableInput(
                    f"the server has no signature {self.target.signature}",
                    subject=self.target.url,
                    hint=f"it has: {', '.join(sorted(signatures)) or 'none'}",
                )
            inputs = tuple(_spec_of(name, info) for name, info in sorted(chosen["inputs"].items()))
            outputs = {name: _dtype_name(info["dtype"]) for name, info in chosen["outputs"].items()}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise WorldFailed(f"the metadata is not understood: {_short(document)}", subject=self.target.url) from error
        return inputs, outputs

    def _path(self, verb: str) -> str:
        path = f"{urlsplit(self.target.url).path.rstrip('/')}/v1/models/{quote(self.target.model, safe='')}"
        if self.target.version is not None:
            path += f"/versions/{self.target.version}"
        elif self.target.label:
            path += f"/labels/{quote(self.target.label, safe='')}"
        return path + verb

    def _ask(self, method: str, verb: str, body: bytes | None) -> Any:
        connection = _connection(self.target)
        limit_s = WHOLE * self.target.seconds
        over = threading.Event()
        try:
            headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
            with cut_off(connection, limit_s) as over:
                connection.request(method, self._path(verb), body=body, headers=headers)
                response = connection.getresponse()
                raw = response.read(LARGEST + 1)
            if over.is_set():
                raise TimeoutError
            return _document(response, raw, self.target.url)
        except (OSError, ValueError, http.client.HTTPException) as error:
            words = f"no whole answer within {limit_s:g} s" if over.is_set() else str(error) or type(error).__name__
            raise WorldFailed(f"{method} {self._path(verb)}: {words[:300]}", subject=self.target.url) from error
        finally:
            connection.close()


_JSON_DTYPES = frozenset(
    {
        "float32",
        "float64",
        "float16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    }
)


def _connection(target: RestTarget) -> http.client.HTTPConnection:
    parts = urlsplit(target.url if "://" in target.url else f"http://{target.url}")
    kinds: dict[str, type[http.client.HTTPConnection]] = {
        "http": http.client.HTTPConnection,
        "https": http.client.HTTPSConnection,
    }
    try:
        port = parts.port
    except ValueError as error:
        raise UnusableInput("the port is not a number", subject=target.url) from error
    if parts.scheme not in kinds or not parts.hostname:
        raise UnusableInput("not an http:// or https:// address", subject=target.url, hint="http://HOST:8501")
    return kinds[parts.scheme](parts.hostname, port, timeout=target.seconds)


def _document(response: http.client.HTTPResponse, raw: bytes, url: str) -> Any:
    """Parsed JSON of a good answer. A redirect is told, never followed: it may lead to another host."""
    status = response.status
    if 300 <= status < 400:
        raise WorldFailed(f"status {status}: sent on to {response.getheader('Location')}, not followed", subject=url)
    if len(raw) > LARGEST:
        raise WorldFailed(f"an answer of more than {LARGEST >> 20} MiB", subject=url)
    if response.length:  # bytes that were promised and did not come
        raise WorldFailed(f"status {status}: the answer was cut off after {len(raw)} bytes", subject=url)
    text = raw.decode("utf-8", "replace")
    try:
        document = loads(text, most=MOST_VALUES)
    except OutOfBounds as error:
        raise WorldFailed(f"status {status}: not JSON that can be read: {error}", subject=url) from error
    except ValueError as error:
        kind = response.getheader("Content-Type") or "no type"
        raise WorldFailed(f"status {status}: not JSON but {kind}: {_short(text)}", subject=url) from error
    if status != http.client.OK:
        said = document.get("error") if isinstance(document, Mapping) else document
        raise WorldFailed(f"status {status}: {_short(said)}", subject=url)
    return document


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else text[:200] + " …"


def _spec_of(name: str, info: Mapping[str, Any]) -> InputSpec:
    shape = info["tensor_shape"]
    if shape.get("unknown_rank"):
        return InputSpec(name, _dtype_name(info["dtype"]), None)
    sizes = [int(dim["size"]) for dim in shape.get("dim", [])]
    return InputSpec(name, _dtype_name(info["dtype"]), tuple(None if size < 0 else size for size in sizes))


def _dtype_name(name: str) -> str:
    from envdiff.predictions.dtypes import dtype_of

    dtype = dtype_of(name)
    return "string" if dtype.kind == "O" else dtype.name


def ask_rest(target: RestTarget, rows: Rows) -> Answers:
    """Raises WorldFailed when the server does not even say what it serves."""
    server = RestServer(target)
    before = server.status()
    notes = [*rows.notes, *transport_notes(rows.arrays)]
    try:
        server = RestServer(target, server.signature()[1])
    except (WorldFailed, UnusableInput) as error:
        notes.append(f"no metadata, so outputs are read as float64: {error.message}")
    made = make_calls(server.predict, rows)
    errors, after = dict(made.errors), before
    try:
        after = server.status()
    except WorldFailed as error:
        errors["status afterwards"] = error.message
    return Answers("rest", made.calls, rows.digest, target.signature, errors, made.seconds, tuple(notes), before, after)
