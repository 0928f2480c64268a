"""Collecting an amount: from `pay` to the end of the charge (payment-states §2, his-link §3)."""

from dataclasses import replace

from device.domain.answers import answer_for, standing
from device.domain.booking import BookingEvent, BookingState
from device.domain.booking import step as booking_step
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.desk.answering import answer_now, busy, conflict
from device.domain.desk.deliver import announce, error, progress
from device.domain.desk.effects import (
    CheckChannels,
    Commit,
    Defer,
    Effect,
    Probe,
    Pursue,
    Step,
    TakeHisCode,
    Tell,
)
from device.domain.desk.events import Asked, Checked
from device.domain.desk.model import REPLAY_S, RESULT_STAYS_S, Asker, Desk, Phase, Seat
from device.domain.desk.rows import attempt_change, charge_change, charge_of_try, put_charge
from device.domain.desk.view import outcome_screen
from device.domain.desk.young import wanted
from device.domain.numbers import keyed_hash
from device.domain.payment import OPEN_STATES, UNDER_WAY, Attempt, AttemptState
from device.domain.record import Moment, PutCharge, PutOrder, Stored, Ticket
from device.domain.replies import ErrorReply
from device.domain.requests import Pay
from device.domain.screens import OfflineScreen
from device.domain.verdict import attempt_under_way, current_attempt, ended, with_attempt
from device.domain.words import BUSINESS_NAMES, ErrorCode, Reason

SHORT_NAME = 2  # characters: there is no last one to show


def masked(name: str) -> str:
    """张小三 -> 张*三, 张三 -> 张*: enough for the patient to know that it is theirs."""
    name = name.strip()
    if len(name) <= SHORT_NAME:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


# ---------------------------------------------------------------- pay


def on_pay(desk: Desk, asked: Asked, now: Moment) -> Step:
    """Arm an amount, or answer with what this id already is."""
    pay = asked.request
    assert isinstance(pay, Pay)
    ticket = asked.ticket
    if ticket and ticket.refund:
        return conflict(desk, asked, ticket, "该号已用于退款")
    known = charge_of_try(ticket, pay.try_) if ticket else None
    if ticket and known:
        return _again(desk, asked, ticket, known, now)
    if pay.supersede and desk.seat and desk.seat.phase is not Phase.UNDER_WAY:
        return _supersede(desk, asked, now)
    return _arm(desk, asked, now)


def _arm(desk: Desk, asked: Asked, now: Moment) -> Step:
    refused = _refusal(desk, asked, now)
    if refused:
        return refused
    plan = wanted(asked)
    return (desk, (Probe(asked, plan),)) if plan else _seat(desk, asked, now)


def _supersede(desk: Desk, asked: Asked, now: Moment) -> Step:
    """What is only armed makes room, but only for an amount that is taken (his-link §3.7)."""
    freed, ended, ticket = _finish(desk, Reason.SUPERSEDED, now)
    if asked.ticket and asked.ticket.id == ticket.id:  # its own earlier try, which has just ended
        asked = replace(asked, ticket=ticket)
    armed, effects = _arm(freed, asked, now)
    return (armed, (*ended, *effects)) if armed.seat else (desk, effects)


def _same_content(desk: Desk, charge: Charge, pay: Pay) -> bool:
    if charge.adopted:  # nothing but the amount is known of it
        return pay.amount_fen == charge.amount_fen and standing(charge)[1] != "manual"
    asked = (pay.amount_fen, pay.business, pay.wallet, _patient(desk, pay))
    return asked == (charge.amount_fen, charge.business, charge.wallet, charge.patient_hash)


def _patient(desk: Desk, pay: Pay) -> str:
    return keyed_hash(desk.settings.key, "patient", pay.patient_id) if pay.patient_id else ""


def _again(desk: Desk, asked: Asked, ticket: Ticket, charge: Charge, now: Moment) -> Step:
    """The same key once more: its newest result, never a second charge (his-link §3.2)."""
    assert isinstance(asked.request, Pay)
    if not _same_content(desk, charge, asked.request):
        return conflict(desk, asked, ticket, "同一单号的内容不同")
    stored = answer_for(ticket, charge.key.try_)
    if stored and getattr(stored.answer, "status", "") != "unknown" and _stale(stored, now):
        return conflict(desk, asked, ticket, "该单号已有结果，请用 query 查询")
    if charge.adopted:
        return _name(desk, asked, ticket, charge, now)
    return answer_now(desk, asked, ticket, charge, now)


def _name(desk: Desk, asked: Asked, ticket: Ticket, charge: Charge, now: Moment) -> Step:
    """An adopted charge learns from a `pay` of its id and amount what it was for."""
    assert isinstance(asked.request, Pay)
    said, attempt = charge_from(desk, asked.request), current_attempt(charge)
    assert attempt
    charge = replace(
        charge,
        business=said.business,
        department=said.department,
        operator=said.operator,
        title=said.title,
        patient_hash=said.patient_hash,
        wallet=said.wallet,
        form=said.form,
        booking=_booking(charge, said, attempt),
        adopted=False,
    )
    renewed, change = attempt_change(desk.settings, ticket, charge, attempt, now)
    answered, tells = answer_now(desk, asked, renewed, charge, now)
    return answered, (Commit(change), *tells)


