"""One payment attempt: its states and what may happen in each (payment-states §2).

Read the table as prose: an attempt is *intended* before its first byte leaves. A verified success
makes it *paid*; an allow-listed refusal *failed*; a payer at the password *waiting*; anything else
*unknown*. Waiting and unknown are asked about until the provider says paid or says there is no
money, or until the deadline, which leads one way to *reversing*. Reversing ends as *reversed*, or,
when the provider keeps the money and will not reverse, as a refund of our own: *refund_due*,
*refunding*, *refunded*. A late payment found on a watched order goes back to *reversing*. What
contradicts itself is *manual*: a person is called.

Every arrow is synced to disk before anything acts on it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from device.domain.words import Reason, Wallet

REFUSALS_BEFORE_REFUND = 3  # signed refusals of a reverse while the query says paid
CONTRADICTIONS_BEFORE_REVERSE = 2  # two queries must agree that the answer is wrong
WATCH_QUERIES = 4  # at +1, +5, +30 min and +24 h after the end of an order once called missing


class AttemptState(StrEnum):
    """Where an attempt stands; the comment says what is true in it."""

    INTENDED = "intended"  # synced to disk; the first byte may be on its way
    WAITING = "waiting"  # the provider said the payer is confirming
    UNKNOWN = "unknown"  # money may or may not have moved
    PAID = "paid"  # the provider holds it paid and we have it on disk
    FAILED = "failed"  # the provider will never hold it paid
    REVERSING = "reversing"  # it will not count; being given back or closed
    REVERSED = "reversed"  # closed or given back, and a query agreed
    REFUND_DUE = "refund_due"  # paid, the reverse is over or refused: a refund is to be asked
    REFUNDING = "refunding"  # our own refund is under way
    REFUNDED = "refunded"  # our own refund succeeded
    MANUAL = "manual"  # a person must look; the alarm is on


class AttemptEvent(StrEnum):
    """What can happen to an attempt."""

    PAID = "paid"  # pay or query: success, verified
    FAILED = "failed"  # allow-listed final failure, or nothing was sent
    CONFIRMING = "confirming"  # the payer is typing the password
    UNCLEAR = "unclear"  # anything else, or a reboot
    CANCEL_WISH = "cancel_wish"  # HIS or cashier wants it undone
    CLOSED = "closed"  # query: no money with us
    OPEN = "open"  # query: neither paid nor ended
    MISSING = "missing"  # the provider says it has no such order
    PAY_FAILED = "pay_failed"  # query: PAYERROR
    CONTRADICTION = "contradiction"  # query: signed, but amount or merchant is wrong
    DEADLINE = "deadline"  # the last query did not say paid
    REVERSE_WANTED = "reverse_wanted"  # HIS reverse, booked:false, found paid too late
    AGREED = "agreed"  # reversing: accepted and a query agrees
    GONE = "gone"  # reversing: no such order, twice
    REFUSED = "refused"  # reversing: a signed refusal while the query says paid
    WINDOW_OVER = "window_over"  # reversing: too late to reverse, and it is paid
    REFUND_STARTED = "refund_started"  # our own refund is on disk
    REFUND_DONE = "refund_done"
    REFUND_STUCK = "refund_stuck"
    WATCHED = "watched"  # a watch query of an ended order did not say paid
    OVERDUE = "overdue"  # reversing for five minutes: a person is called, and it goes on
    GIVE_UP = "give_up"  # an adopted order is another's: nothing more can be done by the box


S, E = AttemptState, AttemptEvent

UNDER_WAY = frozenset({S.INTENDED, S.WAITING, S.UNKNOWN})
"""The desk is occupied: no second charge, no second code."""
GOING_BACK = frozenset({S.REVERSING, S.REFUND_DUE, S.REFUNDING})
"""In the background: it will not count."""
NO_MONEY = frozenset({S.FAILED, S.REVERSED, S.REFUNDED})
"""Ended without money with us."""
OPEN_STATES = UNDER_WAY | GOING_BACK
"""Not at an answered end: recovery works on it, also after a boot."""

_ASKED = {
    E.PAID: S.PAID,  # REVERSING if a cancel wish is stored
    E.CLOSED: S.FAILED,
    E.OPEN: None,
    E.CONFIRMING: None,
    E.MISSING: None,
    E.UNCLEAR: None,
    E.PAY_FAILED: S.REVERSING,
    E.CONTRADICTION: None,  # REVERSING at the second
    E.CANCEL_WISH: None,
    E.DEADLINE: S.REVERSING,
    E.GIVE_UP: S.MANUAL,
}
_ENDED = {E.REVERSE_WANTED: S.REVERSING, E.WATCHED: None, E.MISSING: None, E.GIVE_UP: S.MANUAL}

TABLE: dict[AttemptState, dict[AttemptEvent, AttemptState | None]] = {
    S.INTENDED: {
        E.PAID: S.PAID,
        E.FAILED: S.FAILED,
        E.CONFIRMING: S.WAITING,
        E.UNCLEAR: S.UNKNOWN,
        E.CANCEL_WISH: None,
    },
    S.WAITING: _ASKED,
    S.UNKNOWN: {**_ASKED, E.CONFIRMING: S.WAITING},
    S.PAID: {E.REVERSE_WANTED: S.REVERSING, E.GIVE_UP: S.MANUAL},
    S.REVERSING: {
        E.AGREED: S.REVERSED,
        E.GONE: S.REVERSED,
        E.REFUSED: None,  # REFUND_DUE at the third
        E.WINDOW_OVER: S.REFUND_DUE,
        E.MISSING: None,
        E.PAID: None,  # remembered: it was held paid; never back to paid (M7)
        E.CANCEL_WISH: None,
        E.OVERDUE: None,
        E.REFUND_STARTED: S.REFUNDING,  # a HIS `reverse` that had to become a refund
        E.GIVE_UP: S.MANUAL,
    },
    S.REFUND_DUE: {E.REFUND_STARTED: S.REFUNDING, E.CANCEL_WISH: None, E.GIVE_UP: S.MANUAL},
    S.REFUNDING: {
        E.REFUND_DONE: S.REFUNDED,
        E.REFUND_STUCK: S.MANUAL,
        E.CANCEL_WISH: None,
        E.GIVE_UP: S.MANUAL,
    },
    S.FAILED: _ENDED,
    S.REVERSED: _ENDED,
    S.REFUNDED: {},
    S.MANUAL: {},
}
"""State x event -> next state; None stays. An event that is not listed is illegal there."""


class IllegalEvent(Exception):
    """A programmer's error: this state does not allow this event. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One code, one amount, one number. The code itself is never kept."""

    number: int
    """Counts from 1 per try, over both wallets."""
    wallet: Wallet
    out_trade_no: str
    amount_fen: int
    code_hash: str
    """HMAC of the payer code under the box key (`numbers.keyed_hash`); empty = adopted."""
    state: AttemptState = AttemptState.INTENDED
    reason: Reason = Reason.NONE
    detail: str = ""
    """The provider's code or the box's own short word for the last decisive answer."""
    provider_trade_no: str = ""
    payer_mask: str = ""
    paid_at: datetime | None = None
    cancel_wish: bool = False
    confirmed: bool = False
    """The payer was seen confirming at some time."""
    held_paid: bool = False
    """The provider ever said it is paid."""
    returned_at: datetime | None = None
    """When its money was known to be back by a reverse, which has no time of the provider."""
    watch: bool = False
    """The provider ever said "no such order": asked again after the end."""
    watched: int = 0
    """How many of the watch queries are done."""
    refusals: int = 0
    contradictions: int = 0

    @property
    def uid(self) -> str:
        """The name in the statistics centre: the number itself, the same after a card swap."""
        return self.out_trade_no

    @property
    def adopted(self) -> bool:
        """Found at a wallet by a young journal: nobody knows which code paid it (§1.9)."""
        return not self.code_hash

    @property
    def watch_due(self) -> bool:
        """Ended, but a late payment may still land: recovery asks again."""
        ended = self.state in {AttemptState.FAILED, AttemptState.REVERSED}
        return ended and self.watch and self.watched < WATCH_QUERIES


