"""A journal that lost events takes them back from the statistics centre (payment-states M25).

The rows are this box's own words, chained by its own hashes, so an attempt or refund is put back as
its newest row left it: what had ended has ended, what was open is resumed and asked about. Of what
the journal still knows, only what cannot be unsaid is taken: that the money is to go back.
Revisions go on above those that the HIS was told. Every order is then asked about at its wallet.
"""

from dataclasses import replace
from datetime import datetime

from device.domain.chain import WireRow
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.desk.collect import pursue
from device.domain.desk.deliver import announce
from device.domain.desk.effects import Commit, Effect, PursueRefund, Step
from device.domain.desk.events import Recalled
from device.domain.desk.model import Desk
from device.domain.desk.rows import (
    attempt_change,
    attempt_of,
    charge_change,
    charge_of,
    refund_change,
)
from device.domain.desk.view import outcome_screen
from device.domain.numbers import BOX_REFUND_ID
from device.domain.payment import (
    GOING_BACK,
    NO_MONEY,
    UNDER_WAY,
    Attempt,
    AttemptEvent,
    AttemptState,
)
from device.domain.payment import step as attempt_step
from device.domain.record import Change, Moment, PutOrder, Ticket
from device.domain.refund import OPEN_REFUNDS, Refund, RefundKind, RefundState
from device.domain.verdict import with_attempt, with_refunded
from device.domain.words import Business, Department, Reason, Wallet

RESUMED = {
    AttemptState.INTENDED: AttemptState.UNKNOWN,  # the first byte may have left
    AttemptState.WAITING: AttemptState.UNKNOWN,
    AttemptState.REFUND_DUE: AttemptState.REVERSING,  # it goes the way to its refund once more
    AttemptState.REFUNDING: AttemptState.REVERSING,
}
"""An attempt put back stands here; any other state as it was."""


def on_recalled(desk: Desk, event: Recalled, now: Moment) -> Step:
    """Take one row back: the newest of its uid."""
    return TAKE[str(event.row["kind"])](desk, event, now)


def _nothing(desk: Desk, _: Recalled, _now: Moment) -> Step:
    return desk, ()


# ---------------------------------------------------------------- attempts


def _payment(desk: Desk, event: Recalled, now: Moment) -> Step:
    row, ticket = event.row, _floored(event)
    number = str(row["out_trade_no"])
    known = attempt_of(ticket, number)
    if known:
        moved = _moved(known, AttemptState(str(row["state"])))
        charge = charge_of(ticket, number)
        assert charge
    else:
        moved, charge = _attempt(row), _charge(ticket, row)
    charge = with_attempt(charge, moved)
    renewed, rows = attempt_change(desk.settings, ticket, charge, moved, now)
    order = PutOrder(number, moved.wallet, moved.amount_fen)
    change: Change = rows if known else (order, *rows)
    told, tells = announce(desk, renewed, event.ticket, None, now)
    if known and moved.state in GOING_BACK and not told.seat:  # 支付成功 must not stay on the glass
        told = replace(told, result=outcome_screen(charge, moved, now))
    return told, (Commit(change), *tells, *pursue(charge, moved))


def _moved(known: Attempt, lost: AttemptState) -> Attempt:
    """What the lost rows add to an attempt that is known: the money is to go back."""
    if lost not in GOING_BACK | NO_MONEY:
        return known
    if known.state is AttemptState.PAID:
        return attempt_step(known, AttemptEvent.REVERSE_WANTED)
    if known.state in UNDER_WAY:
        return attempt_step(known, AttemptEvent.CANCEL_WISH)
    return known


def _attempt(row: WireRow) -> Attempt:
    state = AttemptState(str(row["state"]))
    return Attempt(
        number=int(row["attempt"]),
        wallet=Wallet(str(row["channel"])),
        out_trade_no=str(row["out_trade_no"]),
        amount_fen=int(row["amount_fen"]),
        code_hash="",
        state=RESUMED.get(state, state),
        reason=Reason(str(row["reason"])),
        provider_trade_no=str(row["provider_trade_no"]),
        payer_mask=str(row["payer_mask"]),
        paid_at=_time(row["money_at"]),
        held_paid=bool(row["money_at"]),
        watch=state in NO_MONEY,  # whether the provider ever lacked it was lost with the rest
    )


