"""The command line as the server takes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from envdiff.serving.commandline import parse
from envdiff.serving.flags import every_flag, flags_of, release_of

NEWEST = Version("2.20.0")


def test_every_release_has_the_number_of_flags_that_its_source_has() -> None:
    counts = {"1.0": 9, "1.5": 10, "1.8": 16, "1.13": 25, "1.15": 29, "2.3": 29, "2.4": 30, "2.5": 38, "2.6": 40,
              "2.8": 42, "2.11": 43, "2.15": 46, "2.18": 47, "2.19": 48, "2.20": 48}  # fmt: skip
    # 1.0 had model_config_file and batching_parameters_file beside seven others.
    found = {release: len(flags_of(Version(release))) for release in counts}
    assert found == counts


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["--port=9000"], {"port": "9000"}),
        (["--enable_batching"], {"enable_batching": "true"}),
        (["--enable_batching=1"], {"enable_batching": "true"}),
        (["--enable_batching=True"], {"enable_batching": "true"}),
        (["--enable_batching=false"], {"enable_batching": "false"}),
        (["--enable_batching", "false"], {"enable_batching": "true"}),
        (["--model_name=a", "--model_name=b"], {"model_name": "b"}),
        (["--model_name="], {"model_name": ""}),
        (["--model_name=a=b"], {"model_name": "a=b"}),
        (["--port", "9000"], {}),
        (["-port=9000"], {}),
        (["port=9000"], {}),
        (["--Port=9000"], {}),
        ([" --port=9000"], {}),
        (["--"], {}),
        ([""], {}),
    ],
)
def test_what_the_parser_takes(words: list[str], taken: dict[str, str]) -> None:
    assert parse(words, NEWEST).values == taken


@pytest.mark.parametrize(
    ("words", "release", "says", "meant"),
    [
        (["--enable_batching", "false"], "2.20", "already means --enable_batching=true", "--enable_batching=false"),
        (["--port", "9000"], "2.20", "must be joined by =", "--port=9000"),
        (["-port=9000"], "2.20", "two dashes", "--port=9000"),
        (["--mixed_precision=bfloat16"], "2.14.1", "since 2.15, this server is 2.14.1", ""),
        (["--use_tflite_model=true"], "2.20", "gone since 2.3", "--prefer_tflite_model=true"),
        (["--modle_name=x"], "2.20", "no such flag", "--model_name=x"),
        (["--something_else=x"], "2.20", "no such flag", ""),
        (["stray"], "2.20", "no words besides", ""),
    ],
)
def test_every_word_without_effect_says_why_and_what_was_meant(
    words: list[str], release: str, says: str, meant: str
) -> None:
    dropped = parse(words, Version(release)).dropped
    assert any(says in one.reason and one.meant == meant for one in dropped), dropped


def test_two_dashes_alone_end_what_the_server_looks_at() -> None:
    line = parse(["--enable_batching=TRUE", "--", "--rest_api_port=8501"], NEWEST)
    assert line.values == {"enable_batching": "true"}
    assert [one.word for one in line.dropped] == ["--", "--rest_api_port=8501"]
    assert all("nothing from -- on" in one.reason for one in line.dropped)


def test_a_value_of_the_wrong_type_stops_the_server() -> None:
    line = parse(["--port=x", "--enable_batching=maybe", "--per_process_gpu_memory_fraction=0.5"], NEWEST)
    assert [one.word for one in line.refused] == ["--port=x", "--enable_batching=maybe"]
    assert line.values == {"per_process_gpu_memory_fraction": "0.5"}


@given(st.lists(st.text(max_size=30) | st.sampled_from([f"--{name}" for name in every_flag()]), max_size=8))
def test_every_word_is_taken_dropped_or_refused(words: list[str]) -> None:
    line = parse(words, NEWEST)
    assert len(line.dropped) + len(line.refused) <= len(words)
    assert len(line.values) + len(line.dropped) + len(line.refused) <= len(words)


@pytest.mark.parametrize(
    ("text", "release"),
    [("2.15.1", "2.15.1"), ("2.18.0-rc1", "2.18rc1"), ("2.4.1+dev.sha.0f", "2.4.1"), ("0.0.0", None), ("master", None)],
)
def test_what_counts_as_a_release(text: str, release: str | None) -> None:
    assert release_of(text) == (Version(release) if release else None)
