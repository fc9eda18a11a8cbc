"""The commands: parse, one call, print, exit status. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Annotated

import typer

from envdiff import options
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
model_app = typer.Typer(no_args_is_help=True, help="Models without TensorFlow: show one, or compare two.")
app.add_typer(model_app, name="model")


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
    output: options.Output = None,
    label: options.Label = None,
    python: options.Python = None,
    pid: options.Pid = None,
    container: options.Container = None,
    image: options.Image = None,
    pod: options.Pod = None,
    way: options.Way = None,
    probe_image: options.ProbeImage = "envdiff-probe",
    ask_version: options.AskVersion = False,
    static: options.Static = False,
    env: options.Env = None,
    devices: options.Devices = False,
    time_limit: options.TimeLimit = 120.0,
    compare_key: options.CompareKey = None,
    show_withheld: options.ShowWithheld = False,
    anonymize: options.Anonymize = False,
    model: options.Model = None,
    verify_weights: options.VerifyWeights = False,
    rows: options.Rows = None,
    answers: options.AnswersFile = None,
    signature: options.Signature = "serving_default",
    server: options.Server = None,
    grpc: options.Grpc = None,
    model_name: options.ModelName = None,
    allow_code: options.AllowCode = False,
    config: options.ConfigFile = None,
) -> int:
    """Record what an environment is, as one JSON file that is safe to attach to a public ticket."""
    from envdiff.capture.model import ModelRequest
    from envdiff.commands.capture import CaptureOptions, Privacy, run_capture

    request = ModelRequest(model, verify_weights, rows, answers, signature, server, grpc, model_name, allow_code)
    return run_capture(
        CaptureOptions(
            output, label, python, pid, container, image, pod, way, probe_image, ask_version, static,
            tuple(env or ()), devices, time_limit, Privacy(compare_key, show_withheld, anonymize), request, config,
        )
    )  # fmt: skip


@app.command()
def report(
    left: options.Left,
    right: options.Right = None,
    format: options.ReportFormat = None,  # noqa: A002
    output: options.Output = None,
    fail_on: options.FailOnOption = None,
    ignore: options.Ignore = None,
    full: options.Full = False,
    step_summary: options.StepSummary = False,
    delta: options.DeltaOption = None,
    inputs: options.Inputs = None,
    isolation: options.IsolationFile = None,
    config: options.ConfigFile = None,
) -> int:
    """Say whether two environments can predict differently, because of what, how sure, and what to do."""
    from envdiff.commands.report import ReportOptions, run_report

    return run_report(
        ReportOptions(
            left, right, format and format.value, output, fail_on and fail_on.value, tuple(ignore or ()), full,
            step_summary, delta, inputs, isolation, config,
        )
    )  # fmt: skip


@app.command()
def isolate(
    left: options.Left,
    right: Annotated[Path, typer.Argument(help="The other fingerprint.")],
    model: Annotated[Path, typer.Option(help="The model that answered: a SavedModel, a base path, a Keras file.")],
    rows: options.IsolateRows = "signature",
    left_python: options.LeftPython = None,
    right_python: options.RightPython = None,
    right_image: options.RightImage = None,
    right_server: options.RightServer = None,
    model_name: Annotated[str, typer.Option(help="What the right server calls the model.")] = "model",
    signature: options.Signature = "serving_default",
    vary: options.Vary = None,
    budget: options.BudgetOption = None,
    jobs: options.Jobs = 1,
    journal: options.JournalFile = None,
    resume: options.Resume = None,
    every_switch: options.EverySwitch = False,
    install: options.Install = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --install installs.")] = False,
    bundle: options.Bundle = None,
    trial_time: Annotated[float, typer.Option(help="Seconds that one trial may take.")] = 600.0,
    trial_memory: options.TrialMemory = None,
    allow_code: options.AllowCode = False,
    format: options.ReportFormat = None,  # noqa: A002
    output: options.Output = None,
    config: options.ConfigFile = None,
) -> int:
    """Run the model with one mismatch thrown at a time, and show which did move its answers."""
    from envdiff.commands.isolate import IsolateOptions, run_isolate

    return run_isolate(
        IsolateOptions(
            left, right, model, rows, left_python, right_python, right_image, right_server, model_name, signature,
            tuple(vary or ()), budget, jobs, journal, resume, every_switch, install, yes, bundle, trial_time,
            trial_memory, allow_code, format and format.value, output, config,
        )
    )  # fmt: skip


@app.command()
def fleet(
    paths: options.Paths,
    format: options.ReportFormat = None,  # noqa: A002
    output: options.Output = None,
    fail_on: options.FailOnOption = None,
    ignore: options.Ignore = None,
    full: options.Full = False,
    config: options.ConfigFile = None,
) -> int:
    """Say which of many environments (replicas, pods, nodes) are equal in effect, which are odd, and because of what."""
    from envdiff.commands.fleet import FleetOptions, run_fleet

    return run_fleet(
        FleetOptions(
            tuple(paths), format and format.value, output, fail_on and fail_on.value, tuple(ignore or ()), full, config
        )
    )


@app.command()
def tensors(
    left: Annotated[str, typer.Argument(metavar="LEFT", help="A dump (npz, npy, json, a folder), or MODULE:FUNCTION.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="The other one.")],
    rows: Annotated[Path | None, typer.Option(help="Raw rows to give to both functions.", show_default=False)] = None,
    left_python: Annotated[
        Path | None, typer.Option(help="Interpreter of the left function.", show_default=False)
    ] = None,
    right_python: Annotated[
        Path | None, typer.Option(help="Interpreter of the right function.", show_default=False)
    ] = None,
    format: options.AsText = options.TextFormat.TEXT,  # noqa: A002
) -> int:
    """Say how one dump of inputs, tensors or outputs follows from the other: scaled, swapped, cast, or unrelated."""
    from envdiff.commands.tensors import TensorOptions, run_tensors

    return run_tensors(TensorOptions(left, right, rows, left_python, right_python, format.value))


@model_app.command("show")
def model_show(
    path: Annotated[
        Path, typer.Argument(help="SavedModel, base path, .keras, .h5, .tflite, frozen .pb or checkpoint.")
    ],
    verify_weights: options.VerifyWeights = False,
    format: options.AsText = options.TextFormat.TEXT,  # noqa: A002
) -> int:
    """Say what a model is made of and what in it can make answers differ, without TensorFlow."""
    from envdiff.commands.model import run_show

    return run_show(path, verify_weights, format.value)


@model_app.command("diff")
def model_diff(
    left: Annotated[Path, typer.Argument(help="A model.")],
    right: Annotated[Path, typer.Argument(help="Another, of any format.")],
    format: options.AsText = options.TextFormat.TEXT,  # noqa: A002
) -> int:
    """Compare two models, across formats: the same weights, operations, signatures? Status 1 when answers can differ."""
    from envdiff.commands.model import run_diff

    return run_diff(left, right, format.value)


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
def probe(output: options.Output = None) -> int:
    """Print the probe: one file for any Python from 3.6, to pipe into another machine's interpreter."""
    from envdiff.output import write
    from envdiff.probe_file import probe_path

    write(probe_path().read_text(encoding="utf-8"), output)
    return ExitStatus.OK


