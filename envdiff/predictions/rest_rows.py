"""Rows as the JSON body of a REST request, and what that costs.

Measured against TensorFlow Serving's parser: float32 arrives exactly; about one float64 in eight arrives off by
one ulp, at most two; half, bfloat16 and complex numbers cannot be sent at all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import WorldFailed
from envdiff.predictions.dtypes import is_text

Array = NDArray[Any]
_SENT = "iufb"


def body_of(rows: Mapping[str, Array], count: int, form: str, signature: str) -> bytes:
    """``form`` "row": one object (or bare value) a row; "columnar": one array for each input."""
    plain = {name: _plain(name, array) for name, array in rows.items()}
    content: Any
    if form == "row":
        short = [name for name, array in rows.items() if array.ndim == 0 or len(array) != count]
        if short:
            raise WorldFailed(f"input {short[0]} has no entry for each row: the row format cannot carry it")
        only = next(iter(plain.values())) if len(plain) == 1 else None
        content = only if only is not None else [{name: plain[name][n] for name in plain} for n in range(count)]
        document = {"signature_name": signature, "instances": content}
    else:
        content = next(iter(plain.values())) if len(plain) == 1 else plain
        document = {"signature_name": signature, "inputs": content}
    return json.dumps(document, allow_nan=True).encode()


def _plain(name: str, array: Array) -> Any:
    if is_text(array.dtype):
        return _nested(array, _text)
    if array.dtype.kind not in _SENT or array.dtype.name in ("float16", "bfloat16"):
        raise WorldFailed(f"input {name} is {array.dtype.name}, which REST cannot carry", hint="ask by gRPC")
    if array.dtype == np.float32:
        # the shortest text of the float32 itself, not of its float64 value: 0.1 instead of 0.10000000149011612
        return _nested(array, lambda value: float(str(np.float32(value))))
    return array.tolist()


def _nested(array: Array, convert: Any) -> Any:
    if array.ndim == 0:
        return convert(array.item())
    flat = np.empty(array.size, object)
    flat[:] = [convert(value) for value in array.reshape(-1).tolist()]
    return flat.reshape(array.shape).tolist()


def _text(value: str | bytes) -> dict[str, str]:
    raw = value.encode() if isinstance(value, str) else value
    return {"b64": base64.b64encode(raw).decode("ascii")}


def transport_notes(rows: Mapping[str, Array]) -> list[str]:
    """What a reader must know about answers that came through JSON."""
    notes = []
    wide = [name for name, array in rows.items() if array.dtype == np.float64 and not _short_decimals(array)]
    if wide:
        notes.append(f"REST may change float64 input {', '.join(wide)} by up to 2 ulp; gRPC does not")
    if any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in rows.values()):
        notes.append("NaN and Infinity were sent as bare tokens, which is not strict JSON")
    signed = [
        name
        for name, array in rows.items()
        if array.dtype.kind == "f" and bool((np.signbit(array) & (array == 0)).any())
    ]
    if signed:
        notes.append(f"input {', '.join(signed)} has -0.0, sent as -0.0")
    return notes


def _short_decimals(array: Array) -> bool:
    """Multiples of 1/1024 below 2**10 have at most ten decimals: even a fast parser reads them exactly."""
    with np.errstate(invalid="ignore"):
        scaled = array * 1024
    return bool(np.all((scaled == np.rint(scaled)) & (np.abs(array) < 1 << 10)))
