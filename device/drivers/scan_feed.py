"""Keeps an assembler's time: what it gives goes to the sink, what ends by itself ends in time."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from device.drivers.scan_assembler import Result, ScanAssembler
from device.drivers.scan_sink import ScanSink


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Do not call."""


CallAt = Callable[[float, Callable[[], None]], Timer]
"""Monotonic seconds and what to call then."""


def call_at(when_s: float, call: Callable[[], None]) -> Timer:
    """Call on the running loop, whose clock is the monotonic one."""
    return asyncio.get_running_loop().call_at(when_s, call)


class ScanFeed:
    """One assembler with its sink and its timer.

    `read_more` takes what is waiting in the kernel: it came before the deadline that has passed.
    """

    def __init__(
        self,
        assembler: ScanAssembler,
        sink: ScanSink,
        call_at: CallAt = call_at,
        read_more: Callable[[], None] = lambda: None,
    ) -> None:
        self._assembler = assembler
        self._sink = sink
        self._call_at = call_at
        self._read_more = read_more
        self._timer: Timer | None = None

    def char(self, char: str, at_s: float) -> None:
        """Take one character and the time it came."""
        self._take(self._assembler.char(char, at_s))

    def end(self, at_s: float, by: str) -> None:
        """Take the end of a code."""
        self._take(self._assembler.end(at_s, by))

    def overrun(self, at_s: float) -> None:
        """Characters were lost."""
        self._take(self._assembler.overrun(at_s))

    def spoil(self, why: str) -> None:
        """Throw away what has begun."""
        self._take(self._assembler.spoil(why))

    def unplugged(self) -> None:
        """Drop what has begun: the scanner is gone."""
        self._take(self._assembler.unplugged())

    def _take(self, result: Result) -> None:
        self._wait()
        self._sink.take(result)

    def _wait(self) -> None:
        if self._timer:
            self._timer.cancel()
        when_s = self._assembler.deadline_s
        self._timer = None if when_s is None else self._call_at(when_s, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        self._read_more()
        deadline_s = self._assembler.deadline_s
        if self._timer is None and deadline_s is not None:
            self._take(self._assembler.expire(deadline_s))
