"""Model files as a fuzzer sees them: whole files, and contents behind checksums and packing that a fuzzer cannot make."""

from __future__ import annotations

import io
import json
import os
import signal
import traceback
import zipfile
from pathlib import Path

import model_writing
import numpy as np
from fuzz_bytes import joined, parts

from envdiff.model import hdf5_child
from envdiff.model.compare import diff
from envdiff.model.facts import model_facts
from envdiff.model.protos import model_pb2 as pb
from envdiff.model.show import described

DATA = Path(__file__).resolve().parents[1] / "data" / "models"
ARRAYS = {"a": np.arange(6, dtype="float32").reshape(2, 3), "b/kernel": np.arange(4, dtype="int64")}
VARIABLES = "variables/variables"


def _read(path: Path) -> None:
    described(model_facts(path, verify_weights=True)).lines()
    diff(path, path).lines()


def saved_model(data: bytes, folder: Path) -> None:
    """saved_model.pb, and after a mark keras_metadata.pb and fingerprint.pb."""
    files = parts(data, ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb"))
    for name, content in files.items():
        if content or name == "saved_model.pb":
            (folder / name).write_bytes(content)
    _read(folder)


def saved_model_seeds() -> list[bytes]:
    attr, node, function = model_writing.attr, model_writing.node, model_writing.function
    call = [attr("f", func={"name": "f"})]
    nodes = [
        *model_writing.PLAIN,
        node("c", "Const", attrs=[attr("dtype", type=1), attr("value", tensor={"dtype": 1, "float_val": [2.0]})]),
        node("z", "PartitionedCall", "y", "^c", device="/device:GPU:0", attrs=call),
    ]
    functions = [function("f", [node("d", "RandomUniform", "x"), node("e", "Mul", "d:0", "x")], "e:z", "x")]
    message = model_writing.saved_model(nodes, "z", functions=functions)
    keras = pb.KerasMetadata()
    keras.nodes.add(identifier="_tf_keras_layer", metadata='{"class_name": "Dense", "config": {"name": "d"}}')
    marks = pb.Fingerprint(uuid="1234", saved_model_checksum=7)
    small = message.SerializeToString()
    recorded = [(DATA / "tf115" / name / "saved_model.pb").read_bytes() for name in ("tf1_dropout", "init_overwrites")]
    return [joined(small, keras.SerializeToString(), marks.SerializeToString()), small, *recorded]


def bundle(data: bytes, folder: Path) -> None:
    """variables.index as it is, and after a mark the bytes of the weights."""
    files = parts(data, ("index", "data"))
    _with_variables(folder, files["index"], files["data"])


def _with_variables(folder: Path, index: bytes, weights: bytes) -> None:
    model_writing.write_saved_model(folder)
    (folder / "variables").mkdir()
    (folder / f"{VARIABLES}.index").write_bytes(index)
    (folder / f"{VARIABLES}.data-00000-of-00001").write_bytes(weights)
    _read(folder)


def bundle_seeds() -> list[bytes]:
    recorded = DATA / "tf115" / "tf1_dropout" / "variables"
    index = (recorded / "variables.index").read_bytes()
    return [joined(index, (recorded / "variables.data-00000-of-00001").read_bytes()[:64]), index]


def bundle_entries(data: bytes, folder: Path) -> None:
    """An index whose checksums are right, with keys and entries from the input."""
    pieces = data.split(b"\xff\x00\xff")
    rows = list(zip(pieces[1::2], pieces[2::2], strict=False))
    _with_variables(folder, model_writing.table(rows), pieces[0])


def bundle_entry_seeds() -> list[bytes]:
    rows: list[bytes] = [b"", pb.BundleHeader(num_shards=1).SerializeToString()]
    content, offset = b"", 0
    for name, array in ARRAYS.items():
        rows += [name.encode(), model_writing.entry(array, offset, 0, {}).SerializeToString()]
        content += array.tobytes()
        offset += array.nbytes
    text = pb.BundleEntry(dtype=7, shard_id=0, offset=0, size=9, crc32c=1)
    text.shape.dim.add(size=2)
    graph = [b"_CHECKPOINTABLE_OBJECT_GRAPH", text.SerializeToString()]
    return [joined(content, *rows), joined(content, *rows, *graph), joined(content, *rows[:2])]


def keras(data: bytes, folder: Path) -> None:
    (folder / "m.keras").write_bytes(data)
    _read(folder / "m.keras")


def keras_seeds() -> list[bytes]:
    return [(DATA / "keras" / "dense.keras").read_bytes(), _packed({"config.json": b"{}"}), _packed({})]


def keras_members(data: bytes, folder: Path) -> None:
    """An archive that is whole, with members from the input; the first byte says how they are packed."""
    names = ("config.json", "metadata.json", "assets/words.txt")
    files = {name: content for name, content in parts(data[1:], names).items() if content or name == "config.json"}
    kind = zipfile.ZIP_DEFLATED if data[:1] > b"\x7f" else zipfile.ZIP_STORED
    (folder / "m.keras").write_bytes(_packed(files, kind))
    _read(folder / "m.keras")


def keras_member_seeds() -> list[bytes]:
    with zipfile.ZipFile(DATA / "keras" / "dense.keras") as archive:
        config, metadata = archive.read("config.json"), archive.read("metadata.json")
    return [b"\0" + joined(config, metadata, b"a\nb\n"), b"\0" + joined(config)]


def _packed(files: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def hdf5(data: bytes, folder: Path) -> None:
    (folder / "m.h5").write_bytes(data)
    _read(folder / "m.h5")


def hdf5_inside(data: bytes, folder: Path) -> None:
    """What the process that reads HDF5 does, in a fork of this one: it may die of a signal, and of nothing else."""
    (folder / "m.h5").write_bytes(data)
    child = os.fork()
    if child == 0:
        _as_reader(folder)
    status = os.waitpid(child, 0)[1]
    said = (folder / "said").read_bytes()
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, said.decode("utf-8", "replace")


def _as_reader(folder: Path) -> None:
    status = 0
    try:
        signal.alarm(10)
        # Numbered as standard error is written to where the parent looks.
        os.dup2(os.open(folder / "said", os.O_WRONLY | os.O_CREAT), 2)
        questions = [
            {"op": "tensors", "sha256": False, "path": str(folder / "m.h5")},
            {"op": "attributes", "names": ["model_config", "keras_version", "backend"]},
            {"op": "elements", "key": "layers/dense/vars/0", "start": 0, "stop": 4},
        ]
        lines = io.BytesIO(b"".join(json.dumps(one).encode() + b"\n" for one in questions))
        hdf5_child.serve(str(folder / "m.h5"), "", lines, io.BytesIO())
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        status = 1
    os._exit(status)


def hdf5_seeds() -> list[bytes]:
    import h5py

    seeds = [(DATA / "keras" / "dense.h5").read_bytes()]
    for options in ({}, {"chunks": (2, 3), "compression": "gzip"}):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file.create_dataset("layers/dense/vars/0", data=ARRAYS["a"], **options)
            file.attrs["keras_version"] = "2.15.0"
            file.attrs["model_config"] = '{"class_name": "Sequential", "config": {"layers": []}}'
        seeds.append(out.getvalue())
    return seeds


def tflite(data: bytes, folder: Path) -> None:
    (folder / "m.tflite").write_bytes(data)
    _read(folder / "m.tflite")


def tflite_seeds() -> list[bytes]:
    return [(DATA / "keras" / "dense.tflite").read_bytes()]


def frozen(data: bytes, folder: Path) -> None:
    (folder / "m.pb").write_bytes(data)
    _read(folder / "m.pb")


def frozen_seeds() -> list[bytes]:
    """The graphs of recorded SavedModels."""
    files = [DATA / "tf115" / name / "saved_model.pb" for name in ("tf1_dropout", "init_overwrites")]
    models = [pb.SavedModel.FromString(file.read_bytes()) for file in files]
    graphs: list[bytes] = [model.meta_graphs[0].graph_def.SerializeToString() for model in models]
    return graphs
