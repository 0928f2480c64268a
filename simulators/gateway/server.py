"""The sockets: a small HTTP/1.1 server (parsing by h11) that can also misbehave on purpose."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h11

from simulators.gateway.admin import PREFIX, Admin
from simulators.gateway.book import Book
from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities
from simulators.gateway.provider import ALIPAY_PATH, Provider
from simulators.gateway.rules import Rules
from simulators.gateway.scripts import Binding
from simulators.gateway.wire import Answer, Delivery, Ending, HttpRequest

HOST = "127.0.0.1"  # the emulator never listens beyond this machine
MAX_BODY = 1 << 20  # bytes
MAX_HEAD = 1 << 16  # bytes; python-alipay-sdk puts everything into the request line
READ_SIZE = 1 << 16
KEEPALIVE_S = 75.0  # nginx's default; an idle connection is closed after it
# A client that was told nothing waits for its own timeout, at most 15 s; this is for lost ones.
MAX_SILENCE_S = 600
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST

_log = logging.getLogger(__name__)


class Gateway:
    """Both providers on one loopback port, and over TLS on another if asked.

    Use as ``async with Gateway(identities) as gateway``. ``port`` 0 = any. ``tls_port`` None = no
    TLS. ``book_file``: each change of the book is appended as a JSON line.
    """

    def __init__(  # noqa: PLR0913 - keyword-only settings of the composition
        self,
        identities: Identities,
        *,
        port: int = 0,
        tls_port: int | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
        book_file: Path | None = None,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        self.identities = identities
        self.provider = Provider(identities.merchant, clock, rules)
        self.port = port
        self.tls_port = tls_port
        self._keepalive_s = keepalive_s
        self._admin = Admin(self.provider)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        if book_file is not None:
            self.provider.book.listeners.append(_appender(book_file))

    @property
    def book(self) -> Book:
        """The provider's book."""
        return self.provider.book

    @property
    def wechat_url(self) -> str:
        """``base_url`` of ``[channels.wechat]``."""
        return f"http://{HOST}:{self.port}"

    @property
    def alipay_url(self) -> str:
        """``gateway_url`` of ``[channels.alipay]``."""
        return self.wechat_url + ALIPAY_PATH

    @property
    def tls_url(self) -> str:
        """``base_url`` over TLS."""
        return f"https://{HOST}:{self.tls_port}"

    def bind(self, *bindings: Binding) -> None:
        """Bind behaviours, as the admin API does."""
        for one in bindings:
            self.provider.scripts.bind(one)

    async def start(self) -> None:
        """Listen; ``port`` and ``tls_port`` then hold the real numbers."""
        self.port = await self._listen(self.port, None)
        if self.tls_port is not None:
            self.tls_port = await self._listen(self.tls_port, tls_context(self.identities))

    async def stop(self) -> None:
        """Close everything, also connections in the middle of an answer."""
        while self._servers:
            self._servers.pop().close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport is gone one turn of the loop later

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _listen(self, port: int, tls: ssl.SSLContext | None) -> int:
        server = await asyncio.start_server(self._accept, HOST, port, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._servers:  # it was on its way in when the door was closed
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also of one never begun

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(reader, writer, self._keepalive_s)
        # The client may go at any moment; that is its right and nothing to report.
        with contextlib.suppress(OSError, h11.ProtocolError, TimeoutError):
            while (request := await connection.request()) is not None:
                if not await connection.deliver(self._answer(request)):
                    break
            writer.close()
            await writer.wait_closed()

    def _answer(self, request: HttpRequest) -> Delivery:
        try:
            if request.target.startswith(PREFIX):
                return Delivery(self._admin.answer(request))
            return self.provider.receive(request)
        except Exception:  # noqa: BLE001 - a bug must reach the log and the client, not hang it
            _log.exception("the gateway itself failed")
            return Delivery(Answer(b"gateway bug, see its log", status=500))


class _Connection:
    """One client connection: h11 for the form, raw writes for the faults."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keepalive_s: float
    ) -> None:
        self._reader, self._writer = reader, writer
        self._keepalive_s = keepalive_s
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        tls = writer.get_extra_info("ssl_object")
        self._tls = tls is not None
        self._certificate = bool(tls and tls.getpeercert())

    async def request(self) -> HttpRequest | None:
        """Return the next request; None when the client is done."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._feed()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BODY:
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return self._request(head, bytes(body))
            else:
                return None

    async def _feed(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._writer.write(self._http.send(go_on) or b"")
        async with asyncio.timeout(self._keepalive_s):
            self._http.receive_data(await self._reader.read(READ_SIZE))

    def _request(self, head: h11.Request, body: bytes) -> HttpRequest:
        return HttpRequest(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            headers={name.decode("ascii"): one.decode("latin-1") for name, one in head.headers},
            body=body,
            tls=self._tls,
            client_certificate=self._certificate,
        )

    async def deliver(self, delivery: Delivery) -> bool:
        """Send what there is to send; True if the connection stays good."""
        if delivery.delay_s:
            await asyncio.sleep(delivery.delay_s)
        if delivery.answer is not None:
            head, body = self._write(delivery.answer)
            raw = head + body[: delivery.cut_body]
            await self._send(raw[: delivery.cut], delivery.drip_s)
        match delivery.ending:
            case Ending.KEEP:
                return self._next()
            case Ending.SILENCE:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._reader.read(), MAX_SILENCE_S)
            case Ending.RESET:
                self._reset()
            case Ending.CLOSE:
                pass
        return False

    async def _send(self, raw: bytes, drip_s: float) -> None:
        step = 1 if drip_s else len(raw)
        for start in range(0, len(raw), step or 1):
            self._writer.write(raw[start : start + step])
            await self._writer.drain()
            if drip_s:
                await asyncio.sleep(drip_s)

    def _write(self, answer: Answer) -> tuple[bytes, bytes]:
        headers = [
            ("Server", "nginx"),
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            *([("Location", answer.location)] if answer.location else []),
        ]
        head = h11.Response(status_code=answer.status, headers=headers)
        raw = self._http.send(head) or b""
        body = self._http.send(h11.Data(data=answer.body)) or b""
        self._http.send(h11.EndOfMessage())
        return raw, body

    def _next(self) -> bool:
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def _reset(self) -> None:
        plain: socket.socket = self._writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()


def tls_context(identities: Identities) -> ssl.SSLContext:
    """Server side with an optional client certificate, as the real hosts have it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identities.path("server_cert.pem"), identities.path("server_key.pem"))
    context.load_verify_locations(identities.path("client_ca.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _appender(path: Path) -> Callable[[dict[str, Any]], None]:
    def append(change: dict[str, Any]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(change, ensure_ascii=False) + "\n")

    return append
