"""What time alone brings: a ttl that ends, an answer that is late, a screen that has stood."""

from collections.abc import Callable
from dataclasses import replace

from device.domain.answers import answer_for
from device.domain.desk import (
    collect,
    deliver,
    local_view,
    one_way,
    scan,
    unbooked,
)
from device.domain.desk.effects import (
    Effect,
    Step,
    Tell,
    TellStored,
)
from device.domain.desk.events import (
    Tick,
)
from device.domain.desk.model import UNKNOWN_AFTER_TTL_S, Desk, Phase
from device.domain.record import Moment
from device.domain.words import Reason


def on_tick(desk: Desk, _: Tick, now: Moment) -> Step:
    """Do everything whose time has come, in the order of `DUE`."""
    effects: list[Effect] = []
    for what in DUE:
        desk, wanted = what(desk, now)
        effects += wanted
    return desk, tuple(effects)


def _expire(desk: Desk, now: Moment) -> Step:
    seat = desk.seat
    if not seat or seat.phase is not Phase.ARMED:
        return desk, ()
    if desk.closing:  # a code was declined after SIGTERM: no other is waited for
        return collect.finish_unpaid(desk, Reason.RESTARTED, now)
    if seat.ttl_left(now.mono_s) <= 0:
        return collect.finish_unpaid(desk, Reason.EXPIRED, now)
    return desk, ()


def _push_unknown(desk: Desk, now: Moment) -> Step:
    """Nothing was sent for ttl + 90 s: the HIS is told that it is not known yet (§3.4)."""
    seat = desk.seat
    if not seat or not seat.asker or now.mono_s < _unknown_due(desk):
        return desk, ()
    stored = answer_for(seat.ticket, seat.charge.key.try_)
    silent = replace(desk, seat=replace(seat, asker=None))
    if not stored:
        return silent, ()
    return silent, (Tell(seat.asker.connection, stored.answer, seat.asker.re),)


def _unknown_due(desk: Desk) -> float:
    assert desk.seat
    return desk.seat.since_s + desk.seat.charge.ttl_s + UNKNOWN_AFTER_TTL_S


def _refunds_pending(desk: Desk, now: Moment) -> Step:
    """A refund that did not end in time is answered as it stands: pending."""
    due = {k: a for k, (a, until) in desk.askers.items() if until <= now.mono_s}
    left = {k: v for k, v in desk.askers.items() if k not in due}
    tells = tuple(TellStored(a.connection, k, a.re) for k, a in due.items())
    return replace(desk, askers=left), tells


def _screens_over(desk: Desk, now: Moment) -> Step:
    if desk.result and desk.result[1] <= now.mono_s:
        desk = replace(desk, result=None)
    if desk.notice and desk.notice.until_s <= now.mono_s:
        desk = replace(desk, notice=None)
    return desk, ()


def _offers(desk: Desk, now: Moment) -> Step:
    return deliver.offer_due(desk, now)


DUE: tuple[Callable[[Desk, Moment], Step], ...] = (
    one_way.settle,
    _expire,
    _push_unknown,
    _refunds_pending,
    _screens_over,
    local_view.over,
    scan.hint_over,
    unbooked.remind,
    _offers,
)


def wake_at(desk: Desk, now_s: float) -> float | None:
    """When the next Tick is due, by the monotonic clock; None = nothing is waiting."""
    due = [until for _, until in desk.askers.values()]
    due += [s for s in (deliver.next_offer_s(desk), unbooked.next_due_s(desk)) if s is not None]
    if desk.result:
        due.append(desk.result[1])
    if desk.local_view:
        due.append(desk.local_view[1])
    if desk.seat and desk.seat.hint:
        due.append(desk.seat.hint_until_s)
    if desk.line.pending:
        due.append(desk.line.pending.settles_s)
    if desk.notice:
        due.append(desk.notice.until_s)
    if desk.seat and desk.seat.asker:
        due.append(_unknown_due(desk))
    if desk.seat and desk.seat.phase is Phase.ARMED:
        due.append(now_s if desk.closing else now_s + desk.seat.ttl_left(now_s))
    return min(due, default=None)
