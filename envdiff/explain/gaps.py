"""What could not be compared, whether it matters, and how to read it."""

from __future__ import annotations

from envdiff.compare import ANONYMIZED, HELD_BACK, Comparison, Incomparable
from envdiff.explain.model import NO_TENSORFLOW, without_tensorflow
from envdiff.fingerprint import ON_REQUEST
from envdiff.report import Unread
from envdiff.withheld import COMPARE

# Sections that hold causes. What stands in the others is context.
MATTERS = ("cpu", "gpu", "cuda", "tensorflow", "runtime", "env", "keras", "serving", "model", "answers", "setting")

# Within those, what only describes a build that other facts identify.
CONTEXT = ("tensorflow.compiler", "tensorflow.git_version", "tensorflow.not_compiled_in")

# What says nothing where there is no TensorFlow.
OF_TENSORFLOW = ("tensorflow", "runtime", "keras")

HOW = {
    "runtime": "capture without --static where TensorFlow imports, or call envprobe.write() in the program",
    "env": "capture as the same user or as root, or from inside the process",
    "process": "capture as the same user or as root",
    "libraries": "capture as the same user or as root, or without --static",
    "gpu": "capture on the machine that computes, with the GPU's device files visible",
    "cuda": "capture on the machine that computes",
    "cpu": "capture on the machine that computes",
    "tensorflow": "capture what runs the model: --python PATH or --pid N",
    "python": "capture with the interpreter that runs the model: --python PATH",
    "packages": "capture with the interpreter that runs the model: --python PATH",
    "keras": "capture with the interpreter that runs the model: --python PATH",
    "input": "save what enters the model on both sides (envdiff.record), then envdiff report A B --inputs LEFT RIGHT",
    "setting": "capture what its reason names",
}


# What most differences that no setting explains were decided by.
DECISIVE = ("model", "answers", "input")


def gaps(comparison: Comparison, *, solved: bool = True) -> tuple[Unread, ...]:
    """One entry for each thing that could not be compared; a setting lost with a whole section is told once, there.

    Unless the difference is ``solved``, what neither side captured is asked for too.
    """
    facts = [gap for gap in comparison.incomparable if not gap.path.startswith("setting.")]
    lost = [gap for gap in comparison.incomparable if gap.path.startswith("setting.")]
    if without_tensorflow(comparison):
        facts = [gap for gap in facts if gap.path.partition(".")[0] not in OF_TENSORFLOW]
        facts.append(
            Incomparable("tensorflow", "both", f"{NO_TENSORFLOW}: another Python predicts, or another library")
        )
        lost = [gap._replace(reason="tensorflow") if "tensorflow" in gap.reason.lower() else gap for gap in lost]
    covered = {gap.path: [one for one in lost if _is_because_of(one, gap)] for gap in facts}
    told = {one.path for ones in covered.values() for one in ones}
    entries = [_entry(gap, covered[gap.path]) for gap in facts]
    entries += [_entry(one, []) for one in lost if one.path not in told]
    if not solved:
        entries += _asked_for(comparison, {entry.path.partition(".")[0] for entry in entries})
    return tuple(sorted(entries, key=lambda entry: (not entry.matters, NO_TENSORFLOW not in entry.reason, entry.path)))


def _asked_for(comparison: Comparison, told: set[str]) -> list[Unread]:
    had = comparison.left.sections | comparison.right.sections | told
    return [
        Unread("both", name, "not captured on either side", HOW.get(name) or ON_REQUEST[name], True)
        for name in DECISIVE
        if name not in had
    ]


def _is_because_of(setting: Incomparable, gap: Incomparable) -> bool:
    """Settings begin their reason with the path that was missing."""
    return any(
        part.partition(":")[0].strip().startswith(gap.path)
        for part in setting.reason.replace("left: ", "").replace("right: ", "").split("; ")
    )


def _entry(gap: Incomparable, settings: list[Incomparable]) -> Unread:
    reason = gap.reason
    if settings:
        names = [one.path.removeprefix("setting.").removeprefix("variable.") for one in settings]
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        reason += f" (so not concluded: {shown})"
    hidden = gap.path == ANONYMIZED or gap.reason.startswith(HELD_BACK)
    matters = gap.path.partition(".")[0] in MATTERS and gap.path not in CONTEXT
    return Unread(gap.side, gap.path, reason, COMPARE if hidden else how_to_read(gap.path), matters)


def how_to_read(path: str) -> str:
    """What a user can do to have ``path`` the next time."""
    section = path.partition(".")[0]
    return HOW.get(section) or ON_REQUEST.get(section) or "capture again from inside the environment"