@dataclass(frozen=True, slots=True)
class Facts:
    """What came with an event and is to be remembered."""

    reason: Reason = Reason.NONE
    detail: str = ""
    provider_trade_no: str = ""
    payer_mask: str = ""
    paid_at: datetime | None = None
    mark: str = ""
    """Of a query that says paid: the box id that was sent with the pay. It is judged, not kept."""


NO_FACTS = Facts()


def step(attempt: Attempt, event: AttemptEvent, facts: Facts = NO_FACTS) -> Attempt:
    """Return the attempt after the event; IllegalEvent, and no change, where the table has none."""
    row = TABLE[attempt.state]
    if event not in row:
        raise IllegalEvent(f"{event} in {attempt.state}")
    changed = _remember(attempt, event, facts)
    return replace(changed, state=_target(changed, event, row[event]))


def _target(attempt: Attempt, event: AttemptEvent, listed: AttemptState | None) -> AttemptState:
    """Apply the three counted or conditional arrows of the table."""
    if event is E.PAID and attempt.cancel_wish and attempt.state in UNDER_WAY:
        return S.REVERSING
    if event is E.REFUSED and attempt.refusals >= REFUSALS_BEFORE_REFUND:
        return S.REFUND_DUE
    if event is E.CONTRADICTION and attempt.contradictions >= CONTRADICTIONS_BEFORE_REVERSE:
        return S.REVERSING
    return listed or attempt.state


def _remember(attempt: Attempt, event: AttemptEvent, facts: Facts) -> Attempt:
    return replace(
        attempt,
        reason=facts.reason or attempt.reason,
        detail=facts.detail or attempt.detail,
        provider_trade_no=facts.provider_trade_no or attempt.provider_trade_no,
        payer_mask=facts.payer_mask or attempt.payer_mask,
        paid_at=facts.paid_at or attempt.paid_at,
        cancel_wish=attempt.cancel_wish or event is E.CANCEL_WISH,
        confirmed=attempt.confirmed or event is E.CONFIRMING,
        held_paid=attempt.held_paid or event is E.PAID,
        watch=attempt.watch or event in {E.MISSING, E.GONE},
        refusals=attempt.refusals + (event is E.REFUSED),
        contradictions=attempt.contradictions + (event is E.CONTRADICTION),
        watched=attempt.watched + (event is E.WATCHED),
    )
