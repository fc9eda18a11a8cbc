"""Writes bundles and SavedModels from NumPy arrays and node tuples, so that tests can plant what no TensorFlow would write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from envdiff.model.protos import model_pb2 as pb
from envdiff.model.wire import write_varint

DTYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "bfloat16": 14, "float16": 19,
}  # fmt: skip
MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Entries without shared prefixes, one restart point, type and checksum."""
    body = b"".join(
        write_varint(0) + write_varint(len(key)) + write_varint(len(value)) + key + value for key, value in entries
    )
    body += (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0"
    return body + masked(google_crc32c.value(body)).to_bytes(4, "little")


def handle(offset: int, whole: bytes) -> bytes:
    return write_varint(offset) + write_varint(len(whole) - 5)


def table(rows: list[tuple[bytes, bytes]]) -> bytes:
    data = block(rows)
    index = block([(rows[-1][0] + b"\xff" if rows else b"", handle(0, data))])
    meta = block([])
    footer = handle(len(data), meta) + handle(len(data) + len(meta), index)
    return data + meta + index + footer.ljust(40, b"\0") + MAGIC


def entry(array: np.ndarray, offset: int, shard: int, changes: Mapping[str, int]) -> pb.BundleEntry:
    stored = {"dtype": DTYPES[array.dtype.name], "shard_id": shard, "offset": offset, "size": array.nbytes}
    message = pb.BundleEntry(**{**stored, **changes}, crc32c=masked(google_crc32c.value(array.tobytes())))
    for size in array.shape:
        message.shape.dim.add(size=size)
    return message


def write_bundle(
    folder: Path, arrays: Mapping[str, np.ndarray], *, prefix: str = "variables/variables", shards: int = 1,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:  # fmt: skip
    """``changes``: tensor -> fields of its index entry to set otherwise: the index lies."""
    path = folder / prefix
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [(b"", pb.BundleHeader(num_shards=shards).SerializeToString())]
    parts = [bytearray() for _ in range(shards)]
    for number, (name, array) in enumerate(sorted(arrays.items())):
        shard = number % shards
        message = entry(array, len(parts[shard]), shard, (changes or {}).get(name, {}))
        rows.append((name.encode(), message.SerializeToString()))
        parts[shard] += array.tobytes()
    for shard, part in enumerate(parts):
        path.with_name(f"{path.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(part)
    path.with_name(path.name + ".index").write_bytes(table(rows))


def attr(key: str, **value: Any) -> bytes:
    data: bytes = pb.AttrEntry(key=key, value=pb.Attr(**value)).SerializeToString()
    return data


def node(name: str, op: str, *inputs: str, device: str = "", attrs: Iterable[bytes] = ()) -> bytes:
    data: bytes = pb.Node(name=name, op=op, input=inputs, device=device, attr=list(attrs)).SerializeToString()
    return data


def function(name: str, nodes: Iterable[bytes], ret: str, *arguments: str) -> pb.Function:
    message = pb.Function(node_def=list(nodes), ret={"out": ret})
    message.signature.name = name
    for argument in arguments:
        message.signature.input_arg.add(name=argument)
    return message


def saved_model(nodes: Iterable[bytes], output: str = "y", *, functions: Iterable[pb.Function] = ()) -> pb.SavedModel:
    message = pb.SavedModel(saved_model_schema_version=1)
    meta = message.meta_graphs.add()
    meta.meta_info_def.tags.append("serve")
    meta.meta_info_def.tensorflow_version = "2.99.0"
    meta.graph_def.node.extend(nodes)
    meta.graph_def.library.function.extend(functions)
    signature = meta.signature_def["serving_default"]
    signature.inputs["x"].name = "x:0"
    signature.inputs["x"].dtype = 1
    signature.inputs["x"].tensor_shape.dim.add(size=-1)
    signature.outputs["y"].name = f"{output}:0"
    signature.outputs["y"].dtype = 1
    return message


PLAIN = (node("x", "Placeholder"), node("y", "Relu", "x"))


def write_saved_model(
    folder: Path, message: pb.SavedModel | None = None, arrays: Mapping[str, np.ndarray] | None = None, **bundle: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes((message or saved_model(PLAIN)).SerializeToString())
    if arrays is not None:
        write_bundle(folder, arrays, **bundle)
    return folder
