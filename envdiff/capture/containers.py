"""The Docker engine: the one module that talks to it. Everything it makes is temporary, labelled, and removed."""

from __future__ import annotations

import io
import os
import posixpath
import select
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdiff.capture.chunks import ChunkStream
from envdiff.capture.container import STATES, Container
from envdiff.capture.talk import LARGEST_ANSWER
from envdiff.errors import EnvdiffError, UnusableInput, WorldFailed
from envdiff.secrets import masked

if TYPE_CHECKING:
    from docker import APIClient

API_LIMIT_S = 60
RESTART_S = 30
LABEL = "envdiff.temporary"  # its value is the process that made the container
MACHINE_LABEL = "envdiff.machine"  # where that process has its number
HEADER = struct.Struct(">BxxxI")
STREAMS = (b"\0\0\0\0", b"\1\0\0\0", b"\2\0\0\0")
STDOUT = 1
MOST_LINKS = 10


@contextmanager
def told(subject: str, doing: str) -> Iterator[None]:
    """Turn the engine's failures into errors for people."""
    from docker import errors
    from requests.exceptions import RequestException

    try:
        yield
    except errors.NotFound as error:
        raise WorldFailed(f"{doing}: {_said(error)}", subject=subject) from error
    except (errors.DockerException, RequestException) as error:
        raise _no_engine(error) or WorldFailed(f"{doing}: {_said(error)}", subject=subject) from error
    except OSError as error:
        raise WorldFailed(f"{doing}: {error.strerror or error}", subject=subject) from error


