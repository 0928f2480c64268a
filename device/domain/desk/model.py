"""The desk's state, what can happen to it, and what it wants done: data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from device.domain.action import Action
from device.domain.chain import WireRow
from device.domain.charge import Charge, ChargeKey
from device.domain.found import Found, Wanted
from device.domain.line import Said
from device.domain.outcome import PayOutcome, RefundOrder, RefundOutcome
from device.domain.payment import NO_FACTS, Attempt, AttemptEvent, Facts
from device.domain.record import Change, Order, Stored, Ticket
from device.domain.refund import Refund, RefundEvent
from device.domain.replies import Answer, Reply
from device.domain.requests import Request, Summary
from device.domain.screens import Hint, Screen
from device.domain.words import Business, Department, Reason, Wallet

HINT_STAYS_S = 6.0  # long enough to read twice; then the glass asks for a code again
TOO_SOON_STAYS_S = 3.0  # a patient who held up his phone before there was an amount has read it
RESULT_STAYS_S = 5.0  # the amount stays this long after the result (issue: hands and eyes)
UNKNOWN_AFTER_TTL_S = 90.0  # with nothing sent this long after the ttl: push `unknown` (§3.4)
REPLAY_S = 30 * 60.0  # an id asked again later than this may be a reused one (his-link §3.2)
OFFERS = 10  # unasked sends of one answer; then it stands in hello_ok.undelivered (§3.6)
NOBODY = 0  # the connection of what no HIS asks for; those of the link begin at 1
REFUND_ANSWER_S = 10.0  # a refund is answered at its end, or as pending after this


@dataclass(frozen=True, slots=True)
class OneWay:
    """What a one-way link does not say, so the site does (his-link §5)."""

    business: Business
    department: Department
    max_amount_fen: int
    boot: str
    """Letters and digits no other boot had: the box's own ids are unique by it."""
    undo_by_button: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the desk needs of the configuration."""

    box_id: str
    desk: str
    desk_code: str
    hospital: str
    key: bytes = field(repr=False)
    ttl_s: float = 90.0
    redeliver_s: float = 30.0
    confirm_wait_s: float = 60.0
    """How long the HIS may leave an offer without a word (his-link §3.8)."""
    daily_ids: bool = False
    """Ids restart daily: whatever names one carries its business_date (his-link §3.1)."""
    refuse_id_cards: bool = False
    progress: bool = False
    waits_s: Mapping[Wallet, float] = field(default_factory=dict)
    """How long the box waits for a payer, per wallet."""
    one_way: OneWay | None = None
    """Set where the amounts come by a one-way link, and nobody can be told of a result."""


class Phase(StrEnum):
    """Where the charge at the desk stands; the comment says what is true in it."""

    CHECKING = "checking"  # connections are being warmed; the amount is not shown yet
    ARMED = "armed"  # the amount is shown, a code may come
    UNDER_WAY = "under_way"  # an attempt is intended, waiting or unknown


@dataclass(frozen=True, slots=True)
class Asker:
    """Who waits for the first answer: a connection and the SEQ of its request."""

    connection: int
    re: int


@dataclass(frozen=True, slots=True)
class Seat:
    """The one charge at the desk."""

    ticket: Ticket
    phase: Phase
    asker: Asker | None
    """None once the first answer was sent."""
    since_s: float
    """When `pay` came."""
    ttl_left_s: float
    ticking_since_s: float | None = None
    """The ttl runs from here; None = it stands still."""
    sent_s: float = 0.0
    """When the newest attempt was decided on; the payer's time counts from here."""
    drawn_s: float | None = None
    """When the amount was on the glass; a code whose first key is older is dropped."""
    wallets: frozenset[Wallet] = frozenset()
    """Those that can take money now."""
    masked_name: str = ""
    hint: Hint | None = None
    """Why the last code was not taken, until then."""
    hint_until_s: float = 0.0
    declined: Reason = Reason.NONE
    """Why the last code was declined, while another may be shown."""
    his_code: str = field(default="", repr=False)
    """A code that the HIS read with its own scanner."""
    taken: int = 0
    """The highest attempt whose number a wallet already holds closed (§1.9)."""

    @property
    def charge(self) -> Charge:
        """The try that is collected now."""
        return self.ticket.charges[-1]

    @property
    def attempt(self) -> Attempt | None:
        """The newest attempt."""
        return self.charge.attempts[-1] if self.charge.attempts else None

    def ttl_left(self, now_s: float) -> float:
        """Seconds in which a code may still come; it stands still while an attempt is under way."""
        ran = now_s - self.ticking_since_s if self.ticking_since_s is not None else 0.0
        return self.ttl_left_s - ran


@dataclass(frozen=True, slots=True)
class Offer:
    """An answer that the HIS has not confirmed."""

    answer: Answer
    business_date: str
    sent: int
    next_s: float


@dataclass(frozen=True, slots=True)
class Health:
    """What the desk must know of the rest before it takes money."""

    clock_sane: bool = True
    vpn_up: bool = True
    configured: frozenset[Wallet] = frozenset()
    verified: frozenset[Wallet] = frozenset()
    """Whose keys and certificates are proven (payment-states §1.7)."""
    reachable: frozenset[Wallet] = frozenset()
    """Whose host answered the last probe."""
    verifying: bool = False
    """The first verification has not ended: nothing is wrong yet."""
    scanner_online: bool = True


