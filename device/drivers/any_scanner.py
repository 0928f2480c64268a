"""Whatever scanner there is: several drivers at once, each waiting for its kind.

For a box that does not know its scanner yet: whichever kind is plugged in, its codes arrive.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from device.drivers.scan_assembler import Result
from device.drivers.scan_sink import ScanSink

NONE = "没有扫码枪（键盘、HID-POS、串口都没有）"


class OneScanner(Protocol):
    """What every scanner driver gives."""

    @property
    def online(self) -> bool:
        """Whether codes can come."""

    @property
    def fault(self) -> str:
        """What is wrong, for the technician."""

    @property
    def missing(self) -> bool:
        """Whether that is only that there is none."""

    async def run(self) -> None:
        """Read for as long as the task lives."""


class AnyScanner:
    """Online while one of them is; `makes` are called with the sink that they are to use."""

    def __init__(self, makes: Sequence[Callable[[ScanSink], OneScanner]], sink: ScanSink) -> None:
        self._sink = sink
        self._online = False
        self._scanners = [make(_Inlet(sink, self._on_online)) for make in makes]

    @property
    def online(self) -> bool:
        """Whether one is held."""
        return self._online

    @property
    def fault(self) -> str:
        """What is wrong with one that is there and cannot be used; else that there is none."""
        if self.online:
            return ""
        return next((one.fault for one in self._scanners if not one.missing), NONE)

    async def run(self) -> None:
        """Look for all of them for as long as the task lives."""
        async with asyncio.TaskGroup() as group:
            for scanner in self._scanners:
                group.create_task(scanner.run())

    def _on_online(self, _one: bool) -> None:  # noqa: FBT001  the scanner's callback
        online = any(scanner.online for scanner in self._scanners)
        if online != self._online:
            self._online = online
            self._sink.on_online(online)


class _Inlet(ScanSink):
    """One driver's way into the sink of all."""

    def __init__(self, sink: ScanSink, on_online: Callable[[bool], None]) -> None:
        super().__init__(sink.on_scan, sink.on_garbled, on_online)
        self._sink = sink

    def take(self, result: Result) -> None:
        """See `ScanSink`."""
        self._sink.take(result)
