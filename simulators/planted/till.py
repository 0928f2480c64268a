"""Amounts, codes, numbers: what is collected at the desk."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from device import desk as desk_loop
from device import known
from device.channels.alipay import answers as alipay_answers
from device.channels.alipay import client as alipay_client
from device.channels.alipay.client import AlipayChannel
from device.channels.wechat import answers as wechat_answers
from device.channels.wechat.client import WechatChannel
from device.domain import numbers, payment, screens
from device.domain.charge import Charge, ChargeState
from device.domain.desk import collect, due, flow, scan, view
from device.domain.desk.events import Asked, Checked, Scanned
from device.domain.desk.model import Desk, Phase, Seat
from device.domain.money import format_yuan
from device.domain.outcome import (
    Unknown,
)
from device.domain.payment import (
    Attempt,
    AttemptState,
)
from device.domain.words import Reason
from device.journal.journal import SqliteJournal
from simulators.planted.bug import Patch, bug

if TYPE_CHECKING:
    from collections.abc import Callable


@bug("a new number when the same attempt is sent again", "M2", "M5")
def _(patch: Patch) -> None:
    true = WechatChannel.pay

    async def twice(self: Any, order: Any) -> Any:
        outcome = await true(self, order)
        if isinstance(outcome, Unknown):
            other = order.out_trade_no[:-1] + "7"
            outcome = await true(self, replace(order, out_trade_no=other))
        return outcome

    patch.setattr(WechatChannel, "pay", twice)


@bug("the amount is off by one fen", "M10")
def _(patch: Patch) -> None:
    true = AlipayChannel.pay

    async def more(self: Any, order: Any) -> Any:
        return await true(self, replace(order, amount_fen=order.amount_fen + 1))

    patch.setattr(AlipayChannel, "pay", more)


@bug("a code is used although it was", "M12", stir="used_code decline")
def _(patch: Patch) -> None:
    true = scan.on_scanned

    def any_code(desk: Desk, event: Any, now: Any) -> Any:
        return true(desk, replace(event, used=False), now)

    patch.setitem(flow.EVENTS, Scanned, any_code)


@bug("a code that came before the amount is taken", "M10", "M11")
def _(patch: Patch) -> None:
    true = scan.on_scanned

    def whenever(desk: Desk, event: Any, now: Any) -> Any:
        key = desk.seat.charge.key if desk.seat else None
        return true(desk, replace(event, by_his=key), now)

    patch.setitem(flow.EVENTS, Scanned, whenever)


@bug("a second charge may start while one is under way", "M13")
def _(patch: Patch) -> None:
    true = collect._desk_refusal

    def welcome(desk: Desk, *args: Any) -> Any:
        return true(replace(desk, seat=None), *args)

    patch.setattr(collect, "_desk_refusal", welcome)


@bug("another content under the same id is answered as the first", "M15", stir="contradicts")
def _(patch: Patch) -> None:
    patch.setattr(collect, "_same_content", lambda *_: True)


@bug("a next try is armed while the first may still be paid", "M1", "M13")
def _(patch: Patch) -> None:
    patch.setattr(collect, "ended", lambda _: True)
    true = collect._after_arrow

    def leaves(desk: Desk, seat: Any, ticket: Any, attempt: Any, now: Any) -> Desk:
        kept = true(desk, seat, ticket, attempt, now)
        gone = attempt.state is AttemptState.UNKNOWN
        return replace(kept, seat=None) if gone else kept

    patch.setattr(collect, "_after_arrow", leaves)


@bug("the attempt is for twice the amount", "M10", "M22")
def _(patch: Patch) -> None:
    def doubled(**fields: Any) -> payment.Attempt:
        return payment.Attempt(**{**fields, "amount_fen": 2 * fields["amount_fen"]})

    patch.setattr(scan, "Attempt", doubled)


@bug("the amount goes to Alipay in jiao", "M10", "M3", "M10", blind=True)
def _(patch: Patch) -> None:
    patch.setattr(alipay_client, "format_yuan", lambda fen: format_yuan(fen * 10))


@bug("yuan without the leading zero of the cents", "M10", "M3", "M10", blind=True)
def _(patch: Patch) -> None:
    patch.setattr(alipay_client, "format_yuan", lambda fen: f"{fen // 100}.{fen % 100}")


@bug("the glass shows the amount in jiao", "M10", blind=True)
def _(patch: Patch) -> None:
    true = view._seat_screen

    def shown(*args: Any) -> Any:
        screen = true(*args)
        if isinstance(screen, screens.AmountDue):
            return replace(screen, amount_fen=screen.amount_fen * 10)
        return screen

    patch.setattr(view, "_seat_screen", shown)


@bug("a success with another amount is believed", "M3", "M10", blind=True, stir="other_sum")
def _(patch: Patch) -> None:
    for module in (wechat_answers, alipay_answers):
        patch.setattr(module, "mismatch", lambda *_: "")
    true = scan.heard

    def trusting(attempt: Attempt, outcome: Any) -> Any:
        if hasattr(outcome, "amount_fen"):
            outcome = replace(outcome, amount_fen=attempt.amount_fen)
        return true(attempt, outcome)

    patch.setattr(scan, "heard", trusting)


@bug("the attempt is not counted up in the number", "M1", "M5", "M12", blind=True, stir="decline")
def _(patch: Patch) -> None:
    true: Callable[..., str] = numbers.out_trade_no

    def first(*place: Any) -> str:
        return true(*place[:-1], 1)

    patch.setattr(scan, "out_trade_no", first)


@bug("the try is not in the number", "M1", "M5", blind=True, stir="decline expires cancels")
def _(patch: Patch) -> None:
    true: Callable[..., str] = numbers.out_trade_no

    def without(*place: Any) -> str:
        return true(*place[:-2], 1, place[-1])

    patch.setattr(scan, "out_trade_no", without)


@bug("the code's hash has no key", "M12", "M19", blind=True)
def _(patch: Patch) -> None:
    def plain(_: bytes, kind: str, text: str) -> str:
        return hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest()

    for module in (scan, known, collect):
        patch.setattr(module, "keyed_hash", plain)


@bug("nobody looks up whether a code was used", "M12", "M12", blind=True, stir="used_code decline")
def _(patch: Patch) -> None:
    async def never(*_: Any) -> bool:
        return False

    patch.setattr(SqliteJournal, "code_used", never)


@bug("a code is taken before the amount is drawn", "M10", "M11", "M11", blind=True)
def _(patch: Patch) -> None:
    def eager(desk: Desk, event: Scanned, now: Any) -> Any:
        key = desk.seat.charge.key if desk.seat else None
        return scan.on_scanned(desk, replace(event, by_his=key), now)

    patch.setitem(flow.EVENTS, Scanned, eager)


@bug(
    "a code scanned too early is kept for the next amount",
    "M11",
    "M10",
    blind=True,
    stir="scan_while_idle",
)
def _(patch: Patch) -> None:
    kept: list[Scanned] = []

    def keep(desk: Desk, event: Scanned, now: Any) -> Any:
        if not desk.seat:
            kept[:] = [event]
        return scan.on_scanned(desk, event, now)

    def use(desk: Desk, event: Checked, now: Any) -> Any:
        armed, effects = collect.on_checked(desk, event, now)
        if kept and armed.seat and armed.seat.phase is Phase.ARMED:
            early = replace(kept.pop(), by_his=armed.seat.charge.key)
            armed, more = scan.on_scanned(armed, early, now)
            effects = (*effects, *more)
        return armed, effects

    patch.setitem(flow.EVENTS, Scanned, keep)
    patch.setitem(flow.EVENTS, Checked, use)


@bug("the desk is free as soon as there is doubt", "M13", "M1", "M13", blind=True)
def _(patch: Patch) -> None:
    true = collect._after_arrow

    def free(desk: Desk, seat: Seat, ticket: Any, attempt: Attempt, now: Any) -> Desk:
        after = true(desk, seat, ticket, attempt, now)
        doubt = attempt.state in {AttemptState.WAITING, AttemptState.UNKNOWN}
        return replace(after, seat=None) if doubt else after

    patch.setattr(collect, "_after_arrow", free)


@bug("the desk is not free after a decline that ended the charge", "M13", "M6", blind=True)
def _(patch: Patch) -> None:
    true = collect._after_arrow

    def stuck(desk: Desk, seat: Seat, ticket: Any, attempt: Attempt, now: Any) -> Desk:
        after = true(desk, seat, ticket, attempt, now)
        left = after.seat is None and attempt.state is AttemptState.FAILED
        return replace(after, seat=replace(seat, ticket=ticket)) if left else after

    patch.setattr(collect, "_after_arrow", stuck)


@bug("another code may be shown while the last is in doubt", "M1", "M13", blind=True)
def _(patch: Patch) -> None:
    true = collect._after_arrow

    def again(desk: Desk, seat: Seat, ticket: Any, attempt: Attempt, now: Any) -> Desk:
        after = true(desk, seat, ticket, attempt, now)
        if after.seat and attempt.state is AttemptState.UNKNOWN:
            armed = replace(after.seat, phase=Phase.ARMED, ticking_since_s=now.mono_s, drawn_s=None)
            return replace(after, seat=armed)
        return after

    patch.setattr(collect, "_after_arrow", again)


@bug("the ttl ends a payment under way", "M4", "M13", "M1", blind=True, stir="password")
def _(patch: Patch) -> None:
    def expire(desk: Desk, now: Any) -> Any:
        seat = desk.seat
        if not seat or seat.phase is Phase.CHECKING:
            return desk, ()
        ran = now.mono_s - seat.since_s
        if ran < min(seat.charge.ttl_s, 20.0):
            return desk, ()
        patch.setattr(collect, "attempt_under_way", lambda _: None)
        return collect.finish_unpaid(desk, Reason.EXPIRED, now)

    others = tuple(what for what in due.DUE if what is not due._expire)
    patch.setattr(due, "DUE", (expire, *others))
    soon = due.wake_at

    def every_second(desk: Desk, now_s: float) -> float | None:
        next_s = soon(desk, now_s)
        return min(next_s or now_s + 1.0, now_s + 1.0) if desk.seat else next_s

    patch.setattr(desk_loop, "wake_at", every_second)


@bug("the same id with other content is taken as the same", "M15", blind=True, stir="contradicts")
def _(patch: Patch) -> None:
    patch.setattr(collect, "_same_content", lambda *_: True)


@bug(
    "an unpaid id asked again is collected again under the same try",
    *("M14", "M4"),
    blind=True,
    stir="cancels",
)
def _(patch: Patch) -> None:
    true = collect._again

    def anew(desk: Desk, asked: Asked, ticket: Any, charge: Charge, now: Any) -> Any:
        if charge.state is ChargeState.NOT_PAID and not desk.seat:
            return collect._seat(desk, asked, now)
        return true(desk, asked, ticket, charge, now)

    patch.setattr(collect, "_again", anew)


@bug(
    "a next try may be opened while the last is open",
    "M1",
    "M13",
    blind=True,
    stir="system_error password_never",
)
def _(patch: Patch) -> None:
    patch.setattr(collect, "_id_refusal", lambda *_: None)


@bug(
    "what a paid id is asked for with a next try is not looked at",
    *("M1", "M13"),
    blind=True,
    stir="paid_at_last_moment reverse_paying recall",
)
def _(patch: Patch) -> None:
    patch.setattr(collect, "ended", lambda _: True)
