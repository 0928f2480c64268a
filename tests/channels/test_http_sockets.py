"""The edge against real sockets: what the engine really does decides whether a byte left."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from device.channels.http import MAX_ANSWER_BYTES, HttpClient, Route, tls_context
from device.errors import BadAnswer, MaybeSent, NotSent

if TYPE_CHECKING:
    from tests.channels.conftest import Net, Tls

Opened = contextlib.AbstractAsyncContextManager[HttpClient]


@contextlib.asynccontextmanager
async def opened(route: Route | None = None) -> AsyncIterator[HttpClient]:
    client = HttpClient(route or Route(connect_timeout_s=2.0))
    try:
        yield client
    finally:
        await client.aclose()


async def post(client: HttpClient, url: str, *, read_s: float = 5.0, body: bytes = b"x") -> bytes:
    return await client.post(url, body, content_type="text/plain", read_timeout_s=read_s)


async def test_an_answer_comes_back_and_the_next_request_reuses_the_connection(net: "Net") -> None:
    async with net.serving(net.always(net.answer(b"hello"))) as server, opened() as client:
        assert [await post(client, server.url) for _ in range(3)] == [b"hello"] * 3
        assert (client.connects, server.connections) == (1, 1)
        assert client.local_address == "127.0.0.1"


async def test_a_refused_connection_is_not_sent(net: "Net") -> None:
    async with opened() as client:
        with pytest.raises(NotSent):
            await post(client, f"http://127.0.0.1:{net.closed_port()}/")


async def test_a_name_that_does_not_exist_is_not_sent() -> None:
    async with opened() as client:
        with pytest.raises(NotSent):
            await post(client, "http://no-such-host.invalid/")


async def test_a_connection_that_is_reset_at_once_may_be_sent(net: "Net") -> None:
    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        net.reset(writer)

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url)


async def test_a_reset_after_the_bytes_left_may_be_sent(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        net.reset(writer)

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url)


async def test_a_close_instead_of_an_answer_may_be_sent(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url)


async def test_a_kept_connection_closed_between_requests_is_replaced_unseen(net: "Net") -> None:
    closed = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(net.answer(b"ok"))
        await writer.drain()
        writer.close()
        closed.set()

    async with net.serving(handler) as server, opened() as client:
        await post(client, server.url)
        await closed.wait()
        await asyncio.sleep(0.05)  # real sockets: let the FIN arrive
        assert await post(client, server.url) == b"ok"
        assert client.connects == 2


async def test_a_kept_connection_reset_by_the_next_request_may_be_sent(net: "Net") -> None:
    """The stale keep-alive: the server drops the connection as the second request arrives."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(net.answer(b"ok"))
        await writer.drain()
        await reader.readexactly(1)
        net.reset(writer)

    async with net.serving(handler) as server, opened() as client:
        await post(client, server.url)
        with pytest.raises(MaybeSent):
            await post(client, server.url)
        assert client.connects == 1


