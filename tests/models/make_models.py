"""Writes small models, each with one trait planted, into a directory. Runs in a TensorFlow environment, not in envdiff's.

    python make_models.py DIRECTORY [NAME ...]

Works from TensorFlow 1.15 (only the models marked so) to 2.21. Next to each SavedModel lies ``NAME.truth.json`` with what
TensorFlow itself says of it: checkpoint tensors, and the operations each signature reaches.
"""

# This runs under Python 3.7 too.
# ruff: noqa: PTH103, PTH110, PTH118, PTH123, UP031, RUF005
import json
import os
import sys

import numpy as np
import tensorflow as tf

KERAS_3 = tf.__version__ >= "2.16"
V1 = int(tf.__version__.split(".")[0]) < 2
tf1 = tf.compat.v1
MODELS = {}


def model(function):
    MODELS[function.__name__] = function
    return function


def _keras_seed():
    tf1.set_random_seed(7) if V1 else tf.keras.utils.set_random_seed(7)


def _export(keras_model, path, training=None, shape=None):
    """A SavedModel with one signature, by hand: the same for Keras 2 and 3."""
    shape = shape or [None] + list(keras_model.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    def serve(x):
        return {"y": keras_model(x, training=training)}

    module = tf.Module()
    module.model = keras_model
    module.variables_kept = list(keras_model.variables)
    module.serve = serve
    tf.saved_model.save(module, path, signatures={"serving_default": serve})


def _dense_model():
    _keras_seed()
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [tf.keras.Input((4,)), layers.Dense(8, activation="relu", name="first"), layers.Dense(3, name="second")]
    )


@model
def dense(path):
    """Also the same weights as .keras (Keras 3 only), .h5 and weights-only .h5."""
    keras_model = _dense_model()
    _export(keras_model, path)
    keras_model.save(path + ".h5")
    keras_model.save_weights(path + ".weights.h5")
    keras_model.save(path + ".keras", **({} if KERAS_3 else {"save_format": "keras_v3"}))
    keras_model.export(path + "_exported")
    if not KERAS_3:
        keras_model.save(path + "_keras2")
    _convert(keras_model, path + ".tflite")


def _convert(keras_model, path, types=None):
    """``types``: what weights are stored as; an empty list lets the converter choose, which is int8."""
    converter = tf.lite.TFLiteConverter.from_keras_model(keras_model)
    if types is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = types
    with open(path, "wb") as stream:
        stream.write(converter.convert())


def _words(path, known):
    module = tf.Module()
    filled = tf.lookup.KeyValueTensorInitializer(known, tf.constant([0, 1], tf.int64))
    module.table = tf.lookup.StaticHashTable(filled, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="x")])
    def serve(x):
        return {"y": module.table.lookup(x)}

    module.serve = serve
    tf.saved_model.save(module, path, signatures={"serving_default": serve})


@model
def words(path):
    """Also with another order of the vocabulary, which lies in the graph."""
    _words(path, ["yes", "no"])
    _words(path + "_swapped", ["no", "yes"])


@model
def converted(path):
    """Weights as after a training; also in .h5, and in TensorFlow Lite as float32, float16 and int8."""
    _keras_seed()
    layers = tf.keras.layers
    keras_model = tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(1, name="out"),
        ]
    )
    noise = np.random.RandomState(3)
    keras_model.set_weights([one + noise.uniform(0.1, 0.9, one.shape) for one in keras_model.get_weights()])
    _export(keras_model, path, training=False)
    keras_model.save(path + ".h5")
    _convert(keras_model, path + ".tflite")
    _convert(keras_model, path + "16.tflite", [tf.float16])
    _convert(keras_model, path + "8.tflite", [])


def _conv_model():
    _keras_seed()
    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dropout(0.5, seed=3),
            layers.Dense(2, name="out"),
        ]
    )


@model
def conv_bn(path):
    keras_model = _conv_model()
    _export(keras_model, path, training=False)
    keras_model.save(path + ".h5")


@model
def training_left_on(path):
    """Dropout on and batch norm with the batch's statistics: the whole model called with training=True."""
    _export(_conv_model(), path, training=True)


@model
def mixed_bf16(path):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        keras_model = _dense_model()
        _export(keras_model, path)
        keras_model.save(path + ".h5")
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


@model
def lstm(path):
    _keras_seed()
    keras_model = tf.keras.Sequential([tf.keras.Input((5, 3)), tf.keras.layers.LSTM(4), tf.keras.layers.Dense(1)])
    _export(keras_model, path, shape=[None, 5, 3])


