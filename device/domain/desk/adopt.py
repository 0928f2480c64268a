"""A young journal learns from the wallets what it has forgotten (payment-states §1.9).

Found paid with the same fen and this box's mark: adopted as paid. Open: unknown, and pursued.
Closed: nothing, but its number is taken. Another amount or another box's mark: manual, with
attention. The charge, its attempt, the order, the event and the answer are one commit; the request
that asked is answered after it as if the journal had always known.
"""

from dataclasses import dataclass, replace

from device.domain.answers import answers
from device.domain.charge import Charge, ChargeKey
from device.domain.desk import deliver
from device.domain.desk.collect import charge_from, pursue
from device.domain.desk.effects import Commit, Effect
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk
from device.domain.desk.rows import attempt_change, number_of, paid_number
from device.domain.desk.young import tries_of
from device.domain.found import Found, FoundOrder
from device.domain.outcome import Closed, Open, Paid, PayFailed, Returned
from device.domain.payment import Attempt, AttemptState
from device.domain.record import Change, Moment, Order, PutOrder, Stored, Ticket
from device.domain.requests import Cancel, Confirm, Pay, Query, RefundRequest, Request, Reverse
from device.domain.verdict import with_attempt, with_refunded
from device.domain.words import Business, Department, Reason

# ---------------------------------------------------------------- what was found


@dataclass(frozen=True, slots=True)
class Judged:
    """A found order that the journal will hold."""

    order: FoundOrder
    state: AttemptState
    amount_fen: int
    paid: Paid | None = None
    back_fen: int = 0
    detail: str = ""


def take(desk: Desk, asked: Asked, now: Moment) -> tuple[Desk, Asked, tuple[Effect, ...]] | None:
    """Adopt what was found; return the request as it is now known, None if nothing is known."""
    assert asked.found is not None
    business_date, his_id = _subject(asked.request)
    ticket = _ticket(asked) or Ticket(business_date, his_id)
    judged = _judge(desk, asked.request, asked.found, tries_of(_ticket(asked)))
    if asked.found.offline or judged is None:
        return None
    if not judged:
        return desk, asked, ()
    change: Change = ()
    care: tuple[Effect, ...] = ()
    for one in judged:
        ticket, rows, pursuits = _adopt(desk, asked, ticket, one, now)
        change, care = (*change, *rows), (*care, *pursuits)
    known = deliver.renewed(deliver.at_desk(desk, ticket), _told(ticket, judged), now)
    return known, _with_ticket(asked, ticket, judged), (Commit(change), *care)


def _told(ticket: Ticket, judged: tuple[Judged, ...]) -> tuple[Stored, ...]:
    """The answers of the tries that were adopted: the request may be about one of them only."""
    tries = {one.order.try_ for one in judged}
    return tuple(s for s in answers(ticket) if getattr(s.answer, "try_", 0) in tries)


def _subject(request: Request) -> tuple[str, str]:
    if isinstance(request, (Reverse, RefundRequest)):
        return request.business_date, request.pay_id
    assert isinstance(request, (Pay, Query, Cancel, Confirm))
    return request.business_date, request.id


def _ticket(asked: Asked) -> Ticket | None:
    of_pay = isinstance(asked.request, (Reverse, RefundRequest))
    return asked.pay_ticket if of_pay else asked.ticket


def _judge(
    desk: Desk, request: Request, found: Found, held: frozenset[int]
) -> tuple[Judged, ...] | None:
    """What is to be adopted; None if an open order does not say its amount, so nothing is known.

    The same number at two wallets, or two orders paid for one id, is a contradiction.
    """
    fen = request.amount_fen if isinstance(request, Pay) else None
    try_ = request.try_ if isinstance(request, Pay) else 0
    new = [o for o in found.orders if o.try_ not in held and not isinstance(o.held, Closed)]
    each = [_judge_one(desk, o, fen if o.try_ == try_ else None, fen) for o in new]
    judged = [j for j in each if j is not None]
    if len(judged) < len(new):
        return None
    return tuple(_contradicted(judged))


