"""The file between envdiff and its scripts: an .npz of plain numbers with an index, the same in probes/predict.py.

Member ``index`` is JSON as bytes:
``{"meta": {...}, "arrays": [{"call", "name", "dtype", "shape", "data", "lengths"}]}``.
Numbers that NumPy does not know by itself are stored as unsigned integers; text as one run of bytes and its lengths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.bounded_json import loads
from envdiff.errors import WorldFailed
from envdiff.predictions.arrays import read_arrays
from envdiff.predictions.dtypes import dtype_of, is_text

Array = NDArray[Any]
Calls = dict[str, dict[str, Array]]


def write(path: Path, calls: Mapping[str, Mapping[str, Array]], meta: Mapping[str, Any]) -> None:
    members: dict[str, Array] = {}
    entries: list[dict[str, Any]] = []
    for call, arrays in calls.items():
        for name, array in arrays.items():
            entry = {"call": call, "name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
            entry.update(_store(np.asarray(array), len(entries), members))
            entries.append(entry)
    index = json.dumps({"meta": dict(meta), "arrays": entries}).encode()
    members["index"] = np.frombuffer(index, np.uint8)
    with path.open("wb") as file:
        np.savez(file, **members)  # type: ignore[arg-type]


def _store(array: Array, number: int, members: dict[str, Array]) -> dict[str, str]:
    data = f"a{number}"
    if is_text(array.dtype):
        texts = [value.encode() if isinstance(value, str) else value for value in array.reshape(-1).tolist()]
        members[data] = np.frombuffer(b"".join(texts), np.uint8)
        members[f"l{number}"] = np.array([len(text) for text in texts], np.int64)
        return {"dtype": "string", "data": data, "lengths": f"l{number}"}
    known = array.dtype.kind in "iufbc" and array.dtype.name not in ("bfloat16",)
    members[data] = array if known else array.view(f"u{array.dtype.itemsize}")
    return {"data": data}


def read(path: Path) -> tuple[Calls, dict[str, Any]]:
    """(arrays by call and name, meta). Raises WorldFailed: the file was written by a script of ours, elsewhere."""
    members = read_arrays(path)
    try:
        index = loads(members["index"].tobytes().decode("utf-8"))
        calls: Calls = {}
        for entry in index["arrays"]:
            calls.setdefault(str(entry["call"]), {})[str(entry["name"])] = _load(entry, members)
        return calls, dict(index["meta"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WorldFailed(f"the answers came back damaged: {error}", subject=str(path)) from error


def _load(entry: Mapping[str, Any], members: Mapping[str, Array]) -> Array:
    data, shape = members[entry["data"]], tuple(entry["shape"])
    if entry["dtype"] != "string":
        wanted = dtype_of(entry["dtype"])
        return (data if data.dtype == wanted else data.view(wanted)).reshape(shape)
    raw, texts, start = data.tobytes(), [], 0
    for length in members[entry["lengths"]].tolist():
        texts.append(raw[start : start + length])
        start += length
    array = np.empty(len(texts), object)
    array[:] = texts
    return array.reshape(shape)