def _module(path, function, spec, variables=(), **save):
    module = tf.Module()
    module.kept = list(variables)
    module.function = tf.function(function, input_signature=spec, **save)
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


def _x(shape=(None, 4), dtype=tf.float32):
    return [tf.TensorSpec(shape, dtype, name="x")]


@model
def raw_dropout(path):
    weights = tf.Variable(np.ones((4, 2), np.float32), name="w")
    _module(path, lambda x: {"y": tf.nn.dropout(x @ weights, 0.3)}, _x(), [weights])


@model
def raw_dropout_seeded(path):
    weights = tf.Variable(np.ones((4, 2), np.float32), name="w")
    _module(path, lambda x: {"y": tf.nn.dropout(x @ weights, 0.3, seed=11)}, _x(), [weights])


@model
def noise_unseeded(path):
    _module(path, lambda x: {"y": x + tf.random.normal(tf.shape(x))}, _x())


@model
def noise_seeded(path):
    _module(path, lambda x: {"y": x + tf.random.normal(tf.shape(x), seed=5)}, _x())


@model
def noise_stateless(path):
    _module(path, lambda x: {"y": x + tf.random.stateless_normal(tf.shape(x), seed=[1, 2])}, _x())


@model
def noise_generator(path):
    generator = tf.random.Generator.from_seed(3)
    module = tf.Module()
    module.generator = generator
    module.function = tf.function(lambda x: {"y": x + generator.normal(tf.shape(x))}, input_signature=_x())
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


