"""Small constants of a graph as Python values."""

from __future__ import annotations

from math import prod
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.dtypes import dtype_name, item_size
from envdiff.model.weights import numpy_dtype

_SPELLED = 1 << 20  # elements of a constant that are written one by one

_TYPED = {
    "float32": "float_val", "float64": "double_val", "int32": "int_val", "int64": "int64_val", "bool": "bool_val",
    "string": "string_val", "uint8": "int_val", "int8": "int_val", "int16": "int_val", "uint16": "int_val",
    "uint32": "uint32_val", "uint64": "uint64_val",
}  # fmt: skip


def tensor_values(tensor: Any, *, limit: int) -> list[Any] | None:
    """The elements, flat; None when there are more than ``limit`` or the type is not a plain one.

    A tensor may be stored with its last value standing for all that follow.
    """
    if tensor.tensor_shape.unknown_rank or any(dim.size < 0 for dim in tensor.tensor_shape.dim):
        return None
    count = prod(dim.size for dim in tensor.tensor_shape.dim)
    name = dtype_name(tensor.dtype)
    if count > limit:
        return None
    if tensor.tensor_content and item_size(name):
        return _from_bytes(tensor.tensor_content, name, count)
    if name in {"float16", "bfloat16"}:
        halves = requires.numpy().asarray(list(tensor.half_val)[:limit]).astype("uint16")
        return _filled(halves.view(numpy_dtype(name)).astype("float64").tolist(), count)
    if name not in _TYPED:
        return None
    values = list(getattr(tensor, _TYPED[name])[: limit + 1])
    return _filled([one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values], count)


def content_of(tensor: Any, kind: str) -> bytes | None:
    """The elements as they lie in memory, also where the graph spells them one by one; None where it cannot be told."""
    if tensor.tensor_content:
        content: bytes = tensor.tensor_content
        return content
    values = tensor_values(tensor, limit=_SPELLED)
    if values is None or not item_size(kind):
        return None
    spelled: bytes = requires.numpy().asarray(values).astype(numpy_dtype(kind)).tobytes()
    return spelled


def _filled(values: list[Any], count: int) -> list[Any]:
    if not values:
        return [0] * count
    return (values + [values[-1]] * (count - len(values)))[:count]


def _from_bytes(content: bytes, name: str, count: int) -> list[Any] | None:
    try:
        kind = numpy_dtype(name)
    except (UnusableInput, TypeError):
        return None
    if len(content) != count * kind.itemsize:
        return None
    array = requires.numpy().frombuffer(content, kind)
    values: list[Any] = (array if kind.kind in "iufb" else array.astype("float64")).tolist()
    return values
