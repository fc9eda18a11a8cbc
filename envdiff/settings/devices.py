"""Which device computes, and what its generation and switches allow."""

from __future__ import annotations

from envdiff.settings import rocm, tables
from envdiff.settings.model import Facts, Setting, as_version, minor, quoted

_OLDEST_WITHOUT_POINT = 30  # cudart64_30 was of CUDA 3.0; cudart64_12 is of CUDA 12
VISIBLE = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def device(facts: Facts) -> Setting:
    """``gpu`` when TensorFlow can and may use one, else ``cpu``; devices the runtime listed count most."""
    explains = (*(f"env.{name}" for name in VISIBLE), "runtime.visible_devices", "runtime.physical_devices")
    listed = facts.items("runtime.visible_devices") or facts.items("runtime.physical_devices")
    if listed is not None:
        found = any("GPU" in name.upper() for name in listed)
        return Setting("device", "gpu" if found else "cpu", f"TensorFlow lists {', '.join(listed)}", explains)
    if rocm.is_rocm(facts):
        return rocm.device(facts, explains)
    if uses_metal(facts):
        return Setting("device", "gpu", "Apple's Metal plug-in puts operations on the GPU", explains)
    reason = _no_gpu_reason(facts)
    if reason:
        return Setting("device", "cpu", reason, explains)
    count = facts.number("gpu.count")
    if not count:
        unread = _other_makers(facts) or facts.why_unread("gpu.count")
        none = "no GPU was found" if count is None else "the machine has no GPU"
        return Setting("device", None if unread else "cpu", "" if unread else none, explains, unread)
    return Setting("device", "gpu", f"{count} GPU{'s' if count > 1 else ''} and a build that uses them", explains)


def uses_metal(facts: Facts) -> bool:
    """Whether Apple's plug-in for its GPUs is installed."""
    plugins = facts.items("tensorflow.plugins") or ()
    return facts.text("tensorflow.variant") == "metal" or any("metal" in name for name in plugins)


def _no_gpu_reason(facts: Facts) -> str:
    """Why no GPU can be in use, however many there are; empty if one may be."""
    if facts.flag("tensorflow.build.is_cuda_build") is False and facts.text("tensorflow.variant") == "cpu":
        return "the TensorFlow build has no GPU code"
    text = facts.env("CUDA_VISIBLE_DEVICES")
    if text is not None and text.strip() in ("", "-1", "none") and not _other_makers(facts):
        return f"CUDA_VISIBLE_DEVICES={text!r} hides every GPU"
    return ""


def _other_makers(facts: Facts) -> str:
    """Why a machine without a GPU of NVIDIA's may still compute on one; empty if it cannot."""
    if facts.text("tensorflow.variant") == "directml":
        return "gpu.count: it is of NVIDIA's GPUs, and DirectML computes on those of other makers"
    if facts.number("gpu.amd.count") and rocm.is_rocm(facts) is None:
        return "tensorflow.variant: whether the build computes on AMD's GPUs is not known"
    return ""


def gpu_model(facts: Facts) -> Setting:
    """Name and compute capability of the first GPU in use; ``none`` on a CPU."""
    used = device(facts)
    explains = ("gpu.0.name", "gpu.0.compute_capability")
    if used.value is None:
        return Setting("gpu_model", None, "", explains, used.unread)
    if used.value == "cpu":
        return Setting("gpu_model", "none", used.trail, explains)
    if rocm.is_rocm(facts):
        return rocm.gpu_model(facts)
    if uses_metal(facts):
        return Setting("gpu_model", None, "", explains, "gpu.0.name: Apple's GPUs are not named")
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
    version = facts.version()
    if rocm.is_rocm(facts):
        if version is None or minor(version) <= tables.no_tf32_on_rocm_until():
            return Setting("tf32", "n/a", "a ROCm build: TensorFlow asks NVIDIA's libraries alone for it", explains)
        return Setting("tf32", None, "", explains, f"tensorflow.version: not known for ROCm builds of {version}")
    if uses_metal(facts):
        return Setting("tf32", "n/a", "Apple's Metal plug-in has no TF32", explains)
    # Not n/a: against a release that has it, its absence is the difference.
    if used.value == "gpu" and version is not None and minor(version) < tables.tf32_since():
        return Setting("tf32", "off", f"TensorFlow {version} does not use it", explains)
    capability = as_version(facts.text("gpu.0.compute_capability"))
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
    told = "TensorFlow says it is on" if facts.flag("runtime.tf32") else "nothing switches it off"
    if version is None:
        told += " in any release that knows such a GPU"
    return Setting("tf32", "on", f"{told}; compute capability {capability}", explains)


