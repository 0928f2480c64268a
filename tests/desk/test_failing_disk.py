"""While the disk fails what has happened goes on, and nothing new is begun (M21)."""

from __future__ import annotations

import asyncio

import pytest

from device.domain.charge import ChargeKey
from device.domain.desk.events import Scanned
from device.domain.outcome import (
    Paid,
    Unknown,
)
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.refund import RefundEvent
from device.domain.replies import (
    ErrorReply,
    RefundResult,
    Result,
    StatusResult,
)
from device.domain.requests import (
    Query,
    Received,
    RefundRequest,
    Request,
    Reverse,
    Status,
)
from device.domain.screens import (
    AmountDue,
    DeclinedScreen,
    PaidScreen,
    Signal,
    StorageFailed,
)
from device.domain.words import ErrorCode, Reason
from device.errors import StorageError
from tests.desk.conftest import OTHER, PATIENT_S, Bench, disk_good, pay


async def test_an_intent_that_cannot_be_written_is_not_sent(bench: Bench) -> None:
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    assert bench.channel.orders == []
    assert isinstance(bench.panel.screens[-1], StorageFailed)
    assert bench.lamp.signals[-1] is Signal.FAULT
    await disk_good(bench)
    assert isinstance(bench.panel.screens[-1], DeclinedScreen)  # it was called off, as attempt 1
    await bench.scan(OTHER)
    assert len(bench.channel.orders) == 1
    ticket = await bench.disk.ticket("", "A")
    assert [a.state.value for a in ticket.charges[0].attempts] == ["failed", "intended"]
    assert ticket.charges[0].attempts[0].reason is Reason.STORAGE_FAILED


async def test_a_code_shown_while_the_amount_was_not_on_the_glass_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.desk.DISK_RETRY_S", 3600.0)  # only the test tries the disk
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    tries = bench.disk.tries
    await bench.scan(OTHER)
    assert bench.disk.tries == tries
    first_key_s = bench.clock.mono_s
    bench.clock.mono_s += 5.0
    await disk_good(bench)
    bench.desk.post(Scanned(OTHER, first_key_s))
    await bench.settle()
    assert bench.channel.orders == []


async def test_a_success_that_is_not_on_disk_is_told_as_unknown_and_not_shown(
    bench: Bench,
) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    told = bench.link.sent[-1][1]
    assert isinstance(told, Result)
    assert (told.status, told.reason, told.state) == ("unknown", "storage_failed", "paying")
    assert (told.revision, told.provider_trade_no, told.paid_at) == (0, "", "")
    assert isinstance(bench.panel.screens[-1], StorageFailed)
    async with asyncio.timeout(PATIENT_S):
        while bench.disk.tries <= 3:  # noqa: ASYNC110  the disk sends no event
            await asyncio.sleep(0.001)
    assert PaidScreen not in {type(s) for s in bench.panel.screens}
    await disk_good(bench)
    assert bench.results() == ["unknown", "paid"]
    assert isinstance(bench.panel.screens[-1], PaidScreen)
    ticket = await bench.disk.ticket("", "A")
    assert ticket.stored.answer.revision == bench.link.sent[-1][1].revision  # type: ignore[union-attr]  # a Result


async def test_the_desk_goes_on_from_memory_to_the_reverse(bench: Bench) -> None:
    """What is under way still ends; `reversing` is not said before it is durable."""
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.desk.state.seat
    key, number = bench.desk.state.seat.charge.key, bench.channel.orders[0].out_trade_no
    bench.disk.failing = True
    told = await bench.desk.report(key, number, AttemptEvent.DEADLINE, Facts())
    assert told.state is AttemptState.REVERSING
    assert bench.pursued[-1] == told
    told = await bench.desk.report(key, number, AttemptEvent.AGREED, Facts())
    assert told.state is AttemptState.REVERSED
    said = [(r.state, r.reason) for _, r, _ in bench.link.sent if isinstance(r, Result)]
    assert said == [("querying", ""), *[("querying", "storage_failed")] * 2]
    await disk_good(bench)
    assert bench.results()[-1] == "not_paid"
    ticket = await bench.disk.ticket("", "A")
    assert ticket.charges[0].attempts[0].state is AttemptState.REVERSED


@pytest.mark.parametrize(
    "request_",
    [pay("B"), RefundRequest("R1", 300, pay_id="A"), Reverse("V1", "A")],
    ids=["pay", "refund", "reverse"],
)
async def test_nothing_new_is_begun_while_the_disk_fails(bench: Bench, request_: Request) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    for attempt in range(2):
        told = await bench.ask(request_)
        assert isinstance(told, ErrorReply), attempt
        assert (told.code, told.id) == (ErrorCode.STORAGE_FAILED, getattr(request_, "id", ""))
    assert bench.refunds == []
    assert not bench.desk.state.askers


