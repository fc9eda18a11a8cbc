"""What a dtype means for comparing: its precision, its bits, and names that NumPy does not know by itself."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# TensorFlow's names and enum numbers (tensorflow/core/framework/types.proto) where they are not NumPy's own.
_TENSORFLOW_NAMES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "string": "string",
    "bool": "bool",
    "complex64": "complex64",
    "complex128": "complex128",
}
# Significand bits, with the hidden one, of the floating types that ml_dtypes adds.
_EXTRA_BITS = {
    "bfloat16": 8,
    "float8_e5m2": 3,
    "float8_e4m3fn": 4,
    "float8_e4m3b11fnuz": 4,
    "float8_e4m3fnuz": 4,
    "float8_e5m2fnuz": 3,
}

_NAME = re.compile(r"[<>|=]?[a-z_]{1,20}[0-9]{0,3}(_[a-z0-9]{1,9})?")


def dtype_of(name: str) -> np.dtype[Any]:
    """NumPy dtype for a TensorFlow or NumPy dtype name (``DT_FLOAT``, ``float32``, ``bfloat16``); strings are object.

    Raises ValueError for a name that is neither.
    """
    plain = name.removeprefix("tf.").removeprefix("DT_").lower()
    plain = _TENSORFLOW_NAMES.get(plain, plain)
    if plain in {"string", "str", "bytes", "object"}:
        return np.dtype(object)
    if plain in _EXTRA_BITS:
        import ml_dtypes

        extra: np.dtype[Any] = np.dtype(getattr(ml_dtypes, plain))
        return extra
    try:
        # NumPy also reads lists of fields and repetitions, from a text like "3i4,f8"; here that is no name.
        return np.dtype(plain if _NAME.fullmatch(plain) else "no name")
    except TypeError as error:
        raise ValueError(f"{name[:80]} is not a dtype that NumPy or TensorFlow knows") from error


def is_floating(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "f" or dtype.name in _EXTRA_BITS


def is_text(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "OSU"


def is_number(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iufb" or dtype.name in _EXTRA_BITS


def dtype_name(array: Array) -> str:
    """The name a reader knows: ``string`` for text, NumPy's otherwise."""
    return "string" if is_text(array.dtype) else array.dtype.name


def epsilon(dtype: np.dtype[Any]) -> float:
    """Distance from 1 to the next number; 0 for integers and booleans, which are exact."""
    if dtype.name in _EXTRA_BITS:
        return float(2.0 ** (1 - _EXTRA_BITS[dtype.name]))
    if dtype.kind in "fc":
        return float(np.finfo(dtype).eps)
    return 0.0


def as_floats(array: Array) -> Array:
    """The values as float64 (complex128 for complex), exactly, except integers beyond 2**53."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def bits_of(array: Array) -> Array:
    """The stored bits of a numeric array as unsigned integers; complex numbers become pairs on a last axis."""
    plain = np.ascontiguousarray(array)
    if plain.dtype.kind == "c":
        plain = plain.view(plain.real.dtype).reshape(*array.shape, 2)
    return plain.view(f"u{plain.dtype.itemsize}")


def ulps_apart(left: Array, right: Array) -> Array:
    """How many representable numbers lie between, counting through zero, for two arrays of one floating dtype.

    -0.0 and 0.0 are 0 apart. The result is unsigned 64-bit; NaN against anything is meaningless and left to the caller.
    """
    size = left.dtype.itemsize
    low, high = (_ordered(bits_of(side), size) for side in (left, right))
    return np.asarray(np.maximum(low, high).view(np.uint64) - np.minimum(low, high).view(np.uint64))


def _ordered(bits: Array, size: int) -> Array:
    """Sign and magnitude as a signed integer, so that neighbours differ by one."""
    magnitude = (bits & np.asarray((1 << (8 * size - 1)) - 1, bits.dtype)).astype(np.int64)
    return np.asarray(np.where(bits >> np.asarray(8 * size - 1, bits.dtype), -magnitude, magnitude))
