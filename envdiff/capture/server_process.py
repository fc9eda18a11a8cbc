"""From a reader that sees a process to its whole fingerprint: the probe's facts, and a server's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from envdiff.capture import filter as secrets
from envdiff.capture.reader_answers import KINDS
from envdiff.capture.talk import InsideReader, Reader, Refused
from envdiff.errors import WorldFailed
from envdiff.serving.facts import serving_facts
from envdiff.serving.inside import ServerProcess
from envdiff.serving.version import ENV_CLAIMS, PACKAGES, Claim, claims_of, served_by

SERVER_NAMES = ("tensorflow_model_server",)
FOUND_BY = {
    "server": "its executable is a model server",
    "tensorflow": "it has TensorFlow mapped",
    "python": "it is a Python",
    "other": "nothing else runs there",
}


@dataclass(frozen=True)
class Found:
    """The process that serves. ``kind`` is one of :data:`KINDS`."""

    pid: int
    kind: str
    readable: bool
    python: bool
    others: int

    @property
    def why(self) -> str:
        return FOUND_BY[self.kind]


def find(reader: Reader, names: Sequence[str], **where: Any) -> Found:
    """The process that serves, by what it is. Raises :class:`WorldFailed` when nothing runs there."""
    listed = reader.ask("find", names=list(names), **where)["processes"]
    # What serves: a model server before a Python with TensorFlow, that before any Python.
    listed.sort(key=lambda one: (KINDS.index(one["kind"]), one["pid"]))
    if not listed:
        raise WorldFailed("no process of it can be seen", subject=reader.subject)
    best = listed[0]
    same = sum(1 for one in listed if one["kind"] == best["kind"]) - 1
    return Found(best["pid"], best["kind"], best["readable"], best["python"], same if best["kind"] == "server" else 0)


@dataclass(frozen=True)
class Hints:
    """What is known from outside: image labels, what ``--version`` printed, and the image's environment."""

    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    version_output: str = ""


def document_of(
    reader: Reader,
    found: Found,
    *,
    label: str,
    kind: str,
    reached_by: str,
    extra_env: Sequence[str],
    hints: Hints,
    key: bytes | None = None,
) -> dict[str, Any]:
    """The fingerprint of the process as a JSON object, with ``serving.`` facts when it is a model server."""
    document = reader.ask("fingerprint", pid=found.pid, label=label, env=list(extra_env), **asked_key(key))
    document["subject"].update(kind=kind, reached_by=reached_by)
    secrets.put(document, {"process.found_by": found.why}, {})
    if found.kind == "server":
        add_serving(document, reader, found, hints, key)
    return document


def asked_key(key: bytes | None) -> dict[str, Any]:
    """The compare key as part of a question to the reader: it goes through the pipe and nowhere else."""
    return {} if key is None else {"key": key.hex()}


def add_serving(document: dict[str, Any], reader: Reader, found: Found, hints: Hints, key: bytes | None = None) -> None:
    """Put the server's configuration into its fingerprint, and the TensorFlow that is linked into it."""
    try:
        process = _process(reader, found.pid)
    except Refused as error:
        secrets.put(document, {}, {"serving": f"the server process could not be read: {error}"})
        return
    claims = _claims(document, reader, found, hints, process)
    read = serving_facts(process, InsideReader(reader, found.pid), claims)
    if found.others:
        read.put("processes", found.others + 1)
    # What follows a secret's option is told again among the words that the server drops.
    known = secrets.secrets_of_command(process.words)
    secrets.put(document, read.facts, read.unread, key=key, known=known)
    linked_tensorflow(document, served_by(claims).version is not None)


def _process(reader: Reader, pid: int) -> ServerProcess:
    names = ["MODEL_NAME", "MODEL_BASE_PATH", *ENV_CLAIMS]
    said = reader.ask("process", pid=pid, names=names)
    return ServerProcess(
        tuple(said["words"]), said["binary"], said["started"], said["folder"], said["cpus"], said["environment"]
    )


def _claims(
    document: Mapping[str, Any], reader: Reader, found: Found, hints: Hints, process: ServerProcess
) -> tuple[Claim, ...]:
    try:
        packages = reader.ask("packages", pid=found.pid, names=list(PACKAGES))["packages"]
    except Refused:
        packages = {}
    library = document["facts"].get("tensorflow.version")
    return claims_of(
        version_output=hints.version_output,
        library_version=library if isinstance(library, str) else None,
        packages=packages,
        labels=hints.labels,
        environment={**hints.environment, **process.environment},
    )


def linked_tensorflow(document: dict[str, Any], known: bool) -> None:
    """A server has TensorFlow linked in: installed, of the server's version, and a GPU build if it has CUDA mapped."""
    facts = document["facts"]
    if known:
        cuda = any(path.startswith(("cuda.mapped.", "cuda.system.")) for path in facts)
        added = {
            "tensorflow.version": facts["serving.version"],
            "tensorflow.installed": True,
            "tensorflow.variant": "cuda" if cuda else "cpu",
            "tensorflow.build.is_cuda_build": cuda,
        }
        secrets.put(document, added, {})
    document["unread"]["tensorflow"] = "linked into the server: only its version is told"
    document["unread"]["builds"] = "a model server has no Python packages"
    document["unread"]["keras"] = "a model server has no Keras"
