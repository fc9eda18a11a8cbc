#!/usr/bin/env python
"""Small SavedModels with fixed weights, made by the TensorFlow under study, without Keras. Python >= 3.6, TensorFlow >= 2.6.

    python small_models.py FOLDER

Each is a folder FOLDER/NAME with the signature ``serving_default``; it takes ``x`` (``table``: ``text``) and answers
``logits`` and ``probabilities``. Together they run the operations that rules about kernels, graph passes, precision,
order of sums and randomness speak of. The weights come from NumPy's RandomState, whose numbers are frozen.
"""

from __future__ import print_function

import os
import sys

import numpy as np
import tensorflow as tf

CLASSES = 10
MODELS = {}


def model(shape, dtype=tf.float32, name="x", **options):
    """Registers a builder: called with weights(shape, scale), it gives the function from input to logits."""

    def keep(build):
        spec = tf.TensorSpec([None] + shape, dtype, name=name)
        MODELS[build.__name__] = (build, spec, options)
        return build

    return keep


class Weights(object):
    """Draws arrays and keeps them as variables, so that they are saved as weights are."""

    def __init__(self, module, name):
        self.module, self.random = module, np.random.RandomState(sum(map(ord, name)))
        self.module.kept = []

    def array(self, *shape):
        return self.random.uniform(-1.0, 1.0, shape).astype(np.float32)

    def __call__(self, *shape):
        """Scaled so that a sum over all axes but the last keeps the size of what enters."""
        kept = tf.Variable(self.array(*shape) * np.float32(np.sqrt(3.0 / np.prod(shape[:-1]))))
        self.module.kept.append(kept)
        return kept

    def shift(self, *shape):
        kept = tf.Variable(self.array(*shape) * np.float32(0.1))
        self.module.kept.append(kept)
        return kept


# ---------------------------------------------------------------- the models


def batch_norm(weights, channels):
    """Batch normalisation of inference, as the one operation that TensorFlow has for it."""
    scale, shift = 1.0 + weights.array(channels) * 0.1, weights.array(channels) * 0.1
    mean, variance = weights.array(channels) * 0.1, 1.0 + weights.array(channels) * 0.5
    return lambda x: tf.compat.v1.nn.fused_batch_norm(
        x, scale, shift, mean=mean, variance=variance, epsilon=1e-3, is_training=False
    )[0]


@model([24, 24, 3])
def conv(weights):
    """Convolutions of several shapes, batch normalisation, pooling."""
    first, second, wide = weights(5, 5, 3, 8), weights(3, 3, 8, 1), weights(3, 3, 8, 32)
    deep, shift, dense = weights(3, 3, 32, 32), weights.shift(32), weights(6 * 6 * 32, CLASSES)
    norm = batch_norm(weights, 8)

    def logits(x):
        x = tf.nn.relu(norm(tf.nn.conv2d(x, first, 2, "SAME")))
        x = tf.nn.depthwise_conv2d(x, second, [1, 1, 1, 1], "SAME")
        x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, wide, 1, "SAME"), shift))
        x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        x = tf.nn.conv2d(x, deep, 1, "SAME")
        x = tf.nn.avg_pool2d(x * tf.sigmoid(x), 3, 1, "SAME")
        return 16.0 * tf.matmul(tf.reshape(x, [-1, 6 * 6 * 32]), dense)

    return logits


@model([4096])
def wide(weights):
    """Large matrix products: sums that are long enough to be cut among threads."""
    first, shift, second = weights(4096, 512), weights.shift(512), weights(512, 64)
    last, end = weights(64, CLASSES), weights.shift(CLASSES)

    def logits(x):
        x = tf.tanh(tf.nn.bias_add(tf.matmul(x, first), shift))
        x = tf.sigmoid(4.0 * tf.matmul(x, second))
        return tf.nn.bias_add(tf.matmul(x, last), end)

    return logits


@model([12, 16])
def recurrent(weights):
    """A long short-term memory in a while loop."""
    into, over, shift, dense = weights(16, 128), weights(32, 128), weights.shift(128), weights(32, CLASSES)

    def step(at, x, state, cell):
        gates = tf.matmul(x[:, at], into) + tf.matmul(state, over) + shift
        enter, forget, out, new = tf.split(gates, 4, axis=1)
        cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(new)
        return at + 1, x, tf.sigmoid(out) * tf.tanh(cell), cell

    def logits(x):
        zeros = tf.zeros([tf.shape(x)[0], 32])
        _, _, state, _ = tf.while_loop(lambda at, *_: at < 12, step, [0, x, zeros, zeros])
        return tf.matmul(4.0 * state, dense)

    return logits


