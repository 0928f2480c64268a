"""An event loop on real sockets and ptys whose waiting costs nothing.

Where a real loop would sleep until its next timer, this one looks a moment whether bytes are on
their way inside the kernel, and then moves its clock to that timer. Two seconds without an ACK pass
in a fraction of a millisecond, and the sockets are the kernel's own.
"""

import asyncio
import selectors
import socket
from typing import Any

LOOK_S = 0.0003  # real time in which the kernel hands on what one end has written
STUCK_S = 10.0  # real time after which nothing will ever come
TURN_S = 1e-6  # every turn of the loop takes time, or a wait rounded down would never end


class Stuck(Exception):
    """Everybody waits and nothing is scheduled."""


class _Selector(selectors.SelectSelector):  # epoll rounds up to whole milliseconds
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += TURN_S
        if timeout == 0:
            return super().select(0)
        ready = super().select(STUCK_S if timeout is None else LOOK_S)
        if not ready and timeout is None:
            raise Stuck("nothing will ever happen again")
        if not ready:
            self.now_s += timeout or 0.0
        return ready


class CompressedLoop(asyncio.SelectorEventLoop):
    """Starts at 0 s; `time()` is the world's time."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)
        self._clock_resolution = TURN_S / 2

    def time(self) -> float:
        """Seconds since the loop was made, waiting included."""
        return self._clock.now_s

    async def getaddrinfo(self, *names: Any, **options: Any) -> list[Any]:
        """Look up at once: a thread would work in real time while this clock runs on."""
        return socket.getaddrinfo(*names, **options)
