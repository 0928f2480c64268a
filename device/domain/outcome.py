"""What a provider's answer means, as values.

The channels translate every documented code into one of these; whatever is not in their tables is
`Unknown` (payment-states §1.2). An exception never carries an outcome.
"""

from dataclasses import dataclass
from datetime import datetime

from device.domain.words import Reason


@dataclass(frozen=True, slots=True)
class Paid:
    """The provider holds this number as paid: signature, amount, number, merchant and CNY fit."""

    provider_trade_no: str
    amount_fen: int
    paid_at: datetime | None = None
    """With offset +08:00; None where the provider did not say."""
    payer_mask: str = ""
    """The provider's own masked name of the payer (`158****1562`); never anything unmasked."""
    mark: str = ""
    """Query: the box id sent with the pay (`device_info`, `terminal_id`); empty = untold."""


@dataclass(frozen=True, slots=True)
class Declined:
    """Final: an allow-listed refusal in a signed answer, or nothing was sent (`Reason.OFFLINE`)."""

    reason: Reason
    code: str = ""
    """The provider's own code, for the journal and the technician."""
    text: str = ""
    """The provider's own words for the cashier, at most 64 characters."""


@dataclass(frozen=True, slots=True)
class PayerConfirming:
    """The payer is typing a password (USERPAYING, 10003)."""

    provider_trade_no: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything else. `why` is for the journal: a code or a short phrase, never a payload."""

    why: str
    sent: bool = True
    """False: no byte of the question left, so for the provider it was never asked (M8)."""


PayOutcome = Paid | Declined | PayerConfirming | Unknown


@dataclass(frozen=True, slots=True)
class Open:
    """Query: it exists, neither paid nor ended (NOTPAY, USERPAYING, WAIT_BUYER_PAY)."""

    confirming: bool = False
    """The payer is at it right now (USERPAYING)."""
    mark: str = ""
    """The box id that was sent with the pay; empty = untold."""
    amount_fen: int | None = None
    """None where the provider does not say."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Query: no money is with us (REVOKED, CLOSED, TRADE_CLOSED)."""


@dataclass(frozen=True, slots=True)
class PayFailed:
    """Query: the bank refused (PAYERROR). The order is reversed before anything else."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Query: it was paid and money went back (REFUND); `refunded_fen` is None if not yet known."""

    paid: Paid
    refunded_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider says it has no such order. By itself this proves nothing."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A correctly signed answer about our number with another amount, merchant or currency."""

    what: str


QueryOutcome = Paid | Returned | Open | Closed | PayFailed | Missing | Contradiction | Unknown


@dataclass(frozen=True, slots=True)
class Accepted:
    """Reverse: done or taken on (`recall=N`, `action`). A query must agree before it counts."""


@dataclass(frozen=True, slots=True)
class Later:
    """Reverse or refund: not now, ask again (recall=Y, retry_flag=Y, balance, system error)."""

    code: str
    reason: Reason = Reason.PROVIDER_BUSY


@dataclass(frozen=True, slots=True)
class Refused:
    """Reverse: a signed refusal that waiting will not change (CANCEL_NOT_ALLOWED ...)."""

    code: str


@dataclass(frozen=True, slots=True)
class WindowOver:
    """Reverse or refund: the provider says its time is over (REVERSE_EXPIRE, TRADE_OVERDUE)."""

    code: str


ReverseOutcome = Accepted | Missing | Later | Refused | WindowOver | Unknown


@dataclass(frozen=True, slots=True)
class Refunded:
    """Refund: the money went back, by the provider's own word (refund query or fund_change=Y)."""

    provider_refund_no: str
    amount_fen: int
    refunded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundPending:
    """Refund: accepted or in processing; the refund query decides."""

    provider_refund_no: str = ""


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """Refund: a listed code that can never succeed; nothing was given back."""

    reason: Reason
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class RefundStuck:
    """Refund: REFUNDCLOSE, CHANGE: the provider wants a person to act."""

    code: str


RefundOutcome = (
    Refunded | RefundPending | RefundFailed | RefundStuck | Later | Missing | WindowOver | Unknown
)


@dataclass(frozen=True, slots=True)
class PayOrder:
    """What a channel needs to ask for money. The payer code lives here and nowhere else."""

    out_trade_no: str
    amount_fen: int
    payer_code: str
    subject: str
    """What the patient reads in the wallet, e.g. `市一医院-门诊收费`."""
    operator: str = ""
    wait_s: float = 60.0
    """How long the box will wait for the payer; the provider is told to close later than this."""

    def __repr__(self) -> str:
        """Leave the payer code out: it is as good as money for a minute (M19)."""
        return f"PayOrder({self.out_trade_no!r}, amount_fen={self.amount_fen})"


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a channel needs to give money back."""

    out_trade_no: str
    out_refund_no: str
    amount_fen: int
    total_fen: int
    """What was paid for the whole order."""
    reason: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class RefundSum:
    """What the provider says was given back of one order, over every desk."""

    refunded_fen: int
    """Succeeded and in processing."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A signed answer about a number that cannot exist has verified with this configuration."""


@dataclass(frozen=True, slots=True)
class NotVerified:
    """The channel may not take money; `text` is one clear Chinese line for the technician."""

    text: str
    configuration: bool
    """True: a key, certificate or number is wrong. False: the provider was not reached."""


Verification = Verified | NotVerified
