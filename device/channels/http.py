"""The one edge to the network: a POST goes out, bytes come back, faults get one of three names.

This is the only file here that knows httpx. What httpx, its engine, ssl or sockets raise ends as

- `NotSent`: name lookup, connect, proxy tunnel or TLS failed on a *new* connection and no byte of
  the request was written;
- `MaybeSent`: anything else that broke: the provider may have seen the request;
- `BadAnswer`: an answer came that proves nothing (an HTTP status, too long, encoded).

How the first two are told apart (payment-states §1.2): not by the exception's class but by the
engine's own trace of what it was doing. A request on a kept connection starts with its headers, so
it is never `NotSent`; an event that this file does not know counts as sent.

The transport below `httpx.AsyncClient` is used directly: no cookies, no redirects, no environment,
no retries, and nothing logged.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from device.domain.trace import Mark
from device.errors import BadAnswer, ConfigError, MaybeSent, NotSent, ProviderError
from device.stopwatch import note

MAX_ANSWER_BYTES = 64 * 1024  # the longest real answer, ten refunds with coupons, is under 16 KiB
KEEPALIVE_EXPIRY_S = 150.0  # httpx's 5 s would end before the patient finds the phone
MAX_CONNECTIONS = 8  # a desk has one payment; recovery and probes add a few
HTTP_OK = 200
USER_AGENT = "paybox"

# The kernel asks the other end once a second whether it is there: `device.tunnel` sees by the
# answers that the VPN works, and a connection whose other end is gone is dead after 4 s.
KEEP_ALIVE = tuple(
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    )
    if hasattr(socket, name)  # a laptop of another make has other names; the card is Linux
)

CONNECTING = ("connection.connect_tcp.", "connection.start_tls.", "proxy.start_tls.")
_MARKS = {
    "http11.send_request_headers.started": Mark.SIGNED,
    "http11.send_request_body.complete": Mark.SENT,
    "http11.receive_response_body.complete": Mark.ANSWERED,
}
"""What of it a payment's trace notes: signed, queued and connected; sent; answered."""
NEUTRAL = ("http11.response_closed.", "connection.close.")


class _Phase(Enum):
    """How far a request came."""

    NOTHING = auto()  # no connection was asked for
    CONNECTING = auto()  # a new connection is being made; no byte of the request was written
    SENDING = auto()  # the first byte may have left


@dataclass(slots=True)
class _Progress:
    """What the engine told about one request; it never goes back from SENDING."""

    phase: _Phase = _Phase.NOTHING
    connects: int = 0
    step: str = ""

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take one event of httpcore's `trace` extension."""
        if event in _MARKS:
            note(_MARKS[event])
        if not event.endswith(".started") or event.startswith(NEUTRAL):
            return
        self.step = event.split(".")[1]
        self.connects += event == "connection.connect_tcp.started"
        if self.phase is not _Phase.SENDING:
            self.phase = _phase_of(event, info)


def _phase_of(event: str, info: dict[str, Any]) -> _Phase:
    tunnel = getattr(info.get("request"), "method", b"") == b"CONNECT"
    return _Phase.CONNECTING if tunnel or event.startswith(CONNECTING) else _Phase.SENDING


