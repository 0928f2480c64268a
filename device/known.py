"""What the journal holds about the ids that an event names; the core decides on nothing else.

The charge at the desk is newer than its rows (an armed amount is not synced by itself), so its
ticket comes from the seat.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from device.domain.charge import ChargeKey
from device.domain.desk.events import (
    Asked,
    BookingOverdue,
    ButtonHeld,
    DeskEvent,
    Instructed,
    Recalled,
    RefundReported,
    Reported,
    Scanned,
    SumTold,
)
from device.domain.desk.model import Desk
from device.domain.desk.rows import number_of, paid_number
from device.domain.found import Found
from device.domain.numbers import keyed_hash
from device.domain.payment import AttemptEvent, Facts
from device.domain.ports import Journal
from device.domain.record import Ticket
from device.domain.refund import Refund, RefundEvent
from device.domain.requests import (
    Confirm,
    Hello,
    Last,
    RefundQuery,
    RefundRequest,
    Reverse,
    Show,
    Status,
    Summary,
)


@dataclass(frozen=True, slots=True)
class AttemptWord:
    """Recovery's word about an attempt; it becomes `Reported` with the journal's facts."""

    key: ChargeKey
    out_trade_no: str
    event: AttemptEvent
    facts: Facts


@dataclass(frozen=True, slots=True)
class RefundWord:
    """Recovery's word about a refund; it becomes `RefundReported`."""

    refund: Refund
    event: RefundEvent
    facts: Facts
    provider_refund_no: str


async def with_facts(journal: Journal, desk: Desk, event: DeskEvent) -> DeskEvent:
    """Return the event with what the journal holds; StorageError if it cannot be read."""
    look = FACTS.get(type(event))
    return await look(journal, desk, event) if look else event


async def ticket(journal: Journal, desk: Desk, business_date: str, his_id: str) -> Ticket | None:
    """Return everything under an id, as it stands."""
    seat = desk.seat
    if seat and (seat.ticket.business_date, seat.ticket.his_id) == (business_date, his_id):
        return seat.ticket
    return await journal.ticket(business_date, his_id)


async def _with_what_is_left(journal: Journal, desk: Desk, event: Recalled) -> Recalled:
    """What the journal still holds of the id, and of a refund's order."""
    row = event.row
    refund = row["kind"] == "refund"
    date = "" if refund else str(row["business_date"])
    held = await ticket(journal, desk, date, str(row["his_id"]))
    order = await journal.order(str(row["out_trade_no"])) if refund else None
    pay = order.key if order else None
    pay_ticket = await ticket(journal, desk, pay.business_date, pay.his_id) if pay else None
    return replace(event, ticket=held, order=order or event.order, pay_ticket=pay_ticket)


async def _with_tickets(journal: Journal, desk: Desk, asked: Asked) -> Asked:
    known = await _with_ids(journal, desk, asked)
    return replace(known, given=await _given(journal, asked.found)) if asked.found else known


async def _given(journal: Journal, found: Found) -> dict[str, int]:
    """What this journal itself gave back of orders that it adopts only now."""
    orders = [await journal.order(o.out_trade_no) for o in found.orders]
    return {o.out_trade_no: o.refund_fen for o in orders if o}


async def _with_ids(journal: Journal, desk: Desk, asked: Asked) -> Asked:
    request = asked.request
    if isinstance(request, (Hello, Status, Summary, Show)):
        return asked
    if isinstance(request, Last):
        return replace(asked, last=await journal.last())
    if isinstance(request, (RefundRequest, Reverse)):
        return await _with_order(journal, desk, asked, request)
    date = "" if isinstance(request, RefundQuery) else request.business_date
    own = await ticket(journal, desk, date, request.id)
    if isinstance(request, Confirm):
        number = paid_number(own, request.try_)
        return replace(asked, ticket=own, order=await journal.order(number) if number else None)
    return replace(asked, ticket=own)


async def _of_any_day(journal: Journal, desk: Desk, his_id: str) -> Ticket | None:
    """What has the id of a refund or reverse, which is unlike every other id of this desk."""
    if desk.seat and desk.seat.ticket.his_id == his_id:
        return desk.seat.ticket
    return await journal.any_day(his_id)


async def _with_order(
    journal: Journal, desk: Desk, asked: Asked, request: RefundRequest | Reverse
) -> Asked:
    own = await _of_any_day(journal, desk, request.id)
    number = getattr(request, "out_trade_no", "")
    pay_ticket = None
    if request.pay_id:
        pay_ticket = await ticket(journal, desk, request.business_date, request.pay_id)
        number = number_of(pay_ticket)
    known = await journal.order(number) if number else None
    order = known or asked.order  # what was looked up is older than what is written
    if order and order.key and not pay_ticket:
        pay_ticket = await ticket(journal, desk, order.key.business_date, order.key.his_id)
    return replace(asked, ticket=own, pay_ticket=pay_ticket, order=order)


async def reported(journal: Journal, desk: Desk, word: AttemptWord) -> Reported:
    """Return recovery's word about an attempt with what hangs on it."""
    key = word.key
    held = await ticket(journal, desk, key.business_date, key.his_id)
    assert held
    order = await journal.order(word.out_trade_no)
    open_id = order.open_refund_id if order else ""
    refund = await journal.ticket("", open_id) if open_id else None
    return Reported(held, word.out_trade_no, word.event, word.facts, order, refund)


async def refund_reported(journal: Journal, desk: Desk, word: RefundWord) -> RefundReported:
    """Return recovery's word about a refund with its charge and order."""
    refund = word.refund
    held = await journal.ticket("", refund.his_id)
    order = await journal.order(refund.out_trade_no)
    assert held
    assert held.refund
    assert order
    pay = await ticket(journal, desk, refund.pay_date, refund.pay_id) if refund.pay_id else None
    return RefundReported(held, pay, order, word.event, word.facts, word.provider_refund_no)


async def _sum_told(journal: Journal, _: Desk, event: SumTold) -> SumTold:
    return replace(event, order=await journal.order(event.out_trade_no))


async def _instructed(journal: Journal, desk: Desk, event: Instructed) -> Instructed:
    return replace(event, asked=await _with_tickets(journal, desk, event.asked))


async def _scanned(journal: Journal, desk: Desk, event: Scanned) -> Scanned:
    code_hash = keyed_hash(desk.settings.key, "code", event.text)
    return replace(event, used=await journal.code_used(code_hash))


async def _overdue(journal: Journal, desk: Desk, event: BookingOverdue) -> BookingOverdue:
    key = event.key
    return replace(event, ticket=await ticket(journal, desk, key.business_date, key.his_id))


async def _held(journal: Journal, _: Desk, event: ButtonHeld) -> ButtonHeld:
    return replace(event, last=await journal.last())


FACTS: dict[type[Any], Callable[[Journal, Desk, Any], Awaitable[DeskEvent]]] = {
    Asked: _with_tickets,
    Instructed: _instructed,
    SumTold: _sum_told,
    Recalled: _with_what_is_left,
    Scanned: _scanned,
    BookingOverdue: _overdue,
    ButtonHeld: _held,
}
"""What each event needs to know; the others need nothing."""
