"""An amount comes from the HIS, a code is scanned, and everybody is told the same."""

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import (
    AmountDue,
    DeclinedScreen,
    GivingBack,
    Idle,
    NotPaidScreen,
    OfflineScreen,
    PaidScreen,
    Paying,
)
from device.domain.trace import Mark

if TYPE_CHECKING:
    from tests.flows.conftest import Desk


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_patient_pays(desk: "Desk", wallet: str) -> None:
    asked = desk.pay("T1", 1234)
    due = await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, {"name": "late", "delay_s": 0.1}))  # slower than the picture
    result = await asked
    assert (due.amount_fen, result["status"], result["amount_fen"]) == (1234, "paid", 1234)
    assert (result["wallet"], result["re"]) == (wallet, "01")
    assert (desk.held_fen(), desk.states("T1")) == (1234, ["paid"])
    assert any(isinstance(s, Paying) for s in desk.glass.screens)
    assert isinstance(desk.glass.screens[-1], PaidScreen)


async def test_a_trace_tells_where_the_time_went(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay"))
    result = await asked
    await desk.ask("status")  # behind it in the desk's inbox
    await desk.power_off()
    ((number, text),) = desk.journal("SELECT out_trade_no, marks FROM traces")
    marks = json.loads(text)
    assert number == result["out_trade_no"]
    assert [name for name, _ in marks] == [mark.value for mark in Mark]
    assert [at for _, at in marks] == sorted(at for _, at in marks)


async def test_a_password_is_waited_for(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", {"name": "password", "after_s": 0.3}))
    assert (await asked)["status"] == "paid"
    assert desk.held_fen() == 1234


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_password_that_never_comes_is_given_back(desk: "Desk", wallet: str) -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, "password_never"))
    first = await asked
    assert (first["status"], first["state"]) == ("unknown", "reversing")
    final = await desk.unasked("not_paid")
    assert final["reason"] == "payer_timeout"
    assert (desk.held_fen(), desk.states("T1")) == (0, ["reversed"])


async def test_a_declined_code_leaves_the_amount_for_another(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", {"name": "decline", "code": "NOTENOUGH"}))
    assert (await desk.glass.until(DeclinedScreen)).retry
    await asyncio.sleep(0.05)
    desk.scan(desk.code("alipay"))
    assert (await asked)["status"] == "paid"
    assert desk.states("T1") == ["failed", "paid"]
    assert desk.held_fen() == 1234


@pytest.mark.parametrize(
    "luck", ["system_error", "drop_after", "bad_signature", "no_signature", "http_502", "truncated"]
)
@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_doubt_about_money_that_was_taken_ends_as_paid(
    desk: "Desk", wallet: str, luck: str
) -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, luck))
    first = await asked
    assert (first["status"], first["state"]) == ("unknown", "querying")
    assert (await desk.unasked("paid"))["revision"] > first["revision"]
    assert desk.held_fen() == 1234


@pytest.mark.parametrize("luck", ["system_error_not_created", "drop_before"])
@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_doubt_about_money_that_was_not_taken_ends_as_not_paid(
    desk: "Desk", wallet: str, luck: str
) -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, luck))
    assert (await asked)["status"] == "unknown"
    assert (await desk.unasked("not_paid"))["reason"] == "reversed"
    assert (desk.held_fen(), desk.states("T1")) == (0, ["reversed"])


