"""Whatever httpx, ssl or a socket can raise has one of our three names."""

import asyncio
import inspect
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from device.channels.http import HttpClient, Route, tls_context
from device.errors import BadAnswer, ConfigError, MaybeSent, NotSent, ProviderError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PAYER_CODE = "134567890123456789"


def all_of(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in all_of(sub))]


HTTPX_EXCEPTIONS = sorted(
    {
        thing
        for name, thing in vars(httpx).items()
        if inspect.isclass(thing) and issubclass(thing, Exception) and name in httpx.__all__
    },
    key=lambda kind: kind.__name__,
)
OTHERS = [
    *all_of(ssl.SSLError),
    socket.gaierror,
    TimeoutError,
    ConnectionResetError,
    ConnectionRefusedError,
    BrokenPipeError,
    OSError,
    UnicodeError,
    EOFError,
    ValueError,
    RuntimeError,
]


def made(kind: type[BaseException]) -> Exception:
    """Make one as httpx would; its message quotes what must not be repeated."""
    for args in [(PAYER_CODE,), ()]:
        for extra in [{}, {"request": httpx.Request("POST", "http://h/")}]:
            response = {"response": httpx.Response(500)} if extra else {}
            for keywords in (extra, {**extra, **response}):
                try:
                    error = kind(*args, **keywords)
                except TypeError:
                    continue
                assert isinstance(error, Exception)
                return error
    raise AssertionError(kind)


class Failing(httpx.AsyncBaseTransport):
    """Tells the trace the events it is given, then raises."""

    def __init__(self, error: Exception, *events: "Event") -> None:
        self.error = error
        self.events = events

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace: Callable[[str, dict[str, Any]], Awaitable[None]] = request.extensions["trace"]
        for name, info in self.events:
            await trace(name, info)
        raise self.error


async def fault_of(transport: httpx.AsyncBaseTransport) -> ProviderError:
    client = HttpClient(Route(transport=transport))
    with pytest.raises(ProviderError) as caught:
        await client.post(
            "http://127.0.0.1/x", PAYER_CODE.encode(), content_type="t", read_timeout_s=1
        )
    return caught.value


class Sent:
    """Stands for httpcore's request in a trace event."""

    def __init__(self, method: bytes) -> None:
        self.method = method


Event = tuple[str, dict[str, Any]]
CONNECT_STARTED: Event = ("connection.connect_tcp.started", {"host": "h"})
TLS_STARTED: Event = ("connection.start_tls.started", {})
TUNNEL_STARTED: Event = ("http11.send_request_headers.started", {"request": Sent(b"CONNECT")})
TUNNEL_TLS_STARTED: Event = ("proxy.start_tls.started", {})
RESPONSE_CLOSED: Event = ("http11.response_closed.started", {})
HEADERS_STARTED: Event = ("http11.send_request_headers.started", {"request": Sent(b"POST")})


def test_the_list_of_httpx_exceptions_is_not_empty_by_mistake() -> None:
    assert {httpx.ConnectError, httpx.ReadTimeout, httpx.CookieConflict} <= set(HTTPX_EXCEPTIONS)
    assert len(HTTPX_EXCEPTIONS) >= 28


@pytest.mark.parametrize("kind", [*HTTPX_EXCEPTIONS, *OTHERS], ids=lambda kind: kind.__name__)
async def test_after_the_first_byte_nothing_is_ever_called_not_sent(
    kind: type[Exception],
) -> None:
    fault = await fault_of(Failing(made(kind), CONNECT_STARTED, TLS_STARTED, HEADERS_STARTED))
    expected = BadAnswer if kind is httpx.DecodingError else MaybeSent
    assert type(fault) is expected


@pytest.mark.parametrize("kind", [*HTTPX_EXCEPTIONS, *OTHERS], ids=lambda kind: kind.__name__)
async def test_on_a_kept_connection_nothing_is_ever_called_not_sent(kind: type[Exception]) -> None:
    fault = await fault_of(Failing(made(kind), HEADERS_STARTED))
    assert not isinstance(fault, NotSent)


