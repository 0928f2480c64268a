"""Giving money back: reverse, refund, and what recovery reports (his-link §3.10)."""

from dataclasses import replace

from device.domain.answers import standing
from device.domain.charge import Charge, ChargeKey
from device.domain.desk.answering import busy, conflict
from device.domain.desk.collect import advance, pursue
from device.domain.desk.deliver import announce, answer_with, error
from device.domain.desk.effects import Commit, Effect, LookUp, Pursue, PursueRefund, Recognise, Step
from device.domain.desk.events import Asked, Elsewhere, RefundReported, Reported
from device.domain.desk.model import NOBODY, REFUND_ANSWER_S, RESULT_STAYS_S, Asker, Desk
from device.domain.desk.rows import (
    attempt_change,
    attempt_of,
    charge_change,
    charge_of,
    refund_change,
)
from device.domain.desk.view import outcome_screen, returned_screen
from device.domain.numbers import BOX_REFUND_ID, out_refund_no
from device.domain.outcome import Missing, Refunded, RefundFailed, RefundStuck, WindowOver
from device.domain.payment import NO_FACTS, NO_MONEY, UNDER_WAY, Attempt, AttemptEvent, AttemptState
from device.domain.payment import step as attempt_step
from device.domain.record import Change, Moment, Order, PutOrder, Ticket
from device.domain.refund import (
    OPEN_REFUNDS,
    Refund,
    RefundEvent,
    RefundKind,
    RefundState,
    refund_order,
)
from device.domain.refund import step as refund_step
from device.domain.requests import RefundRequest, Reverse
from device.domain.screens import CallCashier
from device.domain.verdict import with_attempt, with_refunded
from device.domain.words import ErrorCode, Reason

NOT_PAID_CODES = {
    "returned": (ErrorCode.OVER_REFUND, "该笔款项已全部退回"),
    "not_paid": (ErrorCode.NOT_ALLOWED, "该笔未支付，无款可退"),
    "unknown": (ErrorCode.BUSY, "该笔结果尚未确定"),
}
"""What a refund of a charge that is not `paid` is answered."""


def on_refund(desk: Desk, asked: Asked, now: Moment) -> Step:
    """`refund`: one amount of one order back, once per id."""
    request = asked.request
    assert isinstance(request, RefundRequest)
    if asked.ticket:
        return _asked_again(desk, asked, asked.ticket)
    asked = _closed(asked)
    if not asked.order:
        return _find_order(desk, asked)
    refund = _refund(asked.order, request, RefundKind.REFUND, request.amount_fen)
    if _may_be_given(asked, asked.order):
        return _recognise(desk, asked, refund, now)
    refused = _refusal(desk, asked, asked.order, request.amount_fen, now)
    return refused or _open(desk, asked, refund, now)


def on_reverse(desk: Desk, asked: Asked, now: Moment) -> Step:
    """`reverse`: the whole payment back; after any refund it is a refund of the rest."""
    request = asked.request
    assert isinstance(request, Reverse)
    if asked.ticket:
        return _asked_again(desk, asked, asked.ticket)
    asked = _closed(asked)
    order, ticket = asked.order, asked.pay_ticket
    if not order or not (ticket or _is_closed(asked)):
        return error(desk, asked, ErrorCode.NOT_FOUND, "没有这笔收款")
    rest = order.rest_fen
    refund = _refund(order, request, RefundKind.REVERSE, rest)
    if _may_be_given(asked, order):
        return _recognise(desk, asked, refund, now)
    refused = _refusal(desk, asked, order, rest, now)
    if refused:
        return refused
    whole = rest == order.amount_fen
    return (_reverse if whole else _open)(desk, asked, refund, now)


def _closed(asked: Asked) -> Asked:
    """Take an order of a lost card that is closed at its wallet for one this may have given back.

    The wallet says neither what it was for nor whether it was ever paid, only whether a refund of
    this very number was given.
    """
    request, orders = asked.request, asked.found.orders if asked.found else ()
    assert isinstance(request, (RefundRequest, Reverse))
    if asked.order or not orders:
        return asked
    last, fen = orders[-1], getattr(request, "amount_fen", 0)
    key = ChargeKey(request.business_date, request.pay_id, last.try_)
    return replace(asked, order=Order(last.out_trade_no, last.wallet, fen, 0, fen, key))


def _is_closed(asked: Asked) -> bool:
    """Whether the order is known only as one that is closed at its wallet."""
    return asked.pay_ticket is None and bool(asked.found and asked.found.orders)


