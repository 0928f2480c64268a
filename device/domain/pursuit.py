"""What to ask the provider next about an attempt, and what its answer means (payment-states).

Pure: `next_call` looks at the attempt (durable) and the trail (this process's memory of what it
asked), and says what to do and when. After a boot the trail starts anew, so all times do too.

Waiting and unknown: query, again and again, until the deadline; the last query that does not say
paid leads to reversing, and the reverse is the very next request. Reversing: query, reverse, query
to confirm; what disagrees backs off and starts over (M8: a reverse always follows a query).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from device.domain.desk.scan import paid_facts
from device.domain.outcome import (
    Accepted,
    Closed,
    Contradiction,
    Missing,
    Open,
    Paid,
    PayFailed,
    QueryOutcome,
    Refused,
    Returned,
    ReverseOutcome,
    Unknown,
    WindowOver,
)
from device.domain.payment import (
    CONTRADICTIONS_BEFORE_REVERSE,
    NO_FACTS,
    Attempt,
    AttemptEvent,
    AttemptState,
    Facts,
)

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # between reverses; the last repeats
WATCH_S = (60.0, 300.0, 1800.0, 86400.0)  # after the end of an order once called missing
WATCH_RETRY_S = 30.0  # a watch query that got no information does not count
ALARM_AFTER_S = 300.0  # reversing this long calls a person, and goes on


@dataclass(frozen=True, slots=True)
class Times:
    """The waits of payment-states §3 for one wallet, in seconds."""

    first_query: float
    doubt_query: float
    poll: float
    wait: float
    """From the first send to the last query."""
    reverse_not_before: float


class Phase(StrEnum):
    """Where a reversing attempt is in its round."""

    ASK = "ask"  # query first
    FIRE = "fire"  # a query was the last request: reverse now
    CONFIRM = "confirm"  # the reverse was taken on: query


class Call(StrEnum):
    """What recovery does next."""

    QUERY = "query"
    LAST_QUERY = "last_query"
    REVERSE = "reverse"
    WATCH_QUERY = "watch_query"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Trail:
    """What this process asked so far."""

    started_s: float
    """The pay call's start, or ready after a boot."""
    left_s: float = 0.0
    """By when the pay's last byte had left: the call's end. A slow connect is no part of the 15 s
    that a reverse waits (M8)."""
    ended_s: float | None = None
    """When it ended; the watch counts from there, after a boot from ready."""
    asked_s: float | None = None
    phase: Phase = Phase.ASK
    due_s: float = 0.0
    """Not before this (back-off)."""
    rounds: int = 0
    """Reverses sent, for the back-off."""
    said_paid: bool = False
    """The last query said paid."""
    missing: bool = False
    """The last reverse said that there is no such order."""


Plan = tuple[Call, float]
"""What, and at which monotonic time."""


def next_call(attempt: Attempt, trail: Trail, times: Times) -> Plan:
    """Return the next call and when it is due; NOTHING when recovery is done with it."""
    if attempt.state in {AttemptState.WAITING, AttemptState.UNKNOWN}:
        return _ask(attempt, trail, times)
    if attempt.state is AttemptState.REVERSING:
        return _reverse(trail, times)
    if attempt.watch_due:
        since = trail.started_s if trail.ended_s is None else trail.ended_s
        return Call.WATCH_QUERY, max(since + WATCH_S[attempt.watched], trail.due_s)
    return Call.NOTHING, 0.0


def _reverse_allowed_s(trail: Trail, times: Times) -> float:
    return max(trail.started_s, trail.left_s) + times.reverse_not_before


def _ask(attempt: Attempt, trail: Trail, times: Times) -> Plan:
    allowed = _reverse_allowed_s(trail, times)
    deadline = max(trail.started_s + times.wait, allowed)
    if attempt.cancel_wish:
        return Call.LAST_QUERY, allowed
    waiting = attempt.state is AttemptState.WAITING
    first = trail.started_s + (times.first_query if waiting else times.doubt_query)
    due = first if trail.asked_s is None else trail.asked_s + times.poll
    return (Call.QUERY, due) if due < deadline else (Call.LAST_QUERY, deadline)


def _reverse(trail: Trail, times: Times) -> Plan:
    allowed = _reverse_allowed_s(trail, times)
    if trail.phase is Phase.FIRE and (trail.asked_s or 0.0) >= allowed:
        return Call.REVERSE, allowed
    if trail.phase is Phase.CONFIRM:
        return Call.QUERY, trail.due_s
    return Call.QUERY, max(allowed, trail.due_s)


Heard = tuple[Trail, tuple[tuple[AttemptEvent, Facts], ...]]
"""The trail, and the events that follow, in order."""


def heard_query(
    attempt: Attempt, trail: Trail, call: Call, outcome: QueryOutcome, now_s: float
) -> Heard:
    """What a query's answer means for this attempt."""
    asked = replace(trail, asked_s=now_s, said_paid=_is_paid(outcome))
    if attempt.state is AttemptState.REVERSING:
        return _heard_reversing(asked, outcome, now_s)
    if call is Call.WATCH_QUERY:
        return _heard_watch(asked, outcome, now_s)
    events = _words(outcome)
    if call is Call.LAST_QUERY and not _decides(attempt, events):
        events = (*events, (AttemptEvent.DEADLINE, NO_FACTS))
    fresh = replace(asked, phase=Phase.FIRE, rounds=0, due_s=0.0, ended_s=now_s)
    return fresh if _left(outcome) else _back_off(fresh, now_s), events