@dataclass(frozen=True, slots=True)
class Route:
    """How hosts are reached."""

    tls: ssl.SSLContext | None = None
    """None only where every address is plain http on the loopback."""
    proxy: str = ""
    """`http://host:port` of a machine that tunnels; it looks names up itself."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """host -> address to connect to; certificate and Host stay those of the host."""
    connect_timeout_s: float = 3.0
    transport: httpx.AsyncBaseTransport | None = None
    """Put in by a simulation or test in place of sockets."""


class HttpClient:
    """Sends POST requests over kept HTTP/1.1 connections. Nothing is ever sent twice."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._transport = route.transport or _sockets(route)
        self.connects = 0
        """TCP connections opened so far."""
        self._stream: Any = None
        self.local_address = ""
        """The address of this end of the newest connection; empty until one answered."""

    async def post(
        self, url: str, body: bytes, *, content_type: str, read_timeout_s: float
    ) -> bytes:
        """Return the body of a 200 answer, at most 64 KiB; raises only `ProviderError`s.

        Connect and TLS have `connect_timeout_s` each, every read `read_timeout_s`, and the whole
        exchange the sum of them, so that an answer that drips cannot hold the desk.
        """
        progress = _Progress()
        whole_s = 2 * self._route.connect_timeout_s + read_timeout_s
        try:
            request = self._request(url, body, content_type, read_timeout_s, progress)
            async with asyncio.timeout(whole_s):
                return await self._exchange(request)
        except ProviderError:
            raise
        except Exception as error:  # whatever broke, the provider may have seen it
            raise _named(error, progress) from error
        finally:
            self.connects += progress.connects

    @property
    def alive(self) -> bool:
        """Whether the connection used last is still open at the other end, as far as we can see.

        An idle connection has nothing to read; if it has, that is its end.
        """
        return self._stream is None or not self._stream.get_extra_info("is_readable")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._transport.aclose()

    async def _exchange(self, request: httpx.Request) -> bytes:
        response = await self._transport.handle_async_request(request)
        try:
            self._note_address(response)
            return await _body(response)
        finally:
            await response.aclose()

    def _request(
        self, url: str, body: bytes, content_type: str, read_timeout_s: float, progress: _Progress
    ) -> httpx.Request:
        target = _parsed(url)
        headers = {
            "Host": target.netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",  # what is bounded is what is read
            "Content-Type": content_type,
        }
        extensions: dict[str, Any] = {
            "timeout": _timeouts(self._route.connect_timeout_s, read_timeout_s),
            "trace": progress.trace,
        }
        address = "" if self._route.proxy else self._route.pins.get(target.host, "")
        if address:
            extensions["sni_hostname"] = target.host
            target = target.copy_with(host=address)
        return httpx.Request("POST", target, headers=headers, content=body, extensions=extensions)

    def _note_address(self, response: httpx.Response) -> None:
        self._stream = response.extensions.get("network_stream")
        address = self._stream.get_extra_info("client_addr") if self._stream else None
        self.local_address = address[0] if address else self.local_address


def tls_context(
    ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Return a verifying client context, TLS 1.2 or later; ConfigError if a file is unusable.

    Without `ca_file` the system's authorities count. The environment changes nothing: a
    `SSLKEYLOGFILE` would write the session keys to disk.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs()
    else:
        _load(ca_file, lambda: context.load_verify_locations(ca_file))
    if cert_file is not None:
        _load(
            cert_file, lambda: context.load_cert_chain(cert_file, key_file, password=_no_password)
        )
    return context


def _load(file: Path, load: Any) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        fault = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
        raise ConfigError(f"{file}: not a usable PEM file or key ({fault})") from None


def _no_password() -> str:
    """Answer OpenSSL's question for a passphrase; without this it would ask the terminal."""
    return ""


def _sockets(route: Route) -> httpx.AsyncBaseTransport:
    limits = httpx.Limits(
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_EXPIRY_S,
    )
    return httpx.AsyncHTTPTransport(
        verify=route.tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # trusts nobody
        trust_env=False,
        http1=True,
        http2=False,
        limits=limits,
        proxy=route.proxy or None,
        retries=0,
        socket_options=KEEP_ALIVE,
    )


@lru_cache(maxsize=32)  # a wallet has a few addresses, and each payment asks one of them
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def _timeouts(connect_s: float, read_s: float) -> dict[str, float]:
    return {"connect": connect_s, "pool": connect_s, "write": read_s, "read": read_s}


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != HTTP_OK:
        raise BadAnswer(f"HTTP {response.status_code}")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadAnswer("encoded answer")
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = bytearray()
    async for chunk in response.stream:
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise BadAnswer("answer over 64 KiB")
    return bytes(body)


def _named(error: Exception, progress: _Progress) -> ProviderError:
    """Return our name for what httpx, httpcore, ssl or a socket raised."""
    what = f"{progress.step or 'request'}: {_cause(error)}"
    if isinstance(error, httpx.DecodingError):
        return BadAnswer(what)
    untraced = progress.phase is _Phase.NOTHING  # a transport without sockets tells nothing
    by_class = untraced and isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    if progress.phase is _Phase.CONNECTING or by_class:
        return NotSent(what)
    return MaybeSent(what)


def _cause(error: BaseException) -> str:
    """Name the fault by classes only: a message may quote what was sent."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"certificate not trusted ({getattr(seen, 'verify_message', '?')})"
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
