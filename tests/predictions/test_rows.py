"""Rows: the same everywhere, fitted to a signature, and refused in words that help."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from envdiff.errors import UnusableInput
from envdiff.predictions.protos.example_pb2 import Example
from envdiff.predictions.row_files import rows_from_file
from envdiff.predictions.rows import InputSpec, rows_digest, rows_from_signature
from envdiff.predictions.tfrecord import masked_crc

IMAGE = [("image", "DT_FLOAT", (-1, 8, 8, 3))]
MIXED = [("text", "string", [None]), ("ids", "int64", [None, 4]), ("flag", "bool", []), ("z", "complex64", [None])]

# Recorded once. A change here means that two envdiff would ask two different things.
RECORDED = {
    "image": "3457415b4a0cad813ad6c6ab875ee37d0adc6e1b00d598c8140d4f3420aea7ef",
    "mixed": "5d7583afa1564408f6cb11390a87709e48540a9f5e984735c095da1d7e425338",
    "bfloat16": "c9c57b43ba148d7798793eb091f54945376db263f810632f13b29e305117cd83",
}


def test_the_rows_of_a_signature_never_change() -> None:
    assert rows_from_signature(IMAGE).digest == RECORDED["image"]
    assert rows_from_signature(MIXED, count=5, seed=7).digest == RECORDED["mixed"]
    assert rows_from_signature([("x", "bfloat16", [None, 3])]).digest == RECORDED["bfloat16"]


def test_ranges_are_as_documented() -> None:
    values = rows_from_signature(IMAGE).arrays["image"]
    assert values.dtype == np.float32
    assert values.shape == (32, 8, 8, 3)
    assert values[::2].min() >= -1
    assert values[::2].min() < -0.9
    assert values[1::2].min() >= 0
    assert values.max() < 1
    assert np.array_equal(values, values.astype(np.float16))
    assert np.array_equal(values * 1024, np.rint(values * 1024))
    mixed = rows_from_signature(MIXED).arrays
    assert set(np.unique(mixed["ids"])) <= set(range(10))
    assert mixed["flag"].shape == ()
    assert rows_from_signature([("x", "uint8", [None, 500])]).arrays["x"].max() == 255


def test_a_row_does_not_depend_on_how_many_there_are_or_on_its_name() -> None:
    few, many = rows_from_signature(IMAGE, 3).arrays["image"], rows_from_signature(IMAGE, 9).arrays["image"]
    renamed = rows_from_signature([("other", "float32", [None, 8, 8, 3])], 3).arrays["other"]
    assert np.array_equal(few, many[:3])
    assert np.array_equal(few, renamed)
    assert not np.array_equal(few, rows_from_signature(IMAGE, 3, seed=1).arrays["image"])


def test_open_lengths_are_chosen() -> None:
    shapes = rows_from_signature(
        [("image", "float32", [None] * 4), ("steps", "float32", [None, None, 5]), ("any", "int32", None)], 2
    ).shapes()
    assert shapes == {"image": "float32[2,64,64,3]", "steps": "float32[2,16,5]", "any": "int32[2]"}


def test_the_digest_sees_names_dtypes_shapes_and_bytes() -> None:
    one = np.arange(6, dtype=np.int32)
    variants = [
        {"x": one},
        {"y": one},
        {"x": one.astype(np.int64)},
        {"x": one.reshape(2, 3)},
        {"x": one[::-1]},
        {"x": np.array([b"a", b"bc"], object)},
        {"x": np.array([b"ab", b"c"], object)},
    ]
    assert len({rows_digest(variant) for variant in variants}) == len(variants)
    assert rows_digest({"x": one}) == rows_digest({"x": one.astype(">i4")})
    assert rows_digest({"x": np.array(["a"])}) == rows_digest({"x": np.array([b"a"], object)})


@pytest.mark.parametrize("dtype", ["DT_RESOURCE", "DT_VARIANT", "nonsense"])
def test_a_dtype_without_rows_is_refused(dtype: str) -> None:
    with pytest.raises(UnusableInput, match="has no rows"):
        rows_from_signature([("x", dtype, [None])])


def test_rows_that_are_too_large_are_refused_before_they_are_made() -> None:
    with pytest.raises(UnusableInput, match="more than 512 MiB"):
        rows_from_signature([("x", "float32", [None, 100_000, 100_000])])


VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


def _tfrecord(path: Path) -> None:
    with path.open("wb") as file:
        for row in VALUES:
            example = Example()
            example.features.feature["x"].float_list.value.extend(row.tolist())
            data = example.SerializeToString()
            length = struct.pack("<Q", len(data))
            file.write(length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data)))


def _parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"x": VALUES.tolist()}), path)


WRITERS = {
    "rows.npz": lambda path: np.savez(path, x=VALUES),
    "rows.npy": lambda path: np.save(path, VALUES),
    "named.json": lambda path: path.write_text(json.dumps({"x": VALUES.tolist()})),
    "bare.json": lambda path: path.write_text(json.dumps(VALUES.tolist())),
    "instances.json": lambda path: path.write_text(json.dumps({"instances": [{"x": row} for row in VALUES.tolist()]})),
    "inputs.json": lambda path: path.write_text(json.dumps({"inputs": VALUES.tolist()})),
    "rows.jsonl": lambda path: path.write_text("\n".join(json.dumps({"x": row}) for row in VALUES.tolist())),
    "rows.csv": lambda path: path.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in VALUES.tolist())),
    "rows.parquet": _parquet,
    "rows.tfrecord": _tfrecord,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_file_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    rows = rows_from_file(tmp_path / name, [("x", "DT_FLOAT", [-1, 3])])
    assert np.array_equal(rows.arrays["x"], VALUES)
    assert rows.arrays["x"].dtype == np.float32
    assert rows.count == 4
    assert rows.digest == rows_digest({"x": VALUES})


def test_serialised_examples_are_the_rows_of_a_parsing_signature(tmp_path: Path) -> None:
    _tfrecord(tmp_path / "rows.tfrecord")
    rows = rows_from_file(tmp_path / "rows.tfrecord", [("examples", "string", [None])])
    assert Example.FromString(rows.arrays["examples"][1]).features.feature["x"].float_list.value[0] == 3.0


def test_a_table_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,city,score\n3,Bern,0.5\n,Ulm,1\n")
    rows = rows_from_file(
        tmp_path / "rows.csv", [("age", "float32", [None, 1]), ("city", "string", [None]), ("score", "float32", [None])]
    )
    assert np.isnan(rows.arrays["age"][1, 0])
    assert rows.arrays["city"].tolist() == [b"Bern", b"Ulm"]


MISFITS = {
    "another shape": (
        {"x": np.zeros((4, 5), np.float32)},
        "input x wants float32 of shape [?, 3], given float32 of shape [4, 5]",
    ),
    "no row axis": (
        {"x": np.zeros(3, np.float32)},
        "input x wants float32 of shape [?, 3], given float32 of shape [3]",
    ),
    "text": ({"x": np.array([["a"] * 3])}, "given string of shape [1, 3]"),
    "another name": ({"y": VALUES, "z": VALUES}, "no rows for input x (float32 of shape [?, 3])"),
    "no rows": ({"x": np.zeros((0, 3), np.float32)}, "no rows"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_rows_that_do_not_fit_are_refused_by_name(name: str, tmp_path: Path) -> None:
    arrays, words = MISFITS[name]
    np.savez(tmp_path / "rows.npz", **arrays)
    with pytest.raises(UnusableInput) as caught:
        rows_from_file(tmp_path / "rows.npz", [("x", "float32", [None, 3])])
    assert words in caught.value.message


def test_whole_numbers_are_not_rounded_into_an_integer_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.array([1.0, 2.5]))
    with pytest.raises(UnusableInput, match="no equal in that dtype"):
        rows_from_file(tmp_path / "rows.npz", [("x", "int32", [None])])
    np.savez(tmp_path / "rows.npz", x=np.array([300]))
    with pytest.raises(UnusableInput, match="no equal in that dtype"):
        rows_from_file(tmp_path / "rows.npz", [("x", "uint8", [None])])


def test_inputs_with_different_numbers_of_rows_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", a=np.zeros(3), b=np.zeros(4))
    with pytest.raises(UnusableInput, match="a has 3, b has 4"):
        rows_from_file(tmp_path / "rows.npz", [InputSpec("a", "float64", (None,)), InputSpec("b", "float64", (None,))])


BAD_FILES = {
    "lines.jsonl": b'{"x": 1}\n{"x": \n',
    "names.jsonl": b'{"x": 1}\n{"y": 2}\n',
    "empty.jsonl": b"\n",
    "short.csv": b"a,b\n1\n",
    "header.csv": b"a,b\n",
    "binary.csv": b"\xff\xfe\x00\x01",
    "bad.parquet": b"PAR1 no",
    "bad.tfrecord": b"\x00" * 40,
    "cut.tfrecord": b"\x05\x00\x00",
    "packed.tfrecord": b"\x1f\x8b\x08\x00",
    "empty.tfrecord": b"",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BAD_FILES[name])
    with pytest.raises(UnusableInput):
        rows_from_file(tmp_path / name, [("x", "float32", [None])])


def test_a_flipped_bit_in_a_record_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "rows.tfrecord"
    _tfrecord(path)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnusableInput, match="checksum"):
        rows_from_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="no such file"):
        rows_from_file(tmp_path / "none.npz")
