"""Facts to settings, in tables: each row is a machine, and what TensorFlow does on it."""

from __future__ import annotations

from typing import Any

import pytest
from builders import BOOK, FLAGS, GPU, fingerprint

from envdiff.compare import compare
from envdiff.explain import explain
from envdiff.settings import Setting, setting_names, settings_of

OLD_CPU = {"cpu.flags": ["avx", "avx2", "fma", "sse4_1"]}
AMX = {"cpu.flags": [*FLAGS, "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"]}
CARDS = {
    "tensorflow.variant": "rocm",
    "tensorflow.build.is_rocm_build": True,
    "gpu.amd.count": 2,
    "gpu.amd.0.gfx": "gfx803",
    "gpu.amd.0.compute_units": 36,
    "gpu.amd.1.gfx": "gfx906",
    "gpu.amd.1.compute_units": 60,
}
UNASKED = {"tensorflow.variant": "rocm"}
OLD_KERAS = {"tensorflow.version": "2.2.0", "keras.package": "keras", "env.KERAS_BACKEND": "cntk"}
METAL = {"tensorflow.variant": "metal", "tensorflow.plugins": ["libmetal_plugin.dylib"]}
T4 = {**GPU, "gpu.0.name": "Tesla T4", "gpu.0.compute_capability": "7.5"}


def setting(name: str, facts: dict[str, Any], **more: Any) -> Setting:
    return settings_of(fingerprint(facts, **more))[f"setting.{name}"]


@pytest.mark.parametrize(
    ("facts", "value", "trail"),
    [
        ({}, "on", "avx512_vnni"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "1"}, "on", "the variable decides"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "TRUE"}, "on", "the variable decides"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "0"}, "off", "the variable decides"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": ""}, "on", "not 0, 1, true or false"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "yes"}, "on", "not 0, 1, true or false"),
        (OLD_CPU, "off", "this one has none"),
        ({**OLD_CPU, "env.TF_ENABLE_ONEDNN_OPTS": "1"}, "on", "the variable decides"),
        ({"tensorflow.version": "2.8.4"}, "off", "off by default"),
        ({"tensorflow.version": "2.8.4", "env.TF_ENABLE_ONEDNN_OPTS": "1"}, "on", "the variable decides"),
        ({"tensorflow.version": "2.4.4", "env.TF_ENABLE_ONEDNN_OPTS": "1"}, "off", "no oneDNN operations"),
        ({"tensorflow.version": "2.9.0rc1"}, "on", "avx512_vnni"),
        ({"os.system": "Darwin"}, "off", "no oneDNN operations"),
        ({"os.system": "Windows", "tensorflow.version": "2.14.0"}, "off", "off by default"),
        ({"os.system": "Windows", "tensorflow.version": "2.15.0"}, "on", "avx512_vnni"),
        ({"cpu.architecture": "aarch64"}, "off", "off by default"),
        ({"env.TF_ENABLE_ONEDNN_OPTS": "0", "runtime.onednn": False}, "off", "says so itself"),
        ({"runtime.onednn": True}, "on", "says so itself"),
    ],
)
def test_onednn(facts: dict[str, Any], value: str, trail: str) -> None:
    concluded = setting("onednn", facts)
    assert concluded.value == value
    assert trail in concluded.trail


AMP = {"runtime.grappler.auto_mixed_precision": True}


@pytest.mark.parametrize(
    ("name", "facts", "value"),
    [
        ("fp16_rewrite", AMP, "off"),
        ("fp16_rewrite", {**AMP, "cpu.flags": ["avx512f", "amx_fp16"]}, "on"),
        ("keras_generation", {"tensorflow.version": "2.14.1", "env.TF_USE_LEGACY_KERAS": "1"}, "2"),
        ("keras_generation", {"tensorflow.version": "2.15.1", "env.TF_USE_LEGACY_KERAS": "1"}, "2 (legacy)"),
        ("keras_generation", {"tensorflow.version": "2.15.1", "keras.version": "2.15.0"}, "2"),
        ("keras_generation", {"tensorflow.version": "2.15.1", "keras.version": "3.0.5"}, "3"),
        ("serving_xla", {"serving.binary": "tensorflow_model_server", "serving.version": "2.4.1"}, "allowed"),
        ("serving_xla", {"serving.binary": "tensorflow_model_server", "serving.version": "2.5.1"}, "refused"),
        ("letter_case", {"env.LANG": "tr_TR.UTF-8"}, "tr"),
        ("letter_case", {"env.LANG": "tr_TR.UTF-8", "env.LC_ALL": "C"}, "any"),
    ],
)
def test_what_was_read_in_the_sources(name: str, facts: dict[str, Any], value: str) -> None:
    assert setting(name, facts).value == value


