"""Asking, reversing, watching: what is done about an attempt that is not at an end."""

from dataclasses import replace
from typing import Any

from device import recovery
from device.channels.alipay import codes as alipay_codes
from device.channels.alipay.client import AlipayChannel
from device.channels.meaning import later
from device.channels.wechat import answers as wechat_answers
from device.channels.wechat import codes as wechat_codes
from device.channels.wechat.client import WechatChannel
from device.desk import DeskLoop
from device.domain import payment, pursuit
from device.domain.desk import cancel, collect
from device.domain.desk.model import Desk, Phase
from device.domain.outcome import (
    Accepted,
    Missing,
    Unknown,
)
from device.domain.payment import (
    NO_FACTS,
    Attempt,
    AttemptEvent,
    AttemptState,
    Facts,
)
from device.domain.words import Reason
from device.recovery import Recovery
from simulators.planted.bug import Patch, bug, harmless
from simulators.world import box


@bug("the reverse is given up when it is not taken on", "M6", "M4")
def _(patch: Patch) -> None:
    true = Recovery._next

    async def once(self: Recovery, case: Any) -> bool:
        if case.attempt.state is AttemptState.REVERSING and case.trail.rounds:
            return False
        return await true(self, case)

    patch.setattr(Recovery, "_next", once)


@bug("the watch after 'no such order' is left out", "M9", "M4", stir="late_pay")
def _(patch: Patch) -> None:
    patch.setattr(pursuit, "_heard_watch", lambda trail, *_: (trail, _WATCHED))


_WATCHED = ((AttemptEvent.WATCHED, Facts()),)


@bug("the reverse goes out before the 15 s", "M8")
def _(patch: Patch) -> None:
    times = {w: replace(t, reverse_not_before=0.0) for w, t in box.TIMES.items()}
    patch.setattr(box, "TIMES", times)


@bug("the reverse follows no query", "M8")
def _(patch: Patch) -> None:

    true = pursuit.next_call

    def at_once(attempt: Any, trail: Any, times: Any) -> Any:
        call, due_s = true(attempt, trail, times)
        last = call is pursuit.Call.QUERY and attempt.state is AttemptState.REVERSING
        asks_first = last and trail.phase is not pursuit.Phase.CONFIRM
        return (pursuit.Call.REVERSE, due_s) if asks_first else (call, due_s)

    patch.setattr(recovery, "next_call", at_once)


@bug("a reverse that was accepted counts without a query", "M4", "M5", "M24")
def _(patch: Patch) -> None:

    true = pursuit.heard_reverse

    def believed(trail: Any, outcome: Any, now_s: float) -> Any:
        trail, events = true(trail, outcome, now_s)
        agreed = trail.phase is pursuit.Phase.CONFIRM
        return (trail, (*events, (AttemptEvent.AGREED, Facts()))) if agreed else (trail, events)

    patch.setattr(recovery, "heard_reverse", believed)


@bug(
    "a charge that was cancelled before its end is not_paid at once",
    "M4",
    "M5",
    "M1",
    stir="cancels password",
)
def _(patch: Patch) -> None:
    def at_once(desk: Desk, attempt: Any, reason: Reason, now: Any) -> Any:
        assert desk.seat
        assert desk.seat.phase is Phase.UNDER_WAY
        failed = replace(attempt, state=AttemptState.FAILED, reason=reason)
        return collect.advance(desk, failed, now)

    patch.setattr(cancel, "_wish", at_once)


@bug("what was paid lies for five minutes before it is given back", "M6", stir="reverse")
def _(patch: Patch) -> None:
    true = pursuit.next_call

    def slow(attempt: Attempt, trail: Any, times: Any) -> Any:
        call, due_s = true(attempt, trail, times)
        undone = attempt.state is AttemptState.REVERSING and attempt.held_paid
        return call, due_s + 300.0 * undone

    patch.setattr(recovery, "next_call", slow)


@bug("reversing may go back to paid", "M7", "M3")
def _(patch: Patch) -> None:
    row = {**payment.TABLE[AttemptState.REVERSING], AttemptEvent.PAID: AttemptState.PAID}
    patch.setitem(payment.TABLE, AttemptState.REVERSING, row)


@bug("an order that was missing is looked for only once", "M9", "M4", "M5", stir="late_pay")
def _(patch: Patch) -> None:
    patch.setattr(payment, "WATCH_QUERIES", 1)


@bug("the wall clock decides", "M18", "M6", stir="wall_jump walks_away")
def _(patch: Patch) -> None:
    true = DeskLoop.moment

    def by_the_wall(self: DeskLoop) -> Any:
        now = true(self)
        return replace(now, mono_s=now.wall.timestamp())

    patch.setattr(DeskLoop, "moment", by_the_wall)


@bug("an order once called missing is never watched", "M9", "M4", "M5", blind=True, stir="late_pay")
def _(patch: Patch) -> None:
    patch.setattr(Attempt, "watch_due", property(lambda _: False))


@bug("a late payment found by the watch is dropped", "M9", "M4", "M5", blind=True, stir="late_pay")
def _(patch: Patch) -> None:
    def deaf(trail: Any, *_: Any) -> Any:
        return trail, ((AttemptEvent.WATCHED, NO_FACTS),)

    patch.setattr(pursuit, "_heard_watch", deaf)


