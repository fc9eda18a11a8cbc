"""The demo's model, run by the environment under study: fixed weights, fixed rows, answers on standard output.

Needs TensorFlow and NumPy only, and no package of ours. A small image classifier made of the operations whose kernels
oneDNN has and that releases have changed: convolutions, a depthwise one, sigmoid, batch normalisation, softmax.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tensorflow as tf

ROWS, SIZE, CLASSES = 64, 24, 10


def numbers(seed: int, *shape: int) -> Any:
    """Uniform in [-1, 1), the same on every machine and every NumPy: a 64-bit congruential sequence, high bits."""
    count = int(np.prod(shape))
    state, out = seed * 2654435761 + 1, np.empty(count)
    for at in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[at] = (state >> 40) / 2**23 - 1.0
    return out.reshape(shape).astype(np.float32)


FLAT = (SIZE // 4) ** 2 * 16
CONV, DEPTHWISE, CONV_2 = 0.2 * numbers(1, 5, 5, 3, 8), 0.5 * numbers(2, 3, 3, 8, 1), 0.2 * numbers(3, 3, 3, 8, 16)
SCALE, SHIFT, MEAN, VARIANCE = 1 + 0.1 * numbers(4, 16), numbers(5, 16), 0.1 * numbers(6, 16), 1 + 0.5 * numbers(7, 16)
DENSE = 0.2 * numbers(8, FLAT, CLASSES)


def predict(rows: Any) -> Any:
    """Rows of shape (n, 24, 24, 3) to probabilities of shape (n, 10)."""
    x = tf.nn.relu(tf.nn.conv2d(rows, CONV, strides=2, padding="SAME"))
    x = tf.nn.depthwise_conv2d(x, DEPTHWISE, strides=[1, 1, 1, 1], padding="SAME")
    x = x * tf.sigmoid(x)
    x = tf.nn.conv2d(x, CONV_2, strides=2, padding="SAME")
    x = tf.nn.batch_normalization(x, MEAN, VARIANCE, SHIFT, SCALE, 1e-3)
    return tf.nn.softmax(tf.matmul(tf.reshape(tf.tanh(x), [-1, FLAT]), DENSE))


def main() -> None:
    """Print the answers as hexadecimal float32, so that no digit is lost."""
    answers = tf.function(predict)(tf.constant(numbers(9, ROWS, SIZE, SIZE, 3))).numpy()
    json.dump({"shape": answers.shape, "hex": answers.astype("<f4").tobytes().hex()}, sys.stdout)


if __name__ == "__main__":
    main()
