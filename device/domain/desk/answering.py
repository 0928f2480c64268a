"""Answering a request from what is known of the id: as it stands, `busy` or `conflict`."""

from datetime import datetime

from device.domain.answers import answer_for, answers, iso, renew, standing
from device.domain.charge import Charge
from device.domain.desk.deliver import answer_with, at_desk, error
from device.domain.desk.effects import Commit, Step
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk
from device.domain.desk.rows import named
from device.domain.record import Moment, PutCharge, Ticket
from device.domain.words import ErrorCode


def on_query(desk: Desk, asked: Asked, now: Moment) -> Step:
    """The newest result of the id, or of the try it names."""
    charge = named(asked.ticket, getattr(asked.request, "try_", None))
    if not asked.ticket or not charge:
        return error(desk, asked, ErrorCode.NOT_FOUND, "没有这个单号")
    return answer_now(desk, asked, asked.ticket, charge, now)


def answer_now(desk: Desk, asked: Asked, ticket: Ticket, charge: Charge, now: Moment) -> Step:
    """Answer with the charge as it stands; what was never stored is stored first (M14)."""
    renewed, put = renew(ticket, now, charge)
    desk = at_desk(desk, renewed)
    stored = answer_for(renewed, charge.key.try_)
    assert stored
    commit = (Commit((PutCharge(charge), *put)),) if put else ()
    answered, tells = answer_with(desk, asked, renewed, stored.answer)
    return answered, (*commit, *tells)


def busy(
    desk: Desk,
    asked: Asked,
    blocking_id: str,
    now: Moment,
    since: datetime | None = None,
) -> Step:
    """Answer that another charge or task stands in the way, and for how long.

    `since`: of a refund, when it was asked for; of a charge in the background, when its newest
    answer was given.
    """
    age_s = None
    if desk.seat and desk.seat.ticket.his_id == blocking_id:
        age_s = int(now.mono_s - desk.seat.since_s)
    elif since:
        age_s = max(0, int((now.wall - since).total_seconds()))  # the clock may have been set back
    return error(
        desk, asked, ErrorCode.BUSY, "上一笔尚未结束", blocking_id=blocking_id, age_s=age_s
    )


def conflict(desk: Desk, asked: Asked, ticket: Ticket, message: str) -> Step:
    """Answer that this id is something else already, and what (his-link §2)."""
    answer = ticket.stored.answer if ticket.stored else None
    status = standing(ticket.charges[-1])[0] if ticket.charges else getattr(answer, "status", "")
    number = getattr(answer, "out_trade_no", "")
    seen = iso(min((s.at for s in answers(ticket)), default=None))
    return error(
        desk,
        asked,
        ErrorCode.CONFLICT,
        message,
        first_seen=seen,
        status=status,
        out_trade_no=number,
    )
