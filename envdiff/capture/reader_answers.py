"""The shape of each answer of the reader. It runs where the subject runs, so what it says is a stranger's word."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.fingerprint import from_document

KINDS = ("server", "tensorflow", "python", "other")

Check = Callable[[Any], bool]


def is_right(op: str, answer: Mapping[str, Any]) -> bool:
    """Whether ``answer`` is one to ``op``."""
    right = _has(**_SHAPES.get(op, {}))(answer)
    return right and (op not in ("fingerprint", "full") or _is_fingerprint(answer))


def _is_fingerprint(answer: Mapping[str, Any]) -> bool:
    try:
        from_document(answer, "an answer")
    except UnusableInput:
        return False
    return True


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _number(value: Any) -> bool:
    return _whole(value) or (isinstance(value, float) and abs(value) < 1e15)


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _texts_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _has(**fields: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(k in value and check(value[k]) for k, check in fields.items())


def _entry(value: Any) -> bool:
    checks = (_text, _text, _whole, _number)
    return isinstance(value, list) and len(value) == 4 and all(c(v) for c, v in zip(checks, value, strict=True))


def _base64(value: Any) -> bool:
    try:
        return _text(value) and base64.b64decode(value, validate=True) is not None
    except (binascii.Error, ValueError):
        return False


_PROCESS = _has(pid=_whole, kind=lambda kind: kind in KINDS, readable=_truth, python=_truth)
_SHAPES: Mapping[str, Mapping[str, Check]] = {
    "find": {"processes": _list_of(_PROCESS)},
    "process": {
        "words": lambda words: _list_of(_text)(words) and bool(words),
        "binary": _text,
        "folder": _text,
        "started": _or_none(_number),
        "cpus": _or_none(_whole),
        "environment": _texts_by_name,
    },
    "read": {"data": _base64},
    "tree": {"entries": _list_of(_entry), "cut": _truth},
    "packages": {"packages": _texts_by_name},
    "fingerprint": {"unread": lambda value: isinstance(value, dict), "withheld": lambda value: isinstance(value, dict)},
}
