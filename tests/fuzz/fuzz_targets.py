"""What is fuzzed, without the fuzzer: each target takes bytes, reads them as a file or answer of its kind, and lets
through nothing but an error that a person can read.

The fuzzer (``fuzz.py``) and the replay of what it found (``fuzz_replay.py``) call the same functions.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import fuzz_capture
import fuzz_documents
import fuzz_models
import fuzz_numbers

from envdiff.errors import EnvdiffError, ExitStatus

LONGEST_MESSAGE = 4_000
# Files and values that cannot be used are status 3; a server or a script that answers nonsense failed: status 4.
EXPECTED = (ExitStatus.UNUSABLE_INPUT, ExitStatus.WORLD_FAILED)


@dataclass(frozen=True)
class Target:
    """``run`` reads the input, given a folder of its own to put files into; ``seeds`` are inputs to start from."""

    name: str
    run: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    longest: int = 1 << 14
    world: bool = False

    def tried(self, data: bytes, work: Path) -> str:
        """The message of the error, empty when the input was read. Anything else that is raised is a finding."""
        folder = Path(tempfile.mkdtemp(dir=work))
        said = ExitStatus.UNUSABLE_INPUT, ""
        try:
            self.run(data, folder)
        except EnvdiffError as error:
            said = error.exit_status, error.message or " "
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        status, message = said
        assert status in (EXPECTED if self.world else EXPECTED[:1]), status
        assert not message or message.strip()
        assert len(message) <= LONGEST_MESSAGE, len(message)
        return message


TARGETS: Mapping[str, Target] = {
    one.name: one
    for one in (
        Target("fingerprint", fuzz_documents.fingerprint, fuzz_documents.fingerprint_seeds),
        Target("report", fuzz_documents.report, fuzz_documents.report_seeds, 1 << 12),
        Target("rules", fuzz_documents.rules, fuzz_documents.rule_seeds),
        Target("settings_file", fuzz_documents.settings_file, fuzz_documents.settings_seeds, 1 << 12),
        Target("saved_model", fuzz_models.saved_model, fuzz_models.saved_model_seeds, 1 << 15),
        Target("bundle", fuzz_models.bundle, fuzz_models.bundle_seeds),
        Target("bundle_entries", fuzz_models.bundle_entries, fuzz_models.bundle_entry_seeds, 1 << 12),
        Target("keras", fuzz_models.keras, fuzz_models.keras_seeds, 1 << 15),
        Target("keras_members", fuzz_models.keras_members, fuzz_models.keras_member_seeds),
        Target("hdf5", fuzz_models.hdf5, fuzz_models.hdf5_seeds, 1 << 15),
        Target("hdf5_inside", fuzz_models.hdf5_inside, fuzz_models.hdf5_seeds, 1 << 15),
        Target("tflite", fuzz_models.tflite, fuzz_models.tflite_seeds),
        Target("frozen", fuzz_models.frozen, fuzz_models.frozen_seeds, 1 << 15),
        Target("server_files", fuzz_capture.server_files, fuzz_capture.server_file_seeds, 1 << 12),
        Target("process", fuzz_capture.process, fuzz_capture.process_seeds, 1 << 13),
        Target("reader_answers", fuzz_capture.reader_answers, fuzz_capture.reader_seeds, world=True),
        Target("rest", fuzz_capture.rest, fuzz_capture.rest_seeds, 1 << 13, world=True),
        Target("grpc", fuzz_numbers.grpc, fuzz_numbers.grpc_seeds, 1 << 12, world=True),
        Target("rows", fuzz_numbers.rows, fuzz_numbers.row_seeds),
        Target("parquet", fuzz_numbers.parquet, fuzz_numbers.parquet_seeds),
        Target("tfrecord", fuzz_numbers.tfrecord, fuzz_numbers.tfrecord_seeds, 1 << 12),
        Target("answers", fuzz_numbers.answers, fuzz_numbers.answer_seeds, world=True),
    )
}


def warm_up(target: Target) -> None:
    """Import what the target imports late, so that it is instrumented, and not counted as time of an input."""
    with tempfile.TemporaryDirectory() as folder:
        for seed in target.seeds():
            target.tried(seed, Path(folder))
