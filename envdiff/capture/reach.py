"""One of container, image and pod, or none; and what a server's endpoints tell, alone or on top."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from envdiff.capture.container_ways import PROBE_IMAGE, Captured, ContainerRequest, capture_container
from envdiff.errors import Misuse, WorldFailed
from envdiff.fingerprint import Fingerprint, from_document


@dataclass(frozen=True)
class Reach:
    """What the command line asks for. ``server`` and ``grpc`` need ``model_name``."""

    container: str | None = None
    image: str | None = None
    pod: str | None = None
    pid: int | None = None
    server: str | None = None
    grpc: str | None = None
    model_name: str | None = None
    label: str | None = None
    env: tuple[str, ...] = ()
    static: bool = False
    time_limit_s: float = 120.0
    way: str | None = None
    probe_image: str = PROBE_IMAGE
    ask_version: bool = False
    key: bytes | None = field(default=None, repr=False)  # the compare key

    @property
    def subject(self) -> str:
        """What is captured, in words."""
        if self.pid is not None:
            return f"process {self.pid}"
        kind = next((name for name in ("container", "image", "pod") if getattr(self, name) is not None), None)
        return f"{kind} {getattr(self, kind)}" if kind else f"server {self.server or self.grpc}"


def capture_reach(asked: Reach) -> Captured:
    """Raises :class:`Misuse` for options that exclude or need each other, else what the capture raises."""
    given = [name for name in ("container", "image", "pod", "pid") if getattr(asked, name) is not None]
    if len(given) > 1:
        raise Misuse(f"--{given[0]} and --{given[1]} exclude each other", hint="capture them one after the other")
    asks_more = asked.server is not None or asked.grpc is not None
    if asks_more != (asked.model_name is not None):
        raise Misuse(
            "--server or --grpc and --model-name go together", hint="--server http://HOST:8501 --model-name NAME"
        )
    if not given and not asks_more:
        raise Misuse("nothing to capture is named", hint="--container, --image, --pod, --pid or --server")
    if not given:
        return Captured(_server(asked), "endpoints", ())
    captured = _subject(asked, given[0])
    return captured if not asks_more else _with_endpoints(captured, asked)


def _subject(asked: Reach, kind: str) -> Captured:
    if kind == "pid":
        return _process(asked)
    if kind == "container":
        return capture_container(
            ContainerRequest(
                str(asked.container),
                label=asked.label,
                extra_env=asked.env,
                static=asked.static,
                time_limit_s=asked.time_limit_s,
                way=asked.way,
                probe_image=asked.probe_image,
                ask_version=asked.ask_version,
                key=asked.key,
            )
        )
    if kind == "image":
        from envdiff.capture.image import ImageRequest, capture_image

        return capture_image(
            ImageRequest(
                str(asked.image),
                asked.label,
                asked.env,
                asked.static,
                asked.time_limit_s,
                asked.probe_image,
                key=asked.key,
            )
        )
    from envdiff.capture.pods import PodRequest, capture_pod

    return capture_pod(
        PodRequest(str(asked.pod), asked.label, asked.env, asked.static, asked.time_limit_s, key=asked.key)
    )


def _process(asked: Reach) -> Captured:
    """A process of this machine, read as one in a container is; a model server's configuration included."""
    from envdiff.capture.server_process import SERVER_NAMES, Hints, document_of, find
    from envdiff.capture.talk import LocalChannel, Reader, Refused

    subject = f"process {asked.pid}"
    channel = LocalChannel()
    try:
        reader = Reader(channel, subject)
        found = find(reader, SERVER_NAMES, only=asked.pid)
        label = asked.label or subject
        document = document_of(
            reader,
            found,
            label=label,
            kind="process",
            reached_by="proc",
            extra_env=asked.env,
            hints=Hints(),
            key=asked.key,
        )
    except Refused as error:
        raise WorldFailed(str(error), subject=subject) from error
    finally:
        channel.close()
    return Captured(from_document(document, subject), "proc", ())


def _server(asked: Reach) -> Fingerprint:
    from envdiff.capture.endpoints import ServerRequest, capture_server

    return capture_server(
        ServerRequest(asked.server or "", str(asked.model_name), asked.grpc, asked.label, key=asked.key)
    )


def _with_endpoints(captured: Captured, asked: Reach) -> Captured:
    from envdiff.capture.endpoints import ServerRequest, add_endpoints

    document = copy.deepcopy(dict(captured.fingerprint.document))
    add_endpoints(document, ServerRequest(asked.server or "", str(asked.model_name), asked.grpc, key=asked.key))
    name = asked.container or asked.image or asked.pod or f"process {asked.pid}"
    return Captured(from_document(document, name), captured.way, captured.notes)
