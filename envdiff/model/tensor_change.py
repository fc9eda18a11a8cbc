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
_RANK = 5
_NARROW = ("float16", "bfloat16")
_STEPS = 127  # of each sign
_HALF = 0.5 + 1e-3  # a value is rounded to the nearest step, in float32


class Kind(StrEnum):
    EQUAL = "equal"
    CAST = "cast"
    ROUNDED = "rounded"
    TRANSPOSED = "transposed"
    QUANTISED = "quantised"
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
    turned = _turned(pair)
    if turned is not None:
        return turned
    if left.shape != right.shape:
        return TensorChange(Kind.SHAPE, left, right, f"{shape_text(left.shape)} against {shape_text(right.shape)}")
    if left.dtype == right.dtype:
        narrow = next((name for name in _NARROW if _is_rounded(pair, name)), None)
        if narrow:
            return TensorChange(Kind.ROUNDED, left, right, f"rounded through {narrow}")
    if _is_integer(left) != _is_integer(right):
        return TensorChange(Kind.UNREAD, left, right, "whole numbers on one side, in steps that are not compared")
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
    return all(_are_cast(pair.left, pair.right, *chunk) for chunk in _chunks(pair))


def _are_cast(left: Tensor, right: Tensor, ours: Any, theirs: Any) -> bool:
    """Whether the narrower is the other converted to it, bit for bit."""
    if "float" not in left.dtype or "float" not in right.dtype:
        return False
    wide, narrow = (ours, theirs) if theirs.dtype.itemsize <= ours.dtype.itemsize else (theirs, ours)
    return _bits(_cast(wide, narrow.dtype)) == _bits(narrow)


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


def _turned(pair: Pair) -> TensorChange | None:
    """The right as the left with its axes in another order, in another type of fewer bits, or both."""
    left, right = pair.left, pair.right
    steps = _is_integer(left) != _is_integer(right)
    orders = _orders(left.shape, right.shape, as_it_is=steps)
    if not orders:
        return None
    first, second = _whole(pair)
    for order in orders:
        turned = first.transpose(order)
        said = "" if order == tuple(range(len(order))) else "transposed (" + ",".join(map(str, order)) + ")"
        if steps:
            scales = _scales(turned, second) if _is_integer(right) else _scales(second, turned)
            if scales:
                told = f"the same values in steps of int8 with {scales}{said and ', '}{said}"
                return TensorChange(Kind.QUANTISED, left, right, told)
        elif left.dtype == right.dtype:
            if _bits(turned) == _bits(second):
                return TensorChange(Kind.TRANSPOSED, left, right, said)
        elif _are_cast(left, right, turned, second):
            return TensorChange(Kind.CAST, left, right, f"{said}, the same values as {right.dtype}")
    return None


def _orders(left: tuple[int, ...], right: tuple[int, ...], *, as_it_is: bool) -> list[tuple[int, ...]]:
    """The orders of axes under which left gets the shape of right; none where they are too many to try."""
    rank = len(left)
    if sorted(left) != sorted(right) or prod(left) > _WHOLE or rank > _RANK:
        return []
    orders = [one for one in itertools.permutations(range(rank)) if tuple(left[axis] for axis in one) == right]
    return orders if as_it_is else [one for one in orders if one != tuple(range(rank))]


def _is_integer(tensor: Tensor) -> bool:
    return tensor.dtype.startswith(("int", "uint"))


def _scales(real: Any, whole: Any) -> str:
    """Whether whole numbers are these values in steps of one size, or of one size for each channel: how many sizes.

    The largest of them are 127 and stand for the largest values: so TensorFlow Lite makes int8 weights.
    """
    numpy = requires.numpy()
    if whole.dtype.name != "int8" or not whole.size or numpy.abs(whole.astype("int16")).max() != _STEPS:
        return ""
    whole, real = whole.astype("float64"), real.astype("float64")
    for channel in (None, *range(whole.ndim)):
        others = tuple(axis for axis in range(whole.ndim) if axis != channel)
        step = numpy.abs(real).max(axis=others, keepdims=True) / _STEPS
        if (numpy.abs(real - whole * step) <= _HALF * step).all():
            return "one scale" if channel is None else f"a scale for each of {whole.shape[channel]} channels"
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
