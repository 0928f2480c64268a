"""A row of the wire, judged and turned into the values of the ledger's columns (center §3).

A row that does not pass is put into quarantine whole; nothing of it is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from operator import gt, itemgetter
from typing import Any, NamedTuple

from center.ledger.words import (
    Business,
    Channel,
    ChargeState,
    Department,
    Kind,
    PaymentState,
    RefundState,
)
from device.domain.chain import linked_text, row_text, text_hash
from device.sync import wire

OLDEST, YOUNGEST = 1, 9999  # years that every database and every offset can hold
BEIJING = timezone(timedelta(hours=8))

WORDS: dict[str, frozenset[str]] = {
    "channel": frozenset(("", *Channel.values)),
    "department": frozenset(("", *Department.values)),
    "business": frozenset(("", *Business.values)),
}
STATES: dict[str, frozenset[str]] = {
    Kind.PAYMENT: frozenset(PaymentState.values),
    Kind.REFUND: frozenset(RefundState.values) - {RefundState.REVERSED},  # ours to say
    Kind.CHARGE: frozenset(ChargeState.values),
}
LONGEST: dict[str, int] = {
    **dict.fromkeys(("uid", "ref"), 100),
    **dict.fromkeys(("his_id", "out_trade_no", "provider_trade_no", "out_refund_no"), 64),
    **dict.fromkeys(("desk", "do_id", "reason"), 32),
    "state": 16,
    "business_date": 10,
}
COUNTERS = ("try", "attempt", "revision")
MOST_COUNTED = 2**31 - 1  # what an integer column holds
_limited, _LIMITS, _counters = itemgetter(*LONGEST), tuple(LONGEST.values()), itemgetter(*COUNTERS)


class BadRow(Exception):
    """The row cannot be believed; the text says which field, never its value."""


class _Moment(NamedTuple):
    """A time, and the day and hour that it counts in."""

    utc: datetime
    day: date
    hour: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row that passed."""

    raw: Mapping[str, Any]
    text: str
    """The same as JSON, prev and hash included."""
    at: datetime
    money_at: datetime | None
    day: date
    hour: int

    def __getitem__(self, name: str) -> Any:
        """A field as it stands on the wire."""
        return self.raw[name]


def read_row(raw: Mapping[str, Any], prev: str) -> LedgerRow:
    """Return the row; BadRow says why it is not believed. `prev`: the hash it must follow."""
    fault = wire.fields_fault(raw)
    if fault:
        raise BadRow(fault)
    text = row_text(raw)
    if text_hash(raw["prev"], text) != raw["hash"]:
        raise BadRow(wire.HASH_FAULT)
    fault = _fault(raw)
    if fault:
        raise BadRow(fault)
    if raw["prev"] != prev:
        raise BadRow("prev is not the hash of the row before")
    at = _moment(raw, "at")
    money = _moment(raw, "money_at") if raw["money_at"] else None
    kept, counted = linked_text(text, prev, raw["hash"]), money or at
    return LedgerRow(raw, kept, at.utc, money.utc if money else None, counted.day, counted.hour)


def _fault(raw: Mapping[str, Any]) -> str:
    for name, words in WORDS.items():
        if raw[name] not in words:
            return f"unknown word: {name}"
    if any(map(gt, map(len, _limited(raw)), _LIMITS)):
        return f"too long: {next(n for n, most in LONGEST.items() if len(raw[n]) > most)}"
    if max(_counters(raw)) > MOST_COUNTED:
        return f"too large: {next(n for n in COUNTERS if raw[n] > MOST_COUNTED)}"
    kind = raw["kind"]
    if kind in STATES and raw["state"] not in STATES[kind]:
        return "unknown word: state"
    if kind in {Kind.PAYMENT, Kind.REFUND} and not raw["channel"]:
        return "missing: channel"
    return ""


def _moment(raw: Mapping[str, Any], name: str) -> _Moment:
    try:
        return _read_moment(raw[name])
    except ValueError as error:
        raise BadRow(f"{error}: {name}") from None


@lru_cache(maxsize=1024)
def _read_moment(text: str) -> _Moment:
    """Kept, because the row of a payment names one time twice and the row before it the same."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time") from None
    if time.tzinfo is None or not OLDEST < time.year < YOUNGEST:
        raise ValueError("not a time with offset")
    local = time.astimezone(BEIJING)
    return _Moment(time.astimezone(UTC), local.date(), local.hour)
