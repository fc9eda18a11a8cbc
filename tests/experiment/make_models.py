"""Writes small models for the trials: DIRECTORY/NAME. Runs in a TensorFlow environment, not in envdiff's.

python make_models.py DIRECTORY
"""

import sys

import numpy as np
import tensorflow as tf


def save(path, function, shape, kept=()):
    module = tf.Module()
    module.kept = list(kept)
    module.function = tf.function(function, input_signature=[tf.TensorSpec(shape, tf.float32, name="x")])
    tf.saved_model.save(module, path, signatures={"serving_default": module.function})


def variable(random, *shape, scale=0.3):
    return tf.Variable(random.normal(0, scale, shape).astype(np.float32))


def conv(path, random):
    kernel, bias, out = variable(random, 3, 3, 3, 8), variable(random, 8), variable(random, 288, 5)

    def function(x):
        hidden = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias))
        logits = tf.matmul(tf.reshape(hidden, [-1, 288]), out)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    save(path, function, (None, 8, 8, 3), [kernel, bias, out])


def wide(path, random):
    first, second = variable(random, 4096, 512, scale=0.02), variable(random, 512, 64, scale=0.05)

    def function(x):
        logits = tf.matmul(tf.tanh(tf.matmul(x, first)), second)
        return {"logits": logits, "scores": tf.sigmoid(logits)}

    save(path, function, (None, 4096), [first, second])


def attention(path, random):
    query, key, value = (variable(random, 16, 16) for _ in range(3))

    def function(x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        x = (x - mean) * tf.math.rsqrt(variance + 1e-5)
        scores = tf.matmul(tf.matmul(x, query), tf.matmul(x, key), transpose_b=True) / 4.0
        mixed = tf.matmul(tf.nn.softmax(scores), tf.matmul(x, value)) + x
        logits = tf.reduce_mean(tf.nn.gelu(mixed), axis=1)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    save(path, function, (None, 12, 16), [query, key, value])


def noisy(path, _random):
    save(path, lambda x: {"y": x + tf.random.normal(tf.shape(x))}, (None, 4))


def some_rows(path, _random):
    """Only rows whose first number is above one half are disturbed."""

    def function(x):
        return {"y": tf.where(x[:, :1] > 0.5, x + tf.random.normal(tf.shape(x)), x)}

    save(path, function, (None, 4))


def batch_sized(path, random):
    """Each answer depends on how many rows come together."""
    kernel = variable(random, 4, 3)
    save(path, lambda x: {"y": tf.matmul(x - tf.reduce_mean(x, axis=0), kernel)}, (None, 4), [kernel])


def hungry(path, _random):
    """Takes sixteen gigabytes before it answers."""
    save(path, lambda x: {"y": x + tf.reduce_sum(tf.ones([4096, 1024, 1024]) * x[0, 0])}, (None, 4))


def main(folder):
    for function in (conv, wide, attention, noisy, some_rows, batch_sized, hungry):
        function(folder + "/" + function.__name__, np.random.RandomState(7))


if __name__ == "__main__":
    main(sys.argv[1])
