"""Right is a container: a native server without Python, or an image with a Python of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import Captured

sys.path.insert(0, str(Path(__file__).parent.parent / "standin"))
sys.path.insert(0, str(Path(__file__).parent.parent / "containers"))

import build
from engines import built, docker, leftovers, wait_until

from envdiff import api
from envdiff.capture.containers import Engine
from envdiff.capture.image import ImageRequest, capture_image
from envdiff.errors import WorldFailed
from envdiff.experiment import images
from envdiff.experiment.request import IsolateRequest

pytestmark = [pytest.mark.docker, pytest.mark.tensorflow]

SET = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_NUM_INTRAOP_THREADS": "1"}


@pytest.fixture
def image(engine: Engine, python221: Path) -> Iterator[str]:
    """The stand-in, made by somebody who set two variables in it and told nobody."""
    base, tag = str(built(lambda: build.standin_image(python221))), "envdiff-test-set:1"
    container = docker("create", base)
    changes = [word for name, value in SET.items() for word in ("--change", f"ENV {name}={value}")]
    docker("commit", *changes, container, tag)
    docker("rm", container)
    before = set(leftovers())
    yield tag
    wait_until(lambda: set(leftovers()) <= before, "no trial's container is left", 20)
    docker("rmi", "-f", tag, check=False)


def against(image: str, captured: Captured, python: Path, models: Path, folder: Path, **more: Any) -> IsolateRequest:
    """A notebook on the left, the image on the right."""
    return IsolateRequest(
        left=captured(python, "notebook"),
        right=capture_image(ImageRequest(image, label="server")).fingerprint,
        model=models / "conv",
        left_python=python,
        right_image=image,
        journal=folder / "journal.jsonl",
        **more,
    )


def test_the_native_server_on_the_right(
    image: str, captured: Captured, python221: Path, trial_models: Path, tmp_path: Path
) -> None:
    request = against(image, captured, python221, trial_models, tmp_path)
    found = api.isolate(request)
    assert found.culprits == ("TF_ENABLE_ONEDNN_OPTS",)
    assert (found.forward, found.backward, found.exact) == (True, True, True)
    verdicts = {one.name: one.verdict for one in found.switches}
    assert verdicts["image"] == verdicts["TF_NUM_INTRAOP_THREADS"] == "cleared"


def test_an_image_that_cannot_be_started(
    captured: Captured, python221: Path, trial_models: Path, tmp_path: Path
) -> None:
    request = IsolateRequest(
        left=captured(python221, "notebook"),
        right=captured(python221, "server"),
        model=trial_models / "conv",
        left_python=python221,
        right_image="envdiff-no-such-image:1",
        journal=tmp_path / "journal.jsonl",
    )
    with pytest.raises(WorldFailed, match="no such image"):
        api.isolate(request)


def test_a_server_is_asked_by_grpc_where_that_is_varied(
    image: str, captured: Captured, python221: Path, trial_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in knows REST alone; that it does not answer by gRPC is how the right side ends."""
    monkeypatch.setattr(images, "START_S", 3.0)
    request = against(image, captured, python221, trial_models, tmp_path, vary={"transport": ("rest", "grpc")})
    with pytest.raises(WorldFailed, match="not ready within 3 s: UNAVAILABLE"):
        api.isolate(request)
