"""A bundle: what an isolation found, as two commands for somebody who has TensorFlow and nothing else.

``show.sh`` runs left, and left with the culprits thrown; ``cure.sh`` runs left, and right with the culprits taken out.
Of the machine that it was made on only knobs are written: no interpreter's path, no home directory, no other variable.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdiff.capture import filter as secrets
from envdiff.errors import UnusableInput, WorldFailed
from envdiff.experiment.bundle_page import page
from envdiff.experiment.bundle_scripts import CASES, LEFT_PYTHON, Case, interpreter_of, scripts, variables_of
from envdiff.experiment.knobs import Knobs
from envdiff.experiment.likeness import SAME
from envdiff.experiment.switches import UNTOLD, Plan
from envdiff.experiment.trials import Task, specification_of
from envdiff.probe_file import probe_path
from envdiff.report import Isolation, Tried

if TYPE_CHECKING:
    from collections.abc import Iterator

Facts = Mapping[str, Any]
PROBES = ("trial.py", "predict.py", "envprobe.py")
# Facts of an interpreter that a run is held against, so that a stranger sees what is otherwise on their machine.
VERSIONS = ("tensorflow.version", "python.version", "cpu.model")
RUNNABLE = 0o755


def write_bundle(
    path: Path,
    plan: Plan,
    task: Callable[[Knobs], Task],
    isolation: Isolation,
    *,
    versions: tuple[Facts, Facts] = ({}, {}),
    generator: str = "envdiff",
) -> None:
    """A folder, or an archive when ``path`` ends in .zip; whole or not at all.

    ``task`` makes the task that the isolation ran for these knobs; ``versions`` are facts of the left and the right
    interpreter. Raises UnusableInput when nothing was proven, when ``path`` is taken, or when a culprit is another
    machine, WorldFailed when it cannot be written.
    """
    if not isolation.culprits:
        raise UnusableInput("no culprit was found, so a bundle has nothing to show", subject=str(path))
    _check_place(path)
    runs = _runs(plan, isolation)
    if any(knobs.get("node") != runs["left"].get("node") for knobs in runs.values()):
        raise UnusableInput(
            "a culprit is another machine, and a bundle runs on one", subject=str(path), hint="leave --bundle out"
        )
    if any(knobs.get("image") for knobs in runs.values()):
        versions = (versions[0], {})
    models = _models([str(knobs["model"]) for knobs in runs.values()])
    withheld: set[str] = set()
    cases = [_case(name, task(knobs), models, withheld) for name, knobs in runs.items()]
    shown = [
        _with_shows(case, plan, _thrown(name, plan, isolation), versions)
        for name, case in zip(runs, cases, strict=True)
    ]
    with _written(path) as folder:
        _fill(folder, shown, models, task(runs["left"]).rows)
        files = scripts(shown, within=_within(isolation), right_needs=_right_needs(versions[1]))
        files["README.md"] = page(shown, _shareable(isolation, plan), plan, versions, sorted(withheld), generator)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        for name in ("show.sh", "cure.sh"):
            (folder / name).chmod(RUNNABLE)


# ---------------------------------------------------------------- what is run


def _thrown(name: str, plan: Plan, isolation: Isolation) -> frozenset[str]:
    culprits = frozenset(isolation.culprits)
    rest = frozenset(one.name for one in plan.switches) - culprits
    return {"left": frozenset[str](), "right": culprits, "cured": rest}[name]


def _runs(plan: Plan, isolation: Isolation) -> dict[str, Knobs]:
    return {name: plan.knobs(_thrown(name, plan, isolation)) for name in CASES}


def _models(paths: Sequence[str]) -> dict[str, str]:
    """Where each model lies in the bundle."""
    names = (f"model{Path(path).suffix if Path(path).is_file() else ''}" for path in paths)
    placed: dict[str, str] = {}
    for path, name in zip(paths, names, strict=True):
        placed.setdefault(path, name if not placed else f"right-{name}")
    return placed


def _case(name: str, task: Task, models: Mapping[str, str], withheld: set[str]) -> Case:
    model = models[str(task.knobs["model"])]
    specification = {
        **specification_of(task, Path(), model),
        "rows": "rows.npz",
        "out": f"answers/{name}.npz",
        "cpus": None,  # the script chooses among those of its own machine
    }
    return Case(name, task.knobs, model, specification, _shown(variables_of(task.knobs), withheld))


def _shown(variables: Mapping[str, str], withheld: set[str]) -> dict[str, str]:
    """Without secrets, whose names go to ``withheld``, and without home directories."""
    withheld |= {name for name, value in variables.items() if secrets.shown_flag(name, value) is None}
    return {name: secrets.without_homes(value) for name, value in variables.items() if name not in withheld}


def _with_shows(case: Case, plan: Plan, thrown: frozenset[str], versions: tuple[Facts, Facts]) -> Case:
    """What the run must read of itself: its switches' positions, and versions as they were."""
    left = str(plan.base["python"])
    facts = versions[0] if interpreter_of(case, left) == LEFT_PYTHON else versions[1]
    shows = {path: facts[path] for path in VERSIONS if facts.get(path) and not case.knobs.get("image")}
    for switch in plan.switches:
        for one in switch.shows:
            wanted = one.right if switch.name in thrown else one.left
            if wanted is not UNTOLD and _is_plain(wanted):
                shows[one.path] = secrets.without_homes(wanted) if isinstance(wanted, str) else wanted
    kept = {path: value for path, value in shows.items() if path.removeprefix("env.") not in _hidden(case)}
    return replace(case, specification={**case.specification, "shows": kept})


