"""What recovery learned of an attempt or a refund: the arrow, and all that hangs on it, at once."""

from dataclasses import replace

from device.domain.charge import Charge
from device.domain.desk.collect import advance, pursue
from device.domain.desk.deliver import announce
from device.domain.desk.effects import Commit, Effect, PursueRefund, Step
from device.domain.desk.events import Elsewhere, RefundReported, Reported
from device.domain.desk.model import RESULT_STAYS_S, Desk
from device.domain.desk.rows import (
    attempt_change,
    attempt_of,
    charge_change,
    charge_of,
    refund_change,
)
from device.domain.desk.view import outcome_screen, returned_screen
from device.domain.numbers import BOX_REFUND_ID, out_refund_no
from device.domain.payment import NO_FACTS, NO_MONEY, UNDER_WAY, Attempt, AttemptEvent, AttemptState
from device.domain.payment import step as attempt_step
from device.domain.record import Change, Moment, Order, PutOrder, Ticket
from device.domain.refund import (
    OPEN_REFUNDS,
    Refund,
    RefundEvent,
    RefundKind,
    RefundState,
)
from device.domain.refund import step as refund_step
from device.domain.screens import CallCashier
from device.domain.verdict import with_attempt, with_refunded
from device.domain.words import Reason


def on_reported(desk: Desk, event: Reported, now: Moment) -> Step:
    """Take the attempt's arrow, with the refund that hangs on it, in one commit."""
    seat = desk.seat
    attempt = attempt_of(event.ticket, event.out_trade_no)
    charge = charge_of(event.ticket, event.out_trade_no)
    assert attempt
    assert charge
    moved = attempt_step(attempt, _arrow(desk, attempt, event), event.facts)
    if event.event is AttemptEvent.OVERDUE:
        return _call_person(desk, event, charge, moved, now)
    if moved == attempt:
        return desk, ()
    if moved.state is AttemptState.REVERSED and attempt.state is not AttemptState.REVERSED:
        moved = replace(moved, returned_at=now.wall)
    here = seat and seat.attempt and seat.attempt.out_trade_no == event.out_trade_no
    if here and moved.state is not AttemptState.REFUND_DUE:
        return advance(desk, moved, now)
    return _background(desk, event, charge, moved, now)


def _arrow(desk: Desk, attempt: Attempt, event: Reported) -> AttemptEvent:
    """An adopted order that turns out not to be this box's is a person's business (§1.9)."""
    paid = event.event is AttemptEvent.PAID
    strange = paid and event.facts.mark != desk.settings.box_id
    if attempt.adopted and (strange or event.event is AttemptEvent.CONTRADICTION):
        return AttemptEvent.GIVE_UP
    return event.event


def _call_person(
    desk: Desk, event: Reported, charge: Charge, attempt: Attempt, now: Moment
) -> Step:
    """A reversal takes too long: `attention` for the HIS, a call on the glass; it goes on."""
    if charge.attention:
        return desk, ()
    alarmed = replace(charge, attention=True)
    ticket, change = attempt_change(desk.settings, event.ticket, alarmed, attempt, now)
    told, tells = announce(desk, ticket, event.ticket, None, now)
    if not told.seat:
        told = replace(told, result=(CallCashier(charge.amount_fen), now.mono_s + RESULT_STAYS_S))
    return told, (Commit(change), *tells)


def _background(desk: Desk, event: Reported, charge: Charge, attempt: Attempt, now: Moment) -> Step:
    refund, follow = _follow(event, attempt, now)
    if attempt.state is AttemptState.REFUND_DUE:
        attempt = attempt_step(attempt, AttemptEvent.REFUND_STARTED)
    judged = with_attempt(charge, attempt)
    ticket, change = attempt_change(desk.settings, event.ticket, judged, attempt, now)
    told, tells = announce(
        _out_of_doubt(desk, judged, attempt, now), ticket, event.ticket, None, now
    )
    told, rows, more = _with_refund(told, event, refund, judged, now)
    arrived = attempt.state in NO_MONEY and event.event is not AttemptEvent.WATCHED
    if arrived and not told.seat:
        told = replace(told, result=returned_screen(judged, now) or told.result)
    return told, (Commit((*change, *rows)), *tells, *more, *pursue(judged, attempt), *follow)


def _out_of_doubt(desk: Desk, charge: Charge, attempt: Attempt, now: Moment) -> Desk:
    """An order of before the boot has its answer: show it, if nobody else is at the desk."""
    if attempt.out_trade_no not in desk.doubts or attempt.state in UNDER_WAY:
        return desk
    left = {k: v for k, v in desk.doubts.items() if k != attempt.out_trade_no}
    shown = desk.result if desk.seat else outcome_screen(charge, attempt, now)
    return replace(desk, doubts=left, result=shown)


