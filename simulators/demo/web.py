"""A small HTTP/1.1 server for one page on this machine: h11 for the protocol, asyncio for bytes.

It listens on loopback only and answers only to its own name (`Host`, `Origin`), so that no other
page in the same browser can press the demo's buttons.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import h11

MAX_BODY_BYTES = 65536  # a form of the page has a few hundred
READ_BYTES = 65536
IDLE_S = 75.0  # a browser's idle connection is closed after this
READ_ERRORS = (ConnectionError, TimeoutError, h11.RemoteProtocolError)
WRITE_ERRORS = (ConnectionError, h11.LocalProtocolError)
SAFETY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class WebRequest:
    """What the browser asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """Return the body's JSON object; ValueError if it is none."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004  one error for a bad body
        return value


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """What it is told; `stream` instead of `body` for events without an end."""

    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None


def json_answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> WebAnswer:
    """Return `value` as JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return WebAnswer(status, "application/json; charset=utf-8", text.encode())


Handler = Callable[[WebRequest], Awaitable[WebAnswer]]


class WebServer:
    """Serves `handler` on 127.0.0.1."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def address(self) -> str:
        """What to type into the browser."""
        return f"http://127.0.0.1:{self.port}/"

    async def start(self, port: int) -> None:
        """Listen on `port`, on any free one if it is taken."""
        try:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        except OSError:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the door and every open connection."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport is gone one turn of the loop later

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(_Peer(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also of one never begun

    async def _serve(self, peer: "_Peer") -> None:
        """Answer one connection's requests until it ends."""
        with contextlib.suppress(*READ_ERRORS, *WRITE_ERRORS):
            while request := await peer.request():
                await peer.answer(await self._answer(request))
                if not peer.next_cycle():
                    break
            await peer.close()

    async def _answer(self, request: WebRequest) -> WebAnswer:
        names = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("origin")
        if request.headers.get("host") not in names or (
            origin is not None and origin.removeprefix("http://") not in names
        ):
            return WebAnswer(HTTPStatus.FORBIDDEN, body=b"this page is for this machine only\n")
        return await self._handler(request)


class _Peer:
    """One browser connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = h11.Connection(h11.SERVER)

    async def request(self) -> WebRequest | None:
        """Return the next whole request, None at the end of the connection."""
        head: h11.Request | None = None
        body = b""
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY_BYTES:
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, body)
            else:
                return None

    async def _event(self) -> object:
        while True:
            event = self._protocol.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await asyncio.wait_for(self._reader.read(READ_BYTES), IDLE_S)
            self._protocol.receive_data(data)

    async def answer(self, answer: WebAnswer) -> None:
        """Send one answer."""
        headers = {"Content-Type": answer.content_type, **SAFETY_HEADERS}
        if answer.stream is None:
            headers["Content-Length"] = str(len(answer.body))
        self._send(h11.Response(status_code=answer.status, headers=list(headers.items())))
        if answer.stream is None:
            self._send(h11.Data(data=answer.body))
        else:
            await self._send_stream(answer.stream)
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def _send_stream(self, stream: AsyncIterator[bytes]) -> None:
        """Send until the browser goes away; its end of file ends the stream."""
        gone = asyncio.create_task(self._reader.read(1))
        try:
            await self._pump(stream, gone)
        finally:
            gone.cancel()

    async def _pump(self, stream: AsyncIterator[bytes], gone: asyncio.Task[bytes]) -> None:
        while True:
            piece = asyncio.ensure_future(anext(stream))
            await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                piece.cancel()
                raise ConnectionResetError("the browser went away")
            self._send(h11.Data(data=piece.result()))
            await self._writer.drain()

    def next_cycle(self) -> bool:
        """Whether another request may come on this connection."""
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            return False
        self._protocol.start_next_cycle()
        return True

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    def _send(self, event: h11.Event) -> None:
        data = self._protocol.send(event)
        if data:
            self._writer.write(data)


def _request(head: h11.Request, body: bytes) -> WebRequest:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
    path = head.target.decode("ascii", errors="replace").partition("?")[0]
    return WebRequest(head.method.decode(), path, headers, body)
