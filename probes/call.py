#!/usr/bin/env python
"""Calls a user's function on rows and writes what it makes. NumPy only; Python >= 3.6.

    python call.py --function MODULE:FUNCTION --rows rows.npz --out made.npz

Modules are found in the working directory first. The files are those of predict.py, which lies beside this one. The
function gets one array for a lone input, else a dict. It returns an array or a dict of arrays, or yields
(step name, array or dict of arrays) pairs. What it prints goes to standard error.
"""

from __future__ import print_function

import argparse
import importlib
import os
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import predict  # noqa: E402

sys.path[0] = os.getcwd()  # the user's modules, not this folder's, are found first


def steps_of(made):
    """(step name, {array name: array}) of whatever the function gave."""
    if hasattr(made, "__next__"):
        for pair in made:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise TypeError("a step must be a (name, array) pair, not %r" % type(pair).__name__)
            yield pair[0], arrays_of(pair[1])
        return
    yield "result", arrays_of(made)


def arrays_of(made):
    import numpy as np

    if isinstance(made, dict):
        return {str(name): np.asarray(array) for name, array in made.items()}
    return {"values": np.asarray(made)}


def run(name, rows):
    """(answers for the file, what is told)."""
    module, _, function = name.partition(":")
    answers, order = [], []
    try:
        target = importlib.import_module(module)
        for part in function.split("."):
            target = getattr(target, part)
        given = next(iter(rows.values())) if len(rows) == 1 else dict(rows)
        for step, arrays in steps_of(target(given)):
            label = step if step not in order else "%s#%d" % (step, order.count(step) + 1 + len(order))
            order.append(label)
            answers.extend((label, array_name, array) for array_name, array in arrays.items())
    except Exception:  # noqa: BLE001 - the user's function can fail in any way, and must see its own traceback
        return answers, {"steps": order, "error": traceback.format_exc(limit=-6)}
    return answers, {"steps": order}


def main(arguments):
    parser = argparse.ArgumentParser(description="Call a function on rows.")
    parser.add_argument("--function", required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--out", required=True)
    options = parser.parse_args(arguments)
    rows, _ = predict.read_rows(options.rows)
    sys.stdout = sys.stderr
    answers, told = run(options.function, rows)
    told["made_by"] = predict.versions()
    predict.write_answers(options.out, answers, told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
