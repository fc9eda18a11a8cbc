"""The server's config files, read with the protobuf library: syntax errors are told with their line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from envdiff.errors import UnusableInput

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import Message

    from envdiff.serving.protos import model_server_pb2 as messages

# The server refuses larger text files long before; anything near this is another kind of file.
LARGEST = 4 << 20
SERVER_PACKAGE = "tensorflow.serving"
OWN_PACKAGE = "envdiff.serving"

M = TypeVar("M", bound="Message")


@dataclass(frozen=True)
class Config(Generic[M]):
    """A parsed file. ``unknown`` names the first field that this envdiff does not know; it was passed over."""

    message: M
    unknown: str = ""


def model_servers(data: bytes, name: str) -> Config[messages.ModelServerConfig]:
    """``--model_config_file``."""
    from envdiff.serving.protos import model_server_pb2

    return _text(data, model_server_pb2.ModelServerConfig(), name)


def batching(data: bytes, name: str) -> Config[messages.BatchingParameters]:
    """``--batching_parameters_file`` and a model's ``batching_params.pbtxt``."""
    from envdiff.serving.protos import model_server_pb2

    return _text(data, model_server_pb2.BatchingParameters(), name)


def session(data: bytes, name: str) -> Config[Any]:
    """``--tensorflow_session_config_file``: a ConfigProto."""
    from envdiff.serving.protos import session_pb2

    return _text(data, session_pb2.ConfigProto(), name)


def monitoring(data: bytes, name: str) -> Config[messages.MonitoringConfig]:
    """``--monitoring_config_file``."""
    from envdiff.serving.protos import model_server_pb2

    return _text(data, model_server_pb2.MonitoringConfig(), name)


def thread_pools(data: bytes, name: str) -> Config[messages.ThreadPoolFactoryConfig]:
    """``--thread_pool_factory_config_file``. A factory of a type unknown here leaves ``unknown`` set to that type."""
    from envdiff.serving.protos import model_server_pb2

    return _text(data, model_server_pb2.ThreadPoolFactoryConfig(), name)


def platform(data: bytes, name: str) -> Config[Any]:
    """``--platform_config_file``: the SessionBundleConfig of its ``tensorflow`` platform (empty if there is none)."""
    from envdiff.serving.protos import model_server_pb2

    read = _text(data, model_server_pb2.PlatformConfigMap(), name)
    bundle = model_server_pb2.SavedModelBundleSourceAdapterConfig()
    if "tensorflow" in read.message.platform_configs:
        bundle.MergeFromString(read.message.platform_configs["tensorflow"].source_adapter_config.value)
    return Config(bundle.legacy_config, read.unknown)


def saved_model(data: bytes, name: str) -> messages.SavedModelConfig:
    """``assets.extra/saved_model_config.pb`` of a version directory (binary)."""
    from google.protobuf.message import DecodeError

    from envdiff.serving.protos import model_server_pb2

    try:
        return model_server_pb2.SavedModelConfig.FromString(data)
    except DecodeError as error:
        raise UnusableInput("it is no SavedModelConfig message", subject=name) from error


def _text(data: bytes, message: M, name: str) -> Config[M]:
    """Strict first, to learn what is unknown, then passing over what is: a newer server may have newer fields."""
    from google.protobuf import text_format

    if len(data) > LARGEST:
        raise UnusableInput(f"it is larger than {LARGEST >> 20} MB: no config file is", subject=name)
    text = data.decode("utf-8", "replace")
    pool = _server_names()
    unknown = ""
    for tolerant in (False, True):
        message.Clear()
        try:
            text_format.Parse(text, message, allow_unknown_field=tolerant, descriptor_pool=pool)
        except text_format.ParseError as error:
            said = str(error)
            if tolerant and said.endswith("not found in descriptor pool"):
                return Config(message, said)
            if tolerant or not ("no field named" in said or said.endswith("not found in descriptor pool")):
                raise UnusableInput(f"it is no valid config: {said[:300]}", subject=name) from error
            unknown = said.partition(" : ")[2][:200] or said[:200]
            continue
        except RecursionError as error:
            raise UnusableInput("it is nested too deeply to be a config", subject=name) from error
        return Config(message, unknown)
    raise AssertionError("the second pass returns or raises")


@cache
def _server_names() -> DescriptorPool:
    """Our messages under the server's package, for ``[type.googleapis.com/tensorflow.serving.X]`` in text files.

    A pool of its own: a program may have the real messages loaded under these names.
    """
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2

    from envdiff.serving.protos import model_server_pb2, session_pb2

    pool = descriptor_pool.DescriptorPool()
    for module in (any_pb2, wrappers_pb2, session_pb2, model_server_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        if file.package == OWN_PACKAGE:
            file.package = SERVER_PACKAGE
            _rename_types(file)
        pool.Add(file)
    return pool


def _rename_types(node: Any) -> None:
    for message in (*getattr(node, "message_type", ()), *getattr(node, "nested_type", ())):
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(f".{OWN_PACKAGE}.", f".{SERVER_PACKAGE}.", 1)
        _rename_types(message)
