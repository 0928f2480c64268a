"""A serial port that may be unplugged at any moment: opened, watched, opened again.

The bytes go to a callback on the loop; there is no thread. Used by the HIS link (his-link §1) and
by a serial scanner. Works on ptys, so tests and the demo need no hardware.
"""

import asyncio
import contextlib
import errno
import logging
import os
import termios
from collections.abc import Callable
from pathlib import Path

import serial

from device.drivers.folder_watch import FolderWatch

log = logging.getLogger(__name__)

REOPEN_S = 1.0  # between two tries to open, where nothing was heard of plugging in
READ_BYTES = 4096  # one read; a tty's kernel buffer holds no more
WRITE_LIMIT_BYTES = 16384  # queued output: eight of the longest serial frames, twice over
HELD = (errno.EAGAIN, errno.EBUSY)  # by pyserial's lock, and by the kernel's
PORT_ERRORS = (OSError, ValueError, OverflowError, termios.error)  # pyserial's own is an OSError


class SerialPort:
    """One port by its path; `run()` keeps it open for as long as the task lives.

    A path with a `*` stands for the first port that fits it and can be opened. Plugging in is heard
    of by inotify; after a loss and `reopen_s` later the port is looked for all the same, then ever
    less often. While it is open nothing but its bytes wakes anybody.

    `on_bytes(data)` gets what arrived, never empty. `on_open(True)` follows each opening and
    `on_open(False)` each loss (unplugged, hung up, closed). What was waiting in the port when it
    was opened is thrown away: a stale amount must not meet the next patient.
    """

    def __init__(
        self,
        path: str,
        baudrate: int,
        on_bytes: Callable[[bytes], None],
        on_open: Callable[[bool], None],
        *,
        reopen_s: float = REOPEN_S,
    ) -> None:
        self.path = path
        self.baudrate = baudrate
        self._on_bytes = on_bytes
        self._on_open = on_open
        self._reopen_s = reopen_s
        self._port: serial.Serial | None = None
        self._fd = -1
        self._out = bytearray()
        self._changed = asyncio.Event()  # lost, plugged in, or `close()` was called
        self._closing = False
        self.in_use = False
        """Whether another program held the port when it was last tried."""

    @property
    def is_open(self) -> bool:
        """Whether bytes can pass now."""
        return self._port is not None

    async def run(self) -> None:
        """Open, watch and reopen until `close()`; no fault of a port ends it."""
        missing_said = False
        watch = FolderWatch(Path(self.path).parent, self._changed.set, self._reopen_s)
        try:
            while not self._closing:
                watch.arm()
                if self._open():
                    missing_said = False
                    watch.disarm()
                    while self.is_open:
                        await self._until_changed(None)
                    watch.arm()
                elif not missing_said:
                    missing_said = True
                    log.warning("serial port %s cannot be opened", self.path)
                self._changed.clear()  # a port that is lost as soon as it is open must not spin
                if not self._closing:
                    await self._until_changed(self._reopen_s if self.in_use else watch.pause_s())
        finally:
            watch.close()
            self._lose()

    def write(self, data: bytes) -> None:
        """Queue bytes; never blocks.

        What does not fit is dropped whole and what meets no open port is dropped too: the
        acknowledgement of the protocol above proves delivery, not this call.
        """
        if self._port is None or len(self._out) + len(data) > WRITE_LIMIT_BYTES:
            return
        idle = not self._out
        self._out += data
        if idle:
            self._flush()
            if self._out and self._port is not None:
                asyncio.get_running_loop().add_writer(self._fd, self._flush)

    def set_baudrate(self, baudrate: int) -> None:
        """Go on at this rate, now and after each opening."""
        self.baudrate = baudrate
        if self._port is None:
            return
        try:
            self._port.baudrate = baudrate
        except PORT_ERRORS:
            self._lose()

    def close(self) -> None:
        """Close the port and end `run()`; `on_open(False)` follows if it was open."""
        self._closing = True
        self._lose()
        self._changed.set()

    async def _until_changed(self, timeout_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        self._changed.clear()

    def _open(self) -> bool:
        port = self._first_that_opens()
        if port is None:
            return False
        self._port, self._fd = port, port.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        log.info("serial port %s open", port.port)
        self._on_open(self.is_open)
        return True

    def _first_that_opens(self) -> serial.Serial | None:
        self.in_use = False
        for path in self._paths():
            try:
                return _opened(path, self.baudrate)
            except PORT_ERRORS as error:
                self.in_use |= getattr(error, "errno", None) in HELD
        return None

    def _paths(self) -> list[str]:
        if "*" not in self.path:
            return [self.path]
        path = Path(self.path)
        return sorted(str(found) for found in path.parent.glob(path.name))

    def _read(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_bytes(data)
        else:  # readable without data is an unplugged device: reading on would spin
            self._lose()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._out)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        del self._out[:sent]
        if not self._out:
            asyncio.get_running_loop().remove_writer(self._fd)

    def _lose(self) -> None:
        if self._port is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)
        port, self._port, self._fd = self._port, None, -1
        self._out.clear()
        _close_port(port)
        self._changed.set()
        log.info("serial port %s closed", self.path)
        self._on_open(self.is_open)


def _opened(path: str, baudrate: int) -> serial.Serial:
    port = serial.Serial(path, baudrate, timeout=0, exclusive=True)
    try:
        port.reset_input_buffer()
    except PORT_ERRORS:
        _close_port(port)
        raise
    return port


def _close_port(port: serial.Serial) -> None:
    with contextlib.suppress(*PORT_ERRORS):
        port.reset_output_buffer()  # else the kernel may wait 30 s for a stuck line to drain
    with contextlib.suppress(*PORT_ERRORS):
        port.close()
