"""``--container``: the first way that works, which way that was, and what it cost in completeness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envdiff.capture import filter as secrets
from envdiff.capture.container import Container
from envdiff.capture.containers import Engine
from envdiff.capture.server_process import SERVER_NAMES, Found, Hints, asked_key, document_of, find
from envdiff.capture.talk import (
    LocalChannel,
    Reader,
    Refused,
    boot_command,
    boot_line,
    clean_environment,
    failure,
)
from envdiff.errors import WorldFailed
from envdiff.fingerprint import Fingerprint, from_document
from envdiff.probe_file import probe_path

PROBE_IMAGE = "envdiff-probe"
PYTHONS = ("python3", "python")
BOOT_S = 20.0
VERSION_S = 20.0


@dataclass(frozen=True)
class ContainerRequest:
    """What to capture. ``way`` forces one of docker-exec, host-proc and sidecar; ``names`` are executables that serve.

    ``ask_version`` runs the server's binary with ``--version`` in a temporary container of the same image.
    """

    target: str
    label: str | None = None
    extra_env: tuple[str, ...] = ()
    static: bool = False
    time_limit_s: float = 120.0
    way: str | None = None
    probe_image: str = PROBE_IMAGE
    names: tuple[str, ...] = SERVER_NAMES
    ask_version: bool = False
    key: bytes | None = field(default=None, repr=False)  # the compare key


@dataclass(frozen=True)
class Captured:
    """A fingerprint, the way it was had, and what to tell about that: ways that did not work, what the way cannot see."""

    fingerprint: Fingerprint
    way: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One capture under way."""

    engine: Engine
    container: Container
    request: ContainerRequest
    hints: Hints = field(default_factory=Hints)

    @property
    def label(self) -> str:
        return self.request.label or self.container.name


class NotThisWay(Exception):
    """This way does not work here; the text says why."""


def capture_container(request: ContainerRequest, engine: Engine | None = None) -> Captured:
    """Raises :class:`WorldFailed` when the container cannot be read in any way, with what was tried."""
    engine = engine or Engine()
    container = engine.running(request.target)
    case = Case(engine, container, request, hints_for(engine, container, request))
    tried: list[str] = []
    for way, read in WAYS.items():
        if request.way not in (None, way):
            continue
        try:
            document, cost = read(case)
        except NotThisWay as error:
            tried.append(f"{way}: {error}")
            continue
        except WorldFailed as error:
            _still_there(case, error)
            tried.append(f"{way}: {error.message}")
            continue
        add_container(document, container, engine.image(container.image_id), key=request.key)
        return Captured(from_document(document, request.target), way, (*tried, *cost))
    raise WorldFailed(
        f"it cannot be read: {'; '.join(tried) or 'no such way'}",
        subject=request.target,
        hint=f"build the probe image: docker build -f Dockerfile.probe -t {PROBE_IMAGE} .",
    )


def _still_there(case: Case, cause: WorldFailed) -> None:
    """A container that went away meanwhile is not a way that failed."""
    try:
        now = case.engine.container(case.container.id)
    except WorldFailed:
        raise WorldFailed("it was removed while it was being read", subject=case.request.target) from cause
    if now.state != "running" or now.pid != case.container.pid:
        raise WorldFailed(
            "it stopped or restarted while it was being read",
            subject=case.request.target,
            hint="docker logs says why; capture again once it runs",
        ) from cause


def hints_for(engine: Engine, container: Container, request: ContainerRequest) -> Hints:
    """Labels and variables of the container, and ``--version`` if that was asked for or nothing else can tell."""
    labels = {str(k): str(v) for k, v in (container.config.get("Labels") or {}).items()}
    environment = clean_environment(container.config.get("Env"))
    output = version_output(engine, container.image_id, request.names[0]) if request.ask_version else ""
    return Hints(labels, environment, output)


def version_output(engine: Engine, image: str, binary: str) -> str:
    """What the server prints for ``--version``, in a temporary container without network; empty if it does not run."""
    try:
        with engine.temporary(image, [binary, "--version"], read_only=True) as (_, channel):
            return channel.rest(VERSION_S).decode("utf-8", "replace")
    except WorldFailed:
        return ""


# -- (a) a Python inside


def by_exec(case: Case) -> tuple[dict[str, Any], list[str]]:
    """The reader runs in the container's own Python, and a Python process's interpreter runs the whole probe."""
    with _inside(case) as reader:
        found = find(reader, case.request.names)
        document = document_of(
            reader,
            found,
            label=case.label,
            kind="container",
            reached_by="docker-exec",
            extra_env=case.request.extra_env,
            hints=case.hints,
            key=case.request.key,
        )
        if found.kind == "server":
            return document, []
        return document, complete(document, reader, found, case.request)


