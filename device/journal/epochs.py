"""What sync changes in the file: how far the centre is, epochs that end and begin, digests.

An epoch names one run of `seq`. It ends only where the centre holds other events under its next
numbers, or more of them than this file (a card that lied about syncing, payment-states M25): what
this file holds from there on is written once more in a new epoch, under the same uids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.domain.chain import WireRow
from device.domain.record import Event
from device.journal import chain
from device.journal.chain import COLUMNS, Link
from device.journal.rows import stamp

if TYPE_CHECKING:
    from device.journal.writes import Batch

CLOCK_KNOWN_SINCE = "sane_since"
"""The key in `meta` of the first moment of the epoch at which the clock was sane: a card that was
written before the clock was set would otherwise be born old."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The centre has every event of this epoch up to `seq`."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Rewound:
    """The centre has this epoch only up to `seq`; `earlier`: it may lack every earlier one too."""

    epoch: str
    seq: int
    earlier: bool


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """An epoch ends before `from_seq`; what it holds from there on is written again in a new one.

    From there on the centre knows what this journal has lost, so it is young again (§1.9).
    """

    epoch: str
    """The new one's name."""
    ended: str
    from_seq: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """The lost events of an epoch are dealt with up to before `next_seq`; 0 = all of them."""

    epoch: str
    next_seq: int


@dataclass(frozen=True, slots=True)
class DigestDue:
    """A digest of the events since the last one is to be written, unless that day has it."""

    event: Event
    date: str


SyncEntry = Acknowledged | Rewound | NewEpoch | Fetched | DigestDue


def _acknowledged(batch: "Batch", write: Acknowledged) -> None:
    """Raise the mark; another epoch, a lower seq, or one that was never given, changes nothing."""
    changed = batch.db.execute(
        "UPDATE epochs SET acknowledged = ? WHERE epoch = ? AND acknowledged < ? "
        "AND EXISTS (SELECT 1 FROM events WHERE id = first_id + ? - 1 AND epoch = epochs.epoch)",
        [write.seq, write.epoch, write.seq, write.seq],
    )
    if changed.rowcount:
        batch.checks["epochs", write.epoch] = (
            "SELECT 1 FROM epochs WHERE epoch = ? AND acknowledged >= ?",
            (write.epoch, write.seq),
        )


def _rewound(batch: "Batch", write: Rewound) -> None:
    """Lower the mark: what the centre has lost is sent again."""
    earlier = "first_id <= (SELECT first_id FROM epochs WHERE epoch = ?)"
    which = earlier if write.earlier else "epoch = ?"
    batch.db.execute(
        f"UPDATE epochs SET acknowledged = ? WHERE acknowledged > ? AND {which}",  # noqa: S608  constants
        [write.seq, write.seq, write.epoch],
    )
    batch.checks["epochs", write.epoch] = (
        "SELECT 1 FROM epochs WHERE epoch = ? AND acknowledged <= ?",
        (write.epoch, write.seq),
    )


def _new_epoch(batch: "Batch", write: NewEpoch) -> None:
    db, end = batch.db, batch.link.id
    db.execute(
        "INSERT INTO epochs (epoch, first_id, opened_at) VALUES (?, ?, ?)",
        [write.epoch, end + 1, stamp(batch.now)],
    )
    again = _written_again(batch, write)
    db.execute(
        "UPDATE epochs SET ended = ?, lost_from = ?, acknowledged = min(acknowledged, ?) "
        "WHERE epoch = ?",
        [write.from_seq - 1, write.from_seq, write.from_seq - 1, write.ended],
    )
    db.execute("UPDATE meta SET value = '' WHERE key = ?", [CLOCK_KNOWN_SINCE])
    batch.link = Link(write.epoch, end)
    for row in again:
        numbered, batch.link = chain.follow(batch.link, row)
        batch.insert_event(numbered)
    batch.checks["epochs", write.epoch] = (
        "SELECT 1 FROM epochs WHERE epoch = ?",
        (write.epoch,),
    )


def _written_again(batch: "Batch", write: NewEpoch) -> list[WireRow]:
    """The events from `from_seq` on, but none that is older than what a later epoch says.

    A digest speaks of its own epoch alone; the next one speaks of the new epoch from its beginning.
    """
    db = batch.db
    ended = db.execute(
        "SELECT first_id, coalesce(ended, ?) AS last FROM epochs WHERE epoch = ?",
        [batch.link.id, write.ended],
    ).fetchone()
    first, last = ended["first_id"] + write.from_seq - 1, ended["first_id"] + ended["last"] - 1
    later = {row["uid"] for row in db.execute("SELECT uid FROM events WHERE id > ?", [last])}
    found = db.execute(
        "SELECT * FROM events WHERE epoch = ? AND id BETWEEN ? AND ? AND kind <> 'digest' "
        "ORDER BY id",
        [write.ended, first, last],
    )
    return [{c: row[c] for c in COLUMNS} for row in found if row["uid"] not in later]


def _fetched(batch: "Batch", write: Fetched) -> None:
    batch.db.execute(
        "UPDATE epochs SET lost_from = ? WHERE epoch = ? AND lost_from > 0",
        [write.next_seq, write.epoch],
    )


def _digest(batch: "Batch", write: DigestDue) -> None:
    """How many events since the last digest, their sum, and the hash of the last of them."""
    db, link = batch.db, batch.link
    newest = db.execute(
        "SELECT id, date FROM events WHERE kind = 'digest' ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if newest and newest["date"] == write.date:
        return
    after = max(newest["id"] if newest else 0, link.id - link.seq)
    row = db.execute(
        "SELECT count(*) AS count, coalesce(sum(amount_fen), 0) AS sum_fen FROM events "
        "WHERE id > ?",
        [after],
    ).fetchone()
    more: WireRow = {"date": write.date, "count": row["count"], "sum_fen": row["sum_fen"]}
    batch.append_event(write.event, more | {"last_hash": link.hash})


APPLY: dict[type[Any], Callable[["Batch", Any], None]] = {
    Acknowledged: _acknowledged,
    Rewound: _rewound,
    NewEpoch: _new_epoch,
    Fetched: _fetched,
    DigestDue: _digest,
}
"""In the order in which they are applied."""
