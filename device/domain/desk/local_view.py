"""The operator's view of the box: what a technician asks first, on the glass for ten seconds.

It leaves no payment: whatever happens at the desk takes the glass back at once. While it covers an
armed amount no code is taken, because the amount is not on the glass (M10).
"""

from dataclasses import replace

from device.domain.desk import one_way
from device.domain.desk.effects import Step
from device.domain.desk.events import ButtonHeld
from device.domain.desk.model import Desk, Phase
from device.domain.desk.view import ready_wallets, screen_of, signal_of
from device.domain.record import Moment, Stored
from device.domain.screens import LastResult, OperatorView

STAYS_S = 10.0  # long enough to write an address down

AT_THE_DESK = ("seat", "result", "doubts", "notice")


def on_button_held(desk: Desk, event: ButtonHeld, now: Moment) -> Step:
    """Show it, unless holding the button has another meaning just now (his-link §5)."""
    if event.by_button:
        other, effects = one_way.on_button_held(desk, now)
        if other is not desk:
            return other, effects
    if desk.result and now.mono_s < desk.result[1]:  # a result is read first
        return desk, ()
    seat = desk.seat
    if seat and seat.phase is Phase.ARMED:
        seat = replace(seat, drawn_s=None)
    seen = OperatorView(
        desk=desk.settings.desk,
        version=event.version,
        address=event.address,
        vpn_up=desk.health.vpn_up,
        wallets=ready_wallets(desk.health),
        last=_last(event.last),
        beneath=signal_of(screen_of(replace(desk, local_view=None), now.mono_s)),
    )
    return replace(desk, seat=seat, local_view=(seen, now.mono_s + STAYS_S)), ()


def _last(stored: Stored | None) -> LastResult | None:
    if stored is None:
        return None
    answer = stored.answer
    return LastResult(answer.status, answer.amount_fen, f"{stored.at:%H:%M}")


def on_button(desk: Desk, now: Moment) -> Step:
    """A press puts it away, and does nothing else; without it, a press is the cashier's."""
    if desk.local_view:
        return replace(desk, local_view=None), ()
    return one_way.on_button(desk, now)


def yielded(before: Desk, after: Desk) -> Desk:
    """Give the glass back to whatever has happened at the desk."""
    shown = after.local_view
    if shown is None or shown != before.local_view:
        return after
    moved = [getattr(before, what) != getattr(after, what) for what in AT_THE_DESK]
    return replace(after, local_view=None) if any(moved) else after


def over(desk: Desk, now: Moment) -> Step:
    """Its time is over."""
    ended = desk.local_view and desk.local_view[1] <= now.mono_s
    return (replace(desk, local_view=None) if ended else desk), ()