def _charge(ticket: Ticket, row: WireRow) -> Charge:
    key = ChargeKey(str(row["business_date"]), str(row["his_id"]), int(row["try"]))
    known = next((c for c in ticket.charges if c.key == key), None)
    return known or Charge(
        key=key,
        amount_fen=int(row["amount_fen"]),
        business=Business(str(row["business"] or Business.OUTPATIENT_FEE)),
        department=Department(str(row["department"] or Department.OUTPATIENT)),
        operator=str(row["operator"]),
        adopted=not row["business"],
    )


# ---------------------------------------------------------------- charges that ended by themselves


def _ended_charge(desk: Desk, event: Recalled, now: Moment) -> Step:
    """A charge that ended before anything was sent; of one that is known only the revision."""
    row, ticket = event.row, _floored(event)
    charge = _charge(ticket, row)
    known = charge in ticket.charges
    if not known and row["state"] != ChargeState.NOT_PAID:
        return desk, ()
    reason = Reason(str(row["reason"]))
    ended = charge if known else replace(charge, state=ChargeState.NOT_PAID, reason=reason)
    renewed, rows = charge_change(desk.settings, ticket, ended, now)
    told, tells = announce(desk, renewed, event.ticket, None, now)
    return told, (Commit(rows), *tells)


# ---------------------------------------------------------------- refunds


def _refund(desk: Desk, event: Recalled, now: Moment) -> Step:
    """Put a refund back under its own number; one that is known is asked about already."""
    row, order, pay = event.row, event.order, event.pay_ticket
    ticket = _floored(event)
    charge = charge_of(pay, str(row["out_trade_no"])) if pay else None
    if ticket.refund:
        return _known_refund(desk, event, ticket, charge, now)
    assert order
    refund = _refund_of(row, order.amount_fen)
    renewed, rows = refund_change(desk.settings, ticket, refund, charge, now)
    change: Change = (PutOrder(order.out_trade_no, order.wallet, order.amount_fen), *rows)
    told, tells = announce(desk, renewed, event.ticket, None, now)
    effects: tuple[Effect, ...] = (*tells,)
    if pay and charge and refund.state is RefundState.REFUNDED:
        back = with_refunded(charge, charge.refunded_fen + refund.amount_fen, Reason.MANUAL)
        after, more = charge_change(desk.settings, pay, back, now)
        told, pay_tells = announce(told, after, pay, None, now)
        change, effects = (*change, *more), (*effects, *pay_tells)
    care = (PursueRefund(refund),) if refund.state in OPEN_REFUNDS else ()
    return told, (Commit(change), *effects, *care)


def _known_refund(
    desk: Desk, event: Recalled, ticket: Ticket, charge: Charge | None, now: Moment
) -> Step:
    """Only its revision goes on above what the HIS was told."""
    assert ticket.refund
    renewed, rows = refund_change(desk.settings, ticket, ticket.refund, charge, now)
    told, tells = announce(desk, renewed, event.ticket, None, now)
    return told, (Commit(rows), *tells)


def _refund_of(row: WireRow, total_fen: int) -> Refund:
    his_id, do_id = str(row["his_id"]), str(row["do_id"])
    own = his_id.startswith(BOX_REFUND_ID) and not do_id
    state = RefundState(str(row["state"]))
    return Refund(
        his_id=his_id,
        kind=RefundKind.OWN if own else RefundKind.REFUND,
        wallet=Wallet(str(row["channel"])),
        out_trade_no=str(row["out_trade_no"]),
        out_refund_no=str(row["out_refund_no"]),
        amount_fen=int(row["amount_fen"]),
        total_fen=total_fen,
        state=RefundState.PENDING if state in OPEN_REFUNDS else state,
        reason=Reason(str(row["reason"])),
        refunded_at=_time(row["money_at"]),
        operator=str(row["operator"]),
        do_id=do_id,
    )


def _floored(event: Recalled) -> Ticket:
    """The ticket, with revisions that go on above what the HIS was told."""
    row = event.row
    date = "" if row["kind"] == "refund" else str(row["business_date"])
    held = event.ticket or Ticket(date, str(row["his_id"]))
    return replace(held, floor=event.floor)


def _time(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


TAKE = {
    "payment": _payment,
    "refund": _refund,
    "charge": _ended_charge,
    "do": _nothing,
    "digest": _nothing,
}
