"""The least that a payment can cost on this machine: two synced writes and one round trip.

Taken after each payment, so that whatever slows the machine slows both.
"""

import os
import socket
import threading
import time
from pathlib import Path
from typing import Self

COMMITTED = b"\0" * 3 * 1024  # a commit's share of the WAL is 3 to 20 KiB; the sync dominates
REQUEST = b"\0" * 1024
COMMITS = 2


class BareExchange:
    """A file and a socket with its far end in a thread; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / "bare", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._near = socket.create_connection(server.getsockname())
            self._far, _ = server.accept()
        for end in (self._near, self._far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._echo = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> Self:
        """Start the far end."""
        self._echo.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close both ends and the file."""
        self._near.close()
        self._echo.join()
        self._far.close()
        os.close(self._file)

    def take_ms(self) -> float:
        """Do it once."""
        began = time.perf_counter()
        for commit in range(COMMITS):
            os.write(self._file, COMMITTED)
            os.fdatasync(self._file)
            if not commit:
                self._near.sendall(REQUEST)
                _receive(self._near)
        return (time.perf_counter() - began) * 1e3

    def _answer(self) -> None:
        while _receive(self._far):
            self._far.sendall(REQUEST)


def _receive(end: socket.socket) -> bool:
    """Read one message whole; False when the other end is closed."""
    left = len(REQUEST)
    while left:
        got = len(end.recv(left))
        if not got:
            return False
        left -= got
    return True
