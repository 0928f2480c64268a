"""A request's body to a `Request`, field by field (his-link §2).

Two tables: `FIELDS` says what each field may hold, `KINDS` which fields each type has. Nothing is
guessed: what is malformed is answered `error` and changes nothing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from device.domain.money import parse_yuan
from device.domain.replies import ErrorReply
from device.domain.requests import (
    Cancel,
    Confirm,
    Hello,
    Last,
    Pay,
    Query,
    Received,
    RefundQuery,
    RefundRequest,
    Request,
    Reverse,
    Show,
    Status,
    Summary,
)
from device.domain.words import Business, Department, ErrorCode, Form, Wallet
from device.errors import PeerError
from device.his_link import body as bodies
from device.his_link.text import BadBody

PROTOCOL_VERSION = 1
MAX_TRY = 99
TTL_RANGE_S = (10, 300)
SHOW_RANGE_S = (1, 600)
SHOW_S = 10.0  # where `show` does not say how long
SHOW_LINES = 4
SHOW_LINE_CHARS = 64  # more never fits one line of any panel
MAX_NUMBER = 10**12  # far above any amount or revision; within every database's integer

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)
_TRADE_NO = re.compile(r"[A-Za-z0-9_\-|*@]{1,64}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Refused(PeerError):
    """The request is answered with this error; it does not leave this file."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


