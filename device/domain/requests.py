"""What the HIS may ask, as values (his-link §2). `his_link/messages.py` makes them from bodies."""

from dataclasses import dataclass

from device.domain.words import Business, Department, Form, Wallet


@dataclass(frozen=True, slots=True)
class Hello:
    """`hello`."""

    his: str = ""
    desk: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Pay:
    """`pay`: collect this amount from the patient at the desk."""

    id: str
    amount_fen: int
    business: Business
    department: Department
    try_: int = 1
    business_date: str = ""
    operator: str = ""
    title: str = ""
    patient_name: str = ""
    """Shown masked, never stored."""
    patient_id: str = ""
    """Kept only as a keyed hash."""
    wallet: Wallet | None = None
    ttl_s: float | None = None
    """10..300; None = the configured `[limits] ttl_s`."""
    auth_code: str = ""
    """Only if the HIS has its own scanner."""
    form: Form = Form.JSON
    """How it was written; so are the results that follow unasked."""
    confirm: bool = False
    """The HIS books in two steps: `paid` is an offer until it confirms."""
    supersede: bool = False
    """Replace what is only armed."""

    def __repr__(self) -> str:
        """Leave out name, number and code (M19)."""
        return f"Pay(id={self.id!r}, try_={self.try_}, amount_fen={self.amount_fen})"


@dataclass(frozen=True, slots=True)
class Cancel:
    """`cancel`; `try_` None = the newest."""

    id: str
    try_: int | None = None
    business_date: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """`query`; `try_` None = the newest."""

    id: str
    try_: int | None = None
    business_date: str = ""


@dataclass(frozen=True, slots=True)
class Confirm:
    """`confirm`: the HIS has booked the payment, or will not; `try_` None = the newest."""

    id: str
    booked: bool
    try_: int | None = None
    business_date: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """`received`: the HIS has this revision."""

    id: str
    revision: int
    business_date: str = ""


@dataclass(frozen=True, slots=True)
class Reverse:
    """`reverse`: undo the whole payment of `pay_id`."""

    id: str
    pay_id: str
    business_date: str = ""
    operator: str = ""
    do_id: str = ""
    """The centre's action that asks for it; empty from a HIS."""
    form: Form = Form.JSON


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """`refund`: give back an amount of `pay_id` or `out_trade_no`."""

    id: str
    amount_fen: int
    pay_id: str = ""
    out_trade_no: str = ""
    business_date: str = ""
    reason: str = ""
    operator: str = ""
    do_id: str = ""
    """The centre's action that asks for it; empty from a HIS."""
    form: Form = Form.JSON


@dataclass(frozen=True, slots=True)
class RefundQuery:
    """`refund_query`."""

    id: str


@dataclass(frozen=True, slots=True)
class Last:
    """`last`: the newest result."""


@dataclass(frozen=True, slots=True)
class Summary:
    """`summary`: what was taken and given back on a day; `operator` empty = by everybody."""

    date: str
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """`show`: a text for the patient while nobody pays; an empty one takes it off."""

    lines: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """`status`: no side effect whatever."""


Request = (
    Hello
    | Pay
    | Cancel
    | Query
    | Confirm
    | Received
    | Reverse
    | RefundRequest
    | RefundQuery
    | Last
    | Summary
    | Show
    | Status
)
