"""A sign of life for whatever takes longer than two seconds, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_S = 2.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show ``what`` with a spinner on standard error once it has taken two seconds; what is given shows other words."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    from envdiff.secrets import masked

    # Text and not markup: a path or a container may be called "[/]".
    def plain(words: str) -> Text:
        return Text(
            "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in masked(words))
        )

    status = Console(stderr=True).status(plain(what))
    # rich is asked from a timer, so that a quick step leaves no flicker.
    timer = threading.Timer(PATIENCE_S, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda words: status.update(plain(words))
    finally:
        timer.cancel()
        status.stop()
