"""What is known of the model and of how it is run: which rules can touch it at all."""

from __future__ import annotations

from envdiff.compare import Comparison
from envdiff.fingerprint import Absent, Reading, Value
from envdiff.rulebook.conditions import Answer
from envdiff.rulebook.model import Needs

OPERATIONS = "model.ops"
SHOWN = 8  # tensors named
NO_TENSORFLOW = "no TensorFlow was found on either side"


def without_tensorflow(comparison: Comparison) -> bool:
    """Whether no TensorFlow was found on either side: the wrong thing was captured, or another library computes."""
    found = [*comparison.readings("tensorflow.version"), *comparison.readings("tensorflow.installed")]
    return all(isinstance(one, Absent) or one == Value(False) for one in found) and any(
        one == Value(False) for one in found
    )


def operations(comparison: Comparison) -> frozenset[str] | None:
    """The operations that either side's model really runs, or None when no model was captured."""
    known = [reading.value for reading in comparison.readings(OPERATIONS) if isinstance(reading, Value)]
    if not known:
        return None
    return frozenset(str(name) for names in known if isinstance(names, tuple) for name in names)


def weights_told(comparison: Comparison) -> tuple[str, ...]:
    """Which tensors differ, where both sides list them by the same names: one layer, or every one of them."""
    left, right = (_tensors(reading) for reading in comparison.readings("model.weights.tensors"))
    names = left.keys() & right.keys()
    differ = sorted(name for name in names if left[name] != right[name])
    if not differ or len(names) < max(len(left), len(right)):
        return ()
    if len(differ) == len(names) > 1:
        return (f"All {len(names)} tensors of the model differ: another training run, or a fresh initialisation.",)
    shown = ", ".join(differ[:SHOWN]) + (f" and {len(differ) - SHOWN} more" if len(differ) > SHOWN else "")
    return (f"Of {len(names)} tensors of the model {len(differ)} differ{'s' if len(differ) == 1 else ''}: {shown}.",)


def _tensors(reading: Reading) -> dict[str, str]:
    """Name to type, shape and checksum, as the model's facts write them: ``name dtype [shape] checksum``."""
    listed = reading.value if isinstance(reading, Value) and isinstance(reading.value, tuple) else ()
    parts = (str(line).rsplit(" ", 3) for line in listed)
    return {part[0]: " ".join(part[1:]) for part in parts if len(part) == 4}


def needs_read(needs: Needs) -> tuple[str, ...]:
    """The facts that :func:`needs_hold` may look at for ``needs``, besides what kind of thing each side is."""
    by_entry = {"keras": ("model.format",)}.get(needs.entry or "", ())
    return (
        *((OPERATIONS, "tensorflow.version", "tensorflow.installed") if needs.ops else ()),
        *(("setting.device",) if needs.device is not None else ()),
        *by_entry,
    )


def needs_hold(needs: Needs, comparison: Comparison) -> tuple[Answer, str]:
    """(yes, no or cannot tell; why) for what a rule needs in order to matter."""
    told = [_ops(needs, comparison), _device(needs, comparison), _entry(needs, comparison)]
    for answer, why in told:
        if answer is False:
            return False, why
    doubts = [why for answer, why in told if answer is None]
    return (None, "; ".join(doubts)) if doubts else (True, "")


def _ops(needs: Needs, comparison: Comparison) -> tuple[Answer, str]:
    if not needs.ops:
        return True, ""
    if without_tensorflow(comparison):
        return None, NO_TENSORFLOW
    known = operations(comparison)
    if known is None:
        return None, f"the model was not captured, so whether it runs {_some(needs.ops)} is not known"
    touched = known & frozenset(needs.ops)
    return bool(touched), "" if touched else f"the model runs no {_some(needs.ops)}"


def _some(ops: tuple[str, ...]) -> str:
    shown = ", ".join(ops[:3])
    return shown if len(ops) <= 3 else f"{shown} or another of the {len(ops)} operations concerned"


def _device(needs: Needs, comparison: Comparison) -> tuple[Answer, str]:
    if needs.device is None:
        return True, ""
    readings = comparison.readings("setting.device")
    if any(isinstance(reading, Value) and reading.value == needs.device for reading in readings):
        return True, ""
    if all(isinstance(reading, Value) for reading in readings):
        return False, f"neither side computes on a {needs.device.upper()}"
    return None, f"whether a {needs.device.upper()} is in use could not be read"


def _entry(needs: Needs, comparison: Comparison) -> tuple[Answer, str]:
    if needs.entry is None:
        return True, ""
    kinds = {comparison.left.kind, comparison.right.kind}
    served = any("serving" in side.sections for side in (comparison.left, comparison.right))
    if needs.entry == "server":
        return served or bool(kinds & {"server", "container", "pod"}), "neither side is a model server"
    if needs.entry == "python":
        return True, ""
    formats = {reading.value for reading in comparison.readings("model.format") if isinstance(reading, Value)}
    if formats and formats <= {"savedmodel", "tflite", "frozen"}:
        return False, "the model is a saved graph, which runs without Keras code"
    if formats and formats <= {"hdf5", "keras"}:
        return True, ""  # nothing but Keras code builds a model from such a file
    return None, "this touches layers that Keras code builds or loads, not a SavedModel run by its signature"
