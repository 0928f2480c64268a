"""One refund: its states and what may happen in each (payment-states §2).

`requested` is synced before the first byte leaves and `sent` says that it did. Success is what the
refund query says (WeChat) or `fund_change=Y`/the refund query (Alipay), never the acceptance.
`failed` only on listed codes that can never succeed. Everything else stays `pending` and is sent
again with the *same* number.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from device.domain.outcome import RefundOrder
from device.domain.payment import IllegalEvent
from device.domain.words import Form, Reason, Wallet


class RefundKind(StrEnum):
    """Who asked for the money to go back."""

    REFUND = "refund"  # the HIS, in part or in full
    REVERSE = "reverse"  # the HIS, the whole payment, by the provider's reverse where it can
    OWN = "own"  # the box itself: a reverse that was refused or too late (id `*`)


class RefundState(StrEnum):
    """Where a refund stands; the comment says what is true in it."""

    REQUESTED = "requested"  # synced; nothing has left
    SENT = "sent"  # the request may have reached the provider
    PENDING = "pending"  # the provider has it, or will be asked again
    REFUNDED = "refunded"  # the provider says the money went back
    FAILED = "failed"  # it can never succeed; nothing was given back
    MANUAL = "manual"  # a person must look


class RefundEvent(StrEnum):
    """What can happen to a refund."""

    SEND = "send"
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    STUCK = "stuck"


S, E = RefundState, RefundEvent

REFUND_TABLE: dict[RefundState, dict[RefundEvent, RefundState]] = {
    S.REQUESTED: {
        E.SEND: S.SENT,
        E.PENDING: S.PENDING,
        E.DONE: S.REFUNDED,
        E.FAILED: S.FAILED,
        E.STUCK: S.MANUAL,
    },
    S.SENT: {
        E.SEND: S.SENT,
        E.PENDING: S.PENDING,
        E.DONE: S.REFUNDED,
        E.FAILED: S.FAILED,
        E.STUCK: S.MANUAL,
    },
    S.PENDING: {
        E.SEND: S.PENDING,
        E.PENDING: S.PENDING,
        E.DONE: S.REFUNDED,
        E.FAILED: S.FAILED,
        E.STUCK: S.MANUAL,
    },
    S.REFUNDED: {},
    S.FAILED: {},
    S.MANUAL: {},
}
OPEN_REFUNDS = frozenset({S.REQUESTED, S.SENT, S.PENDING})
"""Recovery works on these, also after a boot."""


@dataclass(frozen=True, slots=True)
class Refund:
    """One amount back to one payer, under one number for ever."""

    his_id: str
    """The HIS's id of this refund or reverse; `*` + out_trade_no for the box's own."""
    kind: RefundKind
    wallet: Wallet
    out_trade_no: str
    out_refund_no: str
    amount_fen: int
    total_fen: int
    """What was paid for the whole order."""
    pay_id: str = ""
    """The HIS id of the charge, empty for an order of another desk."""
    pay_date: str = ""
    """Its business_date, empty in `unique` scope."""
    state: RefundState = RefundState.REQUESTED
    reason: Reason = Reason.NONE
    detail: str = ""
    provider_refund_no: str = ""
    refunded_at: datetime | None = None
    operator: str = ""
    remark: str = ""
    """The HIS's `reason` text: why the money goes back."""
    do_id: str = ""
    """The centre's action that caused it."""
    form: Form = Form.JSON
    """Of its request: what is told unasked is written like it (his-link §2)."""

    @property
    def uid(self) -> str:
        """The name in the statistics centre."""
        return self.out_refund_no


def refund_order(refund: Refund) -> RefundOrder:
    """Return what a channel needs to send or ask about it."""
    return RefundOrder(
        out_trade_no=refund.out_trade_no,
        out_refund_no=refund.out_refund_no,
        amount_fen=refund.amount_fen,
        total_fen=refund.total_fen,
        reason=refund.remark,
        operator=refund.operator,
    )


def step(  # noqa: PLR0913  the facts that may come with an answer
    refund: Refund,
    event: RefundEvent,
    *,
    reason: Reason = Reason.NONE,
    detail: str = "",
    provider_refund_no: str = "",
    refunded_at: datetime | None = None,
) -> Refund:
    """Return the refund after the event; IllegalEvent, and no change, where the table has none."""
    row = REFUND_TABLE[refund.state]
    if event not in row:
        raise IllegalEvent(f"{event} in refund {refund.state}")
    return replace(
        refund,
        state=row[event],
        reason=reason,
        detail=detail or refund.detail,
        provider_refund_no=provider_refund_no or refund.provider_refund_no,
        refunded_at=refunded_at or refund.refunded_at,
    )
