"""The journal as the loop sees it: `domain.ports.Journal` over one store in one thread."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from device.clock import Clock
from device.domain.outbox import Backlog
from device.domain.record import Change, Event, Order, Stored, Ticket
from device.domain.replies import SummaryRow
from device.domain.trace import Trace
from device.errors import StorageError
from device.journal import reads, summary, verify
from device.journal.connection import Connect, connect
from device.journal.epochs import Acknowledged, DigestDue, Fetched, Rewound
from device.journal.store import DEFERRED_LIMIT, Store
from device.journal.threads import Runner
from device.journal.verify import Report

log = logging.getLogger(__name__)

T = TypeVar("T")

IDLE_S = 2.0  # seconds without a commit after which deferred changes are written


class SqliteJournal:
    """Implements `domain.ports.Journal`; made by `open`, ended by `aclose`."""

    def __init__(self, store: Store, runner: Runner) -> None:
        self._store = store
        self._runner = runner
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.Task[None] | None = None

    @classmethod
    async def open(  # noqa: PLR0913  each is a port that app.py or a test plugs in
        cls,
        path: Path,
        clock: Clock,
        runner: Runner,
        *,
        randomness: Callable[[int], bytes] = os.urandom,
        box: str = "",
        connect: Connect = connect,
    ) -> Self:
        """Open or create the file; StorageError, or JournalDamaged if it cannot be believed."""
        store = Store(path, clock, randomness, box, connect)
        await runner.run(store.open)
        return cls(store, runner)

    async def aclose(self) -> None:
        """Write what is deferred, close the file and end the thread."""
        if self._timer is not None:
            self._timer.cancel()
        if self._pause is not None:
            await self._pause
        try:
            await self._runner.run(self._store.close)
        finally:
            self._runner.stop()

    @property
    def epoch(self) -> str:
        """16 hex digits that name this file."""
        return self._store.epoch

    @property
    def young(self) -> bool:
        """Younger than 24 h, or not known to be older (payment-states §1.9)."""
        return self._store.young

    async def commit(self, change: Change) -> None:
        """Return when the change, and everything deferred before it, is synced to disk.

        StorageError: not known to be there, may be tried again. `CommitRefused`: the schema does
        not allow it (an over-refund, a number used twice); nothing of the change was written.
        """
        await self._runner.run(lambda: self._store.commit(change))
        self._wait_for_pause()

    def defer(self, change: Change) -> None:
        """Write with the next commit, or after two idle seconds; StorageError if too many wait."""
        if self._store.waiting >= DEFERRED_LIMIT:
            raise StorageError("journal: too much is waiting to be written")
        self._runner.post(lambda: self._store.defer(change))
        if self._timer is None:
            self._wait_for_pause()

    async def flush(self) -> None:
        """Write what is deferred, and a mark, to the disk; StorageError while it takes nothing."""
        await self._runner.run(self._store.flush)

    async def ticket(self, business_date: str, his_id: str) -> Ticket | None:
        """Everything under one HIS id; for an id of a refund the date does not matter."""
        return await self._ask(lambda db: reads.ticket(db, business_date, his_id, self._store.age))

    async def any_day(self, his_id: str) -> Ticket | None:
        """What has this HIS id on any day."""
        return await self._ask(lambda db: reads.any_day(db, his_id, self._store.age))

    async def order(self, out_trade_no: str) -> Order | None:
        """One order number with its refunds, None if it was never put."""
        return await self._ask(lambda db: reads.order(db, out_trade_no))

    async def unsettled(self) -> Sequence[Ticket]:
        """What recovery works on, oldest first."""
        return await self._ask(lambda db: reads.unsettled(db, self._store.age))

    async def undelivered(self) -> Sequence[Stored]:
        """Newest answers to be offered and not delivered, oldest first."""
        return await self._ask(lambda db: reads.undelivered(db, self._store.age))

    async def last(self) -> Stored | None:
        """The newest result that is final or was pushed."""
        return await self._ask(lambda db: reads.last(db, self._store.age))

    async def summary(self, date: str, operator: str) -> Sequence[SummaryRow]:
        """What was taken and given back on a Beijing date; `operator` empty = by everybody."""
        return await self._ask(lambda db: summary.of_day(db, date, operator))

    async def code_used(self, code_hash: str) -> bool:
        """Whether an attempt had this code, however long ago: no clock is asked."""
        return await self._runner.run(lambda: self._store.code_used(code_hash))

    async def backlog(self, limit: int) -> Backlog:
        """The oldest events that the centre has not acknowledged, and where things stand."""
        return await self._runner.run(
            lambda: self._store.durable(lambda db: reads.backlog(db, limit))
        )

    async def traces(self, after: int, limit: int) -> Sequence[tuple[int, Trace]]:
        """The newest traces with their places, oldest first, none up to the place `after`."""
        return await self._runner.run(
            lambda: self._store.durable(lambda db: reads.traces(db, after, limit))
        )

    async def acknowledge(self, epoch: str, seq: int) -> None:
        """Remember durably that the centre has this epoch up to `seq`; it never goes back."""
        await self._runner.run(lambda: self._store.commit((Acknowledged(epoch, seq),)))

    async def rewind(self, epoch: str, seq: int, *, earlier: bool) -> None:
        """The centre lost what came after `seq`, perhaps all that is earlier: it waits again."""
        await self._runner.run(lambda: self._store.commit((Rewound(epoch, seq, earlier),)))

    async def new_epoch(self, ended: str, from_seq: int) -> None:
        """End an epoch before `from_seq`, write the rest again in a new one (M25)."""
        await self._runner.run(lambda: self._store.new_epoch(ended, from_seq))

    async def fetched(self, epoch: str, next_seq: int) -> None:
        """Remember how far the lost events of an epoch are dealt with; 0 = all of them."""
        await self._runner.run(lambda: self._store.commit((Fetched(epoch, next_seq),)))

    async def digest(self, event: Event, date: str) -> None:
        """Write a digest of everything since the last one, unless that date has one."""
        await self._runner.run(lambda: self._store.commit((DigestDue(event, date),)))

    async def acted(self, do_id: str) -> bool:
        """Whether an event of this action of the centre was ever written."""
        return await self._ask(lambda db: reads.acted(db, do_id))

    async def board(self) -> str:
        """The keyed hash of the board that this file is bound to; empty if to none."""
        return await self._ask(reads.board)

    async def bind(self, board: str, *, again: bool = False) -> None:
        """Bind the file to a board.

        `again`: it was bound, so it may be an old copy: unknown ids are asked for once more (§1.9).
        """
        await self._runner.run(lambda: self._store.bind(board, again=again))

    async def verify(self) -> Report:
        """Check the whole file: chain, sums, structure. Takes seconds for a year of payments."""
        return await self._ask(verify.whole)

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return await self._runner.run(lambda: self._store.read(question))

    def _wait_for_pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._on_pause)

    def _on_pause(self) -> None:
        self._timer = None
        self._pause = asyncio.create_task(self._use_pause())

    async def _use_pause(self) -> None:
        try:
            await self._runner.run(self._store.idle)
        except StorageError as error:
            log.warning("%s", error)
            if self._store.waiting:
                self._wait_for_pause()
