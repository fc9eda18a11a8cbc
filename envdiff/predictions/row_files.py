"""Rows from a file: npz, npy, JSON, JSON lines, CSV, Parquet, TFRecord of tf.train.Example."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.bounded_json import loads
from envdiff.errors import UnusableInput
from envdiff.predictions.arrays import JSON_LIMIT, read_arrays
from envdiff.predictions.fitting import fit_rows
from envdiff.predictions.json_arrays import MOST_VALUES, from_rows
from envdiff.predictions.rows import InputSpec, Rows, specs
from envdiff.predictions.tfrecord import read_examples

Array = NDArray[Any]
MOST_ROWS = 1_000_000
PARQUET_BATCH = 256  # rows
PARQUET_LIMIT = 1 << 30  # bytes of values
THRIFT_TEXT, THRIFT_ITEMS = 32 << 20, 1_000_000  # in the file's own description of itself
HINT = "rows are read from .npz, .npy, .json, .jsonl, .csv, .parquet and .tfrecord files"


def rows_from_file(
    path: Path, inputs: Iterable[tuple[str, str, Any] | InputSpec] = (), limit: int | None = None
) -> Rows:
    """Rows that fit ``inputs`` (or as they are, without); the first ``limit`` of them when given.

    Raises UnusableInput: which input, which dtype and shape it wants and what the file has.
    """
    if not path.exists():
        raise UnusableInput("no such file", subject=str(path), hint=HINT)
    wanted = specs(inputs)
    arrays = _reader(path)(path, wanted)
    if limit is not None:
        arrays = {name: array[:limit] if array.ndim else array for name, array in arrays.items()}
    return fit_rows(arrays, wanted, path.name)


def _reader(path: Path) -> Callable[[Path, tuple[InputSpec, ...]], dict[str, Array]]:
    return _READERS.get(path.suffix.lower(), _from_dump)


def _from_dump(path: Path, wanted: tuple[InputSpec, ...]) -> dict[str, Array]:  # noqa: ARG001 - readers are called alike
    return read_arrays(path)


def _from_json_lines(path: Path, wanted: tuple[InputSpec, ...]) -> dict[str, Array]:  # noqa: ARG001
    rows: list[Any] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(loads(line, most=MOST_VALUES))
        except ValueError as error:
            raise UnusableInput(f"line {number} is not JSON: {error}", subject=str(path)) from error
    if not rows:
        raise UnusableInput("no rows", subject=str(path))
    return from_rows(rows, str(path))


def _text(path: Path) -> str:
    if path.stat().st_size > JSON_LIMIT:
        raise UnusableInput(f"more than {JSON_LIMIT >> 20} MiB of text", subject=str(path), hint="use .npz or .parquet")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableInput("not UTF-8 text", subject=str(path), hint=HINT) from error
    if text.count(",") + text.count("[") + text.count("\n") > MOST_VALUES:
        raise UnusableInput(f"more than {MOST_VALUES:,} values", subject=str(path), hint="use .npz or .parquet")
    return text


def _from_csv(path: Path, wanted: tuple[InputSpec, ...]) -> dict[str, Array]:
    lines = _text(path).splitlines()
    try:
        table = list(csv.reader(lines))
    except csv.Error as error:
        raise UnusableInput(f"not CSV: {error}", subject=str(path)) from error
    table = [row for row in table if row]
    if len(table) < 2:
        raise UnusableInput("a header and at least one row are needed", subject=str(path))
    header, rows = table[0], table[1:]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UnusableInput(f"line {number} has {len(row)} cells, the header has {len(header)}", subject=str(path))
    texts = {spec.name for spec in wanted if spec.dtype.lower().removeprefix("dt_") in {"string", "str", "object"}}
    return {name: _column([row[n] for row in rows], name in texts) for n, name in enumerate(header)}


def _column(cells: list[str], text: bool) -> Array:
    """Integers, floats (an empty cell is NaN), else text."""
    for convert in () if text else (_integers, _floats):
        column = convert(cells)
        if column is not None:
            return column
    array = np.empty(len(cells), object)
    array[:] = [cell.encode() for cell in cells]
    return array


def _integers(cells: list[str]) -> Array | None:
    try:
        return np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        return None


def _floats(cells: list[str]) -> Array | None:
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells], np.float64)
    except ValueError:
        return None


def _from_parquet(path: Path, wanted: tuple[InputSpec, ...]) -> dict[str, Array]:  # noqa: ARG001
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UnusableInput(
            "Parquet needs pyarrow",
            subject=str(path),
            hint="pip install 'envdiff[rows]', or save the rows as .npz",
        ) from error
    try:
        file = pyarrow.parquet.ParquetFile(
            path, thrift_string_size_limit=THRIFT_TEXT, thrift_container_size_limit=THRIFT_ITEMS
        )
        if file.metadata.num_rows > MOST_ROWS:
            raise UnusableInput(f"more than {MOST_ROWS} rows", subject=str(path))
        table = pyarrow.Table.from_batches(_batches(file, str(path)), schema=file.schema_arrow)
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        raise UnusableInput(f"not a Parquet file that can be read: {error}", subject=str(path)) from error
    columns: dict[str, Array] = {}
    for number, name in enumerate(table.column_names):
        where = f"{path}, column {name}"
        try:
            columns[name] = _arrow_column(table.column(number), where)
        except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise UnusableInput(f"values that cannot be read: {error}", subject=where) from error
    return columns


def _batches(file: Any, subject: str) -> list[Any]:
    """Few rows at a time: a page of some bytes may stand for a million long texts."""
    batches, size = [], 0
    for batch in file.iter_batches(batch_size=PARQUET_BATCH):
        size += batch.nbytes
        if size > PARQUET_LIMIT:
            raise UnusableInput(
                f"more than {PARQUET_LIMIT >> 20} MiB of values", subject=subject, hint="take fewer rows"
            )
        batches.append(batch)
    return batches


def _arrow_column(column: Any, where: str) -> Array:
    values = column.to_pylist()
    if any(isinstance(value, list | str | bytes) for value in values):
        return _from_values(values, where)
    return np.asarray(column.to_numpy())


def _from_values(values: list[Any], where: str) -> Array:
    try:
        array = np.array(values)
    except ValueError as error:
        raise UnusableInput("lists of different lengths cannot be one input", subject=where) from error
    if array.dtype.kind in "SU" or (array.dtype.kind == "O" and all(isinstance(v, str | bytes) for v in values)):
        plain = np.empty(len(values), object)
        plain[:] = [value.encode() if isinstance(value, str) else value for value in values]
        return plain if array.ndim == 1 else array.astype(object)
    if array.dtype.kind not in "iufbc":
        raise UnusableInput("missing values or objects, which are no input", subject=where)
    return array


def _from_tfrecord(path: Path, wanted: tuple[InputSpec, ...]) -> dict[str, Array]:
    return read_examples(path, wanted, MOST_ROWS)


_READERS: dict[str, Callable[[Path, tuple[InputSpec, ...]], dict[str, Array]]] = {
    ".jsonl": _from_json_lines,
    ".ndjson": _from_json_lines,
    ".csv": _from_csv,
    ".parquet": _from_parquet,
    ".pq": _from_parquet,
    ".tfrecord": _from_tfrecord,
    ".tfrecords": _from_tfrecord,
}
