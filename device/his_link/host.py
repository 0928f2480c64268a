"""The HIS's end of the link: asks, waits for the answer, takes what comes unasked (his-link §1-2).

The same frames and session as the box's end. Used by `paybox his`, the HIS simulator and tests.

With a key the link is sealed (§4): `connect` returns when the box has proved itself. When the box
wants another hello, because either side was restarted, the client says it and asks again what is
not answered.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, Self
from urllib.parse import parse_qs, urlsplit

from device.domain.ports import ByteStream
from device.his_link.body import Writing, read
from device.his_link.calls import Call, Calls, Fields, NoAnswer, fail
from device.his_link.connection import Connection, LoopTimers, Timers
from device.his_link.handshake import Accepted, HisEnd, Ignored, Opened, Required
from device.his_link.messages import PROTOCOL_VERSION
from device.his_link.seal import NONCE_BYTES, DeskKey, Seal, plain_limit
from device.his_link.session import TCP_LINE, Line, Message, serial_line, tcp_line
from device.his_link.text import BadBody

ANSWER_TIMEOUT_S = 10.0  # of what is answered at once; a pay is given its own
ENQ_TIMEOUT_S = 2.0
GREETING_S = 5.0  # a hello without an answer for so long is said again with the next request
DEFAULT_BAUDRATE = 9600  # his-link §1
UNASKED_KEPT = 1000  # messages nobody took; the oldest go first

PLAIN = Writing()


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


def _line(address: str) -> Line:
    """Return the line of an address; where its speed is known the wait for ACK begins later."""
    baudrate = parse_qs(urlsplit(address).query).get("baudrate", ["0"])[0]
    if address.startswith("serial:"):
        return serial_line(int(baudrate) or DEFAULT_BAUDRATE)
    return tcp_line(int(baudrate))


def _confirmed(greeted: "asyncio.Future[None]", answer: "asyncio.Future[Fields]") -> None:
    if not greeted.done() and answer.exception() is None:
        greeted.set_result(None)


class Client:
    """One connection to a box. `request` asks; `unasked()` gives what the box says by itself."""

    def __init__(
        self,
        line: Line = TCP_LINE,
        writing: Writing = PLAIN,
        *,
        key: bytes | None = None,
        timers: Timers | None = None,
    ) -> None:
        self._line = replace(line, asks=True, sealed=key is not None)
        self._writing = writing
        self._end = HisEnd(DeskKey.of(key)) if key else None
        self._greeting_s: float | None = None
        """Since when a hello is unanswered."""
        self._greeted: asyncio.Future[None] | None = None
        """The first session, once somebody waits for it."""
        self._timers = timers or LoopTimers()
        self._connection: Connection | None = None
        self._stream: ByteStream | None = None
        self._calls = Calls()
        self._here: list[asyncio.Future[None]] = []
        self._unasked: asyncio.Queue[Fields | None] = asyncio.Queue(UNASKED_KEPT)

    @classmethod
    async def connect(
        cls,
        address: str,
        open_stream: OpenStream,
        writing: Writing = PLAIN,
        *,
        key: bytes | None = None,
    ) -> Self:
        """Return a connected client; OSError if nobody is there, ValueError for a bad address.

        NoAnswer if the box does not prove that it holds the key.
        """
        client = cls(_line(address), writing, key=key)
        client.attach(await open_stream(address, client))
        if key:
            await client.greet()
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

    # -------------------------------------------------------------- the sealed session

    async def greet(self, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Begin the first session; NoAnswer if the box does not prove that it holds the key."""
        self._greeted = asyncio.get_running_loop().create_future()
        self._hello()
        try:
            async with asyncio.timeout(timeout_s):
                await self._greeted
        except TimeoutError:
            self.close()
            raise NoAnswer(f"no answer to hello in {timeout_s:g} s") from None
        except NoAnswer:
            self.close()
            raise

    def _hello(self) -> None:
        assert self._end is not None
        assert self._connection is not None
        self._end, message = self._end.hello(secrets.token_bytes(NONCE_BYTES))
        self._greeting_s = self._timers.monotonic()
        self._connection.send(Message(self._writing.encode(message), unsealed=True))

    def _opened(self, end: HisEnd, seq: int, body: bytes) -> bytes | None:
        """Return what stands in a sealed body; None if it was about the session itself."""
        self._end, taken = end.take(seq, body)
        match taken:
            case Opened(plain):
                return plain
            case Accepted(seal):
                self._accepted(seal)
            case Required() if self._greeting_s is None:
                self._hello()
            case Required() if self._greeted:
                fail(self._greeted, "the box does not take this key")
            case Ignored(unproved=True) if self._greeted:
                fail(self._greeted, "the box does not prove that it holds this key")
        return None

    def _accepted(self, seal: Seal) -> None:
        """Say the hello that counts, then ask again what is not answered, then what was held."""
        assert self._connection is not None
        self._connection.reseal(seal)
        self._greeting_s = None
        again = tuple(self._calls.again())
        hello = Call(self._writing.encode({"type": "hello", "v": PROTOCOL_VERSION}))
        if self._greeted and not self._greeted.done():
            hello.answer.add_done_callback(partial(_confirmed, self._greeted))
        for call in (hello, *again):
            self._post(call)

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
        await self._send(type_, fields, answered=False).delivered

    def post(self, type_: str, fields: Fields | None = None) -> None:
        """Send without waiting for anything."""
        if self.is_open:
            self._send(type_, fields, answered=False)

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

    def _send(self, type_: str, fields: Fields | None, *, answered: bool = True) -> Call:
        if self._connection is None or not self.is_open:
            raise NoAnswer("not connected")
        body = self._writing.encode({"type": type_, **(fields or {})})
        limit = plain_limit(self._line.body_limit) if self._end else self._line.body_limit
        if len(body) > limit:
            raise ValueError(f"the message is longer than {limit} bytes")
        call = Call(body, answered=answered)
        if self._greeting_s is None:
            self._post(call)
            return call
        self._calls.hold(call)
        if self._timers.monotonic() - self._greeting_s > GREETING_S:
            self._hello()
        return call

    def _post(self, call: Call) -> None:
        assert self._connection is not None
        self._calls.add(call)
        self._connection.send(Message(call.body, token=call))

    # -------------------------------------------------------------- called by the stream

    def data_received(self, data: bytes) -> None:
        """Take bytes from the stream."""
        if self._connection is not None:
            self._connection.data_received(data)

    def closed(self) -> None:
        """End: the stream is gone."""
        if self._connection is not None:
            self._connection.closed()
        if self._greeted:
            fail(self._greeted, "the box closed the connection")
        self._calls.fail_all()
        self._put(None)

    # -------------------------------------------------------------- called by the connection

    def on_message(self, seq: int, body: bytes) -> None:
        """Give an answer to whoever asked, anything else to `unasked`."""
        plain = body if self._end is None else self._opened(self._end, seq, body)
        if plain is None:
            return
        try:
            message = read(plain, self._writing.encoding)
        except BadBody:
            return
        call = self._calls.waiting(message)
        if call is None:
            self._put(message)
        else:
            call.take(message)

    def on_sent(self, token: object, seq: int) -> None:
        """Learn which SEQ the answer will name."""
        if isinstance(token, Call):
            self._calls.left(token, seq)

    def on_acknowledged(self, token: object) -> None:
        """Learn that the box's link has a message."""
        if isinstance(token, Call) and not token.delivered.done():
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
            self._calls.fail_all()

    def _put(self, message: Fields | None) -> None:
        if self._unasked.full():
            self._unasked.get_nowait()
        self._unasked.put_nowait(message)
