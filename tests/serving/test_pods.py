"""--pod against the API's recorded shapes: no cluster can be had in tests, so the reader runs on this machine."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from envdiff.capture.pods import PodRequest, capture_pod
from envdiff.capture.talk import LocalChannel
from envdiff.errors import EnvdiffError, Misuse, UnusableInput, WorldFailed

ROOT = Path(__file__).parent.parent.parent

# As `kubectl get pod -o json` gives it (v1.32), shortened to what is read.
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "serving-0", "namespace": "models", "annotations": {}},
    "spec": {
        "containers": [
            {
                "name": "server",
                "image": "tensorflow/serving:2.19.1",
                "args": ["--enable_batching", "--api_token=abcdef"],
                "env": [{"name": "MODEL_NAME", "value": "m"}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s"}}}],
                "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
            }
        ]
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "server",
                "imageID": "tensorflow/serving@sha256:" + "ab" * 32,
                "restartCount": 3,
                "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}},
            }
        ],
    },
}  # fmt: skip


class Recorded:
    """A cluster that answers with a recorded pod and runs the reader here; ``python`` False: nothing starts in it."""

    def __init__(self, pod: Mapping[str, Any] | None, *, python: bool = True) -> None:
        self.recorded, self.python = pod, python
        self.ran: list[tuple[str, ...]] = []

    def pod(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        return self.recorded

    def exec(self, namespace: str, name: str, container: str, command: list[str]) -> LocalChannel:
        self.ran.append((namespace, name, container, command[0]))
        return Piped([sys.executable if self.python else "/nonexistent", *command[1:]])


class Piped(LocalChannel):
    """The same pipes to another command."""

    def __init__(self, command: list[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:
            self._process = subprocess.Popen(["true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_pod_is_read_by_its_own_python() -> None:
    cluster = Recorded(POD)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        captured = capture_pod(PodRequest("models/serving-0", static=True), cluster)
    finally:
        sleeper.kill()
        sleeper.wait()
    facts = captured.fingerprint.facts
    assert captured.fingerprint.kind == "pod"
    assert captured.way == "pod-exec"
    assert cluster.ran == [("models", "serving-0", "server", "python3")]
    assert facts["container.image_digest"] == ("sha256:" + "ab" * 32,)
    assert facts["container.cpus"] == "2"
    assert "abcdef" not in str(captured.fingerprint.document)


def changed(**status: Any) -> dict[str, Any]:
    pod = copy.deepcopy(POD)
    pod["status"]["containerStatuses"][0]["state"] = status
    return pod


def two_containers() -> dict[str, Any]:
    pod = copy.deepcopy(POD)
    pod["spec"]["containers"].append({"name": "proxy", "image": "envoy"})
    return pod


@pytest.mark.parametrize(
    ("target", "pod", "python", "kind", "says", "hint"),
    [
        ("serving-0", POD, True, Misuse, "NAMESPACE/POD", "--pod"),
        ("a/b/c/d", POD, True, Misuse, "NAMESPACE/POD", "--pod"),
        ("models/gone", None, True, WorldFailed, "no such pod", "kubectl get pods"),
        ("models/serving-0/other", POD, True, UnusableInput, "no container other", "server"),
        ("models/serving-0", two_containers(), True, UnusableInput, "several containers", "proxy"),
        ("models/serving-0", changed(waiting={"reason": "CrashLoopBackOff", "message": "back-off"}), True, WorldFailed, "CrashLoopBackOff", "describe"),
        ("models/serving-0", changed(terminated={"reason": "OOMKilled"}), True, WorldFailed, "OOMKilled", "describe"),
        ("models/serving-0", POD, False, WorldFailed, "no Python", "kubectl debug -n models serving-0"),
    ],
)  # fmt: skip
def test_a_pod_that_cannot_be_read(
    target: str, pod: Any, python: bool, kind: type[EnvdiffError], says: str, hint: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        capture_pod(PodRequest(target), Recorded(pod, python=python))
    assert hint in str(caught.value.hint)


def test_the_debug_profile_is_a_partial_container_that_kubectl_takes() -> None:
    """kubectl refuses a profile that sets name, image, command, lifecycle or volumeDevices."""
    profile = yaml.safe_load((ROOT / "probes" / "debug-profile.yaml").read_text())
    known = {"imagePullPolicy", "resources", "securityContext", "env", "envFrom", "volumeMounts", "args", "workingDir"}
    assert set(profile) <= known
    context = profile["securityContext"]
    assert "SYS_PTRACE" in context["capabilities"]["add"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert context["runAsUser"] == 0
    assert "privileged" not in context
