"""The hash chain of events (center §3): a changed, missing or foreign row breaks it.

hash = SHA-256(prev || canonical JSON of the row without prev and hash), in hex; prev enters as its
64 hex characters, keys are sorted, no blanks, UTF-8, non-ASCII not escaped; the first prev of an
epoch is 64 zeros. Vectors: tests/vectors/sync.json.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from device.domain.record import Event
from device.errors import JournalDamaged

GENESIS = "0" * 64

WireRow = dict[str, str | int]
COLUMNS = (
    *("seq", "uid", "kind", "state", "reason", "ref", "channel", "desk", "department"),
    *("business", "business_date", "operator", "his_id", "try", "attempt", "revision"),
    *("amount_fen", "out_trade_no", "provider_trade_no", "out_refund_no", "payer_mask"),
    *("money_at", "at", "do_id"),
)
"""The fields of a row on the wire, in the contract's order, without `prev` and `hash`."""
_SORTED = tuple(sorted(COLUMNS))
_canonical = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
FIELDS = {"try": "try_"}  # column -> field of `Event` where they differ


@dataclass(frozen=True, slots=True)
class Link:
    """Where the chain stands: the last event's row, seq and hash."""

    epoch: str
    id: int = 0
    seq: int = 0
    hash: str = GENESIS


def row_hash(prev: str, row: Mapping[str, object]) -> str:
    """Return the hash of a row; `prev` and `hash` in it are left out."""
    text = _canonical({name: row[name] for name in _SORTED})
    return hashlib.sha256(prev.encode() + text.encode()).hexdigest()


def append(link: Link, event: Event) -> tuple[WireRow, Link]:
    """Return the event as the row that follows `link`, with prev and hash, and the new end."""
    row: WireRow = {"seq": link.seq + 1}
    for name in COLUMNS[1:]:
        row[name] = _plain(getattr(event, FIELDS.get(name, name)))
    digest = row_hash(link.hash, row)
    row |= {"prev": link.hash, "hash": digest}
    return row, Link(link.epoch, link.id + 1, link.seq + 1, digest)


def check(rows: Iterable[Mapping[str, Any]], before: Link | None = None) -> Link | None:
    """Walk events oldest first and return the last link; JournalDamaged names the first misfit.

    `before` is the link that the first row must follow; None takes the first row's own `prev` on
    trust (the check of the newest rows only).
    """
    link = before
    for row in rows:
        link = _follow(link, row)
    return link


def _follow(link: Link | None, row: Mapping[str, Any]) -> Link:
    epoch, id_, seq = row["epoch"], row["id"], row["seq"]
    if link is None:
        link = Link(epoch, id_ - 1, seq - 1, str(row["prev"]))
    name = f"journal: event {id_} (epoch {epoch}, seq {seq})"
    if id_ != link.id + 1:
        raise JournalDamaged(f"{name}: event {link.id + 1} is missing before it")
    if epoch != link.epoch:  # another epoch begins: seq 1 after 64 zeros
        link = Link(epoch, link.id)
    if seq != link.seq + 1:
        raise JournalDamaged(f"{name}: seq {link.seq + 1} is missing before it")
    if row["prev"] != link.hash:
        raise JournalDamaged(f"{name}: prev is not the hash of the event before it")
    digest = row_hash(link.hash, row)
    if row["hash"] != digest:
        raise JournalDamaged(f"{name}: the hash does not fit: the row was changed")
    return Link(epoch, id_, seq, digest)


def _plain(value: str | int | datetime | None) -> str | int:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else value