def complete(document: dict[str, Any], reader: Reader, found: Found, request: ContainerRequest) -> list[str]:
    """Add what only the process's own interpreter can tell to what was read of the process."""
    arguments = ["--static"] if request.static else ["--time-limit", f"{request.time_limit_s:g}"]
    for name in request.extra_env:
        arguments += ["--env", name]
    probe = probe_path().read_text(encoding="utf-8")
    limit = request.time_limit_s + 30
    try:
        whole = reader.ask(
            "full",
            pid=found.pid,
            python=found.python,
            arguments=arguments,
            probe=probe,
            patience_s=limit,
            limit_s=limit + 10,
            **asked_key(request.key),
        )
    except Refused as error:
        return [f"the flags inside TensorFlow are unread: {error}"]
    own = document["facts"]
    document["facts"] = {**whole["facts"], **own}
    known = {path.partition(".")[0] for path in whole["facts"]}
    kept = {path: why for path, why in document["unread"].items() if path.partition(".")[0] not in known}
    document["unread"] = {**kept, **{p: why for p, why in whole["unread"].items() if p not in own}}
    secrets.merge_withheld(document, whole)
    document["probe"]["mode"] = whole["probe"]["mode"]
    note = "its flags are those that its interpreter and environment start with, not what the program set since"
    return [] if request.static else [note]


@contextmanager
def _inside(case: Case) -> Iterator[Reader]:
    reasons = []
    for python in (*PYTHONS, *_seen_pythons(case)):
        channel = case.engine.exec(case.container, boot_command(python))
        try:
            channel.send(boot_line())
            reader = Reader(channel, case.container.name)
            reader.ask("hello", limit_s=BOOT_S)
        except (WorldFailed, Refused) as error:
            reasons.append(failure(error))
            channel.close()
            continue
        try:
            yield reader
        finally:
            channel.close()
        return
    raise NotThisWay("there is no Python in it that starts" if reasons else "there is no Python in it")


def _seen_pythons(case: Case) -> list[str]:
    """Interpreters of its processes that lie elsewhere."""
    with suppress(WorldFailed):
        from envdiff.capture.containers import told

        with told(case.container.name, "listing its processes"):
            top = case.engine.api.top(case.container.id)
        words = [row[-1].split(" ")[0] for row in top.get("Processes") or []]
        return [word for word in dict.fromkeys(words) if word.startswith("/") and "python" in Path(word).name]
    return []


# -- (b) the host's /proc


def by_host(case: Case) -> tuple[dict[str, Any], list[str]]:
    """The container's processes are processes of this machine."""
    pid, root = case.container.pid, Path("/proc")
    if not case.engine.local or not pid:
        raise NotThisWay("the engine runs on another machine")
    try:
        mine = case.container.id in (root / str(pid) / "mountinfo").read_text() + (
            root / str(pid) / "cgroup"
        ).read_text(encoding="utf-8")
        space = str((root / str(pid) / "ns" / "pid").readlink())
    except PermissionError:
        raise NotThisWay("no permission to look into the container's processes; root may") from None
    except OSError as error:
        raise NotThisWay("the container's processes are not visible from here") from error
    if not mine:
        raise NotThisWay("the engine runs on another machine")
    channel = LocalChannel()
    try:
        reader = Reader(channel, case.container.name)
        found = find(reader, case.request.names, space=space)
        if not found.readable:
            raise NotThisWay("no permission to read the serving process; root may")
        document = _read(case, reader, found, "host-proc")
    finally:
        channel.close()
    return document, _cost(found)


# -- (c) a sidecar


def by_sidecar(case: Case) -> tuple[dict[str, Any], list[str]]:
    """A temporary container that shares the target's processes. Nothing is added to the target."""
    image = case.engine.image(case.request.probe_image)
    if image is None:
        raise NotThisWay(
            f"there is no image {case.request.probe_image}: docker build -f Dockerfile.probe -t {PROBE_IMAGE} ."
        )
    reasons = []
    for user, capabilities in sidecar_users(case.container):
        try:
            return _sidecar(case, image["Id"], user, capabilities)
        except NotThisWay as error:
            reasons.append(str(error))
    raise NotThisWay("; ".join(dict.fromkeys(reasons)))


def sidecar_users(container: Container) -> list[tuple[str, list[str]]]:
    """Root that may trace reads anybody. Where the engine gives that to nobody, the target's own user reads itself."""
    own = str(container.config.get("User") or "")
    return [("0:0", ["SYS_PTRACE"]), (own or "0:0", [])]


