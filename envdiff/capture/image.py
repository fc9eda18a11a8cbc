"""``--image``: what an image is, from a container that lives just long enough and runs nothing of the image's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envdiff.capture import filter as secrets
from envdiff.capture.container_ways import (
    PROBE_IMAGE,
    Captured,
    ContainerRequest,
    complete,
    image_commands,
    image_facts,
    version_output,
)
from envdiff.capture.containers import Engine
from envdiff.capture.server_process import SERVER_NAMES, Found, asked_key
from envdiff.capture.talk import Reader, Refused, boot_command, boot_line, clean_environment
from envdiff.errors import WorldFailed
from envdiff.fingerprint import from_document
from envdiff.serving.version import PACKAGES, claims_of, served_by

BOOT_S = 30.0
# What waits for its standard input to end, in images that have a C library's usual tools.
WAITING = (["cat"], ["sh", "-c", "read -r line"])
NOT_RUN = "an image runs nothing: capture a container made from it with --container"


@dataclass(frozen=True)
class ImageRequest:
    """``names`` are executables that serve; ``ask_version`` runs the first with ``--version``."""

    reference: str
    label: str | None = None
    extra_env: tuple[str, ...] = ()
    static: bool = False
    time_limit_s: float = 120.0
    probe_image: str = PROBE_IMAGE
    names: tuple[str, ...] = SERVER_NAMES
    ask_version: bool = True
    key: bytes | None = field(default=None, repr=False)  # the compare key


def capture_image(request: ImageRequest, engine: Engine | None = None) -> Captured:
    """By a Python in the image, else by a sidecar beside a container that waits, else by reading its files alone.

    Raises :class:`WorldFailed` when there is no such image.
    """
    engine = engine or Engine()
    image = engine.image(request.reference)
    if image is None:
        raise WorldFailed(
            "the engine has no such image", subject=request.reference, hint=f"docker pull {request.reference}"
        )
    notes: list[str] = []
    for way, read in (("image-python", _by_python), ("image-sidecar", _by_sidecar), ("image-files", _by_files)):
        try:
            document = read(request, engine, image)
        except (WorldFailed, Refused) as error:
            notes.append(f"{way}: {error}")
            continue
        secrets.relabel(document, request.label or request.reference, kind="image", reached_by=way)
        _add_image(document, request, engine, image)
        return Captured(from_document(document, request.reference), way, tuple(notes))
    raise WorldFailed(f"it cannot be read: {'; '.join(notes)}", subject=request.reference)


def _by_python(request: ImageRequest, engine: Engine, image: Mapping[str, Any]) -> dict[str, Any]:
    with engine.temporary(image["Id"], boot_command("python3")) as (_, channel):
        channel.send(boot_line())
        reader = Reader(channel, request.reference)
        reader.ask("hello", limit_s=BOOT_S)
        document = reader.ask("fingerprint", pid=1, env=list(request.extra_env), **asked_key(request.key))
        complete(document, reader, Found(1, "python", True, True, 0), _as_container(request))
        return document


def _as_container(request: ImageRequest) -> ContainerRequest:
    return ContainerRequest(
        request.reference,
        extra_env=request.extra_env,
        static=request.static,
        time_limit_s=request.time_limit_s,
        key=request.key,
    )


def _by_sidecar(request: ImageRequest, engine: Engine, image: Mapping[str, Any]) -> dict[str, Any]:
    probe = engine.image(request.probe_image)
    if probe is None:
        raise WorldFailed(
            f"there is no image {request.probe_image}: docker build -f Dockerfile.probe -t {PROBE_IMAGE} ."
        )
    reasons = []
    for waiting in WAITING:
        try:
            with engine.temporary(image["Id"], waiting) as (target, _):
                return _beside(request, engine, probe["Id"], target)
        except WorldFailed as error:
            reasons.append(error.message)
    raise WorldFailed("; ".join(dict.fromkeys(reasons)))


def _beside(request: ImageRequest, engine: Engine, probe: str, target: str) -> dict[str, Any]:
    settings = {"pid_mode": f"container:{target}", "read_only": True, "cap_add": ["SYS_PTRACE"]}
    with engine.temporary(probe, boot_command("python3"), user="0:0", **settings) as (_, channel):
        channel.send(boot_line())
        reader = Reader(channel, request.reference)
        document = reader.ask("fingerprint", pid=1, env=list(request.extra_env), **asked_key(request.key))
        packages = reader.ask("packages", pid=1, names=list(PACKAGES))
        document["dpkg"] = packages["packages"]
        return document


def _by_files(request: ImageRequest, engine: Engine, image: Mapping[str, Any]) -> dict[str, Any]:
    """A container that is created and never started: its settings, and a few of its files."""
    document = secrets.empty_document(request.reference, "image", "image-files", key=request.key)
    made = engine.create_only(image["Id"])
    try:
        facts: dict[str, Any] = {"os.system": "Linux", "os.machine": str(image.get("Architecture") or "")}
        try:
            facts["os.distribution"] = _distribution(
                engine.archive(made, "/etc/os-release", 1 << 16).decode("utf-8", "replace")
            )
        except WorldFailed:
            document["unread"]["os.distribution"] = "it has no readable /etc/os-release"
        secrets.put(document, facts, {}, key=request.key)
    finally:
        engine.remove(made)
    environment = clean_environment((image.get("Config") or {}).get("Env"))
    secrets.put_environment(document, environment, request.extra_env, key=request.key)
    for section in ("python", "cpu", "gpu", "packages", "tensorflow", "libraries"):
        document["unread"][section] = "it has neither a Python nor a command that could wait beside a sidecar"
    return document


def _distribution(text: str) -> str:
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    name, version = (said.get(key, "").strip('"') for key in ("ID", "VERSION_ID"))
    return f"{name} {version}".strip()[:100]


def _add_image(document: dict[str, Any], request: ImageRequest, engine: Engine, image: Mapping[str, Any]) -> None:
    """What the image says of itself; whatever belongs to the process that waited is taken out again."""
    for path in [path for path in document["facts"] if path.startswith(("process.", "libraries.", "container.id"))]:
        del document["facts"][path]
    document["unread"].update(process=NOT_RUN, libraries=NOT_RUN)
    config = image.get("Config") or {}
    facts = image_facts(str(image["Id"]), config, image)
    facts["container.image"] = request.reference
    told = {path: value for path, value in facts.items() if value not in (None, "", [])}
    known = secrets.secrets_of_environment(clean_environment(config.get("Env")))
    secrets.put(document, told, {}, key=request.key, known=known)
    secrets.put_commands(document, image_commands(config), key=request.key, known=known)
    packages = document.pop("dpkg", {})
    _add_server(document, request, engine, image, packages)


def _add_server(
    document: dict[str, Any],
    request: ImageRequest,
    engine: Engine,
    image: Mapping[str, Any],
    packages: Mapping[str, str],
) -> None:
    """The release of a model server that the image has; its configuration is told by a running one only."""
    config = image.get("Config") or {}
    output = version_output(engine, str(image["Id"]), request.names[0]) if request.ask_version else ""
    labels = {str(key): str(value) for key, value in (config.get("Labels") or {}).items()}
    served = served_by(
        claims_of(
            version_output=output,
            packages=packages,
            labels=labels,
            environment=clean_environment(config.get("Env")),
        )
    )
    if served.version is None:
        return
    facts: dict[str, Any] = {
        "serving.version": str(served.version),
        "serving.version_source": served.source,
        "serving.version_disagreement": list(served.disagreements),
        "tensorflow.version": str(served.version),
        "tensorflow.installed": True,
    }
    told = {path: value for path, value in facts.items() if value != []}
    secrets.put(document, told, {"serving.flag": NOT_RUN}, key=request.key)
    for section in ("serving.model", "serving.session", "serving.batching", "serving.threads"):
        document["unread"][section] = NOT_RUN
    document["unread"]["tensorflow"] = "linked into the server: only its version is told"
