"""``envdiff demo``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from platformdirs import user_cache_path

from envdiff import __version__
from envdiff.commands.report import wants_colour
from envdiff.demo.run import Demo, make_scenes, run
from envdiff.errors import ExitStatus
from envdiff.output import write
from envdiff.progress import progress
from envdiff.render import render


def run_demo(left: str, right: str, output: Path | None) -> int:
    """Run it, print the report, keep the files if asked. Status 0: the demo did what it should."""
    with progress("two TensorFlow environments, captured and asked"):
        scenes = make_scenes(left, right, user_cache_path("envdiff") / "environments", _say)
        demo = run(scenes, _say)
    to_screen = sys.stdout.isatty()
    text = render(
        demo.report,
        "terminal",
        width=shutil.get_terminal_size().columns if to_screen else 100,
        colour=to_screen and wants_colour(os.environ),
        generator=f"envdiff {__version__}",
    )
    write(text, None)
    if output is not None:
        _keep(demo, output)
    return ExitStatus.OK


def _keep(demo: Demo, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    documents = (demo.left.document, demo.right.document)
    for name, document in zip(("left.json", "right.json"), documents, strict=True):
        write(json.dumps(document, indent=1, ensure_ascii=False) + "\n", folder / name)
    for format_, name in (("markdown", "report.md"), ("html", "report.html"), ("json", "report.json")):
        text = render(demo.report, format_, fingerprints=documents, generator=f"envdiff {__version__}")
        write(text, folder / name)
    _say(f"kept in {folder}: left.json, right.json, report.md, report.html, report.json")


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
