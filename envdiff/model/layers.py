"""The layers named in a Keras configuration. Only names and settings are read; nothing in it is built or run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from envdiff.bounded_json import loads
from envdiff.errors import UnusableInput

_NODES = 200_000
_KERAS_MODULES = ("keras", "tensorflow.keras", "tf_keras", "keras_core")
_INTERESTING = (
    "rate", "seed", "epsilon", "momentum", "axis", "activation", "recurrent_activation", "interpolation", "scale",
    "offset", "factor", "rescale", "data_format", "padding", "strides", "implementation", "reset_after", "stddev",
    "standardize", "split", "ngrams", "output_mode", "output_sequence_length", "max_tokens", "num_oov_indices",
    "mask_token", "oov_token", "crop_to_aspect_ratio", "height", "width", "negative_slope", "alpha", "units", "filters",
    "kernel_size", "pool_size", "target_shape", "vocabulary_size", "use_bias", "center", "normalization",
)  # fmt: skip


@dataclass(frozen=True)
class KerasConfig:
    """``layers``: "name Class key=value ..."; ``vocabularies``: layer or file -> digest of the words in order."""

    version: str
    layers: tuple[str, ...]
    policies: tuple[str, ...]
    lambdas: tuple[str, ...]
    custom: tuple[str, ...]
    vocabularies: dict[str, str] = field(default_factory=dict)


def parse_json(text: str | bytes, what: str) -> Any:
    """The parsed value; raises :class:`UnusableInput` for anything that is not JSON of sane depth."""
    try:
        return loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except ValueError as error:
        raise UnusableInput(f"{what} is not JSON that can be read: {error}", subject=what) from error


def keras_config(config: Any, version: str) -> KerasConfig:
    """From the parsed ``model_config`` or ``config.json``."""
    layers, policies, lambdas, custom = [], set(), [], []
    vocabularies: dict[str, str] = {}
    for node in _layer_nodes(config):
        settings = node["config"]
        name, kind = str(settings.get("name", "")), str(node["class_name"])
        layers.append(" ".join([name or "-", kind, *_settings(settings)]))
        policy = _policy(settings.get("dtype", settings.get("dtype_policy")))
        if policy:
            policies.add(policy)
        if kind == "Lambda":
            lambdas.append(name)
        if _is_custom(node):
            custom.append(str(node.get("registered_name") or kind))
        words = settings.get("vocabulary")
        if isinstance(words, list):
            vocabularies[name or kind] = hashlib.sha256("\n".join(map(str, words)).encode()).hexdigest()
    return KerasConfig(
        version, tuple(layers), tuple(sorted(policies)), tuple(lambdas), tuple(sorted(set(custom))), vocabularies
    )


def _layer_nodes(config: Any) -> Iterator[dict[str, Any]]:
    """Objects with a class name, a configuration and a layer's place: in order, models and wrappers opened."""
    stack, count = [config], 0
    while stack:
        node = stack.pop()
        count += 1
        if count > _NODES:
            raise UnusableInput(f"the configuration holds more than {_NODES} objects", subject="config.json")
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            inner = node.get("config")
            if "class_name" in node and isinstance(inner, dict):
                if _is_layer(node, inner):
                    yield node
                stack.extend(
                    reversed(
                        [
                            inner[key]
                            for key in ("layers", "layer", "cell", "forward_layer", "backward_layer")
                            if key in inner
                        ]
                    )
                )
            elif "layers" in node:
                stack.append(node["layers"])


def _is_layer(node: dict[str, Any], inner: dict[str, Any]) -> bool:
    return "name" in inner or "inbound_nodes" in node


def _settings(settings: dict[str, Any]) -> list[str]:
    shown = []
    for key in _INTERESTING:
        value = settings.get(key)
        if isinstance(value, dict):
            value = value.get("class_name")
        if value is not None and isinstance(value, str | int | float | bool | list):
            shown.append(f"{key}={_brief(value)}")
    return shown


def _brief(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":")) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _policy(value: Any) -> str:
    if isinstance(value, str):
        return value
    inner = value.get("config") if isinstance(value, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def _is_custom(node: dict[str, Any]) -> bool:
    module = node.get("module")
    if isinstance(module, str) and module:
        return not module.startswith(_KERAS_MODULES)
    registered = node.get("registered_name")
    return isinstance(registered, str) and ">" in registered and not registered.startswith("keras>")
