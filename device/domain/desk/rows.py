"""The rows that a change writes: state, the event for the centre, the answer (center §3)."""

from dataclasses import replace

from device.domain.answers import renew
from device.domain.booking import BookingState
from device.domain.charge import Charge, ChargeState
from device.domain.desk.model import Settings
from device.domain.payment import Attempt
from device.domain.record import Change, Event, Moment, PutAttempt, PutCharge, PutRefund, Ticket
from device.domain.refund import Refund, RefundKind
from device.domain.verdict import paid_attempt


def charge_of(ticket: Ticket, out_trade_no: str) -> Charge | None:
    """The try that an order number belongs to."""
    for charge in ticket.charges:
        if any(a.out_trade_no == out_trade_no for a in charge.attempts):
            return charge
    return None


def attempt_of(ticket: Ticket, out_trade_no: str) -> Attempt | None:
    """The attempt with this order number."""
    every = (a for c in ticket.charges for a in c.attempts)
    return next((a for a in every if a.out_trade_no == out_trade_no), None)


def charge_of_try(ticket: Ticket, try_: int) -> Charge | None:
    """The charge of one try."""
    return next((c for c in ticket.charges if c.key.try_ == try_), None)


def named(ticket: Ticket | None, try_: int | None) -> Charge | None:
    """The charge that a request speaks of; without `try` the newest (his-link §3.2)."""
    if not ticket or not ticket.charges:
        return None
    return ticket.charges[-1] if try_ is None else charge_of_try(ticket, try_)


def number_of(ticket: Ticket | None) -> str:
    """The order that a refund of this id is about: the paid one, else the newest."""
    if not ticket or not ticket.charges:
        return ""
    for charge in reversed(ticket.charges):
        attempt = paid_attempt(charge)
        if attempt:
            return attempt.out_trade_no
    newest = ticket.charges[-1].attempts
    return newest[-1].out_trade_no if newest else ""


def paid_number(ticket: Ticket | None, try_: int | None) -> str:
    """The order that holds the money of a try, of the newest without `try_`; empty if none does."""
    charge = named(ticket, try_)
    attempt = paid_attempt(charge) if charge else None
    return attempt.out_trade_no if attempt else ""


def put_charge(ticket: Ticket, charge: Charge) -> Ticket:
    """The ticket with this try added or replaced."""
    others = tuple(c for c in ticket.charges if c.key != charge.key)
    charges = tuple(sorted((*others, charge), key=lambda c: c.key.try_))
    return replace(ticket, charges=charges)


def attempt_change(
    settings: Settings, ticket: Ticket, charge: Charge, attempt: Attempt, now: Moment
) -> tuple[Ticket, Change]:
    """Everything that is synced when an attempt took an arrow. `charge` holds it already."""
    renewed, answer = renew(put_charge(ticket, charge), now, charge)
    event = payment_event(settings, charge, attempt, renewed.revision, now)
    glass = charge.key.his_id
    return renewed, (PutCharge(charge), PutAttempt(charge.key, attempt, glass), event, *answer)


def charge_change(
    settings: Settings, ticket: Ticket, charge: Charge, now: Moment
) -> tuple[Ticket, Change]:
    """Everything that is synced when a charge ended without an attempt's doing."""
    renewed, answer = renew(put_charge(ticket, charge), now, charge)
    event = charge_event(settings, charge, renewed.revision, now)
    return renewed, (PutCharge(charge), event, *answer)


def refund_change(
    settings: Settings, ticket: Ticket, refund: Refund, charge: Charge | None, now: Moment
) -> tuple[Ticket, Change]:
    """Everything that is synced when a refund took an arrow. `charge`: whose money it is."""
    changed = replace(ticket, refund=refund)
    own = refund.kind is RefundKind.OWN or refund.do_id  # no HIS asked, so none is answered
    renewed, answer = (changed, ()) if own else renew(changed, now)
    event = refund_event(settings, refund, charge, renewed.revision, now)
    return renewed, (PutRefund(refund), event, *answer)


def payment_event(
    settings: Settings, charge: Charge, attempt: Attempt, revision: int, now: Moment
) -> Event:
    """The centre's row of kind `payment`."""
    return replace(
        charge_event(settings, charge, revision, now),
        uid=attempt.uid,
        kind="payment",
        state=attempt.state.value,
        reason=attempt.reason.value,
        channel=attempt.wallet.value,
        attempt=attempt.number,
        out_trade_no=attempt.out_trade_no,
        provider_trade_no=attempt.provider_trade_no,
        payer_mask=attempt.payer_mask,
        money_at=attempt.paid_at,
    )


def charge_event(settings: Settings, charge: Charge, revision: int, now: Moment) -> Event:
    """The centre's row of kind `charge`: what was asked for, and how it ended."""
    key = charge.key
    uid = "-".join(filter(None, (settings.desk_code, key.business_date, key.his_id)))
    return Event(
        uid=f"{uid}-{key.try_}",
        kind="charge",
        state=_charge_state(charge),
        desk=settings.desk,
        at=now.wall,
        reason=charge.reason.value,
        department="" if charge.adopted else charge.department.value,
        business="" if charge.adopted else charge.business.value,
        business_date=key.business_date,
        operator=charge.operator,
        his_id=key.his_id,
        try_=key.try_,
        revision=revision,
        amount_fen=charge.amount_fen,
    )


def _charge_state(charge: Charge) -> str:
    """How the charge stands; where the HIS books in two steps also how its booking does."""
    paid = charge.state is ChargeState.PAID and charge.booking is not BookingState.NONE
    return charge.booking.value if paid else charge.state.value


def refund_event(
    settings: Settings, refund: Refund, charge: Charge | None, revision: int, now: Moment
) -> Event:
    """The centre's row of kind `refund`: a positive amount, `ref` names the payment."""
    named = charge if charge and not charge.adopted else None
    return Event(
        uid=refund.uid,
        kind="refund",
        state=refund.state.value,
        desk=settings.desk,
        at=now.wall,
        reason=refund.reason.value,
        ref=refund.out_trade_no,
        channel=refund.wallet.value,
        department=named.department.value if named else "",
        business=named.business.value if named else "",
        business_date=refund.pay_date,
        operator=refund.operator,
        his_id=refund.his_id,
        try_=charge.key.try_ if charge else 0,
        revision=revision,
        amount_fen=refund.amount_fen,
        out_trade_no=refund.out_trade_no,
        provider_trade_no="",
        out_refund_no=refund.out_refund_no,
        money_at=refund.refunded_at,
        do_id=refund.do_id,
    )
