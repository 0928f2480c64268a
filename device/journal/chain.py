"""The journal's end of the hash chain (center §3): a changed, missing or foreign row breaks it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from device.domain.chain import COLUMNS, GENESIS, WireRow, row_hash
from device.domain.record import Event
from device.errors import JournalDamaged

__all__ = ["COLUMNS", "FIELDS", "GENESIS", "Link", "append", "check", "follow", "row_hash"]

FIELDS = {"try": "try_"}  # column -> field of `Event` where they differ


@dataclass(frozen=True, slots=True)
class Link:
    """Where the chain stands: the last event's row, seq and hash."""

    epoch: str
    id: int = 0
    seq: int = 0
    hash: str = GENESIS


def append(
    link: Link, event: Event, more: Mapping[str, str | int] | None = None
) -> tuple[WireRow, Link]:
    """Return the event as the row that follows `link`, with prev and hash, and the new end.

    `more`: what a digest carries besides.
    """
    row: WireRow = {"seq": link.seq + 1}
    for name in COLUMNS[1:]:
        row[name] = _plain(getattr(event, FIELDS.get(name, name)))
    return follow(link, row | dict(more or {}))


def follow(link: Link, row: WireRow) -> tuple[WireRow, Link]:
    """Return the row as the next after `link`: its seq, prev and hash are made anew."""
    numbered = row | {"seq": link.seq + 1}
    hashed = row_hash(link.hash, numbered)
    numbered |= {"prev": link.hash, "hash": hashed}
    return numbered, Link(link.epoch, link.id + 1, link.seq + 1, hashed)


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
