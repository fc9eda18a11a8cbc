"""A model out of a container or an image, as a temporary copy: links are followed there, not here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from envdiff.errors import Misuse
from envdiff.scratch import scratch


@contextmanager
def copied_out(container: str | None, image: str | None, path: str) -> Iterator[Path]:
    """``path`` of the container (running or not) or of the image, copied into a folder that goes away afterwards.

    Raises :class:`envdiff.errors.WorldFailed` when it is not there, or the disk is full.
    """
    from envdiff.capture.containers import Engine

    if not PurePosixPath(path).is_absolute():
        raise Misuse("inside a container a path begins with /", subject=f"--model {path}")
    engine = Engine()
    with scratch("model") as folder:
        if container is not None:
            yield engine.copy_out(engine.container(container).id, path, Path(folder))
            return
        made = engine.create_only(str(image))
        try:
            yield engine.copy_out(made, path, Path(folder))
        finally:
            engine.remove(made)