# ------------------------------------------------------------------ what a field may hold
# Each check returns the value for the request or raises ValueError or TypeError.


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _matching(pattern: re.Pattern[str]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not pattern.fullmatch(_text(value)):
            raise ValueError
        return _text(value)

    return check


def _integer(lowest: int, highest: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError
        if not lowest <= value <= highest:
            raise ValueError
        return value

    return check


def _word(words: type[StrEnum]) -> Callable[[object], StrEnum]:
    return lambda value: words(_text(value))


def _wallet(value: object) -> Wallet | None:
    return None if value == "any" else Wallet(_text(value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _seconds(value: object) -> float:
    return float(_integer(*TTL_RANGE_S)(value))


def _lines(value: object) -> tuple[str, ...]:
    lines = tuple(line.strip() for line in _text(value).splitlines())
    if len(lines) > SHOW_LINES or any(len(line) > SHOW_LINE_CHARS for line in lines):
        raise ValueError
    return lines if any(lines) else ()


def _show(text: tuple[str, ...], seconds: float = SHOW_S) -> Show:
    return Show(text, seconds)


def _date(value: object) -> str:
    text = _matching(_DATE)(value)
    date.fromisoformat(text)
    return text


FIELDS: dict[str, Callable[[object], object]] = {
    "auth_code": _text,
    "booked": _flag,
    "business": _word(Business),
    "business_date": _date,
    "confirm": _flag,
    "date": _date,
    "desk": _text,
    "department": _word(Department),
    "his": _text,
    "id": _matching(_IDENTIFIER),
    "operator": _text,
    "out_trade_no": _matching(_TRADE_NO),
    "patient_id": _text,
    "patient_name": _text,
    "pay_id": _matching(_IDENTIFIER),
    "reason": _text,
    "revision": _integer(1, MAX_NUMBER),
    "seconds": _integer(*SHOW_RANGE_S),
    "supersede": _flag,
    "text": _lines,
    "title": _text,
    "try": _integer(1, MAX_TRY),
    "ttl_s": _seconds,
    "v": _integer(1, MAX_NUMBER),
    "wallet": _wallet,
}


AMOUNTS: dict[str, Callable[[object], int]] = {
    "amount_fen": _integer(0, MAX_NUMBER),
    "amount": lambda value: parse_yuan(_text(value)),
}


# ------------------------------------------------------------------ which fields a type has


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of request. Field names are the protocol's; `try` becomes `try_`."""

    make: Callable[..., Request]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """Exactly one of these."""
    amount: bool = False
    answered_on: bool = False
    """Results follow unasked, in the form of this request."""
    charge: str = ""
    """The field that names a charge: with it `business_date` is due where ids restart daily."""


PAY_OPTIONS = (
    *("try", "department", "operator", "title", "patient_name", "patient_id", "wallet", "ttl_s"),
    *("auth_code", "confirm", "supersede"),
)
KINDS = {
    "hello": Kind(Hello, (), ("his", "desk", "operator", "v")),
    "pay": Kind(
        Pay,
        ("id", "business"),
        PAY_OPTIONS,
        amount=True,
        answered_on=True,
        charge="id",
    ),
    "cancel": Kind(Cancel, ("id",), ("try",), charge="id"),
    "query": Kind(Query, ("id",), ("try",), charge="id"),
    "confirm": Kind(Confirm, ("id", "booked"), ("try",), charge="id"),
    "received": Kind(Received, ("id", "revision"), ("business_date",)),
    "reverse": Kind(Reverse, ("id", "pay_id"), ("operator",), answered_on=True, charge="pay_id"),
    "refund": Kind(
        RefundRequest,
        ("id",),
        ("reason", "operator"),
        one_of=("pay_id", "out_trade_no"),
        amount=True,
        answered_on=True,
        charge="pay_id",
    ),
    "refund_query": Kind(RefundQuery, ("id",)),
    "last": Kind(Last),
    "summary": Kind(Summary, ("date",), ("operator",)),
    "show": Kind(_show, ("text",), ("seconds",)),
    "status": Kind(Status),
}
ONLY: dict[str, object] = {"v": PROTOCOL_VERSION}
"""Fields that are checked, of which only this value is served; another is `unsupported`."""


@dataclass(frozen=True, slots=True)
class Codec:
    """What of the configuration the messages depend on."""

    desk: str
    max_amount_fen: int
    encoding: str = "utf-8"
    """utf-8 | gbk"""
    daily_ids: bool = False
    """`id_scope = "day"`: every message naming a charge carries `business_date` (his-link §3.1)."""
    default_department: Department = Department.OUTPATIENT

    def parse(self, body: bytes) -> Request | ErrorReply:
        """Return the request, or the error that answers it. Never raises."""
        try:
            message = bodies.parse(body, self.encoding)
        except BadBody:
            return ErrorReply(ErrorCode.BAD_MESSAGE, "报文无法识别")
        try:
            return self._request(message, bodies.form_of(body))
        except Refused as refused:
            return ErrorReply(refused.code, refused.message, id=_known_id(message))

    def _request(self, message: dict[str, Any], form: Form) -> Request:
        name = message.get("type")
        if not isinstance(name, str):
            raise Refused(ErrorCode.BAD_MESSAGE, "缺少 type")
        kind = KINDS.get(name)
        if kind is None:
            raise Refused(ErrorCode.UNSUPPORTED, "不支持的 type")
        if "desk" in message and _field("desk", message) != self.desk:
            raise Refused(ErrorCode.NOT_ALLOWED, "不是本窗口的报文")
        values = _values(message, kind, self._due(message, kind))
        if "department" in kind.optional:
            values.setdefault("department", self.default_department)
        if kind.amount:
            values["amount_fen"] = self._amount(message)
        if kind.answered_on:
            values["form"] = form
        if not self.daily_ids:  # it is no part of any key then, whoever sends it
            values.pop("business_date", None)
        return kind.make(**values)

    def _due(self, message: dict[str, Any], kind: Kind) -> tuple[str, ...]:
        dated = self.daily_ids and kind.charge in message
        return (*kind.required, "business_date") if dated else kind.required

    def _amount(self, message: dict[str, Any]) -> int:
        given = AMOUNTS.keys() & message.keys()
        if len(given) != 1:
            raise Refused(ErrorCode.BAD_AMOUNT, "金额必须给出，且只给出一次")
        name = given.pop()
        try:
            fen = AMOUNTS[name](message[name])
        except (ValueError, TypeError):
            raise Refused(ErrorCode.BAD_AMOUNT, "金额格式不对") from None
        if not 1 <= fen <= self.max_amount_fen:
            raise Refused(ErrorCode.BAD_AMOUNT, "金额为零或超过上限")
        return fen


def _values(message: dict[str, Any], kind: Kind, due: tuple[str, ...]) -> dict[str, Any]:
    """Return the checked fields under the request's own names."""
    missing = [name for name in due if name not in message]
    if missing:
        raise Refused(ErrorCode.BAD_MESSAGE, f"缺少 {missing[0]}")
    if kind.one_of and len(message.keys() & set(kind.one_of)) != 1:
        raise Refused(ErrorCode.BAD_MESSAGE, f"必须且只能给出 {' / '.join(kind.one_of)} 之一")
    names = [name for name in (*due, *kind.one_of, *kind.optional) if name in message]
    values = {name: _field(name, message) for name in names}
    for name in ONLY.keys() & values.keys():
        if values.pop(name) != ONLY[name]:
            raise Refused(ErrorCode.UNSUPPORTED, f"不支持的 {name}")
    if "try" in values:
        values["try_"] = values.pop("try")
    return values


def _field(name: str, message: dict[str, Any]) -> object:
    try:
        return FIELDS[name](message[name])
    except (ValueError, TypeError):
        raise Refused(ErrorCode.BAD_MESSAGE, f"{name} 格式不对") from None


def _known_id(message: dict[str, Any]) -> str:
    value = message.get("id")
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""
