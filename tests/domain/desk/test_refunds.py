"""Giving money back at the HIS's word (his-link §3.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from device.domain.desk.effects import LookUp, Pursue, PursueRefund
from device.domain.desk.events import Asked, Elsewhere
from device.domain.outcome import Declined, Paid, PayerConfirming, Unknown
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.record import Order
from device.domain.refund import RefundEvent, RefundKind, RefundState
from device.domain.replies import ErrorReply, RefundResult, Result
from device.domain.requests import Cancel, Query, RefundQuery, RefundRequest, Request, Reverse
from device.domain.words import Reason, Wallet

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Said, Till

PAID = Paid("42", 1234)
OTHER = "287634438256643940"
E, R = AttemptEvent, RefundEvent


@pytest.fixture
def paid(till: Till) -> Till:
    """A is paid with 12.34."""
    till.arm().scan().answer(PAID)
    till.wait(10)
    return till


def refund(fen: int = 300, his_id: str = "R1") -> RefundRequest:
    return RefundRequest(his_id, fen, pay_id="A")


def answers(said: list[Said]) -> list[tuple[str, str, bool]]:
    return [
        (s.reply.id, s.reply.status, s.re is not None)
        for s in said
        if isinstance(s.reply, RefundResult)
    ]


def test_a_refund_is_on_disk_before_it_is_pursued_and_answered_at_its_end(paid: Till) -> None:
    assert paid.ask(refund()) is None
    assert [e.refund.his_id for e in paid.effects if isinstance(e, PursueRefund)] == ["R1"]
    paid.report_refund("R1", R.SEND)
    said = paid.report_refund("R1", R.DONE, number="5030")
    assert answers(said) == [("R1", "refunded", True)]
    told = paid.result()
    assert (told.status, told.refunded_fen) == ("paid", 300)


def test_a_slow_refund_is_answered_pending_after_ten_seconds_and_told_at_its_end(
    paid: Till,
) -> None:
    paid.ask(refund())
    paid.report_refund("R1", R.SEND)
    assert answers(paid.wait(11)) == [("R1", "pending", True)]
    assert answers(paid.report_refund("R1", R.DONE)) == [("R1", "refunded", False)]


def test_a_provider_s_refusal_is_failed_with_its_reason(paid: Till) -> None:
    paid.ask(refund())
    paid.report_refund("R1", R.FAILED, Facts(reason=Reason.PAYER_ACCOUNT))
    told = paid.ask(RefundQuery("R1"))
    assert isinstance(told, RefundResult)
    assert (told.status, told.reason) == ("failed", "payer_account")
    assert paid.ask(refund(1234, "R2")) is None, "a failed one takes nothing from the sum"


def test_the_same_content_again_is_the_same_refund(paid: Till) -> None:
    paid.ask(refund())
    paid.report_refund("R1", R.DONE)
    told = paid.ask(refund())
    assert isinstance(told, RefundResult)
    assert (told.status, told.revision) == ("refunded", 2)
    assert paid.of(PursueRefund) == []


@pytest.mark.parametrize(
    "request_",
    [
        refund(301),
        RefundRequest("R1", 300, out_trade_no="MZ03ELSE"),
        RefundRequest("R1", 300, pay_id="NOBODY"),
        Reverse("R1", "A"),
    ],
)
def test_other_content_or_kind_under_the_id_is_conflict(paid: Till, request_: Request) -> None:
    paid.ask(refund())
    paid.report_refund("R1", R.DONE)
    assert paid.error(request_) == "conflict"
    assert len(paid.disk.refunds) == 1


def test_a_reverse_s_id_is_not_a_refund_s(paid: Till) -> None:
    paid.ask(Reverse("R1", "A"))
    assert paid.error(refund(1234)) == "conflict"


def test_refunds_and_charges_share_one_name_space(paid: Till) -> None:
    paid.ask(refund())
    assert paid.error(paid.pay("R1")) == "conflict"
    assert paid.error(refund(100, "A")) == "conflict"
    assert paid.error(Reverse("A", "A")) == "conflict"
    assert paid.error(Query("R1")) == "not_found"
    assert paid.error(Cancel("R1")) == "not_found"
    assert paid.error(RefundQuery("A")) == "not_found"


def test_the_same_reverse_again_is_answered_though_a_later_try_was_paid(paid: Till) -> None:
    paid.ask(Reverse("R1", "A"))
    paid.report(E.AGREED)
    paid.arm(try_=2).scan(OTHER).answer(PAID)
    told = paid.ask(Reverse("R1", "A"))
    assert isinstance(told, RefundResult)
    assert told.status == "refunded"
    assert paid.result().status == "paid"


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [(1234, 1, False), (1000, 234, True), (1000, 235, False), (1, 1234, False)],
)
def test_the_sum_never_passes_what_was_paid(
    paid: Till,
    first: int,
    second: int,
    allowed: bool,  # noqa: FBT001  a parameter
) -> None:
    paid.ask(refund(first))
    paid.report_refund("R1", R.DONE)
    reply = paid.ask(refund(second, "R2"))
    assert (reply is None) is allowed
    assert allowed or (isinstance(reply, ErrorReply) and reply.code.value == "over_refund")


def test_over_the_amount_is_over_refund(paid: Till) -> None:
    assert paid.error(refund(1235)) == "over_refund"


def test_what_other_desks_gave_counts(paid: Till) -> None:
    order = paid.memory.order(paid.number)
    assert order
    paid.event(Elsewhere(order, 1000))
    assert paid.error(refund(235)) == "over_refund"
    assert paid.ask(refund(234, "R2")) is None


def test_a_second_id_for_an_order_with_an_open_refund_is_busy(paid: Till) -> None:
    paid.ask(refund())
    paid.now_s += 5
    paid.report_refund("R1", R.PENDING)
    paid.now_s += 7
    reply = paid.ask(refund(100, "R2"))
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.blocking_id, reply.age_s) == ("busy", "R1", 12)
    assert paid.error(Reverse("R3", "A")) == "busy"


def test_eleven_partial_refunds(paid: Till) -> None:
    for n in range(11):
        assert paid.ask(refund(100, f"R{n}")) is None
        paid.report_refund(f"R{n}", R.DONE)
    assert paid.result().refunded_fen == 1100
    assert paid.ask(Reverse("LAST", "A")) is None
    assert paid.disk.refunds["LAST"].amount_fen == 134


def test_refunds_that_give_all_back_make_it_returned(paid: Till) -> None:
    paid.ask(refund(1234))
    paid.report_refund("R1", R.DONE)
    told = paid.result()
    assert (told.status, told.refunded_fen) == ("returned", 1234)
    assert paid.error(refund(1, "R2")) == "over_refund"


# a reverse


def test_a_reverse_is_one_commit_and_one_task(paid: Till) -> None:
    assert paid.ask(Reverse("R1", "A")) is None
    assert len(paid.of(Pursue)) == 1
    assert paid.of(PursueRefund) == []
    assert paid.attempt().state is AttemptState.REVERSING
    assert paid.disk.refunds["R1"].kind is RefundKind.REVERSE


def test_a_reverse_is_answered_when_a_query_agreed(paid: Till) -> None:
    paid.ask(Reverse("R1", "A"))
    assert paid.result().state == "reversing"
    said = paid.report(E.AGREED)
    assert answers(said) == [("R1", "refunded", True)]
    told = paid.result()
    assert (told.status, told.reason, told.refunded_fen) == ("returned", "reversed", 1234)


def test_a_refund_while_reversing_is_conflict(paid: Till) -> None:
    paid.ask(Reverse("R1", "A"))
    assert paid.error(refund(100, "R2")) == "conflict"


def test_a_refund_while_the_box_reverses_for_itself_is_conflict(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.DEADLINE)
    assert till.error(refund()) == "conflict"


def test_a_reverse_after_a_refund_is_a_refund_of_the_rest(paid: Till) -> None:
    paid.ask(refund(300))
    paid.report_refund("R1", R.DONE)
    assert paid.ask(Reverse("R2", "A")) is None
    rest = paid.disk.refunds["R2"]
    assert (rest.amount_fen, rest.total_fen, rest.kind) == (934, 1234, RefundKind.REVERSE)
    assert len(paid.of(PursueRefund)) == 1
    said = paid.report_refund("R2", R.DONE)
    assert answers(said) == [("R2", "refunded", True)]
    assert paid.result().status == "returned"


def test_a_reverse_of_what_is_all_back_is_over_refund(paid: Till) -> None:
    paid.ask(refund(1234))
    paid.report_refund("R1", R.DONE)
    assert paid.error(Reverse("R2", "A")) == "over_refund"


def test_a_reverse_of_an_id_nobody_knows_is_not_found(till: Till) -> None:
    assert till.error(Reverse("R1", "NOBODY")) == "not_found"
    assert till.error(refund()) == "not_found"


def test_a_reverse_of_a_payment_not_yet_known_is_busy(till: Till) -> None:
    till.arm().scan().answer(PayerConfirming())
    assert till.error(Reverse("R1", "A")) == "busy"


def test_nothing_is_given_back_of_a_charge_that_was_not_paid(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.MERCHANT_FAULT))
    assert till.error(refund()) == "not_allowed"
    assert till.error(Reverse("R1", "A")) == "not_allowed"


def test_nothing_is_given_back_of_a_declined_code_of_a_paid_charge(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.DECLINED_BALANCE))
    declined = till.number
    till.drawn().scan(OTHER).answer(PAID)
    assert till.error(RefundRequest("R1", 300, out_trade_no=declined)) == "not_allowed"
    assert till.ask(RefundRequest("R2", 300, out_trade_no=till.number)) is None


# another desk's order

FOREIGN = "ZY11FOREIGNFOREIGNFOREIGNFOREIGN"


def look_up(till: Till, his_id: str, fen: int) -> Asked:
    assert till.ask(RefundRequest(his_id, fen, out_trade_no=FOREIGN)) is None
    wanted = [e.asked for e in till.effects if isinstance(e, LookUp)]
    assert len(wanted) == 1
    return wanted[0]


def found(asked: Asked, given_fen: int = 0) -> Asked:
    order = Order(FOREIGN, Wallet.ALIPAY, 1000, 0, given_fen)
    return Asked(asked.connection, asked.re, asked.request, order=order, looked_up=True)


def test_another_desk_s_order_is_looked_up_and_then_refunded(till: Till) -> None:
    asked = look_up(till, "R1", 400)
    till.again(found(asked))
    made = till.disk.refunds["R1"]
    assert (made.wallet, made.total_fen, made.pay_id) == (Wallet.ALIPAY, 1000, "")
    assert answers(till.report_refund("R1", R.DONE)) == [("R1", "refunded", True)]


def test_what_the_provider_says_was_given_back_counts(till: Till) -> None:
    asked = look_up(till, "R1", 400)
    said = till.again(found(asked, 601))
    assert [s.reply.code.value for s in said if isinstance(s.reply, ErrorReply)] == ["over_refund"]


def test_two_look_ups_at_once_open_one_refund(till: Till) -> None:
    first, second = look_up(till, "R1", 600), look_up(till, "R2", 600)
    till.again(found(first))
    said = till.again(found(second))
    assert [s.reply.code.value for s in said if isinstance(s.reply, ErrorReply)] == ["busy"]


def test_an_order_nobody_knows_is_not_looked_up_twice(till: Till) -> None:
    asked = look_up(till, "R1", 400)
    said = till.again(Asked(asked.connection, asked.re, asked.request, looked_up=True))
    assert [s.reply.code.value for s in said if isinstance(s.reply, ErrorReply)] == ["not_found"]


def test_a_failed_refund_of_another_desk_s_order_moves_no_charge(till: Till) -> None:
    till.again(found(look_up(till, "R1", 400)))
    till.report_refund("R1", R.STUCK, Facts(reason=Reason.MANUAL))
    told = till.ask(RefundQuery("R1"))
    assert isinstance(told, RefundResult)
    assert (told.status, told.attention) == ("unknown", True)
    assert till.disk.refunds["R1"].state is RefundState.MANUAL


def test_a_refund_after_midnight_names_the_day_of_its_charge(till: Till) -> None:
    till.arm(business_date="2026-11-21").scan().answer(PAID)
    today = RefundRequest("R1", 300, pay_id="A", business_date="2026-11-22")
    assert till.error(today) == "not_found"
    assert till.ask(RefundRequest("R2", 300, pay_id="A", business_date="2026-11-21")) is None
    assert isinstance(till.result(date="2026-11-21"), Result)


def test_a_conflict_says_what_the_id_is(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(RefundRequest("R1", 100, pay_id="A"))
    other = till.ask(RefundRequest("R1", 101, pay_id="A"))
    assert isinstance(other, ErrorReply)
    assert (other.code.value, other.status, other.out_trade_no) == (
        *("conflict", "pending"),
        till.number,
    )
    assert other.first_seen