@model
def vocabulary(path):
    words = path + ".words.txt"
    with open(words, "w") as stream:
        stream.write("cat\ndog\nbird\n")
    module = tf.Module()
    initializer = tf.lookup.TextFileInitializer(
        words, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    module.table = tf.lookup.StaticHashTable(initializer, -1)
    module.function = tf.function(
        lambda text: {"id": module.table.lookup(tf.strings.lower(text))},
        input_signature=[tf.TensorSpec([None], tf.string, name="text")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


@model
def images(path):
    def function(data):
        def one(item):
            image = tf.io.decode_jpeg(item, channels=3)
            image = tf.cast(image, tf.float32) / 255.0
            image = tf1.image.resize_bilinear(image[None], [8, 8], align_corners=True)[0]
            return image - tf.constant([0.5, 0.25, 0.125])

        return {"y": tf.map_fn(one, data, fn_output_signature=tf.float32)}

    _module(path, function, [tf.TensorSpec([None], tf.string, name="data")])


@model
def compiled(path):
    weights = tf.Variable(np.ones((4, 2), np.float32), name="w")
    _module(path, lambda x: {"y": tf.nn.relu(x @ weights)}, _x(), [weights], jit_compile=True)


@model
def branches(path):
    """If and While with random operations inside, and one in a branch that no output needs."""
    weights = tf.Variable(np.eye(4, dtype=np.float32), name="w")

    def function(x):
        unused = tf.linalg.inv(weights)
        del unused
        y = tf.cond(tf.reduce_sum(x) > 0, lambda: x @ weights, lambda: tf.random.uniform(tf.shape(x), seed=4))
        _, y = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.sin(v)), [0, y])
        return {"y": y}

    _module(path, function, _x(), [weights])


@model
def several(path):
    weights = tf.Variable(np.ones((4, 2), np.float32), name="w")
    module = tf.Module()
    module.w = weights
    module.one = tf.function(lambda x: {"y": x @ weights}, input_signature=_x())
    module.two = tf.function(
        lambda x, k: {"y": tf.exp(x) * k, "z": tf.cast(x, tf.float16)},
        input_signature=[*_x(), tf.TensorSpec([], tf.float32, name="k")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.one, "other": module.two})


@model
def init_overwrites(path):
    """TensorFlow 1 style: the operation run at load initialises a variable that the checkpoint holds."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        kept = tf1.get_variable("kept", [4, 2], initializer=tf1.ones_initializer(), use_resource=False)
        lost = tf1.get_variable("lost", [2], initializer=tf1.zeros_initializer(), use_resource=True)
        y = tf.identity(tf.matmul(x, kept) + lost, name="y")
        session.run(tf1.global_variables_initializer())
        session.run(lost.assign([5.0, 6.0]))
        _save_v1(session, path, x, y, tf.group(lost.initializer, tf1.tables_initializer(), name="init_at_load"))


def _save_v1(session, path, x, y, main_op=None):
    builder = tf1.saved_model.Builder(path)
    signature = tf1.saved_model.predict_signature_def({"x": x}, {"y": y})
    builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=main_op)
    builder.save()


@model
def tf1_dropout(path):
    """Runs under TensorFlow 1.15 too: dropout left on, partitioned variable, a device pin, a learning-phase input."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        with tf1.variable_scope("part", partitioner=tf1.fixed_size_partitioner(2)):
            weights = tf1.get_variable("w", [4, 2], initializer=tf1.ones_initializer(), use_resource=False)
        with tf.device("/device:CPU:0"):
            hidden = tf.matmul(x, tf.convert_to_tensor(weights))
        y = tf.identity(tf1.nn.dropout(hidden, rate=0.5), name="y")
        session.run(tf1.global_variables_initializer())
        _save_v1(session, path, x, y)


def _truth(path):
    """What TensorFlow says: tensors of the checkpoint, signatures, operations by pruning the loaded graph."""
    found = {"version": tf.__version__, "tensors": {}, "signatures": {}}
    prefix = path + "/variables/variables"
    if os.path.exists(prefix + ".index"):
        reader = tf.train.load_checkpoint(prefix)
        for name, shape in reader.get_variable_to_shape_map().items():
            value = np.asarray(reader.get_tensor(name))
            text = value.dtype.kind in "OSU"
            found["tensors"][name] = {
                "dtype": reader.get_variable_to_dtype_map()[name].name,
                "shape": list(shape),
                "bytes": "" if text else value.tobytes().hex(),
            }
    with tf.Graph().as_default(), tf1.Session() as session:
        meta = tf1.saved_model.load(session, ["serve"], path)
        graph = session.graph.as_graph_def()
        for key, signature in meta.signature_def.items():
            if not key.startswith("__"):
                found["signatures"][key] = _signature_truth(graph, signature)
    return found


def _signature_truth(graph, signature):
    def ends(values):
        return {
            name: [tf.as_dtype(one.dtype).name, [d.size for d in one.tensor_shape.dim]] for name, one in values.items()
        }

    names = [one.name.split(":")[0] for one in signature.outputs.values()]
    pruned = tf1.graph_util.extract_sub_graph(graph, names)
    functions = {one.signature.name: one for one in graph.library.function}
    ops = {node.op for node in pruned.node}
    todo = [name for node in pruned.node for name in _called(node)]
    seen = set()
    while todo:
        name = todo.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        kept = _pruned_function(functions[name])
        ops |= {node.op for node in kept}
        todo.extend(one for node in kept for one in _called(node))
    return {"inputs": ends(signature.inputs), "outputs": ends(signature.outputs), "ops": sorted(ops)}


def _called(node):
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for one in value.list.func:
            yield one.name


def _pruned_function(function):
    """By TensorFlow's own tool, which wants a graph: make one of the function's body."""
    graph = tf1.GraphDef()
    arguments = {one.name for one in function.signature.input_arg}
    names = {node.name for node in function.node_def}
    for argument in arguments:
        graph.node.add(name="argument/" + argument, op="_Arg")
    for node in function.node_def:
        copy = graph.node.add(name=node.name, op=node.op)
        for one in node.input:
            base = one.lstrip("^").split(":")[0]
            copy.input.append(("^" if one[0] == "^" else "") + (base if base in names else "argument/" + base))
    roots = [one.split(":")[0] for one in list(function.ret.values()) + list(function.control_ret.values())]
    pruned = tf1.graph_util.extract_sub_graph(graph, [one for one in roots if one in names])
    return [node for node in function.node_def if node.name in {one.name for one in pruned.node}]


def main():
    directory, names = sys.argv[1], sys.argv[2:]
    os.makedirs(directory, exist_ok=True)
    made = {}
    for name in names or MODELS:
        path = os.path.join(directory, name)
        try:
            tf1.set_random_seed(None)
            MODELS[name](path)
            truth = _truth(path)
        except Exception as error:
            made[name] = "%s: %s" % (type(error).__name__, error)
            continue
        with open(path + ".truth.json", "w") as stream:
            json.dump(truth, stream)
        made[name] = "made"
    with open(os.path.join(directory, "made.json"), "w") as stream:
        json.dump(made, stream, indent=1)


if __name__ == "__main__":
    main()
