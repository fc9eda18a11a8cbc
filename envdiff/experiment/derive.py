"""Mismatches to switches: what of the difference between two environments can be thrown here, and what cannot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envdiff.compare import Comparison
from envdiff.experiment.knobs import ENV, PLACES, SET
from envdiff.experiment.switches import UNTOLD, Lost, Plan, Shows, Switch
from envdiff.fingerprint import Absent, FactValue, Fingerprint, Reading, Value
from envdiff.report import Report

# Flags that a program sets through TensorFlow's functions, with what holds when it does not.
FLAGS: Mapping[str, Any] = {
    "runtime.threads.intra": 0,
    "runtime.threads.inter": 0,
    "runtime.jit": "",
    "runtime.op_determinism": False,
    "runtime.tf32": True,
    "runtime.soft_placement": True,
    "runtime.run_eagerly": False,
    "runtime.global_seed": None,
    "keras.dtype_policy": "float32",
    "keras.floatx": "float32",
    "keras.image_data_format": "channels_last",
}
GRAPPLER = "runtime.grappler."
# Flags that follow a variable: where it differs, its switch throws the flag along.
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "runtime.op_determinism": ("TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC"),
    "runtime.tf32": ("NVIDIA_TF32_OVERRIDE",),
    "keras.floatx": ("KERAS_HOME",),
    "keras.image_data_format": ("KERAS_HOME",),
}
# What an explicit value does where a variable is not set, if a setting tells: for places that set it themselves.
EXPLICIT: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "TF_ENABLE_ONEDNN_OPTS": ("setting.onednn", {"on": "1", "off": "0"}),
    "TF_NUM_INTRAOP_THREADS": ("setting.intra_op_threads", {}),
}
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
INTERPRETER = ("python.", "tensorflow.", "packages.", "builds.", "keras.version", "keras.generation", "keras.package",
               "cuda.package.", "libraries.", "origins.", "conda.")  # fmt: skip
REASONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("gpu.", "cuda.", "setting.gpu", "setting.device"), "another GPU, driver or CUDA: run isolate on a machine with it"),
    (("cpu.", "setting.kernel_isa", "setting.low_precision_isa"), "another processor: run isolate on a machine with it"),
    (("model.", "answers.", "input."), "another model or input: --vary model=LEFT:RIGHT takes the other side's files"),
    (("serving.", "setting.serving"), "how a server is set up: --right-server URL asks it, --right-image REF starts it"),
    (("os.", "setting.libc"), "another operating system: --right-image REF runs one"),
    (INTERPRETER, "another interpreter or package: --right-python PATH runs it, --install makes it"),
)  # fmt: skip
OTHERWISE = "nothing here can throw it"


@dataclass(frozen=True)
class Ends:
    """What the user can run. ``image`` replaces the interpreter on the right; ``vary`` are differences that no
    fingerprint holds, as {knob: (left, right)}; ``packages`` are folders with the right's version of single packages."""

    python: str
    model: str
    way: str = "signature"
    right_python: str | None = None
    image: str | None = None
    nodes: bool = False
    vary: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    packages: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # name -> (folder, version there)
    versions: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})  # facts of the two interpreters, as found here
    own: bool = True  # these are the interpreters of the fingerprints, not others


def plan(report: Report, comparison: Comparison, ends: Ends) -> Plan:
    """Everything that can be thrown, likeliest first, and everything that cannot."""
    made: dict[str, Switch] = {}
    lost: list[Lost] = []
    for switch in (*_varied(ends), *_entry(comparison, ends), *_places(ends)):
        made.setdefault(switch.name, switch)
    for about, paths in _suspects(report, comparison):
        found = [switch for path in paths for switch in _switches(path, about, comparison, ends)]
        for switch in found:
            made.setdefault(switch.name, switch)
        if not found and not _covered(about, paths, made) and about in _weighty(report):
            lost.append(Lost(about, _why_lost(about, paths)))
    ordered = _ordered(made.values(), report)
    return Plan(_base(comparison, ends), ordered, tuple(dict.fromkeys(lost)))


