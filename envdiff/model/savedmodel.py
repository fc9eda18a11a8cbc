"""``saved_model.pb`` and the small files beside it: tags, signatures, assets, the operation run at load, fingerprint."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.dtypes import dtype_name, shape_text
from envdiff.model.files import inside, open_regular, read_whole
from envdiff.model.graph import Graph
from envdiff.model.split import Split, split
from envdiff.model.tensors import tensor_values
from envdiff.model.wire import Malformed, slimmed

WHOLE = 32 << 20  # larger files lose their constants before they are parsed
LARGEST = 1 << 35
_FOLLOWED = 20_000_000  # nodes that all signatures together may reach
_SMALL_FILE = 1 << 20
_INIT_SIGNATURE = "__saved_model_init_op"
_TRAIN_SIGNATURE = "__saved_model_train_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")


@dataclass(frozen=True)
class Value:
    """One input or output of a signature. ``tensor`` names it in the graph; several where it is sparse or composite."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    tensors: tuple[str, ...]
    default: str | None = None

    def __str__(self) -> str:
        shown = f"{self.name} {self.dtype} {shape_text(self.shape)}"
        return f"{shown} default={self.default}" if self.default is not None else shown


@dataclass(frozen=True)
class Signature:
    name: str
    method: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def feeds(self) -> list[str]:
        return [tensor for value in self.inputs for tensor in value.tensors]

    @property
    def fetches(self) -> list[str]:
        return [tensor for value in self.outputs for tensor in value.tensors]


@dataclass(frozen=True)
class MetaGraph:
    """The MetaGraph a server loads: the one tagged ``serve``, else the first."""

    tags: tuple[str, ...]
    all_tags: tuple[tuple[str, ...], ...]
    producer: str
    producer_git: str
    stripped_defaults: bool
    signatures: dict[str, Signature]
    init_ops: tuple[str, ...]
    assets: dict[str, str]  # tensor in the graph -> file below assets/
    graph: Graph

    @property
    def served(self) -> Signature | None:
        """The signature a caller gets who names none."""
        if "serving_default" in self.signatures:
            return self.signatures["serving_default"]
        return next(iter(self.signatures.values())) if len(self.signatures) == 1 else None


def read_saved_model(folder: Path) -> MetaGraph:
    """Raises :class:`UnusableInput` when ``saved_model.pb`` cannot be read as what it should be."""
    path = inside(folder, "saved_model.pb")
    if path is None:
        raise UnusableInput("saved_model.pb is a link that leads out of the model directory", subject=str(folder))
    try:
        return meta_graph(*_parsed(path))
    except Malformed as error:
        raise Malformed(error.message, subject=str(path), hint="copy the model again; compare its size") from error


def _parsed(path: Path) -> tuple[Any, Split]:
    kind = requires.messages().SavedModel
    with open_regular(path) as stream:
        size = stream.seek(0, 2)
        if size == 0:
            raise Malformed("the file is empty")
        if size > LARGEST:
            raise Malformed(f"the file has {size} bytes")
        stream.seek(0)
        data = _without_constants(stream.fileno()) if size > WHOLE else stream.read()
    try:
        found = split(data)
        message = kind.FromString(found.rest)
    except requires.decode_error() as error:
        raise Malformed(f"this is not a SavedModel, or it is cut off: {error}") from error
    if not message.meta_graphs:
        raise Malformed("the file parses but holds no MetaGraph: garbage, or not a SavedModel")
    return message, found


def _without_constants(descriptor: int) -> bytes:
    with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
        return slimmed(mapped, 0, len(mapped))


