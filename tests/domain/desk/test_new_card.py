"""A young journal: what the wallets hold of an unknown id is adopted before it is answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from device.domain.booking import BookingState
from device.domain.charge import ChargeState
from device.domain.desk.effects import (
    CallPay,
    CheckChannels,
    Probe,
    Pursue,
    PursueRefund,
    Recognise,
)
from device.domain.desk.events import Asked
from device.domain.desk.young import number_of_attempt
from device.domain.found import OFFLINE, Found, FoundOrder, Wanted
from device.domain.outcome import (
    Closed,
    Declined,
    Missing,
    Open,
    Paid,
    PayFailed,
    Refunded,
    Returned,
    Unknown,
)
from device.domain.payment import AttemptEvent, AttemptState, Facts
from device.domain.record import Event, PutOrder
from device.domain.replies import ErrorReply, RefundResult, Reply, Result
from device.domain.requests import Cancel, Confirm, Pay, Query, RefundRequest, Request, Reverse
from device.domain.words import Business, ErrorCode, Reason, Wallet

if TYPE_CHECKING:
    from device.domain.desk.effects import Commit
    from tests.domain.desk.conftest import Till

Held = Paid | Returned | Open | PayFailed | Closed


def paid(till: Till, fen: int = 1234, mark: str = "") -> Paid:
    return Paid("42", fen, mark=mark or till.settings.box_id)


def order(till: Till, held: Held, try_: int = 1, number: int = 1) -> FoundOrder:
    trade_no = number_of_attempt(till.settings, Wanted("", "A"), try_, number)
    return FoundOrder(try_, number, Wallet.WECHAT, trade_no, held)


def ask(till: Till, request: Request, *orders: FoundOrder, found: Found | None = None) -> Reply:
    """Ask a desk with a new card; the wallets hold these orders."""
    till.event(till._asked(Asked(1, 7, request, young=True)))
    (probe,) = till.of(Probe)
    assert isinstance(probe, Probe)
    mark = len(till.said)
    till.event(till._asked(replace(probe.asked, found=found or Found(orders))))
    for own in till.of(Recognise):  # the wallet knows no refund of this number
        assert isinstance(own, Recognise)
        till.event(till._asked(replace(own.asked, recognised=Missing())))
    answers = [s.reply for s in till.said[mark:] if s.re == 7]
    assert len(answers) <= 1
    return answers[0] if answers else till.said[-1].reply


def result(reply: Reply) -> Result:
    assert isinstance(reply, Result), reply
    return reply


def code(reply: Reply) -> ErrorCode:
    assert isinstance(reply, ErrorReply), reply
    return reply.code


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (Query("A"), Wanted("", "A")),
        (Query("A", business_date="2026-11-22"), Wanted("2026-11-22", "A")),
        (Cancel("A", 2), Wanted("", "A")),
        (Reverse("V", "A"), Wanted("", "A")),
        (RefundRequest("R", 5, pay_id="A"), Wanted("", "A")),
    ],
)
def test_what_is_asked_for_an_unknown_id(till: Till, request_: Request, wanted: Wanted) -> None:
    till.event(till._asked(Asked(1, 7, request_, young=True)))
    assert [p.wanted for p in till.of(Probe) if isinstance(p, Probe)] == [wanted]
    till.event(till._asked(Asked(1, 8, request_)))
    assert till.of(Probe) == []  # an older journal asks nobody


def test_a_pay_asks_for_the_tries_up_to_its_own(till: Till) -> None:
    till.event(till._asked(Asked(1, 7, till.pay(try_=3), young=True)))
    (probe,) = till.of(Probe)
    assert isinstance(probe, Probe)
    assert probe.wanted == Wanted("", "A", (1, 2, 3), till.pay().amount_fen)


def test_a_pay_that_is_refused_anyway_asks_nobody(till: Till) -> None:
    till.arm("B")
    till.event(till._asked(Asked(1, 7, till.pay(), young=True)))
    assert till.of(Probe) == []


def test_a_known_try_is_not_asked_for_again(till: Till) -> None:
    till.arm()
    till.event(till._asked(Asked(1, 7, till.pay(), young=True)))
    till.event(till._asked(Asked(1, 8, Query("A"), young=True)))
    assert till.of(Probe) == []


def test_nothing_found_arms_the_amount(till: Till) -> None:
    till.event(till._asked(Asked(1, 7, till.pay(), young=True)))
    (probe,) = till.of(Probe)
    assert isinstance(probe, Probe)
    till.event(till._asked(replace(probe.asked, found=Found())))
    assert len(till.of(CheckChannels)) == 1
    till.checked().drawn().scan()
    assert till.attempt().number == 1


@pytest.mark.parametrize("request_", [Query("A"), Cancel("A"), Reverse("V", "A")])
def test_nothing_found_is_not_found(till: Till, request_: Request) -> None:
    assert code(ask(till, request_)) is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("request_", [Query("A"), Cancel("A"), Reverse("V", "A"), None])
def test_a_wallet_that_cannot_be_asked_is_offline(till: Till, request_: Request | None) -> None:
    told = ask(till, request_ or till.pay(), found=OFFLINE)
    assert code(told) is ErrorCode.OFFLINE
    assert isinstance(told, ErrorReply)
    assert told.reason == "wallet"
    assert not till.desk.seat
    assert not till.disk.charges


# found paid


@pytest.mark.parametrize("by", ["pay", "query", "cancel"])
def test_found_paid_is_adopted_as_paid(till: Till, by: str) -> None:
    requests: dict[str, Request] = {
        "pay": till.pay(),
        "query": Query("A"),
        "cancel": Cancel("A"),
    }
    request = requests[by]
    told = result(ask(till, request, order(till, paid(till))))
    assert (told.status, told.amount_fen, told.revision) == ("paid", 1234, 1)
    assert (told.provider_trade_no, told.wallet) == ("42", "wechat")
    held = till.disk.attempts[told.out_trade_no][1]
    assert (held.state, held.adopted, held.held_paid) == (AttemptState.PAID, True, True)
    assert till.disk.orders[told.out_trade_no] == PutOrder(told.out_trade_no, Wallet.WECHAT, 1234)
    assert not till.calls


def test_the_same_pay_again_is_the_same_answer(till: Till) -> None:
    first = result(ask(till, till.pay(), order(till, paid(till))))
    again = till.ask(till.pay())
    assert again == first


def test_what_a_query_adopted_is_named_by_a_pay_of_its_amount(till: Till) -> None:
    queried = result(ask(till, Query("A"), order(till, paid(till))))
    assert till.charge().adopted
    assert till.error(till.pay(fen=1235)) == "conflict"
    pay = till.pay(business=Business.REGISTRATION, operator="007")
    paid_again = result(till.ask(pay) or queried)
    assert paid_again == queried  # nothing that the HIS is told has changed
    named = till.charge()
    assert (named.adopted, named.business, named.operator) == (False, Business.REGISTRATION, "007")
    assert till.error(till.pay()) == "conflict"  # from now on all of its content counts


def test_an_adopted_payment_is_booked_by_a_confirm_and_stays_so(till: Till) -> None:
    """The HIS would not confirm what it had not asked to: so it had been an offer."""
    booked = result(ask(till, Confirm("A", booked=True), order(till, paid(till))))
    assert (booked.status, booked.booked) == ("paid", True)
    named = result(till.ask(till.pay(confirm=True)) or booked)
    assert (named.status, named.booked) == ("paid", True)
    assert not till.charge().adopted


def test_an_adopted_payment_may_be_refused(till: Till) -> None:
    refused = result(ask(till, Confirm("A", booked=False), order(till, paid(till))))
    assert (refused.status, refused.state) == ("unknown", "reversing")


def test_an_adopted_payment_is_an_offer_once_a_pay_says_so(till: Till) -> None:
    ask(till, Query("A"), order(till, paid(till)))
    till.ask(till.pay(confirm=True))
    assert till.charge().booking is BookingState.OFFERED


def test_the_centre_is_not_told_a_business_that_nobody_said(till: Till) -> None:
    ask(till, Query("A"), order(till, paid(till)))
    commit: Commit = till.effects[0]  # type: ignore[assignment]  # the adoption
    (event,) = (w for w in commit.change if isinstance(w, Event))
    assert (event.kind, event.state, event.business, event.department) == (
        "payment",
        "paid",
        "",
        "",
    )


def test_a_later_attempt_is_found_beside_a_closed_one(till: Till) -> None:
    told = result(ask(till, till.pay(), order(till, Closed()), order(till, paid(till), number=2)))
    assert (told.status, till.charge().attempts[0].number) == ("paid", 2)


def test_an_earlier_try_that_is_paid_forbids_the_next(till: Till) -> None:
    told = ask(till, till.pay(try_=2), order(till, paid(till)))
    assert code(told) is ErrorCode.CONFLICT
    assert result(till.ask(Query("A")) or told).status == "paid"


@pytest.mark.parametrize("fen", [300, 1234])
def test_what_went_back_already_is_counted(till: Till, fen: int) -> None:
    told = result(ask(till, Query("A"), order(till, Returned(paid(till), fen))))
    assert told.refunded_fen == fen
    assert told.status == ("returned" if fen == 1234 else "paid")
    assert till.disk.orders[told.out_trade_no].elsewhere_fen == fen


def test_a_refund_by_pay_id_finds_its_payment(till: Till) -> None:
    found = order(till, Returned(paid(till), 1000))
    told = ask(till, RefundRequest("R", 235, pay_id="A"), found)
    assert code(told) is ErrorCode.OVER_REFUND
    assert till.ask(RefundRequest("R", 234, pay_id="A")) is None
    assert till.disk.refunds["R"].amount_fen == 234


def test_a_refund_that_the_lost_card_gave_is_recognised(till: Till) -> None:
    ask(till, Query("A"), order(till, Returned(paid(till), 1000)))
    till.event(till._asked(Asked(1, 8, RefundRequest("R", 1000, pay_id="A"), young=True)))
    (own,) = till.of(Recognise)
    assert isinstance(own, Recognise)
    till.event(till._asked(replace(own.asked, recognised=Unknown("timeout"))))
    assert till.said[-1].reply.code is ErrorCode.OFFLINE  # type: ignore[union-attr]  # an error
    till.event(till._asked(replace(own.asked, recognised=Refunded("50", 1000))))
    told = till.said[-1].reply
    assert isinstance(told, RefundResult)
    assert (told.status, told.amount_fen, told.pay_id) == ("refunded", 1000, "A")
    assert till.disk.orders[told.out_trade_no].elsewhere_fen == 0
    assert till.result().refunded_fen == 1000
    assert till.of(PursueRefund) == []


@pytest.mark.parametrize("given_fen", [1000, 999])
def test_a_refund_is_looked_for_where_the_wallet_tells_no_sum(till: Till, given_fen: int) -> None:
    """Alipay calls an order paid of which a part went back: only the refund's number tells."""
    ask(till, Query("A"), order(till, paid(till)))
    till.event(till._asked(Asked(1, 8, RefundRequest("R", 1000, pay_id="A"), young=True)))
    (own,) = till.of(Recognise)
    assert isinstance(own, Recognise)
    till.event(till._asked(replace(own.asked, recognised=Refunded("50", given_fen))))
    (told,) = [s.reply for s in till.said if s.re == 8]
    assert till.of(PursueRefund) == []
    if given_fen != 1000:
        assert code(told) is ErrorCode.CONFLICT
        return
    assert isinstance(told, RefundResult)
    assert (told.status, told.amount_fen) == ("refunded", 1000)
    assert till.result().refunded_fen == 1000
    assert till.disk.orders[told.out_trade_no].elsewhere_fen == 0


