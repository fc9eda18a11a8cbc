"""A model as flat facts below ``model.``, ready to stand in a fingerprint.

``model.file.PATH`` writes the path with every "." as "_", because a dot separates the parts of a fact's name; two files
whose names then collide are told apart by a number. Signature names are written the same way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from envdiff.model.dtypes import shape_text
from envdiff.model.files import FileRecord, digest_of_files
from envdiff.model.layers import KerasConfig
from envdiff.model.locate import Form
from envdiff.model.model import Model, read_model
from envdiff.model.registry import registry
from envdiff.model.savedmodel import MetaGraph, Signature, Value
from envdiff.model.tflite import LiteModel
from envdiff.model.traits import Traits
from envdiff.model.weights import Role, content_digest, named_digest, sha256_digest
from envdiff.secrets import masked

Scalar = bool | int | float | str
Fact = Scalar | list[Scalar]

_LISTED = 2000  # items of a list, files and tensors
_SIGNATURES = 100  # that are told one by one
_OVERRIDES = {
    "assets.extra/saved_model_config.pb": "saved_model_config",
    "batching_params.pbtxt": "batching_params",
    "model.tflite": "tflite",
}


@dataclass(frozen=True)
class ModelReading:
    """What goes into a fingerprint, and the model it came from."""

    facts: dict[str, Fact]
    unread: dict[str, str]
    model: Model


def model_facts(path: Path | str, *, verify_weights: bool = False) -> ModelReading:
    """Facts of the model at ``path``; raises :class:`envdiff.errors.UnusableInput` when there is none to read.

    With ``verify_weights`` the bytes of all tensors are read; without, checksums come from the index where there is one.
    """
    return reading_of(read_model(path, verify_weights=verify_weights))


def reading_of(model: Model) -> ModelReading:
    facts = {f"model.{name}": _bounded(value) for name, value in _facts(model) if value is not None}
    unread = {f"model.{name}": why for name, why in model.unread.items()}
    unread |= {name: why for name, why in _unread_files(model.files).items() if name not in unread}
    return ModelReading(facts, unread, model)


def _bounded(value: Fact) -> Fact:
    """A list that is no longer than a reader can use; of the rest its number and a checksum, so that two rests differ."""
    if not isinstance(value, list) or len(value) <= _LISTED:
        return value
    rest = value[_LISTED:]
    checksum = zlib.crc32("\n".join(map(str, rest)).encode("utf-8", "backslashreplace"))
    return [*value[:_LISTED], f"… and {len(rest)} more, crc32 {checksum:08x}"]


def _facts(model: Model) -> Iterator[tuple[str, Fact | None]]:
    yield from _place(model)
    yield from _files(model)
    for name, value in model.fingerprint.items():
        yield f"fingerprint_pb.{name}", value
    if model.meta is not None:
        yield from _graph(model, model.meta)
    if model.traits is not None:
        yield from _traits(model, model.traits)
    if model.bundle is not None or model.tensors:
        yield from _weights(model)
    if model.keras is not None:
        yield from _keras(model.keras)
    if model.lite is not None:
        yield from _lite(model.lite)


def _place(model: Model) -> Iterator[tuple[str, Fact | None]]:
    located = model.located
    yield "format", located.form.value
    yield "path", shown_path(located.asked)
    yield "version", located.version
    if located.versions:
        yield "versions", list(located.versions)
        yield "versions_broken", list(located.broken)
        yield "versions_colliding", list(located.collisions)
        yield "versions_ignored", list(located.ignored)


def shown_path(path: Path) -> str:
    """Without the name of the user's home."""
    text, home = str(path), str(Path.home())
    return "~" + text.removeprefix(home) if text == home or text.startswith(home + "/") else text


def _safe(name: str) -> str:
    """As a part of a fact's path. A secret in it is masked while its form still shows."""
    return masked(name).replace(".", "_")


def _files(model: Model) -> Iterator[tuple[str, Fact | None]]:
    yield "files.digest", digest_of_files(model.files)
    yield "files.count", len(model.files)
    assets = [one for one in model.files if one.relative.startswith("assets/")]
    if assets:
        yield "vocabularies", [f"{one.relative} {one.digest}" for one in assets]
    used: dict[str, int] = {}
    extra = []
    for at, record in enumerate(model.files):
        name = f"file.{_safe(record.relative)}"
        used[name] = used.get(name, 0) + 1
        if record.digest is not None and at < _LISTED:  # the digest of all files has the others too
            yield name if used[name] == 1 else f"{name}~{used[name]}", f"{record.size} {record.digest}"
        if record.relative in _OVERRIDES:
            yield f"overrides.{_OVERRIDES[record.relative]}", record.digest
        elif record.relative.startswith("assets.extra/"):
            extra.append(f"{record.relative.removeprefix('assets.extra/')} {record.digest}")
    if extra:
        yield "assets_extra", list(extra)
    if model.graph_file is not None:
        name = "saved_model.digest" if model.located.form is Form.SAVED_MODEL else "graph_file.digest"
        yield name, model.graph_file.digest


def _unread_files(files: list[FileRecord]) -> dict[str, str]:
    return {f"model.file.{_safe(one.relative)}": one.why for one in files[:_LISTED] if one.digest is None}


