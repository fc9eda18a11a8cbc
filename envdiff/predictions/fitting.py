"""Rows from elsewhere made to fit a signature, or an error that says which input wanted what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import UnusableInput
from envdiff.predictions.dtypes import dtype_name, dtype_of, is_text
from envdiff.predictions.rows import InputSpec, Rows

Array = NDArray[Any]


def fit_rows(arrays: Mapping[str, Array], inputs: tuple[InputSpec, ...], origin: str) -> Rows:
    """One array for each input, by name; a lone array fits a lone input whatever it is called.

    Numbers are cast to the input's dtype when that is what a client of the model would send: integers without a
    change of value, floats rounded (which is noted). Raises UnusableInput otherwise.
    """
    if not inputs:
        return Rows(dict(arrays), tuple(arrays), origin)
    chosen, notes = _by_name(arrays, inputs, origin)
    fitted: dict[str, Array] = {}
    for spec in inputs:
        fitted[spec.name] = _fit(chosen[spec.name], spec, origin, notes)
    by_row = tuple(spec.name for spec in inputs if spec.open_rows)
    counts = {name: len(fitted[name]) for name in by_row}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UnusableInput(f"the inputs do not have the same number of rows: {listed}", subject=origin)
    if by_row and not counts[by_row[0]]:
        raise UnusableInput("no rows", subject=origin)
    return Rows(fitted, by_row, origin, tuple(notes))


def _by_name(
    arrays: Mapping[str, Array], inputs: tuple[InputSpec, ...], origin: str
) -> tuple[dict[str, Array], list[str]]:
    if len(inputs) == len(arrays) == 1:
        name, array = next(iter(arrays.items()))
        wanted = inputs[0].name
        renamed = [f"{name} is used as input {wanted}"] if name not in (wanted, "values") else []
        return {wanted: array}, renamed
    missing = [spec for spec in inputs if spec.name not in arrays]
    if len(inputs) == 1 and missing:
        table = _as_matrix(arrays, inputs[0])
        if table is not None:
            return {inputs[0].name: table}, [
                f"{len(arrays)} columns, in their order, are used as input {inputs[0].name}"
            ]
    if missing:
        wanted = "; ".join(f"{spec.name} ({spec.words()})" for spec in missing)
        there = ", ".join(f"{name} ({_words(array)})" for name, array in arrays.items())
        raise UnusableInput(f"no rows for input {wanted}", subject=origin, hint=f"the file has: {there}")
    surplus = [name for name in arrays if name not in {spec.name for spec in inputs}]
    notes = [f"not an input, left out: {', '.join(surplus)}"] if surplus else []
    return {spec.name: arrays[spec.name] for spec in inputs}, notes


def _as_matrix(arrays: Mapping[str, Array], spec: InputSpec) -> Array | None:
    """Columns of a table as one input of (rows, columns), when their number is what the input wants."""
    fits = spec.shape is not None and len(spec.shape) == 2 and spec.shape[1] in (None, len(arrays))
    columns = list(arrays.values())
    if not fits or any(
        column.ndim != 1 or is_text(column.dtype) or len(column) != len(columns[0]) for column in columns
    ):
        return None
    return np.stack([column.astype(np.float64) for column in columns], axis=1)


def _fit(array: Array, spec: InputSpec, origin: str, notes: list[str]) -> Array:
    wanted = dtype_of(spec.dtype)
    array = _cast(array, wanted, spec, origin, notes)
    if spec.shape is None or _shape_fits(array.shape, spec.shape):
        return array
    if _shape_fits((*array.shape, 1), spec.shape):
        notes.append(f"input {spec.name}: an axis of length 1 was added")
        return array[..., None]
    hint = "one row alone still needs its first axis" if _shape_fits((1, *array.shape), spec.shape) else None
    raise UnusableInput(f"input {spec.name} wants {spec.words()}, given {_words(array)}", subject=origin, hint=hint)


def _shape_fits(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(given) == len(wanted) and all(w is None or g == w for g, w in zip(given, wanted, strict=True))


def _words(array: Array) -> str:
    return f"{dtype_name(array)} of shape [{', '.join(map(str, array.shape))}]"


def _cast(array: Array, wanted: np.dtype[Any], spec: InputSpec, origin: str, notes: list[str]) -> Array:
    if wanted.kind == "O":
        if not is_text(array.dtype):
            raise _wrong(array, spec, origin)
        return _as_bytes(array)
    if array.dtype == wanted:
        return array
    if is_text(array.dtype) or (array.dtype.kind == "c" and wanted.kind != "c"):
        raise _wrong(array, spec, origin)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = array.astype(wanted)
        same = _same(array, cast)
    if wanted.kind in "iub" and not same:
        raise _wrong(array, spec, origin, "some values have no equal in that dtype")
    if not same:
        notes.append(f"input {spec.name}: {array.dtype.name} rounded to {wanted.name}")
    return cast


def _same(array: Array, cast: Array) -> bool:
    if array.dtype.kind in "iu" and cast.dtype.kind in "iu":
        return (
            bool(np.all(array.astype(object) == cast.astype(object)))
            if array.size < 1 << 16
            else _in_range(array, cast)
        )
    wide = np.complex128 if "c" in (array.dtype.kind, cast.dtype.kind) else np.float64
    first, second = array.astype(wide), cast.astype(wide)
    return bool(np.all((first == second) | (np.isnan(first) & np.isnan(second))))


def _in_range(array: Array, cast: Array) -> bool:
    limits = np.iinfo(cast.dtype)
    return int(array.min()) >= limits.min and int(array.max()) <= limits.max


def _wrong(array: Array, spec: InputSpec, origin: str, why: str = "") -> UnusableInput:
    message = f"input {spec.name} wants {spec.words()}, given {_words(array)}"
    return UnusableInput(f"{message}: {why}" if why else message, subject=origin)


def _as_bytes(array: Array) -> Array:
    result = np.empty(array.size, object)
    result[:] = [value.encode() if isinstance(value, str) else bytes(value) for value in array.reshape(-1).tolist()]
    return result.reshape(array.shape)
