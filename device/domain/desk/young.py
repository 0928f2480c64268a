"""Whether a request names an id that a young journal does not know (payment-states §1.9)."""

from device.domain.desk.events import Asked
from device.domain.desk.model import Settings
from device.domain.found import Wanted
from device.domain.numbers import out_trade_no
from device.domain.record import Ticket
from device.domain.requests import Cancel, Confirm, Pay, Query, RefundRequest, Reverse


def wanted(asked: Asked) -> Wanted | None:
    """Which numbers are to be asked for before this request may be answered, if any."""
    if not asked.young or asked.found is not None:
        return None
    request = asked.request
    if isinstance(request, Pay):
        return _wanted_of_pay(request, asked.ticket)
    if isinstance(request, (Query, Cancel, Confirm)) and asked.ticket is None:
        return Wanted(request.business_date, request.id)
    if isinstance(request, (Reverse, RefundRequest)) and request.pay_id:
        known = asked.ticket or asked.pay_ticket
        return None if known else Wanted(request.business_date, request.pay_id)
    return None


def _wanted_of_pay(pay: Pay, ticket: Ticket | None) -> Wanted | None:
    """The tries up to the one asked that the journal does not hold."""
    if ticket and ticket.refund:
        return None
    held = tries_of(ticket)
    tries = tuple(t for t in range(1, pay.try_ + 1) if t not in held)
    return Wanted(pay.business_date, pay.id, tries, pay.amount_fen) if tries else None


def tries_of(ticket: Ticket | None) -> frozenset[int]:
    """The tries of an id that the journal holds."""
    return frozenset(c.key.try_ for c in ticket.charges) if ticket else frozenset()


def number_of_attempt(settings: Settings, wanted: Wanted, try_: int, attempt: int) -> str:
    """The order number that this attempt had, if there ever was one (payment-states §1.8)."""
    place = (wanted.business_date, wanted.his_id, try_, attempt)
    return out_trade_no(settings.key, settings.desk_code, settings.desk, *place)
