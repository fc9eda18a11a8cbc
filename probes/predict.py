#!/usr/bin/env python
"""Loads a model, asks it about rows, writes the answers. TensorFlow and NumPy only; Python >= 3.6, TensorFlow >= 1.15.

    python predict.py --model PATH --rows rows.npz --out answers.npz [--ways signature,session,keras]
                      [--signature serving_default] [--tags serve] [--allow-code]

Both files are .npz archives of plain numbers with a member "index" (JSON as bytes):
{"meta": {...}, "arrays": [{"call", "name", "dtype", "shape", "data", "lengths"}]}. Rows have the one call "rows", and
meta["by_row"] names the inputs that hold one entry a row. Answers have the calls WAY/single (one row at a time),
WAY/batch (all rows at once) and WAY/batch_again.

A way that fails does not stop the others: meta["ways"][WAY]["error"] says why. Code that a Keras file brings along
(Lambda layers and the like) is only run with --allow-code. Nothing is written to standard output.
"""

from __future__ import print_function

import argparse
import io
import json
import os
import sys
import time
import zipfile

CODE_CLASSES = {"Lambda": "a Lambda layer", "__lambda__": "a serialised function"}
# "builtins" is where Keras says that plain functions, named and not brought along, come from.
KERAS_MODULES = ("keras", "tf_keras", "tensorflow", "keras_nlp", "keras_cv", "keras_hub", "builtins")
NOT_LOADED = ("compile_config", "build_config")
UNSIGNED = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


class Refused(Exception):
    """A reason for not doing something, in words."""


# ---------------------------------------------------------------- files


def read_rows(path):
    """({input: array}, [inputs with one entry a row]); text arrives as arrays of bytes objects."""
    import numpy as np

    with np.load(path, allow_pickle=False) as members:
        index = json.loads(members["index"].tobytes().decode("utf-8"))
        rows = {entry["name"]: load_array(entry, members) for entry in index["arrays"]}
    return rows, index["meta"]["by_row"]


def load_array(entry, members):
    import numpy as np

    data, shape = members[entry["data"]], tuple(entry["shape"])
    if entry["dtype"] == "string":
        raw, start, texts = data.tobytes(), 0, np.empty(len(members[entry["lengths"]]), object)
        for number, length in enumerate(members[entry["lengths"]].tolist()):
            texts[number] = raw[start : start + length]
            start += length
        return texts.reshape(shape)
    if data.dtype.name != entry["dtype"]:
        import tensorflow as tf

        data = data.view(tf.as_dtype(entry["dtype"]).as_numpy_dtype)
    return data.reshape(shape)


def write_answers(path, answers, meta):
    """``answers``: [(call, name, array)]."""
    import numpy as np

    members, entries = {}, []
    for number, (call, name, array) in enumerate(answers):
        array = np.asarray(array)
        entry = {
            "call": call,
            "name": name,
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "data": "a%d" % number,
        }
        if array.dtype.kind in "OSU":
            texts = [item if isinstance(item, bytes) else str(item).encode("utf-8") for item in array.reshape(-1)]
            entry.update(dtype="string", lengths="l%d" % number)
            members[entry["lengths"]] = np.array([len(text) for text in texts], np.int64)
            array = np.frombuffer(b"".join(texts), np.uint8)
        elif array.dtype.kind not in "iufbc" or array.dtype.name == "bfloat16":
            array = np.ascontiguousarray(array).view(UNSIGNED[array.dtype.itemsize])
        members[entry["data"]] = array
        entries.append(entry)
    index = json.dumps({"meta": meta, "arrays": entries}).encode("utf-8")
    members["index"] = np.frombuffer(index, np.uint8)
    partial = path + ".partial"
    with io.open(partial, "wb") as file:
        np.savez(file, **members)
    os.rename(partial, path)


# ---------------------------------------------------------------- asking


clock = getattr(time, "monotonic", time.time)  # setting the machine's clock must not show


def one_row(rows, by_row, number):
    return {name: array[number : number + 1] if name in by_row else array for name, array in rows.items()}


