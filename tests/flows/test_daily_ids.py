"""Ids that restart every day (`[his] id_scope = "day"`): the date joins the key (his-link §3.1)."""

from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

SUNDAY, MONDAY = "2026-11-22", "2026-11-23"


@pytest.fixture
async def daily(desk: "Desk") -> "Desk":
    await desk.power_off()
    desk.his.close()
    desk.changes["his"] = {"id_scope": "day"}
    await desk.power_on()
    await desk.connect()
    return desk


async def paid(desk: "Desk", id_: str, date: str) -> dict[str, Any]:
    asked = desk.pay(id_, 1000, business_date=date)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat"))
    result = await asked
    assert (result["status"], result["business_date"]) == ("paid", date)
    return result


async def test_the_same_id_is_another_bill_on_another_day(daily: "Desk") -> None:
    first = await paid(daily, "1", SUNDAY)
    second = await paid(daily, "1", MONDAY)
    assert first["out_trade_no"] != second["out_trade_no"]
    assert daily.held_fen() == 2000
    told = await daily.ask("query", id="1", business_date=SUNDAY)
    assert told["out_trade_no"] == first["out_trade_no"]
    assert (await daily.ask("query", id="1"))["code"] == "bad_message"


async def test_what_is_undelivered_is_named_with_its_day(daily: "Desk") -> None:
    result = await paid(daily, "1", SUNDAY)
    undelivered = (await daily.ask("hello", v=1))["undelivered"]
    assert undelivered == [{"id": "1", "try": 1, "business_date": SUNDAY}]
    assert (await daily.ask("received", id="1", revision=1))["code"] == "bad_message"
    await daily.his.tell(
        "received", {"id": "1", "revision": result["revision"], "business_date": SUNDAY}
    )
    assert (await daily.ask("hello", v=1))["undelivered"] == []


async def test_ids_of_refunds_never_restart(daily: "Desk") -> None:
    await paid(daily, "1", SUNDAY)
    await paid(daily, "2", MONDAY)
    back = {"pay_id": "1", "business_date": SUNDAY, "amount_fen": 300}
    assert (await daily.ask("refund", id="R1", **back))["status"] == "refunded"
    assert (await daily.ask("refund", id="R1", **back))["status"] == "refunded"
    other_day = {**back, "pay_id": "2", "business_date": MONDAY}
    assert (await daily.ask("refund", id="R1", **other_day))["code"] == "conflict"
    assert (await daily.ask("refund_query", id="R1"))["status"] == "refunded"
    assert daily.held_fen() == 1700


async def test_charges_and_refunds_share_their_names(daily: "Desk") -> None:
    await paid(daily, "1", SUNDAY)
    await paid(daily, "2", MONDAY)
    back = {"pay_id": "2", "business_date": MONDAY, "amount_fen": 300}
    assert (await daily.ask("refund", id="1", **back))["code"] == "conflict"
    assert (await daily.ask("reverse", id="1", pay_id="2", business_date=MONDAY))["code"] == (
        "conflict"
    )
    assert (await daily.ask("refund", id="R1", **back))["status"] == "refunded"
    assert (await daily.pay("R1", 500, business_date=MONDAY))["code"] == "conflict"
    armed = daily.pay("3", 500, business_date=MONDAY)
    await daily.glass.until(AmountDue)
    assert (await daily.ask("refund", id="3", **back))["code"] == "conflict"
    await daily.ask("cancel", id="3", business_date=MONDAY)
    assert (await armed)["status"] == "not_paid"
    assert [p["state"] for p in (await daily.ask("status"))["parts"] if p["part"] == "journal"] == [
        "ok"
    ]