@bug("at the deadline the payment failed, without a reverse", "M1", "M4", "M5", blind=True)
def _(patch: Patch) -> None:
    for state in (AttemptState.WAITING, AttemptState.UNKNOWN):
        patch.setitem(payment.TABLE[state], AttemptEvent.DEADLINE, AttemptState.FAILED)


@bug("an accepted reverse is not asked about", "M4", "M9", blind=True)
def _(patch: Patch) -> None:
    true = pursuit.heard_reverse

    def sure(trail: Any, outcome: Any, now_s: float) -> Any:
        if isinstance(outcome, (Accepted, Missing)):
            return replace(trail, ended_s=now_s), ((AttemptEvent.AGREED, NO_FACTS),)
        return true(trail, outcome, now_s)

    patch.setattr(recovery, "heard_reverse", sure)


@harmless(
    "recall=Y is taken as done",
    why="a query must agree before a reverse counts, and it does not",
)
def _(patch: Patch) -> None:
    true = wechat_answers.reverse

    def done(fields: Any) -> Any:
        return true({**fields, "recall": "N"})

    patch.setattr(wechat_answers, "reverse", done)


@bug(
    "a reverse refused three times is taken as reversed",
    "M4",
    "M5",
    "M24",
    blind=True,
    stir="reverse_refused reverse",
)
def _(patch: Patch) -> None:
    true = payment._target

    def tired(attempt: Attempt, event: AttemptEvent, listed: Any) -> AttemptState:
        state = true(attempt, event, listed)
        refused = event is AttemptEvent.REFUSED and state is AttemptState.REFUND_DUE
        return AttemptState.REVERSED if refused else state

    patch.setattr(payment, "_target", tired)


@bug(
    "a window that is over is taken as reversed",
    "M4",
    "M5",
    "M24",
    blind=True,
    stir="reverse reverse_expired",
)
def _(patch: Patch) -> None:
    row = payment.TABLE[AttemptState.REVERSING]
    patch.setitem(row, AttemptEvent.WINDOW_OVER, AttemptState.REVERSED)


@bug("a reverse does not wait its 15 s", "M8", "M8", blind=True)
def _(patch: Patch) -> None:
    true = pursuit.next_call

    def soon(attempt: Attempt, trail: Any, times: Any) -> Any:
        return true(attempt, trail, replace(times, reverse_not_before=0.0))

    patch.setattr(recovery, "next_call", soon)


@bug("a reverse goes out without a query before it", "M8", "M8", blind=True)
def _(patch: Patch) -> None:
    true = pursuit._reverse

    def blind(trail: Any, times: Any) -> Any:
        call, due_s = true(trail, times)
        ask = trail.phase is pursuit.Phase.ASK
        return (pursuit.Call.REVERSE if ask else call), due_s

    patch.setattr(pursuit, "_reverse", blind)


@bug("a payment found while reversing is paid after all", "M7", "M4", blind=True)
def _(patch: Patch) -> None:
    row = payment.TABLE[AttemptState.REVERSING]
    patch.setitem(row, AttemptEvent.PAID, AttemptState.PAID)


@bug(
    "a stored cancel wish does not hinder a success",
    "M7",
    "M4",
    blind=True,
    stir="cancels password",
)
def _(patch: Patch) -> None:
    true = payment._target

    def forgetful(attempt: Attempt, event: AttemptEvent, listed: Any) -> AttemptState:
        return true(replace(attempt, cancel_wish=False), event, listed)

    patch.setattr(payment, "_target", forgetful)


@bug("deadlines by the wall clock", "M18", "M6", blind=True, stir="wall_jump password")
def _(patch: Patch) -> None:
    true = recovery.Recovery.__init__

    class Wall:
        def __init__(self, clock: Any) -> None:
            self._clock = clock

        def monotonic(self) -> float:
            return float(self._clock.wall().timestamp())

    def init(self: Any, channels: Any, times: Any, clock: Any, reports: Any) -> None:
        true(self, channels, times, Wall(clock), reports)  # type: ignore[arg-type]

    patch.setattr(recovery.Recovery, "__init__", init)


@bug("a timed out pay is sent again", "M1", "M12", blind=True, stir="drop_after")
def _(patch: Patch) -> None:
    for channel in (WechatChannel, AlipayChannel):
        _pay_again(patch, channel)


def _pay_again(patch: Patch, channel: Any) -> None:
    true = channel.pay

    async def pay(self: Any, order: Any) -> Any:
        outcome = await true(self, order)
        return await true(self, order) if isinstance(outcome, Unknown) else outcome

    patch.setattr(channel, "pay", pay)


# ---------------------------------------------------------------- the tables of a reverse


@bug("REVERSE_EXPIRE is tried again", "M6", stir="reverse reverse_expired", table="wechat reverse")
def _(patch: Patch) -> None:
    patch.setitem(wechat_codes.REVERSE, "REVERSE_EXPIRE", later())


@bug(
    "TRADE_CANCEL_TIME_OUT is tried again",
    "M6",
    stir="reverse reverse_expired",
    table="alipay cancel",
)
def _(patch: Patch) -> None:
    patch.setitem(alipay_codes.CANCEL, "TRADE_CANCEL_TIME_OUT", later())