async def test_the_reverse_follows_a_query_at_once(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", "password_never"))
    await asked
    await desk.unasked("not_paid")
    ledger = [a for a in desk.gateway.book.arrivals if "VERIFY" not in a.out_trade_no]
    reverse = next(i for i, a in enumerate(ledger) if a.call == "reverse")
    assert ledger[reverse - 1].call == "query"
    assert ledger[reverse].at - ledger[reverse - 1].at < 0.1


async def test_cancel_before_a_code_ends_it_at_once(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    cancelled = await desk.ask("cancel", id="T1")
    assert (cancelled["status"], cancelled["reason"]) == ("not_paid", "cancelled")
    assert (await asked)["status"] == "not_paid"
    assert isinstance(desk.glass.screens[-1], NotPaidScreen)
    desk.scan(desk.code("wechat"))
    await asyncio.sleep(0.1)
    assert desk.held_fen() == 0


async def test_cancel_while_the_patient_types_gives_back(desk: "Desk") -> None:
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay", {"name": "password", "after_s": 5.0}))
    while (await desk.ask("query", id="T1"))["state"] != "password":  # noqa: ASYNC110  the HIS polls
        await asyncio.sleep(0.02)
    answer = await desk.ask("cancel", id="T1")
    assert answer["status"] == "unknown"
    await desk.glass.until(GivingBack)
    final = await desk.settled("T1")
    assert (final["status"], final["reason"], desk.held_fen()) == ("not_paid", "cancelled", 0)
    asked.cancel()


async def test_a_scan_before_the_amount_is_never_used(desk: "Desk") -> None:
    desk.scan(desk.code("wechat"))
    await asyncio.sleep(0.1)
    asked = desk.pay("T1", 1234)
    await desk.glass.until(AmountDue)
    await asyncio.sleep(0.1)
    assert desk.held_fen() == 0
    await desk.ask("cancel", id="T1")
    await asked


async def test_the_same_code_is_not_used_twice(desk: "Desk") -> None:
    code = desk.code("wechat")
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    desk.scan(code)
    assert (await asked)["status"] == "paid"
    again = desk.pay("T2", 200)
    await desk.glass.until(AmountDue)
    await asyncio.sleep(1.6)  # past the assembler's own double-read rule
    desk.scan(code)
    await asyncio.sleep(0.1)
    assert desk.glass.hint
    await desk.ask("cancel", id="T2")
    assert ((await again)["status"], desk.held_fen()) == ("not_paid", 100)


async def test_the_wrong_wallet_is_refused_on_the_spot(desk: "Desk") -> None:
    asked = desk.pay("T1", 100, wallet="alipay")
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    await asyncio.sleep(0.1)
    assert desk.glass.hint == "请出示支付宝付款码"
    desk.scan(desk.code("alipay"))
    assert (await asked)["wallet"] == "alipay"


async def test_the_same_request_again_gets_the_same_result(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    first = await asked
    again = await desk.pay("T1", 100)
    assert {**again, "re": ""} == {**first, "re": ""}
    other = await desk.pay("T1", 200)
    assert (other["code"], other["status"]) == ("conflict", "paid")
    assert desk.held_fen() == 100


async def test_a_second_amount_waits_its_turn(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    refused = await desk.pay("T2", 200)
    assert (refused["code"], refused["blocking_id"]) == ("busy", "T1")
    await desk.ask("cancel", id="T1")
    await asked


async def test_a_charge_expires(desk: "Desk") -> None:
    asked = desk.pay("T1", 100, ttl_s=10)
    await desk.glass.until(AmountDue)
    result = await asked
    assert (result["status"], result["reason"]) == ("not_paid", "expired")


async def test_without_a_provider_no_amount_is_shown(desk: "Desk") -> None:
    await desk.gateway.stop()
    refused = await desk.pay("T1", 100)
    assert refused["code"] == "offline"
    assert not any(isinstance(s, AmountDue) for s in desk.glass.screens)
    await desk.glass.until(OfflineScreen)
    await desk.gateway.start()
    await desk.glass.until(Idle)


async def test_an_answer_that_was_not_heard_is_offered_after_a_reconnect(desk: "Desk") -> None:
    asked = desk.pay("T1", 100)
    await desk.glass.until(AmountDue)
    desk.his.close()
    await asyncio.gather(asked, return_exceptions=True)
    desk.scan(desk.code("wechat"))
    await desk.glass.until(PaidScreen)
    await desk.connect()
    assert (await desk.unasked("paid"))["id"] == "T1"
    assert (await desk.unasked("paid"))["id"] == "T1"  # again after redeliver_s: nobody received it
    last = await desk.ask("last")
    desk.his.post("received", {"id": "T1", "revision": last["revision"]})
    hello = await desk.ask("hello", v=1)
    assert hello["undelivered"] == []
