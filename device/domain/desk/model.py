"""The desk's state: data only. `events` can happen to it, `effects` are what it wants done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from device.domain.charge import Charge, ChargeKey
from device.domain.line import Said
from device.domain.payment import Attempt
from device.domain.record import Ticket
from device.domain.replies import Answer
from device.domain.screens import Hint, Screen
from device.domain.words import Business, Department, Reason, Wallet

HINT_STAYS_S = 6.0  # long enough to read twice; then the glass asks for a code again
TOO_SOON_STAYS_S = 3.0  # a patient who held up his phone before there was an amount has read it
RESULT_STAYS_S = 5.0  # the amount stays this long after the result (issue: hands and eyes)
UNKNOWN_AFTER_TTL_S = 90.0  # with nothing sent this long after the ttl: push `unknown` (§3.4)
REPLAY_S = 30 * 60.0  # an id asked again later than this may be a reused one (his-link §3.2)
OFFERS_AT_ONCE = 8  # three seconds of a serial line, so that a new answer never waits long
OFFERS_REST_S = 5.0  # between two such portions
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
    offers_from_s: float = 0.0
    """A portion of many has just left: the next one does then."""
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
