"""Three facts about one charge, each read apart: the provider's book, the journal, the last frame.

The journal is read by plain SQL as `docs/journal.md` invites; the HIS's last frame comes from the
cable, not from the HIS's own books.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from device.domain.money import format_yuan
from simulators.demo.provider import Trade

LOCK_PATIENCE_S = 5.0  # a checkpoint of the box may hold the file for a moment
_ATTEMPTS = """
SELECT a.out_trade_no, a.state, a.amount_fen, coalesce(sum(r.amount_fen), 0)
FROM attempts a
LEFT JOIN refunds r ON r.out_trade_no = a.out_trade_no AND r.state = 'refunded'
WHERE a.his_id = ?
GROUP BY a.out_trade_no ORDER BY a.try, a.number
"""
_CHARGE = "SELECT state FROM charges WHERE his_id = ? ORDER BY try DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Fact:
    """One book's word on a charge, and what the hospital has by it."""

    words: str
    held_fen: int

    def __str__(self) -> str:
        """E.g. `paid 12.34`."""
        return f"{self.words} {format_yuan(self.held_fen)}"


@dataclass(frozen=True, slots=True)
class JournalAttempt:
    """One row of `attempts` with what was refunded of it."""

    out_trade_no: str
    state: str
    amount_fen: int
    refunded_fen: int

    @property
    def held_fen(self) -> int:
        """What the hospital has of it."""
        return self.amount_fen - self.refunded_fen if self.state == "paid" else 0


def attempts(journal: Path, his_id: str) -> list[JournalAttempt]:
    """Return the attempts of an id over all its tries; the file is opened read-only."""
    with _open(journal) as connection:
        return [JournalAttempt(*row) for row in connection.execute(_ATTEMPTS, (his_id,))]


def in_journal(journal: Path, his_id: str) -> Fact:
    """The box's own memory."""
    with _open(journal) as connection:
        row = connection.execute(_CHARGE, (his_id,)).fetchone()
    rows = attempts(journal, his_id)
    states = "+".join(one.state for one in rows)
    words = "/".join(word for word in (row[0] if row else "none", states) if word)
    return Fact(words, sum(one.held_fen for one in rows))


def at_provider(trades: Iterable[Trade]) -> Fact:
    """The providers' book."""
    known = list(trades)
    words = "+".join(one.state for one in known) or "none"
    return Fact(words, sum(one.held_fen for one in known))


def at_his(frame: Mapping[str, object]) -> Fact:
    """The last frame about the charge: the HIS books on `paid` and on nothing else."""
    status = str(frame.get("status") or frame.get("code") or "none")
    if status != "paid":
        return Fact(status, 0)
    return Fact(status, _fen(frame, "amount_fen") - _fen(frame, "refunded_fen"))


def _fen(frame: Mapping[str, object], name: str) -> int:
    value = frame.get(name, 0)
    return value if isinstance(value, int) else 0


@contextmanager
def _open(journal: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection, closed at the end (sqlite3's own `with` only commits)."""
    connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=LOCK_PATIENCE_S)
    try:
        yield connection
    finally:
        connection.close()
