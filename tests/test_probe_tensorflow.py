"""The probe under real TensorFlow: full, static, and inside a program that has set things."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from probe_capture import Captured, quiet_environment, run_probe, run_program

pytestmark = pytest.mark.tensorflow

VERSIONS = ("2.12.1", "2.21.0")


@dataclass(frozen=True)
class Both:
    """A full and a static capture of one environment, and what lay on the disk before and after them."""

    version: str
    full: Captured
    static: Captured
    before: dict[str, tuple[int, int]]
    after: dict[str, tuple[int, int]]


def everything_below(*roots: Path) -> dict[str, tuple[int, int]]:
    """{path: (size, modification time)} of all files and directories."""
    found = {}
    for root in roots:
        for folder, _, names in os.walk(root):
            for place in [folder, *(f"{folder}/{name}" for name in names)]:
                status = os.lstat(place)
                found[place] = (status.st_size, status.st_mtime_ns)
    return found


@pytest.fixture(scope="module", params=VERSIONS)
def both(request: pytest.FixtureRequest, tf_python: Callable[[str], Path], tmp_path_factory) -> Both:
    python = tf_python(request.param)
    home = tmp_path_factory.mktemp("home")
    packages = next(python.parent.parent.glob("lib/python3*/site-packages"))
    env = quiet_environment(home, TF_NUM_INTRAOP_THREADS="1")
    before = everything_below(home, packages)
    full = run_probe(python, env=env, cwd=home)
    static = run_probe(python, "--static", env=env, cwd=home)
    return Both(request.param, full, static, before, everything_below(home, packages))


def test_nothing_is_written(both: Both) -> None:
    assert both.after == both.before


def test_the_full_capture_tells_everything(both: Both) -> None:
    assert both.full.status == 0
    assert both.full.unread == {}
    assert both.full.stderr == ""
    facts = both.full.facts
    assert facts["tensorflow.version"] == both.version
    assert facts["tensorflow.distribution"] == "tensorflow-cpu"
    assert facts["tensorflow.variant"] == "cpu"
    assert facts["tensorflow.git_version"].startswith("v" + both.version.rpartition(".")[0])
    assert len(facts["tensorflow.record.libtensorflow_cc"]) == 64
    assert facts["tensorflow.record.altered"] == []
    assert facts["tensorflow.build.is_cuda_build"] is False
    assert facts["runtime.physical_devices"] == ["CPU:0"]
    assert facts["runtime.threads.intra"] == 0
    assert facts["runtime.jit"] == ""
    assert facts["runtime.tf32"] is True
    assert facts["runtime.op_determinism"] is False


def test_the_libraries_are_those_of_the_import(both: Both) -> None:
    facts = both.full.facts
    assert facts["libraries.libtensorflow_cc.path"].endswith("tensorflow/libtensorflow_cc.so.2")
    assert facts["libraries.libtensorflow_cc.size"] > 1e8
    assert facts["libraries.libhdf5.version"]
    assert len(facts["libraries.libm.build_id"]) == 40
    assert any("openblas" in path for path in facts)


def test_the_static_capture_says_the_same_where_it_speaks(both: Both) -> None:
    """Except what only an import can tell, and what is mapped."""
    static, full = both.static.facts, both.full.facts
    assert both.static.unread["runtime"].startswith("not read: --static")
    differing = {path for path in static if static[path] != full.get(path) and not path.startswith("libraries.")}
    assert differing == set()
    for path in ("runtime.onednn", "runtime.tf32", "runtime.threads.resolved", "runtime.op_determinism"):
        assert path in static


def test_the_start_up_line_is_read(both: Both) -> None:
    flags = both.full.facts["cpu.flags"]
    assert ("AVX2" in both.full.facts["tensorflow.not_compiled_in"]) == ("avx2" in flags)


def test_variables_set_by_the_import_are_not_reported(both: Both) -> None:
    env = {path for path in both.full.facts if path.startswith("env.")}
    assert env == {"env.LANG", "env.TF_NUM_INTRAOP_THREADS"}


def test_keras_is_the_one_of_this_release(both: Both) -> None:
    facts = both.full.facts
    assert facts["keras.generation"] == (3 if both.version == "2.21.0" else 2)
    assert facts["keras.floatx"] == "float32"
    assert facts["keras.config_file"] is False


PROGRAM = """
import tensorflow as tf
from tensorflow.python.eager import context
tf.config.threading.set_intra_op_parallelism_threads(3)
tf.config.optimizer.set_experimental_options({"constant_folding": False, "remapping": True})
tf.config.optimizer.set_jit(True)
tf.config.experimental.enable_tensor_float_32_execution(False)
tf.config.set_soft_device_placement(False)
tf.random.set_seed(7)
tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
tf.keras.backend.set_epsilon(1e-5)
if "deterministic" in sys.argv:
    tf.config.experimental.enable_op_determinism()
