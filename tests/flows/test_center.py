"""A box with a statistics centre, over a real socket: everything arrives, and its word is done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from device import config as paybox_config
from device.app.diagnosis import diagnose
from device.domain.screens import AmountDue, PaidScreen
from device.sync import exchange
from simulators.world.center import Center
from simulators.world.keys import CENTER_KEY
from tests.flows.test_parts import part, restart

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

PATIENCE_S = 20.0


class Served(Center):
    """The model of the centre behind a socket of this machine."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self._talks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to talk with one connection."""
        task = asyncio.get_running_loop().create_task(self.talk(reader, writer))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())

    async def stop(self) -> None:
        """End whatever is still being said: the box may be in the middle of it."""
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await asyncio.sleep(0)  # an aborted transport is gone one turn of the loop later

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = httpx.Headers(dict(line.split(": ", 1) for line in lines[1:] if line))
        body = await reader.readexactly(int(headers["Content-Length"]))
        status, answer = self.receive(headers, body)
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + answer)
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def center(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A box that sends every tenth of a second."""
    monkeypatch.setattr(exchange, "EVERY_S", 0.1)
    served = Served()
    server = await asyncio.start_server(served.accept, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    (desk.directory / "center.key").write_bytes(CENTER_KEY)
    key_file = str(desk.directory / "center.key")
    await restart(desk, {"center": {"url": served.url, "key_file": key_file}})
    yield served
    server.close()
    await served.stop()


async def until(true: Callable[[], Any]) -> Any:
    """Wait for something at the centre."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := true()):  # noqa: ASYNC110  the centre tells nobody
            await asyncio.sleep(0.02)
    return found


async def collect(desk: "Desk", his_id: str, fen: int) -> str:
    """One payment; return its order number."""
    asked = desk.pay(his_id, fen)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    await desk.glass.until(PaidScreen)
    answer = await asked
    desk.his.post("received", {"id": his_id, "revision": answer["revision"]})
    return str(answer["out_trade_no"])


async def test_every_event_arrives_sealed_and_the_status_says_so(
    desk: "Desk", center: Served
) -> None:
    number = await collect(desk, "S1", 1234)
    row = await until(lambda: center.newest().get(number))
    assert (row["state"], row["amount_fen"], row["channel"]) == ("paid", 1234, "wechat")
    assert center.faults == []
    assert (await part(desk, "sync"))["state"] == "ok"
    loaded = paybox_config.load(desk.directory / "paybox.toml")
    (line,) = [p for p in await diagnose(loaded) if p.part == "sync"]
    assert line.state == "ok"
    assert "应答正常" in line.text


async def test_an_approved_refund_is_done_and_told(desk: "Desk", center: Served) -> None:
    number = await collect(desk, "S2", 1000)
    center.actions["C-1"] = {
        "id": "C-1",
        "kind": "refund",
        "out_trade_no": number,
        "amount_fen": 300,
        "by": "0201",
        "approved_by": "0202",
    }
    center.actions["C-2"] = {**center.actions["C-1"], "id": "C-2", "amount_fen": 9_999}
    center.actions["C-3"] = {**center.actions["C-1"], "id": "C-3", "kind": "query"}

    def told() -> dict[str, dict[str, Any]]:
        rows = {row["do_id"]: row for row in center.books.arrived if row["do_id"]}
        done = rows.get("C-1", {}).get("state") == "refunded"
        return rows if done and len(rows) == len(center.actions) else {}

    rows = await until(told)
    assert (rows["C-1"]["ref"], rows["C-1"]["amount_fen"]) == (number, 300)
    assert (rows["C-2"]["state"], rows["C-2"]["reason"]) == ("refused", "over_refund")
    assert (rows["C-3"]["kind"], rows["C-3"]["state"]) == ("do", "paid")
    assert (await desk.ask("query", id="S2"))["refunded_fen"] == 300


async def test_without_its_key_there_is_no_sync_and_money_is_taken(desk: "Desk") -> None:
    missing = str(desk.directory / "nothing.key")
    await restart(desk, {"center": {"url": "http://127.0.0.1:9", "key_file": missing}})
    line = await part(desk, "sync")
    assert line["state"] == "fail"
    assert "nothing.key" in line["text"]
    assert await collect(desk, "S3", 500)
    loaded = paybox_config.load(desk.directory / "paybox.toml")
    assert [p.state for p in await diagnose(loaded) if p.part == "sync"] == ["fail"]


async def test_a_centre_that_is_away_costs_the_desk_nothing(desk: "Desk") -> None:
    (desk.directory / "center.key").write_bytes(CENTER_KEY)
    key_file = str(desk.directory / "center.key")
    await restart(desk, {"center": {"url": "http://127.0.0.1:9", "key_file": key_file}})
    assert await collect(desk, "S4", 700)
    assert (await part(desk, "sync"))["state"] == "warn"
    loaded = paybox_config.load(desk.directory / "paybox.toml")
    assert [p.state for p in await diagnose(loaded) if p.part == "sync"] == ["warn"]