@app.command()
def schema(
    document: Annotated[options.Document, typer.Argument(help="Which document.")], output: options.Output = None
) -> int:
    """Print the JSON Schema of a document."""
    from envdiff.commands.schema import run_schema

    return run_schema(document.value, output)


@rules_app.command("list")
def rules_list(config: options.ConfigFile = None) -> int:
    """List every rule: id, verdict, size, how we know, title."""
    from envdiff.commands.rules import run_list

    return run_list(config)


@rules_app.command("show")
def rules_show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")], config: options.ConfigFile = None
) -> int:
    """Print one rule as a person would want to read it."""
    from envdiff.commands.rules import run_show

    return run_show(rule, config)


@rules_app.command("search")
def rules_search(
    words: Annotated[list[str], typer.Argument(help="Words that must all occur.")], config: options.ConfigFile = None
) -> int:
    """Find rules by words in their text."""
    from envdiff.commands.rules import run_search

    return run_search(words, config)


@rules_app.command("reference")
def rules_reference(output: options.Output = None) -> int:
    """Print all built-in rules as one Markdown page."""
    from envdiff.commands.rules import run_reference

    return run_reference(output)


@rules_app.command("verify")
def rules_verify(
    rules: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Rules; by default all.")] = None,
    python: options.Pythons = None,
    quick: options.Quick = False,
    format: options.AsText = options.TextFormat.TEXT,  # noqa: A002
    output: options.Output = None,
    record: options.Record = None,
    jobs: options.Jobs = 1,
    budget: options.BudgetOption = None,
    config: options.ConfigFile = None,
) -> int:
    """Run the rules' experiments on small models, here: claim against measurement. Status 1 when a rule is wrong."""
    from envdiff.commands.verify import VerifyOptions, run_verify

    return run_verify(
        VerifyOptions(
            tuple(rules or ()), tuple(python or ()), quick, format.value, output, record, jobs, budget, config
        )
    )


@rules_app.command("check")
def rules_check(files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rule files.")]) -> int:
    """Tell the author of a rule what is wrong with it."""
    from envdiff.commands.rules import run_check

    return run_check(files)


def _program(words: Sequence[str]) -> typer.Typer:
    """The whole program, or only the part of it that the first word names.

    Typer makes a parser for every command that a program has, whichever is run.
    """
    named = words[0] if words else ""
    commands = [one for one in app.registered_commands if one.callback and one.callback.__name__ == named]
    groups = [one for one in app.registered_groups if one.name == named]
    if not (commands or groups):
        return app  # --help, or a word that is told what it could have meant
    part = copy(app)
    part.registered_commands, part.registered_groups = commands, groups
    return part


def main(arguments: list[str] | None = None) -> None:
    """The program: runs one command and exits with its status."""
    # A command lives for a second or so and makes few cycles: looking for them would take a tenth of it.
    gc.set_threshold(100_000)
    words = sys.argv[1:] if arguments is None else arguments
    status = guarded(lambda: _program(words)(args=words, prog_name="envdiff", standalone_mode=False), os.environ)
    gc.freeze()  # what is still there goes with the process; the collections at its end need not look at it
    sys.exit(status)
