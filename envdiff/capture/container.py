"""What the engine knows of a container, and what to do about those that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Container:
    """What the engine knows of a container."""

    id: str
    name: str
    state: str
    pid: int
    document: Mapping[str, Any]

    @property
    def image_id(self) -> str:
        return str(self.document.get("Image", ""))

    @property
    def config(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document.get("Config") or {}
        return found


# What to do about each state in which nothing can be read.
STATES = {
    "paused": ("it is paused", "docker unpause {name}"),
    "restarting": ("it is restarting: its process keeps ending", "docker logs {name} says why"),
    "exited": ("it is not running", "docker start {name}, or --image {image} for what its image is"),
    "created": ("it was never started", "docker start {name}, or --image {image} for what its image is"),
    "dead": ("the engine could not remove it whole", "docker rm -f {name}"),
    "removing": ("it is being removed", "--image {image} for what its image is"),
}
