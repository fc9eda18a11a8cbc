"""Writes tiny SavedModels: save_models.py FOLDER makes FOLDER/1 and FOLDER/2, whose weights are 1 and 2."""

import sys

import tensorflow as tf


class Scores(tf.Module):
    """x times a matrix of one number."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = tf.Variable(tf.ones([4, 3]) * weight, name="weight")

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def predict(self, x):
        return {"scores": tf.matmul(x, self.weight)}


for number in (1, 2):
    module = Scores(float(number))
    tf.saved_model.save(module, f"{sys.argv[1]}/{number}", signatures=module.predict)
