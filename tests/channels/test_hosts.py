"""Which host is asked, when the spare is, and what warm means."""

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from device.channels import hosts as hosts_module
from device.channels.hosts import SPARE_FOR_S, WARM_FOR_S, Hosts
from device.channels.http import HttpClient, Route
from device.errors import BadAnswer, MaybeSent, NotSent

if TYPE_CHECKING:
    from tests.channels.conftest import FakeClock, Net, Wire

FIRST, SPARE = "https://first.example", "https://spare.example"


@pytest.fixture
def hosts(wire: "Wire", clock: "FakeClock") -> Hosts:
    return Hosts(HttpClient(Route(transport=wire)), (FIRST, SPARE), "text/xml", clock)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the order of the waits and make them short."""
    monkeypatch.setattr(hosts_module, "SPARE_AFTER_S", 0.05)
    monkeypatch.setattr(hosts_module, "WARM_WITHIN_S", 0.3)


def probe() -> tuple[str, bytes]:
    return "/probe", b"probe"


async def ask(hosts: Hosts) -> bytes:
    return await hosts.post("/pay", b"body", read_timeout_s=1)


def asked(wire: "Wire") -> list[str]:
    return [request.url.host.split(".")[0] for request in wire.sent]


async def test_the_first_host_is_asked_first(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [b"ok"]
    assert await ask(hosts) == b"ok"
    assert asked(wire) == ["first"]


async def test_the_spare_gets_the_same_bytes_when_the_first_was_not_reached(
    hosts: Hosts, wire: "Wire"
) -> None:
    wire.replies = [httpx.ConnectError("x"), b"ok"]
    assert await ask(hosts) == b"ok"
    assert asked(wire) == ["first", "spare"]
    assert wire.sent[0].content == wire.sent[1].content


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("x"), httpx.ReadError("x")])
async def test_the_spare_is_never_asked_after_doubt(
    hosts: Hosts, wire: "Wire", fault: Exception
) -> None:
    wire.replies = [fault, b"never"]
    with pytest.raises(MaybeSent):
        await ask(hosts)
    assert asked(wire) == ["first"]


async def test_the_spare_is_never_asked_after_a_bad_answer(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [httpx.Response(502), b"never"]
    with pytest.raises(BadAnswer):
        await ask(hosts)
    assert asked(wire) == ["first"]


async def test_not_sent_only_if_no_host_was_reached(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [httpx.ConnectError("x"), httpx.ConnectTimeout("x")]
    with pytest.raises(NotSent):
        await ask(hosts)


async def test_without_a_spare_there_is_one_host(wire: "Wire", clock: "FakeClock") -> None:
    hosts = Hosts(HttpClient(Route(transport=wire)), (FIRST, ""), "text/xml", clock)
    wire.replies = [httpx.ConnectError("x")]
    with pytest.raises(NotSent):
        await ask(hosts)
    assert asked(wire) == ["first"]


async def test_the_spare_that_answered_is_kept_for_three_minutes(
    hosts: Hosts, wire: "Wire", clock: "FakeClock"
) -> None:
    wire.replies = [httpx.ConnectError("x"), b"1", b"2", b"3", b"4"]
    await ask(hosts)
    clock.mono_s += SPARE_FOR_S - 1
    await ask(hosts)
    clock.mono_s += 2
    await ask(hosts)
    await ask(hosts)
    assert asked(wire) == ["first", "spare", "spare", "first", "first"]


async def test_from_the_spare_the_way_back_is_the_first(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [httpx.ConnectError("x"), b"1", httpx.ConnectError("x"), b"2", b"3"]
    for _ in range(3):
        await ask(hosts)
    assert asked(wire) == ["first", "spare", "spare", "first", "first"]


async def test_warming_asks_once_and_then_costs_nothing(
    hosts: Hosts, wire: "Wire", clock: "FakeClock"
) -> None:
    wire.replies = [b"ok", b"ok"]
    assert await hosts.warm(probe)
    clock.mono_s += WARM_FOR_S - 1
    assert await hosts.warm(probe)
    assert len(wire.sent) == 1
    clock.mono_s += 2
    assert await hosts.warm(probe)
    assert len(wire.sent) == 2


async def test_any_answered_request_keeps_it_warm(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [b"ok"]
    await ask(hosts)
    assert await hosts.warm(probe)
    assert len(wire.sent) == 1


async def test_a_request_that_broke_makes_it_cold(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [b"ok", httpx.ReadError("x"), b"ok"]
    await ask(hosts)
    with pytest.raises(MaybeSent):
        await ask(hosts)
    assert await hosts.warm(probe)
    assert len(wire.sent) == 3


async def test_warming_at_the_same_time_asks_once(hosts: Hosts, wire: "Wire") -> None:
    wire.replies = [b"ok"]
    assert await asyncio.gather(*(hosts.warm(probe) for _ in range(5))) == [True] * 5
    assert len(wire.sent) == 1


async def test_a_caller_that_gives_up_does_not_stop_the_others(clock: "FakeClock") -> None:
    go = asyncio.Event()

    async def answer(_request: httpx.Request) -> httpx.Response:
        await go.wait()
        return httpx.Response(200, content=b"ok")

    client = HttpClient(Route(transport=httpx.MockTransport(answer)))
    hosts = Hosts(client, (FIRST,), "text/xml", clock)
    hasty, patient = (asyncio.create_task(hosts.warm(probe)) for _ in range(2))
    await asyncio.sleep(0)
    hasty.cancel()
    await asyncio.wait([hasty])
    go.set()
    assert await patient


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.Response(502)]
)
async def test_warm_is_false_when_no_host_answers(
    hosts: Hosts, wire: "Wire", fault: Exception | httpx.Response
) -> None:
    wire.by_host = {"first.example": fault, "spare.example": fault}
    assert not await hosts.warm(probe)


async def test_a_spare_that_answers_is_warm_and_pays(hosts: Hosts, wire: "Wire") -> None:
    wire.by_host = {"first.example": httpx.ConnectError("x"), "spare.example": b"ok"}
    assert await hosts.warm(probe)
    wire.sent.clear()
    await ask(hosts)
    assert asked(wire) == ["spare"]


async def test_a_first_host_that_only_hangs_is_overtaken_by_the_spare(clock: "FakeClock") -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "first.example":
            await asyncio.Event().wait()
        return httpx.Response(200, content=b"ok")

    client = HttpClient(Route(transport=httpx.MockTransport(answer)))
    hosts = Hosts(client, (FIRST, SPARE), "text/xml", clock)
    assert await hosts.warm(probe)


async def test_hosts_that_all_hang_are_given_up_in_time(clock: "FakeClock") -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = HttpClient(Route(transport=httpx.MockTransport(hang)))
    hosts = Hosts(client, (FIRST, SPARE), "text/xml", clock)
    async with asyncio.timeout(2):
        assert not await hosts.warm(probe)


async def test_closing_ends_a_warming_that_hangs(clock: "FakeClock") -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    hosts = Hosts(HttpClient(Route(transport=httpx.MockTransport(hang))), (FIRST,), "t", clock)
    warming = asyncio.create_task(hosts.warm(probe))
    await asyncio.sleep(0)
    await hosts.aclose()
    await asyncio.wait([warming])
    assert warming.done()


async def test_a_request_after_warming_opens_no_connection(net: "Net", clock: "FakeClock") -> None:
    """Real sockets: the pooled connection that warm left is the one the pay uses."""
    client = HttpClient(Route())
    async with net.serving(net.always(net.answer(b"ok"))) as server:
        hosts = Hosts(client, (server.url,), "text/xml", clock)
        assert await hosts.warm(probe)
        before = client.connects
        await ask(hosts)
        assert (before, client.connects, server.connections) == (1, 1, 1)
        await client.aclose()


async def test_warming_ten_times_at_once_opens_one_connection(
    net: "Net", clock: "FakeClock"
) -> None:
    client = HttpClient(Route())
    async with net.serving(net.always(net.answer(b"ok"))) as server:
        hosts = Hosts(client, (server.url,), "text/xml", clock)
        assert all(await asyncio.gather(*(hosts.warm(probe) for _ in range(10))))
        await ask(hosts)
        assert server.connections == 1
        await client.aclose()