def ask(call, rows, by_row):
    """(answers, seconds) of one way: ``call({input: array}, rows)`` answers {output: array}."""
    import numpy as np

    count = len(rows[by_row[0]]) if by_row else 0
    answers, seconds = [], {}
    if count > 0:
        began = clock()
        singles = []
        for number in range(count):
            singles.append(call(one_row(rows, by_row, number), 1))
        seconds["single"] = clock() - began
        answers.extend(("single", name, array) for name, array in joined(singles, np))
    for label in ("batch", "batch_again"):
        began = clock()
        found = call(rows, count)
        seconds[label] = clock() - began
        answers.extend((label, name, array) for name, array in sorted(found.items()))
    return answers, seconds


def joined(singles, np):
    """One array for each output; rows whose answers do not fit together stay apart as NAME[row]."""
    for name in sorted(singles[0]):
        parts = [np.asarray(one[name]) for one in singles]
        if all(part.ndim and part.shape[0] == 1 and part.shape == parts[0].shape for part in parts):
            yield name, np.concatenate(parts)
        else:
            for number, part in enumerate(parts):
                yield "%s[%d]" % (name, number), part


def signature_caller(options):
    """The signature function of tf.saved_model.load: what a Python client of the export runs."""
    tf = tensorflow()
    if not tf.executing_eagerly():
        tf.compat.v1.enable_eager_execution()
    loaded = tf.compat.v2.saved_model.load(options.model, tags=options.tags or None)
    function = pick(loaded.signatures, options.signature)
    dtypes = {name: spec.dtype for name, spec in function.structured_input_signature[1].items()}

    def call(rows, _count):
        feed = {name: tf.constant(as_input(array, dtypes.get(name)), dtypes.get(name)) for name, array in rows.items()}
        return {name: tensor.numpy() for name, tensor in function(**feed).items()}

    return call, loaded


def session_caller(options):
    """A Session on the loaded graph: what a model server runs."""
    tf = tensorflow()
    v1 = tf.compat.v1
    graph = tf.Graph()
    session = v1.Session(graph=graph)
    with graph.as_default():
        loaded = v1.saved_model.loader.load(session, options.tags or ["serve"], options.model)
    signature = pick(loaded.signature_def, options.signature)
    feeds = {name: info.name for name, info in signature.inputs.items()}
    fetches = {name: info.name for name, info in signature.outputs.items() if info.name}
    if not fetches or not all(feeds.values()):
        raise Refused("the signature has inputs or outputs that are not plain tensors")

    def call(rows, _count):
        return session.run(fetches, {feeds[name]: as_input(array, None) for name, array in rows.items()})

    return call, session


def keras_caller(options):
    """predict() of the model that Keras rebuilds from a Keras file."""
    code = code_in_keras_file(options.model)
    if code and not options.allow_code:
        raise Refused("the file brings code along (%s), which is only run with --allow-code" % code)
    keras = keras_module()
    arguments = {"compile": False}
    if options.allow_code and "safe_mode" in parameters_of(keras.models.load_model):
        arguments["safe_mode"] = False
    model = keras.models.load_model(options.model, **arguments)
    names = [tensor.name.split(":")[0] for tensor in model.inputs]
    outputs = list(getattr(model, "output_names", None) or [])

    def call(rows, count):
        found = model.predict(keras_inputs(rows, names), batch_size=max(count, 1), verbose=0)
        if isinstance(found, dict):
            return found
        found = found if isinstance(found, (list, tuple)) else [found]
        labels = outputs if len(outputs) == len(found) else ["output_%d" % number for number in range(len(found))]
        return dict(zip(labels, found))  # noqa: B905 - no "strict" before Python 3.10

    return call, model


def keras_inputs(rows, names):
    if len(rows) == 1:
        return next(iter(rows.values()))
    if set(names) == set(rows):
        return [rows[name] for name in names]
    if len(names) == len(rows):
        raise Refused("the model's inputs are %s, the rows have %s" % (", ".join(names), ", ".join(sorted(rows))))
    return dict(rows)


def pick(signatures, name):
    if name in signatures:
        return signatures[name]
    raise Refused("no signature %s; there are: %s" % (name, ", ".join(sorted(signatures)) or "none"))


