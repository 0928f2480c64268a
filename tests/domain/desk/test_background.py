"""What goes on behind the desk while it serves the next one (his-link §3.7, payment-states §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from device.domain.desk.effects import PursueRefund
from device.domain.outcome import Declined, Paid, Unknown
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.refund import RefundEvent, RefundState
from device.domain.replies import RefundResult, Result
from device.domain.requests import Cancel, Received, RefundQuery, RefundRequest, Reverse
from device.domain.screens import AmountDue, CallCashier, GivenBack, GivingBack, Idle
from device.domain.words import Reason

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

CODE, OTHER_CODE = "134567890123456789", "287634438256643940"
PAID = Paid("42", 1234)
E = AttemptEvent


def gone(till: Till) -> Till:
    """Charge A ended unpaid by a reverse that met "no such order": it is watched."""
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.MISSING)
    till.report(E.DEADLINE)
    till.report(E.GONE)
    assert till.attempt().watch_due
    return till


def test_a_late_payment_of_an_earlier_try_does_not_disturb_the_one_at_the_desk(till: Till) -> None:
    first = gone(till).number
    till.arm(try_=2).scan(OTHER_CODE)
    till.report(E.REVERSE_WANTED, Facts(provider_trade_no="9", detail="late"), number=first)
    till.answer(PAID)
    assert till.result().status == "paid"
    assert till.attempt(first).state is AttemptState.REVERSING


def test_cancel_speaks_of_the_try_it_names_though_an_earlier_one_moved(till: Till) -> None:
    first = gone(till).number
    till.arm(try_=2).scan(OTHER_CODE)
    till.report(E.REVERSE_WANTED, Facts(detail="late"), number=first)
    told = till.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert (told.try_, told.status) == (2, "unknown")


def test_a_late_payment_is_returned_with_attention(till: Till) -> None:
    gone(till)
    assert till.result().reason == "reversed"
    said = till.report(E.REVERSE_WANTED, Facts(detail="late"))
    assert [(s.reply.status, s.reply.state) for s in said if isinstance(s.reply, Result)] == [
        ("unknown", "reversing")
    ]
    till.report(E.PAID, Facts(provider_trade_no="9"))
    till.report(E.AGREED)
    told = till.result()
    assert (told.status, told.reason, told.attention) == ("not_paid", "late_payment_returned", True)


def test_a_next_try_waits_until_the_late_payment_is_back(till: Till) -> None:
    gone(till)
    till.report(E.REVERSE_WANTED, Facts(detail="late"))
    assert till.error(till.pay(try_=2)) == "busy"
    till.report(E.AGREED)
    till.arm(try_=2)


def test_a_look_at_a_watched_order_shows_nobody_anything(till: Till) -> None:
    gone(till).wait(60)
    assert till.shows(Idle)
    said = till.report(E.WATCHED)
    assert till.shows(Idle)
    assert said == []


def test_reversing_frees_the_desk_for_the_next_patient(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.DEADLINE)
    assert till.shows(GivingBack)
    till.arm("B", 500)
    till.report(E.AGREED, number=till.number)
    assert till.shows(AmountDue)
    assert till.result().status == "not_paid"


def test_money_back_is_shown_when_the_desk_is_free(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    till.wait(10)
    till.report(E.AGREED)
    assert till.shows(GivenBack)


def test_three_refusals_become_a_refund_of_our_own_that_is_pursued_once(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(PAID)
    for _ in range(3):
        till.report(E.PAID)
        till.report(E.REFUSED)
    wanted = [e.refund for e in till.effects if isinstance(e, PursueRefund)]
    assert [r.his_id for r in wanted] == ["*" + till.number]
    assert wanted[0].amount_fen == 1234
    assert till.attempt().state is AttemptState.REFUNDING
    till.report_refund("*" + till.number, RefundEvent.SEND)
    till.report_refund("*" + till.number, RefundEvent.DONE)
    told = till.result()
    assert (told.status, told.reason) == ("not_paid", "cancelled")
    assert till.attempt().state is AttemptState.REFUNDED


def test_a_refund_of_our_own_answers_nobody(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(PAID)
    till.report(E.WINDOW_OVER)
    said = till.report_refund("*" + till.number, RefundEvent.SEND)
    assert said == []
    assert till.error(RefundQuery("*" + till.number)) == "not_found"


def test_a_refund_of_our_own_that_fails_calls_a_person(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(PAID)
    till.report(E.WINDOW_OVER)
    till.report_refund("*" + till.number, RefundEvent.FAILED, Facts(reason=Reason.PAYER_ACCOUNT))
    told = till.result()
    assert (told.status, told.state, told.attention) == ("unknown", "manual", True)


def test_a_refund_ends_while_another_patient_pays(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(RefundRequest("R1", 300, pay_id="A"))
    till.arm("B", 500)
    said = till.report_refund("R1", RefundEvent.DONE)
    first = [s for s in said if isinstance(s.reply, RefundResult)]
    assert [s.re is not None for s in first] == [True], "the first answer is no unasked frame"


@pytest.mark.parametrize("event", [E.MISSING, E.PAID])
def test_news_without_a_change_writes_nothing(till: Till, event: AttemptEvent) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(PAID)
    till.report(event)
    till.report(event)
    assert till.effects == []


def test_declined_is_not_watched_and_not_pursued(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.MERCHANT_FAULT, "NOAUTH"))
    assert not till.attempt().watch_due
    assert till.result().reason == "merchant_fault"


def test_the_refund_of_a_reverse_keeps_its_own_number(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    till.report(E.PAID)
    till.report(E.WINDOW_OVER)
    assert till.disk.refunds.keys() == {"R1"}
    till.report_refund("R1", RefundEvent.DONE)
    assert till.disk.refunds["R1"].state is RefundState.REFUNDED
    told = till.result()
    assert (told.status, told.reason, told.refunded_fen) == ("returned", "reversed", 1234)


def test_a_reversal_that_takes_too_long_calls_a_person_once_and_goes_on(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.DEADLINE)
    said = [s.reply for s in till.report(E.OVERDUE) if isinstance(s.reply, Result)]
    assert [(r.status, r.state, r.attention) for r in said] == [("unknown", "reversing", True)]
    assert till.shows(CallCashier)
    assert till.disk.events[-1].state == "reversing"
    assert till.disk.events[-1].revision == said[0].revision
    assert till.report(E.OVERDUE) == []
    till.report(E.AGREED)
    assert till.result().status == "not_paid"


def test_news_of_an_earlier_try_takes_no_offer_away(till: Till) -> None:
    """A `paid` that the HIS has not confirmed is offered on, whatever an earlier try does."""
    first = gone(till).number
    till.arm(try_=2).scan(OTHER_CODE).answer(PAID)
    till.report(E.REVERSE_WANTED, Facts(detail="late"), number=first)
    said = [s.reply for s in till.wait(31) if isinstance(s.reply, Result)]
    assert {(r.try_, r.status) for r in said} == {(1, "unknown"), (2, "paid")}
    till.ask(Received("A", max(r.revision for r in said)))
    offered = [o.answer for o in till.desk.offers.values()]
    assert [getattr(a, "try_", 0) for a in offered] == [2]
