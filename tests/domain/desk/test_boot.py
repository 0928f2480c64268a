"""After a power cut: nothing is forgotten, nothing is armed again (payment-states §2, Boot)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device.domain.charge import ChargeState
from device.domain.desk.effects import CallPay, Pursue, PursueRefund
from device.domain.desk.events import Connection
from device.domain.outcome import Declined, Paid, PayerConfirming, Unknown
from device.domain.payment import AttemptEvent, AttemptState
from device.domain.refund import RefundEvent
from device.domain.replies import Result
from device.domain.requests import Cancel, Received, RefundRequest, Reverse
from device.domain.screens import Idle
from device.domain.words import Reason

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

PAID = Paid("42", 1234)
E = AttemptEvent


def pursued(till: Till) -> list[str]:
    return [e.attempt.state.value for e in till.effects if isinstance(e, Pursue)]


def test_an_amount_that_was_only_armed_is_forgotten_without_harm(till: Till) -> None:
    after = till.arm().power_cut()
    assert after.ticket("A") is None
    assert after.shows(Idle)


def test_an_armed_charge_that_is_on_disk_is_not_paid_restarted(till: Till) -> None:
    till.arm().result()  # the answer to the query was stored, and the charge with it
    after = till.power_cut()
    told = after.result()
    assert (told.status, told.reason) == ("not_paid", "restarted")
    assert after.desk.seat is None


def test_an_intent_is_unknown_and_pursued_and_never_sent_again(till: Till) -> None:
    after = till.arm().scan().power_cut()
    assert pursued(after) == ["unknown"]
    assert after.of(CallPay) == []
    assert after.attempt().state is AttemptState.UNKNOWN
    assert after.result().state == "querying"


def test_waiting_and_unknown_are_pursued_as_they_stand(till: Till) -> None:
    till.arm().scan().answer(PayerConfirming())
    assert pursued(till.power_cut()) == ["waiting"]


def test_reversing_goes_on(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.DEADLINE)
    assert pursued(till.power_cut()) == ["reversing"]


def test_a_wish_survives_the_cut(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    after = till.power_cut()
    after.report(E.PAID)
    assert after.attempt().state is AttemptState.REVERSING


def test_a_watched_order_is_asked_about_again(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.DEADLINE)
    till.report(E.GONE)
    assert pursued(till.power_cut()) == ["reversed"]


def test_after_a_declined_code_the_charge_is_not_armed_again(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.DECLINED_CODE))
    after = till.power_cut()
    assert after.charge().state is ChargeState.NOT_PAID
    assert after.charge().reason is Reason.RESTARTED
    assert after.desk.seat is None


def test_a_reverse_under_way_is_not_refunded_beside(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    after = till.power_cut()
    assert pursued(after) == ["reversing"]
    assert after.of(PursueRefund) == [], "one money-moving task per order"


def test_a_reverse_that_became_a_refund_is_pursued_as_one(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    till.report(E.PAID)
    till.report(E.WINDOW_OVER)
    after = till.power_cut()
    assert [e.refund.his_id for e in after.effects if isinstance(e, PursueRefund)] == ["R1"]


def test_an_open_refund_is_pursued(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(RefundRequest("R1", 300, pay_id="A"))
    till.report_refund("R1", RefundEvent.SEND)
    after = till.power_cut()
    assert [e.refund.his_id for e in after.effects if isinstance(e, PursueRefund)] == ["R1"]


def test_what_was_not_delivered_is_offered_when_the_his_comes(till: Till) -> None:
    till.arm().scan().answer(PAID)
    after = till.power_cut()
    said = after.event(Connection(7, opened=True))
    told = [s.reply for s in said if isinstance(s.reply, Result)]
    assert [(t.id, t.status) for t in told] == [("A", "paid")]
    assert [s.re for s in said] == [None]


def test_what_was_received_is_not_offered_again(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Received("A", till.charge_revision()))
    till.wait(10)
    till.arm("B")  # the note is written with the next commit
    till.scan("287634438256643940").answer(Paid("43", 1234))
    after = till.power_cut()
    said = after.event(Connection(7, opened=True))
    assert [s.reply.id for s in said if isinstance(s.reply, Result)] == ["B"]


def test_a_new_charge_may_start_at_once(till: Till) -> None:
    after = till.arm().scan().power_cut()
    after.event(Connection(1, opened=True))
    after.arm("B")
    assert after.error(after.pay("A", try_=2)) == "busy"


def test_cancel_after_the_cut_is_a_stored_wish(till: Till) -> None:
    after = till.arm().scan().power_cut()
    told = after.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert (told.status, told.state) == ("unknown", "querying")
    assert after.attempt().cancel_wish
    after.report(E.PAID)
    assert after.result().state == "reversing"


def test_a_cut_between_every_two_answers_ends_the_same(till: Till) -> None:
    till.arm().scan()
    after = till.power_cut()
    for event in (E.CONFIRMING, E.OPEN, E.PAID):
        after.report(event)
        after = after.power_cut()
    assert after.result().status == "paid"
