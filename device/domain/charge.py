"""What the HIS asks for: one charge per id and try (payment-states §2, his-link §3)."""

from dataclasses import dataclass
from enum import StrEnum

from device.domain.booking import BookingState
from device.domain.payment import Attempt
from device.domain.words import Business, Department, Form, Reason, Wallet

MAX_ATTEMPTS = 5  # codes shown for one charge; a sixth patient's phone is a new try (his-link §3.9)


class ChargeState(StrEnum):
    """How the charge ended, or that it has not."""

    OPEN = "open"  # armed, under way, or its money is going back unanswered
    NOT_PAID = "not_paid"
    PAID = "paid"
    RETURNED = "returned"  # was answered paid, given back in full


@dataclass(frozen=True, slots=True)
class ChargeKey:
    """(desk, business_date, id, try); the desk is the box's own; date "" = unique scope."""

    business_date: str
    his_id: str
    try_: int


@dataclass(frozen=True, slots=True)
class Charge:
    """One try at collecting one amount."""

    key: ChargeKey
    amount_fen: int
    business: Business
    department: Department
    operator: str = ""
    title: str = ""
    wallet: Wallet | None = None
    """None = any."""
    patient_hash: str = ""
    ttl_s: float = 90.0
    state: ChargeState = ChargeState.OPEN
    reason: Reason = Reason.NONE
    attempts: tuple[Attempt, ...] = ()
    answered_paid: bool = False
    """`paid` was once the stored answer: an undone charge is `returned`, not `not_paid`."""
    refunded_fen: int = 0
    attention: bool = False
    undo: Reason = Reason.NONE
    """Why an answered payment is being given back: reversed, not_booked, manual."""
    form: Form = Form.JSON
    """Of its `pay`: what is told unasked is written like it (his-link §2)."""
    booking: BookingState = BookingState.NONE
    """With `confirm: true`: what the HIS said of its booking."""
    adopted: bool = False
    """Found at a wallet by a young journal (payment-states §1.9): only the amount is known, the
    rest is a placeholder until a `pay` of the same id and amount names it."""