def _left(outcome: QueryOutcome) -> bool:
    """Whether the question left the box: a reverse follows only a query that did (M8)."""
    return not isinstance(outcome, Unknown) or outcome.sent


DECIDING = frozenset({AttemptEvent.PAID, AttemptEvent.CLOSED, AttemptEvent.PAY_FAILED})


def _decides(attempt: Attempt, events: tuple[tuple[AttemptEvent, Facts], ...]) -> bool:
    """Whether the attempt leaves waiting or unknown by these alone: no deadline is taken then."""
    twice = attempt.contradictions + 1 >= CONTRADICTIONS_BEFORE_REVERSE
    deciding = DECIDING | ({AttemptEvent.CONTRADICTION} if twice else set())
    return any(event in deciding for event, _ in events)


def _words(outcome: QueryOutcome) -> tuple[tuple[AttemptEvent, Facts], ...]:
    """The table's event for a query while waiting or unknown."""
    if isinstance(outcome, Paid):
        return ((AttemptEvent.PAID, paid_facts(outcome)),)
    if isinstance(outcome, Returned):  # paid, and the money already went back: it does not count
        return ((AttemptEvent.PAY_FAILED, replace(paid_facts(outcome.paid), detail="REFUND")),)
    if isinstance(outcome, Contradiction):
        return ((AttemptEvent.CONTRADICTION, Facts(detail=outcome.what)),)
    if isinstance(outcome, Open):
        event = AttemptEvent.CONFIRMING if outcome.confirming else AttemptEvent.OPEN
        return ((event, NO_FACTS),)
    return WORDS.get(type(outcome), ())


WORDS: dict[type[QueryOutcome], tuple[tuple[AttemptEvent, Facts], ...]] = {
    Closed: ((AttemptEvent.CLOSED, NO_FACTS),),
    PayFailed: ((AttemptEvent.PAY_FAILED, NO_FACTS),),
    Missing: ((AttemptEvent.MISSING, NO_FACTS),),
    Unknown: (),
}


def _is_paid(outcome: QueryOutcome) -> bool:
    return isinstance(outcome, (Paid, Returned))


def _heard_reversing(trail: Trail, outcome: QueryOutcome, now_s: float) -> Heard:
    paid = ((AttemptEvent.PAID, _late_facts(outcome)),) if _is_paid(outcome) else ()
    if isinstance(outcome, Closed) or _whole_back(outcome):
        return replace(trail, ended_s=now_s), (*paid, (AttemptEvent.AGREED, NO_FACTS))
    confirming = trail.phase is Phase.CONFIRM
    if confirming and isinstance(outcome, Missing):
        gone = AttemptEvent.GONE if trail.missing else AttemptEvent.AGREED
        ended = replace(trail, ended_s=now_s)
        return ended, ((AttemptEvent.MISSING, NO_FACTS), (gone, NO_FACTS))
    if confirming or not _left(outcome):
        return _back_off(trail, now_s), paid
    missing = ((AttemptEvent.MISSING, NO_FACTS),) if isinstance(outcome, Missing) else ()
    return replace(trail, phase=Phase.FIRE), (*paid, *missing)


def _late_facts(outcome: QueryOutcome) -> Facts:
    paid = outcome.paid if isinstance(outcome, Returned) else outcome
    return paid_facts(paid) if isinstance(paid, Paid) else NO_FACTS


def _whole_back(outcome: QueryOutcome) -> bool:
    return isinstance(outcome, Returned) and outcome.refunded_fen == outcome.paid.amount_fen


def _sum_untold(outcome: QueryOutcome) -> bool:
    return isinstance(outcome, Returned) and outcome.refunded_fen is None


def _heard_watch(trail: Trail, outcome: QueryOutcome, now_s: float) -> Heard:
    if isinstance(outcome, Unknown) or _sum_untold(outcome):
        return replace(trail, due_s=now_s + WATCH_RETRY_S), ()
    if _is_paid(outcome) and not _whole_back(outcome):  # given back in part is with us in part
        late = replace(_late_facts(outcome), detail="late")
        return replace(trail, phase=Phase.FIRE), ((AttemptEvent.REVERSE_WANTED, late),)
    return trail, ((AttemptEvent.WATCHED, NO_FACTS),)


def heard_reverse(trail: Trail, outcome: ReverseOutcome, now_s: float) -> Heard:
    """What a reverse's answer means; a query must agree before anything is over."""
    if isinstance(outcome, (Accepted, Missing)):
        missing = isinstance(outcome, Missing)
        return replace(trail, phase=Phase.CONFIRM, due_s=now_s, missing=missing), ()
    later = _back_off(trail, now_s)
    if isinstance(outcome, WindowOver) and trail.said_paid:
        return later, ((AttemptEvent.WINDOW_OVER, Facts(detail=outcome.code)),)
    if isinstance(outcome, Refused) and trail.said_paid:
        return later, ((AttemptEvent.REFUSED, Facts(detail=outcome.code)),)
    return later, ()


def _back_off(trail: Trail, now_s: float) -> Trail:
    wait = BACKOFF_S[min(trail.rounds, len(BACKOFF_S) - 1)]
    return replace(trail, phase=Phase.ASK, rounds=trail.rounds + 1, due_s=now_s + wait)
