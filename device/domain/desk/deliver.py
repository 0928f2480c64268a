"""Telling the HIS, until it is known to know (his-link §3.6).

An answer is an offer until `received`, or a `query`/`pay` answered with it. Offers go out after a
reconnect, after a boot and every 30 s while the link is up, ten times. While a charge is at the
desk, only frames about that id are sent unasked.

A HIS that never says `received` leaves a new answer with each refund, for years. All at once
would be more than a connection may have waiting, and it would be closed for that, again and again.
So they leave in portions: what was told least goes first, then what is newest.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from device.domain.answers import answers, iso
from device.domain.desk.effects import Defer, Effect, Step, Tell
from device.domain.desk.events import Asked
from device.domain.desk.model import (
    OFFERS,
    OFFERS_AT_ONCE,
    OFFERS_REST_S,
    Asker,
    Desk,
    Id,
    Offer,
    Settings,
    Subject,
)
from device.domain.desk.unbooked import heard, noted
from device.domain.record import Delivered, Moment, Stored, Ticket
from device.domain.refund import OPEN_REFUNDS, RefundKind
from device.domain.replies import Answer, ErrorReply, HelloOk, Progress
from device.domain.requests import Cancel, Confirm
from device.domain.verdict import ended, is_unbooked
from device.domain.words import ErrorCode

HELLO_IDS = 500  # of a list; at their longest both fit into a connection's queue


def announce(
    desk: Desk, ticket: Ticket, before: Ticket | None, asker: Asker | None, now: Moment
) -> Step:
    """Push the ticket's newest answer if it is new and of the kind that is offered."""
    desk, stored = at_desk(desk, ticket), ticket.stored
    if not stored or (before and before.revision == ticket.revision):
        return desk, ()
    if desk.settings.one_way:  # nobody hears it: nothing is left to deliver
        return received(desk, ticket.id, stored.answer.revision)
    key = subject(ticket.business_date, stored.answer)
    if not stored.offer:  # what is no longer so is not offered on
        return replace(desk, offers={k: o for k, o in desk.offers.items() if k != key}), ()
    offer = Offer(stored.answer, ticket.business_date, 0, now.mono_s)
    offered = replace(desk, offers={**desk.offers, key: offer})
    return _send(offered, key, offer, asker, now)


def at_desk(desk: Desk, ticket: Ticket) -> Desk:
    """Tell the desk of a ticket's news: an earlier try may move while the next is collected.

    The next revision is counted from the seat's ticket, and none is used twice (his-link §3.2).
    """
    desk = noted(desk, ticket)
    if desk.seat is None or desk.seat.ticket.id != ticket.id:
        return desk
    return replace(desk, seat=replace(desk.seat, ticket=ticket))


def _send(desk: Desk, key: Subject, offer: Offer, asker: Asker | None, now: Moment) -> Step:
    connection = asker.connection if asker else desk.owner
    asked = asker is not None  # an answer is no unasked frame: the seat does not hold it back
    if connection is None or not (asked or _may_speak(desk, key)):
        return desk, ()
    later = replace(offer, sent=offer.sent + 1, next_s=now.mono_s + desk.settings.redeliver_s)
    tell = Tell(connection, offer.answer, asker.re if asker else None)
    return replace(desk, offers={**desk.offers, key: later}), (tell,)


def _may_speak(desk: Desk, key: Subject) -> bool:
    return desk.seat is None or desk.seat.ticket.id == key[:2]


def anew(desk: Desk, now: Moment) -> Desk:
    """After a reconnect everything is due, and counts from the start."""
    offers = {k: replace(o, sent=0, next_s=now.mono_s) for k, o in desk.offers.items()}
    return replace(desk, offers=offers, offers_from_s=now.mono_s)


def offer_due(desk: Desk, now: Moment) -> Step:
    """Send what is due, a portion of it."""
    if desk.owner is None or now.mono_s < desk.offers_from_s:
        return desk, ()
    due = [k for k, o in desk.offers.items() if _is_left(desk, k, o) and o.next_s <= now.mono_s]
    by_turn = sorted(range(len(due)), key=lambda n: (desk.offers[due[n]].sent, -n))
    portion = [due[n] for n in sorted(by_turn[:OFFERS_AT_ONCE])]
    effects: list[Effect] = []
    for key in portion:
        desk, sent = _send(desk, key, desk.offers[key], None, now)
        effects += sent
    if len(due) > len(portion):
        desk = replace(desk, offers_from_s=now.mono_s + OFFERS_REST_S)
    return desk, tuple(effects)


def _is_left(desk: Desk, key: Subject, offer: Offer) -> bool:
    return offer.sent < OFFERS and _may_speak(desk, key)


