"""One transaction's worth of writes: applied in order, and recognised again afterwards.

A commit that raises may still be on the disk (payment-states §1.5), so a batch can tell from the
file alone whether it is there: a transaction is there whole or not at all.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from device.domain.chain import WireRow
from device.domain.record import (
    Delivered,
    Event,
    PutAnswer,
    PutAttempt,
    PutCharge,
    PutOrder,
    PutRefund,
    PutTrace,
    Write,
)
from device.journal import chain, epochs, rows
from device.journal.chain import Link
from device.journal.epochs import SyncEntry
from device.journal.rows import Row, Value

TRACES_KEPT = 4096  # a week of a busy desk, under 1 MB


@dataclass(frozen=True, slots=True)
class Noted:
    """A word of the journal about itself, in `meta`."""

    key: str
    value: str


Entry = Write | SyncEntry | Noted
"""What may stand in a batch: the domain's writes, what sync changes, the journal's own."""

ORDER: tuple[type[Any], ...] = (
    PutCharge,
    PutAttempt,
    PutOrder,
    PutRefund,
    Event,
    PutAnswer,
    Delivered,
    PutTrace,
    *epochs.APPLY,
    Noted,
)
"""Parents before children: a change may list its writes in any order."""

Check = tuple[str, tuple[Value, ...]]
"""A query that gives one row if, and only if, a write is in the file; its parameters."""


@dataclass(slots=True)
class Batch:
    """What one transaction does; made anew for each try."""

    db: sqlite3.Connection
    now: datetime
    link: Link
    checks: dict[tuple[Value, ...], Check] = field(default_factory=dict)
    """By place, so that only the last version of a row is asked for."""
    complete: bool = False
    """Everything was applied: only then can COMMIT have been reached."""

    def apply(self, entries: Iterable[Entry]) -> None:
        """Write them, inside the caller's transaction."""
        for entry in sorted(entries, key=lambda e: ORDER.index(type(e))):
            _APPLY[type(entry)](self, entry)

    def append_event(self, event: Event, more: WireRow | None = None) -> None:
        """Add an event to the chain; `more`: what a digest carries besides."""
        row, self.link = chain.append(self.link, event, more)
        full = self.insert_event(row)
        self.checks["events", self.link.id] = _check("events", ("id", "hash"), full)

    def insert_event(self, row: WireRow) -> dict[str, Value]:
        """Insert the row that the chain's end speaks of; return it as it stands in the file."""
        full: dict[str, Value] = {"id": self.link.id, "epoch": self.link.epoch, **row}
        _insert(self.db, "events", full)
        return full

    def there(self, db: sqlite3.Connection) -> bool:
        """Whether the whole batch is in the file."""
        return self.complete and all(
            db.execute(sql, list(values)).fetchone() for sql, values in self.checks.values()
        )


def _put(make: Callable[[Any, datetime], Row]) -> Callable[[Batch, Any], None]:
    def apply(batch: Batch, write: object) -> None:
        row = make(write, batch.now)
        columns = tuple(row.values)
        batch.db.execute(
            rows.upsert_sql(row.table, columns, row.key, row.once), list(row.values.values())
        )
        asked = tuple(c for c in columns if c not in row.once)
        batch.checks[row.place] = _check(row.table, asked, row.values)

    return apply


def _event(batch: Batch, event: Event) -> None:
    batch.append_event(event)


def _answer(batch: Batch, write: PutAnswer) -> None:
    """Insert; the very same answer once more (a commit tried again) changes nothing."""
    values = rows.answer_values(write)
    same = _check("answers", ("his_id", "business_date", "revision", "content"), values)
    if not batch.db.execute(same[0], list(same[1])).fetchone():
        _insert(batch.db, "answers", values)
    batch.checks["answers", *same[1][:3]] = same


def _delivered(batch: Batch, write: Delivered) -> None:
    """Mark it; an answer that is not there is not delivered either, and that is no error."""
    where = "his_id = ? AND business_date = ? AND revision = ?"
    place: tuple[Value, ...] = (write.id, write.business_date, write.revision)
    batch.db.execute(
        f"UPDATE answers SET delivered = 1 WHERE delivered = 0 AND {where}",  # noqa: S608  constant
        list(place),
    )
    batch.checks["delivered", *place] = (
        f"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM answers WHERE delivered = 0 AND {where})",  # noqa: S608
        place,
    )


def _trace(batch: Batch, write: PutTrace) -> None:
    """Add it and forget the oldest: people ask about payments of these days."""
    trace = write.trace
    values: dict[str, Value] = {
        "out_trade_no": trace.out_trade_no,
        "marks": json.dumps(trace.marks, separators=(",", ":")),
    }
    _insert(batch.db, "traces", values)
    batch.db.execute(
        "DELETE FROM traces WHERE id <= (SELECT max(id) FROM traces) - ?", [TRACES_KEPT]
    )
    batch.checks["traces", trace.out_trade_no] = _check("traces", tuple(values), values)


def _noted(batch: Batch, write: Noted) -> None:
    values: dict[str, Value] = {"key": write.key, "value": write.value}
    batch.db.execute(
        rows.upsert_sql("meta", ("key", "value"), ("key",), frozenset()), list(values.values())
    )
    batch.checks["meta", write.key] = _check("meta", ("key", "value"), values)


def _insert(db: sqlite3.Connection, table: str, values: dict[str, Value]) -> None:
    db.execute(_insert_sql(table, tuple(values)), list(values.values()))


def _check(table: str, columns: tuple[str, ...], values: dict[str, Value]) -> Check:
    return _check_sql(table, columns), tuple(values[c] for c in columns)


@cache
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  our own names


@cache
def _check_sql(table: str, columns: tuple[str, ...]) -> str:
    where = " AND ".join(f"{c} = ?" for c in columns)
    return f"SELECT 1 FROM {table} WHERE {where}"  # noqa: S608  our own names


_APPLY: dict[type[Any], Callable[[Batch, Any], None]] = {
    PutCharge: _put(rows.charge_row),
    PutAttempt: _put(rows.attempt_row),
    PutOrder: _put(rows.order_row),
    PutRefund: _put(rows.refund_row),
    Event: _event,
    PutAnswer: _answer,
    Delivered: _delivered,
    PutTrace: _trace,
    **epochs.APPLY,
    Noted: _noted,
}

T = TypeVar("T")


def immediate(db: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Run `work` in one transaction: the only BEGIN and COMMIT of the product.

    If anything raises, the transaction is rolled back as far as SQLite still allows, and the error
    goes up; after an error of COMMIT itself only the file can tell what happened.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        db.execute("COMMIT")
    except BaseException:
        undo(db)
        raise
    return result


def undo(db: sqlite3.Connection) -> None:
    """Roll back if a transaction is open; a file that cannot even do that is reopened later."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
    except sqlite3.Error:
        db.close()
