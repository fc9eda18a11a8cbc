"""Files that are cut, lie, or lead elsewhere: a clear error or an unread fact, never a crash or a wrong answer."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from model_writing import PLAIN, attr, function, node, pb, saved_model, table, write_bundle, write_saved_model

from envdiff.errors import UnusableInput
from envdiff.model.bundle import read_bundle
from envdiff.model.facts import model_facts
from envdiff.model.locate import locate
from envdiff.model.model import read_model

ARRAYS = {"a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.arange(4, dtype="int64")}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_saved_model(tmp_path / "model", arrays=ARRAYS)


@pytest.mark.parametrize("content", [b"", b"\0", b"garbage" * 50, b"\x12\xff\xff\xff\xff\x0f"])
def test_garbage_for_a_graph(model: Path, content: bytes) -> None:
    (model / "saved_model.pb").write_bytes(content)
    with pytest.raises(UnusableInput) as caught:
        read_model(model)
    assert "saved_model.pb" in str(caught.value.subject)


def test_a_graph_cut_anywhere(model: Path) -> None:
    whole = (model / "saved_model.pb").read_bytes()
    for size in range(len(whole)):
        (model / "saved_model.pb").write_bytes(whole[:size])
        with pytest.raises(UnusableInput):
            model_facts(model).facts["model.signature.serving_default.ops"]


def test_an_index_cut_anywhere(model: Path) -> None:
    path = model / "variables/variables.index"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert "model.weights" in model_facts(model).unread


def test_a_flipped_bit_in_the_index(model: Path) -> None:
    path = model / "variables/variables.index"
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    assert "checksum" in model_facts(model).unread["model.weights"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size": 2**62}, "says 4611686018427387904"),
        ({"offset": 2**63 - 9}, "no file has"),
        ({"offset": -5}, "negative"),
        ({"size": 23}, "takes 24 bytes"),
        ({"shard_id": 7}, "shard 7 of 1"),
    ],
)
def test_an_index_that_lies(tmp_path: Path, change: dict[str, int], word: str) -> None:
    model = write_saved_model(tmp_path / "model", arrays=ARRAYS, changes={"a": change})
    facts = model_facts(model, verify_weights=True).facts
    assert facts["model.weights.complete"] is False
    assert word in facts["model.weights.index_lies"][0]


def test_an_offset_past_the_end(tmp_path: Path) -> None:
    model = write_saved_model(tmp_path / "model", arrays=ARRAYS, changes={"a": {"offset": 10**9}})
    facts = model_facts(model, verify_weights=True).facts
    assert facts["model.weights.complete"] is False
    assert facts["model.weights.short_shards"]
    assert facts["model.weights.corrupt"] == ["a: the shard ends before the tensor does"]


def test_missing_short_and_swapped_shards(tmp_path: Path) -> None:
    model = write_saved_model(tmp_path / "model", arrays=ARRAYS, shards=2)
    first, second = (model / f"variables/variables.data-0000{shard}-of-00002" for shard in range(2))
    ours, theirs = first.read_bytes(), second.read_bytes()
    first.write_bytes(theirs)
    second.write_bytes(ours)
    facts = model_facts(model, verify_weights=True).facts
    assert facts["model.weights.corrupt"]
    second.unlink()
    first.write_bytes(b"")
    facts = model_facts(model).facts
    assert facts["model.weights.missing_shards"] == ["variables/variables.data-00001-of-00002"]
    assert facts["model.weights.short_shards"] == ["variables/variables.data-00000-of-00002: 0 of 24 bytes"]
    assert facts["model.weights.complete"] is False


def test_changed_bytes_are_found_only_by_reading(model: Path) -> None:
    path = model / "variables/variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    plain, read = (model_facts(model, verify_weights=verify).facts for verify in (False, True))
    assert "model.weights.corrupt" not in plain
    assert read["model.weights.corrupt"] == ["a: the bytes are not those the index was written for"]
    assert read["model.weights.digest"] != plain["model.weights.digest"]


def test_variables_without_an_index(tmp_path: Path) -> None:
    message = saved_model([*PLAIN, node("v", "VarHandleOp")])
    reading = model_facts(write_saved_model(tmp_path / "model", message))
    assert "half copied" in reading.unread["model.weights"]


def test_a_graph_that_turns_in_circles(tmp_path: Path) -> None:
    nodes = [node("x", "Placeholder"), node("a", "Add", "b", "x"), node("b", "Add", "a", "^b"), node("y", "Relu", "a")]
    call = [attr("f", func={"name": "f"})]
    functions = [function("f", [node("c", "PartitionedCall", attrs=call)], "c:out")]
    message = saved_model([*nodes, node("z", "PartitionedCall", "y", attrs=call)], "z", functions=functions)
    facts = model_facts(write_saved_model(tmp_path / "model", message)).facts
    assert facts["model.signature.serving_default.op_counts"] == [
        "Add×2",
        "PartitionedCall×2",
        "Placeholder×1",
        "Relu×1",
    ]


def test_functions_nested_very_deep(tmp_path: Path) -> None:
    functions = [
        function(f"f{n}", [node("c", "PartitionedCall", attrs=[attr("f", func={"name": f"f{n + 1}"})])], "c:out")
        for n in range(5000)
    ]
    nodes = [node("x", "Placeholder"), node("y", "PartitionedCall", "x", attrs=[attr("f", func={"name": "f0"})])]
    facts = model_facts(write_saved_model(tmp_path / "model", saved_model(nodes, functions=functions))).facts
    assert "PartitionedCall×5001" in facts["model.signature.serving_default.op_counts"]


def test_a_node_with_very_many_inputs(tmp_path: Path) -> None:
    nodes = [node("x", "Placeholder"), node("y", "AddN", *["x"] * 100_000)]
    facts = model_facts(write_saved_model(tmp_path / "model", saved_model(nodes))).facts
    assert facts["model.ops"] == ["AddN", "Placeholder"]


def test_a_constant_larger_than_memory_is_worth(tmp_path: Path) -> None:
    """Over 32 MiB the graph is parsed without its constants; the rest is the same."""
    big = attr("value", tensor={"dtype": 1, "tensor_content": bytes(40 << 20)})
    nodes = [*PLAIN, node("c", "Const", attrs=[attr("dtype", type=1), big]), node("z", "Add", "y", "c")]
    facts = model_facts(write_saved_model(tmp_path / "model", saved_model(nodes, "z"))).facts
    assert facts["model.ops"] == ["Add", "Const", "Placeholder", "Relu"]


def test_a_fifo_and_links_in_the_directory(model: Path, tmp_path: Path) -> None:
    os.mkfifo(model / "pipe")
    (tmp_path / "secret").write_text("secret")
    (model / "out").symlink_to(tmp_path / "secret")
    (model / "up").symlink_to("../secret")
    (model / "loop").symlink_to("loop")
    (model / "same").symlink_to("saved_model.pb")
    reading = model_facts(model)
    assert set(reading.unread) == {f"model.file.{name}" for name in ("pipe", "out", "up", "loop")}
    assert reading.facts["model.file.same"] == reading.facts["model.file.saved_model_pb"]


def test_a_graph_that_is_a_link_out(model: Path, tmp_path: Path) -> None:
    (model / "saved_model.pb").rename(tmp_path / "elsewhere.pb")
    (model / "saved_model.pb").symlink_to(tmp_path / "elsewhere.pb")
    with pytest.raises(UnusableInput):
        read_model(model)


@pytest.mark.parametrize("name", ["missing", "a/b/c", "x" * 5000, "nul\0byte"])
def test_paths_without_a_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnusableInput):
        read_model(tmp_path / name)


def test_a_device_is_no_model() -> None:
    with pytest.raises(UnusableInput):
        read_model("/dev/zero")


def test_half_copied_directories(tmp_path: Path) -> None:
    (tmp_path / "1/variables").mkdir(parents=True)
    with pytest.raises(UnusableInput, match="half copied"):
        locate(tmp_path)


def test_versions_under_a_base_path(tmp_path: Path) -> None:
    for name in ("1", "02", "2", "10", "latest"):
        write_saved_model(tmp_path / name)
    (tmp_path / "11").mkdir()
    found = locate(tmp_path)
    assert (found.version, found.path.name, found.versions) == (10, "10", (1, 2, 10, 11))
    assert (found.broken, found.collisions, found.ignored) == ((11,), ("02",), ("latest",))


def archive(path: Path, members: dict[str, bytes], **kind: int) -> Path:
    with zipfile.ZipFile(path, "w", **kind) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def weights() -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/dense/vars/0"] = ARRAYS["a"]
    return stream.getvalue()


def config(*layers: dict[str, object]) -> bytes:
    return json.dumps({"class_name": "Functional", "config": {"name": "m", "layers": list(layers)}}).encode()


def test_a_lambda_layer_is_named_not_run(tmp_path: Path) -> None:
    layer = {
        "class_name": "Lambda",
        "module": "keras.layers",
        "config": {"name": "evil", "function": "__import__('os')"},
    }
    path = archive(tmp_path / "m.keras", {"config.json": config(layer), "model.weights.h5": weights()})
    assert model_facts(path).facts["model.lambda_layers"] == ["evil"]


def test_a_zip_bomb_and_names_that_lead_out(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.keras", {"config.json": config(), "../../out": b"x", "model.weights.h5": weights()})
    assert "leads out" in model_facts(path).unread["model.file.__/__/out"]
    bomb = {"config.json": config(), "model.weights.h5": bytes(64 << 20)}
    with pytest.raises(UnusableInput, match="packed into"):
        read_model(archive(tmp_path / "bomb.keras", bomb, compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b"\xff\xfe", b"1" * 5000])
def test_a_config_that_is_no_json(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(UnusableInput):
        read_model(archive(tmp_path / "m.keras", {"config.json": text}))


def test_a_zip_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="not a Keras model"):
        read_model(archive(tmp_path / "m.keras", {"data.pkl": b"cos\nsystem\n"}))


def test_hdf5_links_external_bytes_and_bombs(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["good/kernel"] = ARRAYS["a"]
        file["soft"] = h5py.SoftLink("/good")
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
        file["good/again"] = file["good"]  # a hard link in a circle
        file.create_dataset("outside", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        file.create_dataset("bomb", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")
    reading = model_facts(path)
    assert reading.facts["model.weights.count"] == 3
    assert set(reading.unread) == {f"model.weights.{name}" for name in ("soft", "elsewhere", "outside", "bomb")}


def test_a_cut_hdf5_file(tmp_path: Path) -> None:
    whole = weights()
    for size in range(0, len(whole), 97):
        (tmp_path / "m.h5").write_bytes(whole[:size])
        with pytest.raises(UnusableInput):
            read_model(tmp_path / "m.h5")


def test_a_checkpoint_prefix(tmp_path: Path) -> None:
    write_bundle(tmp_path, ARRAYS, prefix="model.ckpt-7")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-7"\n')
    for path in (tmp_path, tmp_path / "model.ckpt-7", tmp_path / "model.ckpt-7.index"):
        facts = model_facts(path).facts
        assert (facts["model.format"], facts["model.weights.count"]) == ("checkpoint", 2)


def test_an_index_claiming_a_million_shards(tmp_path: Path) -> None:
    write_bundle(tmp_path, ARRAYS, prefix="p")
    (tmp_path / "p.index").write_bytes(table([(b"", pb.BundleHeader(num_shards=1_000_000).SerializeToString())]))
    with pytest.raises(UnusableInput, match="claims 1000000 shards"):
        read_bundle(tmp_path, "p")
