"""The way between HIS and box: two real TCP connections or two real ptys, and a bad line."""

import asyncio
import contextlib
import os
import pty
import tty
from functools import partial
from pathlib import Path
from typing import Protocol

from simulators.matrix.faults import Fault, Line

READ_BYTES = 4096
QUICK_BAUD = 115200


class Relay(Protocol):
    """What both kinds of way give."""

    line: Line
    address: str
    """What the HIS opens."""

    async def aclose(self) -> None:
        """Take it away."""
        ...


class _End(asyncio.Protocol):
    """One end of a TCP relay: what it reads goes to the other."""

    def __init__(self, relay: "TcpRelay", way: str) -> None:
        self.relay = relay
        self.way = way
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.relay.ends.add(self)
        if self.way == "up":
            transport.pause_reading()
            task = asyncio.ensure_future(self.relay.join(self))
            self.relay.joining.add(task)
            task.add_done_callback(self.relay.joining.discard)

    def data_received(self, data: bytes) -> None:
        assert self.other
        self.relay.line.carry(self.way, data, self.other.write)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  gone is gone
        self.transport = None
        self.relay.ends.discard(self)
        if self.other:
            self.other.close()

    def write(self, data: bytes) -> None:
        if self.transport:
            self.transport.write(data)

    def close(self) -> None:
        if self.transport:
            self.transport.close()


class TcpRelay:
    """Listens for the HIS and connects to the box, once for each connection.

    `ca`: what goes over it is TLS, and this file names whom the HIS believes.
    """

    def __init__(
        self, fault: Fault, seed: int, box: tuple[str, int], ca: Path | None = None
    ) -> None:
        self.line = Line(fault, seed, self._break, wrapped=ca is not None)
        self._fault = fault
        self._ca = ca
        self.ends: set[_End] = set()
        self.joining: set[asyncio.Future[None]] = set()
        self.address = ""
        self._box = box
        self._server: asyncio.Server

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self, "up"), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        told = f"?baudrate={self._fault.baudrate}" if self._fault.baudrate else ""
        self.address = f"tcp://{host}:{port}{told}"
        if self._ca:
            self.address = f"tls://{host}:{port}?ca={self._ca}"

    async def join(self, his: _End) -> None:
        """Connect a HIS that came to the box."""
        loop = asyncio.get_running_loop()
        _, box = await loop.create_connection(lambda: _End(self, "down"), *self._box)
        his.other, box.other = box, his
        self.line.renewed()
        if his.transport:
            his.transport.resume_reading()
        else:
            box.close()

    async def aclose(self) -> None:
        """Take it away."""
        self._server.close()
        self._break()
        while self.ends:  # noqa: ASYNC110  a turn or two of the loop
            await asyncio.sleep(0)

    def _break(self) -> None:
        for end in list(self.ends):
            end.close()


class PtyRelay:
    """Two ptys joined end to end; a cut unplugs both, and others are there at the same paths."""

    def __init__(self, fault: Fault, seed: int, folder: Path) -> None:
        self.line = Line(fault, seed, self._replug)
        self.box_path, self.his_path = folder / "ttyBOX", folder / "ttyHIS"
        self.baudrate = fault.baudrate or QUICK_BAUD
        self.address = f"serial://{self.his_path}?baudrate={self.baudrate}"
        self._fds: tuple[int, ...] = ()
        self._plug()

    def _plug(self) -> None:
        (box, box_tty), (his, his_tty) = pty.openpty(), pty.openpty()
        self._fds = box, his, box_tty, his_tty
        for path, terminal in ((self.box_path, box_tty), (self.his_path, his_tty)):
            tty.setraw(terminal)
            path.unlink(missing_ok=True)
            path.symlink_to(os.ttyname(terminal))
        loop = asyncio.get_running_loop()
        for way, near, far in (("up", his, box), ("down", box, his)):
            os.set_blocking(near, False)
            loop.add_reader(near, self._read, way, near, far)

    def _read(self, way: str, near: int, far: int) -> None:
        if near not in self._fds:
            return
        with contextlib.suppress(BlockingIOError):
            self.line.carry(way, os.read(near, READ_BYTES), partial(self._write, far))

    def _write(self, far: int, data: bytes) -> None:
        if far in self._fds:
            with contextlib.suppress(BlockingIOError):  # nobody reads: a cable loses it too
                os.write(far, data)

    def _unplug(self) -> None:
        fds, self._fds = self._fds, ()
        for near in fds[:2]:
            asyncio.get_running_loop().remove_reader(near)
        for fd in fds:
            os.close(fd)

    def _replug(self) -> None:
        self._unplug()
        self._plug()

    async def aclose(self) -> None:
        """Take it away."""
        self._unplug()