def _may_be_given(asked: Asked, order: Order) -> bool:
    """Whether a card that is gone may have given this very refund: its number is a function."""
    given = order.elsewhere_fen > 0 or _is_closed(asked)
    return asked.young and given and not isinstance(asked.recognised, NOT_GIVEN)


NOT_GIVEN = (Missing, RefundFailed, RefundStuck, WindowOver)
"""Outcomes of a refund's own number after which it is asked for like any other."""


def _recognise(desk: Desk, asked: Asked, refund: Refund, now: Moment) -> Step:
    """Give the old answer of a refund that the wallet knows (M20); ask the wallet first."""
    assert asked.order
    given = asked.recognised
    if given is None:
        return desk, (Recognise(asked, refund.wallet, refund_order(refund)),)
    if not isinstance(given, Refunded):
        message = "暂时无法核实该退款，请稍后再试"
        return error(desk, asked, ErrorCode.OFFLINE, message, reason="wallet")
    if getattr(asked.request, "amount_fen", given.amount_fen) != given.amount_fen:
        return error(desk, asked, ErrorCode.CONFLICT, "该号已用于其他内容")
    done = replace(
        refund,
        amount_fen=given.amount_fen,
        state=RefundState.REFUNDED,
        provider_refund_no=given.provider_refund_no,
        refunded_at=given.refunded_at,
    )
    ticket, rows = _first_rows(desk, asked, done, now)
    order, rest = asked.order, max(0, asked.order.elsewhere_fen - given.amount_fen)
    whole = max(order.amount_fen, given.amount_fen)  # a closed order does not say its sum
    ours = PutOrder(order.out_trade_no, order.wallet, whole, rest)
    assert ticket.stored
    answered, tells = answer_with(desk, asked, ticket, ticket.stored.answer)
    return answered, (Commit((ours, *rows)), *tells)


def _find_order(desk: Desk, asked: Asked) -> Step:
    """An order number of another desk: the providers are asked before it is refused."""
    by_number = getattr(asked.request, "out_trade_no", "") and not asked.looked_up
    if by_number:
        return desk, (LookUp(asked),)
    return error(desk, asked, ErrorCode.NOT_FOUND, "没有这笔收款")


def _asked_again(desk: Desk, asked: Asked, ticket: Ticket) -> Step:
    """The id once more: the same content gets the newest answer, other content `conflict`."""
    request, refund = asked.request, ticket.refund
    assert isinstance(request, (RefundRequest, Reverse))
    if not refund or not _same_content(request, refund):
        return conflict(desk, asked, ticket, "该号已用于其他内容")
    assert ticket.stored
    return answer_with(desk, asked, ticket, ticket.stored.answer)


def _same_content(request: RefundRequest | Reverse, refund: Refund) -> bool:
    """The same kind, order and amount.

    A `pay_id` is compared as it was asked: since then a later try of it may have been paid.
    """
    if isinstance(request, Reverse):
        same, number = refund.kind is RefundKind.REVERSE, ""
    else:
        same = (refund.kind, refund.amount_fen) == (RefundKind.REFUND, request.amount_fen)
        number = request.out_trade_no
    asked = (request.pay_id, request.business_date)
    of_pay = bool(request.pay_id) and asked == (refund.pay_id, refund.pay_date)
    return same and (number == refund.out_trade_no or of_pay)


def on_refund_query(desk: Desk, asked: Asked, _: Moment) -> Step:
    """The newest answer of a refund or reverse id."""
    if not asked.ticket or not asked.ticket.refund or not asked.ticket.stored:
        return error(desk, asked, ErrorCode.NOT_FOUND, "没有这个退款单号")
    return answer_with(desk, asked, asked.ticket, asked.ticket.stored.answer)


def _refusal(desk: Desk, asked: Asked, order: Order, amount_fen: int, now: Moment) -> Step | None:
    """Why this order gives nothing back now, if so."""
    if _is_closed(asked):
        message = "该笔在支付平台已撤销或关闭，没有可退的款项"
        return error(desk, asked, ErrorCode.NOT_ALLOWED, message)
    status, state = _order_stands(asked.pay_ticket, order.out_trade_no)
    going = state == "reversing" and not _refunding(asked.pay_ticket, order)
    if asked.pay_ticket and (state == "manual" or going):
        return conflict(desk, asked, asked.pay_ticket, "该笔正在撤销或待核查")
    if order.open_refund_id:
        return busy(desk, asked, order.open_refund_id, now, order.open_refund_at)
    if status != "paid":
        code, message = NOT_PAID_CODES[status]
        return error(desk, asked, code, message, blocking_id=order.key.his_id if order.key else "")
    rest = order.rest_fen
    if not 0 < amount_fen <= rest:
        return error(desk, asked, ErrorCode.OVER_REFUND, "退款金额超过可退金额")
    return None


