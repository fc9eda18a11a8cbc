"""How one tensor follows from another: equal, cast, rounded, transposed, or changed and by how much."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.dtypes import shape_text
from envdiff.model.weights import Tensor, WeightSource, numpy_dtype

_CHUNK = 1 << 20  # elements
_WHOLE = 8 << 20  # elements: larger tensors are not tried transposed
_RANKS = range(2, 6)
_NARROW = ("float16", "bfloat16")


class Kind(StrEnum):
    EQUAL = "equal"
    CAST = "cast"
    ROUNDED = "rounded"
    TRANSPOSED = "transposed"
    CHANGED = "changed"
    SHAPE = "shape"
    UNREAD = "unread"


@dataclass(frozen=True)
class TensorChange:
    """``detail`` is a phrase; the numbers are 0 where they have no meaning. ``max_ulp`` is in the left's type."""

    kind: Kind
    left: Tensor
    right: Tensor
    detail: str = ""
    changed: int = 0
    total: int = 0
    max_abs: float = 0.0
    max_ulp: int = 0

    def __str__(self) -> str:
        names = self.left.name if self.left.name == self.right.name else f"{self.left.name} -> {self.right.name}"
        return f"{names} {self.left.dtype} {shape_text(self.left.shape)}: {self.detail or self.kind}"


@dataclass(frozen=True)
class Pair:
    """Two tensors and where to read them."""

    left: Tensor
    right: Tensor
    left_source: WeightSource | None
    right_source: WeightSource | None


def change_of(pair: Pair) -> TensorChange:
    """Reads the bytes only when the checksums differ; what cannot be read is said, not raised."""
    left, right = pair.left, pair.right
    if left.crc32c is not None and _same(left, right):
        return TensorChange(Kind.EQUAL, left, right, total=prod(left.shape))
    if pair.left_source is None or pair.right_source is None:
        return TensorChange(Kind.UNREAD, left, right, "differs, the bytes were not read")
    try:
        return _read_change(pair)
    except (UnusableInput, OSError, TypeError, ValueError) as error:
        return TensorChange(Kind.UNREAD, left, right, f"differs, and the bytes cannot be read: {error}")


def _same(left: Tensor, right: Tensor) -> bool:
    return (left.dtype, left.shape, left.crc32c) == (right.dtype, right.shape, right.crc32c)


def _read_change(pair: Pair) -> TensorChange:
    left, right = pair.left, pair.right
    if left.dtype != right.dtype and left.shape == right.shape and _is_cast(pair):
        return TensorChange(Kind.CAST, left, right, f"the same values as {right.dtype}")
    order = _transposition(pair)
    if order:
        return TensorChange(Kind.TRANSPOSED, left, right, f"transposed {order}")
    if left.shape != right.shape:
        return TensorChange(Kind.SHAPE, left, right, f"{shape_text(left.shape)} against {shape_text(right.shape)}")
    if left.dtype == right.dtype:
        narrow = next((name for name in _NARROW if _is_rounded(pair, name)), None)
        if narrow:
            return TensorChange(Kind.ROUNDED, left, right, f"rounded through {narrow}")
    return _measured(pair)


def _chunks(pair: Pair) -> Iterator[tuple[Any, Any]]:
    assert pair.left_source is not None
    assert pair.right_source is not None
    with ExitStack() as stack:
        handles = [stack.enter_context(one.opened()) for one in (pair.left_source, pair.right_source)]
        total = prod(pair.left.shape)
        for start in range(0, total, _CHUNK):
            stop = min(total, start + _CHUNK)
            yield (
                pair.left_source.chunks(handles[0], pair.left, start, stop),
                pair.right_source.chunks(handles[1], pair.right, start, stop),
            )


def _bits(array: Any) -> bytes:
    data: bytes = array.tobytes()
    return data


