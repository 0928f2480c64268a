"""What to ask the provider next about a refund (payment-states §2).

The order and its refunds are queried before each send, so that what another desk gave back counts:
a look that was lost must not leave a refund to be refused for days. The same number is sent, asked
about, and sent again where the provider says later or has never heard of it: after 1, 5, 15, 60
minutes, then hourly for seven days, then a person.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from device.domain.outcome import (
    Later,
    Missing,
    Refunded,
    RefundFailed,
    RefundOutcome,
    RefundStuck,
    WindowOver,
)
from device.domain.payment import NO_FACTS, Facts
from device.domain.refund import OPEN_REFUNDS, Refund, RefundEvent, RefundState
from device.domain.words import Reason

SEND_AGAIN_S = (60.0, 300.0, 900.0, 3600.0)  # the last repeats
ASK_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)  # after a send; the last repeats
GIVE_UP_S = 7 * 86400.0


class RefundCall(StrEnum):
    """What recovery does next."""

    LOOK = "look"  # query the order and its refunds, before a send
    SEND = "send"
    QUERY = "query"
    GIVE_UP = "give_up"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class RefundTrail:
    """What this process asked so far."""

    started_s: float
    looked: bool = False
    sends: int = 0
    asks: int = 0
    """Queries since the last send."""
    due_s: float = 0.0
    resend: bool = False
    """The provider said later, or has never heard of it."""


def next_refund_call(refund: Refund, trail: RefundTrail, now_s: float) -> tuple[RefundCall, float]:
    """Return the next call and when it is due; NOTHING when the refund has ended."""
    if refund.state not in OPEN_REFUNDS:
        return RefundCall.NOTHING, 0.0
    if now_s - trail.started_s > GIVE_UP_S:
        return RefundCall.GIVE_UP, now_s
    if refund.state is RefundState.REQUESTED or trail.resend:
        return RefundCall.SEND if trail.looked else RefundCall.LOOK, trail.due_s
    return RefundCall.QUERY, trail.due_s  # after a boot too: asked about before it is sent again


RefundHeard = tuple[RefundTrail, RefundEvent | None, Facts]


def heard_refund(trail: RefundTrail, outcome: RefundOutcome, now_s: float) -> RefundHeard:
    """What an answer to a send or a query means."""
    ended = _ended(outcome)
    if ended:
        return trail, *ended
    if isinstance(outcome, Later):
        facts = Facts(reason=outcome.reason, detail=outcome.code)
        return _send_again(trail, now_s), RefundEvent.PENDING, facts
    if isinstance(outcome, Missing):
        return _send_again(trail, now_s), RefundEvent.PENDING, NO_FACTS
    return _ask_later(trail, now_s), RefundEvent.PENDING, Facts(detail=getattr(outcome, "why", ""))


def _ended(outcome: RefundOutcome) -> tuple[RefundEvent, Facts] | None:
    if isinstance(outcome, Refunded):
        return RefundEvent.DONE, replace(NO_FACTS, paid_at=outcome.refunded_at)
    if isinstance(outcome, RefundFailed):
        return RefundEvent.FAILED, Facts(reason=outcome.reason, detail=outcome.code)
    if isinstance(outcome, WindowOver):
        return RefundEvent.FAILED, Facts(reason=Reason.WINDOW_CLOSED, detail=outcome.code)
    if isinstance(outcome, RefundStuck):
        return RefundEvent.STUCK, Facts(reason=Reason.MANUAL, detail=outcome.code)
    return None


def _send_again(trail: RefundTrail, now_s: float) -> RefundTrail:
    wait = SEND_AGAIN_S[min(max(trail.sends - 1, 0), len(SEND_AGAIN_S) - 1)]
    return replace(trail, resend=True, looked=False, asks=0, due_s=now_s + wait)


def _ask_later(trail: RefundTrail, now_s: float) -> RefundTrail:
    wait = ASK_S[min(trail.asks, len(ASK_S) - 1)]
    return replace(trail, resend=False, asks=trail.asks + 1, due_s=now_s + wait)


def sent(trail: RefundTrail) -> RefundTrail:
    """The trail after one more send."""
    return replace(trail, sends=trail.sends + 1, resend=False, asks=0)
