"""`confirm`: the second step of a booking (his-link §3.8).

A booking counts when the answering result says `paid` with `booked: true`; the HIS repeats
`confirm` until then. Whatever the HIS says before the charge is paid, or after it went another way,
changes nothing and is answered with the result as it stands.
"""

from dataclasses import replace

from device.domain.answers import standing
from device.domain.booking import BookingEvent, BookingState
from device.domain.booking import step as booking_step
from device.domain.charge import Charge
from device.domain.desk.answering import answer_now, busy, conflict
from device.domain.desk.deliver import announce, error
from device.domain.desk.effects import Commit, Effect, Pursue, PursueRefund, Step
from device.domain.desk.events import Asked, BookingOverdue
from device.domain.desk.model import Asker, Desk
from device.domain.desk.reported import own_refund
from device.domain.desk.rows import attempt_change, charge_change, named, refund_change
from device.domain.desk.view import held_screen, outcome_screen
from device.domain.payment import Attempt, AttemptEvent
from device.domain.payment import step as attempt_step
from device.domain.record import Change, Moment, Order, Ticket
from device.domain.requests import Confirm
from device.domain.verdict import paid_attempt, with_attempt
from device.domain.words import ErrorCode, Reason


def on_confirm(desk: Desk, asked: Asked, now: Moment) -> Step:
    """Note that the HIS has booked the payment, or give it back because it will not."""
    confirm, ticket = asked.request, asked.ticket
    assert isinstance(confirm, Confirm)
    charge = named(ticket, confirm.try_)
    if not ticket or not charge:
        return error(desk, asked, ErrorCode.NOT_FOUND, "没有这个单号")
    paid = standing(charge)[0] == "paid"
    if charge.adopted and paid and charge.booking is BookingState.NONE:
        charge = replace(charge, booking=BookingState.OFFERED)  # so it had been asked for
    if charge.booking is BookingState.NONE:
        return error(desk, asked, ErrorCode.NOT_ALLOWED, "该笔收款未约定入账确认")
    if charge.booking is BookingState.BOOKED and not confirm.booked:
        return conflict(desk, asked, ticket, "该笔已确认入账，退款请用 reverse 或 refund")
    event = BookingEvent.CONFIRMED if confirm.booked else BookingEvent.DENIED
    answered = {BookingState.WANTED, BookingState.BOOKED, BookingState.REFUSED}
    if not paid or charge.booking in answered:
        return answer_now(desk, asked, ticket, charge, now)
    booking = replace(charge, booking=booking_step(charge.booking, event))
    return (_book if confirm.booked else _refuse)(desk, asked, booking, now)


def _book(desk: Desk, asked: Asked, charge: Charge, now: Moment) -> Step:
    assert asked.ticket
    ticket, change = charge_change(desk.settings, asked.ticket, charge, now)
    asker = Asker(asked.connection, asked.re)
    told, tells = announce(desk, ticket, asked.ticket, asker, now)
    return told, (Commit(change), *tells)


def _refuse(desk: Desk, asked: Asked, charge: Charge, now: Moment) -> Step:
    """One commit: the refusal, the attempt going back, the charge's answer."""
    ticket, order, attempt = asked.ticket, asked.order, paid_attempt(charge)
    assert ticket
    assert order
    assert attempt
    if order.open_refund_id:  # one money-moving task per order
        return busy(desk, asked, order.open_refund_id, now, order.open_refund_at)
    going, rows, more = _way_back(desk, ticket, charge, order, attempt, now)
    undone = with_attempt(replace(charge, undo=Reason.NOT_BOOKED), going)
    renewed, change = attempt_change(desk.settings, ticket, undone, going, now)
    told, tells = announce(desk, renewed, ticket, Asker(asked.connection, asked.re), now)
    if not told.seat:  # 支付成功 must not stay on the glass
        told = replace(told, result=outcome_screen(undone, going, now))
    commit = Commit((*change, *rows))
    return told, (commit, *more, *tells)


def _way_back(  # noqa: PLR0913  whose money, and how much of it is left
    desk: Desk, ticket: Ticket, charge: Charge, order: Order, attempt: Attempt, now: Moment
) -> tuple[Attempt, Change, tuple[Effect, ...]]:
    """The whole payment goes back by a reverse; after any refund the rest, by a refund."""
    going = attempt_step(attempt, AttemptEvent.REVERSE_WANTED)
    if not 0 < order.rest_fen < order.amount_fen:
        return going, (), (Pursue(charge.key, going, begins=True),)
    refund = own_refund(ticket, order, attempt)
    _, rows = refund_change(desk.settings, Ticket("", refund.his_id), refund, charge, now)
    return attempt_step(going, AttemptEvent.REFUND_STARTED), rows, (PursueRefund(refund),)


def on_overdue(desk: Desk, event: BookingOverdue, now: Moment) -> Step:
    """No word in time: the payment is held, and a person is called."""
    ticket = event.ticket
    charge = named(ticket, event.key.try_)
    offered = charge and charge.booking is BookingState.OFFERED and standing(charge)[0] == "paid"
    if not ticket or not charge or not offered:
        return desk, ()
    held = replace(charge, booking=booking_step(charge.booking, BookingEvent.OVERDUE))
    renewed, change = charge_change(desk.settings, ticket, held, now)
    told, tells = announce(desk, renewed, ticket, None, now)
    shown = replace(told, result=held_screen(held, now)) if not told.seat else told
    return shown, (Commit(change), *tells)
