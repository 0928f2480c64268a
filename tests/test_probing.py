"""A young journal asks every wallet: as many numbers as the rule says, and no more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from device.domain.found import Found, FoundOrder, Wanted
from device.domain.outcome import (
    Closed,
    Contradiction,
    Missing,
    Open,
    Paid,
    PayFailed,
    QueryOutcome,
    RefundSum,
    Returned,
    Unknown,
)
from device.domain.words import Wallet
from device.probing import MAX_ATTEMPTS_ASKED, Prober

if TYPE_CHECKING:
    from device.domain.ports import Channel

PAID = Paid("42", 1000)


@dataclass
class Wallets:
    """Answers by `try.attempt`; what is not listed is missing."""

    held: dict[str, QueryOutcome] = field(default_factory=dict)
    first: dict[str, QueryOutcome] = field(default_factory=dict)
    """What is answered once, before `held`."""
    asked: list[str] = field(default_factory=list)
    sum_: RefundSum | Unknown = field(default_factory=lambda: RefundSum(300))

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        assert amount_fen is None
        self.asked.append(out_trade_no)
        await asyncio.sleep(0)
        once = self.first.pop(out_trade_no, None)
        return once or self.held.get(out_trade_no, Missing())

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        del out_trade_no
        return self.sum_


async def probe(
    wechat: Wallets,
    alipay: Wallets,
    *tries: int,
    refused: tuple[Wallet, ...] = (),
    named_fen: int = PAID.amount_fen,
) -> Found:
    channels = {
        Wallet.WECHAT: cast("Channel", wechat),
        Wallet.ALIPAY: cast("Channel", alipay),
    }

    async def is_refused(wallet: Wallet) -> bool:
        return wallet in refused

    prober = Prober(channels, is_refused)
    wanted = Wanted("", "A", tries, named_fen)
    return await prober.probe(wanted, lambda t, n: f"{t}.{n}")


def numbers(try_: int, last: int = 5) -> list[str]:
    return [f"{try_}.{n}" for n in range(1, last + 1)]


async def test_a_pay_that_nobody_knows_costs_a_question_for_each_code_of_a_charge() -> None:
    wechat, alipay = Wallets(), Wallets()
    assert await probe(wechat, alipay, 1) == Found()
    assert wechat.asked == alipay.asked == numbers(1)


async def test_the_fifth_code_is_found_though_four_were_declined_and_left_no_order() -> None:
    """Seed 2001 of the world, with cards replaced: it would have been collected twice."""
    found = await probe(Wallets({"1.5": PAID}), Wallets(), 1)
    assert found.orders == (FoundOrder(1, 5, Wallet.WECHAT, "1.5", PAID),)


async def test_attempts_are_asked_until_five_in_a_row_do_not_exist() -> None:
    wechat, alipay = Wallets({"1.1": Closed(), "1.3": PAID}), Wallets()
    found = await probe(wechat, alipay, 1)
    assert wechat.asked == alipay.asked == numbers(1, 8)
    assert found.orders == (
        FoundOrder(1, 1, Wallet.WECHAT, "1.1", Closed()),
        FoundOrder(1, 3, Wallet.WECHAT, "1.3", PAID),
    )
    assert found.taken(1) == 3


async def test_what_exists_at_one_wallet_goes_on_at_both() -> None:
    wechat, alipay = Wallets({"1.1": Closed()}), Wallets({"1.2": PAID})
    found = await probe(wechat, alipay, 1)
    assert wechat.asked == alipay.asked == numbers(1, 7)
    assert [o.wallet for o in found.orders] == [Wallet.WECHAT, Wallet.ALIPAY]


async def test_other_messages_ask_until_three_tries_in_a_row_have_nothing() -> None:
    wechat, alipay = Wallets({"2.1": PAID}), Wallets()
    await probe(wechat, alipay)
    later = [number for try_ in (3, 4, 5) for number in numbers(try_)]
    assert wechat.asked == [*numbers(1), *numbers(2, 6), *later]


async def test_a_pay_asks_the_tries_it_names() -> None:
    wechat, alipay = Wallets(), Wallets()
    await probe(wechat, alipay, 2, 4)
    assert wechat.asked == [*numbers(2), *numbers(4)]


@pytest.mark.parametrize("answer", [Unknown("timeout"), Contradiction("another fee_type")])
async def test_a_wallet_that_gives_no_answer_leaves_nothing_known(answer: QueryOutcome) -> None:
    found = await probe(Wallets({"1.1": PAID}), Wallets({"1.2": answer}), 1)
    assert found == Found(offline=True)


async def test_a_wallet_whose_keys_are_refused_never_took_money_and_stops_nobody() -> None:
    silent = Wallets({f"1.{n}": Unknown("bad signature") for n in range(1, 6)})
    found = await probe(Wallets({"1.1": PAID}), silent, 1, refused=(Wallet.ALIPAY,))
    assert [o.wallet for o in found.orders] == [Wallet.WECHAT]
    assert (await probe(Wallets({"1.1": PAID}), silent, 1)).offline


async def test_the_sum_of_what_went_back_is_asked_for() -> None:
    returned = Returned(PAID)
    found = await probe(Wallets({"1.1": returned}), Wallets(), 1)
    assert found.orders[0].held == replace(returned, refunded_fen=300)
    untold = Wallets({"1.1": returned}, sum_=Unknown("not told"))
    assert (await probe(untold, Wallets(), 1)).offline


OTHER = replace(PAID, amount_fen=1001)
BACK = Returned(PAID, refunded_fen=300)


@pytest.mark.parametrize(
    "lie", [OTHER, Open(amount_fen=1001), BACK], ids=["paid", "open", "returned"]
)
async def test_an_amount_that_nobody_named_is_not_believed_once(lie: QueryOutcome) -> None:
    """Seed 158 of the world: a new card took over what one signed answer said wrongly (M3, M24)."""
    wechat = Wallets({"1.1": PAID}, first={"1.1": lie})
    assert (await probe(wechat, Wallets(), named_fen=0)).offline
    again = await probe(wechat, Wallets(), named_fen=0)
    assert [o.held for o in again.orders] == [PAID]


async def test_the_amount_that_the_his_named_needs_no_second_answer() -> None:
    wechat = Wallets({"1.1": PAID})
    found = await probe(wechat, Wallets(), 1)
    assert [o.held for o in found.orders] == [PAID]
    assert wechat.asked == numbers(1, 6)


async def test_a_wrong_answer_does_not_make_a_person_s_matter_of_what_the_his_named() -> None:
    found = await probe(Wallets({"1.1": PAID}, first={"1.1": OTHER}), Wallets(), 1)
    assert [o.held for o in found.orders] == [PAID]


async def test_another_amount_than_the_his_named_is_believed_when_told_twice() -> None:
    found = await probe(Wallets({"1.1": OTHER}), Wallets(), 1)
    assert [o.held for o in found.orders] == [OTHER]


@pytest.mark.parametrize("second", [Missing(), Closed(), Unknown("timeout")])
async def test_an_amount_that_nothing_confirms_leaves_nothing_known(second: QueryOutcome) -> None:
    wechat = Wallets({"1.1": second}, first={"1.1": PAID})
    assert (await probe(wechat, Wallets(), named_fen=0)).offline


async def test_a_question_without_an_answer_is_put_once_more() -> None:
    wechat = Wallets({"1.1": PAID}, first={f"1.{n}": Unknown("reset") for n in (1, 2)})
    found = await probe(wechat, Wallets(), 1)
    assert [o.held for o in found.orders] == [PAID]


@pytest.mark.parametrize("held", [Open(), PayFailed(), Closed()])
async def test_open_failed_and_closed_orders_exist(held: Open | PayFailed | Closed) -> None:
    found = await probe(Wallets(), Wallets({"1.1": held}), 1)
    assert [o.held for o in found.orders] == [held]


async def test_a_wallet_that_knows_everything_does_not_keep_it_asking_for_ever() -> None:
    endless = Wallets({f"1.{n}": Closed() for n in range(1, 500)})
    await probe(endless, Wallets(), 1)
    assert len(endless.asked) <= MAX_ATTEMPTS_ASKED + 1