@pytest.mark.parametrize("kind", [*HTTPX_EXCEPTIONS, *OTHERS], ids=lambda kind: kind.__name__)
async def test_while_a_new_connection_is_made_everything_is_not_sent(kind: type[Exception]) -> None:
    if kind is httpx.DecodingError:
        return  # only an answer can raise it
    assert type(await fault_of(Failing(made(kind), CONNECT_STARTED))) is NotSent
    assert type(await fault_of(Failing(made(kind), CONNECT_STARTED, TLS_STARTED))) is NotSent


@pytest.mark.parametrize("kind", [*HTTPX_EXCEPTIONS, *OTHERS], ids=lambda kind: kind.__name__)
async def test_without_any_trace_only_a_failed_connect_is_not_sent(kind: type[Exception]) -> None:
    fault = await fault_of(Failing(made(kind)))
    assert isinstance(fault, NotSent) == (kind in {httpx.ConnectError, httpx.ConnectTimeout})


@pytest.mark.parametrize("kind", [*HTTPX_EXCEPTIONS, *OTHERS], ids=lambda kind: kind.__name__)
async def test_no_message_repeats_what_the_exception_says(kind: type[Exception]) -> None:
    assert PAYER_CODE not in str(await fault_of(Failing(made(kind), HEADERS_STARTED)))


async def test_a_proxy_that_refuses_the_tunnel_is_not_sent() -> None:
    refused = Failing(httpx.ProxyError("502"), CONNECT_STARTED, TUNNEL_STARTED, RESPONSE_CLOSED)
    assert type(await fault_of(refused)) is NotSent


async def test_tls_that_fails_inside_a_tunnel_is_not_sent() -> None:
    broken = Failing(httpx.ConnectError("tls"), CONNECT_STARTED, TUNNEL_STARTED, TUNNEL_TLS_STARTED)
    assert type(await fault_of(broken)) is NotSent


async def test_a_request_through_the_tunnel_may_be_sent() -> None:
    events = (CONNECT_STARTED, TUNNEL_STARTED, TUNNEL_TLS_STARTED, HEADERS_STARTED)
    assert type(await fault_of(Failing(httpx.ReadError("x"), *events))) is MaybeSent


async def test_an_event_this_code_does_not_know_counts_as_sent() -> None:
    unknown = Failing(httpx.ConnectError("x"), CONNECT_STARTED, ("http3.open_stream.started", {}))
    assert type(await fault_of(unknown)) is MaybeSent


async def test_sent_stays_sent_when_a_connection_is_made_afterwards() -> None:
    events = (HEADERS_STARTED, CONNECT_STARTED)
    assert type(await fault_of(Failing(httpx.ConnectError("x"), *events))) is MaybeSent


async def test_cancellation_is_not_a_fault_of_the_provider() -> None:
    async def cancelled(_request: httpx.Request) -> httpx.Response:
        raise asyncio.CancelledError

    client = HttpClient(Route(transport=httpx.MockTransport(cancelled)))
    with pytest.raises(asyncio.CancelledError):
        await client.post("http://127.0.0.1/", b"", content_type="t", read_timeout_s=1)


@pytest.mark.parametrize("role", ["ca", "certificate", "key"])
def test_an_unusable_tls_file_is_one_clear_line(tmp_path: Path, role: str) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN nothing-----\nSECRETSECRET\n")
    with pytest.raises(ConfigError) as caught:
        tls_context(broken) if role == "ca" else tls_context(None, broken, broken)
    text = str(caught.value)
    assert str(broken) in text
    assert "\n" not in text
    assert "SECRET" not in text


def test_tls_never_goes_below_1_2_and_always_verifies() -> None:
    context = tls_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
