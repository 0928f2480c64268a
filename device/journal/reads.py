"""What the deciding part asks of the journal, as queries over an open file."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from device.domain.chain import GENESIS, WireRow, columns_of
from device.domain.charge import Charge
from device.domain.outbox import Backlog, Lost
from device.domain.record import Order, Stored, Ticket
from device.domain.trace import Trace
from device.domain.words import Wallet
from device.journal import rows
from device.journal.rows import SqlRow

# The conditions are those of the partial indexes, word for word: SQLite uses them only then.
OPEN_CHARGES = "state = 'open'"
OPEN_ATTEMPTS = "state IN ('intended','waiting','unknown','reversing','refund_due','refunding')"
WATCHED_ATTEMPTS = "watch = 1 AND watched < 4 AND state IN ('failed','reversed')"
UNBOOKED_CHARGES = "state = 'paid' AND booking IN ('offered','held')"
OPEN_REFUNDS = "state IN ('requested','sent','pending')"

UNSETTLED = (
    f"SELECT business_date, his_id, stored_at FROM charges WHERE {OPEN_CHARGES}",  # noqa: S608  constants
    f"SELECT business_date, his_id, stored_at FROM charges WHERE {UNBOOKED_CHARGES}",  # noqa: S608
    f"SELECT business_date, his_id, stored_at FROM attempts WHERE {OPEN_ATTEMPTS}",  # noqa: S608
    f"SELECT business_date, his_id, stored_at FROM attempts WHERE {WATCHED_ATTEMPTS}",  # noqa: S608
    f"SELECT '' AS business_date, his_id, stored_at FROM refunds WHERE {OPEN_REFUNDS}",  # noqa: S608
)

PAYMENT_OPEN = (
    f"SELECT EXISTS (SELECT 1 FROM charges WHERE {OPEN_CHARGES}) OR EXISTS "  # noqa: S608
    "(SELECT 1 FROM attempts WHERE state IN ('intended','waiting','unknown','reversing'))"
)

Age = Callable[[SqlRow], float | None]
"""The monotonic time of a row of answers, None if an earlier process stored it."""


def ticket(db: sqlite3.Connection, business_date: str, his_id: str, age: Age) -> Ticket | None:
    """Return everything under one HIS id, None if there is nothing.

    An id of a refund or reverse is never reused whatever the date (his-link §3.10): its ticket has
    no business_date, whichever was asked for.
    """
    refund = db.execute("SELECT * FROM refunds WHERE his_id = ?", [his_id]).fetchone()
    if refund is not None:
        told = _answers(db, "his_id = ?", [his_id], age)
        return Ticket(
            "", his_id, refund=rows.refund_from(refund), stored=told[-1] if told else None
        )
    charges = _charges(db, business_date, his_id)
    told = _answers(db, "his_id = ? AND business_date = ?", [his_id, business_date], age)
    if not charges and not told:
        return None
    return Ticket(
        business_date,
        his_id,
        charges=charges,
        stored=told[-1] if told else None,
        older=told[:-1],
    )


def any_day(db: sqlite3.Connection, his_id: str, age: Age) -> Ticket | None:
    """Return what has this id on any day: ids of refunds are unlike those of every charge."""
    newest = "SELECT business_date FROM charges WHERE his_id = ? ORDER BY stored_at DESC LIMIT 1"
    row = db.execute(newest, [his_id]).fetchone()
    return ticket(db, row["business_date"] if row else "", his_id, age)


def order(db: sqlite3.Connection, out_trade_no: str) -> Order | None:
    """Return one order number with the sum of its refunds, None if it was never put."""
    row = db.execute("SELECT * FROM orders WHERE out_trade_no = ?", [out_trade_no]).fetchone()
    if row is None:
        return None
    own = db.execute(
        "SELECT business_date, his_id, try FROM attempts WHERE out_trade_no = ?", [out_trade_no]
    ).fetchone()
    refund = db.execute(
        f"SELECT his_id, stored_at FROM refunds WHERE out_trade_no = ? AND {OPEN_REFUNDS} "  # noqa: S608
        "ORDER BY stored_at LIMIT 1",
        [out_trade_no],
    ).fetchone()
    return Order(
        out_trade_no=out_trade_no,
        wallet=Wallet(row["wallet"]),
        amount_fen=row["amount_fen"],
        refund_fen=row["refund_fen"],
        elsewhere_fen=row["elsewhere_fen"],
        key=rows.key_from(own) if own else None,
        open_refund_id=refund["his_id"] if refund else "",
        open_refund_at=datetime.fromisoformat(refund["stored_at"]) if refund else None,
    )


def payment_open(db: sqlite3.Connection) -> bool:
    """Whether somebody is paying, or it is not known yet how that ended."""
    return bool(db.execute(PAYMENT_OPEN).fetchone()[0])


def unsettled(db: sqlite3.Connection, age: Age) -> list[Ticket]:
    """Return the tickets that recovery works on, oldest first."""
    found: dict[tuple[str, str], str] = {}
    for sql in UNSETTLED:
        for row in db.execute(sql):
            place = (row["business_date"], row["his_id"])
            found[place] = min(found.get(place, row["stored_at"]), row["stored_at"])
    tickets = (ticket(db, *place, age) for place in sorted(found, key=found.__getitem__))
    return [t for t in tickets if t is not None]


def undelivered(db: sqlite3.Connection, age: Age) -> list[Stored]:
    """Return the newest answers that are to be offered and were not delivered, oldest first."""
    sql = "SELECT * FROM answers WHERE newest = 1 AND offer = 1 AND delivered = 0 ORDER BY id"
    return [rows.stored_from(row, age(row)) for row in db.execute(sql)]


def last(db: sqlite3.Connection, age: Age) -> Stored | None:
    """Return the newest result that is final or was pushed."""
    row = db.execute(
        "SELECT * FROM answers WHERE type = 'result' AND (offer = 1 OR status <> 'unknown') "
        "ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return rows.stored_from(row, age(row)) if row else None


def code_used(db: sqlite3.Connection, code_hash: str) -> bool:
    """Return whether any attempt had this code.

    However long ago: what is written beside it is a wall clock's time, which may have been wrong
    by a day when it was written or be wrong now (M18). A wallet's code lives a minute and has 16
    free digits, so that one of 400 days ago does not come again.
    """
    sql = "SELECT 1 FROM attempts WHERE code_hash = ? LIMIT 1"
    return db.execute(sql, [code_hash]).fetchone() is not None


def backlog(db: sqlite3.Connection, limit: int) -> Backlog:
    """Return the oldest epoch with events that the centre has not acknowledged, and those events.

    Every epoch is a range of `id`, so nothing but the rows themselves is read.
    """
    runs = _runs(db)
    sending = next((r for r in runs if r.end > r.acknowledged), runs[-1])
    lost = next((r for r in runs if r.lost_from), None)
    return Backlog(
        epoch=sending.epoch,
        acknowledged=sending.acknowledged,
        end=sending.end,
        rows=tuple(_wire_rows(db, sending, sending.acknowledged + 1, limit)),
        newest=sending is runs[-1],
        replaced=any(r.ended is not None for r in runs),
        unheard=_unheard(runs),
        waiting=sum(r.end - r.acknowledged for r in runs),
        lost=_lost(db, lost) if lost else None,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """One epoch: a range of ids."""

    epoch: str
    first_id: int
    acknowledged: int
    ended: int | None
    lost_from: int
    end: int
    """The last seq that is to be sent."""


def _runs(db: sqlite3.Connection) -> list[_Run]:
    """Every epoch, oldest first; in a file there are one or two."""
    found = db.execute("SELECT * FROM epochs ORDER BY first_id").fetchall()
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    ends = [row["first_id"] for row in found[1:]] + [last + 1]
    return [
        _Run(
            row["epoch"],
            row["first_id"],
            row["acknowledged"],
            row["ended"],
            row["lost_from"],
            end - row["first_id"] if row["ended"] is None else row["ended"],
        )
        for row, end in zip(found, ends, strict=True)
    ]


def _unheard(runs: Sequence[_Run]) -> int:
    heard = (n for n, run in enumerate(reversed(runs[1:])) if run.acknowledged)
    return next(heard, len(runs) - 1)


def _wire_rows(db: sqlite3.Connection, run: _Run, from_seq: int, limit: int) -> Iterator[WireRow]:
    count = min(limit, run.end - from_seq + 1)
    first = run.first_id + from_seq - 1
    for row in db.execute(
        "SELECT * FROM events WHERE id BETWEEN ? AND ? ORDER BY id", [first, first + count - 1]
    ):
        yield {name: row[name] for name in (*columns_of(row["kind"]), "prev", "hash")}


def _lost(db: sqlite3.Connection, run: _Run) -> Lost:
    """What is to be fetched; its first row follows ours if nothing of it was fetched yet."""
    at = run.first_id + run.lost_from - 2
    before = db.execute(
        "SELECT hash FROM events WHERE id = ? AND epoch = ?", [at, run.epoch]
    ).fetchone()
    fresh = run.ended is not None and run.lost_from == run.ended + 1
    prev = (before["hash"] if before else GENESIS) if fresh else ""
    return Lost(run.epoch, run.lost_from, prev)


def traces(db: sqlite3.Connection, after: int, limit: int) -> list[tuple[int, Trace]]:
    """Return the newest traces behind a place in the table, oldest first."""
    sql = "SELECT * FROM traces WHERE id > ? ORDER BY id DESC LIMIT ?"
    found = db.execute(sql, [after, limit]).fetchall()
    return [
        (row["id"], rows.trace_of(row["out_trade_no"], row["marks"])) for row in reversed(found)
    ]


def acted(db: sqlite3.Connection, do_id: str) -> bool:
    """Return whether an event of this action was written."""
    row = db.execute("SELECT 1 FROM events WHERE do_id = ? LIMIT 1", [do_id]).fetchone()
    return row is not None


def board(db: sqlite3.Connection) -> str:
    """Return the board that the file is bound to, empty if to none."""
    row = db.execute("SELECT value FROM meta WHERE key = 'board'").fetchone()
    return str(row["value"]) if row else ""


def _charges(db: sqlite3.Connection, business_date: str, his_id: str) -> tuple[Charge, ...]:
    where = "WHERE his_id = ? AND business_date = ?"
    place = [his_id, business_date]
    attempts = db.execute(f"SELECT * FROM attempts {where} ORDER BY try, number", place).fetchall()  # noqa: S608
    charges = db.execute(f"SELECT * FROM charges {where} ORDER BY try", place).fetchall()  # noqa: S608
    return tuple(
        rows.charge_from(c, [rows.attempt_from(a) for a in attempts if a["try"] == c["try"]])
        for c in charges
    )


def _answers(db: sqlite3.Connection, where: str, place: list[str], age: Age) -> tuple[Stored, ...]:
    """Return the newest answer of each try, the newest of all last."""
    found = db.execute(f"SELECT * FROM answers WHERE {where} ORDER BY revision", place)  # noqa: S608
    newest = {row["try"]: row for row in found}
    held = sorted(newest.values(), key=lambda row: int(row["revision"]))
    return tuple(rows.stored_from(row, age(row)) for row in held)
