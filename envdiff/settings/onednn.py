"""oneDNN: whether its kernels run, up to which instruction set, and with which arithmetic."""

from __future__ import annotations

from envdiff.settings import tables
from envdiff.settings.model import Facts, Setting, minor, quoted, tensorflow_bool

SWITCH = "TF_ENABLE_ONEDNN_OPTS"


def onednn(facts: Facts) -> Setting:
    """Whether oneDNN operations run, which is not what the variable says.

    The framework library's own answer counts most; without it the rule of the release decides (build kind, version,
    processor, variable).
    """
    explains = (f"env.{SWITCH}", "env.TF_DISABLE_MKL", "runtime.onednn")
    written = quoted(SWITCH, facts.env(SWITCH))
    asked = facts.flag("runtime.onednn")
    reason = _by_rule(facts)
    if asked is not None:
        why = f"{written}; {reason[1]}; " if reason[0] == asked else f"{written}; "
        trail = f"{'on' if asked else 'off'}: {why}the TensorFlow library says so itself"
        return Setting("onednn", "on" if asked else "off", trail, explains)
    unread = facts.why_unread("tensorflow.version", "env") or ("" if reason[0] is not None else reason[1])
    if unread or reason[0] is None:
        return Setting("onednn", None, "", explains, unread or reason[1])
    return Setting("onednn", "on" if reason[0] else "off", f"{written}; {reason[1]}", explains)


def _by_rule(facts: Facts) -> tuple[bool | None, str]:
    """(on, why) by the rules of the release; None when a fact that decides was not read."""
    version = facts.version()
    if version is None:
        return None, "the TensorFlow version is not known"
    default = tables.onednn_default(
        minor(version), facts.text("os.system") or "Linux", facts.text("cpu.architecture") or ""
    )
    name = f"TensorFlow {version}"
    if default == "absent":
        return False, f"{name} has no oneDNN operations in its stock build"
    text = facts.env(SWITCH)
    switched = tensorflow_bool(text)
    if switched is not None:
        return switched, "the variable decides"
    malformed = "" if text is None else "the value is not 0, 1, true or false, so the default holds; "
    if default == "off":
        return False, f"{malformed}{name} leaves it off by default"
    return _by_processor(facts, name, malformed)


def _by_processor(facts: Facts, name: str, malformed: str) -> tuple[bool | None, str]:
    flags = facts.items("cpu.flags")
    if flags is None:
        return None, facts.why_unread("cpu.flags") or "the processor's features were not read"
    deciding = [flag for flag in tables.onednn_cpu_features() if flag in flags]
    if deciding:
        return True, f"{malformed}{name} turns it on for a processor with {deciding[0]}, and this one has it"
    return False, f"{malformed}{name} turns it on only for processors with VNNI, BF16 or AMX, and this one has none"


def onednn_isa(facts: Facts) -> Setting:
    """The widest instruction set that oneDNN's kernels may use; Eigen's matrix products and XLA on CPU use it too.

    Levels above AVX-512 differ for bfloat16, float16 and int8 only: see :func:`low_precision_isa`.
    """
    level, trail, unread = _capped_level(facts)
    explains = ("env.ONEDNN_MAX_CPU_ISA", "env.DNNL_MAX_CPU_ISA")
    if level is None:
        return Setting("kernel_isa", None, "", explains, unread)
    wide = tables.float_level(level)
    return Setting("kernel_isa", wide, trail, explains)


def low_precision_isa(facts: Facts) -> Setting:
    """What the processor offers oneDNN for bfloat16, float16 and int8, after the cap."""
    level, trail, unread = _capped_level(facts)
    if level is None:
        return Setting("low_precision_isa", None, "", (), unread)
    return Setting("low_precision_isa", tables.low_precision_level(level), trail, ())


def _capped_level(facts: Facts) -> tuple[str | None, str, str]:
    flags = facts.items("cpu.flags")
    if flags is None:
        return None, "", facts.why_unread("cpu.flags") or "the processor's features were not read"
    native = tables.native_level(flags)
    name, cap = _first(facts, "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    level = tables.cap_level(native, cap)
    trail = f"the processor offers {native}"
    if cap is not None:
        trail += f"; {name}={cap} " + ("caps it" if level != native else "caps nothing")
    return level, trail, ""


def math_mode(facts: Facts) -> Setting:
    """The arithmetic that oneDNN may use inside float32 primitives: strict, or bfloat16 where the processor can."""
    explains = ("env.ONEDNN_DEFAULT_FPMATH_MODE", "env.DNNL_DEFAULT_FPMATH_MODE", "env.TF_SET_ONEDNN_FPMATH_MODE")
    asked, written = _asked_mode(facts)
    if asked == "strict":
        return Setting("onednn_math_mode", "strict", written, explains)
    running = onednn(facts)
    level, _, unread = _capped_level(facts)
    if running.value is None or level is None:
        return Setting("onednn_math_mode", None, "", explains, running.unread or unread)
    if running.value == "off":
        return Setting("onednn_math_mode", "strict", f"{written}, without effect: oneDNN is off", explains)
    if tables.low_precision_level(level) != "amx":
        # oneDNN takes its bfloat16 kernels for float32 only with AMX; bfloat16 vector instructions are not enough.
        return Setting("onednn_math_mode", "strict", f"{written}, without effect: the processor has no AMX", explains)
    return Setting("onednn_math_mode", asked, f"{written}; oneDNN is on and the processor has AMX", explains)


def _asked_mode(facts: Facts) -> tuple[str, str]:
    name, text = _first(facts, "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
    if text is not None and text.lower() in ("bf16", "any"):
        return text.lower(), f"{name}={text}"
    # Only the exact upper-case word counts here.
    if facts.env("TF_SET_ONEDNN_FPMATH_MODE") == "BF16":
        return "bf16", "TF_SET_ONEDNN_FPMATH_MODE=BF16"
    return "strict", "no variable asks for another mode" if text is None else f"{name}={text} keeps float32"


def frozen_weights(facts: Facts) -> Setting:
    """Whether oneDNN takes weights for constants: faster, and stale once a variable is assigned."""
    name = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"
    explains = (f"env.{name}",)
    asked = bool(tensorflow_bool(facts.env(name)))
    written = quoted(name, facts.env(name))
    running = onednn(facts)
    if not asked:
        return Setting("onednn_frozen_weights", "off", written, explains)
    if running.value is None:
        return Setting("onednn_frozen_weights", None, "", explains, running.unread)
    if running.value == "off":
        return Setting("onednn_frozen_weights", "off", f"{written}, without effect: oneDNN is off", explains)
    return Setting("onednn_frozen_weights", "on", written, explains)


def contraction_kernel(facts: Facts) -> Setting:
    """Whether Eigen's matrix products call oneDNN's generated kernel (the default on x86), also with oneDNN off."""
    name = "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"
    text = facts.env(name)
    off = text in ("false", "0")
    return Setting("contraction_kernel", "eigen" if off else "onednn", quoted(name, text), (f"env.{name}",))


def _first(facts: Facts, *names: str) -> tuple[str, str | None]:
    """The first variable that is set, with its value; oneDNN asks for its names in this order."""
    for name in names:
        text = facts.env(name)
        if text is not None:
            return name, text
    return names[0], None
