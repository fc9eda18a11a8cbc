"""Writes pairs of models that differ in one planted cause: DIRECTORY/CAUSE/{left,right}. Runs in a TensorFlow environment.

python make_causes.py DIRECTORY
"""

# This runs under old interpreters too.
# ruff: noqa: PTH103, PTH118, PTH119, PTH120, PTH123
import os
import shutil
import sys

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
SHAPE = (None, 8, 8, 3)


def weights(seed=7):
    random = np.random.RandomState(seed)
    return {
        "kernel": random.normal(0, 0.4, (3, 3, 3, 8)).astype(np.float32),
        "scale": random.uniform(0.5, 1.5, 8).astype(np.float32),
        "offset": random.normal(0, 0.1, 8).astype(np.float32),
        "mean": random.normal(0, 0.3, 8).astype(np.float32),
        "variance": random.uniform(0.5, 2, 8).astype(np.float32),
        "out": random.normal(0, 0.2, (288, 5)).astype(np.float32),
    }


def save(path, values, before=None, training=False, dropout=False, last=None):
    """Convolution, batch normalisation, dense layer, softmax; ``before`` prepares the input, ``last`` the answer."""
    module = tf.Module()
    module.kept = {name: tf.Variable(value, name=name) for name, value in values.items()}
    kept = module.kept

    def function(x):
        hidden = tf.nn.conv2d(before(x) if before else x, kept["kernel"], 1, "VALID")
        hidden = tf1.nn.fused_batch_norm(
            hidden, kept["scale"], kept["offset"],
            None if training else kept["mean"], None if training else kept["variance"], is_training=training,
        )[0]  # fmt: skip
        hidden = tf.reshape(tf.nn.relu(hidden), [-1, 288])
        if dropout:
            hidden = tf.nn.dropout(hidden, 0.4)
        answer = tf.matmul(hidden, kept["out"])
        return {"y": last(answer) if last else tf.nn.softmax(answer)}

    module.function = tf.function(function, input_signature=[tf.TensorSpec(SHAPE, tf.float32, name="x")])
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


def letters(path, encoding):
    """One number for each word in small letters: its hash among a thousand."""
    module = tf.Module()
    module.call = tf.function(
        lambda text: {"bucket": tf.strings.to_hash_bucket_fast(tf.strings.lower(text, encoding=encoding), 1000)},
        input_signature=[tf.TensorSpec([None], tf.string, name="text")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.call})


def lookup(path, words):
    file = os.path.join(os.path.dirname(path), os.path.basename(path) + "-words.txt")
    with open(file, "w") as stream:
        stream.write("\n".join(words) + "\n")
    index = tf.lookup.TextFileIndex
    table = tf.lookup.TextFileInitializer(file, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER)
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(table, -1)
    module.function = tf.function(
        lambda text: {"id": module.table.lookup(text)}, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


def overwriting(path, overwrite):
    """An operation that runs at load sets a variable that the checkpoint holds back to what it was before training."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        kept = tf1.get_variable("kept", [4, 2], initializer=tf1.ones_initializer(), use_resource=True)
        lost = tf1.get_variable("lost", [2], initializer=tf1.zeros_initializer(), use_resource=True)
        y = tf.identity(tf.matmul(x, kept) + lost, name="y")
        session.run(tf1.global_variables_initializer())
        session.run(lost.assign([5.0, 6.0]))
        tables = tf1.tables_initializer()
        main = tf.group(lost.initializer, tables, name="at_load") if overwrite else tf.group(tables, name="at_load")
        builder = tf1.saved_model.Builder(path)
        signature = tf1.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=main)
        builder.save()


def gated(answer):
    """One half of twice the answer, gated by the other."""
    first, second = tf.split(tf.concat([answer, answer[:, ::-1]], 1), 2, axis=1)
    return first * tf.sigmoid(second)


def main(folder):
    def at(cause, side):
        path = os.path.join(folder, cause, side)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    values = weights()
    save(at("same", "left"), values)
    shutil.copytree(at("same", "left"), at("same", "right"))

    shutil.copytree(at("same", "left"), os.path.join(at("other-version", "left"), "1"))
    shutil.copytree(at("other-version", "left"), at("other-version", "right"))
    save(os.path.join(at("other-version", "right"), "2"), weights(8))

    nudged = {name: value.copy() for name, value in values.items()}
    nudged["out"] = np.nextafter(nudged["out"], np.float32(np.inf))
    save(at("one-ulp", "left"), values)
    save(at("one-ulp", "right"), nudged)

    for cause, change in (
        ("dropout-on", {"dropout": True}),
        ("batch-norm-training", {"training": True}),
        ("channels-swapped", {"before": lambda x: tf.reverse(x, [-1])}),
        ("no-255", {"before": lambda x: x / 255.0}),
        ("class-order", {"last": lambda y: tf.gather(tf.nn.softmax(y), [3, 1, 4, 0, 2], axis=1)}),
        ("logits", {"last": lambda y: y}),
    ):
        save(at(cause, "left"), values)
        save(at(cause, "right"), values, **change)
    save(os.path.join(folder, "gates"), values, last=gated)
    lookup(at("other-vocabulary", "left"), ["cat", "dog", "bird"])
    lookup(at("other-vocabulary", "right"), ["bird", "cat", "dog"])
    letters(at("letters", "utf-8"), "utf-8")
    letters(at("letters", "ascii"), "")
    overwriting(at("initialiser-overwrites", "left"), False)
    overwriting(at("initialiser-overwrites", "right"), True)


main(sys.argv[1])