def _follow(
    event: Reported, attempt: Attempt, now: Moment
) -> tuple[Refund | None, tuple[Effect, ...]]:
    """The refund row that moves with this arrow, and who takes care of it."""
    open_refund = event.refund_ticket.refund if event.refund_ticket else None
    reverse = open_refund if open_refund and open_refund.kind is not RefundKind.REFUND else None
    if attempt.state is AttemptState.REFUND_DUE:
        refund = reverse or own_refund(event.ticket, event.order, attempt)
        return refund, (PursueRefund(refund),)
    if reverse and attempt.state is AttemptState.REVERSED:
        return refund_step(reverse, RefundEvent.DONE, refunded_at=now.wall), ()
    if reverse and attempt.state is AttemptState.MANUAL:
        return refund_step(reverse, RefundEvent.STUCK), ()
    return None, ()


def own_refund(ticket: Ticket, order: Order | None, attempt: Attempt) -> Refund:
    """The refund that the box itself asks for: of what is left of an order."""
    return Refund(
        his_id=BOX_REFUND_ID + attempt.out_trade_no,
        kind=RefundKind.OWN,
        wallet=attempt.wallet,
        out_trade_no=attempt.out_trade_no,
        out_refund_no=out_refund_no(attempt.out_trade_no, BOX_REFUND_ID),
        amount_fen=order.rest_fen if order else attempt.amount_fen,
        total_fen=attempt.amount_fen,
        pay_id=ticket.his_id,
        pay_date=ticket.business_date,
    )


def _with_refund(
    desk: Desk, event: Reported, refund: Refund | None, charge: Charge, now: Moment
) -> tuple[Desk, Change, tuple[Effect, ...]]:
    if refund is None:
        return desk, (), ()
    before = event.refund_ticket
    held = before.refund if before else None
    if held == refund:
        return desk, (), ()
    ticket = before if before and held else Ticket("", refund.his_id)
    renewed, rows = refund_change(desk.settings, ticket, refund, charge, now)
    told, tells = _tell_refund(desk, renewed, before, now)
    return told, rows, tells


def _tell_refund(
    desk: Desk, ticket: Ticket, before: Ticket | None, now: Moment
) -> tuple[Desk, tuple[Effect, ...]]:
    key = (ticket.business_date, ticket.his_id)
    asker = desk.askers.get(key)
    told, tells = announce(desk, ticket, before, asker[0] if asker else None, now)
    if tells and asker:
        told = replace(told, askers={k: v for k, v in told.askers.items() if k != key})
    return told, tells


def on_refund_reported(desk: Desk, event: RefundReported, now: Moment) -> Step:
    """Take the refund's arrow, and the charge's with it, in one commit."""
    refund = event.ticket.refund
    assert refund
    done = event.event is RefundEvent.DONE
    moved = refund_step(
        refund,
        event.event,
        reason=event.facts.reason,
        detail=event.facts.detail,
        provider_refund_no=event.provider_refund_no,
        refunded_at=event.facts.paid_at or (now.wall if done else None),
    )
    if moved == refund:
        return desk, ()
    charge = charge_of(event.pay_ticket, refund.out_trade_no) if event.pay_ticket else None
    ticket, rows = refund_change(desk.settings, event.ticket, moved, charge, now)
    told, tells = _tell_refund(desk, ticket, event.ticket, now)
    told, more, pay_tells = _pay_side(told, event, charge, moved, now)
    again = (PursueRefund(moved),) if moved.state in OPEN_REFUNDS else ()
    return told, (Commit((*rows, *more)), *tells, *pay_tells, *again)


def _pay_side(
    desk: Desk, event: RefundReported, charge: Charge | None, refund: Refund, now: Moment
) -> tuple[Desk, Change, tuple[Effect, ...]]:
    """What an ended refund changes on its charge."""
    if not charge or not event.pay_ticket or refund.state in OPEN_REFUNDS:
        return desk, (), ()
    before = event.pay_ticket
    attempt = attempt_of(before, refund.out_trade_no)
    assert attempt
    done = refund.state is RefundState.REFUNDED
    if done:
        why = Reason.REVERSED if refund.kind is RefundKind.REVERSE else Reason.MANUAL
        charge = with_refunded(charge, charge.refunded_fen + refund.amount_fen, why)
    if attempt.state is AttemptState.REFUNDING:
        arrow = AttemptEvent.REFUND_DONE if done else AttemptEvent.REFUND_STUCK
        moved = attempt_step(attempt, arrow, NO_FACTS)
        charge = with_attempt(charge, moved)
        ticket, rows = attempt_change(desk.settings, before, charge, moved, now)
    else:
        ticket, rows = charge_change(desk.settings, before, charge, now)
    told, tells = announce(desk, ticket, before, None, now)
    return told, rows, tells


def on_elsewhere(desk: Desk, event: Elsewhere, _: Moment) -> Step:
    """Remember what other desks gave back of this order, so that the sum is never passed."""
    order = event.order
    if event.refunded_fen == order.elsewhere_fen:
        return desk, ()
    row = PutOrder(order.out_trade_no, order.wallet, order.amount_fen, event.refunded_fen)
    return desk, (Commit((row,)),)