def as_input(array, _dtype):
    """TensorFlow takes text as lists of bytes."""
    return array.tolist() if array.dtype.kind == "O" else array


def tensorflow():
    import tensorflow as tf

    return tf


def keras_module():
    tf = tensorflow()
    try:
        keras = tf.keras
        keras.models  # noqa: B018 - loaded on demand: this is where a missing Keras shows
        return keras
    except (AttributeError, ImportError):
        import keras

        return keras


def parameters_of(function):
    import inspect

    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


# ---------------------------------------------------------------- code in Keras files


def code_in_keras_file(path):
    """What would be run as code while loading, in words; empty when nothing."""
    config = keras_config(path)
    if config is None:
        raise Refused("not a Keras file with a readable configuration")
    found = sorted(set(code_names(config)))
    return ", ".join(found)


def keras_config(path):
    """The model's configuration as parsed JSON, without Keras."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as bundle:
            if bundle.getinfo("config.json").file_size > 1 << 28:
                return None
            return json.loads(bundle.read("config.json").decode("utf-8"))
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
    if text is None:
        return None
    return json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)


def code_names(node):
    """Class names in a configuration that stand for code of the file's own or of a foreign module."""
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo.extend(one)
        if not isinstance(one, dict):
            continue
        todo.extend(value for key, value in one.items() if key not in NOT_LOADED)
        name, module = one.get("class_name"), one.get("module")
        if name in CODE_CLASSES:
            yield CODE_CLASSES[name]
        elif isinstance(module, str) and name is not None and module.split(".")[0] not in KERAS_MODULES:
            yield "%s.%s" % (module, name)


# ---------------------------------------------------------------- main

WAYS = {"signature": signature_caller, "session": session_caller, "keras": keras_caller}


def attempted(work):
    """(what it returned, None), or (None, {"error", "refused"}): a model can fail in any way, and how is an answer."""
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - see above
        reason = "%s: %s" % (type(error).__name__, first_lines(error))
        return None, {"error": reason, "refused": isinstance(error, Refused)}


def ask_one_way(way, options, rows, by_row):
    """(answers, what is told about it). Whatever goes wrong in one way is told, not raised."""

    def work():
        began = clock()
        call, kept = WAYS[way](options)
        loaded = clock() - began
        answers, seconds = ask(call, rows, by_row)
        if hasattr(kept, "close"):
            kept.close()
        return answers, {"load": loaded, "seconds": seconds}

    found, failure = attempted(work)
    if failure:
        return [], failure
    answers, told = found
    return [("%s/%s" % (way, call), name, array) for call, name, array in answers], told


def first_lines(error):
    return "\n".join(str(error).strip().splitlines()[:6])[:2000]


def is_keras_file(path):
    return os.path.isfile(path)


def default_ways(path):
    return ["keras"] if is_keras_file(path) else ["signature", "session"]


def main(arguments):
    parser = argparse.ArgumentParser(description="Ask a model about rows.")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--ways", default="")
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--tags", default="")
    parser.add_argument("--allow-code", action="store_true")
    options = parser.parse_args(arguments)
    options.tags = [tag for tag in options.tags.split(",") if tag]
    wanted = [way for way in options.ways.split(",") if way] or default_ways(options.model)
    unknown = [way for way in wanted if way not in WAYS]
    if unknown:
        parser.error("no such way: %s" % ", ".join(unknown))
    rows, by_row = read_rows(options.rows)
    answers, told = [], {}
    for way in wanted:
        found, told[way] = ask_one_way(way, options, rows, by_row)
        answers.extend(found)
    write_answers(options.out, answers, {"ways": told, "tensorflow": versions()})
    return 0


def versions():
    import numpy as np

    tf = sys.modules.get("tensorflow")
    keras = sys.modules.get("keras") or sys.modules.get("tf_keras")
    return {
        "tensorflow": str(getattr(tf, "__version__", "")),
        "keras": str(getattr(keras, "__version__", "")),
        "numpy": np.__version__,
        "python": sys.version.split()[0],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
