#!/usr/bin/env python
"""One run of a model as a specification says, with the evidence of what was really in force. Python >= 3.6.

    python trial.py SPECIFICATION.json

Needs predict.py and envprobe.py beside it, TensorFlow and NumPy. The specification is one JSON object:

    model, rows, out   paths; rows and out are archives as predict.py describes them
    way                signature, session, keras, keras_eager (the rebuilt Keras model, called without predict()), or
                       function (the signature inside a tf.function of one's own)
    calls              of: single, batch, batch_again, concurrent
    signature, tags    as for predict.py
    set                {name: value} through TensorFlow's own functions: see SETTERS
    jit_compile        compile the call with XLA
    cast, digits       the rows pass through this dtype, or through decimal text with so many significant digits
    cpus, memory       processors this process may use; bytes it may allocate
    allow_code         whether a Keras file may run code that it brings along

meta["evidence"] of the answers is the fingerprint that this very process gives of itself after the last call,
meta["error"] why there are no answers. Nothing is written to standard output.
"""

from __future__ import print_function

import json
import os
import sys


class Options(object):
    """What the functions of predict.py want to know, by attribute."""

    def __init__(self, spec):
        self.model = spec["model"]
        self.signature = spec.get("signature") or "serving_default"
        self.tags = spec.get("tags") or []
        self.allow_code = bool(spec.get("allow_code"))


# ---------------------------------------------------------------- before TensorFlow


