"""The way between the box and the providers: an httpx transport on the virtual clock.

It tells httpcore's trace what it does, as the real engine would, so that the box can see whether a
byte of the request may have left. Bytes that left arrive although the box has lost its power.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from simulators.gateway.provider import Provider
from simulators.gateway.wire import HTML_502, Answer, Delivery, Ending, HttpRequest
from simulators.world.chance import Stream
from simulators.world.forger import forged
from simulators.world.loop import VirtualLoop
from simulators.world.time import Machine
from simulators.world.wire import Sent, read

SERVER_KEEPS_S = 75.0  # nginx's default: then the provider closes an idle connection
CONNECTING = {
    "dns_failure": 1.0,
    "connect_refused": 1.0,
    "connect_timeout": 1.0,
    "tls_failure": 1.0,
    "slow_connect": 2.0,
}
SENDING = {
    "lost_request": 2.0,
    "delayed_request": 2.0,
    "lost_answer": 3.0,
    "late_answer": 1.5,
    "duplicate": 1.5,
    "reset_before": 1.5,
    "reset_after": 2.0,
    "garbage": 0.7,
    "http_502": 1.0,
    "http_502_before": 0.7,
    "stale_connection": 2.0,
    "forged": 0.7,
}
FORGED = frozenset({"pay", "query"})
"""Calls to which a forger would answer."""
NOT_ARRIVING = frozenset({"lost_request", "reset_before", "http_502_before", "stale_connection"})
GARBAGE = Answer(b"\x00\xff\x13garbage<xml", "application/octet-stream")


@dataclass(slots=True)
class Network:
    """What lies between. `stream` draws this payment's faults; `share` is how bad it is."""

    loop: VirtualLoop
    provider: Provider
    stream: Stream
    machine: Machine
    share: float = 0.0
    cut_off: bool = False
    """True: packets vanish silently."""
    on_sent: Callable[[Sent], None] = lambda _: None
    on_arrival: Callable[[Sent], None] = lambda _: None
    on_fault: Callable[[Sent, str], None] = lambda _s, _k: None
    world: contextvars.Context = field(default_factory=contextvars.copy_context)
    in_flight: int = 0
    """Requests on their way, and how late the last of them may land."""

    def lines(self) -> "Lines":
        """A transport for one HTTP client."""
        return Lines(self)

    def carry(
        self, request: httpx.Request, sent: Sent, fault: str, gone: asyncio.Future[Any]
    ) -> None:
        """Take bytes that left: they arrive, once, twice or never."""
        self.on_sent(sent)
        if self.cut_off or fault in NOT_ARRIVING:
            return
        delay_s = self.stream.between(0.004, 0.08)
        if fault == "delayed_request":
            delay_s = self.stream.spread(2.0, 120.0)
        second = fault == "duplicate" and self.stream.happens(0.5)  # whose answer comes back
        first = None if second or fault == "lost_answer" else gone
        self._arrive_in(delay_s, request, sent, first)
        if fault == "duplicate":
            later_s = delay_s + self.stream.spread(0.001, 30.0)
            self._arrive_in(later_s, request, sent, gone if second else None)

    def _arrive_in(
        self,
        delay_s: float,
        request: httpx.Request,
        sent: Sent,
        gone: asyncio.Future[Any] | None,
    ) -> None:
        self.in_flight += 1
        self.loop.call_later(delay_s, self._arrive, request, sent, gone, context=self.world.copy())

    def _arrive(self, request: httpx.Request, sent: Sent, gone: asyncio.Future[Any] | None) -> None:
        self.in_flight -= 1
        self.on_arrival(sent)
        target = request.url.raw_path.decode()
        headers = {k.lower(): v for k, v in request.headers.items()}
        delivery = self.provider.receive(
            HttpRequest("POST", target, headers, request.content, tls=True, client_certificate=True)
        )
        if gone is not None:
            back_s = delivery.delay_s + self.stream.between(0.004, 0.08)
            self.loop.call_later(back_s, _hand, gone, delivery, context=self.world.copy())


def _hand(gone: asyncio.Future[Any], delivery: Delivery) -> None:
    if not gone.done():
        gone.set_result(delivery)


