"""One event at a time: what is committed, told, shown and handed on, in this order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from device.clock import BEIJING
from device.domain.desk.events import Acknowledged, Asked
from device.domain.outcome import (
    Declined,
    Paid,
    Unknown,
)
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.replies import (
    ErrorReply,
    HelloOk,
    Result,
    StatusResult,
    SummaryResult,
    SummaryRow,
)
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Query,
    Status,
    Summary,
)
from device.domain.words import Reason
from tests.desk.conftest import CODE, OTHER, Bench, disk_good, pay


async def test_the_story_of_one_payment_in_order(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    assert isinstance(await bench.ask(pay()), Result | None)
    await bench.scan()
    assert bench.diary == [
        "show AmountDue",
        "commit intended",
        "sent 32",
        "pay",
        "sent 32",
        "show Paying",
        "commit paid",
        "tell paid",
        "show PaidScreen",
    ]
    assert bench.channel.orders[0].subject == "市一医院-门诊收费"
    assert bench.channel.orders[0].wait_s == 45.0


async def test_the_request_leaves_before_the_picture_that_says_so(bench: Bench) -> None:
    await bench.ask(pay())
    await bench.scan()
    assert bench.diary[-3:] == ["sent 32", "pay", "show Paying"]


async def test_doubt_is_committed_told_and_handed_to_recovery(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    assert bench.diary[-4:] == [
        "commit unknown",
        "tell unknown",
        "pursue unknown",
        "show AskingProvider",
    ]


async def test_recovery_s_word_comes_back_as_it_stands_on_disk(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    attempt = bench.pursued[-1]
    assert bench.desk.state.seat
    key = bench.desk.state.seat.charge.key
    told = await bench.desk.report(
        key, attempt.out_trade_no, AttemptEvent.PAID, Facts(provider_trade_no="42")
    )
    assert (told.state, told.provider_trade_no) == (AttemptState.PAID, "42")
    ticket = await bench.disk.ticket("", "A")
    assert ticket.charges[0].attempts == (told,)
    assert bench.results() == ["unknown", "paid"]


async def test_an_illegal_word_is_refused_and_the_desk_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay())
    await bench.scan()
    ticket = await bench.disk.ticket("", "A")
    key, number = ticket.charges[0].key, bench.channel.orders[0].out_trade_no
    with pytest.raises(Exception, match="deadline in paid"):
        await bench.desk.report(key, number, AttemptEvent.DEADLINE, Facts())
    assert isinstance(await bench.ask(Query("A")), Result)
    assert CODE not in caplog.text


async def test_a_used_code_is_refused(bench: Bench) -> None:
    bench.channel.outcome = Declined(Reason.DECLINED_BALANCE)
    await bench.ask(pay())
    await bench.scan()
    await bench.scan()
    assert len(bench.channel.orders) == 1
    await bench.scan(OTHER)
    assert len(bench.channel.orders) == 2


async def test_hello_and_status_are_answered(bench: Bench) -> None:
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert (hello.box, hello.unsettled, hello.undelivered) == ("BOX-0001", (), ())
    status = await bench.ask(Status())
    assert isinstance(status, StatusResult)
    assert [p.part for p in status.parts] == ["vpn", "disk", "journal"]


async def test_hello_names_what_is_open_and_what_was_not_delivered(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    await bench.ask(pay())
    await bench.scan()
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    assert (hello.unsettled, hello.undelivered) == (("A",), ("A",))


async def test_hello_names_try_and_date_where_ids_restart_daily(bench: Bench) -> None:
    bench.channel.outcome = Unknown("timeout")
    bench.desk.state = replace(
        bench.desk.state, settings=replace(bench.desk.state.settings, daily_ids=True)
    )
    await bench.ask(pay("7", try_=2, business_date="2026-11-22"))
    await bench.scan()
    hello = await bench.ask(Hello())
    assert isinstance(hello, HelloOk)
    entry = {"id": "7", "try": 2, "business_date": "2026-11-22"}
    assert (hello.unsettled, hello.undelivered) == ((entry,), (entry,))


async def test_an_offer_that_nobody_answers_is_held(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    wait_s = replace(bench.desk.state.settings, confirm_wait_s=0.01)
    bench.desk.state = replace(bench.desk.state, settings=wait_s)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    answer = next(r for _, r, _ in bench.link.sent if isinstance(r, Result))
    bench.desk.post(Acknowledged(answer))
    await bench.settle()
    bench.clock.mono_s += 0.02
    await asyncio.sleep(0.03)
    await bench.settle()
    held = await bench.ask(Query("A"))
    assert isinstance(held, Result)
    assert (held.status, held.booked, held.attention) == ("paid", False, True)
    booked = await bench.ask(Confirm("A", booked=True))
    assert isinstance(booked, Result)
    assert (booked.booked, booked.attention) == (True, False)


async def test_a_refused_booking_is_pursued(bench: Bench) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    answer = await bench.ask(Confirm("A", booked=False))
    assert isinstance(answer, Result)
    assert answer.state == "reversing"
    assert [a.state for a in bench.pursued] == [AttemptState.REVERSING]


@pytest.mark.parametrize("booked", [True, False])
async def test_a_confirm_on_a_failing_disk_counts_once_it_is_written(
    bench: Bench,
    booked: bool,  # noqa: FBT001  a parameter
) -> None:
    bench.channel.outcome = Paid("42", 1234)
    await bench.ask(pay(confirm=True))
    await bench.scan()
    bench.disk.failing = True
    unsure = await bench.ask(Confirm("A", booked=booked))
    assert isinstance(unsure, Result)
    assert (unsure.status, unsure.reason, unsure.revision) == ("unknown", "storage_failed", 0)
    refused = await bench.ask(Confirm("A", booked=booked))
    assert isinstance(refused, ErrorReply)
    assert refused.code.value == "storage_failed"
    assert bench.pursued == []
    await disk_good(bench)
    told = await bench.ask(Query("A"))
    assert isinstance(told, Result)
    assert (told.booked, told.state) == (booked, "" if booked else "reversing")
    assert [a.state.value for a in bench.pursued] == ([] if booked else ["reversing"])


async def test_a_day_is_summed_from_the_journal(bench: Bench) -> None:
    paid_at = datetime(2026, 11, 22, 9, 30, 5, tzinfo=BEIJING)
    bench.channel.outcome = Paid("42", 1234, paid_at=paid_at)
    await bench.ask(pay())
    await bench.scan()
    told = await bench.ask(Summary("2026-11-22"))
    assert isinstance(told, SummaryResult)
    row = SummaryRow("wechat", "outpatient_fee", 1, 1234)
    assert (told.date, told.rows) == ("2026-11-22", (row,))


async def test_who_leaves_enq_unanswered_loses_the_desk_to_who_speaks(bench: Bench) -> None:
    await bench.ask(pay())
    bench.link.unheard.add(1)
    bench.desk.post(Asked(2, 77, Cancel("A")))
    await bench.settle()
    (answer,) = (r for c, r, re in bench.link.sent if (c, re) == (2, 77))
    assert isinstance(answer, Result)
    assert answer.reason == "cancelled"


# a failing disk
