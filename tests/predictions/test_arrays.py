"""Dumps: what is read, and what is refused without being believed."""

from __future__ import annotations

import io
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envdiff.errors import UnusableInput
from envdiff.predictions.arrays import read_arrays
from envdiff.predictions.exchange import read, write
from envdiff.predictions.json_arrays import arrays_from_json
from envdiff.predictions.record import record


def _npy(array: np.ndarray, **options: bool) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def test_npz_npy_and_json_are_read(tmp_path: Path) -> None:
    one = np.arange(6.0).reshape(2, 3)
    np.savez_compressed(tmp_path / "a.npz", one=one, two=one.astype(np.float16))
    np.save(tmp_path / "a.npy", one)
    (tmp_path / "a.json").write_text('{"one": [[0, 1, 2], [3, 4, NaN]], "two": [true, false]}')
    assert list(read_arrays(tmp_path / "a.npz")) == ["one", "two"]
    assert np.array_equal(read_arrays(tmp_path / "a.npy")["values"], one)
    found = read_arrays(tmp_path / "a.json")
    assert np.isnan(found["one"][1, 2])
    assert found["two"].dtype == bool


def test_two_raw_bytes_are_bfloat16(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0]).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "a.npy", values)
    found = read_arrays(tmp_path / "a.npy")["values"]
    assert found.dtype.name == "bfloat16"
    assert np.array_equal(found, values)


def test_structured_arrays_become_one_a_field(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
    assert list(read_arrays(tmp_path / "a.npy")) == ["values.a", "values.b"]


JSON = {
    '{"instances": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}]}': {"a": (2,), "b": (2, 2)},
    '{"predictions": [[1.0, 2.0], [3.0, 4.0]]}': {"values": (2, 2)},
    '{"outputs": {"x": [1], "y": [[2]]}}': {"x": (1,), "y": (1, 1)},
    '{"inputs": 3}': {"values": ()},
    "[]": {"values": (0,)},
    "[[], []]": {"values": (2, 0)},
    '[{"b64": "aGk="}, "text"]': {"values": (2,)},
    "[[1, 2], [3]]": {"values": (3,), "values.row_lengths": (2,)},
    "[[[1], [2, 3]], [[4]]]": {"values": (4,), "values.row_lengths": (2,), "values.row_lengths.1": (3,)},
    "[1, null, 3]": {"values": (3,)},
    "[18446744073709551615]": {"values": (1,)},
}


@pytest.mark.parametrize("text", JSON)
def test_json_shapes(text: str) -> None:
    assert {name: array.shape for name, array in arrays_from_json(text, "x").items()} == JSON[text]


BAD_JSON = [
    "",
    "{",
    "{}",
    '{"a": {"b": 1}}',
    "[1, [2]]",
    '[1, "a"]',
    '[{"a": 1}, {"b": 1}]',
    '{"instances": [{"a": 1}, {"b": 1}]}',
    '[{"b64": "!"}]',
    "[99999999999999999999999]",
    "[1e5, 9" + "9" * 400 + "]",
    "[" * 100_000,
    "[" * 40 + "]" * 40,
]


@pytest.mark.parametrize("text", BAD_JSON)
def test_json_that_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(UnusableInput):
        arrays_from_json(text, "x")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("1/0",))


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in members.items():
            bundle.writestr(name.replace("__", "."), data)
    return file.getvalue()


def _claims(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


PICKLED = _npy(np.array([_Bomb()], object), allow_pickle=True)
BAD_DUMPS = {
    "pickle": pickle.dumps(_Bomb()),
    "pickle in npy": PICKLED,
    "pickle in npz": _zip(a__npy=PICKLED),
    "cut npy": _npy(np.arange(100.0))[:200],
    "cut npz": _zip(a__npy=_npy(np.arange(100.0)))[:100],
    "npz of something else": _zip(a__txt=b"hello"),
    "empty npz": _zip(),
    "header claims too much": _claims("(1000000000000,)") + b"\x00" * 64,
    "header overflows": _claims("(4611686018427387904, 8)"),
    "negative length": _claims("(-1,)"),
    "claims too much in npz": _zip(a__npy=_claims("(1000000000000,)")),
    "header of code": b"\x93NUMPY\x01\x00\x10\x00__import__('os')",
    "three raw bytes": _npy(np.zeros(4, "V3")),
    "empty": b"",
    "text": b"hello",
    "binary": bytes(range(200, 256)),
}


@pytest.mark.parametrize("name", BAD_DUMPS)
def test_a_bad_dump_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(BAD_DUMPS[name])
    with pytest.raises(UnusableInput):
        read_arrays(tmp_path / "dump")


def test_a_zip_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(_zip(a__npy=_npy(np.zeros(1 << 20))))
    with pytest.raises(UnusableInput, match="unpacks to more than"):
        read_arrays(tmp_path / "a.npz", limit=1 << 20)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), start=st.sampled_from([b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"", b"["]))
def test_garbage_is_refused(data: bytes, start: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "dump"
    path.write_bytes(start + data)
    with suppress(UnusableInput):
        read_arrays(path)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_flipped_bit_is_read_or_refused(place: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    data = bytearray(_zip(a__npy=_npy(np.arange(30.0)), b__npy=_npy(np.arange(3))))
    data[place % len(data)] ^= 1 << bit
    path = tmp_path_factory.mktemp("fuzz") / "dump.npz"
    path.write_bytes(data)
    with suppress(UnusableInput):
        read_arrays(path)


def test_recorded_arrays_come_back_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record("nothing", [1])
    monkeypatch.setenv("ENVDIFF_RECORD", str(tmp_path / "dump"))
    record("resized", np.arange(3.0))
    record("scaled", np.arange(3).astype(ml_dtypes.bfloat16))
    record("resized", np.arange(4.0))
    record("text", np.array([b"a", b"bc"], object))
    found = read_arrays(tmp_path / "dump")
    assert list(found) == ["resized", "scaled", "resized#2", "text"]
    assert found["scaled"].dtype.name == "bfloat16"
    assert found["text"].tolist() == [b"a", b"bc"]


def test_a_recording_cannot_point_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "index.jsonl").write_text('{"name": "a", "file": "../secret.npy", "dtype": "float64"}\n')
    with pytest.raises(UnusableInput, match="outside"):
        read_arrays(tmp_path)


def test_the_exchange_keeps_every_dtype(tmp_path: Path) -> None:
    arrays = {
        "bf": np.array([1.5]).astype(ml_dtypes.bfloat16),
        "text": np.array([[b"a\x00", b""], [b"\xff", b"long"]], object),
        "c": np.array([1 + 2j], np.complex64),
        "scalar": np.array(3, np.uint8),
        "empty": np.zeros((0, 2), np.float16),
        "half": np.array([0.1], np.float16),
    }
    write(tmp_path / "x.npz", {"call": arrays}, {"n": 1})
    calls, meta = read(tmp_path / "x.npz")
    assert meta == {"n": 1}
    for name, array in arrays.items():
        assert calls["call"][name].dtype == array.dtype
        assert calls["call"][name].shape == array.shape
        assert calls["call"][name].tolist() == array.tolist()


def test_the_third_version_of_the_format(tmp_path: Path) -> None:
    """NumPy writes it when a field has a name that is not Latin."""
    array = np.zeros(2, dtype=[("\u03b1", "<f4")])
    np.lib.format.write_array((tmp_path / "a.npy").open("wb"), array, version=(3, 0), allow_pickle=False)
    assert list(read_arrays(tmp_path / "a.npy")) == ["values.\u03b1"]
