"""TFRecord files of tf.train.Example, without TensorFlow.

A record is: length (8 bytes, little-endian), masked CRC-32C of the length, data, masked CRC-32C of the data
(tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import UnusableInput
from envdiff.predictions.rows import InputSpec

Array = NDArray[Any]
LARGEST = 1 << 30  # bytes of a file
_HEAD = struct.Struct("<QI")


def records(path: Path) -> Iterator[bytes]:
    """The data of every record, checksums verified. A gzip-compressed file is refused with a word."""
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise UnusableInput("the records are compressed", subject=str(path), hint="gunzip the file first")
        file.seek(0)
        size, number = path.stat().st_size, 0
        if size > LARGEST:
            raise UnusableInput(f"more than {LARGEST >> 20} MiB", subject=str(path), hint="take fewer records")
        while head := file.read(_HEAD.size):
            yield _data(file, head, size, f"{path}, record {number}")
            number += 1


def _data(file: IO[bytes], head: bytes, size: int, where: str) -> bytes:
    if len(head) < _HEAD.size:
        raise UnusableInput("the file ends inside a record", subject=where)
    length, check = _HEAD.unpack(head)
    if masked_crc(head[:8]) != check:
        raise UnusableInput("the length's checksum is wrong: not a TFRecord file, or damaged", subject=where)
    if length > size:
        raise UnusableInput(f"a record of {length} bytes does not fit into the file", subject=where)
    data, tail = file.read(length), file.read(4)
    if len(data) < length or len(tail) < 4:
        raise UnusableInput("the file ends inside a record", subject=where)
    if masked_crc(data) != int.from_bytes(tail, "little"):
        raise UnusableInput("the checksum is wrong: the record is damaged", subject=where)
    return data


def masked_crc(data: bytes) -> int:
    import google_crc32c

    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_examples(path: Path, wanted: tuple[InputSpec, ...], most: int) -> dict[str, Array]:
    """One array for each feature, stacked over the examples.

    When the signature takes one string input that no feature is named after, the serialised examples themselves are
    the rows: that is how a model with a parsing signature is asked. A feature of one value is one value a row.
    """
    serialised = []
    for data in records(path):
        serialised.append(data)
        if len(serialised) > most:
            raise UnusableInput(f"more than {most} records", subject=str(path))
    if not serialised:
        raise UnusableInput("no records", subject=str(path))
    features = [_features(data, f"{path}, record {number}") for number, data in enumerate(serialised)]
    if len(wanted) == 1 and _takes_text(wanted[0]) and wanted[0].name not in features[0]:
        return {wanted[0].name: _objects(serialised)}
    shapes = {spec.name: spec.shape for spec in wanted}
    return {name: _stacked(name, features, shapes.get(name), str(path)) for name in sorted(features[0])}


def _takes_text(spec: InputSpec) -> bool:
    return spec.dtype.lower().removeprefix("dt_") == "string"


def _objects(values: list[bytes]) -> Array:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _features(data: bytes, where: str) -> dict[str, Array]:
    from google.protobuf.message import DecodeError

    from envdiff.predictions.protos.example_pb2 import Example

    try:
        example = Example.FromString(data)
    except DecodeError as error:
        raise UnusableInput("the record is not a tf.train.Example", subject=where) from error
    return {name: _values(feature) for name, feature in example.features.feature.items()}


def _values(feature: Any) -> Array:
    kind = feature.WhichOneof("kind")
    if kind == "bytes_list":
        return _objects(list(feature.bytes_list.value))
    if kind == "float_list":
        return np.array(feature.float_list.value, np.float32)
    return np.array(feature.int64_list.value if kind else [], np.int64)


def _stacked(name: str, features: list[dict[str, Array]], shape: tuple[int | None, ...] | None, subject: str) -> Array:
    try:
        rows = [one[name] for one in features]
    except KeyError as error:
        raise UnusableInput(f"not every record has feature {name}", subject=subject) from error
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise UnusableInput(
            f"feature {name} has from {min(lengths)} to {max(lengths)} values: rows of one length are needed",
            subject=subject,
        )
    stacked = np.stack(rows)
    if shape is not None:
        return _in_shape(stacked, shape)
    return stacked[:, 0] if lengths == {1} else stacked


def _in_shape(stacked: Array, shape: tuple[int | None, ...]) -> Array:
    """Flat lists take the signature's inner shape where it is known and holds as many values."""
    inner = shape[1:]
    if any(size is None for size in inner):
        return stacked
    known = tuple(size for size in inner if size is not None)
    if int(np.prod(known, dtype=object)) == stacked.shape[1]:
        return stacked.reshape(len(stacked), *known)
    return stacked
