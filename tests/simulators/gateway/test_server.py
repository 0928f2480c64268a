"""The server itself: connections, TLS, limits."""

import asyncio
import contextlib
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities
from simulators.gateway.model import Wallet
from simulators.gateway.scripts import read_binding
from simulators.gateway.server import MAX_BODY, Gateway

Raw = tuple[bytes, str]
Request = Callable[..., bytes]
Send = Callable[[bytes], Awaitable[Raw]]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def exchange(stream: Stream, request: bytes) -> bytes:
    """Send and read exactly one answer of a connection that stays."""
    reader, writer = stream
    writer.write(request.replace(b"Connection: close\r\n", b""))
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def tls(keys: Identities, *, certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(keys.path("ca.pem")))
    if certificate:
        context.load_cert_chain(keys.path("apiclient_cert.pem"), keys.path("apiclient_key.pem"))
    return context


async def test_a_connection_serves_many_requests(
    gateway: Gateway, wechat_pay_request: Request, alipay_pay_request: Request
) -> None:
    stream = await asyncio.open_connection("127.0.0.1", gateway.port)
    for request in (wechat_pay_request, alipay_pay_request) * 3:
        assert (await exchange(stream, request())).startswith(b"HTTP/1.1 200")
    stream[1].close()
    assert len(gateway.book.trades) == 6


async def test_a_request_may_come_a_byte_at_a_time(
    gateway: Gateway, wechat_pay_request: Request
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    for byte in wechat_pay_request():
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert b"<result_code><![CDATA[SUCCESS]]>" in await reader.read()
    writer.close()


async def test_expect_continue_and_chunks(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"POST /pay/orderquery HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"5\r\n<xml>\r\n6\r\n</xml>\r\n0\r\n\r\n")
    assert "缺少参数appid".encode() in await reader.read()
    writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"POST /pay/micropay HTTP/1.1\r\nHost: g\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"x" * (1 << 17) + b" HTTP/1.1\r\nHost: g\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 9999999\r\n\r\n" + b"x" * (MAX_BODY + 1),
    ],
)
async def test_what_is_no_request_ends_the_connection(
    gateway: Gateway, send: Send, wechat_pay_request: Request, request_bytes: bytes
) -> None:
    raw, ended = await send(request_bytes)
    assert (raw, ended) in [(b"", "eof"), (b"", "reset")]
    raw, _ = await send(wechat_pay_request())
    assert raw.startswith(b"HTTP/1.1 200")
    assert gateway.book.trades


@pytest.mark.parametrize("path", ["/", "/pay/closeorder", "/secapi/pay/other", "/gateway.doo"])
async def test_an_unknown_path_is_404(send: Send, path: str) -> None:
    raw, _ = await send(f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n".encode())
    assert raw.startswith(b"HTTP/1.1 404")


async def test_an_idle_connection_is_closed(keys: Identities) -> None:
    async with Gateway(keys, keepalive_s=0.05) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        assert await reader.read() == b""
        writer.close()


async def test_stop_ends_silent_connections_and_the_port_can_be_taken_again(
    keys: Identities, wechat_pay_request: Request
) -> None:
    gateway = Gateway(keys)
    await gateway.start()
    port = gateway.port
    stream = await asyncio.open_connection("127.0.0.1", port)
    await exchange(stream, wechat_pay_request(out_trade_no="T1"))
    await gateway.stop()
    assert await stream[0].read() == b""
    stream[1].close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with gateway:
        assert gateway.port == port
        assert gateway.book.find(Wallet.WECHAT, "T1") is not None


@pytest.mark.parametrize("path", ["/secapi/pay/reverse", "/secapi/pay/refund"])
async def test_over_tls_secapi_without_a_certificate_is_400_and_html(
    gateway: Gateway, keys: Identities, wechat_request: Request, path: str
) -> None:
    context = tls(keys, certificate=False)
    stream = await asyncio.open_connection("127.0.0.1", gateway.tls_port, ssl=context)
    answer = await exchange(stream, wechat_request(path, out_trade_no="T1"))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"<title>400 No required SSL certificate was sent</title>" in answer
    stream[1].close()


async def test_over_tls_pay_needs_no_certificate_and_reverse_works_with_one(
    gateway: Gateway, keys: Identities, wechat_request: Request, wechat_pay_request: Request
) -> None:
    plain, client = tls(keys, certificate=False), tls(keys, certificate=True)
    first = await asyncio.open_connection("127.0.0.1", gateway.tls_port, ssl=plain)
    second = await asyncio.open_connection("127.0.0.1", gateway.tls_port, ssl=client)
    paid = await exchange(first, wechat_pay_request(out_trade_no="T1"))
    assert b"<result_code><![CDATA[SUCCESS]]>" in paid
    reverse = wechat_request("/secapi/pay/reverse", out_trade_no="T1")
    assert b"<recall><![CDATA[N]]>" in await exchange(second, reverse)
    first[1].close()
    second[1].close()


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("drop_after", (b"",)),
        ({"name": "drop_after", "how": "reset"}, (ConnectionResetError,)),
        ({"name": "drop_after", "how": "silence"}, (TimeoutError,)),
        ({"name": "reset", "bytes": 9}, (ConnectionResetError, b"HTTP/1.1 ")),
    ],
)
async def test_connections_end_over_tls_as_over_tcp(
    gateway: Gateway,
    keys: Identities,
    wechat_pay_request: Request,
    do: object,
    expected: tuple[object, ...],
) -> None:
    gateway.bind(read_binding({"match": {"next": True}, "do": do}))
    context = tls(keys, certificate=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.tls_port, ssl=context)
    writer.write(wechat_pay_request())
    try:
        found: object = await asyncio.wait_for(reader.read(), 0.3)
    except (ConnectionResetError, TimeoutError) as error:
        found = type(error)
    finally:
        writer.transport.abort()
    assert found in expected


