"""JSON as named arrays: nested lists, names with lists, and the bodies of TensorFlow Serving's REST interface."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.bounded_json import OutOfBounds, loads
from envdiff.errors import UnusableInput

Array = NDArray[Any]
UNNAMED = "values"
MOST_VALUES = 10_000_000  # each takes some 30 bytes until it is an array
DEEPEST = 32  # axes; NumPy allows 64
# A body's envelope. "instances" and "predictions" go row by row, the others array by array.
_BY_ROW = ("instances", "predictions")
_BY_ARRAY = ("inputs", "outputs")


def arrays_from_json(text: str, subject: str) -> dict[str, Array]:
    """NaN, Infinity and -Infinity are read as JSON libraries of Python and TensorFlow Serving write them."""
    try:
        document = loads(text, most=MOST_VALUES)
    except OutOfBounds as error:
        raise UnusableInput(str(error), subject=subject, hint="save it as .npz") from error
    except ValueError as error:
        raise UnusableInput(f"not JSON: {error}", subject=subject) from error
    return arrays_from_document(document, subject)


def arrays_from_document(document: Any, subject: str) -> dict[str, Array]:
    """Of parsed JSON. Raises UnusableInput for what is no array."""
    if isinstance(document, Mapping):
        for key in _BY_ROW:
            if isinstance(document.get(key), list):
                return from_rows(document[key], subject)
        for key in _BY_ARRAY:
            if key in document:
                return _named(document[key], subject)
    return _named(document, subject)


def _named(content: Any, subject: str) -> dict[str, Array]:
    if isinstance(content, Mapping) and not _is_b64(content):
        if not content:
            raise UnusableInput("holds no arrays", subject=subject)
        result: dict[str, Array] = {}
        for name, value in content.items():
            result.update(array_of(str(name), value, subject))
        return result
    return array_of(UNNAMED, content, subject)


def from_rows(rows: list[Any], subject: str) -> dict[str, Array]:
    """Rows of one kind: every row an object with the same names, or every row a value."""
    if not rows or not all(isinstance(row, Mapping) and not _is_b64(row) for row in rows):
        return array_of(UNNAMED, rows, subject)
    names = list(rows[0])
    for number, row in enumerate(rows):
        if set(row) != set(names):
            odd = sorted(set(row) ^ set(names))
            raise UnusableInput(
                f"row {number} does not have the same names as row 0: {', '.join(odd)}", subject=subject
            )
    result: dict[str, Array] = {}
    for name in names:
        result.update(array_of(str(name), [row[name] for row in rows], subject))
    return result


def array_of(name: str, value: Any, subject: str) -> dict[str, Array]:
    """One array; lists of unequal length become ``NAME`` (all values, one axis) and ``NAME.row_lengths``.

    Deeper raggedness becomes ``NAME.row_lengths``, ``NAME.row_lengths.1`` and so on, outermost first.
    """
    where = f"{subject}, array {name}"
    shape = _shape(value, where)
    if shape is not None:
        return {name: _typed(list(_leaves(value)), where).reshape(shape)}
    lengths: list[list[int]] = []
    level: list[Any] = value
    while level and all(isinstance(item, list) for item in level):
        lengths.append([len(item) for item in level])
        level = [inner for item in level for inner in item]
    if any(isinstance(item, list) for item in level):
        raise UnusableInput("lists and values are mixed on one level", subject=where)
    named = {f"{name}.row_lengths{f'.{n}' if n else ''}": np.array(part, np.int64) for n, part in enumerate(lengths)}
    return {name: _typed(level, where), **named}


def _shape(value: Any, where: str) -> tuple[int, ...] | None:
    """None when it is ragged."""
    shape: list[int] = []
    level = [value]
    while level and all(isinstance(item, list) for item in level):
        sizes = {len(item) for item in level}
        if len(sizes) > 1:
            return None
        shape.append(sizes.pop())
        if len(shape) > DEEPEST:
            raise UnusableInput(f"more than {DEEPEST} axes", subject=where)
        level = [inner for item in level for inner in item]
    return None if any(isinstance(item, list) for item in level) else tuple(shape)


def _leaves(value: Any) -> Iterable[Any]:
    if not isinstance(value, list):
        yield value
        return
    for item in value:
        if isinstance(item, list):
            yield from _leaves(item)
        else:
            yield item


def _typed(values: list[Any], where: str) -> Array:
    kinds = {_kind(value) for value in values}
    if kinds <= {"bool"}:
        return np.array(values, bool) if values else np.zeros(0, np.float64)
    if kinds <= {"int"}:
        return _integers(values, where)
    if kinds <= {"int", "float", "null"}:
        try:
            return np.array([np.nan if value is None else value for value in values], np.float64)
        except OverflowError as error:
            raise UnusableInput("an integer beyond the range of float64", subject=where) from error
    if kinds <= {"text", "b64"}:
        array = np.empty(len(values), object)
        array[:] = [_bytes(value, where) for value in values]
        return array
    raise UnusableInput(f"values of different kinds: {', '.join(sorted(kinds))}", subject=where)


def _kind(value: Any) -> str:
    if _is_b64(value):
        return "b64"
    names: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "text", type(None): "null"}
    return names.get(type(value), "object")


def _integers(values: list[int], where: str) -> Array:
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(values, dtype)
        except OverflowError:
            continue
    raise UnusableInput("an integer beyond 64 bits", subject=where)


def _is_b64(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"b64"}


def _bytes(value: Any, where: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnusableInput("a b64 value is not base64", subject=where) from error
