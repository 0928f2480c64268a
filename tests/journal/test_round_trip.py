"""What is read equals what was written, whatever stands in the fields."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.clock import BEIJING
from device.domain.charge import Charge, ChargeKey
from device.domain.payment import Attempt
from device.domain.record import PutAnswer, PutAttempt, PutCharge, PutOrder, PutRefund, Stored
from device.domain.refund import Refund
from device.domain.replies import RefundResult, Result
from device.domain.words import Form
from device.journal import Inline, SqliteJournal

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FEN = st.integers(0, 10**9)
COUNT = st.integers(0, 9)
TIMES = st.datetimes(
    datetime(2000, 1, 2),  # noqa: DTZ001  hypothesis wants the bounds naive
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([BEIJING, UTC, timezone(timedelta(hours=-3, minutes=-30))]),
)
KEYS = st.builds(ChargeKey, TEXT, TEXT, st.integers(1, 99))
ATTEMPTS = st.builds(
    Attempt,
    number=st.just(1),
    out_trade_no=st.just("T1"),
    amount_fen=FEN,
    code_hash=TEXT,
    detail=TEXT,
    provider_trade_no=TEXT,
    payer_mask=TEXT,
    paid_at=st.none() | TIMES,
    watched=COUNT,
    refusals=COUNT,
    contradictions=COUNT,
)
CHARGES = st.builds(
    Charge,
    key=KEYS,
    amount_fen=FEN,
    operator=TEXT,
    title=TEXT,
    patient_hash=TEXT,
    ttl_s=st.floats(0, 1e6),
    form=st.sampled_from(Form),
    attempts=st.lists(ATTEMPTS, max_size=3).map(
        lambda found: tuple(
            replace(a, number=n, out_trade_no=f"T{n}") for n, a in enumerate(found, 1)
        )
    ),
    refunded_fen=FEN,
)
REFUNDS = st.builds(
    Refund,
    his_id=TEXT,
    out_trade_no=TEXT,
    out_refund_no=TEXT,
    amount_fen=FEN,
    total_fen=FEN,
    pay_id=TEXT,
    pay_date=TEXT,
    detail=TEXT,
    provider_refund_no=TEXT,
    refunded_at=st.none() | TIMES,
    operator=TEXT,
    remark=TEXT,
    do_id=TEXT,
    form=st.sampled_from(Form),
)
RESULTS = st.builds(
    Result,
    id=TEXT,
    try_=st.integers(1, 99),
    revision=st.integers(1, 10**6),
    status=TEXT,
    business_date=TEXT,
    reason=TEXT,
    message=TEXT,
    wallet=TEXT,
    amount_fen=FEN,
    refunded_fen=FEN,
    out_trade_no=TEXT,
    provider_trade_no=TEXT,
    paid_at=TEXT,
    payer_mask=TEXT,
    state=TEXT,
    next_check_s=COUNT,
    form=st.sampled_from(Form),
)
REFUND_RESULTS = st.builds(
    RefundResult,
    id=TEXT,
    revision=st.integers(1, 10**6),
    status=TEXT,
    pay_id=TEXT,
    reason=TEXT,
    message=TEXT,
    amount_fen=FEN,
    out_trade_no=TEXT,
    out_refund_no=TEXT,
    provider_refund_no=TEXT,
    refunded_at=TEXT,
    form=st.sampled_from(Form),
)
ANSWERS = st.builds(PutAnswer, TEXT, RESULTS | REFUND_RESULTS, TIMES, offer=st.booleans())


class StillClock:
    def monotonic(self) -> float:
        return 7.5

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=BEIJING)

    def sane(self) -> bool:
        return True


Use = Callable[[SqliteJournal], Coroutine[Any, Any, Any]]


def twice(write: Use, read: Use) -> tuple[Any, Any]:
    """Write and read in one process, then read in the next."""

    async def run() -> tuple[Any, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "journal.sqlite3"
            journal = await SqliteJournal.open(path, StillClock(), Inline())
            await write(journal)
            here = await read(journal)
            await journal.aclose()
            journal = await SqliteJournal.open(path, StillClock(), Inline())
            there = await read(journal)
            await journal.aclose()
            return here, there

    return asyncio.run(run())


few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(CHARGES)
def test_a_charge_with_its_attempts_comes_back_as_it_was(charge: Charge) -> None:
    puts = tuple(PutAttempt(charge.key, a, "x") for a in charge.attempts)
    key = charge.key
    here, there = twice(
        lambda journal: journal.commit((*puts, PutCharge(charge))),
        lambda journal: journal.ticket(key.business_date, key.his_id),
    )
    assert here.charges == (charge,)
    assert there == here


@few
@given(REFUNDS)
def test_a_refund_comes_back_as_it_was(refund: Refund) -> None:
    order = PutOrder(refund.out_trade_no, refund.wallet, refund.amount_fen)
    here, there = twice(
        lambda journal: journal.commit((PutRefund(refund), order)),
        lambda journal: journal.ticket("any day", refund.his_id),
    )
    assert here.refund == refund
    assert there == here


@few
@given(ANSWERS)
def test_an_answer_comes_back_as_it_was(put: PutAnswer) -> None:
    here, there = twice(
        lambda journal: journal.commit((put,)),
        lambda journal: journal.ticket(put.business_date, put.answer.id),
    )
    expected = Stored(put.business_date, put.answer, put.at, put.offer, delivered=False)
    assert here.stored == replace(expected, this_boot=True, mono_s=7.5)
    assert there.stored == expected
