"""The commands: parse, one call, print, exit status. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import gc
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from envdiff.boundary import guarded
from envdiff.errors import ExitStatus

app = typer.Typer(
    name="envdiff",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Why do two environments give two TensorFlow predictions? Capture both, and read the cause first.",
    epilog="Exit statuses: 0 nothing that can move predictions, 1 a finding at or above --fail-on, 2 misuse, "
    "3 an input cannot be used, 4 the world failed, 70 a bug in envdiff, 130 interrupted.",
)
rules_app = typer.Typer(no_args_is_help=True, help="What envdiff knows: list, search, read and check rules.")
app.add_typer(rules_app, name="rules")


class Format(StrEnum):
    """How a report is shown."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


class FailOn(StrEnum):
    """What makes a report exit with status 1."""

    MOVES = "moves"
    CAN_MOVE = "can-move"
    UNEXPLAINED = "unexplained"
    NEVER = "never"


class Document(StrEnum):
    """Documents with a published schema."""

    FINGERPRINT = "fingerprint"
    REPORT = "report"


Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write here; - is standard output.", show_default=False)
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Defaults from this file instead of pyproject.toml.", show_default=False)
]


def _version(asked: bool) -> None:
    if asked:
        from envdiff import __version__

        typer.echo(f"envdiff {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before any command."""


@app.command()
def capture(
    output: Output = None,
    label: Annotated[str | None, typer.Option(help="What the report calls this side.", show_default=False)] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            help="Interpreter or environment folder; by default the active environment's.", show_default=False
        ),
    ] = None,
    pid: Annotated[
        int | None, typer.Option(help="Read this running process through /proc.", show_default=False)
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="Do not import TensorFlow: milliseconds, fewer facts.")
    ] = False,
    env: Annotated[
        list[str] | None, typer.Option("--env", help="Record the value of this variable too.", show_default=False)
    ] = None,
    devices: Annotated[
        bool, typer.Option("--devices", help="Let TensorFlow list GPUs, which loads the GPU driver.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds for TensorFlow's import.")] = 120.0,
    config: ConfigFile = None,
) -> int:
    """Record what an environment is, as one JSON file that is safe to attach to a public ticket."""
    from envdiff.commands.capture import CaptureOptions, run_capture

    options = CaptureOptions(output, label, python, pid, static, tuple(env or ()), devices, time_limit, config)
    return run_capture(options)


@app.command()
def report(
    left: Annotated[Path, typer.Argument(help="A fingerprint, or - for standard input; or an HTML report on its own.")],
    right: Annotated[Path | None, typer.Argument(help="The other fingerprint, or -.", show_default=False)] = None,
    format: Annotated[  # noqa: A002
        Format | None, typer.Option(help="How to show it.", show_default="terminal")
    ] = None,
    output: Output = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with status 1 from this on.", show_default="can-move")
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Leave PATH (a pattern) out of the verdict: PATH=REASON.", show_default=False),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Shorten nothing in the terminal.")] = False,
    step_summary: Annotated[
        bool, typer.Option("--step-summary", help="Also append the Markdown to GitHub's step summary.")
    ] = False,
    config: ConfigFile = None,
) -> int:
    """Say whether two environments can predict differently, because of what, how sure, and what to do."""
    from envdiff.commands.report import ReportOptions, run_report

    options = ReportOptions(
        left,
        right,
        format and format.value,
        output,
        fail_on and fail_on.value,
        tuple(ignore or ()),
        full,
        step_summary,
        config,
    )
    return run_report(options)


@app.command()
def demo(
    left: Annotated[str, typer.Option(help="TensorFlow of the left environment.")] = "2.21.0",
    right: Annotated[str, typer.Option(help="TensorFlow of the right environment.")] = "2.12.1",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Keep the fingerprints and reports in this folder.")
    ] = None,
) -> int:
    """Make two real TensorFlow environments that differ, capture both, report, and predict with both."""
    from envdiff.commands.demo import run_demo

    return run_demo(left, right, output)


@app.command()
def probe(output: Output = None) -> int:
    """Print the probe: one file for any Python from 3.6, to pipe into another machine's interpreter."""
    from envdiff.capture.probe_file import probe_path
    from envdiff.output import write

    write(probe_path().read_text(encoding="utf-8"), output)
    return ExitStatus.OK


@app.command()
def schema(document: Annotated[Document, typer.Argument(help="Which document.")], output: Output = None) -> int:
    """Print the JSON Schema of a document."""
    from envdiff.commands.schema import run_schema

    return run_schema(document.value, output)


@rules_app.command("list")
def rules_list(config: ConfigFile = None) -> int:
    """List every rule: id, verdict, size, how we know, title."""
    from envdiff.commands.rules import run_list

    return run_list(config)


@rules_app.command("show")
def rules_show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")], config: ConfigFile = None
) -> int:
    """Print one rule as a person would want to read it."""
    from envdiff.commands.rules import run_show

    return run_show(rule, config)


@rules_app.command("search")
def rules_search(
    words: Annotated[list[str], typer.Argument(help="Words that must all occur.")], config: ConfigFile = None
) -> int:
    """Find rules by words in their text."""
    from envdiff.commands.rules import run_search

    return run_search(words, config)


@rules_app.command("check")
def rules_check(files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rule files.")]) -> int:
    """Tell the author of a rule what is wrong with it."""
    from envdiff.commands.rules import run_check

    return run_check(files)


def main(arguments: list[str] | None = None) -> None:
    """The program: runs one command and exits with its status."""
    # A command lives for a second or so and makes few cycles: looking for them would take a tenth of it.
    gc.set_threshold(100_000)
    sys.exit(guarded(lambda: app(args=arguments, prog_name="envdiff", standalone_mode=False), os.environ))
