"""What the HIS asks for: `reverse`, `refund`, and what became of them (his-link §3.10)."""

from dataclasses import replace

from device.domain.answers import standing
from device.domain.charge import ChargeKey
from device.domain.desk.answering import busy, conflict
from device.domain.desk.deliver import announce, answer_with, error
from device.domain.desk.effects import (
    Commit,
    Effect,
    LookUp,
    Pursue,
    PursueRefund,
    Recognise,
    Step,
)
from device.domain.desk.events import Asked
from device.domain.desk.model import NOBODY, REFUND_ANSWER_S, Asker, Desk
from device.domain.desk.rows import (
    attempt_change,
    attempt_of,
    charge_change,
    charge_of,
    refund_change,
)
from device.domain.desk.view import outcome_screen
from device.domain.numbers import out_refund_no
from device.domain.outcome import Missing, Refunded, RefundFailed, RefundStuck, WindowOver
from device.domain.payment import AttemptEvent, AttemptState
from device.domain.payment import step as attempt_step
from device.domain.record import Change, Moment, Order, PutOrder, Ticket
from device.domain.refund import (
    Refund,
    RefundKind,
    RefundState,
    refund_order,
)
from device.domain.requests import RefundRequest, Reverse
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
    """Whether a card that is gone may have given this very refund: its number is a function.

    Alipay does not tell what went back of an order that it calls paid, so that a refund's number
    is asked for wherever the order is not this card's own.
    """
    given = order.elsewhere_fen > 0 or _is_closed(asked)
    part = isinstance(asked.request, RefundRequest) and _is_another_s(asked, order)
    return asked.young and (given or part) and not isinstance(asked.recognised, NOT_GIVEN)


def _is_another_s(asked: Asked, order: Order) -> bool:
    """Whether it was paid on a card that is gone, or at another desk."""
    attempt = attempt_of(asked.pay_ticket, order.out_trade_no) if asked.pay_ticket else None
    return attempt is None or attempt.adopted


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
    back_fen = order.refund_fen + rest + given.amount_fen
    answered, more, pay_tells = _counted(answered, asked, done, back_fen, now)
    return answered, (Commit((ours, *rows, *more)), *tells, *pay_tells)


def _counted(
    desk: Desk, asked: Asked, refund: Refund, back_fen: int, now: Moment
) -> tuple[Desk, Change, tuple[Effect, ...]]:
    """The charge of a refund that was recognised, where its wallet had told no sum."""
    before = asked.pay_ticket
    charge = charge_of(before, refund.out_trade_no) if before else None
    if not before or not charge or back_fen <= charge.refunded_fen:
        return desk, (), ()
    back = with_refunded(charge, back_fen, Reason.MANUAL)
    ticket, rows = charge_change(desk.settings, before, back, now)
    told, tells = announce(desk, ticket, before, None, now)
    return told, rows, tells


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