def _suspects(report: Report, comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    """(about, raw paths) in the order of suspicion; what the rules call harmless comes last, but it comes."""
    groups: dict[str, tuple[str, ...]] = {}
    for finding in (*report.findings, *report.too_small):
        groups.setdefault(finding.about, (finding.about, *(path for path, _, _ in finding.folded)))
    for one in report.unexplained:
        groups.setdefault(one.path, (one.path,))
    seen = {path for paths in groups.values() for path in paths}
    groups.update({path: (path,) for path, _, _ in comparison.full if path not in seen})
    return list(groups.items())


def _weighty(report: Report) -> set[str]:
    """What may not be lost in silence."""
    return {one.about for one in (*report.findings, *report.too_small)} | {one.path for one in report.unexplained}


def _ordered(switches: Iterable[Switch], report: Report) -> tuple[Switch, ...]:
    """By the place of what they are about in the report; what the user named comes first."""
    places = {finding.about: number for number, finding in enumerate((*report.findings, *report.too_small), 1)}
    last = len(places) + 1
    return tuple(sorted(switches, key=lambda one: 0 if one.about == "" else places.get(one.about, last)))


def _varied(ends: Ends) -> list[Switch]:
    made = []
    for knob, (left, right) in ends.vary.items():
        shows: tuple[Shows, ...] = ()
        if knob.startswith((ENV, SET)):
            path = knob if knob.startswith(ENV) else knob.removeprefix(SET)
            shows = (Shows(path, left, right),)
        elif knob == "cpus":
            shows = (Shows("cpu.schedulable", left or UNTOLD, right or UNTOLD),)
        name = knob.removeprefix(ENV).removeprefix(SET).removeprefix("runtime.")
        made.append(Switch(name, "", {knob: left}, {knob: right}, shows))
    return made


def _places(ends: Ends) -> list[Switch]:
    """Where the model runs: another interpreter, image or machine, each whole."""
    made = []
    left, right = ends.versions
    if ends.right_python and ends.right_python != ends.python:
        shows = tuple(
            Shows(path, left.get(path), right.get(path))
            for path in ("tensorflow.version", "python.version")
            if left.get(path) != right.get(path)
        )
        patches = {"python": ends.python}, {"python": ends.right_python}
        about = "tensorflow.version" if ends.own else ""  # clearing another one clears nothing of the fingerprint
        made.append(Switch("interpreter", about, *patches, shows, (_versions(left), _versions(right))))
    if ends.image:
        made.append(
            Switch(
                "image", "tensorflow.version", {"image": None}, {"image": ends.image}, (), (_versions(left), ends.image)
            )
        )
    if ends.nodes:
        made.append(Switch("node", "cpu.model", {"node": "left"}, {"node": "right"}))
    for name, (folder, version) in ends.packages.items():
        path = f"packages.{name}"
        shows = (Shows(path, left.get(path, UNTOLD), version),)
        knob = f"package.{name}"
        made.append(
            Switch(
                f"package {name}", path, {knob: None}, {knob: folder}, shows, (str(left.get(path) or "absent"), version)
            )
        )
    return made


def _versions(facts: Mapping[str, Any]) -> str:
    return f"TensorFlow {facts.get('tensorflow.version')}, Python {facts.get('python.version')}"


def _switches(path: str, about: str, comparison: Comparison, ends: Ends) -> list[Switch]:
    """The switches of one raw path or setting; none where it cannot be thrown."""
    makers: tuple[Callable[[str, str, Comparison, Ends], Switch | None], ...] = (
        _variable, _flag, _processors, _onednn_by_processor, _isa,
    )  # fmt: skip
    return [switch for make in makers if (switch := make(path, about, comparison, ends)) is not None]


def _variable(path: str, about: str, comparison: Comparison, ends: Ends) -> Switch | None:
    name = path.removeprefix(ENV)
    if not path.startswith(ENV) or (name in PLACES and not _here(comparison, path)):
        return None
    readings = comparison.readings(path)
    if not all(isinstance(one, Value | Absent) for one in readings):
        return None
    left, right = (_text(one) for one in readings)
    if left == right:
        return None
    if ends.image:
        sides = comparison.left_settings, comparison.right_settings
        left, right = _explicit(name, left, sides[0]), _explicit(name, right, sides[1])
        if left is None or left == right:
            return None  # what the image sets cannot be unset in it: it goes with the image
    shows = [Shows(path, left, right)]
    if name == ONEDNN and not ends.image:
        shows.append(Shows("runtime.onednn", _answer(left), _answer(right)))
    return Switch(name, about, {path: left}, {path: right}, tuple(shows))


def _text(reading: Reading) -> str | None:
    return str(reading.value) if isinstance(reading, Value) else None


def _explicit(name: str, value: str | None, settings: Mapping[str, Any]) -> str | None:
    """An image's own variable cannot be unset, but its default can be said."""
    if value is not None or name not in EXPLICIT:
        return value
    setting, words = EXPLICIT[name]
    meant = str(settings[setting].value)
    return meant if meant.isdigit() else words.get(meant)


def _answer(value: str | None) -> Any:
    return {"0": False, "1": True}.get(value or "", UNTOLD)


def _here(comparison: Comparison, path: str) -> bool:
    """Whether every place that either side names exists on this machine."""
    values = [_text(one) or "" for one in comparison.readings(path)]
    return all(Path(part).expanduser().exists() for value in values for part in value.split(os.pathsep) if part)


def _flag(path: str, about: str, comparison: Comparison, _: Ends) -> Switch | None:
    if path not in FLAGS and not path.startswith(GRAPPLER):
        return None
    if any(_differs(comparison, f"{ENV}{name}") for name in FOLLOWS.get(path, ())):
        return None
    left, right = (_flag_value(path, one) for one in comparison.readings(path))
    if left is UNTOLD or right is UNTOLD or left == right:
        return None
    return Switch(
        path.removeprefix("runtime."), about, {SET + path: left}, {SET + path: right}, (Shows(path, left, right),)
    )


def _flag_value(path: str, reading: Reading) -> Any:
    """The value to set; for a grappler option that one side never touched, what TensorFlow does by itself."""
    if isinstance(reading, Value):
        return reading.value
    if not isinstance(reading, Absent):
        return UNTOLD
    if path.startswith(GRAPPLER):
        return None
    return FLAGS[path]


def _differs(comparison: Comparison, path: str) -> bool:
    left, right = comparison.readings(path)
    return _text(left) != _text(right)


def _processors(path: str, about: str, comparison: Comparison, _: Ends) -> Switch | None:
    if path != "cpu.schedulable":
        return None
    left, right = (_number(one) for one in comparison.readings(path))
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    if left is None or right is None or max(left, right) > here or left == right:
        return None
    return Switch("processors", about, {"cpus": left}, {"cpus": right}, (Shows(path, left, right),))


def _number(reading: Reading) -> int | None:
    value: FactValue = reading.value if isinstance(reading, Value) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _onednn_by_processor(path: str, about: str, comparison: Comparison, _: Ends) -> Switch | None:
    """Off on one side without a variable that says so: the processor decided, and the variable can overrule it."""
    if path != "setting.onednn" or _differs(comparison, f"{ENV}{ONEDNN}"):
        return None
    words = EXPLICIT[ONEDNN][1]
    left, right = (
        words.get(str(settings["setting.onednn"].value))
        for settings in (comparison.left_settings, comparison.right_settings)
    )
    if left is None or right is None or left == right:
        return None
    knob = ENV + ONEDNN
    shows = (Shows("runtime.onednn", _answer(left), _answer(right)),)
    return Switch("onednn", about, {knob: left}, {knob: right}, shows)


# The cap that makes oneDNN's kernels, and those that Eigen and XLA borrow, take another processor's path.
CAPS: Mapping[str, str] = {"sse41": "SSE41", "avx": "AVX", "avx2": "AVX2", "avx512": "AVX512_CORE"}


ISA_SETTINGS = ("setting.kernel_isa", "setting.low_precision_isa")
ISA_KNOBS = (f"{ENV}ONEDNN_MAX_CPU_ISA", f"{ENV}DNNL_MAX_CPU_ISA")


def _isa(path: str, about: str, comparison: Comparison, _: Ends) -> Switch | None:
    """Another processor, as far as its instruction sets go: not what TensorFlow itself reads of it."""
    if path != "setting.kernel_isa" or any(_differs(comparison, knob) for knob in ISA_KNOBS):
        return None
    left, right = (
        CAPS.get(str(settings[path].value)) for settings in (comparison.left_settings, comparison.right_settings)
    )
    if left is None or right is None or left == right:
        return None
    knob = ISA_KNOBS[0]
    return Switch("instruction set", about, {knob: left}, {knob: right}, (Shows(knob, left, right),))


def _entry(comparison: Comparison, ends: Ends) -> list[Switch]:
    """A model server runs a Session; a program that loads the model calls its signature."""
    if ends.image or ends.way != "signature" or "way" in ends.vary:
        return []
    left, right = (
        "session" if "serving" in side.sections else "signature" for side in (comparison.left, comparison.right)
    )
    return [] if left == right else [Switch("entry point", "", {"way": left}, {"way": right})]


# ---------------------------------------------------------------- the rest


def _covered(about: str, paths: Sequence[str], made: Mapping[str, Switch]) -> bool:
    """Whether a switch that is about something else throws this along: an interpreter brings its packages."""
    whole = {"interpreter", "image"} & made.keys()  # a node has the same interpreter
    if whole and (about.startswith(INTERPRETER) or any(path.startswith(INTERPRETER) for path in paths)):
        return True
    if "image" in whole and about.startswith(("os.", "setting.libc", "serving.", "setting.serving", ENV)):
        return True
    if about.startswith("cpu.") and "node" in made:
        return True
    if about in ISA_SETTINGS and any(knob in switch.right for switch in made.values() for knob in ISA_KNOBS):
        return True
    names = {show.path for switch in made.values() for show in switch.shows}
    names |= {switch.about for switch in made.values()}
    return about in names or any(path in names for path in paths)


def _why_lost(about: str, paths: Sequence[str]) -> str:
    for prefixes, why in REASONS:
        if any(path.startswith(prefixes) for path in (about, *paths)):
            return why
    return OTHERWISE


def _base(comparison: Comparison, ends: Ends) -> dict[str, Any]:
    """Left as it is run: variables and flags that both sides share included."""
    base: dict[str, Any] = {"python": ends.python, "model": ends.model, "way": ends.way}
    for path, value in comparison.left.facts.items():
        if path.startswith(ENV) and path.removeprefix(ENV) not in PLACES:
            base[path] = str(value)
    for path, default in FLAGS.items():
        value = comparison.left.get(path)
        if value not in (None, default) and not any(comparison.left.get(ENV + name) for name in FOLLOWS.get(path, ())):
            base[SET + path] = value
    grappler = {SET + path: value for path, value in comparison.left.facts.items() if path.startswith(GRAPPLER)}
    return {**base, **{path: value for path, value in grappler.items() if value is not False or "disable" not in path}}


def same_place(one: Fingerprint, other: Mapping[str, Any]) -> str:
    """Why an interpreter found here is not the one of the fingerprint; empty when it is, as far as versions go."""
    for path in ("tensorflow.version", "python.version"):
        wanted, got = one.get(path), other.get(path)
        if wanted is not None and got is not None and wanted != got:
            return f"{path} is {got} here and {wanted} in the fingerprint"
    return ""
