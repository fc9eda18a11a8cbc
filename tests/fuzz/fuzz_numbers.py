"""Files and messages that hold arrays, as a fuzzer sees them."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_bytes import joined, parts

from envdiff.errors import UnusableInput, WorldFailed
from envdiff.predictions import exchange
from envdiff.predictions.arrays import read_arrays
from envdiff.predictions.ask_grpc import METADATA, PREDICT, STATUS, GrpcServer, GrpcTarget
from envdiff.predictions.between import between
from envdiff.predictions.document import from_document, to_document
from envdiff.predictions.protos import example_pb2
from envdiff.predictions.protos import prediction_service_pb2 as pb
from envdiff.predictions.row_files import rows_from_file
from envdiff.predictions.rows import rows_from_signature
from envdiff.predictions.tensor_messages import to_message
from envdiff.predictions.tfrecord import masked_crc

SIGNATURE = (("x", "float32", (None, 2)), ("words", "string", (None,)))
LIMIT = 1 << 26  # bytes of a dump: what is larger is refused, not read
SUFFIXES = (".json", ".jsonl", ".csv", ".npz", ".npy", ".ndjson", ".txt")


def rows(data: bytes, folder: Path) -> None:
    """The first byte names the kind of file; rows with a signature and without, and as a dump."""
    suffix = SUFFIXES[data[0] % len(SUFFIXES)] if data else ".json"
    file = folder / f"rows{suffix}"
    file.write_bytes(data[1:])
    _rows_of(file)


def _rows_of(file: Path) -> None:
    failed: Exception | None = None
    for read in (
        lambda: rows_from_file(file),
        lambda: rows_from_file(file, SIGNATURE),
        lambda: read_arrays(file, LIMIT),
    ):
        try:
            read()
        except UnusableInput as error:
            failed = error
    if failed is not None:
        raise failed


def row_seeds() -> list[bytes]:
    arrays = {"x": np.ones((2, 2), np.float32), "words": np.array([b"a", b"bc"])}
    npz, npy = io.BytesIO(), io.BytesIO()
    np.savez_compressed(npz, **arrays)
    np.save(npy, arrays["x"])
    texts = {
        0: b'{"inputs": {"x": [[1, 2.5], [NaN, -Infinity]], "words": ["a", {"b64": "YQ=="}]}}',
        1: b'{"x": [1, 2], "words": "a"}\n{"x": [3, 4], "words": "b"}\n',
        2: b"x,words\n1.5,a\n2,b\n",
        3: npz.getvalue(),
        4: npy.getvalue(),
        6: b'{"instances": [[[1], [2, 3]], [[4]]]}',
    }
    return [bytes([kind]) + text for kind, text in texts.items()]


def parquet(data: bytes, folder: Path) -> None:
    (folder / "rows.parquet").write_bytes(data)
    _rows_of(folder / "rows.parquet")


def parquet_seeds() -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"x": [[1.0, 2.0], [3.0, 4.0]], "words": ["a", "b"], "n": [1, None]})
    plain = pyarrow.table({"n": [1, 2]})
    seeds = []
    for one, packing in ((table, "snappy"), (plain, "none"), (plain, "gzip")):
        out = io.BytesIO()
        pyarrow.parquet.write_table(one, out, compression=packing)
        seeds.append(out.getvalue())
    return seeds


def tfrecord(data: bytes, folder: Path) -> None:
    """The first byte: a file as it is, or records whose checksums are right."""
    file = folder / "rows.tfrecord"
    file.write_bytes(data[1:] if data[:1] > b"\x7f" else b"".join(map(_record, data[1:].split(b"\xff\x00\xff"))))
    _rows_of(file)


def _record(data: bytes) -> bytes:
    size = struct.pack("<Q", len(data))
    return size + struct.pack("<I", masked_crc(size)) + data + struct.pack("<I", masked_crc(data))


def tfrecord_seeds() -> list[bytes]:
    example = example_pb2.Example()
    example.features.feature["x"].float_list.value.extend([1.0, 2.0])
    example.features.feature["words"].bytes_list.value.append(b"a")
    example.features.feature["n"].int64_list.value.append(7)
    plain = example.SerializeToString()
    return [b"\0" + joined(plain, plain), b"\xff" + _record(plain)]


# --- answers --------------------------------------------------------------------------------------------------


def answers(data: bytes, folder: Path) -> None:
    """The first byte: a file of answers, its index alone, a folder of recorded arrays, or answers in a fingerprint."""
    kind, content = (data[0] % 4 if data else 0), data[1:]
    if kind == 0:
        (folder / "a.npz").write_bytes(content)
        exchange.read(folder / "a.npz")
    elif kind == 1:
        np.savez(
            folder / "a.npz", index=np.frombuffer(content, np.uint8), a0=np.ones(4, np.float32), l0=np.array([2, 2])
        )
        exchange.read(folder / "a.npz")
    elif kind == 2:
        files = parts(content, ("index.jsonl", "000000.npy"))
        for name, text in files.items():
            (folder / name).write_bytes(text)
        read_arrays(folder, LIMIT)
    else:
        _in_a_fingerprint(content)


def _in_a_fingerprint(content: bytes) -> None:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        found = from_document(document, "left")
        to_document(found)
        between(found, from_document(GOOD, "right"))


GOOD = {
    "way": "local", "signature": "serving_default", "rows_digest": "0" * 64, "errors": {"single": "no"}, "notes": ["n"],
    "versions": [1], "served_before": [["1", "AVAILABLE"]], "served_after": [["2", "AVAILABLE"]],
    "calls": {
        "batch": {
            "y": {"dtype": "float32", "shape": [2, 2], "data": "AAAAAAAAgD8AAABAAABAQA=="},
            "t": {"dtype": "string", "shape": [1], "texts": ["YQ=="]},
        },
        "single": {"y": {"dtype": "float32", "shape": [2, 2], "data": "AAAAAAAAgD8AAABAAABAQA=="}},
    },
}  # fmt: skip


def answer_seeds() -> list[bytes]:
    npy = io.BytesIO()
    np.save(npy, np.ones(4, np.float32))
    entry = {"call": "batch", "name": "y", "dtype": "float32", "shape": [2, 2], "data": "a0"}
    text = {**entry, "dtype": "string", "lengths": "l0", "shape": [2], "data": "index"}
    index = json.dumps({"meta": {"way": "local"}, "arrays": [entry, text]}).encode()
    packed = io.BytesIO()
    np.savez(packed, index=np.frombuffer(index, np.uint8), a0=np.ones(4, np.float32), l0=np.array([1, 2]))
    line = b'{"name": "y", "file": "000000.npy", "dtype": "float32", "pid": 7}\n'
    return [
        b"\0" + packed.getvalue(),
        b"\x01" + index,
        b"\x02" + joined(line, npy.getvalue()),
        b"\x02" + joined(line.replace(b"float32", b"bfloat16"), npy.getvalue()),
        b"\x03" + json.dumps(GOOD).encode(),
    ]


# --- gRPC -----------------------------------------------------------------------------------------------------


class _Channel:
    """Answers each method with bytes, as they would come from the wire."""

    def __init__(self, replies: dict[str, bytes]) -> None:
        self.replies = replies

    def unary_unary(self, method: str, request_serializer: Any, response_deserializer: Any) -> Any:
        import grpc
        from google.protobuf.message import DecodeError

        def call(request: Any, timeout: float) -> Any:
            request_serializer(request)
            try:
                return response_deserializer(self.replies[method])
            except DecodeError as error:  # the library itself turns this into an error of the call
                raise _Internal from error

        class _Internal(grpc.RpcError):  # type: ignore[misc]
            def code(self) -> str:
                return "INTERNAL"

            def details(self) -> str:
                return "Exception deserializing response!"

        return call

    def close(self) -> None:
        pass


def grpc(data: bytes, _folder: Path) -> None:
    replies = parts(data, (PREDICT, METADATA, STATUS))
    server = GrpcServer(GrpcTarget("h:1", "m"), _Channel(replies))
    failed: WorldFailed | None = None
    for work in (server.status, lambda: _rows_for(server), lambda: server.predict({"x": np.ones((2, 2))}, 2)):
        try:
            work()
        except WorldFailed as error:
            failed = error
    if failed:
        raise failed


def _rows_for(server: GrpcServer) -> None:
    inputs = server.signature_inputs()
    if all(spec.shape is None or len(spec.shape) < 4 for spec in inputs):
        rows_from_signature(inputs, count=1)


def grpc_seeds() -> list[bytes]:
    answer = pb.PredictResponse()
    answer.model_spec.version.value = 3
    answer.outputs["y"].CopyFrom(to_message(np.ones((2, 2), np.float32)))
    answer.outputs["t"].CopyFrom(to_message(np.array([b"a", b"b"], object)))
    answer.outputs["h"].dtype = 19
    answer.outputs["h"].half_val.append(15360)
    answer.outputs["h"].tensor_shape.dim.add(size=3)
    status = pb.GetModelStatusResponse()
    status.model_version_status.add(version=3, state=30)
    signatures = pb.SignatureDefMap()
    signatures.signature_def["serving_default"].inputs["x"].dtype = 1
    signatures.signature_def["serving_default"].inputs["x"].tensor_shape.dim.add(size=-1)
    metadata = pb.GetModelMetadataResponse()
    metadata.metadata["signature_def"].value = signatures.SerializeToString()
    return [joined(answer.SerializeToString(), metadata.SerializeToString(), status.SerializeToString())]
