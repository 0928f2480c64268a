"""What one commit writes: state rows, one or more events, stored answers, all or nothing.

The journal is told *what* in these values and decides *how*. It gives each `Event` its gap-free
`seq`, `prev` and `hash` (center §3) inside the same transaction, and an outbox row beside it.
"""

from dataclasses import dataclass
from datetime import datetime

from device.domain.charge import Charge, ChargeKey
from device.domain.payment import Attempt
from device.domain.refund import Refund
from device.domain.replies import Answer
from device.domain.trace import Trace
from device.domain.words import Wallet


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, taken once per event: the clock that decides, and the time of day that is written."""

    mono_s: float
    wall: datetime
    sane: bool = True


@dataclass(frozen=True, slots=True)
class PutCharge:
    """Insert or replace the charge's row (not its attempts)."""

    charge: Charge


@dataclass(frozen=True, slots=True)
class PutAttempt:
    """Insert or replace one attempt; `glass` tells which charge was on the display."""

    key: ChargeKey
    attempt: Attempt
    glass: str = ""


@dataclass(frozen=True, slots=True)
class PutOrder:
    """An order number at a provider and what was paid for it; refunds are checked against it.

    Own attempts and orders of other desks alike. `elsewhere_fen`: what the provider says was given
    back that this journal did not give.
    """

    out_trade_no: str
    wallet: Wallet
    amount_fen: int
    elsewhere_fen: int = 0


@dataclass(frozen=True, slots=True)
class PutRefund:
    """Insert or replace one refund."""

    refund: Refund


@dataclass(frozen=True, slots=True)
class Event:
    """One row for the statistics centre (center §3), without seq, prev and hash."""

    uid: str
    kind: str
    """payment | refund | charge | do | digest"""
    state: str
    desk: str
    at: datetime
    reason: str = ""
    ref: str = ""
    channel: str = ""
    department: str = ""
    business: str = ""
    business_date: str = ""
    operator: str = ""
    his_id: str = ""
    try_: int = 0
    attempt: int = 0
    revision: int = 0
    amount_fen: int = 0
    out_trade_no: str = ""
    provider_trade_no: str = ""
    out_refund_no: str = ""
    payer_mask: str = ""
    money_at: datetime | None = None
    do_id: str = ""


@dataclass(frozen=True, slots=True)
class PutAnswer:
    """Store an answer under (business_date, id, revision); never the same twice.

    `offer`: it is sent to the HIS without being asked until it is known to be delivered.
    """

    business_date: str
    answer: Answer
    at: datetime
    offer: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """The HIS has this revision."""

    business_date: str
    id: str
    revision: int


@dataclass(frozen=True, slots=True)
class PutTrace:
    """Where the time of an attempt went; only the newest are kept."""

    trace: Trace


Write = PutCharge | PutAttempt | PutOrder | PutRefund | Event | PutAnswer | Delivered | PutTrace
Change = tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as the journal holds it."""

    business_date: str
    answer: Answer
    at: datetime
    offer: bool
    delivered: bool
    this_boot: bool = False
    """Stored since this process started (his-link §3.2: older ones answer `conflict`)."""
    mono_s: float = 0.0
    """When, by the monotonic clock, if `this_boot`."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Everything the journal holds under one HIS id."""

    business_date: str
    his_id: str
    charges: tuple[Charge, ...] = ()
    """Its tries in order; empty for a refund or reverse id."""
    refund: Refund | None = None
    stored: Stored | None = None
    """The newest answer; its revision is the id's newest."""
    older: tuple[Stored, ...] = ()
    """The newest answer of each earlier try, for a `query` that names one."""
    floor: int = -1
    """The newest revision that the HIS was told, where this journal lost it (M25)."""

    @property
    def id(self) -> tuple[str, str]:
        """(business_date, HIS id)."""
        return self.business_date, self.his_id

    @property
    def revision(self) -> int:
        """The newest revision given out, 0 if none."""
        return max(0, self.floor, self.stored.answer.revision if self.stored else 0)


@dataclass(frozen=True, slots=True)
class Order:
    """An order number as the journal holds it, with the sum of its refunds that have not failed."""

    out_trade_no: str
    wallet: Wallet
    amount_fen: int
    refund_fen: int
    elsewhere_fen: int
    key: ChargeKey | None = None
    """The charge it belongs to, None for an order of another desk."""
    open_refund_id: str = ""
    """The HIS id of a refund that has not ended."""
    open_refund_at: datetime | None = None
    """When it was asked for."""

    @property
    def rest_fen(self) -> int:
        """What has not been given back, nor is on its way."""
        return self.amount_fen - self.refund_fen - self.elsewhere_fen