@dataclass(frozen=True, slots=True)
class Pending:
    """What a one-way line said last, and when it will have stood long enough."""

    said: Said
    settles_s: float


@dataclass(frozen=True, slots=True)
class LastPaid:
    """The payment that the cashier's button may undo."""

    his_id: str
    amount_fen: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Line:
    """What a one-way line stands at."""

    amount_fen: int = 0
    """The current amount; 0 = none."""
    used: bool = False
    """It was on the glass: the same amount arms nothing by itself."""
    pending: Pending | None = None
    count: int = 0
    """Amounts armed since the boot; the last part of the box's own ids."""
    paid: LastPaid | None = None


Id = tuple[str, str]
"""(business_date, HIS id)"""
Subject = tuple[str, str, int]
"""(business_date, HIS id, try): what an answer is about; a refund has try 0."""


@dataclass(frozen=True, slots=True)
class Unbooked:
    """An offered payment, and how long the HIS may still be silent about it (his-link §3.8)."""

    revision: int
    """Of the newest offer."""
    left_s: float
    heard: bool = False
    """The HIS's link has acknowledged it."""
    since_s: float | None = None
    """The time runs from here; None = it stands still, because the link is down or nothing was
    acknowledged."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the HIS wants shown to the patient while nobody pays."""

    lines: tuple[str, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the desk remembers between events; what must last is in the journal."""

    settings: Settings
    health: Health = Health()
    seat: Seat | None = None
    owner: int | None = None
    """The connection that gets what is sent unasked."""
    offers: Mapping[Subject, Offer] = field(default_factory=dict)
    askers: Mapping[Id, tuple[Asker, float]] = field(default_factory=dict)
    """Refund ids whose first answer is due, and until when it may wait."""
    result: tuple[Screen, float] | None = None
    """A screen that stays until then."""
    unbooked: Mapping[ChargeKey, Unbooked] = field(default_factory=dict)
    """Offers that the HIS has not answered with `confirm`."""
    notice: Notice | None = None
    local_view: tuple[Screen, float] | None = None
    """The operator's view of the box, until then."""
    doubts: Mapping[str, tuple[int, Wallet]] = field(default_factory=dict)
    """Order numbers of before the boot that may still be paid: amount and wallet, for the glass."""
    line: Line = Line()
    """Of a one-way link."""
    closing: bool = False
    """SIGTERM came: nothing new is armed."""


# ---------------------------------------------------------------- what can happen


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

# ---------------------------------------------------------------- what it wants done


@dataclass(frozen=True, slots=True)
class Commit:
    """Sync this before any effect behind it.

    On a failing disk it is kept in memory and written when the disk is good (M21); what it plans
    waits for that, or is called off.
    """

    change: Change


@dataclass(frozen=True, slots=True)
class Defer:
    """Write this with the next commit."""

    change: Change


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a message."""

    connection: int
    reply: Reply
    re: int | None = None


@dataclass(frozen=True, slots=True)
class TellStored:
    """Send the newest stored answer of an id."""

    connection: int
    id: Id
    re: int


@dataclass(frozen=True, slots=True)
class TellHello:
    """Answer `hello` with what is unsettled and undelivered."""

    connection: int
    re: int


@dataclass(frozen=True, slots=True)
class TellStatus:
    """Answer `status` with the diagnosis."""

    connection: int
    re: int


@dataclass(frozen=True, slots=True)
class TellSummary:
    """Answer `summary` from the journal."""

    connection: int
    re: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Remind:
    """Bring this offer back as overdue, with its ticket."""

    key: ChargeKey


@dataclass(frozen=True, slots=True)
class Recognise:
    """Ask whether this very refund was given by a card that is gone, then ask the desk again."""

    asked: Asked
    wallet: Wallet
    refund: RefundOrder


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask every wallet for the order number of this refund, then ask the desk again."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask every configured wallet for these numbers, then ask the desk again (§1.9)."""

    asked: Asked
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class CheckChannels:
    """Warm these channels and wait for a first verification, three seconds at most."""

    key: ChargeKey
    wallets: frozenset[Wallet]


@dataclass(frozen=True, slots=True)
class TakeHisCode:
    """Look up whether the code that came with `pay` was used, and bring it as a scan."""

    key: ChargeKey

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the desk this as a HIS would, with what the journal holds."""

    request: Request


@dataclass(frozen=True, slots=True)
class CallPay:
    """Ask the provider for money, now that the intent is on disk."""

    attempt: Attempt
    charge: Charge
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pursue:
    """Recovery takes (or keeps) care of this attempt from here on."""

    key: ChargeKey
    attempt: Attempt
    begins: bool = False
    """Somebody asked for this reversal just now: on a failing disk its first byte waits (M21)."""


@dataclass(frozen=True, slots=True)
class PursueRefund:
    """Recovery takes (or keeps) care of this refund from here on."""

    refund: Refund


Effect = (
    Commit
    | Defer
    | Tell
    | TellStored
    | TellHello
    | TellStatus
    | TellSummary
    | Remind
    | Recognise
    | LookUp
    | Probe
    | CheckChannels
    | TakeHisCode
    | Ask
    | CallPay
    | Pursue
    | PursueRefund
)
Step = tuple[Desk, tuple[Effect, ...]]
