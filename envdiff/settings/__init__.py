"""Facts to settings: what is in force, not what was typed."""

from __future__ import annotations

from collections.abc import Callable

from envdiff.fingerprint import Fingerprint
from envdiff.settings import compilation, devices, host, keras, onednn, precision, serving, threads
from envdiff.settings.model import Facts, Setting
from envdiff.settings.variables import NOT_APPLICABLE, variable_settings

__all__ = ["NOT_APPLICABLE", "Setting", "setting_names", "settings_of"]

SETTINGS: tuple[Callable[[Facts], Setting], ...] = (
    devices.device,
    devices.gpu_model,
    devices.gpu_unknown_to_cuda,
    devices.visible_gpu_order,
    devices.plugins,
    devices.tf32,
    onednn.onednn,
    onednn.onednn_isa,
    onednn.low_precision_isa,
    onednn.math_mode,
    onednn.frozen_weights,
    onednn.contraction_kernel,
    precision.keras_policy,
    precision.bf16_rewrite,
    precision.fp16_rewrite,
    compilation.xla_auto_jit,
    compilation.xla_clustering,
    compilation.xla_every_function,
    compilation.xla_options,
    compilation.grappler,
    compilation.run_eagerly,
    compilation.op_determinism,
    serving.batching,
    serving.padding,
    serving.session,
    serving.tags,
    serving.tflite,
    serving.xla,
    serving.served_version,
    threads.intra_op,
    threads.inter_op,
    keras.generation,
    keras.backend,
    keras.floatx,
    keras.image_data_format,
    keras.epsilon,
    host.hash_seed,
    host.decimal_point,
    host.letter_case,
    host.character_encoding,
    host.timezone,
    host.libm,
)


def settings_of(fingerprint: Fingerprint) -> dict[str, Setting]:
    """Every setting of one environment by its path (``setting.onednn``), in a stable order."""
    facts = Facts(fingerprint)
    found = [conclude(facts) for conclude in SETTINGS]
    found.extend(variable_settings(facts))
    return {setting.path: setting for setting in found}


def setting_names() -> frozenset[str]:
    """The paths of all settings, for checks of rules against them."""
    empty = Fingerprint("", "", "", "", "", "", {"env.X": ""}, {}, {})
    return frozenset(settings_of(empty))
