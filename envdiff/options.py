"""What the commands' options are called and say, one name each: the commands themselves stay readable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How a report is shown."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


class TextFormat(StrEnum):
    """How a plain answer is shown."""

    TEXT = "text"
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
    ISOLATION = "isolation"
    FLEET = "fleet"


def _option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002
    return typer.Option(*names, help=help, show_default=False, **more)


Output = Annotated[Path | None, _option("-o", "--output", help="Write here; - is standard output.")]
ConfigFile = Annotated[Path | None, _option("--config", help="Defaults from this file instead of pyproject.toml.")]
AsText = Annotated[TextFormat, typer.Option("--format", help="How to show it.")]

# capture: the environment
Label = Annotated[str | None, _option(help="What the report calls this side.")]
Python = Annotated[Path | None, _option(help="Interpreter or environment folder; by default the active environment's.")]
Pid = Annotated[int | None, _option(help="Read this running process through /proc.")]
Container = Annotated[str | None, _option(metavar="NAME", help="Capture what serves in this running container.")]
Image = Annotated[str | None, _option(metavar="REF", help="Capture this image; its entry point is not run.")]
Pod = Annotated[str | None, _option(metavar="[NAMESPACE/]NAME", help="Capture this Kubernetes pod.")]
Way = Annotated[
    str | None, _option(metavar="WAY", help="Reach the container by docker-exec, host-proc or sidecar only.")
]
ProbeImage = Annotated[
    str, typer.Option(metavar="REF", help="The image of Dockerfile.probe, for containers without a Python.")
]
AskVersion = Annotated[
    bool, _option("--ask-version", help="Run the server's --version in a temporary container of the same image.")
]
Static = Annotated[bool, _option("--static", help="Do not import TensorFlow: milliseconds, fewer facts.")]
Env = Annotated[list[str] | None, _option("--env", help="Record the value of this variable too.")]
Devices = Annotated[bool, _option("--devices", help="Let TensorFlow list GPUs, which loads the GPU driver.")]
TimeLimit = Annotated[float, typer.Option(min=1, help="Seconds for TensorFlow's import.")]

CompareKey = Annotated[
    Path | None,
    _option(
        "--compare-key", metavar="FILE", help="Add digests of what is withheld, keyed with this file: equal or not."
    ),
]
ShowWithheld = Annotated[bool, _option("--show-withheld", help="List here what was held back, and why; no values.")]
Anonymize = Annotated[bool, _option("--anonymize", help="Replace names of hosts, users and directories.")]

# capture: the model and what it answers
Model = Annotated[
    Path | None, _option(help="Add the facts of this model: SavedModel, base path, .keras, .h5, .tflite.")
]
VerifyWeights = Annotated[bool, _option("--verify-weights", help="Read the weights' bytes too.")]
Rows = Annotated[
    str | None,
    _option(
        metavar="FILE|signature",
        help="Ask the model these rows (npz npy json jsonl csv parquet tfrecord), or rows made from its signature.",
    ),
]
AnswersFile = Annotated[Path | None, _option("--answers", help="Keep the answers in this .npz beside the fingerprint.")]
Signature = Annotated[str, typer.Option(help="The signature to ask.")]
Server = Annotated[str | None, _option(metavar="URL", help="Ask this model server by REST.")]
Grpc = Annotated[str | None, _option(metavar="HOST:PORT", help="Ask this model server by gRPC.")]
ModelName = Annotated[str | None, _option(help="The model's name on the server.")]
AllowCode = Annotated[bool, _option("--allow-code", help="Run code that a Keras file brings along (Lambda layers).")]

# fleet
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Fingerprints, and folders of *.json.")]

# report
Left = Annotated[Path, typer.Argument(help="A fingerprint, or - for standard input; or an HTML report on its own.")]
Right = Annotated[Path | None, typer.Argument(help="The other fingerprint, or -.", show_default=False)]
ReportFormat = Annotated[Format | None, typer.Option("--format", help="How to show it.", show_default="terminal")]
FailOnOption = Annotated[
    FailOn | None, typer.Option("--fail-on", help="Exit with status 1 from this on.", show_default="can-move")
]
Ignore = Annotated[list[str] | None, _option(help="Leave PATH (a pattern) out of the verdict: PATH=REASON.")]
Full = Annotated[bool, _option("--full", help="Shorten nothing in the terminal.")]
StepSummary = Annotated[bool, _option("--step-summary", help="Also append the Markdown to GitHub's step summary.")]
DeltaOption = Annotated[
    float | None, _option("--delta", help="The largest difference you observed, when it was not measured.")
]
Inputs = Annotated[
    tuple[Path, Path] | None,
    _option(
        metavar="LEFT RIGHT", help="Two dumps of what enters the model (npz npy json, or folders of envdiff.record)."
    ),
]
IsolationFile = Annotated[
    Path | None, _option("--isolation", help="What envdiff isolate --format json found: it decides, and is shown.")
]

# isolate
IsolateRows = Annotated[str, typer.Option("--rows", help="Rows to ask about: a file, or made from the signature.")]
LeftPython = Annotated[Path | None, _option(help="Interpreter of the left side; by default the active environment's.")]
RightPython = Annotated[Path | None, _option(help="Interpreter of the right side; by default the left's.")]
RightImage = Annotated[str | None, _option(metavar="REF", help="Image of the right side; a server or a Python.")]
RightServer = Annotated[str | None, _option(metavar="URL", help="Ask this server what right really answers.")]
Vary = Annotated[
    list[str] | None,
    _option(
        metavar="KNOB=LEFT:RIGHT",
        help="A difference that no fingerprint holds: way, calls, cast, digits, jit_compile, cpus, model, env.NAME, set.PATH.",
    ),
]
BudgetOption = Annotated[
    str | None, _option("--budget", metavar="TIME|N", help="At most so many trials (40), or so much time (15m).")
]
JournalFile = Annotated[
    Path | None, _option("--journal", help="Keep the trials in this file; by default in the cache directory.")
]
Resume = Annotated[Path | None, _option("--resume", metavar="FILE", help="Go on from this journal.")]
EverySwitch = Annotated[
    bool, _option("--every-switch", help="Try each switch alone and taken out as well; find those that cancel.")
]
Install = Annotated[bool, _option("--install", help="Make the right side's interpreter or packages here; asks first.")]
Bundle = Annotated[
    Path | None, _option("--bundle", metavar="PATH", help="Write a folder or .zip whose two commands show the result.")
]
TrialMemory = Annotated[str | None, _option(metavar="SIZE", help="Memory that one trial may take, 4g.")]

# rules verify
Pythons = Annotated[
    list[Path] | None,
    _option("--python", help="Interpreter or environment folder, once for each; by default the active environment's."),
]
Quick = Annotated[bool, _option("--quick", help="A few rules (or those named) on a few models: a minute.")]
Record = Annotated[Path | None, _option(help="Add what was measured to this file of measurements.")]
Jobs = Annotated[int, typer.Option("-j", "--jobs", min=1, help="Trials at the same time.")]