def _is_cast(pair: Pair) -> bool:
    """Whether the narrower is the other converted to it, bit for bit."""
    if "float" not in pair.left.dtype or "float" not in pair.right.dtype:
        return False
    narrower_right = numpy_dtype(pair.right.dtype).itemsize <= numpy_dtype(pair.left.dtype).itemsize
    for left, right in _chunks(pair):
        wide, narrow = (left, right) if narrower_right else (right, left)
        if _bits(_cast(wide, narrow.dtype)) != _bits(narrow):
            return False
    return True


def _cast(array: Any, kind: Any) -> Any:
    with requires.numpy().errstate(all="ignore"):
        return array.astype(kind)


def _is_rounded(pair: Pair, name: str) -> bool:
    """Whether the right is the left, cast to a narrow type and back (or the other way round)."""
    if pair.left.dtype != "float32":
        return False
    kind = numpy_dtype(name)
    for left, right in _chunks(pair):
        there, here = (_bits(_cast(_cast(one, kind), one.dtype)) for one in (left, right))
        if there != _bits(right) and here != _bits(left):
            return False
    return True


def _transposition(pair: Pair) -> str:
    """The order of axes under which left becomes right, like "(1,0)"; empty when there is none."""
    left, right = pair.left, pair.right
    rank, total = len(left.shape), prod(left.shape)
    if rank not in _RANKS or sorted(left.shape) != sorted(right.shape) or left.dtype != right.dtype or total > _WHOLE:
        return ""
    first, second = _whole(pair)
    for order in itertools.permutations(range(rank)):
        moved = tuple(left.shape[axis] for axis in order)
        if order != tuple(range(rank)) and moved == right.shape and _bits(first.transpose(order)) == _bits(second):
            return "(" + ",".join(map(str, order)) + ")"
    return ""


def _whole(pair: Pair) -> list[Any]:
    arrays = []
    for tensor, source in ((pair.left, pair.left_source), (pair.right, pair.right_source)):
        assert source is not None
        with source.opened() as handle:
            arrays.append(source.chunks(handle, tensor, 0, prod(tensor.shape)).reshape(tensor.shape))
    return arrays


def _measured(pair: Pair) -> TensorChange:
    numpy = requires.numpy()
    changed, largest, ulps = 0, 0.0, 0
    for left, right in _chunks(pair):
        unlike = (
            left.view(f"V{left.dtype.itemsize}") != right.view(f"V{right.dtype.itemsize}")
            if (left.dtype == right.dtype)
            else left.astype("float64") != right.astype("float64")
        )
        changed += int(numpy.count_nonzero(unlike))
        with numpy.errstate(all="ignore"):
            gap = numpy.abs(left.astype("complex128" if left.dtype.kind == "c" else "float64") - right)
        finite = gap[numpy.isfinite(gap)]
        largest = max(largest, float(finite.max()) if finite.size else 0.0)
        if left.dtype == right.dtype:
            ulps = max(ulps, _ulps(left, right))
    total = prod(pair.left.shape)
    detail = f"{changed} of {total} elements differ, by at most {largest:.3g}" + (f" ({ulps} ULP)" if ulps else "")
    return TensorChange(Kind.CHANGED, pair.left, pair.right, detail, changed, total, largest, ulps)


_ULP_TYPES = {"float16": "int16", "bfloat16": "int16", "float32": "int32", "float64": "int64"}


def _ulps(left: Any, right: Any) -> int:
    """The largest number of representable values between two elements; 0 for types without."""
    whole = _ULP_TYPES.get(left.dtype.name)
    if whole is None or not left.size:
        return 0
    numpy = requires.numpy()
    places = []
    for array in (left, right):
        bits = array.view(whole).astype("int64")
        lowest = -(1 << (8 * array.dtype.itemsize - 1))
        places.append(numpy.where(bits < 0, lowest - bits, bits))
    gaps = numpy.abs(places[0].astype("float64") - places[1]) if whole == "int64" else abs(places[0] - places[1])
    known = ~(numpy.isnan(left.astype("float64")) | numpy.isnan(right.astype("float64")))
    return int(gaps[known].max()) if known.any() else 0
