"""Booking in two steps, replaced amounts, a day's sums and a text, over real links and files."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from device.clock import BEIJING
from device.domain.screens import AmountDue, Message, NotBookedScreen, PaidScreen

if TYPE_CHECKING:
    from tests.flows.conftest import Desk


@pytest.fixture
def hurried(desk: "Desk") -> "Desk":
    """The HIS has a moment to confirm."""
    desk.changes["limits"] = {"confirm_wait_s": 0.3}
    return desk


async def offered(desk: "Desk", wallet: str = "wechat", id_: str = "T1") -> dict[str, Any]:
    asked = desk.pay(id_, 1000, confirm=True)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet))
    offer = await asked
    assert (offer["status"], offer["booked"]) == ("paid", False)
    return offer


async def again(desk: "Desk") -> None:
    """The power goes and comes back."""
    await desk.power_off()
    desk.his.close()
    await desk.power_on()
    await desk.connect()


async def test_an_offer_is_booked_and_stays_so(desk: "Desk") -> None:
    offer = await offered(desk)
    booked = await desk.ask("confirm", id="T1", booked=True)
    assert (booked["status"], booked["booked"]) == ("paid", True)
    assert booked["revision"] == offer["revision"] + 1
    assert (await desk.ask("confirm", id="T1", booked=False))["code"] == "conflict"
    await again(desk)
    assert (await desk.ask("query", id="T1"))["booked"] is True
    assert (await desk.ask("confirm", id="T1", booked=True))["revision"] == booked["revision"]
    assert desk.held_fen() == 1000


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_refused_offer_goes_back(desk: "Desk", wallet: str) -> None:
    await offered(desk, wallet)
    going = await desk.ask("confirm", id="T1", booked=False)
    assert (going["status"], going["state"]) == ("unknown", "reversing")
    final = await desk.settled("T1")
    assert (final["status"], final["reason"], final["booked"]) == ("returned", "not_booked", False)
    assert desk.held_fen() == 0


async def test_a_refusal_survives_the_power(desk: "Desk") -> None:
    await offered(desk, "alipay")
    await desk.ask("confirm", id="T1", booked=False)
    await again(desk)
    assert (await desk.settled("T1"))["reason"] == "not_booked"
    assert desk.held_fen() == 0


async def test_silence_calls_the_cashier_and_moves_no_money(hurried: "Desk") -> None:
    await again(hurried)
    await offered(hurried)
    shown = await hurried.glass.until(NotBookedScreen)
    assert shown.amount_fen == 1000
    held = await hurried.unasked("paid")
    assert (held["booked"], held["attention"]) == (False, True)
    await again(hurried)
    assert (await hurried.ask("hello", v=1))["unsettled"] == ["T1"]
    late = await hurried.ask("confirm", id="T1", booked=True)
    assert (late["booked"], late["attention"]) == (True, False)
    assert hurried.held_fen() == 1000


async def test_a_day_sums_what_was_taken_and_what_went_back(desk: "Desk") -> None:
    await offered(desk, "wechat", "T1")
    await desk.ask("confirm", id="T1", booked=True)
    await offered(desk, "alipay", "T2")
    await desk.ask("confirm", id="T2", booked=False)
    await desk.settled("T2")
    assert (await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300))["status"] == "refunded"
    today = f"{datetime.now(BEIJING):%Y-%m-%d}"
    told = await desk.ask("summary", date=today)
    assert (told["type"], told["date"]) == ("summary_result", today)
    alipay, wechat = told["rows"]
    assert alipay == {
        "wallet": "alipay",
        "business": "outpatient_fee",
        "paid_count": 1,
        "paid_fen": 1000,
        "refund_count": 1,
        "refund_fen": 1000,
    }
    assert (wechat["paid_fen"], wechat["refund_count"], wechat["refund_fen"]) == (1000, 1, 300)
    taken = sum(row["paid_fen"] - row["refund_fen"] for row in told["rows"])
    assert taken == desk.held_fen()


async def test_the_right_amount_takes_the_place_of_the_wrong_one(desk: "Desk") -> None:
    wrong = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    right = desk.pay("T2", 900, supersede=True)
    assert (await wrong)["reason"] == "superseded"
    while (await desk.glass.until(AmountDue)).amount_fen != 900:  # noqa: ASYNC110  one picture more
        await asyncio.sleep(0.01)
    desk.scan(desk.code("wechat"))
    assert (await right)["status"] == "paid"
    assert desk.held_fen() == 900


async def test_a_code_that_the_his_has_read_itself_pays(desk: "Desk") -> None:
    answer = await desk.pay("T1", 1000, auth_code=desk.code("alipay"))
    assert (answer["status"], answer["wallet"]) == ("paid", "alipay")
    await desk.glass.until(PaidScreen)


async def test_a_text_is_shown_to_the_patient(desk: "Desk") -> None:
    await desk.his.tell("show", {"text": "收费处午休\n13:30 再来", "seconds": 60})
    shown = await desk.glass.until(Message)
    assert shown.lines == ("收费处午休", "13:30 再来")
