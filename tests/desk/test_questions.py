"""What is asked outside comes back as an event, and a fault of ours is an answer as well."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from device.domain.desk.events import Asked
from device.domain.found import Found, FoundOrder, Wanted
from device.domain.outcome import (
    Paid,
    Unknown,
)
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.record import Order
from device.domain.replies import (
    ErrorReply,
    HelloOk,
    Result,
    StatusResult,
)
from device.domain.requests import (
    Cancel,
    Hello,
    Query,
    RefundRequest,
    Status,
)
from device.domain.screens import (
    OfflineScreen,
)
from device.domain.words import ErrorCode, Wallet
from tests.desk.conftest import CODE, Bench, pay

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_a_fault_in_the_pay_call_is_doubt_and_not_silence(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.channel.outcome = RuntimeError(f"surprise {CODE}")
    await bench.ask(pay())
    await bench.scan()
    assert bench.results() == ["unknown"]
    assert bench.pursued[-1].state is AttemptState.UNKNOWN
    assert CODE not in caplog.text


async def test_a_fault_in_the_check_is_offline_and_frees_the_desk(bench: Bench) -> None:
    bench.ready = RuntimeError("surprise")
    told = await bench.ask(pay())
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.OFFLINE
    assert bench.desk.state.seat is None
    assert isinstance(bench.panel.screens[-1], OfflineScreen)


async def test_two_refunds_of_another_desk_s_order_asked_at_once_open_one(bench: Bench) -> None:
    number = "ZY11" + "F" * 28
    bench.found = Order(number, Wallet.ALIPAY, 1000, 0, 0)
    bench.desk.post(Asked(1, 101, RefundRequest("R1", 600, out_trade_no=number)))
    bench.desk.post(Asked(1, 102, RefundRequest("R2", 600, out_trade_no=number)))
    await bench.settle()
    assert [r.his_id for r in bench.refunds] == ["R1"]
    errors = [r.code for _, r, _ in bench.link.sent if isinstance(r, ErrorReply)]
    assert errors == [ErrorCode.BUSY]


async def test_an_order_nobody_knows_is_answered_with_the_look_up_s_word(bench: Bench) -> None:
    told = await bench.ask(RefundRequest("R1", 600, out_trade_no="ZY11" + "F" * 28))
    assert isinstance(told, ErrorReply)
    assert (told.code, told.id) == (ErrorCode.NOT_FOUND, "R1")


async def test_a_watched_order_is_settled_for_the_his(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.desk.state.seat
    key, number = bench.desk.state.seat.charge.key, bench.channel.orders[0].out_trade_no
    for event in (AttemptEvent.DEADLINE, AttemptEvent.GONE):
        await bench.desk.report(key, number, event, Facts())
    assert len(await bench.disk.unsettled()) == 1
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert hello.unsettled == ()


# a new card: the wallets are asked first


@dataclass
class Wallets:
    """What the wallets say of an id; they wait while `hold` is set."""

    found: Found | Exception = field(default_factory=Found)
    hold: asyncio.Event | None = None
    numbers: list[str] = field(default_factory=list)

    async def probe(self, wanted: Wanted, number: Callable[[int, int], str]) -> Found:
        self.numbers.append(number(1, 1))
        if self.hold and wanted.tries:
            await self.hold.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def wallets(bench: Bench) -> Wallets:
    made = Wallets()
    ports = replace(bench.desk._ports, probe=made.probe)
    bench.desk._ports = bench.desk._performer._questions._ports = ports
    return made


async def test_an_unknown_id_is_asked_for_by_the_number_it_would_have(
    bench: Bench, wallets: Wallets
) -> None:
    await bench.ask(pay())
    await bench.scan()
    assert wallets.numbers == [bench.channel.orders[0].out_trade_no]


async def test_what_is_found_is_committed_before_it_is_told(bench: Bench, wallets: Wallets) -> None:
    held = Paid("42", 1234, mark="BOX-0001")
    wallets.found = Found((FoundOrder(1, 1, Wallet.WECHAT, "MZ03" + "A" * 28, held),))
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.status, bench.diary) == ("paid", ["commit paid", "tell paid"])


async def test_a_cancel_is_judged_after_the_pay_it_is_about(bench: Bench, wallets: Wallets) -> None:
    wallets.hold = asyncio.Event()
    assert await bench.ask(pay()) is None
    assert await bench.ask(Cancel("A")) is None
    wallets.hold.set()
    await bench.settle()
    assert [r for r in bench.results() if r != "not_paid"] == []
    assert bench.results()
    assert bench.desk.state.seat is None


async def test_who_is_gone_while_the_wallets_are_asked_has_begun_nothing(
    bench: Bench, wallets: Wallets
) -> None:
    wallets.hold = asyncio.Event()
    assert await bench.ask(pay(), connection=9) is None
    wallets.hold.set()
    await bench.settle()
    assert bench.desk.state.seat is None
    assert isinstance(await bench.ask(Query("A")), ErrorReply)


async def test_a_fault_in_the_probing_is_offline(bench: Bench, wallets: Wallets) -> None:
    wallets.found = RuntimeError("surprise")
    told = await bench.ask(pay())
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.OFFLINE


async def test_the_desk_serves_others_while_the_wallets_are_asked(
    bench: Bench, wallets: Wallets
) -> None:
    wallets.hold = asyncio.Event()
    await bench.ask(pay())
    assert isinstance(await bench.ask(Status()), StatusResult)
    wallets.hold.set()