if "eager" in sys.argv:
    tf.config.run_functions_eagerly(True)
import envprobe, json
document = envprobe.fingerprint()
untouched = context._context._physical_devices is None and context._context._context_handle is None
tf.constant(1.0) + 1.0
import os
os.environ["TF_DETERMINISTIC_OPS"] = "1"
from tensorflow.python.framework import config
latched = not config.is_op_determinism_enabled()
again = envprobe.fingerprint()["facts"].get("runtime.physical_devices")
print(json.dumps({"document": document, "untouched": untouched, "latched": latched, "again": again}))
"""


@pytest.fixture(scope="module", params=VERSIONS)
def program(request: pytest.FixtureRequest, tf_python, tmp_path_factory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    extra = ["eager"] if request.param == "2.12.1" else ["deterministic"]
    printed = run_program(tf_python(request.param), PROGRAM, *extra, env=quiet_environment(home), cwd=home)
    return {"extra": extra, **json.loads(printed.strip().split("\n")[-1])}


def test_what_the_program_set_is_recorded(program: dict[str, Any]) -> None:
    facts = program["document"]["facts"]
    expected = {
        "runtime.threads.intra": 3,
        "runtime.threads.inter": 0,
        "runtime.grappler.constant_folding": False,
        "runtime.grappler.remapping": True,
        "runtime.grappler.disable_meta_optimizer": False,
        "runtime.jit": "autoclustering",
        "runtime.tf32": False,
        "runtime.soft_placement": False,
        "runtime.global_seed": 7,
        "runtime.op_determinism": "deterministic" in program["extra"],
        "runtime.run_eagerly": "eager" in program["extra"],
        "runtime.tensorflow_imported": True,
        "keras.dtype_policy": "mixed_bfloat16",
        "keras.epsilon": 1e-5,
        "os.locale.decimal_point": ".",
    }
    assert {path: facts.get(path) for path in expected} == expected


def test_variables_of_the_program_are_its_own(program: dict[str, Any]) -> None:
    """TF2_BEHAVIOR and its like, which the import sets, are not."""
    env = {path for path in program["document"]["facts"] if path.startswith("env.")}
    assert env == {"env.LANG"}


def test_asking_changed_nothing(program: dict[str, Any]) -> None:
    """No devices listed, no context made, and TF_DETERMINISTIC_OPS still counts when the program sets it later."""
    assert program["untouched"]
    assert not program["latched"]
    assert "driver" in program["document"]["unread"]["runtime.physical_devices"]


def test_devices_that_the_program_has_listed_are_told(program: dict[str, Any]) -> None:
    assert program["again"] == ["CPU:0"]


def test_a_value_that_would_abort_is_not_asked_for(tf_python, tmp_path: Path) -> None:
    env = quiet_environment(tmp_path, TF_DETERMINISTIC_OPS="yes", TF_ENABLE_ONEDNN_OPTS="0")
    captured = run_probe(tf_python("2.12.1"), "--static", env=env, cwd=tmp_path)
    assert "would abort" in captured.unread["runtime.op_determinism"]
    assert captured.facts["runtime.onednn"] is False
    assert captured.facts["runtime.op_order_determinism"] is False


def test_a_silenced_log_is_said(tf_python, tmp_path: Path) -> None:
    env = quiet_environment(tmp_path, TF_CPP_MIN_LOG_LEVEL="3", KERAS_HOME=str(tmp_path / "keras"))
    captured = run_probe(tf_python("2.21.0"), env=env, cwd=tmp_path, piped=True)
    assert "TF_CPP_MIN_LOG_LEVEL" in captured.unread["tensorflow.not_compiled_in"]
    assert captured.facts["runtime.onednn"] in (True, False)
    assert list(tmp_path.iterdir()) == []
