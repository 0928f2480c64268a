"""The HIS cable: a TCP pass-through that can be pulled out, and that shows what goes over it.

Neither end knows of it. Bytes are passed on unchanged; what is read from them (his-link §1) is for
the page's console and for the headless stories, which take the last frame from here and not from
the HIS's own opinion of it.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

READ_BYTES = 65536
MAX_HELD_BYTES = 16384  # of one unfinished frame; the protocol allows 8192 (his-link §1)
MAX_KEPT_IDS = 4096  # newest answers by id; a demo desk has a few dozen

_PIECE = re.compile(
    rb"\x02(?P<seq>[0-9A-Fa-f]{2})(?P<body>[^\x02\x03]*)\x03[0-9A-Fa-f]{4}"
    rb"|(?P<ack>\x06[0-9A-Fa-f]{2})|(?P<nak>\x15[0-9A-Fa-f]{2})|(?P<enq>\x05)",
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x02[^\x02]*\Z|[\x06\x15][0-9A-Fa-f]?\Z", re.DOTALL)


class Way(StrEnum):
    """Seen from the HIS."""

    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame or control byte, as it went over the cable."""

    way: Way
    kind: str
    """frame | ack | nak | enq"""
    raw: bytes
    seq: str = ""
    body: bytes = b""

    @property
    def message(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


class Splitter:
    """Cuts a stream of bytes into what his-link §1 knows."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._rest = b""

    def feed(self, data: bytes) -> list[Seen]:
        """Return everything that is complete now."""
        text = self._rest + data
        seen = [self._seen(match) for match in _PIECE.finditer(text)]
        end = max((m.end() for m in _PIECE.finditer(text)), default=0)
        unfinished = _UNFINISHED.search(text, end)
        self._rest = unfinished[0][-MAX_HELD_BYTES:] if unfinished else b""
        return seen

    def _seen(self, match: re.Match[bytes]) -> Seen:
        kind = str(match.lastgroup)
        if kind == "body":
            return Seen(self._way, "frame", match[0], match["seq"].decode(), match["body"])
        return Seen(self._way, kind, match[0], match[0][1:].decode())


class HisCable:
    """What the HIS connects to; `box_port` is where it leads, None while the box is off."""

    def __init__(self, on_seen: Callable[[Seen], None], on_change: Callable[[], None]) -> None:
        self.port = 0
        self.box_port: int | None = None
        self.plugged = True
        self.answers: dict[str, dict[str, object]] = {}
        """The last answer that went to the HIS, by its id."""
        self._on_seen = on_seen
        self._on_change = on_change
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def up(self) -> bool:
        """Whether a connection leads through."""
        return bool(self._writers)

    async def start(self) -> None:
        """Listen for the HIS."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def plug(self, *, plugged: bool) -> None:
        """Pull the cable out, or put it back."""
        self.plugged = plugged
        if not plugged:
            self.cut()
        self._on_change()

    def cut(self) -> None:
        """End whatever connection there is."""
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
        if not self.plugged or self.box_port is None:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.box_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        self._on_change()
        try:
            await self._pass_both(reader, writer, far_reader, far_writer)
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()
            self._on_change()

    async def _pass_both(
        self,
        his_reader: asyncio.StreamReader,
        his_writer: asyncio.StreamWriter,
        box_reader: asyncio.StreamReader,
        box_writer: asyncio.StreamWriter,
    ) -> None:
        """Pass bytes until either side ends."""
        ways = {
            asyncio.create_task(self._pass(his_reader, box_writer, Splitter(Way.OUT))),
            asyncio.create_task(self._pass(box_reader, his_writer, Splitter(Way.IN))),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, splitter: Splitter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                writer.write(data)
                for seen in splitter.feed(data):
                    self._note(seen)
                    self._on_seen(seen)
                await writer.drain()

    def _note(self, seen: Seen) -> None:
        message = seen.message
        if seen.way is Way.IN and message.get("type") in {"result", "refund_result", "error"}:
            self.answers[str(message.get("id", ""))] = message
            while len(self.answers) > MAX_KEPT_IDS:
                self.answers.pop(next(iter(self.answers)))
