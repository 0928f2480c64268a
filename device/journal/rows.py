"""Values to rows and back, exactly: what is read equals what was written.

A column has the name of its dataclass field (`try_` is `try`); times are ISO 8601 text with their
offset, flags 0/1, a wallet or time that is None is empty text.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

from device.domain.booking import BookingState
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.payment import Attempt, AttemptState
from device.domain.record import PutAnswer, PutAttempt, PutCharge, PutOrder, PutRefund, Stored
from device.domain.refund import Refund, RefundKind, RefundState
from device.domain.replies import Answer, answer_from_fields
from device.domain.replies import fields as reply_fields
from device.domain.trace import Mark, Trace
from device.domain.words import Business, Department, Form, Reason, Wallet

Value = str | int | float
SqlRow = Mapping[str, Any]

CHARGE_COLUMNS = tuple(f.name for f in fields(Charge) if f.name not in {"key", "attempts"})
ATTEMPT_COLUMNS = tuple(f.name for f in fields(Attempt))
REFUND_COLUMNS = tuple(f.name for f in fields(Refund))


@dataclass(frozen=True, slots=True)
class Row:
    """One row to insert, or to replace where `key` is there already."""

    table: str
    key: tuple[str, ...]
    values: dict[str, Value]
    once: frozenset[str] = frozenset({"stored_at"})
    """Columns that keep the value of the first insertion."""

    @property
    def place(self) -> tuple[Value, ...]:
        """Table and key values: two rows with the same place are versions of one."""
        return (self.table, *(self.values[name] for name in self.key))


@cache
def upsert_sql(
    table: str, columns: tuple[str, ...], key: tuple[str, ...], once: frozenset[str]
) -> str:
    """Return the statement for rows of this shape; parameters in the order of `columns`."""
    marks = ", ".join("?" * len(columns))
    changed = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in {*key, *once})
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) "  # noqa: S608  our own names
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changed}"
    )


def stamp(now: datetime) -> str:
    """Return the time as UTC text of one length: it sorts as time does."""
    return now.astimezone(UTC).isoformat(timespec="microseconds")


def charge_row(write: PutCharge, now: datetime) -> Row:
    """Return the charge's row; its attempts are rows of their own."""
    values = _key_values(write.charge.key) | _plain_fields(write.charge, CHARGE_COLUMNS)
    return Row("charges", ("his_id", "business_date", "try"), values | {"stored_at": stamp(now)})


def attempt_row(write: PutAttempt, now: datetime) -> Row:
    """Return the attempt's row; `glass` stays as the intent wrote it."""
    values = _key_values(write.key) | _plain_fields(write.attempt, ATTEMPT_COLUMNS)
    values |= {"glass": write.glass, "stored_at": stamp(now)}
    return Row("attempts", ("out_trade_no",), values, frozenset({"stored_at", "glass"}))


def order_row(write: PutOrder, now: datetime) -> Row:
    """Return the order's row; `refund_fen` belongs to the triggers."""
    names = ("out_trade_no", "wallet", "amount_fen", "elsewhere_fen")
    values = _plain_fields(write, names) | {"stored_at": stamp(now)}
    return Row("orders", ("out_trade_no",), values)


def refund_row(write: PutRefund, now: datetime) -> Row:
    """Return the refund's row."""
    values = _plain_fields(write.refund, REFUND_COLUMNS) | {"stored_at": stamp(now)}
    return Row("refunds", ("out_refund_no",), values)


def answer_values(write: PutAnswer) -> dict[str, Value]:
    """Return the columns of a stored answer."""
    content = reply_fields(write.answer)
    return {
        "business_date": write.business_date,
        "his_id": write.answer.id,
        "revision": write.answer.revision,
        "try": content.get("try", 0),
        "type": content["type"],
        "status": write.answer.status,
        "content": json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        "at": write.at.isoformat(),
        "offer": int(write.offer),
        "delivered": 0,
    }


def charge_from(row: SqlRow, attempts: Iterable[Attempt]) -> Charge:
    """Return the charge with its attempts."""
    return Charge(
        key=key_from(row), attempts=tuple(attempts), **_read(row, CHARGE_COLUMNS, _CHARGE)
    )


def attempt_from(row: SqlRow) -> Attempt:
    """Return the attempt."""
    return Attempt(**_read(row, ATTEMPT_COLUMNS, _ATTEMPT))


def refund_from(row: SqlRow) -> Refund:
    """Return the refund."""
    return Refund(**_read(row, REFUND_COLUMNS, _REFUND))


def key_from(row: SqlRow) -> ChargeKey:
    """Return the charge key that stands in a row of charges or attempts."""
    return ChargeKey(row["business_date"], row["his_id"], row["try"])


def stored_from(row: SqlRow, mono_s: float | None) -> Stored:
    """Return the stored answer; `mono_s` None = stored before this process started."""
    return Stored(
        business_date=row["business_date"],
        answer=answer_from(row["content"]),
        at=datetime.fromisoformat(row["at"]),
        offer=bool(row["offer"]),
        delivered=bool(row["delivered"]),
        this_boot=mono_s is not None,
        mono_s=mono_s or 0.0,
    )


def answer_from(content: str) -> Answer:
    """Return the answer from its stored JSON."""
    return answer_from_fields(json.loads(content))


def _key_values(key: ChargeKey) -> dict[str, Value]:
    return {"business_date": key.business_date, "his_id": key.his_id, "try": key.try_}


def _plain_fields(value: object, names: Iterable[str]) -> dict[str, Value]:
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Value | Enum | datetime | None) -> Value:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value


def _read(
    row: SqlRow, names: Iterable[str], kinds: dict[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    return {name: kinds[name](row[name]) if name in kinds else row[name] for name in names}


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _wallet(text: str) -> Wallet | None:
    return Wallet(text) if text else None


_CHARGE: dict[str, Callable[[Any], Any]] = {
    "business": Business,
    "department": Department,
    "wallet": _wallet,
    "state": ChargeState,
    "reason": Reason,
    "undo": Reason,
    "answered_paid": bool,
    "attention": bool,
    "adopted": bool,
    "form": Form,
    "booking": BookingState,
}
_ATTEMPT: dict[str, Callable[[Any], Any]] = {
    "wallet": Wallet,
    "state": AttemptState,
    "reason": Reason,
    "paid_at": _time,
    "returned_at": _time,
    "cancel_wish": bool,
    "confirmed": bool,
    "held_paid": bool,
    "watch": bool,
}
_REFUND: dict[str, Callable[[Any], Any]] = {
    "kind": RefundKind,
    "wallet": Wallet,
    "state": RefundState,
    "reason": Reason,
    "refunded_at": _time,
    "form": Form,
}


def trace_of(out_trade_no: str, marks: str) -> Trace:
    """Return the trace as it was written."""
    pairs = json.loads(marks)
    return Trace(out_trade_no, tuple((Mark(name), float(at_ms)) for name, at_ms in pairs))
