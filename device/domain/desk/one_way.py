"""One-way links: the line sets the current amount, and nothing else (his-link §5).

HIS programs repeat an amount whenever a field gets the focus, clear a display before each redraw,
and write the cash and the change on the same digits. So only what stands for 150 ms counts, and an
amount that was on the glass is used: sent again it arms nothing until a clear, another amount or
the cashier's button. No line is a payment; the patient's scan is.
"""

from collections.abc import Callable
from dataclasses import replace

from device.domain.desk import cancel, collect
from device.domain.desk.effects import Ask, Step
from device.domain.desk.events import Asked, Booted, Checked, LineSaid
from device.domain.desk.model import NOBODY, REPLAY_S, Desk, LastPaid, Line, Pending, Phase
from device.domain.line import Meaning, Said
from device.domain.record import Moment, Stored
from device.domain.requests import Pay, Reverse
from device.domain.screens import (
    AskingProvider,
    CallCashier,
    GivingBack,
    NothingDue,
    PaidScreen,
    SameAmount,
    UndoOffered,
)
from device.domain.words import Reason

SETTLE_S = 0.15  # a redraw takes some tens of ms at 2400 baud (his-link §5)
UNDO_S = 300.0  # the button undoes a result no older than this
OFFER_STAYS_S = 10.0  # for the second press, and for reading "same amount"
KEEPS = (PaidScreen, GivingBack, AskingProvider, CallCashier)
"""Results that a press does not sweep away: it was meant for the amount that has just ended."""


def on_line_said(desk: Desk, event: LineSaid, now: Moment) -> Step:
    """Note what the line says; while a payment is under way it says nothing."""
    if under_way(desk):
        return desk, ()
    line = desk.line
    for said in event.said:
        line = replace(line, pending=_pending(line.pending, said, now))
    return replace(desk, line=line), ()


def under_way(desk: Desk) -> bool:
    """Whether a payment is under way, at the desk or from before the boot."""
    return bool(desk.doubts) or (desk.seat is not None and desk.seat.phase is Phase.UNDER_WAY)


def _pending(before: Pending | None, said: Said, now: Moment) -> Pending:
    if before and before.said == said:
        return before
    if before and said.meaning is Meaning.CASH:  # the cash that is given for this amount
        said = replace(said, amount_fen=before.said.amount_fen)
    return Pending(said, now.mono_s + SETTLE_S)


def unsettled(desk: Desk) -> bool:
    """Whether the line has just said another thing than the glass: no code is taken then."""
    pending, seat = desk.line.pending, desk.seat
    return bool(pending and seat and pending.said != Said(Meaning.DUE, seat.charge.amount_fen))


def settle(desk: Desk, now: Moment) -> Step:
    """Take what the line said last, once it has stood long enough."""
    pending = desk.line.pending
    if not pending or now.mono_s < pending.settles_s:
        return desk, ()
    calm = replace(desk, line=replace(desk.line, pending=None))
    return SETTLED[pending.said.meaning](calm, pending.said.amount_fen, now)


def _due(desk: Desk, fen: int, now: Moment) -> Step:
    assert desk.settings.one_way
    if fen > desk.settings.one_way.max_amount_fen:
        return _nothing(desk, 0, now)
    if fen != desk.line.amount_fen:
        freed, effects = _disarm(desk, Reason.SUPERSEDED, now)
        armed, more = _arm(freed, fen, now)
        return armed, (*effects, *more)
    if desk.seat:
        return desk, ()
    return _same(desk, now) if desk.line.used else _arm(desk, fen, now)


def _same(desk: Desk, now: Moment) -> Step:
    """The same amount after its end: another bill, or the same one again? A person knows."""
    if desk.result and now.mono_s < desk.result[1] and not isinstance(desk.result[0], NothingDue):
        return desk, ()
    shown = SameAmount(desk.line.amount_fen)
    return replace(desk, result=(shown, now.mono_s + OFFER_STAYS_S)), ()


def _nothing(desk: Desk, _: int, now: Moment) -> Step:
    forget = desk.seat is not None or not desk.line.used
    freed, effects = _disarm(desk, Reason.CANCELLED, now)
    return (_with(freed, 0, used=False) if forget else freed), effects


def _clear(desk: Desk, _: int, now: Moment) -> Step:
    freed, effects = _disarm(desk, Reason.CANCELLED, now)
    return _with(freed, 0, used=False), effects