def meta_graph(message: Any, found: Split) -> MetaGraph:
    """The MetaGraph that a server would load, with where its nodes lie."""
    number = next((at for at, one in enumerate(message.meta_graphs) if "serve" in one.meta_info_def.tags), 0)
    chosen = message.meta_graphs[number]
    info = chosen.meta_info_def
    signatures = {name: _signature(name, one) for name, one in sorted(chosen.signature_def.items())}
    nodes = sum(len(part) for part in found.parts[number])
    if len(signatures) * nodes > _FOLLOWED:
        raise Malformed(f"{len(signatures)} signatures over {nodes} nodes: more than can be followed")
    init = signatures.pop(_INIT_SIGNATURE, None)
    signatures.pop(_TRAIN_SIGNATURE, None)
    init_ops = [*(init.fetches if init else ()), *_init_collections(chosen)]
    return MetaGraph(
        tags=tuple(info.tags),
        all_tags=tuple(tuple(one.meta_info_def.tags) for one in message.meta_graphs),
        producer=info.tensorflow_version,
        producer_git=info.tensorflow_git_version,
        stripped_defaults=info.stripped_default_attrs,
        signatures=signatures,
        init_ops=tuple(init_ops),
        assets=_assets(chosen),
        graph=Graph(chosen.graph_def, found.data, found.parts[number]),
    )


def _init_collections(meta_graph: Any) -> list[str]:
    """The server runs ``main_op``, and the older one only if there is no such."""
    for key in _INIT_COLLECTIONS:
        if key in meta_graph.collection_def:
            return list(meta_graph.collection_def[key].node_list.value)
    return []


def _signature(name: str, message: Any) -> Signature:
    defaults = {key: _default(tensor) for key, tensor in message.defaults.items()}
    return Signature(
        name,
        message.method_name,
        tuple(_value(key, one, defaults.get(key)) for key, one in sorted(message.inputs.items())),
        tuple(_value(key, one, None) for key, one in sorted(message.outputs.items())),
    )


def _default(tensor: Any) -> str:
    values = tensor_values(tensor, limit=8)
    return f"{dtype_name(tensor.dtype)} constant" if values is None else str(values[0] if len(values) == 1 else values)


def _value(name: str, info: Any, default: str | None) -> Value:
    if info.coo_sparse.values_tensor_name:
        sparse = info.coo_sparse
        tensors = [sparse.values_tensor_name, sparse.indices_tensor_name, sparse.dense_shape_tensor_name]
    elif info.composite_tensor.components:
        tensors = [one.name for one in info.composite_tensor.components]
    else:
        tensors = [info.name]
    return Value(name, dtype_name(info.dtype), shape_of(info.tensor_shape), tuple(tensors), default)


def shape_of(message: Any) -> tuple[int | None, ...] | None:
    """None for an unknown rank; -1 in the file means an unknown size."""
    if message.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in message.dim)


def _assets(meta_graph: Any) -> dict[str, str]:
    """TensorFlow 1 lists them in a collection, TensorFlow 2 in the MetaGraph; the file names are taken as names only."""
    files = {one.tensor_info.name: one.filename for one in meta_graph.asset_file_def}
    kind = requires.messages().AssetFile
    if not files and "saved_model_assets" in meta_graph.collection_def:
        try:
            parsed = [
                kind.FromString(one.value) for one in meta_graph.collection_def["saved_model_assets"].any_list.value
            ]
        except requires.decode_error() as error:
            raise Malformed(f"the list of assets cannot be parsed: {error}") from error
        files = {one.tensor_info.name: one.filename for one in parsed}
    return files


_FINGERPRINT = (
    "saved_model_checksum", "graph_def_program_hash", "signature_def_hash", "saved_object_graph_hash",
    "checkpoint_hash", "uuid",
)  # fmt: skip


def fingerprint(folder: Path) -> dict[str, str]:
    """The fields of ``fingerprint.pb`` (hashes in hexadecimal), empty when there is none."""
    path = inside(folder, "fingerprint.pb")
    if path is None:
        return {}
    try:
        message = requires.messages().Fingerprint.FromString(read_whole(path, _SMALL_FILE))
    except requires.decode_error() as error:
        raise Malformed(f"fingerprint.pb cannot be parsed: {error}", subject=str(path)) from error
    values = {name: getattr(message, name) for name in _FINGERPRINT}
    return {name: value if isinstance(value, str) else f"{value:016x}" for name, value in values.items() if value}