def test_a_reverse_by_pay_id_finds_its_payment(till: Till) -> None:
    till.event(till._asked(Asked(1, 7, Reverse("V", "A"), young=True)))
    (probe,) = till.of(Probe)
    assert isinstance(probe, Probe)
    till.event(till._asked(replace(probe.asked, found=Found((order(till, paid(till)),)))))
    assert till.charge().attempts[0].state is AttemptState.REVERSING


# found otherwise


@pytest.mark.parametrize("held", [Open(), Open(mark="BOX", amount_fen=1234), PayFailed()])
def test_found_open_is_unknown_and_pursued(till: Till, held: Held) -> None:
    if isinstance(held, Open) and held.mark:
        held = replace(held, mark=till.settings.box_id)
    told = result(ask(till, till.pay(), order(till, held)))
    assert (told.status, told.state) == ("unknown", "querying")
    assert len(till.of(Pursue)) == 1
    assert till.desk.seat is None
    till.report(
        AttemptEvent.PAID,
        Facts(provider_trade_no="42", mark=till.settings.box_id),
        told.out_trade_no,
    )
    assert result(till.ask(Query("A")) or told).status == "paid"


def test_an_open_order_is_cancelled_like_any_other(till: Till) -> None:
    ask(till, Cancel("A"), order(till, Open(amount_fen=1234)))
    assert till.charge().attempts[0].cancel_wish


