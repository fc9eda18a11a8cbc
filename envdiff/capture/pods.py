"""``--pod NAMESPACE/POD[/CONTAINER]``: the reader in the pod's own Python, through the official Kubernetes client."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from envdiff.capture import filter as secrets
from envdiff.capture.container_ways import PYTHONS, Captured, ContainerRequest, complete
from envdiff.capture.server_process import SERVER_NAMES, Hints, document_of, find
from envdiff.capture.talk import (
    LARGEST_ANSWER,
    Channel,
    Reader,
    Refused,
    boot_command,
    boot_line,
    clean_environment,
    failure,
)
from envdiff.errors import Misuse, UnusableInput, WorldFailed
from envdiff.fingerprint import from_document
from envdiff.secrets import masked

BOOT_S = 30.0
DEBUG_LINE = (
    "kubectl debug -n {namespace} {pod} --image=envdiff-probe --target={container} --profile=general "
    "--custom=probes/debug-profile.yaml -it --quiet -- python3 /opt/envdiff/envprobe.py --pid 1"
)


@dataclass(frozen=True)
class PodRequest:
    """``target`` is NAMESPACE/POD or NAMESPACE/POD/CONTAINER."""

    target: str
    label: str | None = None
    extra_env: tuple[str, ...] = ()
    static: bool = False
    time_limit_s: float = 120.0
    names: tuple[str, ...] = SERVER_NAMES
    key: bytes | None = field(default=None, repr=False)  # the compare key


class PodChannel(Channel, Protocol):
    """Pipes that can be closed."""

    def close(self) -> None:
        """End what runs at the other end."""
        ...


class Cluster(Protocol):
    """The two calls that are made: nothing of the cluster is changed."""

    def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The pod as the API's JSON, or None when there is none."""
        ...

    def exec(self, namespace: str, name: str, container: str, command: list[str]) -> PodChannel:
        """Run a command in a container of the pod; raises :class:`WorldFailed`."""
        ...


def capture_pod(request: PodRequest, cluster: Cluster | None = None) -> Captured:
    """Raises :class:`WorldFailed` when there is no such pod, it does not run, or has no Python."""
    namespace, name, chosen = _parts(request.target)
    cluster = cluster or KubernetesCluster()
    pod = cluster.pod(namespace, name)
    if pod is None:
        raise WorldFailed("there is no such pod", subject=request.target, hint=f"kubectl get pods -n {namespace}")
    container = _container(pod, chosen, request.target)
    _must_run(pod, container, request.target)
    reader, channel = _reader(cluster, namespace, name, container, request.target)
    try:
        found = find(reader, request.names)
        document = document_of(
            reader,
            found,
            label=request.label or f"{namespace}/{name}",
            kind="pod",
            reached_by="pod-exec",
            extra_env=request.extra_env,
            hints=Hints(environment=_environment(pod, container)),
            key=request.key,
        )
        notes = [] if found.kind == "server" else complete(document, reader, found, _as_container(request))
    except Refused as error:
        raise WorldFailed(str(error), subject=request.target) from error
    finally:
        channel.close()
    known = secrets.secrets_of_environment(_environment(pod, container))
    secrets.put(document, _facts(pod, container), {}, key=request.key, known=known)
    spec = _spec(pod, container)
    commands = {"container.entrypoint": spec.get("command") or [], "container.command": spec.get("args") or []}
    secrets.put_commands(document, commands, key=request.key, known=known)
    return Captured(from_document(document, request.target), "pod-exec", tuple(notes))


def _as_container(request: PodRequest) -> ContainerRequest:
    return ContainerRequest(
        request.target,
        extra_env=request.extra_env,
        static=request.static,
        time_limit_s=request.time_limit_s,
        key=request.key,
    )


def _parts(target: str) -> tuple[str, str, str]:
    parts = target.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise Misuse("a pod is named NAMESPACE/POD or NAMESPACE/POD/CONTAINER", hint="--pod default/serving-0")
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def _container(pod: Mapping[str, Any], chosen: str, target: str) -> str:
    names = [str(one["name"]) for one in pod["spec"]["containers"]]
    if chosen and chosen not in names:
        raise UnusableInput(f"the pod has no container {chosen}", subject=target, hint=f"it has: {', '.join(names)}")
    if not chosen and len(names) > 1:
        annotated = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
        if annotated not in names:
            raise UnusableInput("the pod has several containers", subject=target, hint=f"add one: {', '.join(names)}")
        return str(annotated)
    return chosen or names[0]