def _judge_one(desk: Desk, order: FoundOrder, fen: int | None, guess: int | None) -> Judged | None:
    """`fen`: what this very try asks for; `guess`: for an open order that does not say its sum."""
    held = order.held
    if isinstance(held, (Paid, Returned)):
        paid = held.paid if isinstance(held, Returned) else held
        back = (held.refunded_fen or 0) if isinstance(held, Returned) else 0
        wrong = _wrong(desk, paid.mark, paid.amount_fen, fen)
        state = AttemptState.MANUAL if wrong else AttemptState.PAID
        return Judged(order, state, paid.amount_fen, paid, back, wrong)
    assert isinstance(held, (Open, PayFailed))
    told = held.amount_fen if isinstance(held, Open) else None
    mark = held.mark if isinstance(held, Open) else ""
    amount_fen = told or guess
    if not amount_fen:
        return None
    wrong = _wrong(desk, mark or desk.settings.box_id, amount_fen, fen)
    state = AttemptState.MANUAL if wrong else AttemptState.UNKNOWN
    return Judged(order, state, amount_fen, detail=wrong)


def _wrong(desk: Desk, mark: str, amount_fen: int, fen: int | None) -> str:
    if mark != desk.settings.box_id:
        return "another box's mark"
    return "another amount" if fen not in {None, amount_fen} else ""


def _contradicted(judged: list[Judged]) -> list[Judged]:
    paid = sum(j.state is AttemptState.PAID and j.back_fen < j.amount_fen for j in judged)
    kept: dict[str, Judged] = {}
    for one in sorted(judged, key=lambda j: j.paid is not None):  # what is paid is kept
        number = one.order.out_trade_no
        twice = number in kept
        manual = replace(one, state=AttemptState.MANUAL, detail="found twice")
        kept[number] = manual if twice or (paid > 1 and one.paid) else one
    return sorted(kept.values(), key=lambda j: (j.order.try_, j.order.number))


def _adopt(
    desk: Desk, asked: Asked, ticket: Ticket, one: Judged, now: Moment
) -> tuple[Ticket, Change, tuple[Effect, ...]]:
    order = one.order
    attempt = Attempt(
        number=order.number,
        wallet=order.wallet,
        out_trade_no=order.out_trade_no,
        amount_fen=one.amount_fen,
        code_hash="",
        state=one.state,
        detail=one.detail,
        provider_trade_no=one.paid.provider_trade_no if one.paid else "",
        payer_mask=one.paid.payer_mask if one.paid else "",
        paid_at=one.paid.paid_at if one.paid else None,
        held_paid=one.paid is not None,
    )
    charge = with_attempt(_charge(desk, asked.request, ticket, one), attempt)
    own_fen = asked.given.get(order.out_trade_no, 0)
    if back_fen := max(one.back_fen, own_fen):  # Alipay's answer does not tell the sum
        charge = with_refunded(charge, back_fen, Reason.MANUAL)
    renewed, rows = attempt_change(desk.settings, ticket, charge, attempt, now)
    others_fen = max(0, one.back_fen - own_fen)
    put = PutOrder(order.out_trade_no, order.wallet, one.amount_fen, others_fen)
    return renewed, (put, *rows), pursue(charge, attempt)


def _charge(desk: Desk, request: Request, ticket: Ticket, one: Judged) -> Charge:
    """The charge of a found order: as this `pay` says, else with only its amount known."""
    key = ChargeKey(ticket.business_date, ticket.his_id, one.order.try_)
    known = next((c for c in ticket.charges if c.key == key), None)
    if known:
        return known
    of_pay = isinstance(request, Pay) and request.try_ == key.try_
    if isinstance(request, Pay) and of_pay and one.state is not AttemptState.MANUAL:
        return charge_from(desk, request)
    return Charge(
        key=key,
        amount_fen=one.amount_fen,
        business=Business.OUTPATIENT_FEE,
        department=Department.OUTPATIENT,
        adopted=True,
    )


def _with_ticket(asked: Asked, ticket: Ticket, judged: tuple[Judged, ...]) -> Asked:
    if isinstance(asked.request, Confirm):
        order = _order(asked, ticket, judged, paid_number(ticket, asked.request.try_))
        return replace(asked, ticket=ticket, order=order)
    if not isinstance(asked.request, (Reverse, RefundRequest)):
        return replace(asked, ticket=ticket)
    return replace(asked, pay_ticket=ticket, order=_order(asked, ticket, judged, number_of(ticket)))


def _order(asked: Asked, ticket: Ticket, judged: tuple[Judged, ...], number: str) -> Order | None:
    """The order that the request is about, as its row was just written."""
    one = next((j for j in judged if j.order.out_trade_no == number), None)
    if one is None:
        return None
    charge = next(c for c in ticket.charges if c.key.try_ == one.order.try_)
    own_fen = asked.given.get(number, 0)
    others_fen = max(0, one.back_fen - own_fen)
    return Order(number, one.order.wallet, one.amount_fen, own_fen, others_fen, charge.key)
