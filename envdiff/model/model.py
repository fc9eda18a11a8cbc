"""One model, read: what :mod:`facts` writes down, :mod:`show` tells and :mod:`compare` compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from envdiff.errors import UnusableInput
from envdiff.model import requires
from envdiff.model.bundle import Bundle, read_bundle
from envdiff.model.files import FileRecord, inside, open_regular, read_whole, records, sha256_of
from envdiff.model.frozen import read_frozen
from envdiff.model.graph import Reach
from envdiff.model.hdf5 import Hdf5Source, file_attributes, read_tensors
from envdiff.model.keras_file import read_archive
from envdiff.model.layers import KerasConfig, keras_config, parse_json
from envdiff.model.locate import Form, Located, locate
from envdiff.model.savedmodel import MetaGraph, fingerprint, read_saved_model
from envdiff.model.tflite import LiteModel, read_lite
from envdiff.model.traits import Traits, overwritten, traits_of
from envdiff.model.weights import BundleSource, FileSource, Tensor, WeightSource, of_bundle, verified

_METADATA = 256 << 20
_VARIABLES = "variables/variables"
_GRAPHS = {Form.SAVED_MODEL: "saved_model.pb", Form.FROZEN: "*", Form.TFLITE: "*"}  # "*": the only file


@dataclass(frozen=True)
class Model:
    """``unread``: fact path (below ``model.``) -> why it could not be read. ``verified``: the weights' bytes were read."""

    located: Located
    files: list[FileRecord]
    tensors: list[Tensor]
    verified: bool
    source: WeightSource | None = None
    bundle: Bundle | None = None
    meta: MetaGraph | None = None
    keras: KerasConfig | None = None
    lite: LiteModel | None = None
    fingerprint: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def graph_file(self) -> FileRecord | None:
        """The one that holds the graph, also where it could not be read; layers of Keras are in no file of their own."""
        name = _GRAPHS.get(self.located.form, "")
        return next((one for one in self.files if name in (one.relative, "*")), None)

    @property
    def served_reaches(self) -> dict[str, Reach]:
        """What the signature reaches that a caller gets who names none; where there is no such, what each does."""
        if self.meta is None:
            return {}
        served = [self.meta.served.name] if self.meta.served else list(self.meta.signatures)
        return {name: self.reach(name) for name in served}

    @cached_property
    def _reaches(self) -> dict[str, Reach]:
        return {}

    def reach(self, name: str) -> Reach:
        """What the signature ``name`` reaches: found when it is asked for, since a model may have thousands."""
        assert self.meta is not None
        if name not in self._reaches:
            signature = self.meta.signatures[name]
            self._reaches[name] = self.meta.graph.reach(signature.fetches, signature.feeds)
        return self._reaches[name]

    @cached_property
    def traits(self) -> Traits | None:
        """Of the signature a caller gets who names none; of all together where there is no such."""
        if self.meta is None or not self.meta.signatures:
            return None
        served = self.meta.served
        if served is not None:
            return traits_of(self.reach(served.name))
        every = [tensor for one in self.meta.signatures.values() for tensor in one.fetches]
        return traits_of(self.meta.graph.reach(every))

    @cached_property
    def overwritten(self) -> list[str]:
        if self.meta is None:
            return []
        restored = {text for one in self.tensors for text in (one.key, one.name)}
        return overwritten(self.meta.graph, self.meta.init_ops, restored)


def read_model(path: Path | str, *, verify_weights: bool = False) -> Model:
    """Raises :class:`UnusableInput` when there is no model or its main file cannot be read."""
    requires.crc32c()
    try:
        located = locate(path)
        return _READERS[located.form](located, verify_weights)
    except OSError as error:
        raise UnusableInput(f"the model cannot be read: {error.strerror or error}", subject=str(path)) from error


def _saved_model(located: Located, verify: bool) -> Model:
    unread: dict[str, str] = {}
    folder = located.path
    meta = read_saved_model(folder)
    bundle, tensors = _weights(folder, unread, meta, verify=verify)
    marks: dict[str, str] = {}
    try:
        marks = fingerprint(folder)
    except UnusableInput as error:
        unread["fingerprint_pb"] = error.message
    files = records(folder, _shard_digests(bundle))
    return Model(
        located, files, tensors, verify, source=BundleSource(bundle) if bundle else None, bundle=bundle, meta=meta,
        keras=_keras_metadata(folder, unread), fingerprint=marks, unread=unread,
    )  # fmt: skip


_VARIABLE_OPS = frozenset({"VarHandleOp", "VariableV2", "Variable"})


def _has_variables(meta: MetaGraph) -> bool:
    return bool(_VARIABLE_OPS & meta.graph.own_ops)


def _weights(
    folder: Path, unread: dict[str, str], meta: MetaGraph, *, verify: bool
) -> tuple[Bundle | None, list[Tensor]]:
    if inside(folder, _VARIABLES + ".index") is None:
        if _has_variables(meta):  # the C++ loader takes this for "no variables" and serves
            unread["weights"] = "variables.index is missing although the graph has variables: half copied?"
        return None, []
    try:
        bundle = read_bundle(folder, _VARIABLES)
        tensors = of_bundle(bundle)
    except UnusableInput as error:
        unread["weights"] = error.message
        return None, []
    return bundle, verified(bundle, tensors) if verify else tensors