def _status(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    listed = pod.get("status", {}).get("containerStatuses") or []
    return next((one for one in listed if one["name"] == container), {})


def _must_run(pod: Mapping[str, Any], container: str, target: str) -> None:
    state = _status(pod, container).get("state") or {}
    if "running" in state:
        return
    kind = next(iter(state), "")
    said: Mapping[str, Any] = state.get(kind) or {}
    why = masked(" ".join(str(said[key]) for key in ("reason", "message") if said.get(key)))
    phase = pod.get("status", {}).get("phase", "unknown")
    raise WorldFailed(
        f"its container {container} is {kind or 'not started'} ({why or f'phase {phase}'})",
        subject=target,
        hint="kubectl describe pod says more",
    )


def _reader(cluster: Cluster, namespace: str, name: str, container: str, target: str) -> tuple[Reader, PodChannel]:
    reasons = []
    for python in PYTHONS:
        channel = cluster.exec(namespace, name, container, boot_command(python))
        try:
            channel.send(boot_line())
            reader = Reader(channel, target)
            reader.ask("hello", limit_s=BOOT_S)
        except (WorldFailed, Refused) as error:
            reasons.append(failure(error))
            channel.close()
            continue
        return reader, channel
    raise WorldFailed(
        f"there is no Python in it that starts ({reasons[0]})",
        subject=target,
        hint="beside it: " + DEBUG_LINE.format(namespace=namespace, pod=name, container=container),
    )


def _spec(pod: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    return next(one for one in pod["spec"]["containers"] if one["name"] == container)


def _environment(pod: Mapping[str, Any], container: str) -> dict[str, str]:
    listed = _spec(pod, container).get("env") or []
    return clean_environment([f"{one['name']}={one['value']}" for one in listed if "value" in one])


def _facts(pod: Mapping[str, Any], container: str) -> dict[str, Any]:
    spec, status = _spec(pod, container), _status(pod, container)
    limits = (spec.get("resources") or {}).get("limits") or {}
    facts = {
        "container.image": spec.get("image"),
        "container.image_digest": [str(status.get("imageID", "")).rpartition("@")[2]]
        if status.get("imageID")
        else None,
        "container.cpus": limits.get("cpu"),
        "container.memory": limits.get("memory"),
        "container.restarts": status.get("restartCount"),
    }
    return {path: value for path, value in facts.items() if value is not None}


class KubernetesCluster:
    """The cluster of the current context, or the one that this runs in."""

    def __init__(self) -> None:
        try:
            from kubernetes import client, config
        except ImportError as error:
            raise WorldFailed(
                "the Kubernetes client is not installed", hint="pip install 'envdiff[kubernetes]'"
            ) from error
        try:
            config.load_config()
        except (config.ConfigException, OSError, TypeError) as error:
            raise WorldFailed(
                f"there is no usable cluster configuration: {masked(str(error))}", hint="kubectl config view"
            ) from error
        self._client = client
        self._api = client.CoreV1Api()

    def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        from urllib3.exceptions import HTTPError

        try:
            said = self._api.read_namespaced_pod(name, namespace, _request_timeout=30)
        except self._client.ApiException as error:
            if error.status == 404:
                return None
            raise WorldFailed(
                f"the cluster refuses: {error.status} {error.reason}", subject=f"{namespace}/{name}"
            ) from error
        except HTTPError as error:
            raise WorldFailed(
                f"the cluster does not answer: {masked(str(error))}", subject=f"{namespace}/{name}"
            ) from error
        found: Mapping[str, Any] = self._api.api_client.sanitize_for_serialization(said)
        return found

    def exec(self, namespace: str, name: str, container: str, command: list[str]) -> PodChannel:
        from kubernetes.stream import stream

        try:
            socket = stream(
                self._api.connect_get_namespaced_pod_exec,
                name,
                namespace,
                container=container,
                command=command,
                stdin=True,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
            )
        except self._client.ApiException as error:
            raise WorldFailed(
                f"the cluster refuses to run a command there: {error.reason}",
                subject=f"{namespace}/{name}",
                hint="it takes the permission to create pods/exec",
            ) from error
        return WebSocketChannel(socket, f"{namespace}/{name}")


class WebSocketChannel:
    """The client's web socket as a channel."""

    def __init__(self, socket: Any, subject: str) -> None:
        self._socket = socket
        self._subject = subject
        self._text = ""

    def send(self, data: bytes) -> None:
        self._socket.write_stdin(data.decode("utf-8"))

    def line(self, limit_s: float) -> bytes:
        end = time.monotonic() + limit_s
        while "\n" not in self._text:
            if time.monotonic() > end:
                raise WorldFailed(f"no answer within {limit_s:.0f} s", subject=self._subject)
            if not self._socket.is_open():
                last = str(self._socket.read_stderr() or "").strip().splitlines()
                raise WorldFailed(f"it ended{': ' + masked(last[-1])[:300] if last else ''}", subject=self._subject)
            self._socket.update(timeout=0.5)
            self._text += self._socket.read_stdout() if self._socket.peek_stdout() else ""
            if len(self._text) > LARGEST_ANSWER:
                raise WorldFailed("an answer without end", subject=self._subject)
        line, _, self._text = self._text.partition("\n")
        return line.encode("utf-8")

    def close(self) -> None:
        """Close the socket: the reader's standard input ends with it."""
        with suppress(OSError):
            self._socket.close()
