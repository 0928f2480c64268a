"""What the centre asks of the desk, and what a journal takes back that lost events (M25)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.action import Action, ActionKind
from device.domain.chain import WireRow
from device.domain.charge import ChargeState
from device.domain.desk.effects import Commit, Pursue, PursueRefund
from device.domain.desk.events import Concluded, Instructed, Recalled, SumTold
from device.domain.desk.instruct import asked_for, id_of
from device.domain.desk.model import NOBODY
from device.domain.outcome import Paid, PayerConfirming
from device.domain.payment import AttemptEvent, AttemptState
from device.domain.record import Event, PutOrder
from device.domain.refund import RefundEvent, RefundKind, RefundState
from device.domain.replies import RefundResult, Result
from device.domain.requests import Query
from device.journal import chain
from device.journal.chain import Link

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

FEN = 1234
PAID = Paid("420", FEN)


def action(kind: ActionKind, number: str, fen: int = 0) -> Action:
    return Action("C-17", kind, number, fen, "0201", "0202")


def instruct(till: "Till", wanted: Action, number: str | None = None) -> list[Event]:
    """Bring an action with what the journal holds; return the rows it wrote."""
    order = till.memory.order(number or wanted.out_trade_no)
    key = order.key if order and wanted.kind is ActionKind.REVERSE else None
    place = (key.his_id, key.business_date) if key else ("", "")
    before = len(till.disk.events)
    till.event(Instructed(wanted, till._asked(asked_for(wanted, *place, NOBODY))))
    return till.disk.events[before:]


def paid(till: "Till") -> "Till":
    till.arm().scan()
    till.answer(PAID)
    return till


# --- actions


def test_an_approved_refund_runs_under_its_own_id_and_tells_the_action(till: "Till") -> None:
    paid(till)
    (row,) = instruct(till, action(ActionKind.REFUND, till.number, 100))
    assert (row.kind, row.state, row.his_id, row.do_id) == ("refund", "requested", "*C-17", "C-17")
    assert row.operator == "0201"
    (pursued,) = till.of(PursueRefund)
    assert isinstance(pursued, PursueRefund)
    said = till.report_refund("*C-17", RefundEvent.SEND) + till.report_refund(
        "*C-17", RefundEvent.DONE
    )
    assert all(row.do_id == "C-17" for row in till.disk.events if row.kind == "refund")
    told = [s.reply for s in said]
    assert not any(isinstance(reply, RefundResult) for reply in told)  # no HIS asked
    (result,) = [reply for reply in told if isinstance(reply, Result)]
    assert (result.status, result.refunded_fen) == ("paid", 100)


def test_nobody_waits_and_the_desk_stays_with_who_has_it(till: "Till") -> None:
    paid(till)
    owner = till.desk.owner
    instruct(till, action(ActionKind.REFUND, till.number, 100))
    assert till.desk.owner == owner
    assert not till.desk.askers


def test_an_approved_reverse_gives_the_whole_payment_back(till: "Till") -> None:
    paid(till)
    rows = instruct(till, action(ActionKind.REVERSE, till.number))
    assert [(r.kind, r.state, r.do_id) for r in rows] == [
        ("refund", "requested", "C-17"),
        ("payment", "reversing", ""),
    ]
    assert till.of(Pursue)
    till.report(AttemptEvent.AGREED)
    assert till.attempt().state is AttemptState.REVERSED
    assert till.charge().state is ChargeState.RETURNED
    assert till.disk.refunds["*C-17"].state is RefundState.REFUNDED


def test_an_action_that_was_begun_is_not_begun_again(till: "Till") -> None:
    paid(till)
    wanted = action(ActionKind.REFUND, till.number, 100)
    assert instruct(till, wanted)
    assert instruct(till, wanted) == []
    assert till.effects == []


@pytest.mark.parametrize(("fen", "reason"), [(FEN + 1, "over_refund"), (0, "over_refund")])
def test_what_cannot_be_done_is_told_by_a_row(till: "Till", fen: int, reason: str) -> None:
    paid(till)
    (row,) = instruct(till, action(ActionKind.REFUND, till.number, fen))
    assert (row.kind, row.state, row.reason, row.do_id) == ("do", "refused", reason, "C-17")
    assert row.uid == id_of(action(ActionKind.REFUND, "")) == "*C-17"


def test_what_was_never_paid_is_not_given_back(till: "Till") -> None:
    till.arm().scan()
    till.answer(PayerConfirming())
    till.report(AttemptEvent.CLOSED)
    (row,) = instruct(till, action(ActionKind.REVERSE, till.number))
    assert (row.state, row.reason) == ("refused", "not_allowed")


def test_a_refund_behind_another_comes_again(till: "Till") -> None:
    paid(till)
    instruct(till, action(ActionKind.REFUND, till.number, 100))
    other = replace(action(ActionKind.REFUND, till.number, 100), id="C-18")
    assert instruct(till, other) == []


def test_an_attempt_that_is_not_the_paid_one_is_not_reversed_in_its_place(till: "Till") -> None:
    paid(till)
    wanted = action(ActionKind.REVERSE, "MZ03" + "A" * 28)
    (row,) = instruct(till, wanted, till.number)
    assert (row.state, row.reason) == ("refused", "not_allowed")
    assert till.attempt().state is AttemptState.PAID


def test_what_came_of_a_query_is_a_row_of_its_own(till: "Till") -> None:
    wanted = action(ActionKind.QUERY, "MZ03" + "A" * 28)
    till.event(Concluded(wanted, "paid", "", "wechat", FEN))
    row = till.disk.events[-1]
    told = (row.kind, row.state, row.channel, row.amount_fen, row.do_id)
    assert told == ("do", "paid", "wechat", FEN, "C-17")


@pytest.mark.parametrize(("told", "elsewhere"), [(0, 0), (234, 234), (9_999, FEN)])
def test_what_others_gave_back_is_counted(till: "Till", told: int, elsewhere: int) -> None:
    paid(till)
    till.event(SumTold(till.number, told, till.memory.order(till.number)))
    assert till.disk.orders[till.number].elsewhere_fen == elsewhere
    till.event(SumTold(till.number, told, till.memory.order(till.number)))
    assert till.effects == []


def test_a_sum_says_nothing_while_a_refund_of_ours_is_under_way(till: "Till") -> None:
    paid(till)
    instruct(till, action(ActionKind.REFUND, till.number, 100))
    till.event(SumTold(till.number, 100, till.memory.order(till.number)))
    assert till.effects == []


# --- events that were lost


def wire(event: Event) -> WireRow:
    """The event as the centre gives it back."""
    return chain.append(Link("9f3c"), event)[0]


def recall(till: "Till", event: Event, floor: int = 0, **more: Any) -> list[Any]:
    """Bring a lost row with what the journal holds; return what the HIS hears."""
    refund = event.kind == "refund"
    till.disk.lost = till.memory.lost = True
    order = till.memory.order(event.out_trade_no) if refund else None
    pay = till.ticket(order.key.his_id) if order and order.key else None
    held = till.ticket(event.his_id, "" if refund else event.business_date)
    given: dict[str, Any] = {"ticket": held, "pay_ticket": pay, "order": order, **more}
    said = till.event(Recalled(wire(event), floor or event.revision, **given))
    return [s.reply for s in said]


def lost(till: "Till", kind: str, state: str) -> Event:
    """The newest row of that kind and state in a journal."""
    rows = [e for e in till.disk.events if (e.kind, e.state) == (kind, state)]
    return rows[-1]


def test_a_lost_payment_is_paid_again_for_the_journal(till: "Till", new_till: "type[Till]") -> None:
    event, number = lost(paid(till), "payment", "paid"), till.number
    fresh = new_till()
    (told,) = recall(fresh, event)
    assert fresh.attempt(number).state is AttemptState.PAID
    assert fresh.charge().state is ChargeState.PAID
    assert isinstance(fresh.effects[0], Commit)
    assert isinstance(told, Result)
    assert (told.status, told.revision) == ("paid", event.revision + 1)
    asked = fresh.ask(Query("A"))
    assert asked == told
    order = fresh.memory.order(number)
    assert order
    assert (order.amount_fen, order.elsewhere_fen) == (FEN, 0)


@pytest.mark.parametrize("state", ["intended", "waiting"])
def test_what_was_open_is_resumed(till: "Till", new_till: "type[Till]", state: str) -> None:
    till.arm().scan()
    if state == "waiting":
        till.answer(PayerConfirming())
    fresh = new_till()
    recall(fresh, lost(till, "payment", state))
    assert fresh.attempt(till.number).state is AttemptState.UNKNOWN
    assert fresh.of(Pursue)


def test_what_had_ended_is_watched_once_more(till: "Till", new_till: "type[Till]") -> None:
    till.arm().scan()
    till.answer(PayerConfirming())
    till.report(AttemptEvent.CLOSED)
    fresh = new_till()
    recall(fresh, lost(till, "payment", "failed"))
    assert fresh.attempt(till.number).state is AttemptState.FAILED
    assert fresh.attempt(till.number).watch_due
    assert fresh.of(Pursue)


def test_money_that_was_going_back_goes_on_going_back(till: "Till") -> None:
    paid(till)
    known = lost(till, "payment", "paid")
    recall(till, replace(known, state="reversing"), floor=known.revision)
    assert till.attempt().state is AttemptState.REVERSING
    assert till.of(Pursue)


def test_an_open_payment_that_was_reversed_is_wanted_back(till: "Till") -> None:
    till.arm().scan()
    till.answer(PayerConfirming())
    known = lost(till, "payment", "waiting")
    recall(till, replace(known, state="reversed"), floor=known.revision)
    assert till.attempt().cancel_wish


def test_what_is_known_keeps_its_state_and_only_its_revision_rises(till: "Till") -> None:
    paid(till)
    known = lost(till, "payment", "paid")
    (told,) = recall(till, known, floor=9)
    assert till.attempt().state is AttemptState.PAID
    assert told.revision == 10


def test_a_lost_charge_that_ended_unpaid_is_known_again(
    till: "Till", new_till: "type[Till]"
) -> None:
    till.arm()
    till.wait(till.settings.ttl_s + 1)
    event = lost(till, "charge", "not_paid")
    fresh = new_till()
    (told,) = recall(fresh, event)
    assert (told.status, told.reason) == ("not_paid", "expired")
    recall(fresh, event, floor=5)  # known now: only the revision
    assert fresh.result().revision == 6


def test_a_charge_that_its_attempts_decided_is_left_to_them(
    till: "Till", new_till: "type[Till]"
) -> None:
    event = replace(lost(paid(till), "payment", "paid"), kind="charge")
    fresh = new_till()
    recall(fresh, event)
    assert fresh.effects == []


@pytest.mark.parametrize("kind", ["do", "digest"])
def test_rows_about_no_money_change_nothing(till: "Till", kind: str) -> None:
    row = {**wire(lost(paid(till), "payment", "paid")), "kind": kind}
    till.event(Recalled(row, 0))
    assert till.effects == []


def refunded(till: "Till", state: str) -> Event:
    """A refund of 100 fen as its rows tell it."""
    paid(till)
    instruct(till, action(ActionKind.REFUND, till.number, 100))
    till.report_refund("*C-17", RefundEvent.SEND)
    if state == "refunded":
        till.report_refund("*C-17", RefundEvent.DONE)
    return replace(lost(till, "refund", state), his_id="TK1", do_id="")


def test_a_lost_refund_counts_again(till: "Till", new_till: "type[Till]") -> None:
    event = refunded(till, "refunded")
    fresh = new_till()
    recall(fresh, lost(till, "payment", "paid"))
    told = recall(fresh, event, floor=event.revision)
    held = fresh.disk.refunds["TK1"]
    assert (held.state, held.kind) == (RefundState.REFUNDED, RefundKind.REFUND)
    assert fresh.charge().refunded_fen == 100
    assert {type(reply) for reply in told} == {Result, RefundResult}
    recall(fresh, event, floor=7)  # known now: only the revision
    assert fresh.charge().refunded_fen == 100


def test_a_lost_refund_that_was_under_way_goes_on_under_its_number(
    till: "Till", new_till: "type[Till]"
) -> None:
    event = refunded(till, "sent")
    fresh = new_till()
    recall(fresh, lost(till, "payment", "paid"))
    recall(fresh, event)
    (pursued,) = fresh.of(PursueRefund)
    assert isinstance(pursued, PursueRefund)
    assert pursued.refund.state is RefundState.PENDING
    assert pursued.refund.out_refund_no == event.out_refund_no


def test_a_lost_refund_of_another_desk_s_order_needs_no_charge(
    till: "Till", new_till: "type[Till]"
) -> None:
    event = refunded(till, "refunded")
    order = till.memory.order(till.number)
    assert order
    fresh = new_till()
    recall(fresh, event, order=replace(order, key=None, refund_fen=0, open_refund_id=""))
    assert fresh.disk.refunds["TK1"].state is RefundState.REFUNDED
    assert isinstance(fresh.disk.orders[till.number], PutOrder)
    assert not fresh.disk.charges


def test_the_box_s_own_refund_is_its_own_again(till: "Till", new_till: "type[Till]") -> None:
    event = replace(refunded(till, "refunded"), his_id="*" + till.number)
    fresh = new_till()
    recall(fresh, lost(till, "payment", "paid"))
    recall(fresh, event)
    assert fresh.disk.refunds["*" + till.number].kind is RefundKind.OWN
