"""The page's server over real sockets."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from simulators.demo.hub import Hub
from simulators.demo.web import WebAnswer, WebRequest, WebServer, json_answer


async def echo(request: WebRequest) -> WebAnswer:
    return json_answer({"path": request.path, "method": request.method, "got": request.json()})


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    web = WebServer(echo)
    await web.start(0)
    yield web
    await web.stop()


async def test_two_requests_on_one_connection(server: WebServer) -> None:
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as client:
        first = await client.post("/do/x?y", content=b'{"a": 1}')
        second = await client.get("/")

    assert first.json() == {"path": "/do/x", "method": "POST", "got": {"a": 1}}
    assert second.json()["got"] == {}
    assert first.headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize("headers", [{"Host": "evil.test"}, {"Origin": "http://evil.test"}])
async def test_another_page_cannot_press_the_buttons(
    server: WebServer, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(server.address, headers=headers)

    assert answer.status_code == 403


async def test_bytes_that_are_no_http_end_the_connection_only(server: WebServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x00\x01\x02\r\n\r\n")

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(server.address)).status_code == 200


async def test_a_body_over_the_limit_is_not_read_on(server: WebServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(server.address, content=b"x" * 200_000)


async def test_a_taken_port_gives_another(server: WebServer) -> None:
    second = WebServer(echo)
    await second.start(server.port)

    assert second.port not in {0, server.port}
    await second.stop()


async def test_a_listener_gets_everything_first_and_then_what_changed() -> None:
    hub = Hub()
    hub.publish("box", {"power": "stopped"})
    hub.publish("lamp", {"signal": "idle"})
    with hub.listen() as changes:
        first = await anext(changes)
        hub.publish("box", {"power": "starting"})
        hub.publish("box", {"power": "running"})
        second = await anext(changes)

    assert first == {"box": {"power": "stopped"}, "lamp": {"signal": "idle"}}
    assert second == {"box": {"power": "running"}}


async def test_an_equal_section_is_no_news() -> None:
    hub = Hub()
    hub.publish("box", {"power": "running"})
    with hub.listen() as changes:
        await anext(changes)
        hub.publish("box", {"power": "running"})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(changes), 0.05)