def _booking(charge: Charge, said: Charge, attempt: Attempt) -> BookingState:
    """As the `pay` wants it, unless a `confirm` has been heard of it already."""
    if charge.booking is not BookingState.NONE:
        return charge.booking
    paid = attempt.state is AttemptState.PAID
    return booking_step(said.booking, BookingEvent.PAID) if paid else said.booking


def _stale(stored: Stored, now: Moment) -> bool:
    """An old answer might belong to an earlier patient whose id is used again."""
    if stored.this_boot:
        return now.mono_s - stored.mono_s > REPLAY_S
    return stored.delivered or abs((now.wall - stored.at).total_seconds()) > REPLAY_S


def _refusal(desk: Desk, asked: Asked, now: Moment) -> Step | None:
    """Why this amount cannot be armed now, if so; the order is the contract's."""
    return _id_refusal(desk, asked, now) or _desk_refusal(desk, asked, now)


def _id_refusal(desk: Desk, asked: Asked, now: Moment) -> Step | None:
    """A next try is taken only when every earlier one ended unpaid (his-link §3.3)."""
    ticket = asked.ticket
    if not ticket or not ticket.charges:
        return None
    if any(standing(c)[0] == "paid" for c in ticket.charges):
        return conflict(desk, asked, ticket, "该单号已支付")
    if not all(ended(c) for c in ticket.charges):
        return busy(desk, asked, ticket.his_id, now, ticket.stored.at if ticket.stored else None)
    if ticket.charges[-1].key.try_ > getattr(asked.request, "try_", 1):
        return conflict(desk, asked, ticket, "该单号已有更晚的收款")
    return None


def _desk_refusal(desk: Desk, asked: Asked, now: Moment) -> Step | None:
    if desk.seat:
        return busy(desk, asked, desk.seat.ticket.his_id, now)
    if desk.closing:
        return error(desk, asked, ErrorCode.OFFLINE, "扫码墩正在关机", reason="wallet")
    if not desk.health.clock_sane:
        return error(desk, asked, ErrorCode.CLOCK_NOT_SET, "时间未校准，暂不能收款")
    if not desk.health.vpn_up:
        return error(desk, asked, ErrorCode.OFFLINE, "VPN 未连接", reason="vpn")
    return None


def _seat(desk: Desk, asked: Asked, now: Moment) -> Step:
    """Take the amount to the desk and see who can be reached before it is shown."""
    pay = asked.request
    assert isinstance(pay, Pay)
    charge = charge_from(desk, pay)
    ticket = put_charge(asked.ticket or Ticket(pay.business_date, pay.id), charge)
    seat = Seat(
        ticket=ticket,
        phase=Phase.CHECKING,
        asker=Asker(asked.connection, asked.re),
        since_s=now.mono_s,
        ttl_left_s=charge.ttl_s,
        masked_name=masked(pay.patient_name),
        his_code=pay.auth_code,
        taken=asked.found.taken(pay.try_) if asked.found else 0,
    )
    wallets = frozenset({pay.wallet}) if pay.wallet else desk.health.configured
    seated = replace(desk, seat=seat, owner=asked.connection, result=None)
    return seated, (CheckChannels(charge.key, wallets),)


def charge_from(desk: Desk, pay: Pay) -> Charge:
    """The charge that a `pay` asks for."""
    return Charge(
        key=ChargeKey(pay.business_date, pay.id, pay.try_),
        amount_fen=pay.amount_fen,
        business=pay.business,
        department=pay.department,
        operator=pay.operator,
        title=pay.title or BUSINESS_NAMES[pay.business],
        wallet=pay.wallet,
        patient_hash=_patient(desk, pay),
        ttl_s=pay.ttl_s or desk.settings.ttl_s,
        form=pay.form,
        booking=BookingState.WANTED if pay.confirm else BookingState.NONE,
    )


def on_checked(desk: Desk, event: Checked, now: Moment) -> Step:
    """Show the amount, or say that nobody can be reached."""
    seat = desk.seat
    if not seat or seat.charge.key != event.key or seat.phase is not Phase.CHECKING:
        return desk, ()
    if not event.reachable:
        return _unreachable(desk, seat, now)
    armed = replace(
        seat, phase=Phase.ARMED, wallets=event.reachable, ticking_since_s=now.mono_s, his_code=""
    )
    seated = replace(desk, seat=armed)
    take = (TakeHisCode(event.key, seat.his_code),) if seat.his_code else ()
    return seated, (Defer((PutCharge(seat.charge),)), *progress(seated, "armed"), *take)