def _hidden(case: Case) -> set[str]:
    """Variables of a case that are not written."""
    return variables_of(case.knobs).keys() - case.variables.keys()


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _within(isolation: Isolation) -> float:
    """How far answers may be apart and still be the same, as a share of the output's range."""
    return 0.0 if isolation.exact else SAME * max(size or 0.0 for size in isolation.noise)


def _right_needs(facts: Facts) -> str:
    wanted = " ".join(f"{title} {facts[path]}" for title, path in NAMED if facts.get(path))
    return f"set RIGHT_PYTHON to an interpreter with {wanted or 'the TensorFlow of the right side'}"


NAMED = (("TensorFlow", "tensorflow.version"), ("Python", "python.version"))


def _shareable(isolation: Isolation, plan: Plan) -> Isolation:
    """Without the places of this machine, which are positions of some switches."""
    places = {
        switch.name: (switch.left, switch.right)
        for switch in plan.switches
        if {"python", "model"} & switch.left.keys() or switch.name.startswith("package ")
    }
    switches = tuple(_position(one, places) for one in isolation.switches)
    return isolation._replace(switches=switches, notes=tuple(map(secrets.without_homes, isolation.notes)))


def _position(tried: Tried, places: Mapping[str, object]) -> Tried:
    if tried.name in places:
        return tried._replace(left="left's", right="right's")
    texts = (tried.left, tried.right)
    left, right = (
        "withheld" if secrets.shown_flag(tried.name, one) is None else secrets.without_homes(one) for one in texts
    )
    return tried._replace(left=left, right=right, why=secrets.without_homes(tried.why))


# ---------------------------------------------------------------- files


def _fill(folder: Path, cases: Sequence[Case], models: Mapping[str, str], rows: bytes) -> None:
    (folder / "rows.npz").write_bytes(rows)
    for name in ("cases", "probes"):
        (folder / name).mkdir()
    for name in PROBES:
        shutil.copyfile(probe_path(name), folder / "probes" / name)
    shutil.copyfile(probe_path("compare.py"), folder / "compare.py")
    for case in cases:
        text = json.dumps(dict(case.specification), indent=2) + "\n"
        (folder / "cases" / f"{case.name}.json").write_text(text, encoding="utf-8")
    for source, name in models.items():
        if Path(source).is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copyfile(source, folder / name)


def _check_place(path: Path) -> None:
    taken = path.is_file() if path.suffix != ".zip" else path.is_dir()
    if taken or (path.is_dir() and any(path.iterdir())):
        raise UnusableInput("there is something at this place", subject=str(path), hint="choose another one")


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``path`` when all went well. Raises WorldFailed when it cannot."""
    try:
        with tempfile.TemporaryDirectory(prefix=".envdiff-bundle-", dir=path.absolute().parent) as holder:
            folder = Path(holder, path.stem if path.suffix == ".zip" else path.name)
            folder.mkdir()
            yield folder
            if path.suffix == ".zip":
                _zip(folder, Path(holder, "bundle.zip")).replace(path)
            else:
                if path.is_dir():
                    path.rmdir()
                folder.replace(path)
    except (OSError, shutil.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise WorldFailed(f"the bundle cannot be written: {reason}", subject=str(path)) from error


def _zip(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
        for one in sorted(folder.rglob("*")):
            file.write(one, Path(folder.name, one.relative_to(folder)))
    return archive
