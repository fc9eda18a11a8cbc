"""Reduced precision that a program or a rewrite asks for."""

from __future__ import annotations

from envdiff.settings.devices import device
from envdiff.settings.model import Facts, Setting
from envdiff.settings.onednn import onednn
from envdiff.settings.serving import rewriter

BF16_REWRITES = ("auto_mixed_precision_onednn_bfloat16", "auto_mixed_precision_mkl")


def keras_policy(facts: Facts) -> Setting:
    """The dtype policy that Keras layers are built with; a saved graph has its own baked in."""
    policy = facts.text("keras.dtype_policy")
    explains = ("keras.dtype_policy",)
    if policy is not None:
        return Setting("keras_dtype_policy", policy, "Keras says so", explains)
    floatx = facts.text("keras.floatx") or "float32"
    return Setting("keras_dtype_policy", floatx, "no program set a policy, so floatx holds", explains)


def bf16_rewrite(facts: Facts) -> Setting:
    """Whether a graph pass casts float32 operations to bfloat16 on the CPU; needs oneDNN."""
    asked = [name for name in BF16_REWRITES if facts.value(f"runtime.grappler.{name}") in (True, "on")]
    asked += [name for name in BF16_REWRITES if rewriter(facts, name) == "ON"]
    flag = "serving.flag.mixed_precision"
    explains = (flag, "serving.flag_source.mixed_precision")
    if facts.text(flag) == "bfloat16":  # any other value is a line in the server's log, and nothing else
        asked.append("--mixed_precision=bfloat16")
    if not asked:
        return Setting("bf16_rewrite", "off", "nothing asks for it", explains)
    running = onednn(facts)
    if running.value is None:
        return Setting("bf16_rewrite", None, "", explains, running.unread)
    if running.value == "off":
        return Setting("bf16_rewrite", "off", f"{asked[0]} is set, without effect: oneDNN is off", explains)
    return Setting("bf16_rewrite", "on", f"{asked[0]} is set and oneDNN is on", explains)


# What auto_mixed_precision.cc asks of a processor before it casts for it.
HALF_ON_CPU = frozenset(("amx_fp16", "avx_ne_convert"))


def fp16_rewrite(facts: Facts) -> Setting:
    """Whether a graph pass casts float32 operations to float16, on a GPU or on a processor made for it."""
    if facts.value("runtime.grappler.auto_mixed_precision") not in (True, "on"):
        return Setting("fp16_rewrite", "off", "nothing asks for it")
    used = device(facts)
    if used.value is None:
        return Setting("fp16_rewrite", None, "", (), used.unread)
    if used.value == "cpu":
        flags = facts.items("cpu.flags")
        if flags is None:
            unread = facts.why_unread("cpu.flags") or "the processor's features were not read"
            return Setting("fp16_rewrite", None, "", (), unread)
        able = HALF_ON_CPU.intersection(flags)
        if able:
            return Setting("fp16_rewrite", "on", f"auto_mixed_precision is set and the processor has {min(able)}")
        return Setting("fp16_rewrite", "off", "auto_mixed_precision is set, without effect on this processor")
    return Setting("fp16_rewrite", "on", "auto_mixed_precision is set and a GPU is in use")