@pytest.mark.parametrize("durable", [True, False])
async def test_what_was_asked_for_waits_for_the_disk(bench: Bench, *, durable: bool) -> None:
    """A commit that raises may be there all the same: it is kept, and carried out once."""
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.disk.durable = durable
    request = RefundRequest("R1", 300, pay_id="A")
    assert await bench.ask(request) is None
    assert bench.refunds == []
    await disk_good(bench)
    assert [r.his_id for r in bench.refunds] == ["R1"]
    told = await bench.ask(request)
    assert isinstance(told, RefundResult)
    assert (told.status, told.revision) == ("pending", 1)


@pytest.mark.parametrize("durable", [True, False])
async def test_an_asked_for_reverse_waits_for_the_disk(bench: Bench, *, durable: bool) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing, bench.disk.durable = True, durable
    await bench.ask(Reverse("V1", "A"))
    assert bench.pursued == []
    await disk_good(bench)
    assert [a.state for a in bench.pursued] == [AttemptState.REVERSING]


async def test_a_durable_result_too_is_only_unknown_while_the_disk_fails(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(Received("A", 1))
    bench.disk.failing = True
    await bench.ask(RefundRequest("R1", 300, pay_id="A"))
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.status, told.reason, told.revision) == ("unknown", "storage_failed", 0)
    await disk_good(bench)
    newest = bench.link.sent[-1][1]
    assert isinstance(newest, Result)
    assert (newest.status, newest.revision > 0) == ("paid", True)


async def test_an_answer_that_was_only_hinted_at_is_not_delivered(bench: Bench) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    await bench.ask(Query("A"))
    await disk_good(bench)
    undelivered = await bench.disk.undelivered()
    assert [s.answer.status for s in undelivered] == ["paid"]
    assert len(bench.desk.state.offers) == 1


async def test_a_refund_waits_for_the_disk_before_it_is_sent(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(Reverse("V1", "A"))
    key, number = ChargeKey("", "A", 1), bench.channel.orders[0].out_trade_no
    bench.disk.failing = True
    await bench.desk.report(key, number, AttemptEvent.WINDOW_OVER, Facts())
    assert bench.refunds == []
    await disk_good(bench)
    assert [r.his_id for r in bench.refunds] == ["V1"]
    bench.disk.failing = True
    with pytest.raises(StorageError):
        await bench.desk.report_refund(bench.refunds[0], RefundEvent.SEND, Facts(), "")


async def test_a_refund_that_ended_while_the_disk_failed_is_not_taken_up_again(
    bench: Bench,
) -> None:
    """World seed 74: its old state was pursued, and every word about it was refused, for ever."""
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    await bench.ask(RefundRequest("R1", 300, pay_id="A"))
    (refund,) = bench.refunds
    bench.disk.failing = True
    refund = await bench.desk.report_refund(refund, RefundEvent.PENDING, Facts(), "")
    await bench.desk.report_refund(refund, RefundEvent.DONE, Facts(), "5030")
    await disk_good(bench)
    assert len(bench.refunds) == 1


async def test_status_says_that_the_disk_fails(bench: Bench) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.failing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.part: p.state for p in told.parts} == {"vpn": "ok", "disk": "fail", "journal": "fail"}
    await disk_good(bench)
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.state for p in told.parts} == {"ok"}


async def test_an_amount_that_could_not_be_armed_frees_the_desk(bench: Bench) -> None:
    bench.hold = asyncio.Event()
    assert await bench.ask(pay("B")) is None
    bench.disk.failing = True
    await bench.ask(Query("B"))
    bench.hold.set()
    await bench.settle()
    assert AmountDue not in {type(s) for s in bench.panel.screens}
    told = bench.link.sent[-1][1]
    assert isinstance(told, ErrorReply)
    assert told.code is ErrorCode.STORAGE_FAILED
    assert bench.desk.state.seat is None
    await disk_good(bench)
    bench.hold = None
    assert await bench.ask(pay("C")) is None
    assert isinstance(bench.panel.screens[-1], AmountDue)


async def test_received_is_never_answered(bench: Bench) -> None:
    await bench.ask(pay())
    bench.disk.failing = True
    await bench.scan()
    assert await bench.ask(Received("A", 1)) is None


async def test_a_change_that_contradicts_the_schema_is_said_and_not_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.ask(pay())
    await bench.scan()
    bench.disk.refusing = True
    bench.channel.outcome = Paid("42", 1234)
    await bench.settle()
    await asyncio.sleep(0.02)
    assert bench.disk.tries == 2
    assert not any(isinstance(s, StorageFailed) for s in bench.panel.screens)
    assert any(r.levelname == "CRITICAL" for r in caplog.records)
    told = await bench.ask(Status())
    assert isinstance(told, StatusResult)
    assert {p.part: p.state for p in told.parts}["journal"] == "fail"


# parts that fail in mid-work
