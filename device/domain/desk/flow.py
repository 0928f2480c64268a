"""`step`: the desk takes one event at a time. The table says who answers for what."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from device.domain.desk import (
    adopt,
    answering,
    boot,
    cancel,
    collect,
    confirm,
    deliver,
    due,
    give_back,
    instruct,
    local_view,
    one_way,
    recall,
    reported,
    scan,
    unbooked,
)
from device.domain.desk.effects import (
    Probe,
    Step,
    Tell,
    TellHello,
    TellStatus,
    TellSummary,
)
from device.domain.desk.events import (
    Acknowledged,
    Asked,
    BookingOverdue,
    Booted,
    ButtonHeld,
    ButtonPressed,
    Checked,
    Closing,
    Concluded,
    Connection,
    DeskEvent,
    DiskGood,
    Drawn,
    Elsewhere,
    Garbled,
    HealthChanged,
    Instructed,
    LineSaid,
    PayAnswered,
    Recalled,
    RefundReported,
    Reported,
    Scanned,
    SumTold,
    Tick,
)
from device.domain.desk.model import Desk, Notice, Phase
from device.domain.desk.young import wanted
from device.domain.record import Moment
from device.domain.replies import ErrorReply
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Last,
    Pay,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Reverse,
    Show,
    Status,
    Summary,
)
from device.domain.words import ErrorCode, Reason


def step(desk: Desk, event: DeskEvent, now: Moment) -> Step:
    """Return the desk after the event and what it wants done, in order."""
    after, effects = EVENTS[type(event)](desk, event, now)
    noted = unbooked.timed(one_way.noted(desk, after, now), now)
    return local_view.yielded(desk, noted), effects


MOVING = frozenset({Pay, Reverse, RefundRequest})
"""With nothing at the desk it goes to whoever sends one of these (his-link §3.12)."""
OWNERS = MOVING | {Cancel, Confirm, Show}
"""While a charge is at the desk only its owner may send these."""


def _on_asked(desk: Desk, asked: Asked, now: Moment) -> Step:
    kind = type(asked.request)
    theirs = desk.owner not in {None, asked.connection}
    if theirs and asked.owner_silent:
        assert desk.owner is not None
        desk, theirs = _left(desk, desk.owner), False
    if desk.seat and theirs and kind in OWNERS:
        return answering.busy(desk, asked, desk.seat.ticket.his_id, now)
    if desk.owner is None:  # the owner is gone: the first to speak gets what is undelivered
        return _succeed(desk, asked, now)
    if desk.seat is None and kind in MOVING:
        desk = replace(desk, owner=asked.connection)
    return _request(desk, asked, now)


def _request(desk: Desk, asked: Asked, now: Moment) -> Step:
    """Answer; what a young journal does not know is asked for and adopted first (§1.9)."""
    kind = type(asked.request)
    if asked.found is None:
        plan = wanted(asked)
        if plan and kind is not Pay:  # a `pay` may be refused before anybody is asked
            return desk, (Probe(asked, plan),)
        return REQUESTS[kind](desk, asked, now)
    taken = adopt.take(desk, asked, now)
    if taken is None:
        return collect.not_known(desk, asked, now)
    desk, asked, effects = taken
    told, more = REQUESTS[kind](desk, asked, now)
    return told, (*effects, *more)


def _succeed(desk: Desk, asked: Asked, now: Moment) -> Step:
    owned = deliver.anew(replace(desk, owner=asked.connection), now)
    answered, effects = _request(owned, asked, now)
    told, offers = deliver.offer_due(answered, now)
    return told, (*effects, *offers)


def _on_hello(desk: Desk, asked: Asked, _: Moment) -> Step:
    return desk, (TellHello(asked.connection, asked.re),)


def _on_status(desk: Desk, asked: Asked, _: Moment) -> Step:
    return desk, (TellStatus(asked.connection, asked.re),)


def _on_received(desk: Desk, asked: Asked, _: Moment) -> Step:
    request, ticket = asked.request, asked.ticket
    assert isinstance(request, Received)
    undated = desk.settings.daily_ids and not request.business_date
    if undated and not (ticket and ticket.refund):  # ids of refunds never restart (§3.10)
        return deliver.error(desk, asked, ErrorCode.BAD_MESSAGE, "缺少 business_date")
    date = ticket.business_date if ticket else request.business_date
    return deliver.received(desk, (date, request.id), request.revision)


def _on_last(desk: Desk, asked: Asked, _: Moment) -> Step:
    if not asked.last:
        reply = ErrorReply(code=ErrorCode.NOT_FOUND, message="还没有收款记录")
        return desk, (Tell(asked.connection, reply, asked.re),)
    return desk, (Tell(asked.connection, asked.last.answer, asked.re),)


def _on_summary(desk: Desk, asked: Asked, _: Moment) -> Step:
    assert isinstance(asked.request, Summary)
    return desk, (TellSummary(asked.connection, asked.re, asked.request),)


def _on_show(desk: Desk, asked: Asked, now: Moment) -> Step:
    """A text for the patient; it has no answer, and it never stands before an amount."""
    show = asked.request
    assert isinstance(show, Show)
    notice = Notice(show.lines, now.mono_s + show.seconds) if show.lines else None
    return replace(desk, notice=notice), ()


def _on_connection(desk: Desk, event: Connection, now: Moment) -> Step:
    if event.opened:
        if desk.owner is not None:
            return desk, ()
        owned = deliver.anew(replace(desk, owner=event.connection), now)
        return deliver.offer_due(owned, now)
    return _left(desk, event.connection), ()


def _left(desk: Desk, connection: int) -> Desk:
    """Nobody waits for an answer on this connection any more, and it does not have the desk."""
    askers = {k: v for k, v in desk.askers.items() if v[0].connection != connection}
    seat = desk.seat
    if seat and seat.asker and seat.asker.connection == connection:
        seat = replace(seat, asker=None)
    owner = None if desk.owner == connection else desk.owner
    return replace(desk, seat=seat, askers=askers, owner=owner)


def _on_drawn(desk: Desk, event: Drawn, _: Moment) -> Step:
    seat = desk.seat
    if not seat or seat.charge.key != event.key or seat.drawn_s is not None:
        return desk, ()
    return replace(desk, seat=replace(seat, drawn_s=event.at_s)), ()


def _on_health(desk: Desk, event: HealthChanged, _: Moment) -> Step:
    return replace(desk, health=event.health), ()


def _on_disk_good(desk: Desk, event: DiskGood, now: Moment) -> Step:
    """Tell what is durable now; a code is taken only after the amount is on the glass again."""
    seat = desk.seat
    if seat and seat.phase is Phase.ARMED:
        desk = replace(desk, seat=replace(seat, drawn_s=None))
    return deliver.offer_due(deliver.renewed(desk, event.newest, now), now)


def _on_closing(desk: Desk, _: Closing, now: Moment) -> Step:
    closing = replace(desk, closing=True)
    seat = desk.seat
    if seat and seat.phase is not Phase.UNDER_WAY:
        return collect.finish_unpaid(closing, Reason.RESTARTED, now)
    return closing, ()


Handler = Callable[[Desk, Any, Moment], Step]

EVENTS: dict[type[Any], Handler] = {
    Asked: _on_asked,
    Connection: _on_connection,
    Acknowledged: unbooked.on_acknowledged,
    BookingOverdue: confirm.on_overdue,
    Checked: one_way.on_checked,
    Drawn: _on_drawn,
    Scanned: scan.on_scanned,
    Garbled: scan.on_garbled,
    ButtonPressed: lambda desk, _, now: local_view.on_button(desk, now),
    ButtonHeld: local_view.on_button_held,
    LineSaid: one_way.on_line_said,
    PayAnswered: scan.on_pay_answered,
    Reported: reported.on_reported,
    RefundReported: reported.on_refund_reported,
    Elsewhere: reported.on_elsewhere,
    Booted: boot.on_booted,
    HealthChanged: _on_health,
    DiskGood: _on_disk_good,
    Instructed: instruct.on_instructed,
    Concluded: instruct.on_concluded,
    Recalled: recall.on_recalled,
    SumTold: instruct.on_sum_told,
    Tick: due.on_tick,
    Closing: _on_closing,
}
REQUESTS: dict[type[Any], Handler] = {
    Hello: _on_hello,
    Pay: collect.on_pay,
    Cancel: cancel.on_cancel,
    Query: answering.on_query,
    Confirm: confirm.on_confirm,
    Received: _on_received,
    Reverse: give_back.on_reverse,
    RefundRequest: give_back.on_refund,
    RefundQuery: give_back.on_refund_query,
    Last: _on_last,
    Summary: _on_summary,
    Show: _on_show,
    Status: _on_status,
}
