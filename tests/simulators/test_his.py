"""The HIS simulator: its books, its receipts, and a box that dies in between."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from device.clock import SystemClock
from device.domain.replies import ErrorReply, RefundResult, Reply, Result
from device.domain.requests import (
    Cancel,
    Pay,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Request,
    Reverse,
)
from device.domain.words import ErrorCode
from device.drivers.streams import open_stream
from device.drivers.tcp import TcpServer
from device.his_link.calls import NoAnswer
from device.his_link.link import HisLink
from device.his_link.messages import Codec
from simulators.his import HisSimulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

UNKNOWN = "unknown"


class Box:
    """A box that remembers, answers `unknown` and settles when told; may die and come back."""

    def __init__(self) -> None:
        self.memory: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.forgets = False
        self._port = 0

    async def start(self) -> None:
        self.link = HisLink(
            Codec("MZ-03", 5_000_000), self._asked, lambda _connection, _opened: None, SystemClock()
        )
        self.server = TcpServer("127.0.0.1", self._port, self.link.attach)
        await self.server.start()
        self._port = self.server.address[1]

    async def die(self) -> None:
        self.link.close()
        await self.server.aclose()

    def settle(self, reply: Reply) -> None:
        self.memory[getattr(reply, "id", "")] = reply
        for connection in self.link.connections():
            self.link.send(connection, reply)

    def _asked(self, connection: int, seq: int, request: Request) -> None:
        self.requests.append(request)
        if not isinstance(request, Received):
            self.link.send(connection, self._answer(request), seq)

    def _answer(self, request: Request) -> Reply:
        id_: str = getattr(request, "id", "")
        match request:
            case Pay() if not self.forgets:
                self.memory.setdefault(id_, Result(id_, request.try_, 1, UNKNOWN, state="armed"))
            case Reverse() | RefundRequest():
                self.memory.setdefault(id_, RefundResult(id_, 1, "refunded"))
            case Cancel():
                self.memory[id_] = Result(id_, 1, 2, "not_paid", reason="cancelled")
        return self.memory.get(id_) or ErrorReply(ErrorCode.NOT_FOUND, "无", id=id_)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  the other end is a socket
            await asyncio.sleep(0.002)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    box = Box()
    await box.start()
    yield box
    await box.die()


@pytest.fixture
async def his(box: Box) -> AsyncIterator[HisSimulator]:
    host, port = box.server.address
    his = HisSimulator(f"tcp://{host}:{port}", open_stream, reconnect_s=0.02)
    running = asyncio.create_task(his.run())
    await his.connected()
    yield his
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_it_books_on_paid_and_acknowledges_every_result(his: HisSimulator, box: Box) -> None:
    entry = await his.pay("T1", 1234, title="门诊收费")
    assert (entry.status, entry.final) == (UNKNOWN, False)
    box.settle(Result("T1", 1, 2, "paid", amount_fen=1234, out_trade_no="MZ03A"))
    entry = await his.settled("T1", 5)
    assert entry.status == "paid"
    assert entry.result is not None
    assert entry.result["out_trade_no"] == "MZ03A"
    assert [r["revision"] for r in entry.results] == [1, 2]
    await until(lambda: box.requests[-1] == Received("T1", 2))
    assert Received("T1", 1) in box.requests


async def test_cancel_query_reverse_and_refund(his: HisSimulator, box: Box) -> None:
    await his.pay("T1", 100)
    assert (await his.query("T1"))["status"] == UNKNOWN
    assert (await his.cancel("T1"))["reason"] == "cancelled"
    assert his.books["T1"].status == "not_paid"
    assert (await his.reverse("R1", "T1")).status == "refunded"
    assert (await his.refund("F1", 50, pay_id="T1", reason="退号")).status == "refunded"
    assert RefundRequest("F1", 50, "T1", reason="退号") in box.requests


async def test_an_error_ends_the_entry(his: HisSimulator, box: Box) -> None:
    box.forgets = True
    entry = await his.pay("T1", 100)
    assert entry.error is not None
    assert entry.error["code"] == "not_found"
    assert entry.final


async def test_a_result_it_never_asked_for_is_acknowledged_and_dropped(
    his: HisSimulator, box: Box
) -> None:
    box.settle(Result("OLD", 1, 4, "paid", amount_fen=5))
    await until(lambda: Received("OLD", 4) in box.requests)
    assert "OLD" not in his.books
    assert [m["id"] for m in his.dropped] == ["OLD"]


async def test_an_older_revision_or_another_try_changes_nothing(
    his: HisSimulator, box: Box
) -> None:
    await his.pay("T1", 100, **{"try": 2})
    box.settle(Result("T1", 2, 3, "paid"))
    await his.settled("T1", 5)
    box.settle(Result("T1", 2, 2, UNKNOWN))
    box.settle(Result("T1", 1, 9, "not_paid"))
    await until(lambda: Received("T1", 9) in box.requests)
    assert his.books["T1"].status == "paid"


async def test_a_box_that_died_is_asked_again_and_nothing_is_collected_twice(
    his: HisSimulator, box: Box
) -> None:
    await his.pay("T1", 100)
    await his.refund("F1", 5, pay_id="T0")
    await box.die()
    await until(lambda: not his.is_connected)
    with pytest.raises(NoAnswer):
        await his.query("T1")
    box.memory["T1"] = Result("T1", 1, 5, "paid", amount_fen=100)
    await box.start()
    assert (await his.settled("T1", 5)).status == "paid"
    assert [type(r) for r in box.requests].count(Pay) == 1
    assert Query("T1") in box.requests
    assert RefundQuery("F1") not in box.requests  # it had ended


async def test_what_the_box_never_heard_of_is_asked_for_again(his: HisSimulator, box: Box) -> None:
    box.settle(Result("X", 1, 1, UNKNOWN))
    await his.pay("T1", 100)
    await box.die()
    await until(lambda: not his.is_connected)
    box.memory.clear()
    box.requests.clear()
    await box.start()
    await until(lambda: any(isinstance(r, Pay) for r in box.requests))
    assert box.requests[0] == Query("T1")
    box.settle(Result("T1", 1, 2, "paid", amount_fen=100))
    assert (await his.settled("T1", 5)).status == "paid"


async def test_a_pay_cut_off_in_the_middle_stays_open_in_the_books(
    his: HisSimulator, box: Box
) -> None:
    box.link.on_request = lambda _connection, _seq, request: box.requests.append(request)
    paying = asyncio.create_task(his.pay("T1", 100))
    await until(lambda: len(box.requests) == 1)
    await box.die()
    with pytest.raises(NoAnswer):
        await paying
    assert not his.books["T1"].final


async def test_the_last_messages_are_kept_for_the_desk_page(his: HisSimulator, box: Box) -> None:
    seen: list[tuple[str, object]] = []
    his._on_message = lambda direction, fields: seen.append((direction, fields["type"]))
    await his.pay("T1", 100)
    assert his.last_received["type"] == "result"
    assert his.last_sent == {"type": "received", "id": "T1", "revision": 1}
    assert seen == [("sent", "pay"), ("received", "result"), ("sent", "received")]
    assert box.requests
