"""Whether the file can be believed: the hash chain, the sums, and rows against their events.

At each opening the newest events are walked (payment-states M17); `whole` walks everything and is
asked for by a person.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from device.errors import JournalDamaged
from device.journal import chain
from device.journal.chain import Link

AT_OPEN = 2_000  # events walked at each opening (M17)

_SUMS = """
SELECT orders.out_trade_no AS number, orders.refund_fen AS held,
  coalesce(sum(refunds.amount_fen), 0) AS fen
FROM orders LEFT JOIN refunds ON refunds.out_trade_no = orders.out_trade_no
  AND refunds.state <> 'failed'
GROUP BY orders.out_trade_no HAVING held <> fen
"""
_SUMS_OF_REFUNDED = """
SELECT orders.out_trade_no AS number FROM orders
WHERE out_trade_no IN (SELECT out_trade_no FROM refunds) AND refund_fen <>
  (SELECT coalesce(sum(amount_fen), 0) FROM refunds
   WHERE out_trade_no = orders.out_trade_no AND state <> 'failed')
"""
_AGAINST_EVENTS = """
SELECT {number} AS number FROM {table} AS held
LEFT JOIN (SELECT uid, state, amount_fen, max(id) FROM events WHERE kind = '{kind}' GROUP BY uid)
  AS told ON told.uid = held.{number}
WHERE held.state IN ({ended})
  AND (told.uid IS NULL OR told.state <> held.state OR told.amount_fen <> held.amount_fen)
"""
_ENDED_ATTEMPTS = "'paid','failed','reversed','refunded','manual'"
_ENDED_REFUNDS = "'refunded','failed','manual'"


@dataclass(frozen=True, slots=True)
class Report:
    """What a full verification found; the file is good if `faults` is empty."""

    events: int
    last_hash: str
    faults: tuple[str, ...] = ()


def end(db: sqlite3.Connection) -> Link:
    """Return where the chain stands in the newest epoch."""
    epoch = db.execute("SELECT epoch FROM epochs ORDER BY first_id DESC LIMIT 1").fetchone()
    if epoch is None:
        raise JournalDamaged("journal: it has no epoch")
    last = db.execute("SELECT id, epoch, seq, hash FROM events ORDER BY id DESC LIMIT 1").fetchone()
    if last is None:
        return Link(epoch["epoch"])
    if last["epoch"] != epoch["epoch"]:
        return Link(epoch["epoch"], last["id"])
    return Link(last["epoch"], last["id"], last["seq"], last["hash"])


def at_open(db: sqlite3.Connection) -> None:
    """Check the newest events and the sums of orders with refunds; JournalDamaged says what."""
    newest = "SELECT * FROM (SELECT * FROM events ORDER BY id DESC LIMIT ?) ORDER BY id"
    rows = list(_as_dicts(db.execute(newest, [AT_OPEN])))
    chain.check(rows, None if len(rows) == AT_OPEN else _beginning(db))
    row = db.execute(_SUMS_OF_REFUNDED).fetchone()
    if row is not None:
        raise JournalDamaged(f"journal: order {row['number']}: refund_fen is not the refunds' sum")


def whole(db: sqlite3.Connection) -> Report:
    """Check everything; reads the whole file, some seconds for a year of payments."""
    (count,) = db.execute("SELECT count(*) FROM events").fetchone()
    faults = [*_structure(db), *_chain(db), *_sums(db), *_states(db)]
    return Report(count, end(db).hash, tuple(faults))


def _as_dicts(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    """Yield plain dicts: a column of `sqlite3.Row` is searched for at every access."""
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _beginning(db: sqlite3.Connection) -> Link:
    first = db.execute("SELECT epoch FROM epochs ORDER BY first_id LIMIT 1").fetchone()
    if first is None:
        raise JournalDamaged("journal: it has no epoch")
    return Link(first["epoch"])


def _structure(db: sqlite3.Connection) -> Iterator[str]:
    for (text,) in db.execute("PRAGMA integrity_check"):
        if text != "ok":
            yield f"structure: {text}"
    for row in db.execute("PRAGMA foreign_key_check"):
        yield f"table {row[0]}: row without its parent in {row[2]}"


def _chain(db: sqlite3.Connection) -> Iterator[str]:
    try:
        chain.check(_as_dicts(db.execute("SELECT * FROM events ORDER BY id")), _beginning(db))
    except JournalDamaged as damage:
        yield str(damage)


def _sums(db: sqlite3.Connection) -> Iterator[str]:
    for row in db.execute(_SUMS):
        yield f"order {row['number']}: refund_fen {row['held']}, the refunds sum to {row['fen']}"


def _states(db: sqlite3.Connection) -> Iterator[str]:
    """An ended attempt or refund must be what its newest event told the centre."""
    asked = (
        ("attempts", "out_trade_no", "payment", _ENDED_ATTEMPTS),
        ("refunds", "out_refund_no", "refund", _ENDED_REFUNDS),
    )
    for table, number, kind, ended in asked:
        sql = _AGAINST_EVENTS.format(table=table, number=number, kind=kind, ended=ended)
        for row in db.execute(sql):
            yield f"{table} {row['number']}: differs from its newest event"
