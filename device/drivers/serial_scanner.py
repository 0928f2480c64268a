"""A scanner on a serial port (RS-232 or USB-CDC): characters, then CR, LF, Tab or silence."""

import time
from collections.abc import Callable

from device.drivers.plugged import BUSY
from device.drivers.scan_assembler import MOST_CHARS, SERIAL, ScanAssembler
from device.drivers.scan_feed import ScanFeed
from device.drivers.scan_sink import ScanSink
from device.drivers.serial_port import SerialPort

REOPEN_S = 0.5  # where inotify does not hear of it: plugged in again, it works within a second


class SerialScanner:
    """`run()` keeps the port open; a missing port is a state, never an error."""

    def __init__(
        self,
        path: str,
        baudrate: int,
        sink: ScanSink,
        *,
        most_chars: int = MOST_CHARS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._monotonic = monotonic
        self._feed = ScanFeed(ScanAssembler(SERIAL, most_chars), sink)
        self._port = SerialPort(path, baudrate, self._on_bytes, self._on_open, reopen_s=REOPEN_S)

    @property
    def online(self) -> bool:
        """Whether the port is open."""
        return self._port.is_open

    @property
    def fault(self) -> str:
        """What is wrong, for the technician; empty if nothing is."""
        if self.online:
            return ""
        return BUSY if self._port.in_use else f"扫码枪串口 {self._port.path} 未打开"

    @property
    def missing(self) -> bool:
        """See `OneScanner`: a port that cannot be opened is as good as none."""
        return not self.online

    async def run(self) -> None:
        """Read for as long as the task lives."""
        await self._port.run()

    def _on_open(self, is_open: bool) -> None:  # noqa: FBT001  the shape of SerialPort's callback
        if not is_open:
            self._feed.unplugged()
        self._sink.on_online(is_open)

    def _on_bytes(self, data: bytes) -> None:
        """Bytes that arrive together have one time: the read follows within a millisecond."""
        now = self._monotonic()
        for char in data.decode("latin-1"):
            self._feed.char(char, now)
