"""Which of AMD's GPUs a ROCm build of TensorFlow computes on."""

from __future__ import annotations

from typing import NamedTuple

from envdiff.settings.model import Facts, Setting, quoted

# ROCm's runtime reads the first (ROCR-Runtime, amd_filter_device.cpp); of what that leaves, HIP takes what the
# second says, or the third where the second is not set (clr, rocdevice.cpp).
ROCR, HIP, CUDA = "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"
SELECTIONS = tuple(f"env.{name}" for name in (ROCR, HIP, CUDA))
# The generation that all GPUs pass for (ROCR-Runtime, libhsakmt/src/topology.c).
PRETENDED = "HSA_OVERRIDE_GFX_VERSION"

OTHER_VARIANTS = ("cpu", "cuda", "intel", "macos", "metal", "directml", "nightly")

MOST_GPUS = 256

# What says nothing of AMD's GPUs was captured by a probe that asked for NVIDIA's alone, and gpu.count is of those.
NOT_ASKED = "gpu.amd.count: this capture did not look for AMD's GPUs"


class InUse(NamedTuple):
    """What the GPUs and the variables come to: the numbers of the GPUs in sight, or why that cannot be told."""

    gpus: tuple[int, ...]
    trail: str
    unread: str = ""


def is_rocm(facts: Facts) -> bool | None:
    """Whether the build computes on AMD's GPUs; None when that is not known."""
    flag, variant = facts.flag("tensorflow.build.is_rocm_build"), facts.text("tensorflow.variant")
    if flag or variant == "rocm":
        return True
    return False if flag is False or variant in OTHER_VARIANTS else None


def in_use(facts: Facts) -> InUse:
    """The GPUs that TensorFlow sees, in its order; none with the reason on a machine or under variables without any."""
    unread = facts.why_unread(*SELECTIONS)
    count = _count(facts)
    if count == 0:
        return InUse((), "the machine has no AMD GPU")
    acting = [(name, text) for name in (ROCR, _second(facts)) if (text := facts.env(name)) is not None]
    for name, text in acting:
        if text.strip() == "-1" or (name == ROCR and not text.strip()):
            return InUse((), f"{name}={text!r} hides every GPU")
    if count is None:
        unread = unread or facts.why_unread("gpu.amd.count") or NOT_ASKED
    left = tuple(range(count or 0))
    for name, text in acting:
        if "GPU-" in text.upper():
            unread = unread or f"env.{name}: it names GPUs by their serial numbers, which are not recorded"
        elif not text:
            unread = unread or f"env.{name}: empty, which hides every GPU in some releases of ROCm and none in others"
        left = _kept(text, left)
    if unread:
        return InUse((), "", unread)
    trail = ", ".join(quoted(name, text) for name, text in acting)
    return InUse(left, trail or "no variable hides a GPU") if left else InUse((), f"{trail} hides every GPU")


def _count(facts: Facts) -> int | None:
    """The number of AMD's GPUs, within reason; None when it is not known."""
    count = facts.number("gpu.amd.count")
    return None if count is None else max(0, min(count, MOST_GPUS))


def _second(facts: Facts) -> str:
    """The variable that HIP reads."""
    return HIP if facts.env(HIP) is not None or facts.env(CUDA) is None else CUDA


def _kept(text: str, gpus: tuple[int, ...]) -> tuple[int, ...]:
    """The GPUs that a list of numbers picks, up to the first number that is none of theirs."""
    places = {str(place): gpu for place, gpu in enumerate(gpus)}
    kept: list[int] = []
    for word in text.split(","):
        gpu = places.get(word.strip())
        if gpu is None:
            break
        if gpu not in kept:
            kept.append(gpu)
    return tuple(kept)


def device(facts: Facts, explains: tuple[str, ...]) -> Setting:
    """``gpu`` where a GPU of AMD's is in sight of a ROCm build."""
    used = in_use(facts)
    if used.unread:
        return Setting("device", None, "", explains, used.unread)
    if not used.gpus:
        return Setting("device", "cpu", used.trail, explains)
    return Setting("device", "gpu", f"an AMD GPU in sight of a build that uses it: {used.trail}", explains)


def gpu_model(facts: Facts) -> Setting:
    """Generation and size of the first GPU in use, by which AMD's libraries choose kernels."""
    used = in_use(facts)
    # Where the variables do not tell which GPU is the first, it does not matter among GPUs that are all alike.
    seen = used.gpus[:1] or tuple(range(_count(facts) or 0))
    explains = (
        *(f"gpu.amd.{gpu}.{name}" for gpu in seen for name in ("compute_units", "device", "gfx")),
        f"env.{PRETENDED}",
    )
    models = {_model(facts, gpu) for gpu in seen}
    if len(models) != 1 or "" in models:
        unread = used.unread or facts.why_unread("gpu.amd.0.gfx") or "the kernel does not name the GPU"
        return Setting("gpu_model", None, "", explains, unread)
    return Setting("gpu_model", models.pop(), used.trail or "all GPUs are alike", explains)


def _model(facts: Facts, gpu: int) -> str:
    generation = facts.text(f"gpu.amd.{gpu}.gfx")
    device = facts.text(f"gpu.amd.{gpu}.device")
    name = generation or (f"AMD device {device}" if device else "")
    units = facts.number(f"gpu.amd.{gpu}.compute_units")
    pretended = facts.env(PRETENDED)
    size = f", {units} compute units" if units else ""
    return f"{name}{size}{f', passing for {pretended}' if pretended else ''}" if name else ""


def visible_gpus(facts: Facts) -> Setting:
    """Which of the GPUs are in sight, in their order."""
    used = in_use(facts)
    if used.unread:
        return Setting("visible_gpus", None, "", SELECTIONS, used.unread)
    every = used.gpus == tuple(range(_count(facts) or 0))
    return Setting("visible_gpus", "all" if every else ",".join(map(str, used.gpus)), used.trail, SELECTIONS)
