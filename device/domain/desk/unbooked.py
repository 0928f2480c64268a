"""How long an offer has been without a word of the HIS (his-link §3.8).

The time counts only while the link is up and the offer was acknowledged, and anew after a boot: a
cable that was pulled out must not raise the alarm, and a HIS that never heard of the payment cannot
be late with its booking. What is overdue is brought back with its ticket, to be *held*.
"""

from dataclasses import replace

from device.domain.answers import answer_for, standing
from device.domain.booking import BookingState
from device.domain.charge import Charge, ChargeKey
from device.domain.desk.effects import Remind, Step
from device.domain.desk.events import Acknowledged
from device.domain.desk.model import Desk, Id, Unbooked
from device.domain.record import Moment, Ticket
from device.domain.replies import Result

AGAIN_S = 5.0  # should the reminder be lost to a failing disk


def noted(desk: Desk, ticket: Ticket) -> Desk:
    """Take up this id's offers as they stand now, and forget those that are answered."""
    entries = {c.key: entry for c in ticket.charges if (entry := _entry(desk, ticket, c))}
    if not entries and not desk.unbooked:
        return desk
    of_others = {k: v for k, v in desk.unbooked.items() if _id(k) != ticket.id}
    return replace(desk, unbooked={**of_others, **entries})


def _entry(desk: Desk, ticket: Ticket, charge: Charge) -> Unbooked | None:
    stored = answer_for(ticket, charge.key.try_)
    offered = charge.booking is BookingState.OFFERED and standing(charge)[0] == "paid"
    if not offered or not stored:
        return None
    known = desk.unbooked.get(charge.key)
    if known:
        return replace(known, revision=stored.answer.revision)
    wait_s = desk.settings.confirm_wait_s
    return Unbooked(stored.answer.revision, wait_s, heard=stored.delivered)


def heard(desk: Desk, id_: Id, revision: int) -> Desk:
    """The HIS has this revision of the id: its time runs for every offer up to it."""
    changed = {
        key: replace(one, heard=True)
        for key, one in desk.unbooked.items()
        if _id(key) == id_ and one.revision <= revision
    }
    return replace(desk, unbooked={**desk.unbooked, **changed}) if changed else desk


def on_acknowledged(desk: Desk, event: Acknowledged, _: Moment) -> Step:
    """The HIS's link has an answer."""
    answer = event.answer
    if not isinstance(answer, Result) or answer.status != "paid":
        return desk, ()
    return heard(desk, (answer.business_date, answer.id), answer.revision), ()


def timed(desk: Desk, now: Moment) -> Desk:
    """Let the time of every offer run or stand still, as the link now is."""
    if not desk.unbooked:
        return desk
    link_up = desk.owner is not None
    entries = {k: _timed(v, now.mono_s, runs=link_up and v.heard) for k, v in desk.unbooked.items()}
    return desk if entries == desk.unbooked else replace(desk, unbooked=entries)


def _timed(one: Unbooked, now_s: float, *, runs: bool) -> Unbooked:
    if runs:
        return one if one.since_s is not None else replace(one, since_s=now_s)
    if one.since_s is None:
        return one
    return replace(one, since_s=None, left_s=one.left_s - (now_s - one.since_s))


def remind(desk: Desk, now: Moment) -> Step:
    """Bring back what is overdue."""
    due = [k for k, v in desk.unbooked.items() if _due_s(v) <= now.mono_s]
    if not due:
        return desk, ()
    later = {k: replace(desk.unbooked[k], left_s=AGAIN_S, since_s=now.mono_s) for k in due}
    reminded = replace(desk, unbooked={**desk.unbooked, **later})
    return reminded, tuple(Remind(key) for key in due)


def next_due_s(desk: Desk) -> float | None:
    """When the next offer is overdue, None if no time runs."""
    due = min((_due_s(v) for v in desk.unbooked.values()), default=NEVER)
    return None if due == NEVER else due


NEVER = float("inf")


def _due_s(one: Unbooked) -> float:
    return NEVER if one.since_s is None else one.since_s + one.left_s


def _id(key: ChargeKey) -> Id:
    return key.business_date, key.his_id
