"""Booking in two steps: offered, booked, held, refused (his-link §3.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from device.domain.booking import BookingState
from device.domain.desk.deliver import hello_ok
from device.domain.desk.effects import Pursue, PursueRefund
from device.domain.desk.events import Acknowledged, Connection
from device.domain.outcome import Paid, Unknown
from device.domain.payment import AttemptEvent, AttemptState
from device.domain.refund import RefundEvent
from device.domain.replies import ErrorReply, Result
from device.domain.requests import Cancel, Confirm, Received, RefundRequest, Reverse
from device.domain.screens import GivingBack, Idle, NotBookedScreen, PaidScreen

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Said, Till

PAID = Paid("42", 1234)
E, R = AttemptEvent, RefundEvent
BOOK, DENY = Confirm("A", booked=True), Confirm("A", booked=False)


def told(said: list[Said]) -> list[tuple[str, bool, bool]]:
    """status, booked and attention of the results."""
    answers = [s.reply for s in said if isinstance(s.reply, Result)]
    return [(r.status, r.booked, r.attention) for r in answers]


def confirm(till: Till, request: Confirm = BOOK) -> Result:
    reply = till.ask(request)
    assert isinstance(reply, Result), reply
    return reply


def acknowledge(till: Till) -> None:
    """The HIS's link has the newest answer."""
    newest = till.said[-1].reply
    assert isinstance(newest, Result)
    till.event(Acknowledged(newest))


def booking(till: Till) -> BookingState:
    return till.charge().booking


@pytest.fixture
def offered(till: Till) -> Till:
    """Paid under `confirm: true`, and nobody spoke of it yet."""
    till.arm(confirm=True).scan().answer(PAID)
    return till


@pytest.fixture
def held(offered: Till) -> Till:
    acknowledge(offered)
    offered.wait(60)
    assert booking(offered) is BookingState.HELD
    return offered


# ---------------------------------------------------------------- offered and booked


def test_paid_is_an_offer(offered: Till) -> None:
    assert told(offered.said) == [("paid", False, False)]
    assert booking(offered) is BookingState.OFFERED
    assert offered.shows(PaidScreen)
    assert offered.result().booked is False


def test_a_confirmed_offer_is_booked(offered: Till) -> None:
    offer = offered.result()
    answer = confirm(offered)
    assert (answer.status, answer.booked) == ("paid", True)
    assert answer.revision == offer.revision + 1
    assert booking(offered) is BookingState.BOOKED


def test_booking_is_synced_before_it_is_answered(offered: Till) -> None:
    confirm(offered)
    assert offered.disk.charges[offered.charge().key].booking is BookingState.BOOKED


def test_the_centre_is_told_how_the_booking_stands(held: Till) -> None:
    assert held.disk.events[-1].state == "held"
    confirm(held)
    assert (held.disk.events[-1].kind, held.disk.events[-1].state) == ("charge", "booked")


def test_a_confirm_that_is_repeated_gets_the_same_answer(offered: Till) -> None:
    first = confirm(offered)
    assert confirm(offered) == first
    assert confirm(offered, Confirm("A", booked=True, try_=1)) == first


def test_the_answer_to_a_confirm_is_offered_until_it_is_received(offered: Till) -> None:
    """Only `received`, `query` and `pay` deliver (§3.6): the answer may have been lost."""
    offered.ask(Received("A", offered.charge_revision()))
    confirm(offered)
    assert told(offered.wait(31)) == [("paid", True, False)]
    offered.ask(Received("A", offered.charge_revision()))
    assert offered.wait(400) == []


def test_what_is_booked_is_not_refused(offered: Till) -> None:
    confirm(offered)
    error = offered.ask(DENY)
    assert isinstance(error, ErrorReply)
    assert (error.code.value, error.status) == ("conflict", "paid")
    assert error.out_trade_no == offered.number
    assert offered.attempt().state is AttemptState.PAID


def test_what_is_booked_is_not_held(offered: Till) -> None:
    acknowledge(offered)
    confirm(offered)
    offered.wait(4000)
    assert booking(offered) is BookingState.BOOKED


