"""What is in force after everything has overwritten everything: threads, batching, the session's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envdiff.serving.flags import Flag

# Flags that a platform config file makes void (BuildAndStart, in the branch that reads the file).
VOID_WITH_PLATFORM = (
    "enable_batching",
    "batching_parameters_file",
    "enable_per_model_batching_parameters",
    "tensorflow_session_config_file",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "per_process_gpu_memory_fraction",
    "saved_model_tags",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "mixed_precision",
)


@dataclass(frozen=True)
class Effective:
    """A flag's value in force and where it comes from: ``given``, ``default``, or what made it void."""

    value: str | None
    source: str


def effective_flags(given: Mapping[str, str], known: Mapping[str, Flag], cpus: int | None) -> dict[str, Effective]:
    """Every flag that the server has, with the value in force. None: it follows the processors, unknown here."""
    found = {}
    for name, flag in known.items():
        value, source = (given[name], "given") if name in given else (flag.default_for(cpus), "default")
        void = _void(name, given)
        found[name] = Effective(flag.default_for(cpus), void) if void and name in given else Effective(value, source)
    return found


def _void(name: str, given: Mapping[str, str]) -> str:
    if given.get("model_config_file") and name in ("model_name", "model_base_path"):
        return "ignored: model_config_file is given"
    if given.get("platform_config_file") and name in VOID_WITH_PLATFORM:
        return "ignored: platform_config_file is given"
    if given.get("mixed_precision") and name == "mixed_precision" and given[name] != "bfloat16":
        return "ignored: only bfloat16 is known"
    if not given.get("model_config_file") and name == "model_config_file_poll_wait_seconds":
        return "ignored: no model_config_file is given"
    return ""


@dataclass(frozen=True)
class Session:
    """The ConfigProto in force: ``fields`` by dotted name, ``overwritten`` in words, and the two thread counts (0: as
    many as processors)."""

    fields: Mapping[str, bool | int | float | str]
    overwritten: tuple[str, ...]
    intra: int
    inter: int
    switched: Mapping[str, str] = field(default_factory=dict)


def effective_session(flags: Mapping[str, Effective], config: Any | None) -> Session:
    """``config`` is the parsed session config file, or None. The flags write over threads and GPU memory, always."""
    fields = set_fields(config) if config is not None else {}
    intra, inter = thread_flags(flags)
    fraction = _number(flags, "per_process_gpu_memory_fraction")
    overwritten = []
    for name, value, flag in (
        ("intra_op_parallelism_threads", intra, "tensorflow_intra_op_parallelism"),
        ("inter_op_parallelism_threads", inter, "tensorflow_inter_op_parallelism"),
        ("gpu_options.per_process_gpu_memory_fraction", fraction, "per_process_gpu_memory_fraction"),
    ):
        written = fields.pop(name, None)
        if written is not None and written != value:
            overwritten.append(f"{name}: {written} in the file, {value:g} by --{flag}")
        if value:
            fields[name] = value
    switched = {}
    if flags.get("mixed_precision", Effective("", "")).value == "bfloat16":
        name = "graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16"
        if fields.get(name, "ON") != "ON":
            overwritten.append(f"{name}: {fields[name]} in the file, ON by --mixed_precision")
        fields[name] = "ON"
        switched[name] = "--mixed_precision=bfloat16"
    return Session(fields, tuple(overwritten), intra, inter, switched)


def platform_session(bundle: Any) -> Session:
    """The session of a platform config file: nothing writes over its thread counts."""
    fields = set_fields(bundle.session_config)
    if bundle.mixed_precision == "bfloat16":
        fields["graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16"] = "ON"
    config = bundle.session_config
    return Session(fields, (), config.intra_op_parallelism_threads, config.inter_op_parallelism_threads)


def thread_flags(flags: Mapping[str, Effective]) -> tuple[int, int]:
    """(intra, inter) as the flags set them: one of the pair given resets the other to 0, whatever the third says."""
    intra = int(_number(flags, "tensorflow_intra_op_parallelism"))
    inter = int(_number(flags, "tensorflow_inter_op_parallelism"))
    if intra > 0 or inter > 0:
        return intra, inter
    both = int(_number(flags, "tensorflow_session_parallelism"))
    return both, both


def _number(flags: Mapping[str, Effective], name: str) -> float:
    found = flags.get(name)
    return float(found.value) if found and found.value else 0.0


def set_fields(message: Any, prefix: str = "") -> dict[str, bool | int | float | str]:
    """Every field that is set in a message, by dotted name: enumerations by their word, lists joined with commas."""
    found: dict[str, bool | int | float | str] = {}
    for spec, value in message.ListFields():
        name = prefix + spec.name
        if spec.message_type is not None and spec.message_type.GetOptions().map_entry:
            found[name] = ", ".join(f"{key}={value[key]}" for key in sorted(value))
        elif _is_list(spec):
            found[name] = ", ".join(_shown(spec, item) for item in value)
        elif spec.message_type is None:
            found[name] = _word(spec, value)
        elif spec.message_type.full_name.startswith("google.protobuf."):
            found[name] = value.value
        else:
            found.update(set_fields(value, name + "."))
    return found


def _is_list(spec: Any) -> bool:
    repeated = getattr(spec, "is_repeated", None)
    return bool(repeated) if repeated is not None else bool(spec.label == spec.LABEL_REPEATED)


def _shown(spec: Any, item: Any) -> str:
    if spec.message_type is not None:
        return " ".join(f"{name}={value}" for name, value in set_fields(item).items()) or "default"
    return str(_word(spec, item))


def _word(spec: Any, value: Any) -> bool | int | float | str:
    if spec.enum_type is not None:
        known = spec.enum_type.values_by_number.get(value)
        return known.name if known else int(value)
    result: bool | int | float | str = value
    return result


@dataclass(frozen=True)
class Batching:
    """Whether requests of different clients share a run, and how. ``why`` is empty when it is on by plain flags."""

    on: bool
    parameters: Mapping[str, bool | int | float | str]
    why: str = ""


def effective_batching(flags: Mapping[str, Effective], parameters: Any | None) -> Batching:
    """By flags. With per-model parameters the global file keeps its thread pool alone."""
    if _is(flags, "enable_batching", "false"):
        return Batching(False, {}, "")
    fields = set_fields(parameters) if parameters is not None else {}
    if _is(flags, "enable_per_model_batching_parameters", "true"):
        kept = {name: value for name, value in fields.items() if name in ("num_batch_threads", "thread_pool_name")}
        return Batching(True, kept, "each model by its own batching_params.pbtxt; one without that file is not batched")
    return Batching(True, fields, "")


def platform_batching(bundle: Any) -> Batching:
    """By a platform config file; a session without threading parameters is made before batching is looked at."""
    if not bundle.HasField("batching_parameters"):
        return Batching(False, {}, "")
    if bundle.wrap_session_with_no_threading_params:
        return Batching(False, {}, "wrap_session_with_no_threading_params switches it off")
    return Batching(True, set_fields(bundle.batching_parameters), "")


def _is(flags: Mapping[str, Effective], name: str, value: str) -> bool:
    return name in flags and flags[name].value == value
