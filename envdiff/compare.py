"""Two fingerprints to mismatches: settings first, and raw facts folded under the setting that explains them."""

from __future__ import annotations

from typing import NamedTuple

from envdiff.fingerprint import Absent, FactValue, Fingerprint, Reading, Unread, Value, show
from envdiff.settings import NOT_APPLICABLE, Setting, settings_of
from envdiff.withheld import HeldBack, held_back, hides_names

Raw = tuple[str, Reading, Reading]

HELD_BACK = "held back"
ANONYMIZED = "anonymized"


class Mismatch(NamedTuple):
    """A path on which both sides were read and do not agree. ``folded`` are raw facts that explain a setting."""

    path: str
    left: Reading
    right: Reading
    left_trail: str = ""
    right_trail: str = ""
    folded: tuple[Raw, ...] = ()


class Incomparable(NamedTuple):
    """A path that at least one side could not read. ``side`` is left, right or both."""

    path: str
    side: str
    reason: str


class Comparison(NamedTuple):
    """Everything that two fingerprints say about each other, undecided.

    ``same_in_effect`` are settings in force alike with raw facts written differently; ``idle`` are raw differences
    that have nothing to act on (a GPU variable on a CPU); ``full`` lists every raw difference.
    """

    left: Fingerprint
    right: Fingerprint
    left_settings: dict[str, Setting]
    right_settings: dict[str, Setting]
    mismatches: tuple[Mismatch, ...]
    same_in_effect: tuple[Mismatch, ...]
    idle: tuple[Mismatch, ...]
    incomparable: tuple[Incomparable, ...]
    full: tuple[Raw, ...]
    compared: int

    def readings(self, path: str) -> tuple[Reading, Reading]:
        """What both sides give for a fact or a setting."""
        if path.startswith("setting."):
            return _setting_reading(self.left_settings.get(path)), _setting_reading(self.right_settings.get(path))
        return self.left.reading(path), self.right.reading(path)

    def trails(self, path: str) -> tuple[str, str]:
        """How both sides' values of a setting were concluded; empty for facts."""
        one, other = self.left_settings.get(path), self.right_settings.get(path)
        return one.trail if one else "", other.trail if other else ""


def compare(left: Fingerprint, right: Fingerprint) -> Comparison:
    """Every mismatch between two environments. Swapping the sides mirrors the result."""
    held = held_back(left, right)
    raw = {**_raw_differences(left, right), **{path: (path, *pair) for path, pair in held.different.items()}}
    left_settings, right_settings = settings_of(left), settings_of(right)
    device_differs = left_settings["setting.device"].value != right_settings["setting.device"].value
    found: dict[str, list[Mismatch]] = {"mismatch": [], "same": [], "idle": []}
    incomparable: list[Incomparable] = []
    explained: set[str] = set()
    left_open: set[str] = set()  # what also decides a setting that could not be concluded still tells something
    for path, one in left_settings.items():
        other = right_settings[path]
        names = {*one.explains, *other.explains}
        if one.value is None or other.value is None:
            left_open |= names
            if one.unread == other.unread and one.unread.partition(":")[0] in held.equal:
                continue
            incomparable.append(_incomparable_setting(path, one, other))
            continue
        explained |= names
        kind = _kind(one, other, any(name in raw for name in names), device_differs)
        if kind:
            found[kind].append(_mismatch(path, one, other, [raw[name] for name in sorted(names) if name in raw]))
    rest = [Mismatch(*raw[path]) for path in raw if path not in explained - left_open]
    return Comparison(
        left=left,
        right=right,
        left_settings=left_settings,
        right_settings=right_settings,
        mismatches=(*found["mismatch"], *rest),
        same_in_effect=tuple(found["same"]),
        idle=tuple(found["idle"]),
        incomparable=(*incomparable, *_incomparable_facts(left, right), *_not_shown(left, right, held)),
        full=tuple(raw.values()),
        compared=_compared(left, right)
        + len(held.equal)
        + len(held.different)
        + sum(1 for path in left_settings if _both_read(path, left_settings, right_settings)),
    )


def mismatch_at(path: str, sides: Comparison) -> Mismatch | None:
    """The mismatch that :func:`compare` lists under ``path``, found without looking at the rest of both sides."""
    one, other = sides.left_settings.get(path), sides.right_settings.get(path)
    if one is None or other is None:
        raw = _raw_difference(path, sides.left, sides.right)
        return None if raw is None or _is_explained(path, sides) else Mismatch(*raw)
    if one.value is None or other.value is None:
        return None
    names = sorted({*one.explains, *other.explains})
    folded = [raw for name in names if (raw := _raw_difference(name, sides.left, sides.right)) is not None]
    device_differs = sides.left_settings["setting.device"].value != sides.right_settings["setting.device"].value
    return (
        _mismatch(path, one, other, folded) if _kind(one, other, bool(folded), device_differs) == "mismatch" else None
    )


def _is_explained(path: str, sides: Comparison) -> bool:
    """Whether settings account for the fact, and all that it decides were concluded on both sides."""
    deciding = [
        name
        for name, one in sides.left_settings.items()
        if path in one.explains or path in sides.right_settings[name].explains
    ]
    return bool(deciding) and all(_both_read(name, sides.left_settings, sides.right_settings) for name in deciding)


