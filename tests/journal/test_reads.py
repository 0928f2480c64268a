from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from device.domain.charge import ChargeState
from device.domain.payment import AttemptState
from device.domain.record import Delivered, PutAnswer, PutAttempt, PutCharge, PutOrder, PutRefund
from device.domain.refund import RefundState
from device.domain.replies import RefundResult, Result
from device.domain.words import Wallet
from device.journal import SqliteJournal
from device.journal.marks import LIMIT, Marks

if TYPE_CHECKING:
    from tests.journal.conftest import FakeClock, Opener, Records


@pytest.fixture
async def journal(opened: "Opener") -> SqliteJournal:
    return await opened()


async def test_an_unknown_id_has_no_ticket(journal: SqliteJournal) -> None:
    assert await journal.ticket("", "MZ1") is None
    assert await journal.order("MZ03") is None
    assert await journal.last() is None


async def test_a_ticket_holds_every_try_and_the_newest_answer_of_each(
    journal: SqliteJournal, make: "Records"
) -> None:
    second = replace(make.charge(1), key=make.key(1, 2))
    first = replace(make.charge(1), state=ChargeState.NOT_PAID)
    answers = [
        make.result(1, "unknown", revision=1),
        make.result(1, "not_paid", revision=2),
        make.result(1, "unknown", revision=3, try_=2),
    ]
    await journal.commit((PutCharge(second), PutCharge(first), *answers))
    ticket = await journal.ticket("", "MZ1")
    assert ticket
    assert [c.key.try_ for c in ticket.charges] == [1, 2]
    assert ticket.revision == 3
    assert [s.answer for s in ticket.older] == [answers[1].answer]


async def test_business_dates_are_apart(journal: SqliteJournal, make: "Records") -> None:
    monday, tuesday = (replace(make.key(1), business_date=d) for d in ("2026-11-23", "2026-11-24"))
    await journal.commit((PutCharge(replace(make.charge(1), key=monday)),))
    await journal.commit((PutCharge(replace(make.charge(1), key=tuesday)),))
    ticket = await journal.ticket("2026-11-24", "MZ1")
    assert ticket
    assert [c.key for c in ticket.charges] == [tuesday]
    assert await journal.ticket("", "MZ1") is None


async def test_what_has_an_id_on_any_day_is_found(journal: SqliteJournal, make: "Records") -> None:
    """Where ids restart daily a refund may not take an id that any day's charge has (§3.10)."""
    monday = replace(make.key(1), business_date="2026-11-23")
    await journal.commit((PutCharge(replace(make.charge(1), key=monday)),))
    ticket = await journal.any_day("MZ1")
    assert ticket
    assert ticket.business_date == "2026-11-23"
    assert await journal.ticket("", "MZ1") is None
    assert await journal.any_day("MZ2") is None


async def test_a_refund_id_is_found_under_any_date(journal: SqliteJournal, make: "Records") -> None:
    answer = PutAnswer("", RefundResult("TK1", 1, "pending"), make.result(1).at, offer=False)
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "TK1", 5)), answer))
    for date in ("", "2026-11-22"):
        ticket = await journal.ticket(date, "TK1")
        assert ticket
        assert (ticket.business_date, ticket.revision) == ("", 1)
        assert ticket.refund == make.refund(1, "TK1", 5)


async def test_an_order_names_its_charge_and_its_open_refund(
    journal: SqliteJournal, make: "Records", clock: "FakeClock"
) -> None:
    asked_at = clock.wall()
    await journal.commit((*make.intended(1), PutRefund(make.refund(1, "TK1", 5))))
    clock.move(wall=timedelta(hours=1))
    await journal.commit((PutRefund(make.refund(1, "TK1", 5, RefundState.PENDING)),))
    order = await journal.order(make.trade_no(1))
    assert order
    assert (order.key, order.open_refund_id, order.refund_fen) == (make.key(1), "TK1", 5)
    assert order.open_refund_at == asked_at
    await journal.commit((PutRefund(make.refund(1, "TK1", 5, RefundState.REFUNDED)),))
    order = await journal.order(make.trade_no(1))
    assert order
    assert (order.open_refund_id, order.open_refund_at, order.refund_fen) == ("", None, 5)


async def test_an_order_of_another_desk_has_no_charge(journal: SqliteJournal) -> None:
    await journal.commit((PutOrder("ZY01X", Wallet.ALIPAY, 100, 30),))
    order = await journal.order("ZY01X")
    assert order
    assert (order.key, order.elsewhere_fen) == (None, 30)


async def unsettled_ids(journal: SqliteJournal) -> list[str]:
    return [ticket.his_id for ticket in await journal.unsettled()]


@pytest.mark.parametrize("state", list(AttemptState))
async def test_an_attempt_is_unsettled_until_its_answered_end(
    journal: SqliteJournal, make: "Records", state: AttemptState
) -> None:
    ended = {"paid", "failed", "reversed", "refunded", "manual"}
    charge = make.charge(1, ChargeState.NOT_PAID)
    await journal.commit((PutCharge(charge), PutAttempt(make.key(1), make.attempt(1, state))))
    assert await unsettled_ids(journal) == ([] if state.value in ended else ["MZ1"])


