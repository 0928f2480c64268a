"""The way to the providers: requests of the real channels, answered in memory.

What a test of the network needs can fail here: the n-th call, once or from then on, before the
provider saw it or after.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from enum import StrEnum
from typing import Any, NoReturn
from urllib.parse import unquote_plus

import httpx

from simulators.crash.tape import Arrived
from simulators.gateway.provider import Provider
from simulators.gateway.wire import Delivery, Ending, HttpRequest

LATENCY_S = 0.05  # there, and as much back
REFUND_NUMBER = re.compile(r"\bR[A-Z2-7]{31}\b")  # payment-states §1.8

Note = Callable[[Arrived], None]


class Fault(StrEnum):
    """What becomes of a call."""

    NONE = "none"
    NOT_SENT = "not sent"  # no connection: nothing left
    NO_TLS = "no TLS"  # a connection, but nothing that could be trusted: nothing left
    LOST_REQUEST = "request lost"  # it left, and nobody got it
    LOST_ANSWER = "answer lost"  # the provider did it, then the connection broke
    SILENCE = "silence"  # the provider did it, and nothing ever comes back
    HALF_ANSWER = "half an answer"  # it broke in the middle of the body
    GARBAGE = "garbage"  # 200, and not what a provider says
    BAD_GATEWAY = "502"  # the provider did it, and a proxy between says otherwise


UNSENT: Mapping[Fault, str] = {
    Fault.NOT_SENT: "connection.connect_tcp.started",
    Fault.NO_TLS: "connection.start_tls.started",
}
"""What the engine is doing when it breaks before a byte of the request left."""


class Network(httpx.AsyncBaseTransport):
    """Implements httpx's transport over one `Provider`."""

    def __init__(self, provider: Provider, note: Note) -> None:
        self.provider = provider
        self.calls = 0
        self.fault: Callable[[int], Fault] = lambda _: Fault.NONE
        self._note = note

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request there and its answer back."""
        self.calls += 1
        fault, trace = self.fault(self.calls), request.extensions["trace"]
        if fault in UNSENT:
            await trace(UNSENT[fault], {})
            raise httpx.ConnectError(fault)
        await trace("http11.send_request_headers.started", {})
        await asyncio.sleep(LATENCY_S)
        if fault is Fault.LOST_REQUEST:
            raise httpx.ReadError("lost on the way there")
        delivery = self._receive(_plain(request))
        await asyncio.sleep(LATENCY_S + delivery.delay_s)
        if fault is Fault.LOST_ANSWER:
            raise httpx.ReadError("lost on the way back")
        if fault is Fault.SILENCE:
            await _silence(request)
        if fault in INSTEAD:
            return INSTEAD[fault]()
        return await _response(request, delivery)

    def _receive(self, request: HttpRequest) -> Delivery:
        """Let the provider have it; the arrival is noted before anything is decided about it."""
        before = len(self.provider.book.arrivals)
        delivery = self.provider.receive(request)
        for arrival in self.provider.book.arrivals[before:]:
            self._note(Arrived(arrival.call, arrival.out_trade_no, _refund_number(request)))
        return delivery


def _refund_number(request: HttpRequest) -> str:
    found = REFUND_NUMBER.search(unquote_plus(request.body.decode()))
    return found[0] if found else ""


def _plain(request: httpx.Request) -> HttpRequest:
    return HttpRequest(
        method=request.method,
        target=request.url.raw_path.decode("ascii"),
        headers={name.decode().lower(): value.decode() for name, value in request.headers.raw},
        body=request.content,
        tls=True,
        client_certificate=True,
    )


async def _silence(request: httpx.Request) -> NoReturn:
    timeouts: dict[str, Any] = request.extensions["timeout"]
    await asyncio.sleep(timeouts["read"])
    raise httpx.ReadTimeout("silence")


class _Half(httpx.AsyncByteStream):
    """A body that breaks off."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</resu"
        raise httpx.RemoteProtocolError("closed in the middle of the body")


INSTEAD: Mapping[Fault, Callable[[], httpx.Response]] = {
    Fault.HALF_ANSWER: lambda: httpx.Response(200, stream=_Half()),
    Fault.GARBAGE: lambda: httpx.Response(200, content=b"\x00\xff\x13<html"),
    Fault.BAD_GATEWAY: lambda: httpx.Response(502, content=b"<html>502 Bad Gateway</html>"),
}
"""What comes in place of the answer."""


async def _response(request: httpx.Request, delivery: Delivery) -> httpx.Response:
    answer = delivery.answer
    whole = delivery.cut is None and delivery.cut_body is None
    if answer is not None and whole:
        return httpx.Response(
            answer.status, headers={"content-type": answer.content_type}, content=answer.body
        )
    if delivery.ending is Ending.SILENCE:
        await _silence(request)
    raise httpx.ReadError("closed")