@model([16, 64])
def attention(weights):
    """Batched products, softmax, layer normalisation and a gelu: half a transformer."""
    query, key, value = weights(64, 64), weights(64, 64), weights(64, 64)
    up, down, dense = weights(64, 256), weights(256, 64), weights(64, CLASSES)

    def heads(x, into):
        return tf.transpose(tf.reshape(tf.einsum("bti,io->bto", x, into), [-1, 16, 4, 16]), [0, 2, 1, 3])

    def norm(x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-6)

    def logits(x):
        x = 0.5 * x + tf.tanh(x) + tf.sigmoid(x) + tf.square(x)  # a sum of several terms, as embeddings are
        scores = tf.matmul(heads(x, query), heads(x, key), transpose_b=True) / tf.sqrt(16.0)
        mixed = tf.matmul(tf.nn.softmax(scores), heads(x, value))
        x = norm(x + tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, 16, 64]))
        inner = tf.einsum("bti,io->bto", x, up)
        inner = 0.5 * inner * (1.0 + tf.math.erf(inner / np.float32(np.sqrt(2.0))))
        x = norm(x + tf.einsum("bti,io->bto", inner, down))
        return tf.matmul(tf.reduce_mean(x, 1), dense)

    return logits


@model([256])
def bfloat(weights):
    """Dense layers in bfloat16 between casts, as a mixed policy makes them."""
    first, second, dense = weights(256, 256), weights(256, 256), weights(256, CLASSES)

    def low(tensor):
        return tf.cast(tensor, tf.bfloat16)

    def logits(x):
        x = tf.tanh(tf.matmul(low(x), low(first)))
        x = tf.tanh(tf.matmul(x, low(second)))
        return tf.cast(tf.matmul(x, low(dense)), tf.float32)

    return logits


@model([12, 12, 8])
def half(weights):
    """Convolutions in float16."""
    first, second, dense = weights(3, 3, 8, 32), weights(3, 3, 32, 32), weights(32, CLASSES)

    def logits(x):
        x = tf.nn.relu(tf.nn.conv2d(tf.cast(x, tf.float16), tf.cast(first, tf.float16), 1, "SAME"))
        x = tf.nn.relu(tf.nn.conv2d(x, tf.cast(second, tf.float16), 1, "SAME"))
        return tf.matmul(tf.reduce_mean(tf.cast(x, tf.float32), [1, 2]), dense)

    return logits


@model([8192])
def reduce(weights):
    """Segment sums and reductions over long axes."""
    dense = weights(96, CLASSES)
    segments = np.sort(np.random.RandomState(3).randint(0, 32, 8192)).astype(np.int32)
    shuffled = np.random.RandomState(4).permutation(segments).astype(np.int32)

    def logits(x):
        turned = tf.transpose(x)
        sums = tf.transpose(tf.math.segment_sum(turned, segments))
        others = tf.transpose(tf.math.unsorted_segment_sum(turned, shuffled, 32))
        squares = tf.reduce_sum(tf.reshape(tf.square(x), [-1, 32, 256]), 2)
        together = tf.concat([sums / 16.0, others / 16.0, squares / 64.0], 1)
        whole = tf.reduce_mean(x, 1, keepdims=True) + tf.norm(x, axis=1, keepdims=True) / 64.0
        return tf.matmul(tf.reshape(together, [-1, 96]), dense) + whole

    return logits


@model([4096])
def audio(weights):
    """A spectrogram: short Fourier transforms, mel bands, logarithm, moments."""
    bands, dense = tf.Variable(np.abs(weights.array(129, 40))), weights(80, CLASSES)
    weights.module.bands = bands

    def logits(x):
        power = tf.square(tf.abs(tf.signal.stft(x, 256, 128)))
        mel = tf.math.log(tf.tensordot(power, bands, 1) / 3.0 + 1e-6)
        mean, variance = tf.nn.moments(mel, [1])
        return tf.matmul(tf.reshape(tf.concat([mean, tf.sqrt(variance)], 1), [-1, 80]), dense)

    return logits


