"""From a command line and files to what is in force. The files are real ones, below a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envdiff.serving import configs, directory
from envdiff.serving.directory import Entry
from envdiff.serving.facts import ServingFacts, serving_facts
from envdiff.serving.flags import flags_of, release_of
from envdiff.serving.inside import Listing, ServerProcess, Unreadable
from envdiff.serving.overwrites import effective_flags, thread_flags
from envdiff.serving.protos import model_server_pb2
from envdiff.serving.version import claims_of, served_by


class Folder:
    """A folder of the test as the server's root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str, limit: int) -> bytes:
        try:
            return (self.root / path.lstrip("/")).read_bytes()[:limit]
        except OSError as error:
            raise Unreadable(f"{path}: {error.strerror}") from error

    def tree(self, path: str, depth: int) -> Listing:
        base = self.root / path.lstrip("/")
        if not base.is_dir():
            raise Unreadable(f"{path}: No such file or directory")
        found = []
        for place in sorted(base.rglob("*")):
            said = place.stat()
            kind = "folder" if place.is_dir() else "file"
            found.append(Entry(str(place.relative_to(base)), kind, said.st_size, said.st_mtime))
        return Listing(tuple(found))


def saved_model(place: Path, *, weights: bool = True) -> None:
    (place / "variables").mkdir(parents=True)
    (place / "saved_model.pb").write_bytes(b"graph")
    if weights:
        index = b"\0" * 40 + directory.TABLE_MAGIC.to_bytes(8, "little")
        (place / "variables" / "variables.index").write_bytes(index)
        (place / "variables" / "variables.data-00000-of-00001").write_bytes(b"1234")


def facts_of(root: Path, *words: str, release: str = "2.20.0", started: float | None = None) -> ServingFacts:
    process = ServerProcess(("tensorflow_model_server", *words), "/usr/bin/tensorflow_model_server", started, "/", 8)
    labels = {"tensorflow_serving_github_branchtag": release}
    return serving_facts(process, Folder(root), claims_of(labels=labels))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    saved_model(tmp_path / "models" / "m" / "1")
    return tmp_path


MODEL = ("--model_name=m", "--model_base_path=/models/m")


def test_defaults_and_their_place(root: Path) -> None:
    facts = facts_of(root, *MODEL).facts
    assert facts["serving.flag.num_tflite_pools"] == "8"
    assert facts["serving.flag.grpc_max_threads"] == "32"
    assert facts["serving.flag_source.model_name"] == "given"
    assert "serving.flag_source.port" not in facts
    assert facts["serving.versions_served"] == ["m=1"]
    assert facts["serving.threads.intra"] == 8
    assert facts["serving.batching"] == "off"
    assert facts["serving.rest_answers"] == "exact"
    assert facts_of(root, *MODEL, release="1.13.0").facts["serving.rest_answers"] == "six digits"


@pytest.mark.parametrize(
    ("flags", "threads"),
    [
        ({}, (0, 0)),
        ({"tensorflow_session_parallelism": "4"}, (4, 4)),
        ({"tensorflow_intra_op_parallelism": "2"}, (2, 0)),
        ({"tensorflow_intra_op_parallelism": "2", "tensorflow_session_parallelism": "4"}, (2, 0)),
        ({"tensorflow_inter_op_parallelism": "3"}, (0, 3)),
    ],
)
def test_thread_flags_reset_each_other(flags: Mapping[str, str], threads: tuple[int, int]) -> None:
    assert thread_flags(effective_flags(flags, flags_of(None), 8)) == threads


def test_flags_write_over_the_session_config_file(root: Path) -> None:
    (root / "session").write_text(
        "intra_op_parallelism_threads: 1\ngraph_options { rewrite_options { remapping: OFF } }"
        "gpu_options { per_process_gpu_memory_fraction: 0.5 }"
    )
    facts = facts_of(root, *MODEL, "--tensorflow_session_config_file=/session").facts
    assert facts["serving.threads.intra"] == 8
    assert facts["serving.session.graph_options.rewrite_options.remapping"] == "OFF"
    assert facts["serving.session_overwritten"] == [
        "intra_op_parallelism_threads: 1 in the file, 0 by --tensorflow_intra_op_parallelism",
        "gpu_options.per_process_gpu_memory_fraction: 0.5 in the file, 0 by --per_process_gpu_memory_fraction",
    ]


def test_mixed_precision_switches_the_rewrite_on(root: Path) -> None:
    path = "serving.session.graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16"
    assert facts_of(root, *MODEL, "--mixed_precision=bfloat16").facts[path] == "ON"
    other = facts_of(root, *MODEL, "--mixed_precision=float16").facts
    assert path not in other
    assert "only bfloat16" in str(other["serving.void"])
    old = facts_of(root, *MODEL, "--mixed_precision=bfloat16", release="2.14.1").facts
    assert path not in old
    assert "since 2.15" in str(old["serving.dropped"])


