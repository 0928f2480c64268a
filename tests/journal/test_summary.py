"""A day as the HIS counts it: by the provider's Beijing date, at the desk that gave it (§3.13)."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from device.clock import BEIJING
from device.domain.charge import ChargeKey, ChargeState
from device.domain.payment import AttemptState
from device.domain.record import Change, PutAnswer, PutAttempt, PutCharge, PutOrder, PutRefund
from device.domain.refund import RefundKind, RefundState
from device.domain.replies import Result, SummaryRow
from device.domain.words import Business, Wallet
from device.journal import SqliteJournal

if TYPE_CHECKING:
    from tests.journal.conftest import Opener, Records

DAY = "2026-11-22"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=BEIJING)
TOMORROW = NOON + timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 23, 0, 0, tzinfo=BEIJING)
FEN = 12345


class Day:
    """Makes payments and gives them back."""

    def __init__(self, journal: SqliteJournal, make: "Records") -> None:
        self.journal = journal
        self.make = make

    async def paid(  # noqa: PLR0913  what a summary tells apart
        self,
        n: int,
        at: datetime = NOON,
        *,
        wallet: Wallet = Wallet.WECHAT,
        business: Business = Business.OUTPATIENT_FEE,
        operator: str = "0117",
        told: bool = True,
        back: datetime | None = None,
    ) -> None:
        state = AttemptState.REVERSED if back else AttemptState.PAID
        charge = replace(
            self.make.charge(n, ChargeState.PAID), business=business, operator=operator
        )
        attempt = replace(
            self.make.attempt(n, state), wallet=wallet, paid_at=at, held_paid=True, returned_at=back
        )
        number = self.make.trade_no(n)
        result = Result(f"MZ{n}", 1, 1, "paid" if told else "not_paid", out_trade_no=number)
        change: Change = (
            PutCharge(charge),
            PutAttempt(charge.key, attempt),
            PutOrder(number, wallet, FEN),
            PutAnswer("", result, at, offer=True),
        )
        await self.journal.commit(change)

    async def refund(  # noqa: PLR0913  what a summary tells apart
        self,
        n: int,
        fen: int,
        at: datetime = NOON,
        *,
        kind: RefundKind = RefundKind.REFUND,
        state: RefundState = RefundState.REFUNDED,
        operator: str = "0117",
    ) -> None:
        refund = self.make.refund(n, f"{n}-{fen}", fen, state)
        refund = replace(refund, kind=kind, refunded_at=at, operator=operator)
        await self.journal.commit((PutRefund(refund),))

    async def rows(self, day: str = DAY, operator: str = "") -> list[SummaryRow]:
        return list(await self.journal.summary(day, operator))


def row(  # noqa: PLR0913  a row has so many columns
    paid: int = 0,
    fen: int = 0,
    back: int = 0,
    back_fen: int = 0,
    wallet: str = "wechat",
    business: str = "outpatient_fee",
) -> SummaryRow:
    return SummaryRow(wallet, business, paid, fen, back, back_fen)


@pytest.fixture
async def day(opened: "Opener", make: "Records") -> Day:
    return Day(await opened(), make)


async def test_an_empty_day_has_no_rows(day: Day) -> None:
    assert await day.rows() == []


async def test_payments_are_summed_by_wallet_and_business(day: Day) -> None:
    await day.paid(1)
    await day.paid(2)
    await day.paid(3, wallet=Wallet.ALIPAY)
    await day.paid(4, business=Business.REGISTRATION)
    assert await day.rows() == [
        row(1, FEN, wallet="alipay"),
        row(2, 2 * FEN),
        row(1, FEN, business="registration"),
    ]


async def test_the_day_is_the_provider_s(day: Day) -> None:
    await day.paid(1, MIDNIGHT - timedelta(seconds=1))
    await day.paid(2, MIDNIGHT)
    assert await day.rows() == [row(1, FEN)]
    assert await day.rows("2026-11-23") == [row(1, FEN)]
    assert await day.rows("2026-11-24") == []


async def test_a_refund_counts_on_its_own_day(day: Day) -> None:
    await day.paid(1)
    await day.refund(1, 300, TOMORROW)
    assert await day.rows() == [row(1, FEN)]
    assert await day.rows("2026-11-23") == [row(back=1, back_fen=300)]


async def test_only_what_went_back_counts(day: Day) -> None:
    await day.paid(1)
    await day.refund(1, 300, state=RefundState.PENDING)
    await day.refund(1, 400, state=RefundState.FAILED)
    assert await day.rows() == [row(1, FEN)]


async def test_a_refund_of_another_desk_s_order_counts_here(day: Day) -> None:
    await day.journal.commit((PutOrder(day.make.trade_no(7), Wallet.ALIPAY, FEN),))
    refund = replace(day.make.refund(7, "TK7", 500, RefundState.REFUNDED), wallet=Wallet.ALIPAY)
    await day.journal.commit((PutRefund(replace(refund, refunded_at=NOON)),))
    assert await day.rows() == [row(back=1, back_fen=500, wallet="alipay", business="")]


async def test_a_payment_that_was_reversed_counts_on_both_days(day: Day) -> None:
    await day.paid(1, back=TOMORROW)
    assert await day.rows() == [row(1, FEN)]
    assert await day.rows("2026-11-23") == [row(back=1, back_fen=FEN)]


async def test_a_reverse_by_the_provider_counts_once(day: Day) -> None:
    await day.paid(1, back=NOON)
    await day.refund(1, FEN, kind=RefundKind.REVERSE)
    assert await day.rows() == [row(1, FEN, 1, FEN)]


async def test_a_reverse_that_became_a_refund_counts(day: Day) -> None:
    await day.paid(1)
    await day.refund(1, FEN, kind=RefundKind.REVERSE)
    assert await day.rows() == [row(1, FEN, 1, FEN)]


async def test_what_never_counted_as_paid_is_no_payment_and_no_refund(day: Day) -> None:
    await day.paid(1, told=False, back=NOON)
    await day.paid(2, told=False)
    await day.refund(2, FEN, kind=RefundKind.OWN)
    assert await day.rows() == []


async def test_a_cashier_sees_their_own(day: Day) -> None:
    await day.paid(1, operator="0117")
    await day.paid(2, operator="0118")
    await day.refund(2, 300, operator="0117")
    assert await day.rows(operator="0117") == [row(1, FEN, 1, 300)]
    assert await day.rows(operator="0118") == [row(1, FEN)]
    assert await day.rows(operator="0119") == []


async def test_ids_that_restart_daily_are_apart(day: Day) -> None:
    await day.paid(1)
    key = ChargeKey("2026-11-23", "MZ1", 1)
    charge = replace(day.make.charge(1, ChargeState.PAID), key=key)
    attempt = replace(
        day.make.attempt(2, AttemptState.PAID), paid_at=TOMORROW, held_paid=True, number=1
    )
    result = Result("MZ1", 1, 1, "paid", "2026-11-23", out_trade_no=day.make.trade_no(2))
    answer = PutAnswer("2026-11-23", result, TOMORROW, offer=True)
    await day.journal.commit((PutCharge(charge), PutAttempt(key, attempt), answer))
    assert await day.rows() == [row(1, FEN)]
    assert await day.rows("2026-11-23") == [row(1, FEN)]


async def test_a_busy_day_is_summed_while_a_payment_runs(day: Day) -> None:
    """his-link §3.11: under 50 ms; the rows of other days are not looked at."""
    for n in range(1, 301):
        await day.paid(n, NOON if n % 2 else TOMORROW)
    times = []
    for _ in range(5):
        began_s = time.perf_counter()
        assert await day.rows() == [row(150, 150 * FEN)]
        times.append(time.perf_counter() - began_s)
    assert min(times) < 0.05