def _unreachable(desk: Desk, seat: Seat, now: Moment) -> Step:
    """`offline`, by name: a wallet that is not verified is another matter than a dead line."""
    wanted = frozenset({seat.charge.wallet}) if seat.charge.wallet else desk.health.configured
    reason = "wallet" if wanted & desk.health.verified else "channel_not_verified"
    if seat.ticket.stored and answer_for(seat.ticket, seat.charge.key.try_):
        return finish_unpaid(desk, Reason.OFFLINE, now)  # a `query` was answered meanwhile
    message = "网络不通，暂不能收款" if reason == "wallet" else "支付通道未通过校验"
    his_id, asker = seat.ticket.his_id, seat.asker
    reply = ErrorReply(code=ErrorCode.OFFLINE, message=message, id=his_id, reason=reason)
    if not asker:  # its connection closed meanwhile: nobody is asking any more
        return replace(desk, seat=None), ()
    shown = (OfflineScreen(reason), now.mono_s + RESULT_STAYS_S)
    return replace(desk, seat=None, result=shown), (Tell(asker.connection, reply, asker.re),)


def not_known(desk: Desk, asked: Asked, now: Moment) -> Step:
    """`offline`: a wallet cannot say what it holds of an id that a young journal lacks (§1.9)."""
    unproven = desk.health.configured - desk.health.verified
    reason = "channel_not_verified" if unproven else "wallet"
    shown = (OfflineScreen(reason), now.mono_s + RESULT_STAYS_S)
    dark = replace(desk, result=shown) if isinstance(asked.request, Pay) else desk
    message = "暂时无法核实该单号，请稍后再试"
    return error(dark, asked, ErrorCode.OFFLINE, message, reason=reason)


# ---------------------------------------------------------------- the attempt's arrows


def advance(
    desk: Desk,
    attempt: Attempt,
    now: Moment,
    *,
    more: tuple[Effect, ...] = (),
    order: PutOrder | None = None,
) -> Step:
    """Store the seat's attempt after an arrow, tell whom it concerns, keep or leave the seat.

    `more` happens right after the commit, `order` is a new order number's row.
    """
    seat = desk.seat
    assert seat
    before = seat.ticket
    charge = with_attempt(seat.charge, attempt)
    ticket, change = attempt_change(desk.settings, before, charge, attempt, now)
    kept = _after_arrow(desk, seat, ticket, attempt, now)
    told, tells = announce(kept, ticket, before, seat.asker, now)
    if any(isinstance(t, Tell) for t in tells) and told.seat:
        told = replace(told, seat=replace(told.seat, asker=None))
    rows = (change[0], order, *change[1:]) if order else change
    effects = (Commit(rows), *more, *tells, *pursue(charge, attempt))
    return told, (*effects, *_progress(told, attempt))


def pursue(charge: Charge, attempt: Attempt) -> tuple[Effect, ...]:
    """Hand the attempt to recovery while it is open or may still be paid late."""
    care = OPEN_STATES - {AttemptState.INTENDED}
    return (Pursue(charge.key, attempt),) if attempt.state in care or attempt.watch_due else ()


PROGRESS = {
    AttemptState.INTENDED: "paying",
    AttemptState.WAITING: "password",
    AttemptState.UNKNOWN: "querying",
    AttemptState.REVERSING: "reversing",
    AttemptState.FAILED: "declined",
}


def _progress(desk: Desk, attempt: Attempt) -> tuple[Effect, ...]:
    word = PROGRESS.get(attempt.state)
    return progress(desk, word) if word else ()


def _after_arrow(desk: Desk, seat: Seat, ticket: Ticket, attempt: Attempt, now: Moment) -> Desk:
    """Under way: stay. Declined with time left: armed again. Else the desk is free."""
    kept = replace(seat, ticket=ticket, hint=None)
    if attempt.state in UNDER_WAY:
        left = seat.ttl_left(now.mono_s)
        sent_s = seat.sent_s if seat.phase is Phase.UNDER_WAY else now.mono_s
        busy_seat = replace(
            kept, phase=Phase.UNDER_WAY, ttl_left_s=left, ticking_since_s=None, sent_s=sent_s
        )
        return replace(desk, seat=busy_seat)
    if kept.charge.state is ChargeState.OPEN and attempt.state is AttemptState.FAILED:
        again = replace(
            kept,
            phase=Phase.ARMED,
            ticking_since_s=now.mono_s,
            drawn_s=None,
            declined=attempt.reason,
        )
        return replace(desk, seat=again)
    return replace(desk, seat=None, result=outcome_screen(kept.charge, attempt, now))


def finish_unpaid(desk: Desk, reason: Reason, now: Moment) -> Step:
    """End the armed charge without an attempt under way: cancelled, expired, offline."""
    freed, effects, _ = _finish(desk, reason, now)
    return freed, effects


def _finish(desk: Desk, reason: Reason, now: Moment) -> tuple[Desk, tuple[Effect, ...], Ticket]:
    seat = desk.seat
    assert seat
    assert not attempt_under_way(seat.charge)
    charge = replace(seat.charge, state=ChargeState.NOT_PAID, reason=reason)
    ticket, change = charge_change(desk.settings, seat.ticket, charge, now)
    freed = replace(desk, seat=None, result=outcome_screen(charge, None, now))
    told, tells = announce(freed, ticket, seat.ticket, seat.asker, now)
    return told, (Commit(change), *tells), ticket
