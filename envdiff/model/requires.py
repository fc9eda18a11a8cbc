"""The optional libraries that reading models takes, imported where they are used and missed politely."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from types import ModuleType

from envdiff.errors import MODELS, UnusableInput


def _needed(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UnusableInput(
            f"reading models takes the Python package {package}, which cannot be imported here: {error}",
            subject=package,
            hint=MODELS,
        ) from error


def installed(module: str) -> None:
    """The same complaint, without importing it: it is imported in another process."""
    if importlib.util.find_spec(module) is None:
        _needed(module, module)


@cache
def crc32c() -> ModuleType:
    return _needed("google_crc32c", "google-crc32c")


@cache
def h5py() -> ModuleType:
    return _needed("h5py", "h5py")


@cache  # asked a hundred thousand times
def numpy() -> ModuleType:
    return _needed("numpy", "numpy")


@cache
def ml_dtypes() -> ModuleType:
    return _needed("ml_dtypes", "ml-dtypes")


@cache
def messages() -> ModuleType:
    """The compiled message definitions; they need the protobuf runtime."""
    _needed("google.protobuf", "protobuf")
    return importlib.import_module("envdiff.model.protos.model_pb2")


@cache
def decode_error() -> type[Exception]:
    """What protobuf raises when bytes are not the message they should be."""
    error: type[Exception] = _needed("google.protobuf.message", "protobuf").DecodeError
    return error
