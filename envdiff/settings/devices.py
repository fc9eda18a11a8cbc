"""Which device computes, and what its generation and switches allow."""

from __future__ import annotations

from envdiff.settings import tables
from envdiff.settings.model import Facts, Setting, as_version, minor, quoted

VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
GPU_VARIANTS = ("cuda", "rocm", "metal", "directml", "unknown", "nightly")


def device(facts: Facts) -> Setting:
    """``gpu`` when TensorFlow can and may use one, else ``cpu``; devices the runtime listed count most."""
    explains = (*(f"env.{name}" for name in VISIBLE), "runtime.visible_devices", "runtime.physical_devices")
    listed = facts.items("runtime.visible_devices") or facts.items("runtime.physical_devices")
    if listed is not None:
        found = any("GPU" in name.upper() for name in listed)
        return Setting("device", "gpu" if found else "cpu", f"TensorFlow lists {', '.join(listed)}", explains)
    reason = _no_gpu_reason(facts)
    if reason:
        return Setting("device", "cpu", reason, explains)
    count = facts.number("gpu.count")
    if count is None:
        unread = facts.why_unread("gpu.count")
        return Setting("device", None if unread else "cpu", "" if unread else "no GPU was found", explains, unread)
    return Setting("device", "gpu", f"{count} GPU{'s' if count > 1 else ''} and a build that uses them", explains)


def _no_gpu_reason(facts: Facts) -> str:
    """Why no GPU can be in use; empty if one may be."""
    if facts.flag("tensorflow.build.is_cuda_build") is False and facts.text("tensorflow.variant") == "cpu":
        return "the TensorFlow build has no GPU code"
    if facts.number("gpu.count") == 0:
        return "the machine has no GPU"
    for name in VISIBLE[:2]:
        text = facts.env(name)
        if text is not None and text.strip() in ("", "-1", "none"):
            return f"{name}={text!r} hides every GPU"
    return ""


def gpu_model(facts: Facts) -> Setting:
    """Name and compute capability of the first GPU in use; ``none`` on a CPU."""
    used = device(facts)
    explains = ("gpu.0.name", "gpu.0.compute_capability")
    if used.value is None:
        return Setting("gpu_model", None, "", explains, used.unread)
    if used.value == "cpu":
        return Setting("gpu_model", "none", used.trail, explains)
    name = facts.text("gpu.0.name")
    if name is None:
        return Setting("gpu_model", None, "", explains, facts.why_unread("gpu.0.name") or "the GPU has no name")
    capability = facts.text("gpu.0.compute_capability")
    return Setting("gpu_model", f"{name} ({capability})" if capability else name, "the first GPU", explains)


def tf32(facts: Facts) -> Setting:
    """Whether float32 matrix products and convolutions may run with ten mantissa bits; ``n/a`` where nothing can."""
    explains = ("env.NVIDIA_TF32_OVERRIDE", "runtime.tf32")
    used = device(facts)
    if used.value == "cpu":
        return Setting("tf32", "n/a", f"no GPU in use: {used.trail}", explains)
    capability = as_version(facts.text("gpu.0.compute_capability"))
    version = facts.version()
    if used.value is None or capability is None:
        why = used.unread or facts.why_unread("gpu.0.compute_capability")
        return Setting("tf32", None, "", explains, why or "the GPU's compute capability is not known")
    needed = as_version(tables.tf32_capability())
    assert needed is not None
    if capability < needed:
        return Setting("tf32", "off", f"compute capability {capability} has no TF32", explains)
    if facts.env("NVIDIA_TF32_OVERRIDE") == "0":
        return Setting("tf32", "off", "NVIDIA_TF32_OVERRIDE=0 forbids it to NVIDIA's libraries", explains)
    if facts.flag("runtime.tf32") is False:
        return Setting("tf32", "off", "the program switched it off", explains)
    if version is not None and minor(version) < tables.tf32_since():
        return Setting("tf32", "off", f"TensorFlow {version} does not use it", explains)
    told = "TensorFlow says it is on" if facts.flag("runtime.tf32") else "nothing switches it off"
    if version is None:
        told += " in any release that knows such a GPU"
    return Setting("tf32", "on", f"{told}; compute capability {capability}", explains)


def plugins(facts: Facts) -> Setting:
    """Device plug-ins that bring kernels of their own (Metal, DirectML, Intel)."""
    files = facts.items("tensorflow.plugins")
    explains = ("tensorflow.plugins",)
    if files is None:
        unread = facts.why_unread("tensorflow.plugins")
        value = None if unread else "none"
        return Setting("device_plugins", value, "no plug-in directory", explains, unread)
    return Setting("device_plugins", ", ".join(files) or "none", "files in tensorflow-plugins", explains)


def visible_gpu_order(facts: Facts) -> Setting:
    """What CUDA_VISIBLE_DEVICES comes to where a GPU is in use: which one is the first."""
    used = device(facts)
    if used.value != "gpu":
        return Setting("visible_gpus", "none", used.trail, (), used.unread if used.value is None else "")
    name = "CUDA_VISIBLE_DEVICES"
    return Setting("visible_gpus", facts.env(name) or "all", quoted(name, facts.env(name)), (f"env.{name}",))
