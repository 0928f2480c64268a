"""What the box tells the HIS, as values (his-link §2).

`fields()` gives the normative names; the journal stores and the link encodes those. `form` alone
is no field of the message: it says how the link is to write what it sends unasked.
"""

from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

from device.domain.words import ErrorCode, Form


@dataclass(frozen=True, slots=True)
class HelloOk:
    """`hello_ok`. The lists hold ids, in day scope {id, try, business_date}."""

    box: str
    desk: str
    time: str
    unsettled: tuple[str | dict[str, object], ...] = ()
    undelivered: tuple[str | dict[str, object], ...] = ()
    v: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """`result`. The HIS books only on status `paid`."""

    id: str
    try_: int
    revision: int
    status: str
    """paid | not_paid | returned | unknown"""
    business_date: str = ""
    reason: str = ""
    message: str = ""
    wallet: str = ""
    amount_fen: int = 0
    refunded_fen: int = 0
    out_trade_no: str = ""
    provider_trade_no: str = ""
    paid_at: str = ""
    payer_mask: str = ""
    booked: bool = False
    attention: bool = False
    state: str = ""
    """With unknown: armed | paying | password | querying | reversing | manual."""
    next_check_s: int = 0
    form: Form = Form.JSON


@dataclass(frozen=True, slots=True)
class RefundResult:
    """`refund_result`."""

    id: str
    revision: int
    status: str
    """refunded | pending | failed | unknown"""
    pay_id: str = ""
    reason: str = ""
    message: str = ""
    amount_fen: int = 0
    out_trade_no: str = ""
    out_refund_no: str = ""
    provider_refund_no: str = ""
    refunded_at: str = ""
    attention: bool = False
    form: Form = Form.JSON


@dataclass(frozen=True, slots=True)
class Progress:
    """`progress`: sent once, never repeated or waited for."""

    id: str
    state: str
    wallet: str = ""
    form: Form = Form.JSON


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the diagnosis."""

    part: str
    state: str
    """ok | warn | fail"""
    text: str


@dataclass(frozen=True, slots=True)
class StatusResult:
    """`status_result`."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One wallet and business of a day, in fen; `business` is empty for another desk's order."""

    wallet: str
    business: str
    paid_count: int = 0
    paid_fen: int = 0
    refund_count: int = 0
    refund_fen: int = 0


@dataclass(frozen=True, slots=True)
class SummaryResult:
    """`summary_result`."""

    date: str
    rows: tuple[SummaryRow, ...]


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """`error`: this request changed nothing."""

    code: ErrorCode
    message: str
    id: str = ""
    reason: str = ""
    blocking_id: str = ""
    age_s: int | None = None
    first_seen: str = ""
    status: str = ""
    out_trade_no: str = ""


Reply = HelloOk | Result | RefundResult | Progress | StatusResult | SummaryResult | ErrorReply
Answer = Result | RefundResult
"""The replies that are stored under (business_date, id, revision) before they are sent."""

TYPES: dict[type[Any], str] = {
    HelloOk: "hello_ok",
    Result: "result",
    RefundResult: "refund_result",
    Progress: "progress",
    StatusResult: "status_result",
    SummaryResult: "summary_result",
    ErrorReply: "error",
}
ALWAYS = {
    HelloOk: frozenset({"v", "box", "desk", "time", "unsettled", "undelivered"}),
    Result: frozenset(
        {"id", "try", "revision", "status", "reason", "message", "amount_fen", "refunded_fen"}
        | {"out_trade_no", "attention", "booked"}
    ),
    RefundResult: frozenset({"id", "revision", "status", "pay_id", "reason", "message"})
    | {"amount_fen", "out_trade_no", "out_refund_no"},
    Progress: frozenset({"id", "state"}),
    StatusResult: frozenset({"parts"}),
    SummaryResult: frozenset({"date", "rows"}),
    ErrorReply: frozenset({"code", "message"}),
}
"""The fields that stand in the message even when empty."""


def fields(reply: Reply) -> dict[str, Any]:
    """Return the message's fields by their normative names, `type` first, empty ones left out."""
    kind = type(reply)
    out: dict[str, Any] = {"type": TYPES[kind]}
    for field in dataclass_fields(reply):
        name = field.name.rstrip("_")
        value = getattr(reply, field.name)
        if name in ALWAYS[kind] or value != field.default:  # `age_s` 0 is something to say
            out[name] = _plain(value)
    return out


def _plain(value: object) -> object:
    if isinstance(value, ErrorCode | Form):
        return value.value
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, (Part, SummaryRow)):
        return asdict(value)
    return value


def answer_from_fields(message: dict[str, Any]) -> Answer:
    """Return the stored answer again; KeyError or TypeError if it is not one of ours."""
    kind: type[Answer] = {"result": Result, "refund_result": RefundResult}[message["type"]]
    names = {f.name.rstrip("_"): f.name for f in dataclass_fields(kind)}
    values = {names[k]: v for k, v in message.items() if k != "type"}
    return kind(**values | {"form": Form(message.get("form", Form.JSON))})