PLATFORM = """
platform_configs { key: "tensorflow" value { source_adapter_config {
  [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] { legacy_config {
    session_config { intra_op_parallelism_threads: 3 }
    batching_parameters { max_batch_size { value: 32 } allowed_batch_sizes: 8 allowed_batch_sizes: 32 }
    saved_model_tags: "serve" saved_model_tags: "gpu"
    experimental_fixed_input_tensors { name: "is_training:0" }
  } } } } }
"""


def test_a_platform_config_file_makes_flags_void(root: Path) -> None:
    (root / "platform").write_text(PLATFORM)
    found = facts_of(
        root,
        *MODEL,
        "--platform_config_file=/platform",
        "--tensorflow_intra_op_parallelism=1",
        "--mixed_precision=bfloat16",
    )
    facts = found.facts
    assert facts["serving.threads.intra"] == 3
    assert facts["serving.batching"] == "on"
    assert facts["serving.batching.allowed_batch_sizes"] == "8, 32"
    assert facts["serving.tags"] == ["gpu", "serve"]
    assert facts["serving.fixed_inputs"] == ["is_training:0"]
    assert facts["serving.flag_source.mixed_precision"] == "ignored: platform_config_file is given"
    assert facts["serving.flag.tensorflow_intra_op_parallelism"] == "0"


def test_a_platform_without_threading_parameters_is_not_batched(root: Path) -> None:
    (root / "platform").write_text(
        PLATFORM.replace("saved_model_tags", "wrap_session_with_no_threading_params: true saved_model_tags", 1)
    )
    facts = facts_of(root, *MODEL, "--platform_config_file=/platform").facts
    assert facts["serving.batching"] == "off"
    assert "wrap_session" in str(facts["serving.batching_note"])


def test_per_model_batching_keeps_the_thread_pool_alone(root: Path) -> None:
    (root / "batching").write_text("max_batch_size { value: 32 } num_batch_threads { value: 2 }")
    (root / "models/m/1/batching_params.pbtxt").write_text("max_batch_size { value: 4 }")
    facts = facts_of(
        root,
        *MODEL,
        "--enable_batching",
        "--batching_parameters_file=/batching",
        "--enable_per_model_batching_parameters",
    ).facts
    assert facts["serving.batching.num_batch_threads"] == 2
    assert "serving.batching.max_batch_size" not in facts
    assert facts["serving.model.m.batching.max_batch_size"] == 4


CONFIG = """
model_config_list {
  config { name: 'a' base_path: '/models/m' model_version_policy { specific { versions: 1 } } version_labels { key: 'stable' value: 1 } }
  config { name: "b.c" base_path: "/models/none" logging_config { sampling_config { sampling_rate: 1 } } }
}
"""


def test_a_model_config_file_replaces_name_and_path(root: Path) -> None:
    (root / "models.config").write_text(CONFIG)
    saved_model(root / "models/m/2")
    found = facts_of(root, *MODEL, "--model_config_file=/models.config")
    assert found.facts["serving.models"] == ["a", "b.c"]
    assert found.facts["serving.model.a.policy"] == "specific 1"
    assert found.facts["serving.model.a.labels"] == ["stable=1"]
    assert found.facts["serving.model.a.version_served"] == 1
    assert found.facts["serving.several_versions"] == ["a: 1, 2; 1 is served"]
    assert "No such file" in found.unread["serving.model.b-c"]
    assert found.facts["serving.flag_source.model_name"] == "ignored: model_config_file is given"
    assert "logging_config" in str(found.facts["serving.models_unknown"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("model_config_list { config {", "1:"),
        ("\xff\xfe", "no valid config"),
        ("x" * (5 << 20), "larger than"),
    ],
    ids=["missing", "cut", "not text", "huge"],
)
def test_a_config_file_that_cannot_be_used_is_told_with_its_name(root: Path, content: str | None, says: str) -> None:
    if content is not None:
        (root / "models.config").write_text(content)
    found = facts_of(root, "--model_config_file=/models.config")
    assert "/models.config" in found.unread["serving.models"]
    assert says in found.unread["serving.models"]
    assert "serving.batching" in found.facts


def test_monitoring_and_thread_pools(root: Path) -> None:
    (root / "monitoring").write_text("prometheus_config { enable: true }")
    (root / "pools").write_text("thread_pool_factory_config { [type.googleapis.com/my.Pools] { threads: 3 } }")
    facts = facts_of(
        root, *MODEL, "--monitoring_config_file=/monitoring", "--thread_pool_factory_config_file=/pools"
    ).facts
    assert facts["serving.metrics_path"] == "/monitoring/prometheus/metrics"
    assert "gRPC and REST" in str(facts["serving.thread_pools"])