def test_a_booking_lasts_over_a_power_cut(offered: Till) -> None:
    confirm(offered)
    after = offered.power_cut()
    after.event(Connection(1, opened=True))
    after.wait(4000)
    assert (after.result().booked, booking(after)) == (True, BookingState.BOOKED)


# ---------------------------------------------------------------- refused


def test_a_refused_offer_goes_back_and_ends_as_not_booked(offered: Till) -> None:
    answer = confirm(offered, DENY)
    assert (answer.status, answer.state) == ("unknown", "reversing")
    assert offered.attempt().state is AttemptState.REVERSING
    assert offered.of(Pursue)
    assert offered.shows(GivingBack)
    offered.report(E.AGREED)
    result = offered.result()
    assert (result.status, result.reason, result.refunded_fen) == ("returned", "not_booked", 1234)


def test_after_a_refusal_a_confirm_changes_nothing(offered: Till) -> None:
    confirm(offered, DENY)
    late = confirm(offered)
    assert (late.status, late.state, late.booked) == ("unknown", "reversing", False)
    offered.report(E.AGREED)
    assert (confirm(offered).status, confirm(offered, DENY).status) == ("returned", "returned")
    assert booking(offered) is BookingState.REFUSED


def test_a_refusal_lasts_over_a_power_cut(offered: Till) -> None:
    confirm(offered, DENY)
    after = offered.power_cut()
    assert after.of(Pursue)
    after.report(E.AGREED, number=offered.number)
    assert after.result().reason == "not_booked"


def test_a_refusal_after_a_refund_gives_back_the_rest(offered: Till) -> None:
    offered.ask(RefundRequest("R1", 1000, pay_id="A"))
    offered.report_refund("R1", R.DONE)
    answer = confirm(offered, DENY)
    assert (answer.status, answer.state) == ("unknown", "reversing")
    (refund,) = (e.refund for e in offered.of(PursueRefund) if isinstance(e, PursueRefund))
    assert refund.amount_fen == 234
    offered.report_refund(refund.his_id, R.DONE)
    result = offered.result()
    assert (result.status, result.reason, result.refunded_fen) == ("returned", "not_booked", 1234)


def test_a_refusal_while_a_refund_is_open_is_busy(offered: Till) -> None:
    offered.ask(RefundRequest("R1", 1000, pay_id="A"))
    assert offered.error(DENY) == "busy"
    assert booking(offered) is BookingState.OFFERED


def test_a_payment_that_a_reverse_took_back_cannot_be_booked(offered: Till) -> None:
    offered.ask(Reverse("R1", "A"))
    late = confirm(offered)
    assert (late.status, late.state, late.booked) == ("unknown", "reversing", False)
    offered.report(E.AGREED)
    assert (confirm(offered).status, confirm(offered).booked) == ("returned", False)


# ---------------------------------------------------------------- held


def test_an_offer_without_a_word_is_held_with_an_alarm(offered: Till) -> None:
    offered.ask(Received("A", offered.charge_revision()))
    assert offered.wait(59) == []
    assert told(offered.wait(2)) == [("paid", False, True)]
    assert booking(offered) is BookingState.HELD
    assert offered.shows(NotBookedScreen)
    offered.wait(11)
    assert offered.shows(Idle)


def test_the_time_counts_from_the_acknowledgement(offered: Till) -> None:
    offered.wait(300)  # it was sent, and nobody acknowledged it
    assert booking(offered) is BookingState.OFFERED
    acknowledge(offered)
    offered.wait(59)
    assert booking(offered) is BookingState.OFFERED
    offered.wait(2)
    assert booking(offered) is BookingState.HELD


def test_the_time_stands_still_while_the_link_is_down(offered: Till) -> None:
    acknowledge(offered)
    offered.wait(40)
    offered.event(Connection(1, opened=False))
    offered.wait(4000)
    assert booking(offered) is BookingState.OFFERED
    offered.event(Connection(2, opened=True))
    offered.wait(19)
    assert booking(offered) is BookingState.OFFERED
    offered.wait(2)
    assert booking(offered) is BookingState.HELD