def _shard_digests(bundle: Bundle | None) -> dict[str, str]:
    """Shards whose bytes are vouched for by the index: name -> a digest over what the index says lies in them.

    The same with and without verification, so that two captures can be compared.
    """
    if bundle is None:
        return {}
    lines: dict[int, list[str]] = {shard: [] for shard in range(bundle.shards)}
    for entry in bundle.stored():
        lines.setdefault(entry.shard, []).append(f"{entry.offset:x} {entry.size:x} {entry.crc32c:08x}")
    checksum = requires.crc32c().value
    return {
        bundle.shard_name(shard): f"crc32c-of-index:{checksum(chr(10).join(sorted(found)).encode()):08x}"
        for shard, found in lines.items()
    }


def _keras_metadata(folder: Path, unread: dict[str, str]) -> KerasConfig | None:
    """Keras 2 writes its layers beside the graph."""
    path = inside(folder, "keras_metadata.pb")
    if path is None:
        return None
    try:
        message = requires.messages().KerasMetadata.FromString(read_whole(path, _METADATA))
        nodes = [
            parse_json(one.metadata, "keras_metadata.pb") for one in message.nodes if one.identifier == _KERAS_LAYER
        ]
    except requires.decode_error() as error:
        unread["layers"] = f"keras_metadata.pb cannot be parsed: {error}"
        return None
    except UnusableInput as error:
        unread["layers"] = error.message
        return None
    return keras_config(nodes, "")


_KERAS_LAYER = "_tf_keras_layer"


def _file_record(path: Path) -> list[FileRecord]:
    with open_regular(path) as stream:
        return [FileRecord(path.name, path.stat().st_size, sha256_of(stream))]


def _hdf5(located: Located, verify: bool) -> Model:
    source = Hdf5Source(located.path)
    tensors, left_out = read_tensors(source, sha256=verify)
    texts = file_attributes(source, ("model_config", "keras_version", "backend"))
    config = None
    unread = {f"weights.{path.replace('.', '_')}": why for path, why in left_out.items()}
    if "model_config" in texts:
        config = _config_or_reason(texts["model_config"], texts.get("keras_version", ""), unread)
    return Model(
        located, _file_record(located.path), tensors, verify, source=source, keras=config or _version_only(texts),
        unread=unread,
    )  # fmt: skip


def _config_or_reason(text: str, version: str, unread: dict[str, str]) -> KerasConfig | None:
    try:
        return keras_config(parse_json(text, "model_config"), version)
    except UnusableInput as error:
        unread["layers"] = error.message
        return None


def _version_only(texts: dict[str, str]) -> KerasConfig | None:
    return keras_config({}, texts["keras_version"]) if "keras_version" in texts else None


def _keras(located: Located, verify: bool) -> Model:
    archive = read_archive(located.path)
    unread: dict[str, str] = {}
    tensors: list[Tensor] = []
    if archive.weights is not None:
        try:
            tensors, left_out = read_tensors(archive.weights, sha256=verify)
        except UnusableInput as error:
            unread["weights"] = error.message
        else:
            unread |= {f"weights.{path.replace('.', '_')}": why for path, why in left_out.items()}
    else:
        unread["weights"] = "the archive holds no weights"
    members = sorted(archive.members, key=lambda one: one.relative)
    return Model(located, members, tensors, verify, source=archive.weights, keras=archive.config, unread=unread)


def _lite(located: Located, verify: bool) -> Model:
    lite = read_lite(located.path)
    source = FileSource(located.path, lite.places)
    return Model(located, _file_record(located.path), list(lite.tensors), verify, source=source, lite=lite)


def _frozen(located: Located, verify: bool) -> Model:
    meta, tensors, places = read_frozen(located.path)
    source = FileSource(located.path, places)
    return Model(located, _file_record(located.path), tensors, verify, source=source, meta=meta)


def _checkpoint(located: Located, verify: bool) -> Model:
    bundle = read_bundle(located.path.parent, located.path.name)
    tensors = of_bundle(bundle)
    if verify:
        tensors = verified(bundle, tensors)
    names = [located.path.name + ".index", *(bundle.shard_name(shard) for shard in range(bundle.shards))]
    known = _shard_digests(bundle)
    files = []
    for name in names:
        path = inside(located.path.parent, name)
        if path is not None and name in known:
            files.append(FileRecord(name, path.stat().st_size, known[name]))
        elif path is not None:
            files.extend(_file_record(path))
    return Model(located, files, tensors, verify, source=BundleSource(bundle), bundle=bundle)


_READERS = {
    Form.SAVED_MODEL: _saved_model,
    Form.HDF5: _hdf5,
    Form.KERAS: _keras,
    Form.TFLITE: _lite,
    Form.CHECKPOINT: _checkpoint,
    Form.FROZEN: _frozen,
}