async def test_a_kept_connection_is_never_not_sent_even_if_the_host_is_gone(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(net.answer(b"ok"))
        await writer.drain()
        await reader.read()  # says nothing more

    async with net.serving(handler) as server, opened() as client:
        await post(client, server.url)
        with pytest.raises(MaybeSent):
            await post(client, server.url, read_s=0.1)


async def test_an_answer_that_does_not_come_in_time_may_be_sent(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url, read_s=0.1)


async def test_an_answer_that_drips_ends_with_the_whole_deadline(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(net.answer(b"", length=1000))
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    route = Route(connect_timeout_s=0.2)
    async with net.serving(handler) as server, opened(route) as client, asyncio.timeout(3):
        with pytest.raises(MaybeSent):
            await post(client, server.url, read_s=0.2)


@pytest.mark.parametrize("status", ["502 Bad Gateway", "400 Bad Request", "302 Found", "204 No"])
async def test_any_other_status_is_no_answer_and_no_redirect_is_followed(
    net: "Net", status: str
) -> None:
    body = b"" if status.startswith("204") else b"<html>No required SSL certificate was sent</html>"
    answer = net.answer(body, status=status + "\r\nLocation: /again")
    async with net.serving(net.always(answer)) as server, opened() as client:
        with pytest.raises(BadAnswer):
            await post(client, server.url)
        assert server.connections == 1


async def test_a_body_that_breaks_off_may_be_sent(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(net.answer(b"<xml>", length=100))
        await writer.drain()

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url)


async def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(net: "Net") -> None:
    full = b"x" * MAX_ANSWER_BYTES
    async with net.serving(net.always(net.answer(full))) as server, opened() as client:
        assert await post(client, server.url) == full
    async with net.serving(net.always(net.answer(full + b"x"))) as server, opened() as client:
        with pytest.raises(BadAnswer):
            await post(client, server.url)


async def test_an_endless_body_is_cut_off(net: "Net") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(BadAnswer):
            await post(client, server.url)


async def test_a_compressed_answer_is_not_unpacked(net: "Net") -> None:
    answer = net.answer(b"\x1f\x8b", status="200 OK\r\nContent-Encoding: gzip")
    async with net.serving(net.always(answer)) as server, opened() as client:
        with pytest.raises(BadAnswer):
            await post(client, server.url)


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\xfe garbage\r\n\r\n", b"SSH-2.0-x\r\n", b"\r\n" * 9]
)
async def test_garbage_instead_of_http_may_be_sent(net: "Net", garbage: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        writer.write(garbage)
        await writer.drain()

    async with net.serving(handler) as server, opened() as client:
        with pytest.raises(MaybeSent):
            await post(client, server.url)


async def test_a_verified_host_answers_over_tls(net: "Net", tls: "Tls") -> None:
    handler = net.always(net.answer(b"ok"))
    route = Route(tls=tls_context(tls.ca_file))
    async with net.serving(handler, tls.server_context()) as server, opened(route) as client:
        assert await post(client, f"https://localhost:{server.port}/") == b"ok"


async def test_a_certificate_nobody_vouches_for_is_not_sent(net: "Net", tls: "Tls") -> None:
    handler = net.always(net.answer(b"ok"))
    route = Route(tls=tls_context())
    async with net.serving(handler, tls.server_context()) as server, opened(route) as client:
        with pytest.raises(NotSent, match="certificate not trusted"):
            await post(client, f"https://localhost:{server.port}/")


async def test_a_host_without_tls_is_not_sent(net: "Net", tls: "Tls") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    route = Route(tls=tls_context(tls.ca_file), connect_timeout_s=1.0)
    async with net.serving(handler) as server, opened(route) as client:
        with pytest.raises(NotSent):
            await post(client, f"https://localhost:{server.port}/")


async def test_a_reset_during_the_handshake_is_not_sent(net: "Net", tls: "Tls") -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        net.reset(writer)

    route = Route(tls=tls_context(tls.ca_file), connect_timeout_s=1.0)
    async with net.serving(handler) as server, opened(route) as client:
        with pytest.raises(NotSent):
            await post(client, f"https://localhost:{server.port}/")


async def test_a_handshake_that_hangs_is_not_sent(net: "Net", tls: "Tls") -> None:
    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        await asyncio.Event().wait()

    route = Route(tls=tls_context(tls.ca_file), connect_timeout_s=0.2)
    async with net.serving(handler) as server, opened(route) as client:
        with pytest.raises(NotSent):
            await post(client, f"https://localhost:{server.port}/")


async def test_only_the_client_with_a_certificate_is_let_in(net: "Net", tls: "Tls") -> None:
    handler = net.always(net.answer(b"ok"))
    context = tls.server_context(ask_client=True)
    known = Route(tls=tls_context(tls.ca_file, tls.client_cert, tls.client_key))
    stranger = Route(tls=tls_context(tls.ca_file))
    async with net.serving(handler, context) as server:
        url = f"https://localhost:{server.port}/"
        async with opened(known) as client:
            assert await post(client, url) == b"ok"
        async with opened(stranger) as client:
            with pytest.raises(MaybeSent):  # TLS 1.3 refuses only after the first bytes
                await post(client, url)


async def test_a_pinned_host_is_asked_at_its_address_with_its_own_name(
    net: "Net", tls: "Tls"
) -> None:
    heads: list[bytes] = []
    names: list[str | None] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await net.read_request(reader))
        writer.write(net.answer(b"ok"))
        await writer.drain()

    context = tls.server_context()
    context.sni_callback = lambda _sock, name, _context: names.append(name)
    route = Route(tls=tls_context(tls.ca_file), pins={"pay.example": "127.0.0.1"})
    async with net.serving(handler, context) as server, opened(route) as client:
        assert await post(client, f"https://pay.example:{server.port}/x") == b"ok"
        assert f"Host: pay.example:{server.port}".encode() in heads[0]
        assert names == ["pay.example"]


async def test_a_pin_does_not_weaken_the_check_of_the_name(net: "Net", tls: "Tls") -> None:
    handler = net.always(net.answer(b"ok"))
    route = Route(tls=tls_context(tls.ca_file), pins={"other.example": "127.0.0.1"})
    async with net.serving(handler, tls.server_context()) as server, opened(route) as client:
        with pytest.raises(NotSent, match="certificate not trusted"):
            await post(client, f"https://other.example:{server.port}/")


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a proxy: open the tunnel that CONNECT asks for."""
    head = await reader.readuntil(b"\r\n\r\n")
    port = int(head.split(b" ")[1].rsplit(b":", 1)[1])
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(4096):
            sink.write(chunk)
            await sink.drain()

    try:
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    finally:
        far_writer.close()


async def test_a_proxy_tunnels_and_the_certificate_is_still_the_hosts(
    net: "Net", tls: "Tls"
) -> None:
    handler = net.always(net.answer(b"ok"))
    async with (
        net.serving(handler, tls.server_context()) as server,
        net.serving(_tunnel) as proxy,
        opened(Route(tls=tls_context(tls.ca_file), proxy=proxy.url)) as client,
    ):
        url = f"https://localhost:{server.port}/"
        assert [await post(client, url), await post(client, url)] == [b"ok", b"ok"]
        assert (client.connects, proxy.connections, server.connections) == (1, 1, 1)


async def test_a_proxy_that_refuses_is_not_sent(net: "Net", tls: "Tls") -> None:
    refusal = net.always(net.answer(b"", status="502 Bad Gateway"))
    async with (
        net.serving(refusal) as proxy,
        opened(Route(tls=tls_context(tls.ca_file), proxy=proxy.url)) as client,
    ):
        with pytest.raises(NotSent):
            await post(client, "https://localhost:1/")


async def test_a_proxy_that_hangs_up_is_not_sent(net: "Net", tls: "Tls") -> None:
    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with (
        net.serving(handler) as proxy,
        opened(Route(tls=tls_context(tls.ca_file), proxy=proxy.url)) as client,
    ):
        with pytest.raises(NotSent):
            await post(client, "https://localhost:1/")


async def test_the_environment_names_no_proxy(net: "Net", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{net.closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{net.closed_port()}")
    async with net.serving(net.always(net.answer(b"ok"))) as server, opened() as client:
        assert await post(client, server.url) == b"ok"


def test_the_client_speaks_http_1_1_only(tls: "Tls") -> None:
    context = tls_context(tls.ca_file)
    client = HttpClient(Route(tls=context))
    assert client._transport._pool._http2 is False  # type: ignore[attr-defined]
    assert isinstance(context, ssl.SSLContext)
