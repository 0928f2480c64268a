"""Who owns the desk, and who is told what (his-link §3.6, §3.12)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from device.domain.desk.deliver import hello_ok, restore
from device.domain.desk.events import Checked, Connection
from device.domain.outcome import Paid, PayerConfirming, Unknown
from device.domain.payment import AttemptEvent
from device.domain.replies import ErrorReply, RefundResult, Result
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Last,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Request,
    Reverse,
    Show,
    Status,
    Summary,
)
from device.domain.screens import AmountDue

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Said, Till

PAID = Paid("42", 1234)
E = AttemptEvent
DAY = Summary("2026-11-22")


def results(said: list[Said]) -> list[tuple[int, str, int | None]]:
    return [(s.connection, s.reply.status, s.re) for s in said if isinstance(s.reply, Result)]


@pytest.fixture
def two(till: Till) -> Till:
    """A second connection is open; the desk belongs to the first."""
    till.event(Connection(2, opened=True))
    return till


def test_the_result_goes_to_who_asked_with_its_number(till: Till) -> None:
    till.arm().scan()
    told = till.answer(PAID)
    assert results(told) == [(1, "paid", 2)]


def test_only_the_first_answer_carries_the_number(till: Till) -> None:
    till.arm().scan()
    first = till.answer(Unknown("timeout"))
    second = till.report(E.PAID)
    assert results(first) == [(1, "unknown", 2)]
    assert results(second) == [(1, "paid", None)]


@pytest.mark.parametrize(
    "request_",
    [
        Cancel("A"),
        Cancel("OLD"),
        Reverse("R1", "OLD"),
        RefundRequest("R1", 100, pay_id="OLD"),
        Confirm("OLD", booked=True),
        Show(("您好",), 10.0),
    ],
)
@pytest.mark.parametrize("armed_only", [True, False])
def test_others_are_busy_while_a_charge_is_at_the_desk(
    two: Till,
    request_: Request,
    armed_only: bool,  # noqa: FBT001  a parameter
) -> None:
    two.arm("OLD").scan().answer(PAID)
    two.arm("A")
    if not armed_only:
        two.scan("287634438256643940")
    reply = two.ask(request_, connection=2)
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.blocking_id) == ("busy", "A")
    assert two.charge("OLD").state.value == "paid"


def test_another_s_pay_is_busy_too_even_for_the_same_id(two: Till) -> None:
    two.arm()
    assert two.error(two.pay(), connection=2) == "busy"
    assert two.error(two.pay("B"), connection=2) == "busy"


@pytest.mark.parametrize(
    "request_",
    [Query("A"), Last(), Received("A", 1), RefundQuery("R"), Hello(), Status(), DAY],
)
def test_questions_are_served_on_all(two: Till, request_: Request) -> None:
    two.arm().result()
    reply = two.ask(request_, connection=2)
    assert not isinstance(reply, ErrorReply) or reply.code.value == "not_found"


def test_an_idle_desk_goes_to_who_sends_pay(two: Till) -> None:
    assert two.ask(two.pay(), connection=2) is None
    two.checked().drawn().scan()
    assert results(two.answer(PayerConfirming())) == []
    assert results(two.report(E.PAID)) == [(2, "paid", 2)]


def test_an_idle_desk_goes_to_who_asks_again(two: Till) -> None:
    two.arm().scan().answer(Unknown("timeout"))
    two.report(E.DEADLINE)
    two.ask(two.pay(), connection=2)
    assert results(two.report(E.AGREED)) == [(2, "not_paid", None)]


def test_the_owner_that_closed_is_followed_by_the_first_to_speak(two: Till) -> None:
    two.arm().scan().answer(PAID)
    two.event(Connection(1, opened=False))
    assert two.wait(60) == []
    two.ask(Status(), connection=2)
    assert [s for s in results(two.said) if s[0] == 2] == [(2, "paid", None)]


def test_a_silent_owner_is_followed_by_the_first_to_speak(two: Till) -> None:
    two.arm().scan()
    two.silent.add(1)
    assert results(two.answer(PAID)) == [(1, "paid", 2)]  # nobody else has spoken yet
    two.ask(Status(), connection=2)
    assert [s for s in results(two.said) if s[0] == 2] == [(2, "paid", None)]


def test_who_follows_a_silent_owner_gets_the_result_of_what_it_began(two: Till) -> None:
    two.arm().scan()
    two.silent.add(1)
    two.ask(Status(), connection=2)
    assert results(two.answer(PAID)) == [(2, "paid", None)]


def test_who_follows_a_silent_owner_has_the_desk(two: Till) -> None:
    two.arm()
    two.silent.add(1)
    reply = two.ask(Cancel("A"), connection=2)
    assert isinstance(reply, Result)
    assert reply.reason == "cancelled"
    two.silent.clear()
    two.ask(two.pay("B"), connection=2)
    assert two.error(two.pay("C"), connection=1) == "busy"


def test_a_silent_owner_that_speaks_keeps_the_desk(two: Till) -> None:
    two.arm()
    two.silent.add(1)
    two.ask(Status(), connection=1)
    two.silent.clear()
    assert two.error(Cancel("A"), connection=2) == "busy"


def test_another_s_refund_is_answered_to_who_follows(two: Till) -> None:
    two.arm().scan().answer(PAID)
    two.ask(Received("A", two.charge_revision()))
    two.ask(Reverse("R1", "A"))
    two.silent.add(1)
    two.ask(Status(), connection=2)
    told = [(s.connection, s.re) for s in two.report(E.AGREED) if isinstance(s.reply, RefundResult)]
    assert told == [(2, None)]


def test_where_ids_restart_daily_a_charge_is_received_with_its_date(till: Till) -> None:
    till.desk = replace(till.desk, settings=replace(till.settings, daily_ids=True))
    till.arm(business_date="2026-11-22").scan().answer(PAID)
    assert till.error(Received("A", 1)) == "bad_message"
    newest = till.result(date="2026-11-22").revision
    till.ask(Received("A", newest, "2026-11-22"))
    assert till.wait(400) == []
    till.ask(Reverse("R1", "A", "2026-11-22"))
    till.report(E.AGREED)
    assert till.ask(Received("R1", 2)) is None  # its id never restarts, so it has no date


def test_an_answer_that_was_offered_ten_times_is_offered_anew_to_the_next(two: Till) -> None:
    two.arm().scan().answer(PAID)
    two.wait(3600)
    two.event(Connection(1, opened=False))
    two.ask(Status(), connection=2)
    assert [s for s in results(two.said) if s[0] == 2] == [(2, "paid", None)]


def test_who_asks_for_the_very_answer_is_not_told_twice(two: Till) -> None:
    two.arm().scan().answer(PAID)
    two.event(Connection(1, opened=False))
    assert two.result(connection=2).status == "paid"
    assert len([s for s in results(two.said) if s[0] == 2]) == 1


def test_the_link_lost_in_payment_loses_no_result(till: Till) -> None:
    till.arm().scan()
    till.event(Connection(1, opened=False))
    assert till.answer(PAID) == []
    said = till.event(Connection(5, opened=True))
    assert results(said) == [(5, "paid", None)]


def test_the_link_lost_while_checking_frees_the_desk(till: Till) -> None:
    till.ask(till.pay())
    assert till.desk.seat
    key = till.desk.seat.charge.key
    till.event(Connection(1, opened=False))
    till.event(Checked(key, frozenset()))
    assert not till.shows(AmountDue)
    till.event(Connection(2, opened=True))
    assert till.ask(till.pay("B"), connection=2) is None


def test_the_link_lost_while_armed_leaves_the_amount_on_the_glass(till: Till) -> None:
    till.arm()
    till.event(Connection(1, opened=False))
    till.scan().answer(PAID)
    assert till.charge().state.value == "paid"


def test_a_result_is_offered_every_30_s_ten_times_and_then_rests(till: Till) -> None:
    till.arm().scan().answer(PAID)
    said = till.wait(3600)
    assert len(results(said)) == 9  # and the first
    assert till.wait(3600) == []


def test_received_ends_the_offers(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Received("A", till.charge_revision()))
    assert till.wait(3600) == []


def test_received_of_an_older_revision_does_not(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    doubt = till.charge_revision()
    till.report(E.PAID)
    till.ask(Received("A", doubt))
    assert results(till.wait(31)) == [(1, "paid", None)]


def test_a_query_that_was_answered_ends_the_offers(till: Till) -> None:
    till.arm().scan().answer(PAID)
    assert till.result().status == "paid"
    assert till.wait(3600) == []


def test_a_reconnect_offers_anew(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.wait(3600)
    till.event(Connection(1, opened=False))
    assert results(till.event(Connection(1, opened=True))) == [(1, "paid", None)]


def test_only_the_seated_id_is_spoken_of_unasked(till: Till) -> None:
    till.arm("A").scan().answer(PAID)
    till.arm("B", 500)
    assert results(till.wait(80)) == []
    till.scan("287634438256643940")
    assert [s.reply.id for s in till.answer(Paid("43", 500)) if isinstance(s.reply, Result)] == [
        "B"
    ]
    told = {s.reply.id for s in till.wait(61) if isinstance(s.reply, Result)}
    assert told == {"A", "B"}


def test_doubt_is_pushed_once_on_entering_and_once_on_reversing(till: Till) -> None:
    till.arm().scan()
    pushed = till.answer(Unknown("timeout"))
    for event in (E.OPEN, E.MISSING, E.OPEN):
        pushed += till.report(event)
    pushed += till.report(E.DEADLINE)
    pushed += till.report(E.MISSING)
    states = [s.reply.state for s in pushed if isinstance(s.reply, Result)]
    assert states == ["querying", "reversing"]


def test_a_doubt_that_is_over_is_not_offered_any_more(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.CONFIRMING)
    assert results(till.wait(31)) == []


def test_silence_of_ttl_and_90_s_is_broken(till: Till) -> None:
    till.arm(ttl_s=10.0).scan().answer(PayerConfirming())
    assert results(till.wait(99)) == []
    assert results(till.wait(2)) == [(1, "unknown", 2)]


def test_progress_is_sent_only_where_it_is_wanted(till: Till) -> None:
    till.arm().scan().answer(PayerConfirming())
    assert till.said == []


def undelivered(till: Till, count: int) -> Till:
    """A desk whose HIS never said `received`: so many answers are to be offered."""
    till.arm().scan().answer(PAID)
    stored = list(till.disk.answers.values())[-1]
    assert isinstance(stored.answer, Result)
    told = tuple(replace(stored, answer=replace(stored.answer, id=f"B{n}")) for n in range(count))
    till.disk.answers |= {("", s.answer.id, stored.answer.revision): s for s in told}
    till.event(Connection(1, opened=False))
    till.desk = restore(replace(till.desk, offers={}), told, till.moment())
    return till


def told_ids(said: list[Said]) -> list[str]:
    return [s.reply.id for s in said if isinstance(s.reply, Result)]


def test_many_answers_are_offered_in_portions_the_newest_first(till: Till) -> None:
    undelivered(till, 400)
    first = told_ids(till.event(Connection(2, opened=True)))
    assert first == [f"B{n}" for n in range(392, 400)]
    assert till.wait(4.9) == []
    assert told_ids(till.wait(0.2)) == [f"B{n}" for n in range(384, 392)]


def test_each_of_many_answers_is_told_before_any_is_told_again(till: Till) -> None:
    undelivered(till, 400)
    said = told_ids(till.event(Connection(2, opened=True)) + till.wait(49 * 5.0))
    assert sorted(said) == sorted(f"B{n}" for n in range(400))


def test_a_few_answers_are_offered_at_once_the_oldest_first(till: Till) -> None:
    undelivered(till, 8)
    assert told_ids(till.event(Connection(2, opened=True))) == [f"B{n}" for n in range(8)]


def test_a_new_answer_does_not_wait_behind_many(till: Till) -> None:
    undelivered(till, 400)
    till.event(Connection(1, opened=True))
    till.arm("C").scan("287634438256643940")
    assert told_ids(till.answer(Paid("43", 1234)))[0] == "C"


def test_hello_ok_names_the_newest_of_very_many(till: Till) -> None:
    undelivered(till, 1)
    stored = list(till.disk.answers.values())[-1]
    assert isinstance(stored.answer, Result)
    many = [replace(stored, answer=replace(stored.answer, id=f"B{n}")) for n in range(501)]
    reply = hello_ok(till.settings, [], many, till.moment().wall)
    assert (len(reply.undelivered), reply.undelivered[-1]) == (500, "B500")
