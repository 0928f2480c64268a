"""Standard input as a scanner, for laptops and tests: one code a line."""

import asyncio
import os
import sys
import time
from collections.abc import Callable

from device.drivers.scan_assembler import MOST_CHARS, WHOLE, ScanAssembler
from device.drivers.scan_sink import ScanSink

READ_BYTES = 4096


class StdinScanner:
    """Reads until the input ends; then it is offline for good."""

    def __init__(
        self,
        sink: ScanSink,
        fd: int | None = None,
        *,
        most_chars: int = MOST_CHARS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._fd = sys.stdin.fileno() if fd is None else fd
        self._monotonic = monotonic
        self._assembler = ScanAssembler(WHOLE, most_chars)
        self.online = False

    @property
    def fault(self) -> str:
        """What is wrong, for the technician; empty if nothing is."""
        return "" if self.online else "标准输入已结束"

    async def run(self) -> None:
        """Read for as long as the task lives, even after the input has ended."""
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._fd, self._read)
        except (OSError, ValueError):  # closed, a plain file, /dev/null: nobody types there
            self._set_online(online=False)
        else:
            self._set_online(online=True)
        try:
            await loop.create_future()
        finally:
            if self.online:
                loop.remove_reader(self._fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
        now = self._monotonic()
        for char in data.decode("latin-1"):
            self._sink.take(self._assembler.char(char, now))

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        self._sink.take(self._assembler.unplugged())
        self._set_online(online=False)

    def _set_online(self, *, online: bool) -> None:
        self.online = online
        self._sink.on_online(online)