async def test_a_foreign_client_certificate_is_refused(
    gateway: Gateway, keys: Identities, wechat_pay_request: Request
) -> None:
    context = tls(keys, certificate=False)
    context.load_cert_chain(keys.path("server_cert.pem"), keys.path("server_key.pem"))

    async def attempt() -> None:
        stream = await asyncio.open_connection("127.0.0.1", gateway.tls_port, ssl=context)
        try:
            await exchange(stream, wechat_pay_request())
        finally:
            stream[1].close()

    # TLS 1.3: the refusal arrives only after the client believes the handshake done.
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await attempt()
    assert gateway.book.arrivals == []


async def test_a_client_without_our_ca_refuses_the_server(gateway: Gateway) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(
            "127.0.0.1", gateway.tls_port, ssl=ssl.create_default_context()
        )


async def test_each_change_is_a_line_of_the_book_file(
    keys: Identities, tmp_path: Path, wechat_pay_request: Request, clock: Clock
) -> None:
    path = tmp_path / "book.jsonl"
    async with Gateway(keys, book_file=path, clock=clock) as gateway:
        stream = await asyncio.open_connection("127.0.0.1", gateway.port)
        await exchange(
            stream, wechat_pay_request(out_trade_no="T1", auth_code="134567890123456789")
        )
        stream[1].close()
    text = path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(one["change"], one.get("state")) for one in lines] == [
        ("call", None),
        ("trade", "paying"),
        ("trade", "paid"),
    ]
    assert {one["out_trade_no"] for one in lines} == {"T1"}
    assert "134567890123456789" not in text


async def test_a_plain_pay_is_quick(
    gateway: Gateway, wechat_pay_request: Request, alipay_pay_request: Request
) -> None:
    for make in (wechat_pay_request, alipay_pay_request):
        requests = [make() for _ in range(40)]
        stream = await asyncio.open_connection("127.0.0.1", gateway.port)
        times = []
        for request in requests:
            start = time.perf_counter()
            await exchange(stream, request)
            times.append(time.perf_counter() - start)
        stream[1].close()
        # The best of forty: other processes of this machine are not the subject. Aim: 2 ms.
        assert min(times) < 0.006


@pytest.mark.parametrize("turns", [0, 3, 4, 5])  # at 2 asyncio itself loses it
async def test_who_comes_in_while_it_stops_is_shown_out(
    turns: int, keys: Identities, clock: Clock
) -> None:
    gateway = Gateway(keys, clock=clock)
    await gateway.start()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.setblocking(False)  # noqa: FBT003 - the name is Python's
        for _ in range(turns):
            await asyncio.sleep(0)
        await gateway.stop()
        with contextlib.suppress(ConnectionResetError):
            loop = asyncio.get_running_loop()
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 5.0) == b""