@pytest.mark.parametrize("state", [AttemptState.FAILED, AttemptState.REVERSED])
async def test_a_watched_order_is_unsettled_until_it_was_asked_four_times(
    journal: SqliteJournal, make: "Records", state: AttemptState
) -> None:
    put = PutAttempt(make.key(1), replace(make.attempt(1, state), watch=True, watched=3))
    await journal.commit((PutCharge(make.charge(1, ChargeState.NOT_PAID)), put))
    assert await unsettled_ids(journal) == ["MZ1"]
    await journal.commit((PutAttempt(make.key(1), replace(put.attempt, watched=4)),))
    assert await unsettled_ids(journal) == []


async def test_unsettled_comes_oldest_first_and_each_id_once(
    journal: SqliteJournal, make: "Records", clock: "FakeClock"
) -> None:
    for n in (3, 1, 2):
        await journal.commit(make.intended(n))
        clock.move(wall=timedelta(seconds=1))
    await journal.commit((PutRefund(make.refund(1, "TK1", 5)),))
    assert await unsettled_ids(journal) == ["MZ3", "MZ1", "MZ2", "TK1"]
    await journal.commit(make.paid(3))
    assert await unsettled_ids(journal) == ["MZ1", "MZ2", "TK1"]


async def test_only_the_newest_offer_of_a_try_is_undelivered(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((make.result(2, "unknown"), make.result(1)))
    await journal.commit((make.result(2, "paid", revision=2),))
    silent = replace(make.result(3), offer=False)
    await journal.commit((silent,))
    held = [(s.answer.id, s.answer.revision) for s in await journal.undelivered()]
    assert held == [("MZ1", 1), ("MZ2", 2)]
    await journal.commit((Delivered("", "MZ2", 1),))  # an older revision: not what counts
    assert len(await journal.undelivered()) == 2
    await journal.commit((Delivered("", "MZ2", 2), Delivered("", "nobody", 9)))
    assert [s.answer.id for s in await journal.undelivered()] == ["MZ1"]


async def test_news_of_one_try_does_not_deliver_another(
    journal: SqliteJournal, make: "Records"
) -> None:
    second = make.result(1, "paid", revision=2)
    assert isinstance(second.answer, Result)
    second = replace(second, answer=replace(second.answer, try_=2))
    await journal.commit((make.result(1, "not_paid"), second))
    await journal.commit((make.result(1, "unknown", revision=3),))
    await journal.commit((Delivered("", "MZ1", 3),))
    assert [s.answer.revision for s in await journal.undelivered()] == [2]


async def test_last_is_the_newest_result_that_is_final_or_was_pushed(
    journal: SqliteJournal, make: "Records"
) -> None:
    await journal.commit((make.result(1),))
    await journal.commit((replace(make.result(2, "unknown"), offer=False),))
    refund = PutAnswer("", RefundResult("TK1", 1, "refunded"), make.result(1).at, offer=True)
    await journal.commit((refund,))
    newest = await journal.last()
    assert newest
    assert newest.answer.id == "MZ1"
    await journal.commit((make.result(2, "unknown", revision=2),))
    newest = await journal.last()
    assert newest
    assert (newest.answer.id, newest.answer.revision) == ("MZ2", 2)


async def test_an_answer_tells_whether_it_is_of_this_boot_and_how_old(
    opened: "Opener", make: "Records", clock: "FakeClock"
) -> None:
    journal = await opened()
    await journal.commit((make.result(1),))
    clock.move(mono_s=60, wall=timedelta(days=3650))
    ticket = await journal.ticket("", "MZ1")
    assert ticket
    assert ticket.stored
    assert (ticket.stored.this_boot, ticket.stored.mono_s) == (True, 1_000.0)
    await journal.aclose()
    ticket = await (await opened()).ticket("", "MZ1")
    assert ticket
    assert ticket.stored
    assert (ticket.stored.this_boot, ticket.stored.mono_s) == (False, 0.0)


async def test_a_code_that_was_used_stays_used_whatever_any_clock_does(
    opened: "Opener", make: "Records", clock: "FakeClock"
) -> None:
    journal = await opened()
    code = make.attempt(1).code_hash
    assert not await journal.code_used(code)
    await journal.commit(make.intended(1))
    clock.move(mono_s=25 * 3600, wall=timedelta(days=3650))
    assert await journal.code_used(code)
    await journal.aclose()
    clock.move(wall=timedelta(days=-3651))
    assert await (await opened()).code_used(code)


async def test_a_code_of_a_day_with_a_wrong_clock_is_not_taken_again_after_a_reboot(
    opened: "Opener", make: "Records", clock: "FakeClock"
) -> None:
    """World seed 60: the clock was a day behind when the code was used, and right after a cut."""
    clock.move(wall=timedelta(days=-1))
    journal = await opened()
    await journal.commit(make.intended(1))
    await journal.aclose()
    clock.move(wall=timedelta(days=1, minutes=10))
    assert await (await opened()).code_used(make.attempt(1).code_hash)


def test_marks_are_bounded_and_what_is_forgotten_counts_as_old() -> None:
    marks = Marks()
    for n in range(LIMIT + 10):
        marks.note(n, float(n))
    assert len(marks.times) == LIMIT
    assert marks.get(9) is None
    assert marks.oldest() == 10.0
    marks.note(LIMIT, 0.0)  # the first time counts
    assert marks.get(LIMIT) == float(LIMIT)
