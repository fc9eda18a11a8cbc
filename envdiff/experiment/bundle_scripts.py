"""The shell scripts of a bundle: how each side is run, in words that a shell of any system reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from envdiff.experiment.knobs import ENV, PACKAGE, Knobs, under

CASES = ("left", "right", "cured")
LEFT_PYTHON, RIGHT_PYTHON = "LEFT_PYTHON", "RIGHT_PYTHON"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # what a shell and env(1) take for a variable
PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Kept of the reader's own environment: where things lie.
OWN = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
ON_PROCESSORS = (
    "import os, sys; own = sorted(os.sched_getaffinity(0)); os.sched_setaffinity(0, own[: int(sys.argv[1])]); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)

HEAD = """#!/bin/sh
# How each side is run: see README.md. Not run by itself.
{pythons}
mkdir -p answers || exit 2

# Nothing of your variables but where things lie.
clean() {{
    env -i {own} "$@"
}}
"""
TAIL = """
run() {
    echo "running $1 ..." >&2
    rm -f "answers/$1.npz"
    "$1" >"answers/$1.log" 2>&1 && [ -f "answers/$1.npz" ] && return
    echo "$1 gave no answer; the end of answers/$1.log:" >&2
    tail -n 5 "answers/$1.log" >&2
    return 1
}
"""
SCRIPT = """#!/bin/sh
# {what}
# Status: 0 {expected}, 1 not so, 2 a run gave no answer.
cd "$(dirname "$0")" || exit 2
. ./runs.sh
run left || exit 2
run {other} || exit 2
exec "$LEFT_PYTHON" compare.py left {other} --expect {expect}{within}
"""


@dataclass(frozen=True)
class Case:
    """One run of a bundle. ``model`` is its place in the bundle, ``variables`` what may be shown, all of it."""

    name: str
    knobs: Knobs
    model: str
    specification: Mapping[str, Any]
    variables: Mapping[str, str] = field(default_factory=dict)


def scripts(cases: Sequence[Case], *, within: float, right_needs: str) -> dict[str, str]:
    """File name to text. ``right_needs`` says what the right interpreter must be; ``within`` is the share of an output's
    range that answers may be apart and still be the same."""
    tolerance = f" --within {within:.3g}" if within else ""
    runs = "".join(_function(case, str(cases[0].knobs["python"])) for case in cases)
    return {
        "runs.sh": _head(cases, right_needs) + runs + TAIL,
        "show.sh": SCRIPT.format(
            what="Left, and left with nothing changed but the culprits: they answer differently.",
            expected="they differ", other="right", expect="different", within=tolerance,
        ),
        "cure.sh": SCRIPT.format(
            what="Left, and right with the culprits taken out: they answer alike.",
            expected="they are alike", other="cured", expect="same", within=tolerance,
        ),
    }  # fmt: skip


def interpreter_of(case: Case, left: str) -> str:
    """The variable that names its interpreter."""
    return LEFT_PYTHON if case.knobs["python"] == left else RIGHT_PYTHON


def _head(cases: Sequence[Case], right_needs: str) -> str:
    left = str(cases[0].knobs["python"])
    pythons = [f"{LEFT_PYTHON}=${{{LEFT_PYTHON}:-python3}}"]
    if any(interpreter_of(case, left) == RIGHT_PYTHON for case in cases):
        pythons.append(f'[ -n "${{{RIGHT_PYTHON}:-}}" ] || {{ echo {shlex.quote(right_needs)} >&2; exit 2; }}')
    own = " ".join(f'${{{name}:+"{name}=${name}"}}' for name in OWN)
    return HEAD.format(pythons="\n".join(pythons), own=own)


def _function(case: Case, left: str) -> str:
    command = _docker(case) if case.knobs.get("image") else _process(case, left)
    needs = [
        f"    [ -d {folder} ] || {{ echo '{folder} is missing: see README.md'; return 1; }}\n"
        for folder in packages_of(case.knobs)
    ]
    return f"\n{case.name}() {{\n{''.join(needs)}{command}\n}}\n"


def _process(case: Case, left: str) -> str:
    lines = [shlex.quote(f"{name}={value}") for name, value in sorted(case.variables.items())]
    python = f'"${interpreter_of(case, left)}"'
    cpus = case.knobs.get("cpus")
    if cpus:
        lines.append(f"{python} -c {shlex.quote(ON_PROCESSORS)} {int(cpus)}")
    lines.append(f"{python} probes/trial.py cases/{case.name}.json")
    return "    clean \\\n" + " \\\n".join(f"        {line}" for line in lines)


def _docker(case: Case) -> str:
    lines = [f"--env {shlex.quote(f'{name}={value}')}" for name, value in sorted(case.variables.items())]
    if case.knobs.get("cpus"):
        lines.append(f"--cpuset-cpus 0-{int(case.knobs['cpus']) - 1}")
    lines.append(f"--entrypoint python3 {shlex.quote(str(case.knobs['image']))} probes/trial.py cases/{case.name}.json")
    head = '    docker run --rm --volume "$PWD:/bundle" --workdir /bundle \\\n'
    return head + " \\\n".join(f"        {line}" for line in lines)


def variables_of(knobs: Knobs) -> dict[str, str]:
    """The variables of a case, its packages among them; those that no shell could set are left out."""
    found = {
        name: str(value) for name, value in under(ENV, knobs).items() if value is not None and NAME.fullmatch(name)
    }
    folders = packages_of(knobs)
    if folders:
        found["PYTHONPATH"] = ":".join([*folders, *filter(None, [found.get("PYTHONPATH")])])
    return found


def packages_of(knobs: Knobs) -> list[str]:
    """The folders of a bundle that hold single packages of another version."""
    names = (name for name, folder in under(PACKAGE, knobs).items() if folder and PACKAGE_NAME.fullmatch(name))
    return [f"packages/{name}" for name in sorted(names)]