def _order_stands(ticket: Ticket | None, out_trade_no: str) -> tuple[str, str]:
    """Status and state of the charge, of this very order of it; another desk's is taken as paid."""
    charge = charge_of(ticket, out_trade_no) if ticket else None
    attempt = attempt_of(ticket, out_trade_no) if ticket else None
    if not charge or not attempt:
        return "paid", ""
    status, state = standing(charge)
    declined = status == "paid" and attempt.state is not AttemptState.PAID
    return ("not_paid", "") if declined else (status, state)


def _refunding(ticket: Ticket | None, order: Order) -> bool:
    """Whether the order is going back by a refund: a second one is `busy`, not `conflict`."""
    attempt = attempt_of(ticket, order.out_trade_no) if ticket else None
    return attempt is not None and attempt.state is AttemptState.REFUNDING


def _refund(
    order: Order, request: RefundRequest | Reverse, kind: RefundKind, amount_fen: int
) -> Refund:
    return Refund(
        his_id=request.id,
        kind=kind,
        wallet=order.wallet,
        out_trade_no=order.out_trade_no,
        out_refund_no=out_refund_no(order.out_trade_no, request.id),
        amount_fen=amount_fen,
        total_fen=order.amount_fen,
        pay_id=order.key.his_id if order.key else "",
        pay_date=order.key.business_date if order.key else "",
        operator=request.operator,
        remark=getattr(request, "reason", ""),
        do_id=request.do_id,
        form=request.form,
    )


def _open(desk: Desk, asked: Asked, refund: Refund, now: Moment) -> Step:
    """Sync the refund's intent; recovery sends it. The answer waits for its end, ten seconds."""
    assert asked.order
    ticket, change = _first_rows(desk, asked, refund, now)
    foreign = asked.order.key is None
    rows: Change = (_foreign_row(asked.order), *change) if foreign else change
    waiting = _await_end(desk, asked, ticket, now)
    return waiting, (Commit(rows), PursueRefund(refund))


def _first_rows(desk: Desk, asked: Asked, refund: Refund, now: Moment) -> tuple[Ticket, Change]:
    charge = charge_of(asked.pay_ticket, refund.out_trade_no) if asked.pay_ticket else None
    return refund_change(desk.settings, Ticket("", refund.his_id), refund, charge, now)


def _foreign_row(order: Order) -> PutOrder:
    return PutOrder(order.out_trade_no, order.wallet, order.amount_fen, order.elsewhere_fen)


def _await_end(desk: Desk, asked: Asked, ticket: Ticket, now: Moment) -> Desk:
    if asked.connection == NOBODY:
        return desk
    asker = Asker(asked.connection, asked.re)
    until = now.mono_s + REFUND_ANSWER_S
    key = (ticket.business_date, ticket.his_id)
    owner = desk.owner if desk.seat else asked.connection
    return replace(desk, owner=owner, askers={**desk.askers, key: (asker, until)})


def _reverse(desk: Desk, asked: Asked, refund: Refund, now: Moment) -> Step:
    """One commit: the request, the attempt going back, the charge's answer."""
    pay_ticket = asked.pay_ticket
    assert pay_ticket
    charge = charge_of(pay_ticket, refund.out_trade_no)
    attempt = attempt_of(pay_ticket, refund.out_trade_no)
    assert charge
    assert attempt
    _, change = _first_rows(desk, asked, refund, now)
    going = attempt_step(attempt, AttemptEvent.REVERSE_WANTED)
    undone = with_attempt(replace(charge, undo=Reason.REVERSED), going)
    renewed, more = attempt_change(desk.settings, pay_ticket, undone, going, now)
    waiting = _await_end(desk, asked, Ticket("", refund.his_id), now)
    told, tells = announce(waiting, renewed, pay_ticket, None, now)
    if not told.seat:  # 支付成功 must not stay on the glass
        told = replace(told, result=outcome_screen(undone, going, now))
    return told, (Commit((*change, *more)), Pursue(charge.key, going, begins=True), *tells)


# ---------------------------------------------------------------- what recovery reports


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