@model([64])
def waves(weights):
    """Sines, cosines and their relatives in float64, which the C library computes."""
    first, dense = weights(64, 64), weights(64, CLASSES)

    def logits(x):
        x = tf.cast(tf.matmul(x, first), tf.float64)
        x = tf.sin(37.0 * x) + tf.cos(11.0 * x) + tf.cosh(x) + tf.asinh(x)
        return tf.matmul(x, tf.cast(dense, tf.float64))

    return logits


@model([], tf.string, "text")
def table(weights):
    """Lower case, a vocabulary, an embedding."""
    words = ["red", "blue", "green tea", "42", "3.14", "the quick brown fox"]
    numbers = tf.lookup.KeyValueTensorInitializer(tf.constant(words), tf.range(1, 7, dtype=tf.int64))
    weights.module.table = tf.lookup.StaticHashTable(numbers, 0)
    embedding, dense = weights(7, 32), weights(32, CLASSES)

    def logits(text):
        found = weights.module.table.lookup(tf.strings.lower(text))
        return tf.matmul(tf.tanh(tf.gather(embedding, found)), dense)

    return logits


@model([64])
def denormals(weights):
    """Values around the smallest normal float32."""
    dense = weights(64, CLASSES)

    def logits(x):
        found = tf.matmul(x, dense)
        return found + (found * 2e-38) * 1e37

    return logits


@model([64], jit_compile=True)
def compiled(weights):
    """A function that XLA must compile."""
    first, second, dense = weights(64, 128), weights(128, 128), weights(128, CLASSES)

    def logits(x):
        x = tf.tanh(tf.matmul(x, first))
        x = tf.exp(tf.matmul(x, second))
        return tf.matmul(x / tf.reduce_max(x, 1, keepdims=True), dense)

    return logits


@model([64])
def noise(weights):
    """Random numbers without a seed."""
    dense = weights(64, CLASSES)
    return lambda x: tf.matmul(x + 0.1 * tf.random.normal(tf.shape(x)), dense)


@model([64])
def sequence(weights):
    """Random numbers from a seeded sequence: the next ones with each call."""
    dense = weights(64, CLASSES)
    return lambda x: tf.matmul(x + 0.1 * tf.random.normal(tf.shape(x), seed=5), dense)


@model([64])
def dropout(weights):
    """Dropout that was left on."""
    first, dense = weights(64, 128), weights(128, CLASSES)
    return lambda x: tf.matmul(tf.nn.dropout(tf.nn.relu(tf.matmul(x, first)), 0.3), dense)


# ---------------------------------------------------------------- writing

# Models that one process answers at once, because a start costs ten times as much as an answer. Apart from the floats
# are those that XLA cannot compile or that a cap of the instruction set can end, and those that never repeat an answer.
BUNDLES = {
    "bundle_floats": ("attention", "audio", "compiled", "conv", "denormals", "recurrent", "waves", "wide"),
    "bundle_others": ("bfloat", "half", "reduce", "table"),
    "bundle_random": ("dropout", "noise", "sequence"),
}


def built(module, name):
    """The function of one model, to {output: tensor}, and its input."""
    build, spec, options = MODELS[name]
    part = tf.Module()
    setattr(module, name, part)
    logits = build(Weights(part, name))

    def answer(given):
        found = logits(given)
        return {"logits": found, "probabilities": tf.nn.softmax(found)}

    return tf.function(answer, input_signature=[spec], **options), spec


def write(folder, name):
    module = tf.Module()
    module.serve, _ = built(module, name)
    tf.saved_model.save(module, os.path.join(folder, name), signatures={"serving_default": module.serve})


def write_bundle(folder, bundle):
    """One signature that takes every model's input under the model's name and answers MODEL_logits and so on."""
    module, names = tf.Module(), BUNDLES[bundle]
    parts = [built(module, name) for name in names]
    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, (_, spec) in zip(names, parts)]  # noqa: B905

    def serve(*given):
        found = {}
        for name, (answer, _), one in zip(names, parts, given):  # noqa: B905 - not before Python 3.10
            found.update(("%s_%s" % (name, output), tensor) for output, tensor in answer(one).items())
        return found

    module.serve = tf.function(serve, input_signature=specs)
    tf.saved_model.save(module, os.path.join(folder, bundle), signatures={"serving_default": module.serve})


def main(words):
    if len(words) != 1:
        sys.stderr.write("usage: small_models.py FOLDER\n")
        return 2
    for name in sorted(MODELS):
        write(words[0], name)
    for bundle in sorted(BUNDLES):
        write_bundle(words[0], bundle)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
