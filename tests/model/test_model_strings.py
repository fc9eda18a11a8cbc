"""Strings numbered by their hashes, and nodes found many at once: what comes out is what going one by one gives."""

from __future__ import annotations

import random
from array import array

import numpy as np
import pytest
from model_writing import attr, function, node, pb, saved_model

from envdiff.model import split as splitting
from envdiff.model import strings
from envdiff.model.wire import Malformed

NAMES = [
    "",
    "x",
    "y",
    "a" * 7,
    "a" * 8,
    "b/" * 31,
    "b/" * 32,
    "b/" * 33,
    "b/" * 64 + "x",
    "b/" * 64 + "y",
    "ü" * 40,
    "c" * 1024,
    "c" * 5000 + "x",
    "c" * 5000 + "y",
]


def columns(texts: list[bytes]) -> tuple[bytes, np.ndarray, np.ndarray]:
    ends = np.cumsum([len(text) for text in texts])
    return strings.spared(b"".join(texts), ends), ends - [len(text) for text in texts], ends


@pytest.mark.parametrize("keys", [strings._KEYS, (0,) * len(strings._KEYS)], ids=["hashed", "colliding"])
@pytest.mark.parametrize("seed", range(4))
def test_the_same_strings_of_a_group_share_a_place(
    monkeypatch: pytest.MonkeyPatch, keys: tuple[int, ...], seed: int
) -> None:
    monkeypatch.setattr(strings, "_KEYS", keys)
    choose = random.Random(seed)
    made = [*NAMES, *(f"stage_{choose.randrange(40)}/" * choose.randrange(1, 12) for _ in range(300))]
    texts = [choose.choice(made).encode() for _ in range(9000)]
    group = np.asarray([choose.randrange(3) for _ in texts])
    data, begin, end = columns(texts)
    first = strings.firsts(data, begin, end, group, strings.hashes(data, begin, end, group)).tolist()
    named = list(zip(texts, group.tolist(), strict=True))
    assert [named[at] for at in first] == named
    assert len(set(first)) == len(set(named))


def test_strings_in_order() -> None:
    data, begin, end = columns([name.encode() for name in NAMES])
    assert list(strings.texts(data, begin, end)) == [name.encode() for name in NAMES]


def several(choose: random.Random, count: int) -> list[bytes]:
    """Nodes of all sizes; some hold what looks like nodes, some begin in another way than writers do."""
    inner = pb.Function(node_def=[node("inner", "Relu", "x")] * 5).SerializeToString()
    held = [b"", inner, node("held", "Relu"), choose.randbytes(90), bytes(300), bytes(20_000), bytes(70_000)]
    nodes = []
    for number in range(count):
        size = choose.choices(held, [60, 3, 3, 3, 3, 1, 0.1])[0]
        value = attr("value", tensor={"dtype": 7, "tensor_content": size})
        whole = node(f"n{number}" * choose.randrange(1, 9), "Const", attrs=[value] if size else ())
        nodes.append(whole if choose.random() < 0.995 else b"\xf8\x3f\x01" + whole)
    return nodes


@pytest.mark.parametrize("seed", range(6))
def test_nodes_found_at_once_are_those_found_one_by_one(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    choose = random.Random(seed)
    body = function("body", several(choose, 2500), "n1:y:0")
    data = saved_model(several(choose, 2500), "n1", functions=[body]).SerializeToString()
    at_once = splitting.split(data)
    monkeypatch.setattr(splitting, "_STRETCH", len(data) + 1)
    assert splitting.split(data) == at_once
    assert [len(part) for part in at_once.parts[0]] == [2500, 2500]


def test_many_are_found_at_once() -> None:
    data = b"".join(b"\x0a" + bytes([len(one)]) + one for one in [node("name", "Relu", "x")] * 9000)
    found = array("q")
    assert splitting._in_view(data, 0, len(data), 0x0A, found) == len(data)
    assert len(found) == 9000


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 40])
def test_the_last_of_many_nodes_runs_past_the_end(cut: int) -> None:
    nodes = [node(f"n{number}", "Relu", "x" * 30) for number in range(9000)]
    graph = b"".join(b"\x0a" + bytes([len(one)]) + one for one in nodes)
    with pytest.raises(Malformed, match="past its end"):
        splitting._nodes(graph, 0, len(graph) - cut, 0x0A, array("q"))
