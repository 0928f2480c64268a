"""What can happen to the desk: data only, one class a kind of event."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.domain.action import Action
from device.domain.chain import WireRow
from device.domain.charge import ChargeKey
from device.domain.desk.model import Health
from device.domain.found import Found
from device.domain.line import Said
from device.domain.outcome import PayOutcome, RefundOutcome
from device.domain.payment import NO_FACTS, AttemptEvent, Facts
from device.domain.record import Order, Stored, Ticket
from device.domain.refund import RefundEvent
from device.domain.replies import Answer
from device.domain.requests import Request
from device.domain.words import Wallet


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the HIS, with what the journal holds about the ids it names."""

    connection: int
    re: int
    request: Request
    ticket: Ticket | None = None
    """Under the request's own id."""
    pay_ticket: Ticket | None = None
    """Under `pay_id` or the order number."""
    order: Order | None = None
    """Of a refund or reverse."""
    last: Stored | None = None
    recognised: RefundOutcome | None = None
    """What the wallet says of this refund's own number, if it was asked (a young journal)."""
    looked_up: bool = False
    """The providers were asked for an order number that the journal does not hold."""
    young: bool = False
    """The journal is younger than 24 h: an id it does not know is asked for (§1.9)."""
    found: Found | None = None
    """What the wallets hold of that id; None = they were not asked."""
    given: Mapping[str, int] = field(default_factory=dict)
    """Of the orders found: what refunds of this journal gave back, in fen."""
    owner_silent: bool = False
    """Whoever has the desk left ENQ unanswered for ten seconds (his-link §3.12)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection opened or closed."""

    connection: int
    opened: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The HIS's link has this answer; whether its program has it, only `received` tells."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class BookingOverdue:
    """The HIS left an offer without a word for too long; `ticket`: what the journal holds of it."""

    key: ChargeKey
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The channels were warmed and verified, or not, within three seconds."""

    key: ChargeKey
    reachable: frozenset[Wallet]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The charge's amount is on the glass since then."""

    key: ChargeKey
    at_s: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """A whole code; `used`: an attempt had it."""

    text: str = field(repr=False)
    first_key_s: float = 0.0
    used: bool = False
    by_his: ChargeKey | None = None
    """The HIS's own scanner read it for this charge, so the glass has no say."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """A scan that was thrown away."""

    why: str


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The cancel button."""


@dataclass(frozen=True, slots=True)
class ButtonHeld:
    """The cancel button was held for three seconds, or somebody asked from the shell."""

    version: str = ""
    address: str = ""
    """Of the box on the network; empty if it has none."""
    last: Stored | None = None
    """The newest result in the journal."""
    by_button: bool = True
    """False: asked from the shell, only to look."""


@dataclass(frozen=True, slots=True)
class LineSaid:
    """What came over a one-way line, in order."""

    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class PayAnswered:
    """The provider's answer to the pay call of the seat's attempt."""

    out_trade_no: str
    outcome: PayOutcome


@dataclass(frozen=True, slots=True)
class Reported:
    """Recovery learned something about an attempt."""

    ticket: Ticket
    out_trade_no: str
    event: AttemptEvent
    facts: Facts = NO_FACTS
    order: Order | None = None
    refund_ticket: Ticket | None = None
    """Of the refund or reverse that is open on this order."""


@dataclass(frozen=True, slots=True)
class RefundReported:
    """Recovery learned something about a refund."""

    ticket: Ticket
    """The refund's own."""
    pay_ticket: Ticket | None
    """Of the charge it belongs to."""
    order: Order
    event: RefundEvent
    facts: Facts = NO_FACTS
    provider_refund_no: str = ""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the provider says was given back of an order beyond this journal's own refunds."""

    order: Order
    refunded_fen: int


@dataclass(frozen=True, slots=True)
class Booted:
    """The journal was read at start."""

    unsettled: tuple[Ticket, ...]
    undelivered: tuple[Stored, ...]
    last: Stored | None = None
    """The newest result; a one-way line may say its amount again."""


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """The clock, the VPN, a channel or the scanner changed."""

    health: Health


@dataclass(frozen=True, slots=True)
class DiskGood:
    """The journal takes writes again, and everything that was kept is durable (M21)."""

    newest: tuple[Stored, ...]
    """Answers that the HIS heard only `storage_failed` of."""


@dataclass(frozen=True, slots=True)
class Instructed:
    """The centre's approved refund or reverse, as a HIS would ask for it (center §4)."""

    action: Action
    asked: Asked
    """By nobody: its connection is `NOBODY`."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What came of an action of the centre that no row of a refund tells."""

    action: Action
    state: str
    reason: str = ""
    channel: str = ""
    amount_fen: int = 0


@dataclass(frozen=True, slots=True)
class SumTold:
    """What a wallet says was given back of an order in all, with the order as it stands here."""

    out_trade_no: str
    refunded_fen: int
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """The newest row of a uid that the journal lost and the centre has (M25)."""

    row: WireRow
    floor: int
    """The newest revision of its id that the HIS was told."""
    ticket: Ticket | None = None
    """Under the row's own id."""
    pay_ticket: Ticket | None = None
    """Of a refund: of the charge it belongs to."""
    order: Order | None = None
    """Of a refund."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment that `wake_at` asked for has come."""


@dataclass(frozen=True, slots=True)
class Closing:
    """SIGTERM: arm nothing new."""


DeskEvent = (
    Asked
    | Connection
    | Acknowledged
    | BookingOverdue
    | Checked
    | Drawn
    | Scanned
    | Garbled
    | ButtonPressed
    | ButtonHeld
    | LineSaid
    | PayAnswered
    | Reported
    | RefundReported
    | Elsewhere
    | Booted
    | HealthChanged
    | DiskGood
    | Instructed
    | Concluded
    | SumTold
    | Recalled
    | Tick
    | Closing
)