def test_a_rewrite_cannot_be_told_without_the_processor() -> None:
    concluded = setting("fp16_rewrite", {**AMP, "cpu.flags": None}, unread={"cpu": "no permission"})
    assert concluded.value is None


def test_onednn_cannot_be_told_without_the_processor() -> None:
    concluded = setting("onednn", {"cpu.flags": None}, unread={"cpu": "no permission"})
    assert concluded.value is None
    assert "no permission" in concluded.unread


@pytest.mark.parametrize(
    ("name", "facts", "value"),
    [
        ("kernel_isa", {}, "avx512"),
        ("kernel_isa", OLD_CPU, "avx2"),
        ("kernel_isa", AMX, "avx512"),
        ("kernel_isa", {"env.ONEDNN_MAX_CPU_ISA": "AVX2"}, "avx2"),
        ("kernel_isa", {"env.DNNL_MAX_CPU_ISA": "sse41"}, "sse41"),
        ("kernel_isa", {"env.ONEDNN_MAX_CPU_ISA": "ALL", "env.DNNL_MAX_CPU_ISA": "AVX2"}, "avx512"),
        ("kernel_isa", {**OLD_CPU, "env.ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "avx2"),
        ("kernel_isa", {"cpu.flags": ["asimd", "fp"]}, "neon"),
        ("low_precision_isa", {}, "bf16"),
        ("low_precision_isa", AMX, "amx"),
        ("low_precision_isa", {"env.ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "none"),
        ("onednn_math_mode", {}, "strict"),
        ("onednn_math_mode", {"env.ONEDNN_DEFAULT_FPMATH_MODE": "BF16", **AMX}, "bf16"),
        ("onednn_math_mode", {"env.ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}, "strict"),
        ("onednn_math_mode", {"env.TF_SET_ONEDNN_FPMATH_MODE": "BF16", **AMX}, "bf16"),
        ("onednn_math_mode", {"env.TF_SET_ONEDNN_FPMATH_MODE": "bf16"}, "strict"),
        ("onednn_math_mode", {"env.ONEDNN_DEFAULT_FPMATH_MODE": "BF16", **OLD_CPU}, "strict"),
        (
            "onednn_math_mode",
            {"env.ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "env.TF_ENABLE_ONEDNN_OPTS": "0", **AMX},
            "strict",
        ),
        ("onednn_frozen_weights", {"env.TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1"}, "on"),
        ("contraction_kernel", {"env.TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false"}, "eigen"),
        ("contraction_kernel", {"env.TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "no"}, "onednn"),
        ("device", {}, "cpu"),
        ("device", GPU, "gpu"),
        ("device", {**GPU, "env.CUDA_VISIBLE_DEVICES": "-1"}, "cpu"),
        ("device", {**GPU, "env.CUDA_VISIBLE_DEVICES": ""}, "cpu"),
        ("device", {**GPU, "runtime.visible_devices": ["CPU:0"]}, "cpu"),
        ("device", {**GPU, "env.HIP_VISIBLE_DEVICES": "-1"}, "gpu"),
        ("device", CARDS, "gpu"),
        ("device", {**CARDS, "gpu.amd.count": 0}, "cpu"),
        ("device", {**CARDS, "gpu.amd.count": 10**15, "env.HIP_VISIBLE_DEVICES": "9" * 9999}, "cpu"),
        ("device", {**CARDS, "env.HIP_VISIBLE_DEVICES": "-1"}, "cpu"),
        ("device", {**CARDS, "env.CUDA_VISIBLE_DEVICES": "-1"}, "cpu"),
        ("device", {**CARDS, "env.CUDA_VISIBLE_DEVICES": "-1", "env.HIP_VISIBLE_DEVICES": "0"}, "gpu"),
        ("device", {**CARDS, "env.ROCR_VISIBLE_DEVICES": ""}, "cpu"),
        ("device", {**CARDS, "env.ROCR_VISIBLE_DEVICES": "1", "env.HIP_VISIBLE_DEVICES": "1"}, "cpu"),
        ("device", {**CARDS, "env.HIP_VISIBLE_DEVICES": ""}, None),
        ("device", {**CARDS, "runtime.visible_devices": ["CPU:0"]}, "cpu"),
        ("device", UNASKED, None),
        ("device", {**UNASKED, "env.HIP_VISIBLE_DEVICES": "-1"}, "cpu"),
        ("device", {"gpu.amd.count": 1}, "cpu"),
        ("device", {"tensorflow.variant": "unknown", "gpu.amd.count": 1}, None),
        ("device", {"tensorflow.variant": "unknown", "gpu.amd.count": 0}, "cpu"),
        ("device", METAL, "gpu"),
        ("device", {**METAL, "runtime.visible_devices": ["CPU:0"]}, "cpu"),
        ("device", {"tensorflow.variant": "directml"}, None),
        ("gpu_model", CARDS, "gfx803, 36 compute units"),
        ("gpu_model", {**CARDS, "env.HIP_VISIBLE_DEVICES": "1"}, "gfx906, 60 compute units"),
        ("gpu_model", {**CARDS, "env.ROCR_VISIBLE_DEVICES": "1,0"}, "gfx906, 60 compute units"),
        ("gpu_model", {**CARDS, "env.ROCR_VISIBLE_DEVICES": "GPU-4b2c1a9f8d3e6f7a"}, None),
        (
            "gpu_model",
            {**CARDS, "env.HSA_OVERRIDE_GFX_VERSION": "9.0.0"},
            "gfx803, 36 compute units, passing for 9.0.0",
        ),
        (
            "gpu_model",
            {**CARDS, "gpu.amd.0.gfx": None, "gpu.amd.0.device": "0x67df"},
            "AMD device 0x67df, 36 compute units",
        ),
        ("gpu_model", UNASKED, None),
        ("visible_gpus", UNASKED, None),
        ("visible_gpus", CARDS, "all"),
        ("visible_gpus", {**CARDS, "env.HIP_VISIBLE_DEVICES": "1"}, "1"),
        ("visible_gpus", {**CARDS, "env.ROCR_VISIBLE_DEVICES": "1", "env.CUDA_VISIBLE_DEVICES": "0"}, "1"),
        ("visible_gpus", {**CARDS, "env.HIP_VISIBLE_DEVICES": "0,1"}, "all"),
        ("gpu_unknown_to_cuda", {}, "no"),
        ("gpu_unknown_to_cuda", GPU, "no"),
        ("gpu_unknown_to_cuda", METAL, "no"),
        ("gpu_unknown_to_cuda", {**GPU, "gpu.0.compute_capability": None}, None),
        ("gpu_unknown_to_cuda", {**GPU, "tensorflow.version": "2.3.1"}, "compute capability 8.0 with CUDA 10.1"),
        # What is mapped says more than the release.
        ("gpu_unknown_to_cuda", {**GPU, "tensorflow.version": "2.3.1", "cuda.mapped.libcudart": "11.0.194"}, "no"),
        ("gpu_unknown_to_cuda", {**T4, "cuda.build.cuda": "9.2"}, "no"),
        ("gpu_unknown_to_cuda", {**T4, "env.CUDA_VERSION": "8.0.61"}, "no"),
        (
            "gpu_unknown_to_cuda",
            {**T4, "tensorflow.variant": "unknown", "env.CUDA_VERSION": "8.0.61"},
            "compute capability 7.5 with CUDA 8.0.61",
        ),
        ("gpu_unknown_to_cuda", {**GPU, "gpu.0.compute_capability": "13.0"}, None),
        ("gpu_unknown_to_cuda", {**GPU, "gpu.0.compute_capability": "5.2"}, "no"),
        ("gpu_unknown_to_cuda", {**GPU, "tensorflow.variant": "unknown"}, None),
        ("gpu_unknown_to_cuda", {**GPU, "cuda.build.cuda": "64_101"}, "compute capability 8.0 with CUDA 10.1"),
        ("gpu_unknown_to_cuda", {**GPU, "cuda.build.cuda": "64_112"}, "no"),
        ("gpu_unknown_to_cuda", {**T4, "cuda.mapped.libcudart": "90"}, "no"),
        ("gpu_unknown_to_cuda", {**T4, "cuda.mapped.libcudart": "80"}, "compute capability 7.5 with CUDA 8.0"),
        ("gpu_unknown_to_cuda", {**GPU, "cuda.mapped.libcudart": "12"}, "no"),
        ("tf32", CARDS, "n/a"),
        ("tf32", {**CARDS, "tensorflow.version": "2.30.0"}, None),
        ("tf32", METAL, "n/a"),
        ("tf32", {**GPU, "tensorflow.version": "2.3.0", "gpu.0.compute_capability": None}, "off"),
        ("tf32", {}, "n/a"),
        ("tf32", GPU, "on"),
        ("tf32", T4, "off"),
        ("tf32", {**GPU, "env.NVIDIA_TF32_OVERRIDE": "0"}, "off"),
        ("tf32", {**GPU, "env.NVIDIA_TF32_OVERRIDE": "1"}, "on"),
        ("tf32", {**GPU, "runtime.tf32": False}, "off"),
        ("tf32", {**GPU, "tensorflow.version": "2.3.0"}, "off"),
        ("xla_auto_jit", {"env.TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}, "off"),
        ("xla_auto_jit", {"env.TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"}, "on"),
        ("xla_auto_jit", {**GPU, "env.TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}, "on"),
        ("xla_auto_jit", {"env.TF_XLA_FLAGS": "/etc/flags"}, None),
        ("xla_clustering", {"env.TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_clustering_debug"}, "default"),
        ("xla_clustering", {"env.TF_XLA_FLAGS": "--tf_xla_min_cluster_size=1"}, "--tf_xla_min_cluster_size=1"),
        ("xla_clustering", {"env.TF_XLA_FLAGS": "--tf_xla_async_compilation=false"}, "default"),
        ("xla_clustering", {"env.TF_XLA_FLAGS": "/etc/flags"}, None),
        ("xla_every_function", {"env.TF_FUNCTION_JIT_COMPILE_DEFAULT": "1"}, "on"),
        ("xla_every_function", {"env.TF_FUNCTION_JIT_COMPILE_DEFAULT": "1", "tensorflow.version": "2.7.0"}, "off"),
        ("xla_options", {"env.XLA_FLAGS": "--xla_dump_to=/tmp/x"}, "default"),
        ("xla_options", {"env.XLA_FLAGS": "--xla_gpu_autotune_level=0"}, "default"),
        ("xla_options", {**GPU, "env.XLA_FLAGS": "--xla_gpu_autotune_level=0"}, "--xla_gpu_autotune_level=0"),
        ("xla_options", {"env.XLA_FLAGS": "--xla_cpu_enable_fast_math=true"}, "--xla_cpu_enable_fast_math=true"),
        ("grappler", {"runtime.grappler.remapping": False}, "remapping=off"),
        ("grappler", {"runtime.grappler.disable_meta_optimizer": False}, "default"),
        ("op_determinism", {"env.TF_DETERMINISTIC_OPS": "1"}, "on"),
        ("op_determinism", {"env.TF_DETERMINISTIC_OPS": "yes"}, "aborts"),
        ("op_determinism", {"env.TF_DETERMINISTIC_OPS": "1", "runtime.op_determinism": False}, "off"),
        ("intra_op_threads", {}, "8"),
        ("intra_op_threads", {"env.TF_NUM_INTRAOP_THREADS": "2"}, "2"),
        ("intra_op_threads", {"env.TF_NUM_INTRAOP_THREADS": "two"}, "8"),
        ("intra_op_threads", {"env.TF_NUM_INTRAOP_THREADS": "2", "runtime.threads.intra": 4}, "4"),
        ("intra_op_threads", {"cpu.schedulable": 1, "cpu.logical": 64}, "1"),
        ("bf16_rewrite", {"runtime.grappler.auto_mixed_precision_onednn_bfloat16": True}, "on"),
        ("fp16_rewrite", {"runtime.grappler.auto_mixed_precision": True}, "off"),
        ("keras_generation", {}, "2"),
        ("keras_generation", {"tensorflow.version": "2.16.1"}, "3"),
        ("keras_generation", {"tensorflow.version": "2.16.1", "env.TF_USE_LEGACY_KERAS": "1"}, "2 (legacy)"),
        ("keras_generation", {"tensorflow.version": "2.16.1", "env.TF_USE_LEGACY_KERAS": "TRUE"}, "3"),
        ("keras_backend", {"tensorflow.version": "2.18.0", "env.KERAS_BACKEND": "jax"}, "jax"),
        ("keras_backend", {**OLD_KERAS, "keras.version": "2.3.1"}, "cntk"),
        ("keras_backend", {**OLD_KERAS, "keras.version": "2.4.3"}, "tensorflow"),
        ("keras_backend", {**OLD_KERAS, "keras.version": "2.3.1", "keras.package": "tensorflow.keras"}, "tensorflow"),
        ("keras_floatx", {"keras.floatx": "float16"}, "float16"),
        ("hash_seed", {}, "random"),
        ("hash_seed", {"env.PYTHONHASHSEED": "0"}, "0"),
        ("decimal_point", {"os.locale.decimal_point": None, "os.locale.numeric": "de_DE.UTF-8"}, ","),
        ("decimal_point", {"os.locale.decimal_point": None, "os.locale.numeric": "de_CH.UTF-8"}, "."),
        ("timezone", {"env.TZ": "Etc/UTC"}, "UTC"),
        ("timezone", {"env.TZ": "Asia/Tokyo"}, "Asia/Tokyo"),
        ("libc", {}, "glibc 2.35"),
        ("variable.TF_CUDNN_DETERMINISTIC", {"env.TF_CUDNN_DETERMINISTIC": "1"}, "n/a"),
        ("variable.TF_CUDNN_DETERMINISTIC", {**GPU, "env.TF_CUDNN_DETERMINISTIC": "1"}, "on"),
        ("variable.TF_CUDNN_USE_AUTOTUNE", {**GPU, "env.TF_CUDNN_USE_AUTOTUNE": "maybe"}, "on"),
        ("variable.TF_ENABLE_WINOGRAD_NONFUSED", {**GPU, "env.TF_ENABLE_WINOGRAD_NONFUSED": "false"}, "on"),
        ("variable.TF_CUDNN_USE_FRONTEND", {**GPU, "tensorflow.version": "2.20.0"}, "n/a"),
        ("variable.TF_USE_DEEP_CONV2D", {"env.TF_USE_DEEP_CONV2D": "1"}, "n/a"),
        ("variable.TF_USE_DEEP_CONV2D", {"env.TF_USE_DEEP_CONV2D": "1", "env.TF_ENABLE_ONEDNN_OPTS": "0"}, "on"),
    ],
)
def test_settings(name: str, facts: dict[str, Any], value: str | None) -> None:
    assert setting(name, facts).value == value


def test_every_setting_says_how_it_was_concluded_or_why_not() -> None:
    for facts in ({}, GPU, OLD_CPU, CARDS, METAL, UNASKED, {"tensorflow.version": None, "cpu.flags": None}):
        for concluded in settings_of(fingerprint(facts)).values():
            assert concluded.trail or concluded.unread, concluded.name
            assert (concluded.value is None) == bool(concluded.unread), concluded.name


def test_a_gpu_that_cannot_be_seen_leaves_its_settings_open() -> None:
    facts = {**GPU, "gpu.count": None, "gpu.0.name": None, "gpu.0.compute_capability": None, "gpu.driver": None}
    settings = settings_of(fingerprint(facts, unread={"gpu": "no permission to open the device"}))
    assert settings["setting.tf32"].value is None
    assert "no permission" in settings["setting.device"].unread


def test_a_capture_that_asked_for_nvidia_alone_leaves_a_rocm_build_open() -> None:
    settings = settings_of(fingerprint({"tensorflow.variant": "rocm", "gpu.count": 0}))
    assert "did not look for AMD's GPUs" in settings["setting.device"].unread


def test_two_amd_cards_are_a_finding_and_no_rule_for_gpus_is_ruled_out() -> None:
    facts = {**CARDS, "env.TF_CUDNN_DETERMINISTIC": "1"}
    pair = (
        fingerprint({**CARDS, "env.HIP_VISIBLE_DEVICES": "1"}),
        fingerprint({**facts, "env.HIP_VISIBLE_DEVICES": "0"}),
    )
    report = explain(compare(*pair), BOOK)
    assert "amd-gpu-model" in {one.rule for one in report.findings}
    assert not [one for one in report.ruled_out if "computes on a GPU" in one.why]


@pytest.mark.parametrize("gpu", [CARDS, METAL], ids=["rocm", "metal"])
def test_a_gpu_without_tf32_against_a_processor_is_no_question_of_tf32(gpu: dict[str, Any]) -> None:
    report = explain(compare(fingerprint(gpu), fingerprint()), BOOK)
    rules = {one.rule for one in report.findings}
    assert rules & {"device-one-side", "metal-one-side"}
    assert not [rule for rule in rules if "tf32" in rule]


def test_the_names_of_settings_do_not_depend_on_the_environment() -> None:
    assert set(settings_of(fingerprint(GPU))) == setting_names()


def test_variables_that_are_recorded_by_name_alone_hide_no_setting() -> None:
    assert setting("onednn", {}, withheld={"env": ["HOSTNAME"]}).value == "on"
