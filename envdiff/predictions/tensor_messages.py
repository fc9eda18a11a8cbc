"""NumPy arrays as TensorProto messages and back: both spellings, ``tensor_content`` and the typed lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import WorldFailed
from envdiff.predictions.dtypes import dtype_of, is_text
from envdiff.predictions.protos.prediction_service_pb2 import Tensor, TensorShape

Array = NDArray[Any]
LARGEST = 1 << 29  # bytes of one tensor: a message may leave all but one of its values to be repeated

# Numbers of tensorflow/core/framework/types.proto, with the list that holds values not given as tensor_content.
_TYPES = (
    (1, "float32", "float_val"),
    (2, "float64", "double_val"),
    (3, "int32", "int_val"),
    (4, "uint8", "int_val"),
    (5, "int16", "int_val"),
    (6, "int8", "int_val"),
    (7, "string", "string_val"),
    (8, "complex64", "scomplex_val"),
    (9, "int64", "int64_val"),
    (10, "bool", "bool_val"),
    (14, "bfloat16", "half_val"),
    (17, "uint16", "int_val"),
    (18, "complex128", "dcomplex_val"),
    (19, "float16", "half_val"),
    (22, "uint32", "uint32_val"),
    (23, "uint64", "uint64_val"),
    (24, "float8_e5m2", "float8_val"),
    (25, "float8_e4m3fn", "float8_val"),
)
NUMBER_OF = {name: number for number, name, _ in _TYPES}
NAME_OF = {number: name for number, name, _ in _TYPES}
_LIST_OF = {number: values for number, _, values in _TYPES}


def to_message(array: Array) -> Tensor:
    """Exact for every dtype. Raises WorldFailed for one that TensorFlow does not have."""
    name = "string" if is_text(array.dtype) else array.dtype.name
    if name not in NUMBER_OF:
        raise WorldFailed(f"dtype {array.dtype} cannot be sent")
    message = Tensor(dtype=NUMBER_OF[name], tensor_shape=_shape_message(array.shape))
    if name == "string":
        values = array.reshape(-1).tolist()
        message.string_val.extend(value.encode() if isinstance(value, str) else bytes(value) for value in values)
    else:
        little = array.astype(array.dtype.newbyteorder("<")) if array.dtype.byteorder == ">" else array
        message.tensor_content = np.ascontiguousarray(little).tobytes()
    return message


def _shape_message(shape: tuple[int, ...]) -> TensorShape:
    message = TensorShape()
    for size in shape:
        message.dim.add(size=size)
    return message


def to_array(message: Tensor, name: str) -> Array:
    """Raises WorldFailed when shape, type and values do not fit together."""
    number = message.dtype
    if number not in NAME_OF:
        raise WorldFailed(f"output {name} has a dtype that is not known (number {number})")
    shape = tuple(dim.size for dim in message.tensor_shape.dim)
    size = 1
    for part in shape:
        size *= part
    dtype = dtype_of(NAME_OF[number])
    if message.tensor_shape.unknown_rank or any(part < 0 for part in shape) or size * max(dtype.itemsize, 1) > LARGEST:
        raise WorldFailed(f"output {name} has shape {list(shape)}, which no tensor has")
    try:
        return _values(message, number, dtype, size).reshape(shape)
    except ValueError as error:
        raise WorldFailed(f"output {name} has shape {list(shape)}, but not as many values") from error


def _values(message: Tensor, number: int, dtype: np.dtype[Any], size: int) -> Array:
    if message.tensor_content and dtype.kind != "O":
        return np.frombuffer(message.tensor_content, dtype=dtype)
    values = _listed(getattr(message, _LIST_OF[number]), dtype)
    if 0 < len(values) < size:  # the last value stands for all that follow
        filled = np.full(size, values[-1], dtype=dtype)
        filled[: len(values)] = values
        return filled
    if len(values) == 0 and size > 0:  # no value at all: zeros, empty text
        return np.full(size, b"" if dtype.kind == "O" else 0, dtype=dtype)
    return values


def _listed(values: Any, dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "O":
        texts = np.empty(len(values), object)
        texts[:] = list(values)
        return texts
    if isinstance(values, bytes):
        return np.frombuffer(values, dtype=dtype)
    if dtype.name in ("float16", "bfloat16"):
        return np.array(values, np.uint16).view(dtype)
    if dtype.kind == "c":
        pairs = np.array(values, np.float64).reshape(-1, 2)
        return np.asarray(pairs[:, 0] + 1j * pairs[:, 1]).astype(dtype)
    return np.array(values).astype(dtype)
