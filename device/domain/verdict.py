"""What an attempt's new state makes of its charge (payment-states §2, the table of the charge)."""

from dataclasses import replace

from device.domain.booking import OPEN_BOOKINGS, BookingEvent
from device.domain.booking import step as booking_step
from device.domain.charge import MAX_ATTEMPTS, Charge, ChargeState
from device.domain.payment import GOING_BACK, NO_MONEY, UNDER_WAY, Attempt, AttemptState
from device.domain.words import ANOTHER_CODE, Reason


def with_attempt(charge: Charge, attempt: Attempt) -> Charge:
    """Return the charge with this attempt added or replaced, and judged anew."""
    others = tuple(a for a in charge.attempts if a.number != attempt.number)
    attempts = tuple(sorted((*others, attempt), key=lambda a: a.number))
    return _judge(replace(charge, attempts=attempts), attempt)


def _judge(charge: Charge, attempt: Attempt) -> Charge:
    if attempt.state is AttemptState.MANUAL:
        return replace(charge, attention=True)
    if attempt.state is AttemptState.PAID:
        return _paid(charge)
    if attempt.state in NO_MONEY:
        return _no_money(charge, attempt)
    late = attempt.state in GOING_BACK and charge.state is not ChargeState.OPEN
    return replace(charge, attention=charge.attention or (late and not charge.undo))


def _paid(charge: Charge) -> Charge:
    booking = booking_step(charge.booking, BookingEvent.PAID)
    return replace(
        charge, state=ChargeState.PAID, reason=Reason.NONE, answered_paid=True, booking=booking
    )


def _no_money(charge: Charge, attempt: Attempt) -> Charge:
    if charge.state is ChargeState.OPEN:
        return _ended(charge, attempt)
    if charge.state is ChargeState.PAID and paid_attempt(charge) is None:
        return replace(charge, state=ChargeState.RETURNED, reason=charge.undo or Reason.REVERSED)
    if charge.state is ChargeState.NOT_PAID and attempt.held_paid:
        return replace(charge, reason=Reason.LATE_PAYMENT_RETURNED, attention=True)
    return charge


def _ended(charge: Charge, attempt: Attempt) -> Charge:
    """Close an open charge, unless the patient may show another code."""
    retry = attempt.reason in ANOTHER_CODE and len(charge.attempts) < MAX_ATTEMPTS
    if attempt.state is AttemptState.FAILED and retry and not attempt.cancel_wish:
        return charge
    return replace(charge, state=ChargeState.NOT_PAID, reason=_why_not_paid(charge, attempt))


def _why_not_paid(charge: Charge, attempt: Attempt) -> Reason:
    if attempt.cancel_wish:
        return charge.undo or Reason.CANCELLED
    if attempt.state is AttemptState.FAILED:
        return attempt.reason or Reason.PAYER_TIMEOUT
    if attempt.confirmed and not attempt.held_paid:
        return Reason.PAYER_TIMEOUT
    return Reason.REVERSED


def with_refunded(charge: Charge, refunded_fen: int, why: Reason) -> Charge:
    """Return the charge after refunds of `refunded_fen` in all succeeded."""
    if refunded_fen < charge.amount_fen or charge.state is not ChargeState.PAID:
        return replace(charge, refunded_fen=refunded_fen)
    return replace(
        charge, refunded_fen=refunded_fen, state=ChargeState.RETURNED, reason=charge.undo or why
    )


def paid_attempt(charge: Charge) -> Attempt | None:
    """The attempt that holds the money, if one does."""
    return next((a for a in charge.attempts if a.state is AttemptState.PAID), None)


def is_unbooked(charge: Charge) -> bool:
    """Whether it is paid and the HIS has still to say that it booked it."""
    return charge.state is ChargeState.PAID and charge.booking in OPEN_BOOKINGS


def current_attempt(charge: Charge) -> Attempt | None:
    """The attempt that the charge's answer speaks of: paid, else going back, else the newest."""
    going = (a for a in charge.attempts if a.state in GOING_BACK)
    held = (a for a in charge.attempts if a.held_paid and charge.answered_paid)
    newest = charge.attempts[-1] if charge.attempts else None
    return paid_attempt(charge) or next(held, None) or next(going, newest)


def attempt_under_way(charge: Charge) -> Attempt | None:
    """The attempt that occupies the desk, if one does."""
    return next((a for a in charge.attempts if a.state in UNDER_WAY), None)


def ended(charge: Charge) -> bool:
    """Whether another try may be opened: nothing of this one is open or going back."""
    busy = UNDER_WAY | GOING_BACK | {AttemptState.MANUAL}
    return charge.state is not ChargeState.OPEN and not busy & {a.state for a in charge.attempts}
