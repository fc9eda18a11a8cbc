"""Messages of TensorFlow Serving and tf.train.Example, as far as envdiff reads and writes them.

Made by ``python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. envdiff/predictions/protos/*.proto`` with protoc 26,
whose output every protobuf from 5 on can load.
"""
