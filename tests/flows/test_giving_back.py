"""Money goes back: refunds and reverses, once, and never more than was paid."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.flows.conftest import Desk


async def paid(desk: "Desk", wallet: str, *luck: object, id_: str = "T1") -> str:
    """A payment of 10.00; its order number."""
    asked = desk.pay(id_, 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, *luck))
    result = await asked
    assert result["status"] == "paid"
    return str(result["out_trade_no"])


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_part_then_the_rest(desk: "Desk", wallet: str) -> None:
    await paid(desk, wallet)
    first = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    assert (first["status"], first["amount_fen"]) == ("refunded", 300)
    between = await desk.ask("query", id="T1")
    assert (between["status"], between["refunded_fen"]) == ("paid", 300)
    rest = await desk.ask("refund", id="R2", pay_id="T1", amount="7.00")
    assert rest["status"] == "refunded"
    final = await desk.ask("query", id="T1")
    assert (final["status"], final["reason"], final["refunded_fen"]) == ("returned", "manual", 1000)
    assert desk.held_fen() == 0


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_never_more_than_was_paid(desk: "Desk", wallet: str) -> None:
    await paid(desk, wallet)
    assert (await desk.ask("refund", id="R1", pay_id="T1", amount_fen=1001))["code"] == (
        "over_refund"
    )
    assert (await desk.ask("refund", id="R2", pay_id="T1", amount_fen=600))["status"] == "refunded"
    assert (await desk.ask("refund", id="R3", pay_id="T1", amount_fen=401))["code"] == "over_refund"
    assert desk.held_fen() == 400


async def test_one_refund_id_gives_back_once(desk: "Desk") -> None:
    await paid(desk, "wechat")
    first = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    again = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    assert (again["revision"], again["status"]) == (first["revision"], "refunded")
    other = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=301)
    assert other["code"] == "conflict"
    assert desk.held_fen() == 700


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_reverse_undoes_the_whole_payment(desk: "Desk", wallet: str) -> None:
    await paid(desk, wallet)
    done = await desk.ask("reverse", id="V1", pay_id="T1")
    assert (done["status"], done["amount_fen"]) == ("refunded", 1000)
    final = await desk.ask("query", id="T1")
    assert (final["status"], final["reason"]) == ("returned", "reversed")
    assert (desk.held_fen(), desk.states("T1")) == (0, ["reversed"])


async def test_a_reverse_after_a_refund_is_a_refund_of_the_rest(desk: "Desk") -> None:
    await paid(desk, "wechat")
    await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    done = await desk.ask("reverse", id="V1", pay_id="T1")
    assert (done["status"], done["amount_fen"]) == ("refunded", 700)
    assert (desk.held_fen(), (await desk.ask("query", id="T1"))["status"]) == (0, "returned")


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_reverse_that_comes_too_late_becomes_a_refund(desk: "Desk", wallet: str) -> None:
    late = {"name": "reverse_expired", "on": "reverse", "times": "always"}
    await paid(desk, wallet, late)
    done = await desk.ask("reverse", id="V1", pay_id="T1")
    assert done["status"] == "refunded"
    assert desk.states("T1") == ["refunded"]
    assert (desk.held_fen(), (await desk.ask("query", id="T1"))["status"]) == (0, "returned")


@pytest.mark.parametrize("luck", ["drop_after", "drop_before", "recall"])
async def test_a_reverse_is_asked_until_a_query_agrees(desk: "Desk", luck: str) -> None:
    await paid(desk, "wechat", {"name": luck, "on": "reverse"})
    assert (await desk.ask("reverse", id="V1", pay_id="T1"))["status"] == "refunded"
    assert (desk.held_fen(), desk.states("T1")) == (0, ["reversed"])


async def test_a_refund_whose_answer_is_lost_is_asked_about(desk: "Desk") -> None:
    await paid(desk, "wechat", {"name": "drop_after", "on": "refund"})
    done = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    assert (done["status"], desk.held_fen()) == ("refunded", 700)


async def test_a_refund_in_processing_is_pending_and_blocks_another(desk: "Desk") -> None:
    await paid(desk, "wechat", {"name": "refund_processing", "on": "refund", "for_s": 3.0})
    asked = desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    while (await desk.ask("refund_query", id="R1")).get("status") != "pending":  # noqa: ASYNC110  the HIS polls
        await asyncio.sleep(0.02)
    second = await desk.ask("refund", id="R2", pay_id="T1", amount_fen=100)
    assert (second["code"], second["blocking_id"]) == ("busy", "R1")
    assert second["age_s"] in range(20)
    assert (await asked)["status"] == "refunded"


async def test_an_order_of_another_desk_is_found_by_its_number(desk: "Desk") -> None:
    number = await paid(desk, "alipay")
    for table in ("answers", "attempts"):
        assert desk.journal(f"SELECT count(*) FROM {table}")[0][0] > 0
    desk.changes = {"box": {"data_dir": str(desk.directory / "other"), "desk": "MZ-04"}}
    await desk.power_off()
    await desk.power_on()
    await desk.connect()
    missing = await desk.ask("refund", id="R0", out_trade_no="MZ99" + number[4:], amount_fen=100)
    assert missing["code"] == "not_found"
    done = await desk.ask("refund", id="R1", out_trade_no=number, amount_fen=300)
    assert (done["status"], done["pay_id"], desk.held_fen()) == ("refunded", "", 700)
    over = await desk.ask("refund", id="R2", out_trade_no=number, amount_fen=701)
    assert over["code"] == "over_refund"


async def test_what_was_not_paid_gives_nothing_back(desk: "Desk") -> None:
    assert (await desk.ask("refund", id="R1", pay_id="T9", amount_fen=1))["code"] == "not_found"
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    await desk.ask("cancel", id="T1")
    await asked
    refused = await desk.ask("refund", id="R2", pay_id="T1", amount_fen=1)
    assert refused["code"] in {"not_allowed", "not_found"}