def _cash(desk: Desk, fen: int, now: Moment) -> Step:
    freed, effects = _disarm(desk, Reason.CANCELLED, now)
    return _with(freed, fen or freed.line.amount_fen, used=True), effects


SETTLED: dict[Meaning, Callable[[Desk, int, Moment], Step]] = {
    Meaning.DUE: _due,
    Meaning.NOTHING: _nothing,
    Meaning.CLEAR: _clear,
    Meaning.CASH: _cash,
}


def _with(desk: Desk, fen: int, *, used: bool) -> Desk:
    return replace(desk, line=replace(desk.line, amount_fen=fen, used=used))


def _disarm(desk: Desk, reason: Reason, now: Moment) -> Step:
    """Take the amount off the glass; the screen goes back to rest, for nobody cancelled."""
    if not desk.seat:
        return desk, ()
    freed, effects = collect.finish_unpaid(desk, reason, now)
    return replace(freed, result=None), effects


def _arm(desk: Desk, fen: int, now: Moment) -> Step:
    """Collect this amount under an id of the box's own; refused, it may be said again."""
    setup = desk.settings.one_way
    assert setup
    count = desk.line.count + 1
    his_id = f"{desk.settings.desk_code}-{now.wall:%y%m%d%H%M%S}-{setup.boot}-{count}"
    pay = Pay(his_id, fen, setup.business, setup.department)
    seated, effects = collect.on_pay(desk, Asked(NOBODY, 0, pay), now)
    line = Line(fen, used=seated.seat is not None, count=count, paid=desk.line.paid)
    return replace(seated, line=line), effects


def on_checked(desk: Desk, event: Checked, now: Moment) -> Step:
    """As for any amount; one that never came to the glass may be said again."""
    after, effects = collect.on_checked(desk, event, now)
    if desk.settings.one_way and desk.seat and not after.seat:
        after = _with(after, after.line.amount_fen, used=False)
    return after, effects


# ---------------------------------------------------------------- the cashier's button


def on_button(desk: Desk, now: Moment) -> Step:
    """Cancel what is armed; with nothing armed, confirm an undo or arm the same amount again."""
    if desk.settings.one_way is None or desk.seat:
        return cancel.on_button(desk, now)
    shown = desk.result[0] if desk.result and now.mono_s < desk.result[1] else None
    if isinstance(shown, UndoOffered):
        return _undo(desk)
    if under_way(desk) or isinstance(shown, KEEPS) or not desk.line.amount_fen:
        return desk, ()
    return _arm(desk, desk.line.amount_fen, now)


def on_button_held(desk: Desk, now: Moment) -> Step:
    """Offer to undo the last payment: not older than five minutes, and pressed once more."""
    setup, paid = desk.settings.one_way, desk.line.paid
    if not setup or not setup.undo_by_button or desk.seat or under_way(desk) or not paid:
        return desk, ()
    if now.mono_s - paid.at_s > UNDO_S:
        return desk, ()
    offered = UndoOffered(paid.amount_fen)
    return replace(desk, result=(offered, now.mono_s + OFFER_STAYS_S)), ()


def _undo(desk: Desk) -> Step:
    paid = desk.line.paid
    assert paid
    undone = replace(desk, result=None, line=replace(desk.line, paid=None))
    return undone, (Ask(Reverse(f"{paid.his_id}-U", paid.his_id)),)


# ---------------------------------------------------------------- memory


def noted(before: Desk, after: Desk, now: Moment) -> Desk:
    """Remember what has just been paid, for the button."""
    seat, shown = before.seat, after.result
    if before.settings.one_way is None or not seat or after.seat or not shown:
        return after
    if not isinstance(shown[0], PaidScreen):
        return after
    paid = LastPaid(seat.charge.key.his_id, seat.charge.amount_fen, now.mono_s)
    return replace(after, line=replace(after.line, paid=paid))


def booted(desk: Desk, event: Booted, now: Moment) -> Desk:
    """What was paid or in doubt before the boot is used: the HIS will say it again."""
    if desk.settings.one_way is None:
        return desk
    doubts = [fen for fen, _ in desk.doubts.values()]
    fen = doubts[0] if doubts else _recent(event.last, now)
    return _with(desk, fen, used=fen > 0)


def _recent(last: Stored | None, now: Moment) -> int:
    if last is None or getattr(last.answer, "status", "") == "not_paid":
        return 0
    old = now.sane and abs((now.wall - last.at).total_seconds()) > REPLAY_S
    return 0 if old else getattr(last.answer, "amount_fen", 0)