def test_an_open_order_of_unknown_amount_is_not_guessed(till: Till) -> None:
    assert code(ask(till, Query("A"), order(till, Open()))) is ErrorCode.OFFLINE
    assert not till.disk.charges


@pytest.mark.parametrize(
    ("event", "mark"),
    [(AttemptEvent.PAID, "BOX-9"), (AttemptEvent.PAID, ""), (AttemptEvent.CONTRADICTION, "")],
)
def test_an_adopted_order_that_turns_out_to_be_another_s_is_manual(
    till: Till, event: AttemptEvent, mark: str
) -> None:
    told = result(ask(till, till.pay(), order(till, Open())))
    till.report(event, Facts(mark=mark), told.out_trade_no)
    after = result(till.ask(Query("A")) or told)
    assert (after.status, after.state, after.attention) == ("unknown", "manual", True)


def test_found_closed_is_nothing_but_its_number_is_taken(till: Till) -> None:
    till.event(till._asked(Asked(1, 7, till.pay(), young=True)))
    (probe,) = till.of(Probe)
    assert isinstance(probe, Probe)
    closed = Found((order(till, Closed()), order(till, Closed(), number=2)))
    till.event(till._asked(replace(probe.asked, found=closed)))
    till.checked().drawn().scan()
    assert till.attempt().number == 3
    till.answer(Declined(Reason.DECLINED_BALANCE))
    till.drawn().scan("287634438256643940")
    assert till.attempt().number == 4
    assert len(till.of(CallPay)) == 1


