"""A sign of life for whatever takes longer than two seconds, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE_S = 2.0


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show ``what`` with a spinner on standard error once it has taken two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    # Text and not markup: a path or a container may be called "[/]".
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in what)
    status = Console(stderr=True).status(Text(plain))
    # rich is asked from a timer, so that a quick step leaves no flicker.
    timer = threading.Timer(PATIENCE_S, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        status.stop()