def gpu_unknown_to_cuda(facts: Facts) -> Setting:
    """``no``, or which GPU is of a newer generation than the CUDA libraries that it computes with."""
    name = "gpu_unknown_to_cuda"
    used = device(facts)
    if used.value == "cpu":
        return Setting(name, "no", f"no GPU in use: {used.trail}")
    if used.value is None:
        return Setting(name, None, "", (), used.unread)
    if rocm.is_rocm(facts) or uses_metal(facts):
        return Setting(name, "no", "the GPU is not NVIDIA's")
    capability = as_version(facts.text("gpu.0.compute_capability"))
    if capability is None:
        why = facts.why_unread("gpu.0.compute_capability")
        return Setting(name, None, "", (), why or "gpu.0.compute_capability: not known")
    if capability < tables.oldest_gpu_to_ask_about():
        return Setting(name, "no", f"every CUDA release that is in use knew compute capability {capability}")
    needed = as_version(tables.cuda_for(capability.major))
    told, where = _cuda_release(facts)
    cuda = as_version(told)
    if cuda is None:
        return Setting(name, None, "", (), "cuda.mapped.libcudart: the CUDA release is not known")
    if needed is None:
        return Setting(name, None, "", (), f"gpu.0.compute_capability: which CUDA knows {capability} is not known")
    if minor(cuda) >= minor(needed):
        return Setting(name, "no", f"CUDA {told} ({where}) has code for compute capability {capability}")
    shown = f"compute capability {capability} with CUDA {told}"
    return Setting(name, shown, f"CUDA {told} ({where}) is older than {needed}, the first with code for such a GPU")


def _cuda_release(facts: Facts) -> tuple[str | None, str]:
    """(the CUDA release in use, where that stands): mapped, built in, or what the label of an image says, in that order."""
    version = facts.version()
    stock = tables.cuda_of_release(minor(version)) if version and facts.text("tensorflow.variant") == "cuda" else None
    told = {
        "cuda.mapped.libcudart": facts.text("cuda.mapped.libcudart"),
        "cuda.build.cuda": facts.text("cuda.build.cuda"),
        f"the one that TensorFlow {version} is built with": stock,
        "env.CUDA_VERSION": facts.text("env.CUDA_VERSION"),
    }
    found = ((_with_point(release or ""), where) for where, release in told.items())
    return next((one for one in found if as_version(one[0]) is not None), (None, ""))


def _with_point(release: str) -> str:
    """``10.1`` of ``64_101`` and ``101``, as names of DLLs and Windows builds of TensorFlow write it."""
    digits = release.removeprefix("64_")
    if not digits.isdigit() or int(digits) < _OLDEST_WITHOUT_POINT:
        return digits  # with a point already, or a major release alone
    return f"{digits[:-1]}.{digits[-1]}"


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
    """What the variables that select GPUs come to where one is in use: which one is the first."""
    used = device(facts)
    if used.value is None:
        return Setting("visible_gpus", None, "", rocm.SELECTIONS, used.unread)
    if used.value == "cpu":
        return Setting("visible_gpus", "none", used.trail)
    if rocm.is_rocm(facts):
        return rocm.visible_gpus(facts)
    name = "CUDA_VISIBLE_DEVICES"
    return Setting("visible_gpus", facts.env(name) or "all", quoted(name, facts.env(name)), (f"env.{name}",))
