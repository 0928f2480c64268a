"""The HIS's end of the link: asks, waits for the answer, takes what comes unasked (his-link §1-2).

The same frames and session as the box's end. Used by `paybox his`, the HIS simulator and tests.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

from device.domain.ports import ByteStream
from device.errors import PeerError
from device.his_link.body import Writing, read
from device.his_link.connection import Connection, LoopTimers, Timers
from device.his_link.frames import SERIAL_BODY_BYTES, TCP_BODY_BYTES
from device.his_link.session import Line, Message
from device.his_link.text import BadBody

ANSWER_TIMEOUT_S = 10.0  # of what is answered at once; a pay is given its own
ENQ_TIMEOUT_S = 2.0
UNASKED_KEPT = 1000  # messages nobody took; the oldest go first
LINES = {
    "tcp": Line(TCP_BODY_BYTES, closes=True, asks=True),
    "serial": Line(SERIAL_BODY_BYTES, closes=False, asks=True),
}

Fields = dict[str, Any]
PLAIN = Writing()


class NoAnswer(PeerError):
    """The box did not answer in time, or the way to it is gone: ask again with `query`."""


class Receiver(Protocol):
    """What a stream calls."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        ...

    def closed(self) -> None:
        """The stream is gone."""
        ...


OpenStream = Callable[[str, Receiver], Awaitable[ByteStream]]
"""`drivers.streams.open_stream`: address and receiver to an open stream; OSError, ValueError."""


class _Call:
    """A message that was sent, and what became of it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.delivered: asyncio.Future[None] = loop.create_future()
        self.answer: asyncio.Future[Fields] = loop.create_future()
        self.so_far: Fields | None = None

    def fail(self) -> None:
        for future in (self.delivered, self.answer):
            if not future.done():
                future.set_exception(NoAnswer("the connection to the box is gone"))
                future.exception()  # seen: whoever waits gets it all the same


class Client:
    """One connection to a box. `request` asks; `unasked()` gives what the box says by itself."""

    def __init__(
        self, kind: str = "tcp", writing: Writing = PLAIN, *, timers: Timers | None = None
    ) -> None:
        self._line = LINES[kind]
        self._writing = writing
        self._timers = timers or LoopTimers()
        self._connection: Connection | None = None
        self._stream: ByteStream | None = None
        self._unsent: list[_Call] = []
        self._calls: dict[int, _Call] = {}
        """By SEQ; a SEQ that comes round again takes the place."""
        self._here: list[asyncio.Future[None]] = []
        self._unasked: asyncio.Queue[Fields | None] = asyncio.Queue(UNASKED_KEPT)

    @classmethod
    async def connect(cls, address: str, open_stream: OpenStream, writing: Writing = PLAIN) -> Self:
        """Return a connected client; OSError if nobody is there, ValueError for a bad address."""
        client = cls("serial" if address.startswith("serial:") else "tcp", writing)
        client.attach(await open_stream(address, client))
        return client

    def attach(self, stream: ByteStream) -> None:
        """Use this stream; its driver calls `data_received` and `closed`."""
        self._stream = stream
        self._connection = Connection(stream, self._line, self._timers, self)

    @property
    def is_open(self) -> bool:
        """Whether the box can be asked now."""
        return self._connection is not None and self._connection.is_up

    def close(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close()

    # -------------------------------------------------------------- asking

    async def request(
        self, type_: str, fields: Fields | None = None, *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> Fields:
        """Return the first answer, whole: lists cut into several frames are joined.

        NoAnswer if the connection goes or the time is over.
        """
        call = self._send(type_, fields)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await call.answer
        raise NoAnswer(f"no answer to {type_} in {timeout_s:g} s")

    async def tell(self, type_: str, fields: Fields | None = None) -> None:
        """Send what has no answer (`received`); return when the box's link has it."""
        await self._send(type_, fields).delivered

    def post(self, type_: str, fields: Fields | None = None) -> None:
        """Send without waiting for anything."""
        if self.is_open:
            self._send(type_, fields)

    async def enq(self, timeout_s: float = ENQ_TIMEOUT_S) -> float:
        """Ask whether the box is there; return the seconds it took."""
        if self._connection is None or not self.is_open:
            raise NoAnswer("not connected")
        here: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._here.append(here)
        started_s = self._timers.monotonic()
        self._connection.probe()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await here
                return self._timers.monotonic() - started_s
        raise NoAnswer(f"no answer to ENQ in {timeout_s:g} s")

    async def unasked(self) -> Fields:
        """Return the next message without `re`; NoAnswer once the connection is gone."""
        message = await self._unasked.get()
        if message is None:
            self._put(None)  # for the next who asks
            raise NoAnswer("the connection to the box is gone")
        return message

    def _send(self, type_: str, fields: Fields | None) -> _Call:
        if self._connection is None or not self.is_open:
            raise NoAnswer("not connected")
        body = self._writing.encode({"type": type_, **(fields or {})})
        if len(body) > self._line.body_limit:
            raise ValueError(f"the message is longer than {self._line.body_limit} bytes")
        call = _Call()
        self._unsent.append(call)
        self._connection.send(Message(body, token=call))
        return call

    # -------------------------------------------------------------- called by the stream

    def data_received(self, data: bytes) -> None:
        """Take bytes from the stream."""
        if self._connection is not None:
            self._connection.data_received(data)

    def closed(self) -> None:
        """End: the stream is gone."""
        if self._connection is not None:
            self._connection.closed()
        self._fail_all()
        self._put(None)

    # -------------------------------------------------------------- called by the connection

    def on_message(self, seq: int, body: bytes) -> None:  # noqa: ARG002  Listener's signature
        """Give an answer to whoever asked, anything else to `unasked`."""
        try:
            message = read(body, self._writing.encoding)
        except BadBody:
            return
        call = self._calls.get(_seq(message.get("re")))
        if call is None or call.answer.done():
            self._put(message)
        else:
            _add(call, message)

    def on_sent(self, token: object, seq: int) -> None:
        """Learn which SEQ the answer will name."""
        assert isinstance(token, _Call)
        self._unsent.remove(token)
        self._calls[seq] = token

    def on_acknowledged(self, token: object) -> None:
        """Learn that the box's link has a message."""
        assert isinstance(token, _Call)
        if not token.delivered.done():
            token.delivered.set_result(None)

    def on_here(self) -> None:
        """Wake whoever asked ENQ first."""
        while self._here:
            here = self._here.pop(0)
            if not here.done():
                here.set_result(None)
                return

    def on_up(self, up: bool) -> None:  # noqa: FBT001  Listener's signature
        """Fail what waits when a serial line goes down."""
        if not up:
            self._fail_all()

    def _fail_all(self) -> None:
        for call in (*self._unsent, *self._calls.values()):
            call.fail()
        self._unsent.clear()
        self._calls.clear()

    def _put(self, message: Fields | None) -> None:
        if self._unasked.full():
            self._unasked.get_nowait()
        self._unasked.put_nowait(message)


def _seq(re: object) -> int:
    try:
        return int(re, 16) if isinstance(re, str) else 0
    except ValueError:
        return 0


def _add(call: _Call, message: Fields) -> None:
    """Join the lists of an answer that was cut into several."""
    so_far = call.so_far
    if so_far is not None:
        for name, value in message.items():
            if isinstance(value, list) and isinstance(so_far.get(name), list):
                message[name] = so_far[name] + value
    if message.pop("more", False):
        call.so_far = message
    else:
        call.answer.set_result(message)