def test_the_time_counts_anew_after_a_boot(offered: Till) -> None:
    offered.ask(Received("A", offered.charge_revision()))
    offered.wait(50)
    offered.event(Connection(1, opened=False))  # what was received is written
    offered.arm("B").event(Connection(1, opened=False))
    after = offered.scan("287634438256643940").power_cut()
    after.wait(200)
    assert booking(after) is BookingState.OFFERED
    after.event(Connection(1, opened=True))
    after.wait(59)
    assert booking(after) is BookingState.OFFERED
    after.wait(2)
    assert booking(after) is BookingState.HELD


def test_an_offer_that_nobody_received_before_the_boot_is_offered_again(offered: Till) -> None:
    after = offered.power_cut()
    assert told(after.event(Connection(1, opened=True))) == [("paid", False, False)]
    after.wait(200)
    assert booking(after) is BookingState.OFFERED
    acknowledge(after)
    after.wait(61)
    assert booking(after) is BookingState.HELD


def test_held_lasts_over_a_power_cut(held: Till) -> None:
    after = held.power_cut()
    assert after.result().attention is True
    assert booking(after) is BookingState.HELD


def test_a_late_confirm_ends_held(held: Till) -> None:
    answer = confirm(held)
    assert (answer.status, answer.booked, answer.attention) == ("paid", True, False)


def test_a_late_refusal_ends_held(held: Till) -> None:
    assert confirm(held, DENY).state == "reversing"
    held.report(E.AGREED)
    result = held.result()
    assert (result.status, result.reason, result.attention) == ("returned", "not_booked", False)


def test_held_money_stays_where_it_is(held: Till) -> None:
    held.wait(86_400)
    assert held.attempt().state is AttemptState.PAID
    assert held.result().status == "paid"


def test_a_payment_on_its_way_back_is_not_held(offered: Till) -> None:
    acknowledge(offered)
    offered.ask(Reverse("R1", "A"))
    offered.wait(200)
    assert booking(offered) is BookingState.OFFERED
    assert offered.result().attention is False


def test_held_does_not_cover_the_next_patient(offered: Till) -> None:
    acknowledge(offered)
    offered.arm("B")
    offered.wait(61)
    assert booking(offered) is BookingState.HELD
    assert not offered.shows(NotBookedScreen)


# ---------------------------------------------------------------- not the time for it


def test_a_charge_that_wants_no_confirm_allows_none(till: Till) -> None:
    till.arm().scan().answer(PAID)
    assert till.error(BOOK) == "not_allowed"
    assert till.error(DENY) == "not_allowed"
    assert told(till.wait(4000))[-1] == ("paid", False, False)


def test_an_unknown_id_is_not_found(till: Till) -> None:
    assert till.error(BOOK) == "not_found"
    assert till.error(Confirm("A", booked=True, try_=2)) == "not_found"


@pytest.mark.parametrize("request_", [BOOK, DENY])
def test_before_it_is_paid_a_confirm_changes_nothing(till: Till, request_: Confirm) -> None:
    till.arm(confirm=True)
    assert (confirm(till, request_).state, booking(till)) == ("armed", BookingState.WANTED)
    till.scan().answer(Unknown("timeout"))
    assert confirm(till, request_).state == "querying"
    till.report(E.PAID)
    assert booking(till) is BookingState.OFFERED


def test_a_charge_that_ended_unpaid_has_nothing_to_book(till: Till) -> None:
    till.arm(confirm=True)
    till.ask(Cancel("A"))
    assert (confirm(till).status, confirm(till, DENY).status) == ("not_paid", "not_paid")


def test_without_try_the_newest_is_meant(till: Till) -> None:
    till.arm(confirm=True)
    till.ask(Cancel("A"))
    till.arm(confirm=True, try_=2).scan().answer(PAID)
    assert (confirm(till).try_, confirm(till).booked) == (2, True)
    first = confirm(till, Confirm("A", booked=True, try_=1))
    assert (first.status, first.booked) == ("not_paid", False)


def test_hello_names_what_waits_for_a_confirm(held: Till) -> None:
    named = hello_ok(held.settings, held.disk.unsettled(), (), held.moment().wall)
    assert named.unsettled == ("A",)
    confirm(held)
    named = hello_ok(held.settings, held.disk.unsettled(), (), held.moment().wall)
    assert named.unsettled == ()
