"""What the desk wants done, in order: data only. `device/desk.py` performs it."""

from dataclasses import dataclass, field

from device.domain.charge import Charge, ChargeKey
from device.domain.desk.events import Asked
from device.domain.desk.model import Desk, Id
from device.domain.found import Wanted
from device.domain.outcome import RefundOrder
from device.domain.payment import Attempt
from device.domain.record import Change
from device.domain.refund import Refund
from device.domain.replies import Reply
from device.domain.requests import Request, Summary
from device.domain.words import Wallet


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
