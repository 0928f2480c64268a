"""The journal as one thread sees it: open, commit, defer, read, and recover from a bad disk.

Everything here runs in the one writer thread and blocks. `journal.SqliteJournal` is the face that
the loop sees.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from device.clock import Clock
from device.domain.record import Change, PutAnswer, PutAttempt, Write
from device.errors import CommitRefused, JournalDamaged, StorageError
from device.journal import reads, verify, versions
from device.journal.chain import Link
from device.journal.connection import Connect, connect, open_database, storage_error
from device.journal.epochs import CLOCK_KNOWN_SINCE, NewEpoch
from device.journal.marks import Marks
from device.journal.rows import SqlRow, stamp
from device.journal.writes import Batch, Entry, Noted, immediate, undo

log = logging.getLogger(__name__)

EPOCH_BYTES = 8  # 16 hex digits: no two cards of one hospital ever share an epoch
DEFERRED_LIMIT = 256
"""Changes held back. Each lives two seconds; so many mean that the disk has failed for long."""
YOUNG = timedelta(hours=24)  # so long unknown ids are asked for (payment-states §1.9)
BOARD = "board"
"""The key in `meta` of the keyed hash of the board's serial number."""
CHECKPOINT_COMMITS = 64
"""Commits between checkpoints in a pause. Some 25 payments share the rewriting of their pages; more
would save bytes, but a patient may come while it runs, and it is 0.7 MiB to move."""

T = TypeVar("T")


