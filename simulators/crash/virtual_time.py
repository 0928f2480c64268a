"""One virtual clock for a box, its providers and its HIS: nothing sleeps, days pass in a moment."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from device.clock import BEIJING

T = TypeVar("T")

BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=BEIJING)  # a Monday morning
REBOOT_S = 20.0  # from the cut to the next start
TURN_S = 1e-6  # every turn of the loop takes time, or a wait rounded down would never end


class Stuck(Exception):
    """Everybody waits and nothing is scheduled."""


class _Selector:
    """Where a real loop would wait for sockets, time is moved on."""

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s

    def select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing will ever happen again")
        self.now_s += timeout + TURN_S
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without input: `select` advances the clock (reliability: Simulation)."""

    def __init__(self, start_s: float = 0.0) -> None:
        super().__init__()
        self._selector = _Selector(start_s)
        self._clock_resolution = TURN_S / 2  # sums of floats may fall short of a due time

    def time(self) -> float:
        """Seconds of the world since its beginning."""
        return self._selector.now_s

    def _process_events(self, _events: list[Any]) -> None:
        """There is no input."""

    def _write_to_self(self) -> None:
        """There is no other thread."""


class WorldClock:
    """Implements `device.clock.Clock`: monotonic time begins anew at each boot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._booted_s = loop.time()

    def monotonic(self) -> float:
        """Seconds since the boot, and a bit: the system was up before us."""
        return self._loop.time() - self._booted_s + 3.0

    def wall(self) -> datetime:
        """The time of day of the world."""
        return BEGIN + timedelta(seconds=self._loop.time())

    def sane(self) -> bool:
        """The world has no wrong clocks; that is another test's subject."""
        return True


def run(work: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run on that loop to the end, cancel what is left, and close it."""
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
