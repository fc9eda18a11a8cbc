"""What rewrites or compiles a graph before it runs: XLA, Grappler, eager execution, determinism."""

from __future__ import annotations

import shlex

from envdiff.settings.devices import device
from envdiff.settings.model import Facts, Setting, minor, quoted, tensorflow_bool

# Of TF_XLA_FLAGS: what shapes clusters, and of that what has a setting of its own or only writes and checks.
CLUSTERING = ("--tf_xla_", "--tf_mlir_enable_mlir_bridge")
TOLD_OR_INERT = (
    "--tf_xla_auto_jit", "--tf_xla_cpu_global_jit", "--tf_xla_clustering_debug", "--tf_xla_deterministic_cluster_names",
    "--tf_xla_print_", "--tf_xla_check_", "--tf_xla_use_device_api", "--tf_xla_enable_device_api", "--tf_xla_sparse_core",
)  # fmt: skip

# Flags of XLA_FLAGS that only dump, log or profile, and so cannot move a number.
INERT_XLA_FLAGS = ("--xla_dump", "--xla_hlo_profile", "--xla_log", "--xla_gpu_dump", "--xla_enable_dumping")


def xla_auto_jit(facts: Facts) -> Setting:
    """Whether graphs are cut into clusters that XLA compiles. On a CPU the global switch is needed as well."""
    explains = ("env.TF_XLA_FLAGS", "runtime.jit")
    flags, unread = _flags(facts, "TF_XLA_FLAGS")
    if unread:
        return Setting("xla_auto_jit", None, "", explains, unread)
    level = _last_value(flags, "--tf_xla_auto_jit")
    by_variable = level not in (None, "0", "-1", "")
    by_program = facts.text("runtime.jit") in ("true", "autoclustering", "True")
    if not by_variable and not by_program:
        return Setting("xla_auto_jit", "off", quoted("TF_XLA_FLAGS", facts.env("TF_XLA_FLAGS")), explains)
    asked = f"--tf_xla_auto_jit={level}" if by_variable else "the program set it"
    used = device(facts)
    on_cpu = any(flag.startswith("--tf_xla_cpu_global_jit") and not flag.endswith("=false") for flag in flags)
    if used.value == "cpu" and not on_cpu:
        return Setting(
            "xla_auto_jit", "off", f"{asked}, without effect on a CPU without --tf_xla_cpu_global_jit", explains
        )
    if used.value is None and not on_cpu:
        return Setting("xla_auto_jit", None, "", explains, used.unread)
    return Setting("xla_auto_jit", "on", asked, explains)


def xla_clustering(facts: Facts) -> Setting:
    """What else TF_XLA_FLAGS asks of XLA: which operations it may have, when it compiles, from where it loads code."""
    flags, unread = _flags(facts, "TF_XLA_FLAGS")
    if unread:
        return Setting("xla_clustering", None, "", ("env.TF_XLA_FLAGS",), unread)
    acting = sorted(flag for flag in flags if flag.startswith(CLUSTERING) and not flag.endswith(("=false", "=0")))
    words = " ".join(flag for flag in acting if not flag.startswith(TOLD_OR_INERT))
    trail = quoted("TF_XLA_FLAGS", facts.env("TF_XLA_FLAGS"))
    return Setting("xla_clustering", words or "default", trail, ("env.TF_XLA_FLAGS",) if words else ())


def xla_every_function(facts: Facts) -> Setting:
    """Whether every tf.function is compiled by default."""
    name = "TF_FUNCTION_JIT_COMPILE_DEFAULT"
    explains = (f"env.{name}", "runtime.jit_compile_functions")
    asked = facts.flag("runtime.jit_compile_functions")
    text = facts.env(name)
    if asked is None:
        version = facts.version()
        known = version is None or minor(version) >= (2, 8)
        asked = known and bool(tensorflow_bool(text))
    return Setting("xla_every_function", "on" if asked else "off", quoted(name, text), explains)


def xla_options(facts: Facts) -> Setting:
    """The options that XLA's compiler was given and that can change code; they act only where something is compiled."""
    explains = ("env.XLA_FLAGS",)
    flags, unread = _flags(facts, "XLA_FLAGS")
    if unread:
        return Setting("xla_options", None, "", explains, unread)
    idle = (*INERT_XLA_FLAGS, "--xla_gpu_") if device(facts).value == "cpu" else INERT_XLA_FLAGS
    acting = sorted(flag for flag in flags if flag.startswith("--") and not flag.startswith(idle))
    return Setting("xla_options", " ".join(acting) or "default", quoted("XLA_FLAGS", facts.env("XLA_FLAGS")), explains)


MOST_FLAGS = 20_000  # characters


def _flags(facts: Facts, name: str) -> tuple[list[str], str]:
    """(flags, why unread). A value that does not start with a dash names a file, which was not read."""
    unread = facts.why_unread(f"env.{name}")
    text = (facts.env(name) or "").strip()
    if unread or not text:
        return [], unread
    if not text.startswith("-"):
        return [], f"{name} names a file of flags, whose text was not captured"
    if len(text) > MOST_FLAGS:
        return text.split(), ""  # taking quotes apart takes the square of the length
    try:
        return shlex.split(text), ""
    except ValueError:
        return text.split(), ""


def _last_value(flags: list[str], name: str) -> str | None:
    values = [flag.partition("=")[2] for flag in flags if flag.partition("=")[0] == name]
    return values[-1] if values else None


def grappler(facts: Facts) -> Setting:
    """Graph optimisations that the program switched away from their defaults."""
    prefix = "runtime.grappler."
    explains = tuple(sorted(path for path in facts.fingerprint.facts if path.startswith(prefix)))
    changed = {}
    for path in explains:
        value = facts.value(path)
        if value or not path.endswith((".disable_model_pruning", ".disable_meta_optimizer")):
            changed[path.removeprefix(prefix)] = "on" if value is True else "off" if value is False else str(value)
    if not changed and facts.text("runtime.onednn") is None:
        unread = facts.why_unread("runtime.grappler.disable_meta_optimizer")
        if unread:
            return Setting("grappler", "default", "only a program can change it, and none was looked into", explains)
    words = ", ".join(f"{name}={value}" for name, value in sorted(changed.items()))
    return Setting("grappler", words or "default", "set by the program" if words else "nothing was changed", explains)


def run_eagerly(facts: Facts) -> Setting:
    """Whether functions run operation by operation, without graph optimisation and compilation."""
    asked = facts.flag("runtime.run_eagerly")
    trail = "no program changed it" if asked is None else "TensorFlow says so"
    return Setting("run_eagerly", "on" if asked else "off", trail, ("runtime.run_eagerly",))


def op_determinism(facts: Facts) -> Setting:
    """Whether operations must give the same bits each time (TF_DETERMINISTIC_OPS or the API)."""
    name = "TF_DETERMINISTIC_OPS"
    explains = (f"env.{name}", "runtime.op_determinism")
    text = facts.env(name)
    asked = facts.flag("runtime.op_determinism")
    if asked is None:
        unread = facts.why_unread("env")
        if unread:
            return Setting("op_determinism", None, "", explains, unread)
        if text is not None and tensorflow_bool(text) is None:
            return Setting("op_determinism", "aborts", f"{name}={text!r} ends the process at its first use", explains)
        asked = bool(tensorflow_bool(text))
    return Setting("op_determinism", "on" if asked else "off", quoted(name, text), explains)
