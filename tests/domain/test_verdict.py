"""What an attempt's end makes of its charge (payment-states §2, the table of the charge)."""

from dataclasses import replace

import pytest

from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.payment import Attempt, AttemptState
from device.domain.verdict import (
    attempt_under_way,
    current_attempt,
    ended,
    paid_attempt,
    with_attempt,
    with_refunded,
)
from device.domain.words import ANOTHER_CODE, Business, Department, Reason, Wallet

S = AttemptState
EMPTY = Charge(ChargeKey("", "A", 1), 1000, Business.OUTPATIENT_FEE, Department.OUTPATIENT)
FIRST = Attempt(1, Wallet.WECHAT, "MZ031", 1000, "h")


def after(*attempts: Attempt, charge: Charge = EMPTY) -> Charge:
    for attempt in attempts:
        charge = with_attempt(charge, attempt)
    return charge


@pytest.mark.parametrize("reason", sorted(ANOTHER_CODE))
def test_declined_on_the_payer_s_side_stays_open(reason: Reason) -> None:
    assert after(replace(FIRST, state=S.FAILED, reason=reason)).state is ChargeState.OPEN


@pytest.mark.parametrize("reason", [Reason.MERCHANT_FAULT, Reason.OFFLINE])
def test_our_fault_or_no_line_ends_it(reason: Reason) -> None:
    charge = after(replace(FIRST, state=S.FAILED, reason=reason))
    assert (charge.state, charge.reason) == (ChargeState.NOT_PAID, reason)


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (replace(FIRST, state=S.FAILED), Reason.PAYER_TIMEOUT),
        (replace(FIRST, state=S.REVERSED, confirmed=True), Reason.PAYER_TIMEOUT),
        (replace(FIRST, state=S.REVERSED), Reason.REVERSED),
        (replace(FIRST, state=S.REVERSED, confirmed=True, held_paid=True), Reason.REVERSED),
        (replace(FIRST, state=S.REVERSED, cancel_wish=True), Reason.CANCELLED),
        (
            replace(FIRST, state=S.FAILED, cancel_wish=True, reason=Reason.DECLINED_CODE),
            Reason.CANCELLED,
        ),
        (replace(FIRST, state=S.REFUNDED, held_paid=True), Reason.REVERSED),
    ],
)
def test_why_it_was_not_paid(attempt: Attempt, reason: Reason) -> None:
    charge = after(attempt)
    assert (charge.state, charge.reason) == (ChargeState.NOT_PAID, reason)


@pytest.mark.parametrize("undo", [Reason.REVERSED, Reason.NOT_BOOKED, Reason.MANUAL])
def test_a_paid_charge_given_back_says_why(undo: Reason) -> None:
    paid = replace(after(replace(FIRST, state=S.PAID)), undo=undo)
    charge = after(replace(FIRST, state=S.REVERSED), charge=paid)
    assert (charge.state, charge.reason) == (ChargeState.RETURNED, undo)
    assert charge.answered_paid


def test_a_late_payment_of_an_ended_charge_is_said_with_attention() -> None:
    over = after(replace(FIRST, state=S.REVERSED))
    late = after(replace(FIRST, state=S.REVERSING, held_paid=True), charge=over)
    back = after(replace(FIRST, state=S.REVERSED, held_paid=True), charge=late)
    assert late.attention
    assert (back.state, back.reason) == (ChargeState.NOT_PAID, Reason.LATE_PAYMENT_RETURNED)


def test_an_undo_that_was_asked_for_is_no_alarm() -> None:
    paid = replace(after(replace(FIRST, state=S.PAID)), undo=Reason.REVERSED)
    assert not after(replace(FIRST, state=S.REVERSING), charge=paid).attention


def test_a_person_is_called_by_attention() -> None:
    assert after(replace(FIRST, state=S.MANUAL)).attention


@pytest.mark.parametrize(
    ("fen", "state"), [(1, ChargeState.PAID), (999, ChargeState.PAID), (1000, ChargeState.RETURNED)]
)
def test_refunds_return_it_when_all_is_back(fen: int, state: ChargeState) -> None:
    charge = with_refunded(after(replace(FIRST, state=S.PAID)), fen, Reason.MANUAL)
    assert (charge.state, charge.refunded_fen) == (state, fen)


@pytest.mark.parametrize("state", AttemptState)
def test_a_next_try_waits_for_whatever_is_open(state: AttemptState) -> None:
    charge = after(replace(FIRST, state=state))
    assert ended(charge) is (state in {S.PAID, S.FAILED, S.REVERSED, S.REFUNDED})


def test_which_attempt_is_spoken_of() -> None:
    second = replace(FIRST, number=2, out_trade_no="MZ032")
    charge = after(replace(FIRST, state=S.FAILED, reason=Reason.DECLINED_CODE), second)
    assert current_attempt(charge) == attempt_under_way(charge) == second
    paid = after(replace(second, state=S.PAID), charge=charge)
    assert paid_attempt(paid) == current_attempt(paid)
    assert attempt_under_way(paid) is None
    assert current_attempt(EMPTY) is None
