"""Answers inside a fingerprint: JSON in, JSON out. Arrays are little-endian bytes in base64, so no digit is lost."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envdiff.errors import UnusableInput
from envdiff.predictions.answers import Answers, Call, Outputs
from envdiff.predictions.dtypes import dtype_name, dtype_of, is_text
from envdiff.predictions.measured import Steady

Array = NDArray[Any]
LARGEST = 24 * 2**20  # bytes of all arrays together: a fingerprint is made to be attached to a ticket
MOST_ARRAYS = 10_000

# How a side agrees with itself, in the words of rules and reports.
STEADINESS = {
    Steady.STEADY: "stable",
    Steady.CALL_TO_CALL: "call-to-call",
    Steady.CONCURRENT: "concurrent",
    Steady.BATCH: "single-vs-batch",
    Steady.NOT_ASKED: "not-asked",
}


def to_document(answers: Answers) -> dict[str, Any]:
    """``answers`` as the ``outputs`` of a fingerprint. Raises :class:`UnusableInput` when they are too large for one."""
    size = sum(array.nbytes for outputs in answers.calls.values() for array in outputs.values())
    if size > LARGEST:
        raise UnusableInput(
            f"the answers take {size / 2**20:.0f} MB, too much for a fingerprint",
            hint="ask with fewer rows, or keep them beside it with --answers FILE",
        )
    calls = {
        call: {name: _encoded(array) for name, array in outputs.items()} for call, outputs in answers.calls.items()
    }
    return {**_about(answers), "calls": calls}


def kept_elsewhere(answers: Answers, file: str) -> dict[str, Any]:
    """The same without the arrays, which are in ``file`` beside the fingerprint."""
    return {**_about(answers), "kept_in": file}


def _about(answers: Answers) -> dict[str, Any]:
    return {
        "way": answers.way,
        "signature": answers.signature,
        "rows_digest": answers.rows_digest,
        "errors": dict(answers.errors),
        "notes": list(answers.notes),
        "served_before": [list(pair) for pair in answers.served_before],
        "served_after": [list(pair) for pair in answers.served_after],
        "versions": list(answers.versions),
    }


def from_document(document: Mapping[str, Any], subject: str) -> Answers:
    """Answers that :func:`to_document` wrote; raises :class:`UnusableInput` for anything that does not add up."""
    try:
        calls = {
            str(call): {str(name): _decoded(one) for name, one in outputs.items()}
            for call, outputs in document["calls"].items()
        }
        if sum(map(len, calls.values())) > MOST_ARRAYS:
            raise UnusableInput("its answers hold too many arrays", subject=subject)
        return Answers(
            way=str(document["way"]),
            calls=calls,
            rows_digest=str(document["rows_digest"]),
            signature=str(document.get("signature", "")),
            errors={str(call): str(why) for call, why in document.get("errors", {}).items()},
            notes=tuple(map(str, document.get("notes", ()))),
            served_before=_pairs(document.get("served_before", ())),
            served_after=_pairs(document.get("served_after", ())),
            versions=tuple(int(number) for number in document.get("versions", ())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise UnusableInput(f"its answers are damaged: {error}", subject=subject, hint="capture again") from error


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(version), str(state)) for version, state in pairs)


def _encoded(array: Array) -> dict[str, Any]:
    array = np.asarray(array)
    about = {"dtype": dtype_name(array), "shape": list(array.shape)}
    if is_text(array.dtype):
        texts = [one.encode() if isinstance(one, str) else bytes(one) for one in array.reshape(-1).tolist()]
        return {**about, "texts": [base64.b64encode(text).decode() for text in texts]}
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return {**about, "data": base64.b64encode(np.ascontiguousarray(little).tobytes()).decode()}


def _decoded(one: Mapping[str, Any]) -> Array:
    shape = tuple(int(size) for size in one["shape"])
    if min(shape, default=0) < 0 or prod(shape) > LARGEST:
        raise ValueError(f"a shape of {list(shape)[:8]}")
    if "texts" in one:
        texts = [base64.b64decode(text, validate=True) for text in one["texts"]]
        if len(texts) != prod(shape):
            raise ValueError(f"{len(texts)} texts for a shape of {list(shape)[:8]}")
        array = np.empty(len(texts), object)
        array[:] = texts
        return array.reshape(shape)
    kind = dtype_of(str(one["dtype"]))
    raw = base64.b64decode(one["data"], validate=True)
    if len(raw) != prod(shape) * kind.itemsize:
        raise ValueError(f"{len(raw)} bytes for {one['dtype']} {list(shape)[:8]}")
    return np.frombuffer(raw, kind).reshape(shape)


def facts_of(answers: Answers, rows: int, origin: str) -> dict[str, Any]:
    """What rules may ask about the answers, as flat facts."""
    facts: dict[str, Any] = {
        "answers.way": answers.way,
        "answers.signature": answers.signature,
        "answers.rows_digest": answers.rows_digest,
        "answers.rows": rows,
        "answers.rows_from": "signature" if origin.startswith("made from") else "file",
        "answers.steadiness": STEADINESS[answers.steadiness.steady],
        "answers.calls": sorted(answers.calls),
        "answers.swapped": answers.swapped_while_asked,
    }
    served = sorted({version for version, state in answers.served_after if state == "AVAILABLE"})
    return facts | ({"answers.served": served} if served else {})


def steadiness_of(left: Answers, right: Answers) -> str:
    """One word for both sides, the worst of the two, as rules and the ranking read it."""
    order = (Steady.CALL_TO_CALL, Steady.CONCURRENT, Steady.BATCH, Steady.STEADY, Steady.NOT_ASKED)
    return STEADINESS[min((side.steadiness.steady for side in (left, right)), key=order.index)]


def main_outputs(answers: Answers) -> Outputs:
    """The answers that stand for this side."""
    return answers.calls.get(Call.BATCH) or answers.calls.get(Call.SINGLE) or {}
