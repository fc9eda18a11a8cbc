"""What a model server does with its requests, from the ``serving.`` facts; a side without a server has the plain ways."""

from __future__ import annotations

from envdiff.settings.model import Facts, Setting, minor

NO_SERVER = "no model server was captured on this side"
NOT_APPLICABLE = "n/a"
THREADS = (
    "session.intra_op_parallelism_threads",
    "session.inter_op_parallelism_threads",
    "session.gpu_options.per_process_gpu_memory_fraction",
)


def serves(facts: Facts) -> bool:
    """Whether this side is a model server whose configuration was read."""
    return "serving" in facts.fingerprint.sections


def threads(facts: Facts, which: str) -> int | None:
    """The threads (``intra`` or ``inter``) that the server's flags or platform config ask for, if they ask."""
    asked = facts.text(f"serving.threads.{which}_source") == "configured"
    return facts.number(f"serving.threads.{which}") if asked else None


def rewriter(facts: Facts, name: str) -> str | None:
    """A toggle of the server's RewriterConfig: ON, OFF, AGGRESSIVE; None when it was left alone."""
    return facts.text(f"serving.session.graph_options.rewrite_options.{name}")


def batching(facts: Facts) -> Setting:
    """Whether requests of different clients are joined into one run, and with which parameters."""
    if not serves(facts):
        return Setting("serving_batching", "off", NO_SERVER)
    explains = _below(facts, "serving.batching") + _flags("enable_batching", "batching_parameters_file")
    state = facts.text("serving.batching")
    if state is None:
        return Setting("serving_batching", None, "", explains, facts.why_unread("serving.batching") or "not told")
    given = _joined(facts, "serving.batching.")
    trail = "the server's configuration" if state == "on" else "the server was not told to batch"
    return Setting("serving_batching", f"on: {given}" if state == "on" and given else state, trail, explains)


def padding(facts: Facts) -> Setting:
    """To which sizes a batch is filled up, and whether shorter inputs are lengthened to the longest of a batch."""
    if not serves(facts):
        return Setting("serving_padding", "none", NO_SERVER)
    unread = facts.why_unread("serving.batching")
    if unread:
        return Setting("serving_padding", None, "", (), unread)
    parts = []
    sizes = facts.value("serving.batching.allowed_batch_sizes")
    if sizes is not None:
        parts.append(f"batches to {sizes}")
    if facts.flag("serving.batching.pad_variable_length_inputs"):
        parts.append("inputs to the longest of their batch")
    return Setting("serving_padding", " and ".join(parts) or "none", "the server's batching parameters")


def session(facts: Facts) -> Setting:
    """Options of the session other than threads, after flags have written over the file."""
    if not serves(facts):
        return Setting("serving_session", "default", NO_SERVER)
    explains = _below(facts, "serving.session")
    unread = facts.why_unread("serving.session")
    if unread:
        return Setting("serving_session", None, "", explains, unread)
    given = _joined(facts, "serving.session.", without=tuple(f"serving.{name}" for name in THREADS))
    return Setting("serving_session", given or "default", "the session config in force", explains)


def tags(facts: Facts) -> Setting:
    """Which graph of the SavedModel is served."""
    found = facts.items("serving.tags")
    trail = "the server's tags" if found else "the tag that every loader takes unless told otherwise"
    explains = ("serving.tags", *_flags("saved_model_tags"))
    return Setting("serving_tags", ",".join(sorted(found or ("serve",))), trail, explains)


def tflite(facts: Facts) -> Setting:
    """Whether ``model.tflite`` is served in place of the SavedModel where there is one."""
    explains = ("serving.prefer_tflite", *_flags("prefer_tflite_model", "use_tflite_model"))
    asked = bool(facts.flag("serving.prefer_tflite"))
    files = [line for line in facts.items("serving.overrides") or () if line.endswith("model.tflite")]
    if not asked:
        return Setting("serving_tflite", "off", "nothing asks for it", explains)
    if not files:
        return Setting("serving_tflite", "off", "asked for, but no served version has a model.tflite", explains)
    return Setting("serving_tflite", "on", f"asked for, and {files[0]} is there", explains)


def xla(facts: Facts) -> Setting:
    """Whether functions that must be compiled may run: a server refuses them unless a flag allows XLA."""
    names = ("xla_cpu_compilation_enabled", "xla_gpu_compilation_enabled")
    if not serves(facts):
        return Setting("serving_xla", NOT_APPLICABLE, NO_SERVER)
    version = facts.version("serving.version")
    if version is not None and minor(version) < (2, 5):
        return Setting("serving_xla", "allowed", f"TensorFlow Serving {version} refuses no compilation", _flags(*names))
    given = [name for name in names if facts.text(f"serving.flag.{name}") == "true"]
    trail = f"--{given[0]}" if given else "neither XLA flag is given"
    return Setting("serving_xla", "allowed" if given else "refused", trail, _flags(*names))


def served_version(facts: Facts) -> Setting:
    """The version numbers that answer, by model; from an endpoint if one was asked, else as the directory has it."""
    explains = ("serving.versions_served", "serving.versions_answering")
    if not serves(facts):
        return Setting("served_version", NOT_APPLICABLE, NO_SERVER)
    answering = facts.items("serving.versions_answering")
    found = answering or facts.items("serving.versions_served")
    if found is None:
        unread = facts.why_unread("serving.model", "serving.versions_served")
        return Setting("served_version", None, "", explains, unread or "no model directory was read")
    trail = "the server says so" if answering else "what the policy takes from the directory"
    return Setting("served_version", ", ".join(found), trail, explains)


def _flags(*names: str) -> tuple[str, ...]:
    return tuple(path for name in names for path in (f"serving.flag.{name}", f"serving.flag_source.{name}"))


def _below(facts: Facts, path: str) -> tuple[str, ...]:
    return tuple(sorted(one for one in facts.fingerprint.facts if one == path or one.startswith(f"{path}.")))


def _joined(facts: Facts, prefix: str, without: tuple[str, ...] = ()) -> str:
    found = sorted(path for path in facts.fingerprint.facts if path.startswith(prefix) and path not in without)
    return ", ".join(f"{path.removeprefix(prefix)}={facts.value(path)}" for path in found)
