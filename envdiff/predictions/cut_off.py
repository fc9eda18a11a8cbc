"""An end to a connection, whatever the other side does: a socket's own timeout begins anew with every byte."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def cut_off(connection: http.client.HTTPConnection, limit_s: float) -> Iterator[threading.Event]:
    """Connect, and shut the connection down after ``limit_s``; the event says whether that happened."""
    over = threading.Event()
    connection.connect()
    # Kept here: the connection lets go of its socket as soon as the head of the answer is read.
    wire: socket.socket = connection.sock

    def end() -> None:
        over.set()
        with suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
