"""Taking an amount back: the HIS's `cancel` and the cashier's button (his-link §3.5)."""

from dataclasses import replace

from device.domain.answers import answer_for
from device.domain.charge import Charge, ChargeKey
from device.domain.desk.answering import answer_now
from device.domain.desk.collect import advance, finish_unpaid
from device.domain.desk.deliver import error
from device.domain.desk.effects import Commit, Pursue, Step, Tell
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk, Phase
from device.domain.desk.rows import attempt_change, named, put_charge
from device.domain.payment import Attempt, AttemptEvent
from device.domain.payment import step as attempt_step
from device.domain.record import Moment, Ticket
from device.domain.replies import Answer
from device.domain.requests import Cancel
from device.domain.verdict import attempt_under_way, with_attempt
from device.domain.words import ErrorCode, Reason


def on_cancel(desk: Desk, asked: Asked, now: Moment) -> Step:
    """Before a code: not_paid at once. While the provider works: the wish is stored."""
    cancel = asked.request
    assert isinstance(cancel, Cancel)
    ticket = asked.ticket
    charge = named(ticket, cancel.try_)
    if not ticket or not charge:
        return error(desk, asked, ErrorCode.NOT_FOUND, "没有这个单号")
    seat = desk.seat
    if seat and seat.charge.key == charge.key:
        done, effects = _cancel_here(desk, Reason.CANCELLED, now)
        return done, (*effects, Tell(asked.connection, _newest(done, charge.key), asked.re))
    under_way = attempt_under_way(charge)
    if under_way:  # from before a boot: recovery has it, the desk is free
        return _wish_elsewhere(desk, asked, ticket, charge, under_way, now)
    return answer_now(desk, asked, ticket, charge, now)


def _cancel_here(desk: Desk, reason: Reason, now: Moment) -> Step:
    assert desk.seat
    attempt = attempt_under_way(desk.seat.charge)
    if not attempt:
        return finish_unpaid(desk, reason, now)
    return (desk, ()) if attempt.cancel_wish else _wish(desk, attempt, reason, now)


def _newest(desk: Desk, key: ChargeKey) -> Answer:
    """The answer just stored: of the charge still at the desk, or of the one that just ended."""
    stored = answer_for(desk.seat.ticket, key.try_) if desk.seat else None
    return stored.answer if stored else desk.offers[key.business_date, key.his_id, key.try_].answer


def _wish(desk: Desk, attempt: Attempt, reason: Reason, now: Moment) -> Step:
    seat = desk.seat
    assert seat
    undone = replace(seat.charge, undo=reason)
    marked = replace(desk, seat=replace(seat, ticket=put_charge(seat.ticket, undone)))
    return advance(marked, attempt_step(attempt, AttemptEvent.CANCEL_WISH), now)


def _wish_elsewhere(  # noqa: PLR0913  the question, and what it is about
    desk: Desk, asked: Asked, ticket: Ticket, charge: Charge, attempt: Attempt, now: Moment
) -> Step:
    if attempt.cancel_wish:
        return answer_now(desk, asked, ticket, charge, now)
    wished = attempt_step(attempt, AttemptEvent.CANCEL_WISH)
    undone = with_attempt(replace(charge, undo=Reason.CANCELLED), wished)
    renewed, change = attempt_change(desk.settings, ticket, undone, wished, now)
    answered, tells = answer_now(desk, asked, renewed, undone, now)
    return answered, (Commit(change), Pursue(charge.key, wished), *tells)


def on_button(desk: Desk, now: Moment) -> Step:
    """The cashier's button cancels what is armed, or wishes it."""
    if not desk.seat or desk.seat.phase is Phase.CHECKING:
        return desk, ()
    return _cancel_here(desk, Reason.CANCELLED_AT_BOX, now)