@dataclass(slots=True)
class Lines(httpx.AsyncBaseTransport):
    """One client's connections: one at a time is kept, as a desk needs."""

    network: Network
    used_s: float | None = None
    """When the kept connection was last used; None: there is none."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request; raises what httpx would."""
        network, now_s = self.network, self.network.loop.time()
        trace = request.extensions["trace"]
        read_s = request.extensions["timeout"]["read"]
        connect_s = request.extensions["timeout"]["connect"]
        sent = read(request, now_s)
        share = 0.0 if sent.probe else network.share
        if self.used_s is not None and now_s - self.used_s > SERVER_KEEPS_S:
            self.used_s = None
        fresh = self.used_s is None
        if fresh:
            await self._connect(trace, connect_s, sent, share / 2)
        fault = network.stream.fault(share, SENDING)
        if fault == "stale_connection" and fresh:
            fault = "reset_before"
        if fault:
            network.on_fault(sent, fault)
        await trace("http11.send_request_headers.started", {"request": None})
        self.used_s = None
        answer = await self._exchange(request, sent, fault, read_s)
        self.used_s = network.loop.time()
        return answer

    async def _connect(self, trace: Any, timeout_s: float, sent: Sent, share: float) -> None:
        network = self.network
        await trace("connection.connect_tcp.started", {"request": None})
        if not network.machine.vpn_up:
            raise httpx.ConnectError("no route")
        fault = network.stream.fault(share, CONNECTING)
        if fault:
            network.on_fault(sent, fault)
        if network.cut_off or fault == "connect_timeout":
            await asyncio.sleep(timeout_s)
            raise httpx.ConnectTimeout("connect")
        await asyncio.sleep(network.stream.between(0.004, 0.05))
        if fault in {"dns_failure", "connect_refused"}:
            raise httpx.ConnectError(fault)
        if fault == "slow_connect":
            await asyncio.sleep(network.stream.between(0.5, timeout_s - 0.1))
        await trace("connection.start_tls.started", {"request": None})
        await asyncio.sleep(network.stream.between(0.01, 0.1))
        if fault == "tls_failure":
            raise httpx.ConnectError("tls")

    async def _exchange(
        self, request: httpx.Request, sent: Sent, fault: str, read_s: float
    ) -> httpx.Response:
        network = self.network
        gone: asyncio.Future[Any] = network.loop.create_future()
        network.carry(request, sent, fault, gone)
        if fault in {"reset_before", "stale_connection"} or not network.machine.vpn_up:
            await asyncio.sleep(network.stream.between(0.004, 0.05))
            raise httpx.ReadError("reset")
        if fault == "http_502_before":
            await asyncio.sleep(0.01)
            return _response(HTML_502)
        try:
            async with asyncio.timeout(read_s):
                delivery: Delivery = await gone
                if fault == "late_answer":
                    await asyncio.sleep(network.stream.spread(1.0, 2 * read_s))
        except TimeoutError:
            raise httpx.ReadTimeout("read") from None
        if fault == "reset_after":
            raise httpx.ReadError("reset")
        if fault == "forged" and sent.call in FORGED:
            return _response(forged(sent))
        if fault in {"garbage", "http_502"}:
            return _response(GARBAGE if fault == "garbage" else HTML_502)
        return await _delivered(delivery, read_s)


async def _delivered(delivery: Delivery, read_s: float) -> httpx.Response:
    if delivery.answer is None or delivery.cut is not None:
        if delivery.ending is Ending.SILENCE:
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("read")
        raise httpx.RemoteProtocolError("closed without an answer")
    return _response(delivery.answer, delivery.cut_body, delivery.drip_s)


def _response(answer: Answer, cut_body: int | None = None, drip_s: float = 0.0) -> httpx.Response:
    return httpx.Response(
        answer.status,
        headers={"content-type": answer.content_type},
        stream=_Body(answer.body, cut_body, drip_s),
        extensions={"network_stream": _Address()},
    )


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, cut: int | None, drip_s: float) -> None:
        self._body, self._cut, self._drip_s = body, cut, drip_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._drip_s:
            await asyncio.sleep(self._drip_s * len(self._body))
        yield self._body[: self._cut]
        if self._cut is not None:
            raise httpx.RemoteProtocolError("the body was cut")


class _Address:
    """What httpcore tells of a connection."""

    def get_extra_info(self, name: str) -> Any:
        return {"client_addr": ("10.0.0.7", 40000), "is_readable": False}.get(name)
