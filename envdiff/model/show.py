"""One model for a reader: what it is, what it answers, what in it can make answers differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff.model.facts import Fact, ModelReading, model_facts


@dataclass(frozen=True)
class Description:
    """``sections``: title and lines, in the order to print them."""

    reading: ModelReading
    sections: tuple[tuple[str, tuple[str, ...]], ...]

    def lines(self) -> list[str]:
        out: list[str] = []
        for title, lines in self.sections:
            out += ([""] if out else []) + [title, *(f"  {line}" for line in lines)]
        return out

    def as_json(self) -> dict[str, Any]:
        return {"facts": dict(self.reading.facts), "unread": dict(self.reading.unread)}


def describe(path: Path | str, *, verify_weights: bool = False) -> Description:
    """Read and describe; raises :class:`envdiff.errors.UnusableInput` for a path without a model."""
    return described(model_facts(path, verify_weights=verify_weights))


def described(reading: ModelReading) -> Description:
    sections = {
        "Model": _fields(reading, _MODEL),
        "Signatures": _signatures(reading),
        "What can make answers differ": _fields(reading, _TRAITS, quiet=True) or ["nothing found"],
        "Operations": _operations(reading),
        "Layers": [str(one) for one in _list(reading, "layers")],
        "Weights": _fields(reading, _WEIGHTS) + [str(one) for one in _list(reading, "weights.tensors")],
        "Files": [f"{one.relative}  {one.size} bytes  {one.digest or one.why}" for one in reading.model.files],
        "Not read": [f"{path}: {why}" for path, why in reading.unread.items()],
    }
    if reading.model.traits is None:
        del sections["What can make answers differ"]
    return Description(reading, tuple((title, tuple(lines)) for title, lines in sections.items() if lines))


# Fact below "model." -> how it is called here.
_MODEL = {
    "format": "format",
    "path": "path",
    "version": "version served",
    "versions": "versions found",
    "versions_broken": "versions without a saved_model.pb",
    "versions_colliding": "directories that mean a number another wins",
    "versions_ignored": "directories that are no version",
    "producer": "written by TensorFlow",
    "keras_version": "written by Keras",
    "tags": "tags",
    "metagraphs": "MetaGraphs, by tags",
    "fingerprint_pb.uuid": "uuid",
    "files.digest": "digest of all files",
}
_TRAITS = {
    "randomness": "random numbers",
    "random_ops": "random operations",
    "dropout_on": "dropout left on",
    "batch_norm_training": "batch normalisation by the batch's statistics",
    "split_gates": "parts of a split gated by one another",
    "init_overwrites": "weights overwritten at load",
    "stateful_ops": "operations with state or effects",
    "image_decode": "images decoded",
    "image_resize": "images resized",
    "image_normalise": "inputs scaled",
    "string_ops": "text operations",
    "tables": "tables",
    "vocabularies": "vocabulary files",
    "assets_missing": "assets that are missing",
    "custom_ops": "operations TensorFlow does not have",
    "precision": "element types besides float32",
    "xla_must_compile": "compiled by XLA",
    "trt_segments": "TensorRT segments",
    "device_pins": "bound to devices",
    "overrides.saved_model_config": "session settings inside",
    "overrides.batching_params": "batching settings inside",
    "overrides.tflite": "TensorFlow Lite model beside it",
}
_WEIGHTS = {
    "weights.count": "tensors",
    "weights.bytes": "bytes",
    "weights.dtypes": "types",
    "weights.digest": "digest, whatever the names",
    "weights.named_digest": "digest with names",
    "weights.complete": "complete",
    "weights.missing_shards": "missing parts",
    "weights.short_shards": "parts cut off",
    "weights.long_shards": "parts with more bytes than the index uses",
    "weights.index_lies": "the index claims what cannot be",
    "weights.corrupt": "not what the index was written for",
    "weights.verified": "bytes read",
}
_QUIET: tuple[Fact, ...] = (False, 0, "none")


def _list(reading: ModelReading, name: str) -> list[Any]:
    value = reading.facts.get(f"model.{name}")
    return value if isinstance(value, list) else []


def _fields(reading: ModelReading, names: dict[str, str], *, quiet: bool = False) -> list[str]:
    width = max(map(len, names.values()))
    lines = []
    for name, title in names.items():
        value = reading.facts.get(f"model.{name}")
        if value is None or value == [] or (quiet and value in _QUIET):
            continue
        lines.append(f"{title:<{width}}  {_text(value)}")
    return lines


def _text(value: Fact) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _signatures(reading: ModelReading) -> list[str]:
    names = sorted(
        path.removeprefix("model.signature.").removesuffix(".inputs")
        for path in reading.facts
        if path.startswith("model.signature.") and path.endswith(".inputs")
    )
    lines = []
    for name in names:
        lines.append(name)
        for side in ("inputs", "outputs"):
            lines += [f"  {side[:-1]:<6} {one}" for one in _list(reading, f"signature.{name}.{side}")]
    return lines


def _operations(reading: ModelReading) -> list[str]:
    default = reading.facts.get("model.signature_default", "main")
    counts = _list(reading, f"signature.{str(default).replace('.', '_')}.op_counts")
    return [" ".join(map(str, counts))] if counts else []
