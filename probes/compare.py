#!/usr/bin/env python
"""How far two answers that trial.py wrote are apart. NumPy only; Python >= 3.6.

    python compare.py ONE OTHER [--expect same|different] [--within SHARE]

ONE and OTHER are names: answers/NAME.npz is what a run answered, cases/NAME.json its specification, whose "shows" says
what such a run must read of itself: {path: value}. SHARE of an output's range is what answers may be apart and still be
the same; 0: not a bit.

Status: 0 as expected, 1 not as expected, 2 a run gave no answer.
"""

from __future__ import print_function

import argparse
import json
import os
import sys

import numpy as np


class NoAnswer(Exception):
    """Why there is nothing to compare."""


# ---------------------------------------------------------------- reading


def read(name):
    """({"CALL/OUTPUT": array}, meta) of one run. Text is compared byte by byte; bfloat16 arrives as float32."""
    path = os.path.join("answers", name + ".npz")
    if not os.path.exists(path):
        raise NoAnswer("%s was not run" % name)
    with np.load(path, allow_pickle=False) as members:
        index = json.loads(members["index"].tobytes().decode("utf-8"))
        arrays = [(entry["call"], entry["name"], load(entry, members)) for entry in index["arrays"]]
    if "error" in index["meta"]:
        raise NoAnswer("%s gave no answer: %s" % (name, index["meta"]["error"]))
    # A call that is made alone is compared with any other one.
    one_call = len({call for call, _, _ in arrays}) == 1
    return {output if one_call else "%s/%s" % (call, output): array for call, output, array in arrays}, index["meta"]


def load(entry, members):
    data, shape = members[entry["data"]], tuple(entry["shape"])
    if entry["dtype"] == "string":
        raw, texts, start = data.tobytes(), [], 0
        for length in members[entry["lengths"]].tolist():
            texts.append(raw[start : start + length])
            start += length
        array = np.empty(len(texts), object)
        array[:] = texts
        return array.reshape(shape)
    if entry["dtype"] == "bfloat16":
        data = (data.astype(np.uint32) << 16).view(np.float32)
    return data.reshape(shape)


def pairs(one, other):
    """[(name, array, array)]; two outputs that alone are left over belong together: Keras 2 and 3 name them apart."""
    found = [(name, one[name], other[name]) for name in sorted(one) if name in other]
    left, right = sorted(set(one) - set(other)), sorted(set(other) - set(one))
    if len(left) == len(right) == 1:
        return found + [("%s and %s" % (left[0], right[0]), one[left[0]], other[right[0]])]
    return found + [(name, one.get(name), other.get(name)) for name in left + right]


# ---------------------------------------------------------------- comparing

SAME = "the same, bit for bit"


def distance(left, right):
    """(relative to the range, in words); 0 for equal bits, infinite where there is no number."""
    if left is None or right is None:
        return float("inf"), "one side has no such output"
    if left.shape != right.shape or left.dtype != right.dtype:
        return float("inf"), "%s %s against %s %s" % (left.dtype, left.shape, right.dtype, right.shape)
    if left.dtype.kind == "O":
        changed = sum(a != b for a, b in zip(left.ravel().tolist(), right.ravel().tolist()))  # noqa: B905 - Python 3.6
        return (float("inf"), "%d of %d texts differ" % (changed, left.size)) if changed else (0.0, SAME)
    if left.tobytes() == right.tobytes():
        return 0.0, SAME
    return numbers(left, right)


def numbers(left, right):
    kind = np.complex128 if left.dtype.kind == "c" else np.float64
    left, right = left.astype(kind), right.astype(kind)
    with np.errstate(all="ignore"):
        apart = np.where(left == right, 0.0, np.abs(left - right))
    apart[np.isnan(left) & np.isnan(right)] = 0.0
    largest = float("inf") if np.isnan(apart).any() else float(apart.max())
    values = np.concatenate([left.ravel(), right.ravel()])
    values = values[np.isfinite(values)]
    values = np.abs(values) if kind is np.complex128 else values
    width = float(values.max() - values.min()) if values.size else 0.0
    relative = largest / width if width else (0.0 if largest == 0.0 else float("inf"))
    words = "differs by up to %.2g (%.2g of its range), in %d of %d numbers"
    return relative, words % (largest, relative, np.count_nonzero(apart), apart.size) + flips(left, right)


def flips(left, right):
    if left.ndim != 2 or left.shape[1] < 2 or left.dtype.kind == "c":
        return ""
    changed = int((left.argmax(axis=1) != right.argmax(axis=1)).sum())
    return "; %d of %d labels flip" % (changed, len(left))


# ---------------------------------------------------------------- what ran


def described(name, meta):
    versions = meta.get("tensorflow") or {}
    facts = (meta.get("evidence") or {}).get("facts") or {}
    parts = ["%s %s" % (title, versions[key]) for title, key in PARTS if versions.get(key)]
    return "%-6s %s" % (name + ":", ", ".join(parts + [str(facts.get("cpu.model", "an unknown processor"))]))


PARTS = (("TensorFlow", "tensorflow"), ("Keras", "keras"), ("NumPy", "numpy"), ("Python", "python"))


def otherwise(name, meta):
    """What a run shows of itself that is not as it was where this was measured."""
    with open(os.path.join("cases", name + ".json")) as file:
        shows = json.load(file).get("shows") or {}
    facts = (meta.get("evidence") or {}).get("facts") or {}
    for path in sorted(shows):
        if facts.get(path) != shows[path]:
            yield "note: %s runs with %s = %s; it was %s where this was measured" % (
                name, path, said(facts.get(path)), said(shows[path]),
            )  # fmt: skip


def said(value):
    return "nothing" if value is None else value


def main(words):
    parser = argparse.ArgumentParser(description="How far two answers are apart.")
    parser.add_argument("names", nargs=2, metavar="NAME")
    parser.add_argument("--expect", choices=["same", "different"])
    parser.add_argument("--within", type=float, default=0.0, metavar="SHARE")
    options = parser.parse_args(words)
    try:
        (one, one_meta), (other, other_meta) = (read(name) for name in options.names)
    except NoAnswer as error:
        print(error)
        return 2
    for name, meta in zip(options.names, (one_meta, other_meta)):  # noqa: B905 - Python 3.6
        print(described(name, meta))
        for line in otherwise(name, meta):
            print(line)
    found = [(name,) + distance(left, right) for name, left, right in pairs(one, other)]
    for name, _, told in found:
        print("  %s: %s" % (name, told))
    bits = all(told == SAME for _, _, told in found)
    same = bits if options.within == 0 else all(relative <= options.within for _, relative, _ in found)
    how = "bit for bit" if bits else "within %.2g of the range" % options.within
    print("%s and %s answer %s" % (tuple(options.names) + ("alike, %s" % how if same else "differently",)))
    return 0 if options.expect in (None, "same" if same else "different") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
