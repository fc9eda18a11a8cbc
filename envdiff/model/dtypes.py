"""TensorFlow's numbered element types: names and sizes in bytes."""

from __future__ import annotations

# Number in DataType -> (name, bytes per element; 0 where elements have no fixed size of whole bytes).
_TYPES: dict[int, tuple[str, int]] = {
    1: ("float32", 4),
    2: ("float64", 8),
    3: ("int32", 4),
    4: ("uint8", 1),
    5: ("int16", 2),
    6: ("int8", 1),
    7: ("string", 0),
    8: ("complex64", 8),
    9: ("int64", 8),
    10: ("bool", 1),
    11: ("qint8", 1),
    12: ("quint8", 1),
    13: ("qint32", 4),
    14: ("bfloat16", 2),
    15: ("qint16", 2),
    16: ("quint16", 2),
    17: ("uint16", 2),
    18: ("complex128", 16),
    19: ("float16", 2),
    20: ("resource", 0),
    21: ("variant", 0),
    22: ("uint32", 4),
    23: ("uint64", 8),
    24: ("float8_e5m2", 1),
    25: ("float8_e4m3fn", 1),
    26: ("float8_e4m3fnuz", 1),
    27: ("float8_e4m3b11fnuz", 1),
    28: ("float8_e5m2fnuz", 1),
    29: ("int4", 1),
    30: ("uint4", 1),
    31: ("int2", 1),
    32: ("uint2", 1),
}
_REF = 100  # DT_FLOAT_REF = 101 and so on: the same type, by reference

# What NumPy (with ml_dtypes) calls the element type, where it differs from TensorFlow's name.
_NUMPY = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}

QUANTISED = frozenset({"qint8", "quint8", "qint16", "quint16", "qint32"})
REDUCED = frozenset({"bfloat16", "float16"} | {name for name, _ in _TYPES.values() if name.startswith("float8")})


def dtype_name(number: int) -> str:
    return _TYPES.get(number % _REF if number > _REF else number, (f"dtype {number}", 0))[0]


def item_size(name: str) -> int:
    """Bytes of one element; 0 for strings, resources and types this table does not hold."""
    return next((size for known, size in _TYPES.values() if known == name), 0)


def numpy_name(name: str) -> str:
    return _NUMPY.get(name, name)


def shape_text(shape: tuple[int | None, ...] | None) -> str:
    """``[?,224,224,3]``; ``[*]`` when even the rank is unknown."""
    if shape is None:
        return "[*]"
    return "[" + ",".join("?" if size is None else str(size) for size in shape) + "]"
