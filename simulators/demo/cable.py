"""A cable of the demo: a TCP pass-through that can be pulled out, and that shows what goes over it.

Neither end knows of it and bytes are passed on unchanged. One lies between the HIS and the box,
one between the box and the providers.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from enum import StrEnum

READ_BYTES = 65536


class Way(StrEnum):
    """Seen from the end that connects."""

    OUT = "out"
    IN = "in"


Tap = Callable[[Way, bytes], None]
"""Told of the bytes of one connection, in order."""


class Cable:
    """Connect to `port` and you reach `far_port`, unless it is pulled out or nobody is there."""

    def __init__(
        self, new_tap: Callable[[], Tap], on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.port = 0
        self.far_port: int | None = None
        self.plugged = True
        self._new_tap = new_tap
        self._on_change = on_change
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def up(self) -> bool:
        """Whether a connection leads through."""
        return bool(self._writers)

    async def start(self, port: int = 0) -> None:
        """Take connections from now on, at this port unless it is taken."""
        try:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        except OSError:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def plug(self, *, plugged: bool) -> None:
        """Pull the cable out, or put it back."""
        self.plugged = plugged
        if not plugged:
            self.cut()
        self._on_change()

    def cut(self) -> None:
        """End whatever connections there are."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        """Close everything."""
        if self._server:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport is gone one turn of the loop later

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = await self._far_end()
        if far is None:
            writer.transport.abort()
            return
        far_reader, far_writer = far
        self._writers |= {writer, far_writer}
        self._on_change()
        tap = self._new_tap()
        try:
            await _first_to_end(
                _pass(reader, far_writer, lambda data: tap(Way.OUT, data)),
                _pass(far_reader, writer, lambda data: tap(Way.IN, data)),
            )
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()
            self._on_change()

    async def _far_end(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        if not self.plugged or self.far_port is None:
            return None
        try:
            return await asyncio.open_connection("127.0.0.1", self.far_port)
        except OSError:
            return None


async def _first_to_end(*ways: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tell: Callable[[bytes], None]
) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            tell(data)
            await writer.drain()