def test_overrides_in_the_model_directory(root: Path) -> None:
    extra = root / "models/m/1/assets.extra"
    extra.mkdir()
    message = model_server_pb2.SavedModelConfig()
    message.session_overrides.disable_meta_optimizer = True
    (extra / "saved_model_config.pb").write_bytes(message.SerializeToString())
    facts = facts_of(root, *MODEL).facts
    assert facts["serving.overrides"] == ["m: 1/assets.extra/saved_model_config.pb (disable_meta_optimizer=True)"]


@pytest.mark.parametrize(
    ("name", "number"),
    [("1", 1), ("01", 1), ("+1", 1), (" 7 ", 7), ("-3", -3), ("1700000000", 1700000000), ("9223372036854775807", 2**63 - 1),
     ("9223372036854775808", None), ("1.0", None), ("1a", None), ("", None), ("0x1", None), ("１", None), ("1_0", None)],
)  # fmt: skip
def test_names_are_read_as_the_server_reads_them(name: str, number: int | None) -> None:
    assert directory.version_number(name) == number


def test_collisions_and_what_is_served(root: Path) -> None:
    saved_model(root / "models/m/01")
    saved_model(root / "models/m/2")
    (root / "models/m/tmp").mkdir()
    facts = facts_of(root, *MODEL).facts
    assert facts["serving.collisions"] == ["m: 01 and 1 are both version 1; 1 is used"]
    assert facts["serving.model.m.version_served"] == 2
    assert facts["serving.model.m.versions_present"] == [1, 2]
    assert facts["serving.model.m.other_names"] == ["tmp"]


@pytest.mark.parametrize(
    ("policy", "used"),
    [
        (directory.Policy(), "1"),
        (directory.Policy("all"), "+1"),
        (directory.Policy("specific", numbers=(1,)), "1"),
        (directory.Policy("specific", numbers=(1, 2)), "1x"),
    ],
)
def test_which_of_two_directories_with_one_number_is_used(policy: directory.Policy, used: str) -> None:
    names = ["+1", "01", "1", "02"] if used != "1x" else ["1", "1 ", "02"]
    present = directory.version_directories([Entry(f"{name}/saved_model.pb", "file", 1, 0.0) for name in names])
    found = {one.number: one.name for one in directory.aspired(present, policy)}
    # Of the numbers 1 and 2 only one has a plain directory: then the last by name counts for both.
    assert found.get(1, "1") == used.replace("x", " ")


def test_a_half_copied_version(root: Path) -> None:
    saved_model(root / "models/m/2")
    (root / "models/m/2/variables/variables.index").unlink()
    assert "variables.index is missing" in str(facts_of(root, *MODEL).facts["serving.incomplete"])
    (root / "models/m/2/variables/variables.index").write_bytes(b"short")
    assert "cut short" in str(facts_of(root, *MODEL).facts["serving.incomplete"])
    (root / "models/m/2/variables/variables.data-00000-of-00001").rename(
        root / "models/m/2/variables/variables.data-00000-of-00002"
    )
    assert "shard 1 of 2" in str(facts_of(root, *MODEL).facts["serving.incomplete"])
    (root / "models/m/2/saved_model.pb").unlink()
    assert "saved_model.pb is missing" in str(facts_of(root, *MODEL).facts["serving.incomplete"])


def test_files_newer_than_the_server(root: Path) -> None:
    weights = root / "models/m/1/variables/variables.data-00000-of-00001"
    before = weights.stat().st_mtime
    assert "serving.stale" not in facts_of(root, *MODEL, started=before + 5).facts
    os.utime(weights, (before + 60, before + 60))
    stale = facts_of(root, *MODEL, started=before + 5).facts["serving.stale"]
    assert stale == ["m: 1/variables/variables.data-00000-of-00001"]


@pytest.mark.parametrize(
    ("told", "version", "source"),
    [
        ({"version_output": "TensorFlow ModelServer: 2.8.4-rc1\nTensorFlow Library: 2.8.4\n", "labels": {"tensorflow_serving_github_branchtag": "2.8.0"}}, "2.8.4", "--version"),
        ({"packages": {"tensorflow-model-server": "2.12.1"}, "environment": {"TF_SERVING_VERSION_GIT_BRANCH": "2.11.0"}}, "2.12.1", "package"),
        ({"labels": {"tensorflow_serving_github_branchtag": "master"}, "environment": {"TF_SERVING_VERSION_GIT_BRANCH": "2.11.0"}}, "2.11.0", "variable"),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_the_most_trustworthy_claim_wins(told: dict[str, Any], version: str | None, source: str) -> None:
    served = served_by(claims_of(**told))
    assert served.version == release_of(version)
    assert source in served.source
    first_differs = len({release_of(claim.text) for claim in served.claims} - {None}) > 1
    assert bool(served.disagreements) is first_differs


def test_a_damaged_override_is_told() -> None:
    from envdiff.errors import UnusableInput

    with pytest.raises(UnusableInput, match="SavedModelConfig"):
        configs.saved_model(b"\xff\xff\xff", "saved_model_config.pb")
