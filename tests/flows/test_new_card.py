"""The card is destroyed and replaced, and the HIS asks again: the same end, one charge (M20)."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.screens import AmountDue, Password
from simulators.gateway.model import Wallet

if TYPE_CHECKING:
    from tests.flows.conftest import Desk

LONG_PASSWORD = {"name": "password", "after_s": 0.7}  # within either card's wait of 0.8 s
NEVER = {"name": "password_never"}
LOST = {"name": "drop_after", "on": "pay"}


async def collect(desk: "Desk", wallet: str, *luck: object) -> dict[str, Any]:
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, *luck))
    return await asked


def paid_orders(desk: "Desk") -> int:
    """Orders that the providers hold paid."""
    trades = desk.gateway.book.trades.values()
    return sum(t.paid_at is not None for t in trades)


@pytest.mark.parametrize("by", ["pay", "query", "cancel"])
@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_after_paid_the_same_end_whoever_asks(desk: "Desk", wallet: str, by: str) -> None:
    before = await collect(desk, wallet)
    await desk.replace_card()
    again = await (desk.pay("T1", 1000) if by == "pay" else desk.ask(by, id="T1"))
    same = ("status", "amount_fen", "out_trade_no", "provider_trade_no", "wallet", "paid_at")
    assert {k: again[k] for k in same} == {k: before[k] for k in same}
    assert (paid_orders(desk), desk.held_fen()) == (1, 1000)
    assert desk.states("T1") == ["paid"]


async def test_after_paid_the_other_wallet_is_shown(desk: "Desk") -> None:
    """The number is the same in both wallets, so only asking every one of them finds it."""
    await collect(desk, "wechat")
    await desk.replace_card()
    again = await desk.pay("T1", 1000)
    desk.scan(desk.code("alipay"))
    assert again["status"] == "paid"
    await asyncio.sleep(0.2)
    assert "pay" not in desk.calls(Wallet.ALIPAY)
    assert paid_orders(desk) == 1


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_while_the_patient_types(desk: "Desk", wallet: str) -> None:
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, LONG_PASSWORD))
    await desk.glass.until(Password)
    asked.cancel()
    await desk.replace_card()
    again = await desk.pay("T1", 1000)
    assert again["status"] in {"unknown", "paid"}
    assert (await desk.settled("T1"))["status"] == "paid"
    assert (paid_orders(desk), desk.held_fen()) == (1, 1000)


async def test_a_password_that_is_never_typed_ends_unpaid(desk: "Desk") -> None:
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay", NEVER))
    await desk.glass.until(Password)
    asked.cancel()
    await desk.replace_card()
    assert (await desk.pay("T1", 1000))["status"] == "unknown"
    assert (await desk.settled("T1"))["status"] == "not_paid"
    assert desk.held_fen() == 0


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_when_the_answer_to_the_pay_was_lost(desk: "Desk", wallet: str) -> None:
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code(wallet, LOST))
    while not paid_orders(desk):  # noqa: ASYNC110  the provider sends no event
        await asyncio.sleep(0.005)
    asked.cancel()
    await desk.replace_card()
    await desk.pay("T1", 1000)
    assert (await desk.settled("T1"))["status"] == "paid"
    assert (paid_orders(desk), desk.held_fen()) == (1, 1000)


async def test_while_the_amount_is_armed_it_is_collected_anew(desk: "Desk") -> None:
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    asked.cancel()
    await desk.replace_card()
    assert (await collect(desk, "wechat"))["status"] == "paid"
    assert (paid_orders(desk), desk.held_fen()) == (1, 1000)


async def test_after_not_paid_it_may_be_collected_once(desk: "Desk") -> None:
    """The declined order is closed at the wallet; the next code gets a number of its own."""
    declined = {"name": "decline", "code": "NOTENOUGH"}
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("wechat", declined))
    while desk.states("T1") != ["failed"]:  # noqa: ASYNC110  the journal sends no event
        await asyncio.sleep(0.01)
    asked.cancel()
    await desk.replace_card()
    assert (await collect(desk, "wechat"))["status"] == "paid"
    assert (paid_orders(desk), desk.held_fen()) == (1, 1000)


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_refund_of_what_the_old_card_collected(desk: "Desk", wallet: str) -> None:
    await collect(desk, wallet)
    await desk.replace_card()
    done = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    assert (done["status"], desk.held_fen()) == ("refunded", 700)


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_reverse_of_what_the_old_card_collected(desk: "Desk", wallet: str) -> None:
    await collect(desk, wallet)
    await desk.replace_card()
    done = await desk.ask("reverse", id="V1", pay_id="T1")
    assert (done["status"], desk.held_fen()) == ("refunded", 0)
    assert (await desk.ask("query", id="T1"))["status"] == "returned"


async def test_a_refund_asked_again_after_the_old_card_gave_it(desk: "Desk") -> None:
    """Its number is the same, so it is not given twice, and it is not counted twice."""
    await collect(desk, "wechat")
    first = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    await desk.replace_card()
    again = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    same = ("status", "amount_fen", "out_refund_no")
    assert {k: again[k] for k in same} == {k: first[k] for k in same}
    assert desk.held_fen() == 700
    rest = await desk.ask("refund", id="R2", pay_id="T1", amount_fen=700)
    assert (rest["status"], desk.held_fen()) == ("refunded", 0)


async def test_after_a_reverse_it_is_not_collected_money(desk: "Desk") -> None:
    await collect(desk, "wechat")
    assert (await desk.ask("reverse", id="V1", pay_id="T1"))["status"] == "refunded"
    await desk.replace_card()
    assert (await desk.ask("query", id="T1"))["code"] == "not_found"
    assert desk.held_fen() == 0


async def test_an_id_that_was_never_sent_is_not_found(desk: "Desk") -> None:
    await collect(desk, "wechat")
    await desk.replace_card()
    for type_, fields in (("query", {}), ("cancel", {}), ("reverse", {"pay_id": "T9"})):
        assert (await desk.ask(type_, id="T9", **fields))["code"] == "not_found", type_
    assert desk.journal("SELECT * FROM charges") == []


@pytest.mark.parametrize("by", ["pay", "query"])
async def test_a_wallet_that_cannot_be_asked_is_offline(desk: "Desk", by: str) -> None:
    """Only one of the two is gone, and the other knows nothing of it: that proves nothing."""
    await collect(desk, "alipay")
    desk.changes = {"channels.alipay": {"gateway_url": "http://127.0.0.1:9/gateway.do"}}
    await desk.replace_card()
    told = await (desk.pay("T1", 1000) if by == "pay" else desk.ask(by, id="T1"))
    assert told["code"] == "offline"
    assert desk.journal("SELECT * FROM charges") == []
    assert paid_orders(desk) == 1


@pytest.mark.parametrize("key", ["missing", "wrong"])
async def test_on_a_first_installation_one_bad_key_leaves_the_other_wallet_working(
    desk: "Desk", key: str
) -> None:
    path = desk.directory / "other.key"
    if key == "wrong":
        path.write_text("0" * 32)
    desk.changes = {"channels.wechat": {"api_key_file": str(path)}}
    await desk.replace_card()
    asked = desk.pay("T1", 1000)
    await desk.glass.until(AmountDue)
    desk.scan(desk.code("alipay"))
    assert (await asked)["status"] == "paid"


async def test_a_box_with_an_old_journal_asks_nobody(desk: "Desk") -> None:
    assert (await desk.ask("query", id="T9"))["code"] == "not_found"
    await collect(desk, "wechat")
    assert desk.calls(Wallet.WECHAT) == ["pay"]
    assert desk.calls(Wallet.ALIPAY) == []


async def test_a_new_card_asks_no_more_than_the_rule_says(desk: "Desk") -> None:
    await desk.replace_card()
    await collect(desk, "wechat")
    assert desk.calls(Wallet.WECHAT) == [*["query"] * 5, "pay"]
    assert desk.calls(Wallet.ALIPAY) == ["query"] * 5


async def test_an_order_of_another_box_is_a_person_s_business(desk: "Desk") -> None:
    await collect(desk, "wechat")
    desk.changes = {"box": {"id": "BOX-0002"}}
    await desk.replace_card()
    told = await desk.pay("T1", 1000)
    assert (told["code"], told["status"]) == ("conflict", "unknown")
    after = await desk.ask("query", id="T1")
    assert (after["status"], after["state"], after["attention"]) == ("unknown", "manual", True)


async def test_another_amount_under_the_same_id_is_conflict(desk: "Desk") -> None:
    await collect(desk, "alipay")
    await desk.replace_card()
    assert (await desk.pay("T1", 1001))["code"] == "conflict"
    assert (await desk.ask("query", id="T1"))["state"] == "manual"
    assert paid_orders(desk) == 1


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_full_refund_asked_again_hears_that_it_was_refunded(
    desk: "Desk", wallet: str
) -> None:
    """Nothing moves twice, and it is not called `over_refund` either."""
    await collect(desk, wallet)
    first = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=1000)
    await desk.replace_card()
    again = await desk.ask("refund", id="R1", pay_id="T1", amount_fen=1000)
    same = ("status", "amount_fen", "out_refund_no", "pay_id")
    assert {k: again.get(k) for k in same} == {k: first.get(k) for k in same}
    assert desk.held_fen() == 0
    more = await desk.ask("refund", id="R2", pay_id="T1", amount_fen=1)
    # Alipay closes what went back whole, and no longer says that it was paid
    assert more["code"] == ("over_refund" if wallet == "wechat" else "not_allowed")


async def test_a_refund_of_the_old_card_is_counted_once(desk: "Desk") -> None:
    await collect(desk, "wechat")
    await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    await desk.replace_card()
    await desk.ask("refund", id="R1", pay_id="T1", amount_fen=300)
    assert (await desk.ask("query", id="T1"))["refunded_fen"] == 300


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_reverse_asked_again_hears_that_nothing_is_left(desk: "Desk", wallet: str) -> None:
    """The wallet only says that the order is closed: whether it was paid is known to nobody."""
    await collect(desk, wallet)
    await desk.ask("reverse", id="V1", pay_id="T1")
    await desk.replace_card()
    again = await desk.ask("reverse", id="V1", pay_id="T1")
    assert (again["code"], desk.held_fen()) == ("not_allowed", 0)