def next_offer_s(desk: Desk) -> float | None:
    """When the next offer is due, if anyone is there to hear it."""
    if desk.owner is None:
        return None
    due = [o.next_s for k, o in desk.offers.items() if _is_left(desk, k, o)]
    return max(min(due), desk.offers_from_s) if due else None


def restore(desk: Desk, undelivered: tuple[Stored, ...], now: Moment) -> Desk:
    """Offer again, after a boot, what was not delivered."""
    return replace(desk, offers={**_offers(undelivered, now), **desk.offers})


def renewed(desk: Desk, newest: tuple[Stored, ...], now: Moment) -> Desk:
    """Offer these at once, whatever was said of them before."""
    offers = {**desk.offers, **_offers(newest, now)}
    return replace(desk, offers=offers, offers_from_s=now.mono_s)


def _offers(stored: tuple[Stored, ...], now: Moment) -> dict[Subject, Offer]:
    return {
        subject(s.business_date, s.answer): Offer(s.answer, s.business_date, 0, now.mono_s)
        for s in stored
        if s.offer
    }


def received(desk: Desk, key: Id, revision: int) -> Step:
    """Note that the HIS has this revision: of one try, and it says nothing about another."""
    desk = heard(desk, key, revision)
    offers = {k: o for k, o in desk.offers.items() if k[:2] != key or o.answer.revision != revision}
    note = Defer((Delivered(key[0], key[1], revision),))
    return replace(desk, offers=offers), (note,)


def answer_with(desk: Desk, asked: Asked, ticket: Ticket, answer: Answer) -> Step:
    """Answer with a stored answer; to `pay`, `query` and `refund_query` that delivers it (§3.6)."""
    if isinstance(asked.request, (Cancel, Confirm)):
        return desk, (Tell(asked.connection, answer, asked.re),)
    known, notes = received(desk, ticket.id, answer.revision)
    already = any(s.answer is answer and s.delivered for s in answers(ticket))
    return known, (() if already else notes) + (Tell(asked.connection, answer, asked.re),)


def error(desk: Desk, asked: Asked, code: ErrorCode, message: str, **more: object) -> Step:
    """Answer that this request changed nothing."""
    his_id = getattr(asked.request, "id", "")
    reply = ErrorReply(code=code, message=message, id=his_id, **more)  # type: ignore[arg-type]
    return desk, (Tell(asked.connection, reply, asked.re),)


def progress(desk: Desk, state: str) -> tuple[Effect, ...]:
    """A `progress` message about the charge at the desk, where the site wants them."""
    seat = desk.seat
    if not desk.settings.progress or seat is None or desk.owner is None:
        return ()
    wallet = seat.attempt.wallet.value if seat.attempt else ""
    return (Tell(desk.owner, Progress(seat.ticket.his_id, state, wallet, seat.charge.form)),)


def hello_ok(
    settings: Settings, unsettled: Sequence[Ticket], undelivered: Sequence[Stored], now: datetime
) -> HelloOk:
    """The answer to `hello`: what may still change, and what the HIS has not confirmed.

    Of each the newest `HELLO_IDS`: more than a connection may have waiting would close it.
    """
    still = [t for t in unsettled if _is_unsettled(t)][-HELLO_IDS:]
    return HelloOk(
        box=settings.box_id,
        desk=settings.desk,
        time=iso(now),
        unsettled=tuple(_entry(settings, t.id, _newest_try(t)) for t in still),
        undelivered=tuple(
            _entry(settings, (s.business_date, s.answer.id), getattr(s.answer, "try_", 1))
            for s in undelivered[-HELLO_IDS:]
        ),
    )


def _is_unsettled(ticket: Ticket) -> bool:
    """Whether the HIS may still be told something else; a watched order has been answered."""
    refund = ticket.refund
    if refund:
        asked = refund.kind is not RefundKind.OWN and not refund.do_id
        return asked and refund.state in OPEN_REFUNDS
    return not all(ended(c) and not is_unbooked(c) for c in ticket.charges)


def _newest_try(ticket: Ticket) -> int:
    return ticket.charges[-1].key.try_ if ticket.charges else 1


def _entry(settings: Settings, id_: Id, try_: int) -> str | dict[str, object]:
    """An id in `hello_ok`; where ids restart daily it carries try and date (his-link §3.2)."""
    business_date, his_id = id_
    if not settings.daily_ids:
        return his_id
    return {"id": his_id, "try": try_, "business_date": business_date}


def subject(business_date: str, answer: Answer) -> Subject:
    """What an answer is about."""
    return business_date, answer.id, getattr(answer, "try_", 0)
