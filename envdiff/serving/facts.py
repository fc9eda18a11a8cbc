"""A model server's configuration as facts under ``serving.``: what is in force, and what only looks as if it were."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from packaging.version import Version

from envdiff.errors import UnusableInput
from envdiff.secrets import masked
from envdiff.serving import configs
from envdiff.serving.commandline import CommandLine, parse
from envdiff.serving.flags import flags_of
from envdiff.serving.inside import Inside, ServerProcess, Unreadable
from envdiff.serving.models import Model, ModelDirectory, look_into, models_of
from envdiff.serving.overwrites import (
    Batching,
    Effective,
    Session,
    effective_batching,
    effective_flags,
    effective_session,
    platform_batching,
    platform_session,
)
from envdiff.serving.version import Claim, ServedBy, served_by

Scalar = str | int | float | bool
T = TypeVar("T")
LISTED = 50

# Up to 1.13 REST answers were rounded to six significant digits (util/json_tensor.cc, changed 2019-05-02).
EXACT_ANSWERS = Version("1.14")
# Until 2.4 an integer above 2**24 sent for a float32 was refused, since then it is rounded.
ROUNDED_INTEGERS = Version("2.5")


@dataclass
class ServingFacts:
    """Facts and gaps as they are gathered."""

    facts: dict[str, Scalar | list[Scalar]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def put(self, path: str, value: Scalar | None) -> None:
        """Keep one value; None and empty text say nothing."""
        if value is not None and value != "":
            self.facts[f"serving.{path}"] = value

    def put_list(self, path: str, values: Sequence[Scalar]) -> None:
        """Keep a list unless it is empty; of a long one the first and a count."""
        shown = list(values[:LISTED])
        if len(values) > LISTED:
            shown.append(f"and {len(values) - LISTED} more")
        if shown:
            self.facts[f"serving.{path}"] = shown

    def cannot(self, path: str, reason: str) -> None:
        """Everything below ``path`` could not be read."""
        self.unread[f"serving.{path}"] = reason


def serving_facts(process: ServerProcess, inside: Inside, claims: Sequence[Claim]) -> ServingFacts:
    """Everything that the command line, the files it names and the model directories say about one server."""
    found = ServingFacts()
    served = served_by(claims)
    line = parse(process.words[1:], served.version)
    flags = effective_flags(line.values, flags_of(served.version), process.cpus)
    found.put("binary", process.binary)
    _version(found, served)
    _command_line(found, line, flags)
    bundle = _file(found, "platform_config", flags, "platform_config_file", inside, process, configs.platform)
    _session_and_batching(found, flags, bundle, inside, process)
    _other_files(found, flags, inside, process)
    _models(found, flags, inside, process)
    return found


def _version(found: ServingFacts, served: ServedBy) -> None:
    if served.version is None:
        found.cannot("version", "no label, package, library or --version tells which release this is")
        return
    found.put("version", str(served.version))
    found.put("version_source", served.source)
    found.put_list("version_disagreement", served.disagreements)
    found.put("rest_answers", "exact" if served.version >= EXACT_ANSWERS else "six digits")
    found.put("rest_large_integers", "rounded" if served.version >= ROUNDED_INTEGERS else "refused")


def _command_line(found: ServingFacts, line: CommandLine, flags: dict[str, Effective]) -> None:
    found.put_list("dropped", [str(word) for word in line.dropped])
    found.put_list("refused", [str(word) for word in line.refused])
    found.put_list("repeated", list(line.repeated))
    void = []
    for name, flag in sorted(flags.items()):
        if flag.value is not None:
            found.facts[f"serving.flag.{name}"] = flag.value
        if flag.source != "default":
            found.put(f"flag_source.{name}", flag.source)
        if flag.source.startswith("ignored") and name not in ("model_name", "model_base_path"):
            void.append(f"--{name}={line.values[name]}: {flag.source}")
    found.put_list("void", void)


def _file(
    found: ServingFacts,
    about: str,
    flags: dict[str, Effective],
    flag: str,
    inside: Inside,
    process: ServerProcess,
    read: Callable[[bytes, str], configs.Config[Any]],
) -> Any | None:
    """The message in the file that ``flag`` names; None without one, or when it cannot be read (which is told)."""
    path = flags[flag].value if flag in flags else ""
    if not path or flags[flag].source.startswith("ignored"):
        return None
    try:
        config = read(inside.read(posixpath.join(process.folder, path), configs.LARGEST + 1), path)
    except (Unreadable, UnusableInput) as error:
        found.cannot(about, f"{path}: {error}")
        return None
    if config.unknown:
        found.put(f"{about}_unknown", config.unknown)
    return config.message


def _session_and_batching(
    found: ServingFacts, flags: dict[str, Effective], bundle: Any, inside: Inside, process: ServerProcess
) -> None:
    if "serving.platform_config" in found.unread:
        for about in ("session", "batching", "threads"):
            found.cannot(about, found.unread["serving.platform_config"])
        return
    if bundle is not None:
        _put_session(found, platform_session(bundle), process)
        _put_batching(found, platform_batching(bundle))
        found.put_list("fixed_inputs", sorted(one.name for one in bundle.experimental_fixed_input_tensors))
        found.put_list("tags", sorted(bundle.saved_model_tags) or ["serve"])
        found.put("session_target", bundle.session_target)
        found.put("prefer_tflite", bool(bundle.prefer_tflite_model))
        return
    config = _file(found, "session", flags, "tensorflow_session_config_file", inside, process, configs.session)
    _put_session(found, effective_session(flags, config), process)
    parameters = _file(found, "batching", flags, "batching_parameters_file", inside, process, configs.batching)
    _put_batching(found, effective_batching(flags, parameters))
    tags = flags["saved_model_tags"].value if "saved_model_tags" in flags else "serve"
    found.put_list("tags", sorted({tag for tag in (tags or "serve").split(",") if tag}))
    tflite = flags.get("prefer_tflite_model") or flags.get("use_tflite_model")
    found.put("prefer_tflite", tflite is not None and tflite.value == "true")


def _put_session(found: ServingFacts, session: Session, process: ServerProcess) -> None:
    for name, value in sorted(session.fields.items()):
        found.facts[f"serving.session.{name}"] = value
    found.put_list("session_overwritten", session.overwritten)
    for name, asked in (("intra", session.intra), ("inter", session.inter)):
        found.put(f"threads.{name}", asked if asked > 0 else process.cpus)
        found.put(f"threads.{name}_source", "configured" if asked > 0 else "as many as processors")


def _put_batching(found: ServingFacts, batching: Batching) -> None:
    found.put("batching", "on" if batching.on else "off")
    found.put("batching_note", batching.why)
    for name, value in sorted(batching.parameters.items()):
        found.facts[f"serving.batching.{name}"] = value


def _other_files(found: ServingFacts, flags: dict[str, Effective], inside: Inside, process: ServerProcess) -> None:
    metrics = _file(found, "monitoring", flags, "monitoring_config_file", inside, process, configs.monitoring)
    if metrics is not None and metrics.prometheus_config.enable:
        found.put("metrics_path", metrics.prometheus_config.path or "/monitoring/prometheus/metrics")
    pools = _file(
        found, "thread_pools", flags, "thread_pool_factory_config_file", inside, process, configs.thread_pools
    )
    if pools is not None:
        found.put("thread_pools", "set: gRPC and REST may run with different numbers of threads")


def _models(found: ServingFacts, flags: dict[str, Effective], inside: Inside, process: ServerProcess) -> None:
    config = None
    if flags["model_config_file"].value:
        message = _file(found, "models", flags, "model_config_file", inside, process, configs.model_servers)
        if message is None:
            found.cannot("model", found.unread.get("serving.models", "the model config file was not read"))
            return
        config = configs.Config(message)
    models = models_of(flags, config)
    found.put_list("models", sorted(model.name for model in models))
    totals: dict[str, list[str]] = {name: [] for name in ("versions_served", "several_versions", *TOTALS)}
    for model in models:
        seen = look_into(model, inside, process.started, process.folder)
        _put_model(found, model, seen, flags)
        totals["versions_served"].append(f"{model.name}={','.join(str(one.number) for one in seen.served) or 'none'}")
        numbers = sorted({one.number for one in seen.present})
        if len(numbers) > 1:
            listed = ", ".join(str(number) for number in numbers[-20:])
            served = ", ".join(str(one.number) for one in seen.served) or "none"
            totals["several_versions"].append(f"{model.name}: {listed}; {served} is served")
        for name, attribute in TOTALS.items():
            totals[name] += [f"{model.name}: {what}" for what in getattr(seen, attribute)]
    for name, values in totals.items():
        found.put_list(name, values)


# Facts over all models, so that a rule needs no model's name.
TOTALS = {"collisions": "collisions", "incomplete": "incomplete", "stale": "newer", "overrides": "overrides"}


def _put_model(found: ServingFacts, model: Model, seen: ModelDirectory, flags: dict[str, Effective]) -> None:
    prefix = f"model.{key_of(model.name)}."
    found.put(prefix + "base_path", model.base_path)
    found.put(prefix + "policy", str(model.policy))
    found.put_list(prefix + "labels", [f"{label}={number}" for label, number in sorted(model.labels.items())])
    if model.platform != "tensorflow":
        found.put(prefix + "platform", model.platform)
    if seen.unread:
        found.cannot(prefix.rstrip("."), seen.unread)
        return
    found.put_list(prefix + "versions_present", sorted({one.number for one in seen.present}))
    found.put(prefix + "version_served", seen.served[-1].number if seen.served else None)
    found.put(prefix + "directory_served", seen.served[-1].name if seen.served else None)
    found.put_list(prefix + "other_names", seen.other_names)
    found.put_list(prefix + "version_collisions", seen.collisions)
    found.put_list(prefix + "incomplete", seen.incomplete)
    found.put_list(prefix + "newer_than_process", seen.newer)
    found.put_list(prefix + "overrides", seen.overrides)
    if not seen.served:
        found.put(prefix + "nothing_served", "no version directory that the policy wants is there")
    if seen.cut:
        found.put(prefix + "listing", "cut short: there are more files than are listed")
    own = flags.get("enable_per_model_batching_parameters")
    if own is not None and own.value == "true":
        for name, value in sorted((seen.batching or {}).items()):
            found.facts[f"serving.{prefix}batching.{name}"] = value


def key_of(name: str) -> str:
    """A model's name as one component of a path. A secret in it is masked while its form still shows."""
    return re.sub(r"[^A-Za-z0-9_\[\]-]", "-", masked(name))[:100] or "-"