def _kind(one: Setting, other: Setting, raw_differs: bool, device_differs: bool) -> str:
    """Where a pair of settings that were both concluded belongs; empty for nowhere."""
    idle = NOT_APPLICABLE in (one.value, other.value)
    if one.value == other.value:
        return ("idle" if idle else "same") if raw_differs else ""
    if not idle:
        return "mismatch"
    # One side has nothing that the setting could act on. If nobody touched it, the release or the device says it all.
    if not raw_differs:
        return ""
    return "idle" if device_differs else "mismatch"


def _mismatch(path: str, one: Setting, other: Setting, folded: list[Raw]) -> Mismatch:
    return Mismatch(path, Value(one.value), Value(other.value), one.trail, other.trail, tuple(folded))


def _raw_differences(left: Fingerprint, right: Fingerprint) -> dict[str, Raw]:
    """Facts that both sides were asked for and answer differently, by path."""
    paths = sorted(left.facts.keys() | right.facts.keys())
    return {path: raw for path in paths if (raw := _raw_difference(path, left, right)) is not None}


def _raw_difference(path: str, left: Fingerprint, right: Fingerprint) -> Raw | None:
    one, other = left.reading(path), right.reading(path)
    if one == other or not (isinstance(one, Value | Absent) and isinstance(other, Value | Absent)):
        return None
    return None if hides_names(left, right, one, other) else (path, one, other)


def _incomparable_setting(path: str, one: Setting, other: Setting) -> Incomparable:
    if one.value is None and other.value is None:
        reason = one.unread if one.unread == other.unread else f"left: {one.unread}; right: {other.unread}"
        return Incomparable(path, "both", reason)
    return Incomparable(path, "left", one.unread) if one.value is None else Incomparable(path, "right", other.unread)


def _incomparable_facts(left: Fingerprint, right: Fingerprint) -> list[Incomparable]:
    """Unread prefixes of each side, and whole sections that one side alone has; not one line for every fact."""
    reasons: dict[str, dict[str, str]] = {}
    for side, own, other in (("left", left, right), ("right", right, left)):
        for prefix, reason in own.unread.items():
            reasons.setdefault(prefix, {})[side] = reason
        for section in sorted(other.sections - own.sections):
            reading = own.reading(f"{section}.?")
            if isinstance(reading, Unread) and section not in own.unread:
                reasons.setdefault(section, {})[side] = reading.reason
    return [_incomparable_fact(prefix, sides) for prefix, sides in sorted(reasons.items())]


def _incomparable_fact(prefix: str, sides: dict[str, str]) -> Incomparable:
    if len(sides) == 1:
        ((side, reason),) = sides.items()
        return Incomparable(prefix, side, reason)
    one, other = sides["left"], sides["right"]
    return Incomparable(prefix, "both", one if one == other else f"left: {one}; right: {other}")


def _not_shown(left: Fingerprint, right: Fingerprint, held: HeldBack) -> list[Incomparable]:
    """What was held back without a digest on both sides, and how many facts hold names that were replaced."""
    found = []
    for path, sides in held.unknown.items():
        reasons = dict.fromkeys(
            reason
            for side, name in ((left, "left"), (right, "right"))
            if name in sides
            for reason in side.withheld[path]
        )
        side = "both" if len(sides) > 1 else sides[0]
        found.append(Incomparable(path, side, f"{HELD_BACK}: {'; '.join(reasons)}"))
    names = [path for path in left.facts.keys() & right.facts.keys() if _hides_names(left, right, path)]
    if names:
        found.append(Incomparable(ANONYMIZED, "both", f"{len(names)} facts agree but for names that were replaced"))
    return found


def _hides_names(left: Fingerprint, right: Fingerprint, path: str) -> bool:
    return hides_names(left, right, left.reading(path), right.reading(path))


def _compared(left: Fingerprint, right: Fingerprint) -> int:
    readable = (Value, Absent)
    return sum(
        1
        for path in left.facts.keys() | right.facts.keys()
        if isinstance(left.reading(path), readable)
        and isinstance(right.reading(path), readable)
        and not _hides_names(left, right, path)
    )


def _both_read(path: str, left: dict[str, Setting], right: dict[str, Setting]) -> bool:
    return left[path].value is not None and right[path].value is not None


def _setting_reading(setting: Setting | None) -> Reading:
    if setting is None:
        return Absent()
    return Unread(setting.unread) if setting.value is None else Value(setting.value)


def shown_pair(left: Reading, right: Reading) -> tuple[str, str]:
    """Both sides in words; of two long lists only what the other has not: forty equal flags hide one that counts."""
    if isinstance(left, Value) and isinstance(right, Value) and left != right:
        one, other = left.value, right.value
        if isinstance(one, tuple) and isinstance(other, tuple) and min(len(one), len(other)) > 3:
            return _only(one, other), _only(other, one)
    return str(left), str(right)


def _only(own: tuple[FactValue, ...], other: tuple[FactValue, ...]) -> str:
    extra = [item for item in own if item not in set(other)]
    return "also " + ", ".join(show(item) for item in extra) if extra else "nothing that the other lacks"