@dataclass(slots=True)
class Store:
    """The open file and what is not yet in it."""

    path: Path
    clock: Clock
    randomness: Callable[[int], bytes]
    """`os.urandom`, or the simulator's."""
    box: str = ""
    connect: Connect = connect
    epoch: str = ""
    answers: Marks = field(default_factory=Marks)
    boot_answer: int = 0
    """The newest answer when this process opened the file: later ids are of this boot."""
    _db: sqlite3.Connection | None = None
    _link: Link = field(default_factory=lambda: Link(""))
    _deferred: list[Change] = field(default_factory=list)
    _commits: int = 0
    _copy: sqlite3.Connection | None = None
    """The file as it is, in memory, while not even a transaction can be begun on it."""
    _settled: bool = False
    """Whether everything that the open file shows is surely on the disk."""
    _since: datetime | None = None
    """When the epoch began, by a clock that could be believed; None = not yet known."""
    _made_s: float | None = None
    """When, by the monotonic clock, if this process made the file."""
    _tried: set[str] = field(default_factory=set)
    """New epochs whose commit may be on the disk although it raised."""

    @property
    def young(self) -> bool:
        """Whether the epoch is younger than 24 h; a clock that is not sane proves nothing."""
        if self._made_s is not None:
            return self.clock.monotonic() - self._made_s < YOUNG.total_seconds()
        if self._since is None or not self.clock.sane():
            return True
        return self.clock.wall() - self._since < YOUNG

    def open(self) -> None:
        """Open, create or migrate, and verify; StorageError or JournalDamaged if it cannot be."""
        try:
            db = open_database(self.path, self.connect)
        except sqlite3.Error as error:
            raise storage_error(error, "cannot open") from error
        try:
            self._settle(db)
            immediate(db, lambda: self._prepare(db))
            verify.at_open(db)
            self._link = verify.end(db)
            self.boot_answer = _number(db, "SELECT coalesce(max(id), 0) FROM answers")
        except sqlite3.Error as error:
            db.close()
            raise storage_error(error, "cannot be used") from error
        except StorageError:
            db.close()
            raise
        self.epoch = self._link.epoch
        self._db = db

    def commit(self, change: Change | tuple[Entry, ...]) -> None:
        """Return when everything deferred and the change are synced to disk.

        StorageError: it is not known to be there, and the journal can be asked again.
        CommitRefused: the schema does not allow it.
        """
        self._note(change)
        dated = self._date()
        self._write((*change, *dated))
        self._deferred.clear()
        self._forget_copy()
        self._commits += 1
        if dated:
            self._since = datetime.fromisoformat(dated[0].value)

    def defer(self, change: Change) -> None:
        """Hold the change for the next commit."""
        self._note(change)
        self._deferred.append(change)

    def flush(self) -> None:
        """Write what was held back, and a mark: an empty transaction would touch no disk."""
        self.commit((Noted("written_at", stamp(self.clock.wall())),))

    def bind(self, board: str, *, again: bool) -> None:
        """Write which board this file belongs to; `again` makes it young once more."""
        young = (Noted(CLOCK_KNOWN_SINCE, ""),) if again else ()
        self.commit((Noted(BOARD, board), *young))
        if again:
            self._since = None

    def new_epoch(self, ended: str, from_seq: int) -> None:
        """End an epoch before `from_seq` and go on in a new one; the journal is young again."""
        name = self.randomness(EPOCH_BYTES).hex()
        self._tried.add(name)
        self.commit((NewEpoch(name, ended, from_seq),))
        self._since = self._made_s = None

    @property
    def waiting(self) -> int:
        """How many changes are held back."""
        return len(self._deferred)

    def idle(self) -> None:
        """Use a pause: write what was held back, and move the WAL into the file when it is due."""
        if self._deferred:
            self.commit(())
        if self._commits >= CHECKPOINT_COMMITS:
            self.checkpoint("PASSIVE")

    def checkpoint(self, mode: str) -> None:
        """Move the WAL into the file; StorageError if the disk fails."""
        db = self._connected()
        try:
            db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            self._drop()
            raise storage_error(error, "checkpoint") from error
        self._commits = 0

    def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the file, with everything deferred laid over it; nothing is written for it."""
        db = self._connected()
        try:
            return self._overlaid(db, question) if self._deferred else question(db)
        except sqlite3.Error as error:
            self._drop()
            raise storage_error(error, "cannot read") from error

    def code_used(self, code_hash: str) -> bool:
        """Whether an attempt had this code: in the file, or among what is held back.

        Not over an overlay as `read`: a scan asks this while the patient waits.
        """
        waiting = (write for change in self._deferred for write in change)
        if any(isinstance(w, PutAttempt) and w.attempt.code_hash == code_hash for w in waiting):
            return True
        db = self._connected()
        try:
            return reads.code_used(db, code_hash)
        except sqlite3.Error as error:
            self._drop()
            raise storage_error(error, "cannot read") from error

    def durable(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask what is surely on the disk: what may still be lost must not leave the box."""
        db = self._connected()
        try:
            self._settle(db)
            return question(db)
        except sqlite3.Error as error:
            self._drop()
            raise storage_error(error, "cannot read") from error

    def close(self) -> None:
        """Write what was held back and close; StorageError if the disk fails."""
        try:
            if self._deferred:
                self.commit(())
        finally:
            self._forget_copy()
            self._drop()

    def age(self, row: SqlRow) -> float | None:
        """Return when, by the monotonic clock, an answer was stored; None if before this boot."""
        if row["id"] <= self.boot_answer:
            return None
        mono_s = self.answers.get((row["business_date"], row["his_id"], row["revision"]))
        return self.answers.oldest() if mono_s is None else mono_s

    def _date(self) -> tuple[Noted, ...]:
        """The mark from which the epoch's age counts, once the clock is sane."""
        known = self._since is not None or not self.clock.sane()
        return () if known else (Noted(CLOCK_KNOWN_SINCE, stamp(self.clock.wall())),)

    def _prepare(self, db: sqlite3.Connection) -> None:
        now = self.clock.wall()
        if versions.migrate(db, now) and not _number(db, "SELECT count(*) FROM epochs"):
            epoch = self.randomness(EPOCH_BYTES).hex()
            db.execute(
                "INSERT INTO epochs (epoch, first_id, opened_at) VALUES (?, 1, ?)",
                [epoch, stamp(now)],
            )
            for pair in (("box", self.box), ("created_at", stamp(now)), ("opened_at", "")):
                db.execute("INSERT INTO meta VALUES (?, ?)", list(pair))
            self._made_s = self.clock.monotonic()
        since = db.execute("SELECT value FROM meta WHERE key = ?", [CLOCK_KNOWN_SINCE]).fetchone()
        self._since = datetime.fromisoformat(since["value"]) if since and since["value"] else None
        # A write at each opening: a read-only disk shows now, not at the first patient.
        db.execute("UPDATE meta SET value = ? WHERE key = 'opened_at'", [stamp(now)])

    def _write(self, change: Change | tuple[Entry, ...]) -> None:
        db = self._connected()
        batch = Batch(db, self.clock.wall(), self._link)

        def work() -> None:
            self._lay(batch)
            batch.apply(change)
            batch.complete = True

        try:
            self._settle(db)
            immediate(db, work)
        except sqlite3.IntegrityError as error:
            raise CommitRefused(f"journal: refused: {error}") from error
        except sqlite3.Error as error:
            self._find_again(batch, error)
        self._link = batch.link
        self.epoch = batch.link.epoch

    def _lay(self, batch: Batch) -> None:
        """Apply what is deferred; a held-back change that the schema refuses is dropped alone.

        It was never promised to be durable, and it must not hold up the commit that is.
        """
        for change in self._deferred:
            before = (batch.link, dict(batch.checks))
            batch.db.execute("SAVEPOINT held_back")
            try:
                batch.apply(change)
            except sqlite3.IntegrityError as error:
                log.error("journal: a deferred change was refused: %s", error)  # noqa: TRY400  no values in a log
                batch.db.execute("ROLLBACK TO held_back")
                batch.link, batch.checks = before
            batch.db.execute("RELEASE held_back")

    def _find_again(self, batch: Batch, error: sqlite3.Error) -> None:
        """After an error of the transaction: reopen and look; return only if it is there for good.

        What a reader sees may still be only in the page cache, so the WAL is synced and moved into
        the file before the change counts as durable (payment-states §1.5, M2).
        """
        self._drop()
        db = self._connected()
        try:
            if batch.there(db):
                self._settle(db)
                return
        except sqlite3.Error as again:
            self._drop()
            raise storage_error(again, "commit failed, and cannot be looked for") from again
        raise storage_error(error, "commit failed") from error

    def _settle(self, db: sqlite3.Connection) -> None:
        """Before a file that was just opened is written: move its WAL into it, and sync that.

        Where the WAL's last sync failed, Linux shows it from the page cache and calls the pages
        clean: no later sync of the WAL would write them, and every commit behind them would end
        with them at the next power cut.
        """
        if self._settled:
            return
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StorageError("journal: the WAL cannot be moved into the file: it is in use")
        self._settled = True

    def _overlaid(self, db: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # a read-only disk takes no transaction at all
            db = self._copied(db)
            db.execute("BEGIN IMMEDIATE")
        try:
            self._lay(Batch(db, self.clock.wall(), self._link))
            return question(db)
        finally:
            undo(db)

    def _copied(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """Return the file in memory, to lay over it what waits; made once while the disk fails."""
        if self._copy is None:
            memory = sqlite3.connect(":memory:", isolation_level=None)
            memory.row_factory = sqlite3.Row
            db.backup(memory)
            self._copy = memory
        return self._copy

    def _forget_copy(self) -> None:
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _connected(self) -> sqlite3.Connection:
        """Return the open file, reopened if the last error closed it."""
        if self._db is None:
            try:
                db = open_database(self.path, self.connect)
                link = verify.end(db)
            except sqlite3.Error as error:
                raise storage_error(error, "cannot reopen") from error
            if link.epoch not in {self.epoch, *self._tried}:
                db.close()
                raise JournalDamaged("journal: the file was replaced while the box ran")
            self._db, self._link = db, link
        return self._db

    def _drop(self) -> None:
        db, self._db, self._settled = self._db, None, False
        if db is not None:
            try:
                db.close()
            except sqlite3.Error:
                log.warning("journal: closing the file failed")

    def _note(self, change: Iterable[Write | Entry]) -> None:
        now = self.clock.monotonic()
        for write in change:
            if isinstance(write, PutAnswer):
                answer = write.answer
                self.answers.note((write.business_date, answer.id, answer.revision), now)


def _number(db: sqlite3.Connection, sql: str) -> int:
    (number,) = db.execute(sql).fetchone()
    return int(number)
