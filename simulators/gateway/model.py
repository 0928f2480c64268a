"""What a provider keeps about a payment: trades, refunds, payer codes.

Trade states, common to both wallets (each wallet's own word in brackets, WeChat / Alipay)::

    PAYING    the payer is asked, or has not answered    (USERPAYING / WAIT_BUYER_PAY)
    PAID      the merchant has the money; refunds may follow (SUCCESS, REFUND / TRADE_SUCCESS)
    FAILED    refused on the payer's side; never paid    (PAYERROR or NOTPAY / WAIT_BUYER_PAY)
    CLOSED    never paid: timed out, reversed, cancelled (REVOKED / TRADE_CLOSED)
    RETURNED  paid, then given back by reverse or cancel (REVOKED / TRADE_CLOSED)

    PAYING -> PAID | FAILED | CLOSED      PAID -> RETURNED      FAILED -> CLOSED
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Wallet(StrEnum):
    """The two providers."""

    WECHAT = "wechat"
    ALIPAY = "alipay"


class State(StrEnum):
    """See the module's table."""

    PAYING = "paying"
    PAID = "paid"
    FAILED = "failed"
    CLOSED = "closed"
    RETURNED = "returned"


NEXT: dict[State, frozenset[State]] = {
    State.PAYING: frozenset({State.PAID, State.FAILED, State.CLOSED}),
    State.PAID: frozenset({State.RETURNED}),
    State.FAILED: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
    State.RETURNED: frozenset(),
}

ENDED_WITHOUT_MONEY = frozenset({State.FAILED, State.CLOSED, State.RETURNED})


class RefundStatus(StrEnum):
    """WeChat's words; Alipay only knows done (REFUND_SUCCESS) or not."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CHANGE = "CHANGE"
    REFUNDCLOSE = "REFUNDCLOSE"


@dataclass(frozen=True, slots=True)
class PayOrder:
    """A pay request as the provider understands it. ``code`` never leaves this process."""

    wallet: Wallet
    out_trade_no: str
    amount_fen: int
    code: str = field(repr=False)
    subject: str
    fingerprint: str  # equal for two requests that ask for the same thing
    device: str = ""
    attach: str = ""
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class PayerPlan:
    """What the payer will do with the password page; ``at`` None = nothing by himself."""

    at: float | None
    agrees: bool
    shows: str = "PAYERROR"  # WeChat's trade_state after a payer who refuses


@dataclass(slots=True)
class Refund:
    """One refund. It is done at ``done_at``; until then PROCESSING."""

    number: str
    provider_no: str
    amount_fen: int
    requested_at: float
    done_at: float
    ends: RefundStatus = RefundStatus.SUCCESS
    reason: str = ""
    said: int = 0  # answers already given to this number

    def status(self, now: float) -> RefundStatus:
        """PROCESSING until ``done_at``, then how it ends."""
        return self.ends if now >= self.done_at else RefundStatus.PROCESSING


@dataclass(slots=True)
class Trade:
    """One order of one wallet, by ``out_trade_no``."""

    order: PayOrder = field(repr=False)
    trade_no: str
    created_at: float
    closes_at: float
    state: State = State.PAYING
    plan: PayerPlan | None = None
    paid_at: float | None = None
    ended_by: str = ""  # timeout | reverse | payer | a decline code
    refunds: list[Refund] = field(default_factory=list)
    history: list[tuple[float, State]] = field(default_factory=list)

    def become(self, state: State, at: float, by: str = "") -> None:
        """Take one step of the table above; any other step is a programmer's error."""
        assert state in NEXT[self.state], (self.state, state)
        self.state, self.ended_by = state, by
        self.history.append((at, state))
        if state is State.PAID:
            self.paid_at = at

    def refund(self, number: str) -> Refund | None:
        """The refund of that number."""
        return next((one for one in self.refunds if one.number == number), None)

    def reserved_fen(self, now: float) -> int:
        """Refunds done or under way; one that came back to the merchant no longer counts."""
        lost = (RefundStatus.CHANGE, RefundStatus.REFUNDCLOSE)
        return sum(one.amount_fen for one in self.refunds if one.status(now) not in lost)

    def refunded_fen(self, now: float) -> int:
        """What payers have back."""
        done = RefundStatus.SUCCESS
        return sum(one.amount_fen for one in self.refunds if one.status(now) is done)


@dataclass(slots=True)
class PayerCode:
    """A payer code: issued by the phone API (it expires) or first seen in a pay."""

    wallet: Wallet
    expires_at: float | None = None
    used_by: str | None = None  # out_trade_no


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that reached the provider, whatever became of its answer."""

    sequence: int
    at: float
    wallet: Wallet
    call: str
    out_trade_no: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What a payer said about one payment. `place`: the provider's own offset of it."""

    place: int
    at: float
    trade_no: str
    stars: int
    text: str


@dataclass(slots=True)
class LatePay:
    """A pay still on its way; it lands at ``lands_at``, or so long after an empty reverse."""

    order: PayOrder
    lands_at: float | None
    after_reverse_s: float | None
    plan: PayerPlan | None = None
