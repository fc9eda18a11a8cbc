"""TensorFlow's model files as small messages of our own; see ``model.proto`` for why and how to compile it."""