def limit(spec):
    """Processors and memory, before a library counts the ones or takes the other; and an end with whoever started it."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: no trial outlives its search
    if spec.get("cpus"):
        os.sched_setaffinity(0, spec["cpus"])
    if spec.get("memory"):
        import resource

        # Not the address space: TensorFlow maps far more of it than it uses.
        resource.setrlimit(resource.RLIMIT_DATA, (spec["memory"], spec["memory"]))


# ---------------------------------------------------------------- TensorFlow's own switches


def set_grappler(tf, name, value):
    tf.config.optimizer.set_experimental_options({name: value})


def set_policy(tf, value):
    mixed = getattr(tf.keras.mixed_precision, "set_global_policy", None)
    (mixed or tf.keras.mixed_precision.experimental.set_policy)(value)


def set_determinism(tf, value):
    if value:
        tf.config.experimental.enable_op_determinism()


# By the path of the fact that shows the result.
SETTERS = {
    "runtime.threads.intra": lambda tf, value: tf.config.threading.set_intra_op_parallelism_threads(value),
    "runtime.threads.inter": lambda tf, value: tf.config.threading.set_inter_op_parallelism_threads(value),
    "runtime.jit": lambda tf, value: tf.config.optimizer.set_jit(value or False),
    "runtime.op_determinism": set_determinism,
    "runtime.tf32": lambda tf, value: tf.config.experimental.enable_tensor_float_32_execution(value),
    "runtime.soft_placement": lambda tf, value: tf.config.set_soft_device_placement(value),
    "runtime.run_eagerly": lambda tf, value: tf.config.run_functions_eagerly(value),
    "runtime.global_seed": lambda tf, value: tf.random.set_seed(value),
    "keras.dtype_policy": set_policy,
    "keras.floatx": lambda tf, value: tf.keras.backend.set_floatx(value),
    "keras.image_data_format": lambda tf, value: tf.keras.backend.set_image_data_format(value),
}
GRAPPLER = "runtime.grappler."


def apply_settings(wanted):
    if not wanted:
        return
    import tensorflow as tf

    for path in sorted(wanted):
        if path.startswith(GRAPPLER):
            set_grappler(tf, path[len(GRAPPLER) :], wanted[path])
        else:
            SETTERS[path](tf, wanted[path])


# ---------------------------------------------------------------- rows


def altered(rows, spec):
    """The rows as a coarser transport would deliver them."""
    cast, digits = spec.get("cast"), spec.get("digits")
    return {name: coarser(array, cast, digits) for name, array in rows.items()} if cast or digits else rows


def coarser(array, cast, digits):
    import numpy as np

    if array.dtype.kind != "f":
        return array
    if cast:
        array = array.astype(cast).astype(array.dtype)
    if digits:
        texts = ["%.*g" % (digits, number) for number in array.reshape(-1).tolist()]
        array = np.array([float(text) for text in texts], array.dtype).reshape(array.shape)
    return array


# ---------------------------------------------------------------- asking


def caller(spec, predict):
    """call({input: array}, rows) -> {output: array} for the way that was asked for."""
    options, way = Options(spec), spec.get("way") or "signature"
    if way == "keras_eager":
        return eager_keras(options, predict)
    if way == "function":
        return wrapped(predict.WAYS["signature"](options)[1], options, predict)
    call, kept = predict.WAYS[way](options)
    if spec.get("jit_compile"):
        if way != "signature":
            raise predict.Refused("only a signature can be compiled with XLA from outside")
        return wrapped(kept, options, predict, jit_compile=True)
    return call, kept


def eager_keras(options, predict):
    import tensorflow as tf

    _, model = predict.keras_caller(options)
    names = [tensor.name.split(":")[0] for tensor in model.inputs]
    labels = list(getattr(model, "output_names", None) or [])

    def call(rows, _count):
        given = predict.keras_inputs(rows, names)
        found = model(tf.nest.map_structure(tf.constant, given), training=False)
        if isinstance(found, dict):
            return {name: tensor.numpy() for name, tensor in found.items()}
        found = found if isinstance(found, (list, tuple)) else [found]
        if len(labels) != len(found):
            return {"output_%d" % number: tensor.numpy() for number, tensor in enumerate(found)}
        return {name: tensor.numpy() for name, tensor in zip(labels, found)}  # noqa: B905 - not before Python 3.10

    return call, model


def wrapped(loaded, options, predict, **more):
    import tensorflow as tf

    signature = predict.pick(loaded.signatures, options.signature)
    function = tf.function(lambda **rows: signature(**rows), **more)
    dtypes = {name: spec.dtype for name, spec in signature.structured_input_signature[1].items()}

    def call(rows, _count):
        feed = {name: tf.constant(predict.as_input(array, None), dtypes.get(name)) for name, array in rows.items()}
        return {name: tensor.numpy() for name, tensor in function(**feed).items()}

    return call, loaded


def ask(call, rows, by_row, wanted, predict):
    """[(call, output, array)] for the calls that are wanted, in their order."""
    import numpy as np

    count = len(rows[by_row[0]]) if by_row else 0
    answers = []
    for label in wanted:
        if label == "single":
            singles = [call(predict.one_row(rows, by_row, number), 1) for number in range(count)]
            found = dict(predict.joined(singles, np)) if singles else {}
        elif label == "concurrent":
            found = concurrently(call, rows, count)
        else:
            found = call(rows, count)
        answers.extend((label, name, array) for name, array in sorted(found.items()))
    return answers


def concurrently(call, rows, count):
    """Eight calls at the same time: an answer that stands alone among them, or the first."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: call(rows, count), range(8)))
    keys = [tuple((name, array.tobytes()) for name, array in sorted(one.items())) for one in found]
    rare = min(range(len(found)), key=lambda number: (keys.count(keys[number]), number))
    return found[rare]


# ---------------------------------------------------------------- main


def run(spec, predict):
    """The answers; raises whatever the model raises."""
    apply_settings(spec.get("set"))
    rows, by_row = predict.read_rows(spec["rows"])
    call, kept = caller(spec, predict)
    answers = ask(call, altered(rows, spec), by_row, spec["calls"], predict)
    if hasattr(kept, "close"):
        kept.close()
    return answers


def main(words):
    if len(words) != 1:
        sys.stderr.write("usage: trial.py SPECIFICATION.json\n")
        return 2
    with open(words[0]) as file:
        spec = json.load(file)
    limit(spec)
    import predict

    answers, failure = predict.attempted(lambda: run(spec, predict))
    import envprobe

    meta = dict(failure or {}, evidence=envprobe.fingerprint(label="trial"), tensorflow=predict.versions())
    predict.write_answers(spec["out"], answers or [], meta)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