def _machine() -> str:
    """What tells apart machines, and containers on them, in which a process number means another process."""
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{started}-{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return "unknown"


def _said(error: Exception) -> str:
    # The engine repeats what it was given: a command line, an address, a variable.
    return masked(str(getattr(error, "explanation", None) or error).strip())[:400]


def _no_engine(error: Exception) -> EnvdiffError | None:
    text = str(error)
    where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if "Permission denied" in text or "PermissionError" in text:
        return WorldFailed(
            "the Docker engine is there, but this user may not use it",
            subject=where,
            hint="run as root, or join the group docker; --pid N reads a process without the engine",
        )
    if any(word in text for word in ("FileNotFoundError", "Connection refused", "ConnectionRefused", "while fetching")):
        return WorldFailed(
            "no Docker engine answers",
            subject=where,
            hint="start Docker, or set DOCKER_HOST; --pid N reads a process of this machine without it",
        )
    return None


class Engine:
    """A connection to the engine that the environment names."""

    def __init__(self, api: APIClient | None = None) -> None:
        with told("", "connecting"):
            if api is None:
                from docker import APIClient
                from docker.utils import kwargs_from_env

                api = APIClient(**kwargs_from_env(), version="1.41", timeout=API_LIMIT_S)
                api._version = _highest(api)  # type: ignore[attr-defined]
            self.api: APIClient = api

    @property
    def local(self) -> bool:
        """Whether its processes may be processes of this machine."""
        return str(self.api.base_url).startswith(("http+docker://", "http+unix://"))

    def container(self, name: str) -> Container:
        """Raises :class:`WorldFailed` when there is none of that name, :class:`UnusableInput` for no name at all."""
        from docker.errors import NotFound

        if not name.strip("/"):
            raise UnusableInput("a container has a name or an id", subject=name)
        with told(name, "asking for the container"):
            try:
                said = self.api.inspect_container(name)
            except NotFound as error:
                raise WorldFailed(
                    "there is no such container", subject=name, hint="docker ps -a lists them; --image takes an image"
                ) from error
        state = said.get("State") or {}
        status = str(state.get("Status", "unknown"))
        return Container(said["Id"], str(said["Name"]).lstrip("/"), status, int(state.get("Pid") or 0), said)

    def running(self, name: str) -> Container:
        """The container, if it can be read now; raises :class:`WorldFailed` saying what to do otherwise."""
        container = self.container(name)
        why, hint = STATES.get(container.state, ("", ""))
        if container.state != "running":
            image = str(container.config.get("Image", "REF"))
            raise WorldFailed(
                why or f"its state is {container.state}",
                subject=name,
                hint=hint.format(name=container.name, image=image) or None,
            )
        return container

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """What the engine has under that name, or None."""
        from docker.errors import ImageNotFound, NotFound

        with told(reference, "asking for the image"):
            try:
                found: Mapping[str, Any] = self.api.inspect_image(reference)  # type: ignore[no-untyped-call]
            except (ImageNotFound, NotFound):
                return None
            return found

    def exec(self, container: Container, command: Sequence[str]) -> EngineChannel:
        """Start a command inside and hold its pipes."""
        with told(container.name, f"running {command[0]} in it"):
            made = self.api.exec_create(container.id, list(command), stdin=True, stdout=True, stderr=True, tty=False)
            return EngineChannel(self.api.exec_start(made["Id"], socket=True), container.name)

    @contextmanager
    def temporary(self, image: str, command: Sequence[str], **host: Any) -> Iterator[tuple[str, EngineChannel]]:
        """A started container with held pipes. It ends when its standard input does: also when envdiff is killed."""
        user, environment = host.pop("user", None), host.pop("environment", None)
        with told(image, "making a temporary container"):
            made = self.api.create_container(
                image,
                command=list(command[1:]),
                entrypoint=[command[0]],
                stdin_open=True,
                labels={LABEL: str(os.getpid())},
                user=user,
                environment=environment,
                network_disabled=True,
                host_config=self.api.create_host_config(auto_remove=True, network_mode="none", **host),
            )["Id"]
        try:
            with told(image, "starting a temporary container"):
                socket = self.api.attach_socket(made, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
                channel = EngineChannel(socket, image)
                self.api.start(made)
            yield made, channel
        finally:
            self.remove(made)

    @contextmanager
    def serving(self, image: str, environment: Mapping[str, str], binds: Sequence[str]) -> Iterator[Container]:
        """A container that runs what its image runs, reachable by its address, removed at the end.

        It does not end with its maker, as others do, so that what was left by one that was killed is removed first.
        """
        self._sweep()
        with told(image, "starting a temporary container"):
            made = self.api.create_container(
                image,
                environment=dict(environment),
                labels={LABEL: str(os.getpid()), MACHINE_LABEL: _machine()},
                host_config=self.api.create_host_config(binds=list(binds)),
            )["Id"]
        try:
            with told(image, "starting a temporary container"):
                self.api.start(made)
            yield self.container(made)
        finally:
            self.remove(made)

    def _sweep(self) -> None:
        """Remove containers that serve for nobody: their maker was a process of this machine and has ended."""
        with told("", "looking for temporary containers"):
            listed = self.api.containers(all=True, filters={"label": [f"{MACHINE_LABEL}={_machine()}"]})
        for one in listed:
            if not Path("/proc", str(one["Labels"].get(LABEL) or "self")).exists():
                self.remove(str(one["Id"]))

    def last_words(self, container: str) -> str:
        """The end of what it printed."""
        with told(container, "reading its log"):
            return self.api.logs(container, tail=8).decode("utf-8", "replace").strip()[-800:]

    def create_only(self, image: str) -> str:
        """A container that is never started; :meth:`remove` it."""
        with told(image, "making a temporary container"):
            made = self.api.create_container(
                image, command=["none"], labels={LABEL: str(os.getpid())}, network_disabled=True
            )
        return str(made["Id"])

    def remove(self, container: str) -> None:
        """Gone when this returns; one that removes itself meanwhile counts. An engine that is being restarted is waited
        for. Raises :class:`WorldFailed` when it stays."""
        from docker import errors
        from requests.exceptions import RequestException

        end = time.monotonic() + RESTART_S
        while time.monotonic() < end:
            try:
                self.api.remove_container(container, force=True, v=True)
            except errors.NotFound:
                return
            except (errors.APIError, RequestException, OSError):
                time.sleep(0.05)  # its own removal is under way, or the engine is away
        raise WorldFailed("a temporary container could not be removed", subject=container, hint="docker rm -f it")

    def archive(self, container: str, path: str, limit: int) -> bytes:
        """One regular file out of a container that need not run; raises :class:`WorldFailed`."""
        import tarfile

        with told(path, "reading from the container"):
            chunks, _ = self.api.get_archive(container, path)
            data = b""
            for chunk in chunks:
                data += chunk
                if len(data) > limit + (1 << 16):
                    break
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.isreg() else None
                    if file is not None:
                        return file.read(limit)
        except tarfile.TarError as error:
            raise WorldFailed("the engine's archive is damaged or too large", subject=path) from error
        raise WorldFailed("not a regular file", subject=path)

    def copy_out(self, container: str, path: str, folder: Path) -> Path:
        """Copy a file or folder of a container, running or not, into ``folder``: regular files and folders alone.

        ``path`` may be a link of the container; links below it are left out. Raises :class:`WorldFailed`.
        """
        for _ in range(MOST_LINKS):
            with told(path, "reading from the container"):
                chunks, said = self.api.get_archive(container, path)
            target = str(said.get("linkTarget") or "")
            if not target:
                return _unpack(chunks, folder, path)
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        raise WorldFailed("too many links", subject=path)


def _unpack(chunks: Iterator[bytes], folder: Path, path: str) -> Path:
    """An archive as the engine streams it, below ``folder``; what its first entry became."""
    import shutil
    import tarfile

    top: Path | None = None
    try:
        with (
            told(path, "copying"),
            tarfile.open(fileobj=io.BufferedReader(ChunkStream(chunks), 1 << 20), mode="r|") as archive,
        ):
            for member in archive:
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                if ".." in parts or not (member.isdir() or member.isreg()):
                    continue
                place = folder.joinpath(*parts)
                top = top or place
                (place if member.isdir() else place.parent).mkdir(parents=True, exist_ok=True)
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    with place.open("wb") as copy:
                        shutil.copyfileobj(file, copy, 1 << 20)
                    os.utime(place, (member.mtime, member.mtime))
    except tarfile.TarError as error:
        raise WorldFailed("the engine's archive is damaged", subject=path) from error
    if top is None:
        raise WorldFailed("it is neither a file nor a folder", subject=path)
    return top


def _highest(api: APIClient) -> str:
    """The protocol that both sides know."""
    from docker.constants import DEFAULT_DOCKER_API_VERSION

    offered = str(api.version(api_version=False)["ApiVersion"])
    both = (tuple(map(int, text.split("."))) for text in (offered, DEFAULT_DOCKER_API_VERSION))
    return ".".join(map(str, min(both)))


class EngineChannel:
    """The pipes of a process in a container, both outputs in one stream of frames."""

    def __init__(self, socket: Any, subject: str) -> None:
        self._socket = getattr(socket, "_sock", socket)
        self._held = socket
        self._subject = subject
        self._waiting = bytearray()
        self._lines = bytearray()
        self._framed = False
        self.chatter = b""

    def send(self, data: bytes) -> None:
        end = time.monotonic() + API_LIMIT_S
        rest = memoryview(data)
        self._socket.setblocking(False)
        while rest:
            readable, writable, _ = select.select([self._socket], [self._socket], [], max(end - time.monotonic(), 0))
            if not readable and not writable:
                raise WorldFailed("it takes no questions", subject=self._subject)
            with told(self._subject, "speaking to the reader"):
                if readable:
                    self._take()
                if writable:
                    rest = rest[self._socket.send(rest) :]

    def line(self, limit_s: float) -> bytes:
        end = time.monotonic() + limit_s
        while b"\n" not in self._lines:
            self._frame(end, limit_s)
            if len(self._lines) > LARGEST_ANSWER:
                raise WorldFailed("an answer without end", subject=self._subject)
        line, _, rest = bytes(self._lines).partition(b"\n")
        self._lines = bytearray(rest)
        return line

    def rest(self, limit_s: float) -> bytes:
        """Everything until it ends or the time is up."""
        end = time.monotonic() + limit_s
        with suppress(WorldFailed):
            while len(self._lines) < LARGEST_ANSWER:
                self._frame(end, limit_s)
        return bytes(self._lines)

    def _frame(self, end: float, limit_s: float) -> None:
        stream, size = HEADER.unpack(self._exactly(HEADER.size, end, limit_s))
        data = self._exactly(size, end, limit_s)
        if stream == STDOUT:
            self._lines += data
        else:
            self.chatter = (self.chatter + data)[-2000:]

    def _exactly(self, size: int, end: float, limit_s: float) -> bytes:
        while len(self._waiting) < size:
            if not select.select([self._socket], [], [], max(end - time.monotonic(), 0))[0]:
                raise WorldFailed(f"no answer within {limit_s:.0f} s", subject=self._subject)
            self._take()
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def _take(self) -> None:
        with told(self._subject, "listening to the reader"):
            part = self._socket.recv(1 << 18)
        if not part:
            last = self.chatter.decode("utf-8", "replace").strip().splitlines()
            raise WorldFailed(f"it ended{': ' + last[-1][:300] if last else ''}", subject=self._subject)
        first = not self._framed and len(part) >= 4
        if first and part[:4] not in STREAMS:
            # What the engine says instead, when the command does not exist, has no frame around it.
            raise WorldFailed(
                f"the engine says: {part.decode('utf-8', 'replace').strip()[:300]}", subject=self._subject
            )
        self._framed = True
        self._waiting += part

    def close(self) -> None:
        """Close both pipes: what reads them ends."""
        with suppress(OSError):
            self._held.close()
        with suppress(OSError):
            self._socket.close()