@pytest.mark.parametrize(("fen", "mark"), [(1235, ""), (1234, "BOX-9")])
def test_another_amount_or_mark_is_conflict_attention_and_manual(
    till: Till, fen: int, mark: str
) -> None:
    told = ask(till, till.pay(), order(till, paid(till, fen, mark)))
    assert code(told) is ErrorCode.CONFLICT
    after = result(till.ask(Query("A")) or told)
    assert (after.status, after.state, after.attention) == ("unknown", "manual", True)
    assert after.amount_fen == fen
    assert till.error(Reverse("V", "A")) == "conflict"


def test_a_mark_that_was_not_told_is_not_this_box_s(till: Till) -> None:
    told = result(ask(till, Query("A"), order(till, Paid("42", 1234))))
    assert (told.state, told.attention) == ("manual", True)


def test_two_paid_orders_of_one_id_are_a_person_s_business(till: Till) -> None:
    both = (order(till, paid(till)), order(till, paid(till), number=2))
    told = result(ask(till, Query("A"), *both))
    assert (told.state, told.attention) == ("manual", True)
    assert {a.state for _, a in till.disk.attempts.values()} == {AttemptState.MANUAL}


def test_every_try_that_was_found_is_told(till: Till) -> None:
    """A query is answered with the newest; the others are offered as after a boot (seed 234)."""
    both = (order(till, paid(till)), order(till, paid(till), try_=2))
    told = result(ask(till, Query("A"), *both))
    assert (told.try_, told.state) == (2, "manual")
    offered = [s.reply for s in till.wait(1) if isinstance(s.reply, Result)]
    assert [(r.try_, r.state) for r in offered] == [(1, "manual")]


def test_one_number_at_two_wallets_is_kept_once(till: Till) -> None:
    here = order(till, paid(till))
    told = result(
        ask(till, Query("A"), here, replace(here, wallet=Wallet.ALIPAY, held=Open(amount_fen=1234)))
    )
    assert told.state == "manual"
    assert [a.wallet for _, a in till.disk.attempts.values()] == [Wallet.WECHAT]


def test_an_adopted_payment_survives_a_power_cut(till: Till) -> None:
    first = result(ask(till, till.pay(), order(till, paid(till))))
    after = till.power_cut()
    assert after.charge().state is ChargeState.PAID
    assert result(after.ask(Query("A")) or first) == first


def test_a_request_that_was_probed_meanwhile_adopts_nothing_twice(till: Till) -> None:
    requests: tuple[Query | Pay, ...] = (Query("A"), till.pay())
    probes = []
    for request in requests:
        till.event(till._asked(Asked(1, 7, request, young=True)))
        probes += [p for p in till.of(Probe) if isinstance(p, Probe)]
    for probe in probes:
        found = Found((order(till, paid(till)),))
        till.event(till._asked(replace(probe.asked, found=found)))
    said = [s.reply for s in till.said if isinstance(s.reply, Result)]
    assert [(r.status, r.revision) for r in said] == [("paid", 1), ("paid", 1)]