def _values(values: tuple[Value, ...]) -> list[Scalar]:
    return [str(value) for value in values]


def _graph(model: Model, meta: MetaGraph) -> Iterator[tuple[str, Fact | None]]:
    yield "tags", list(meta.tags)
    if len(meta.all_tags) > 1:
        yield "metagraphs", [",".join(tags) for tags in meta.all_tags]
    yield "producer", meta.producer or None
    yield "producer_git", meta.producer_git or None
    yield "stripped_defaults", meta.stripped_defaults
    yield "signatures", list(meta.signatures)
    yield "signature_default", meta.served.name if meta.served else None
    for name, signature in _told(meta).items():
        prefix = f"signature.{_safe(name)}"
        counts = model.reach(name).counts
        yield f"{prefix}.inputs", _values(signature.inputs)
        yield f"{prefix}.outputs", _values(signature.outputs)
        yield f"{prefix}.method", signature.method or None
        yield f"{prefix}.ops", sorted(counts)
        yield f"{prefix}.op_counts", [f"{op}×{count}" for op, count in sorted(counts.items())]
    served = [meta.served.name] if meta.served else list(_told(meta))
    yield "ops", _operations({op for name in served for op in model.reach(name).counts})
    present = {record.relative for record in model.files}
    missing = sorted({name for name in meta.assets.values() if f"assets/{name}" not in present})
    if missing:
        yield "assets_missing", list(missing)


def _told(meta: MetaGraph) -> dict[str, Signature]:
    """The first signatures by name, and the one that a caller gets who names none."""
    names = sorted(meta.signatures, key=lambda name: (meta.served is None or name != meta.served.name, name))
    return {name: meta.signatures[name] for name in sorted(names[:_SIGNATURES])}


def _operations(ops: set[str]) -> list[Scalar]:
    """Sorted; where there are more than are listed, those that TensorFlow has come first: rules ask for them."""
    known = registry().names if len(ops) > _LISTED else frozenset(ops)
    return sorted(ops, key=lambda op: (op not in known, op))


def _traits(model: Model, traits: Traits) -> Iterator[tuple[str, Fact | None]]:
    yield "randomness", traits.randomness.value
    yield "random_ops", list(traits.random_ops)
    yield "dropout_on", bool(traits.dropout)
    yield "batch_norm_training", bool(traits.batch_norm)
    yield "split_gates", bool(traits.split_gates) or None
    yield "stateful_ops", list(traits.stateful)
    yield "tables", list(traits.tables)
    yield "string_ops", list(traits.strings)
    yield "init_overwrites", list(model.overwritten)
    yield "image_decode", list(traits.decodes)
    yield "image_resize", list(traits.resizes)
    yield "image_normalise", list(traits.normalises)
    yield "custom_ops", list(traits.custom)
    yield "precision", list(traits.precision)
    yield "casts", list(traits.casts)
    yield "xla_must_compile", traits.must_compile
    yield "trt_segments", traits.trt_segments
    yield "device_pins", list(traits.device_pins)


def _weights(model: Model) -> Iterator[tuple[str, Fact | None]]:
    weights = [one for one in model.tensors if one.role is Role.WEIGHT]
    yield "weights.count", len(weights)
    yield "weights.bytes", sum(one.size for one in weights)
    yield "weights.digest", content_digest(model.tensors)
    yield "weights.named_digest", named_digest(model.tensors)
    yield "weights.verified", model.verified
    if model.verified:
        yield "weights.sha256", sha256_digest(model.tensors)
    if len(weights) <= _LISTED:
        yield "weights.tensors", [str(one) for one in weights]
    corrupt = [f"{one.name}: {one.wrong}" for one in model.tensors if one.wrong]
    if corrupt:
        yield "weights.corrupt", list(corrupt)
    dtypes = sorted({one.dtype for one in weights})
    yield "weights.dtypes", list(dtypes)
    bundle = model.bundle
    if bundle is not None:
        yield "weights.complete", bundle.complete
        yield "weights.missing_shards", list(bundle.missing)
        for name, found in (("short_shards", bundle.short), ("long_shards", bundle.long), ("index_lies", bundle.lies)):
            if found:
                yield f"weights.{name}", list(found[:100])


def _keras(config: KerasConfig) -> Iterator[tuple[str, Fact | None]]:
    yield "keras_version", config.version or None
    if config.layers:
        yield "layers", list(config.layers)
        yield "dtype_policies", list(config.policies)
        yield "lambda_layers", list(config.lambdas)
        yield "custom_layers", list(config.custom)
    if config.vocabularies:
        yield "layer_vocabularies", [f"{name} {digest}" for name, digest in config.vocabularies.items()]


def _lite(lite: LiteModel) -> Iterator[tuple[str, Fact | None]]:
    yield "schema_version", lite.version
    for name, ends in (("inputs", lite.inputs), ("outputs", lite.outputs)):
        yield f"signature.main.{name}", [f"{one[0]} {one[1]} {shape_text(one[2])}" for one in ends]
    yield "signature.main.op_counts", [f"{op}×{count}" for op, count in sorted(lite.ops.items())]
    yield "ops", sorted(lite.ops)
    yield "custom_ops", list(lite.custom)
    yield "quantised_tensors", lite.quantised