def _sidecar(case: Case, image: str, user: str, capabilities: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    settings = {"pid_mode": f"container:{case.container.id}", "read_only": True, "cap_add": list(capabilities)}
    with case.engine.temporary(image, boot_command("python3"), user=user, **settings) as (_, channel):
        channel.send(boot_line())
        reader = Reader(channel, case.container.name)
        try:
            found = find(reader, case.request.names, apart=True)
        except Refused as error:
            raise NotThisWay(str(error)) from error
        if not found.readable:
            raise NotThisWay(f"the sidecar as {user} has no permission to read the serving process")
        return _read(case, reader, found, "sidecar"), _cost(found)


def _read(case: Case, reader: Reader, found: Found, way: str) -> dict[str, Any]:
    try:
        return document_of(
            reader,
            found,
            label=case.label,
            kind="container",
            reached_by=way,
            extra_env=case.request.extra_env,
            hints=case.hints,
            key=case.request.key,
        )
    except Refused as error:
        raise WorldFailed(str(error), subject=case.request.target) from error


def _cost(found: Found) -> list[str]:
    if found.kind == "server":
        return []
    return ["read from outside: the flags inside its TensorFlow are unread; a Python in it would tell them"]


Way = Callable[[Case], tuple[dict[str, Any], list[str]]]
WAYS: dict[str, Way] = {"docker-exec": by_exec, "host-proc": by_host, "sidecar": by_sidecar}


# -- what the engine knows

LABELS = ("tensorflow_serving_github_branchtag", "tensorflow_serving_github_commit", "org.opencontainers.image.version")
# Variables of images that only claim a version, and the Debian packages that would be it.
CLAIMS = (
    ("CUDNN_VERSION", ("libcudnn9-cuda-12", "libcudnn9", "libcudnn8", "libcudnn7")),
    ("TF_TENSORRT_VERSION", ("libnvinfer8", "libnvinfer10", "libnvinfer7")),
    ("NCCL_VERSION", ("libnccl2",)),
)


def add_container(
    document: dict[str, Any], container: Container, image: Mapping[str, Any] | None, *, key: bytes | None = None
) -> None:
    """``container.`` facts: image, limits, and variables of which the engine and the process disagree."""
    config, host = container.config, container.document.get("HostConfig") or {}
    facts: dict[str, Any] = {
        "container.id": container.id,
        "container.name": container.name,
        "container.image": config.get("Image"),
        "container.cpuset": host.get("CpusetCpus"),
        "container.cpus": (host.get("NanoCpus") or 0) / 1e9 or None,
        "container.memory": host.get("Memory") or None,
        "container.read_only": bool(host.get("ReadonlyRootfs")),
        "container.user": config.get("User"),
    }
    facts.update(image_facts(container.image_id, config, image))
    claimed = clean_environment(config.get("Env"))
    facts["container.env_changed"] = _changed(document["facts"], claimed)
    facts["container.env_disagreement"] = disagreements(document["facts"], claimed)
    known = secrets.secrets_of_environment(claimed)
    told = {path: value for path, value in facts.items() if value not in (None, "", [])}
    secrets.put(document, told, {}, key=key, known=known)
    secrets.put_commands(document, image_commands(config), key=key, known=known)


def image_facts(image_id: str, config: Mapping[str, Any], image: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an image is: digests and labels."""
    labels = config.get("Labels") or {}
    digests = [str(digest).rpartition("@")[2] for digest in (image or {}).get("RepoDigests") or []]
    facts: dict[str, Any] = {"container.image_id": image_id, "container.image_digest": digests}
    for name in LABELS:
        facts[f"container.labels.{name.replace('.', '-')}"] = labels.get(name)
    return facts


def image_commands(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """What an image or container is set to run."""
    return {"container.entrypoint": config.get("Entrypoint") or [], "container.command": config.get("Cmd") or []}


def _changed(facts: Mapping[str, Any], claimed: Mapping[str, str]) -> list[str]:
    """The process's environment is the truth; an entry point may have changed what the container was given."""
    changed = []
    for name in secrets.recorded(sorted(claimed), ()):
        held = facts.get(f"env.{name}")
        if isinstance(held, str) and held != claimed[name] and secrets.shown_flag(name, claimed[name]) is not None:
            changed.append(f"{name}: the container was given {claimed[name]}, the process has {held}")
    return changed


def disagreements(facts: Mapping[str, Any], claimed: Mapping[str, str]) -> list[str]:
    """Versions that a variable claims and that the package database contradicts."""
    found = []
    for name, packages in CLAIMS:
        installed = next((facts[f"cuda.system.{one}"] for one in packages if f"cuda.system.{one}" in facts), None)
        if name in claimed and isinstance(installed, str) and not _agree(claimed[name], installed):
            found.append(f"{name} says {claimed[name]}, installed is {installed}")
    return found


def _agree(claim: str, installed: str) -> bool:
    plain = installed.partition("-")[0].rpartition(":")[2]
    return plain.startswith(claim.partition("-")[0]) or claim.startswith(plain)
