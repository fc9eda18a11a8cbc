"""Runs the steps of a composite action as GitHub's runner does, as far as the steps of ours need it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".github" / "actions" / "report"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
EXPRESSION = re.compile(r"\$\{\{ *(inputs|steps)\.([\w-]+)(?:\.outputs\.([\w-]+))? *\}\}")


@dataclass(frozen=True)
class Ran:
    """The status of the last step, everything the steps printed, the action's outputs, and the step summary."""

    status: int
    log: str
    outputs: dict[str, str]
    summary: str


def run_action(folder: Path, **inputs: str) -> Ran:
    """``inputs`` with underscores for dashes; the working directory and the runner's files are in ``folder``."""
    given = {name: str(said.get("default", "")) for name, said in ACTION["inputs"].items()}
    given.update({name.replace("_", "-"): value for name, value in inputs.items()})
    temp, summary = folder / "runner temp", folder / "summary.md"
    temp.mkdir()
    summary.touch()
    outputs: dict[str, dict[str, str]] = {}
    status, log = 0, ""
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        script, said = temp / f"{step['id']}.sh", temp / f"{step['id']}.output"
        script.write_text(step["run"], encoding="utf-8")
        said.touch()
        # The variables of a step are its expressions' values, as they are: nothing of them is in the script.
        own = {name: evaluated(text, given, outputs) for name, text in step.get("env", {}).items()}
        environ = {
            **os.environ, **own, "RUNNER_TEMP": str(temp), "GITHUB_OUTPUT": str(said), "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTION_PATH": str(FOLDER),
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        status, log = done.returncode, log + done.stdout
        lines = said.read_text(encoding="utf-8").splitlines()
        outputs[step["id"]] = {name: value for name, _, value in (line.partition("=") for line in lines)}
        if status:
            break
    ours = {name: evaluated(said["value"], given, outputs) for name, said in ACTION["outputs"].items()}
    return Ran(status, log, ours, summary.read_text(encoding="utf-8"))


def evaluated(text: str, inputs: dict[str, str], outputs: dict[str, dict[str, str]]) -> str:
    def value(found: re.Match[str]) -> str:
        kind, name, output = found.groups()
        return inputs[name] if kind == "inputs" else outputs.get(name, {}).get(output, "")

    return EXPRESSION.sub(value, text)
