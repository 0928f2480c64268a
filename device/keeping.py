"""What the desk may still do while the journal cannot be written (payment-states M21).

A change is kept, whether it plans something or tells what has happened: a commit that raises may be
on the disk all the same (payment-states §1.5). It is handed to the journal as deferred, so that
reads see it and the next write that succeeds takes it along, and the desk goes on from there. Until
then the HIS hears of every charge and refund only that it is not known.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from device.domain.answers import storage_failed
from device.domain.desk.deliver import subject
from device.domain.desk.effects import Pursue, PursueRefund
from device.domain.desk.model import Subject
from device.domain.ports import Journal
from device.domain.record import Change, PutAnswer
from device.domain.replies import Part, RefundResult, Reply, Result
from device.errors import CommitRefused, StorageError

log = logging.getLogger(__name__)

FAILED_PARTS = {"disk": "存储故障，数据无法写入", "journal": "流水无法写入，暂停收款"}
REFUSED_TEXT = "流水拒绝了一笔变更，请联系技术人员"
NOT_KNOWN = "querying"  # the word for `wait`: never `reversing`, after which a bill is paid anew

StateTold = Callable[[Subject], str]
"""The `state` of the newest answer of a try before this event; empty if there is none."""


@dataclass(slots=True)
class Keeping:
    """Writes for the desk, and knows what is only in memory."""

    journal: Journal
    failed: bool = False
    refused: bool = False
    """The file refused a change: code and file contradict each other, a person must look."""
    held: list[Pursue | PursueRefund] = field(default_factory=list)
    """What was asked for just when the disk failed: its first byte waits for the disk."""
    _states: dict[Subject, str] = field(default_factory=dict)
    """Tries with an answer that is only in memory, and the state that the disk knows."""
    _hinted: set[Subject] = field(default_factory=set)
    """Tries of which the HIS heard `storage_failed`."""

    async def commit(self, change: Change, *, told: StateTold) -> None:
        """Write, or keep; `CommitRefused` if the file contradicts the change."""
        try:
            await self.journal.commit(change)
        except CommitRefused as error:  # it can never take hold, so it is never tried again
            self.refused = True
            log.critical("the journal refuses a change: %s", error)
            raise
        except StorageError as error:
            self.fail(error)
            self._keep(change, told)
        else:
            self.failed = False

    async def flush(self) -> None:
        """Try whether the disk takes a write again, with all that is kept."""
        try:
            await self.journal.flush()
        except StorageError as error:
            self.fail(error)
        else:
            self.failed = False

    def fail(self, error: StorageError) -> None:
        """Note that the journal could not be written, or not even read."""
        if not self.failed:
            log.error("the journal cannot be written: %s", error)
        self.failed = True

    def _keep(self, change: Change, told: StateTold) -> None:
        for write in change:
            if isinstance(write, PutAnswer):
                about = subject(write.business_date, write.answer)
                self._states.setdefault(about, told(about) or NOT_KNOWN)
        self.journal.defer(change)

    def sayable(self, reply: Reply) -> Reply:
        """Return the reply as the HIS may hear it now."""
        if not self.failed or not isinstance(reply, (Result, RefundResult)):
            return reply
        about = subject(getattr(reply, "business_date", ""), reply)
        self._hinted.add(about)
        was = getattr(reply, "state", "") or NOT_KNOWN
        return storage_failed(reply, self._states.get(about, was))

    def concerned(self) -> list[Subject]:
        """The tries whose newest answer the HIS is to be told when it is durable."""
        return sorted({*self._states, *self._hinted})

    def all_good(self) -> None:
        """Everything that was kept is durable."""
        self._states.clear()
        self._hinted.clear()

    def released(self) -> list[Pursue | PursueRefund]:
        """Return, once, what waited for the disk."""
        waiting, self.held = self.held, []
        return waiting

    def parts(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        """Return the diagnosis with what is known here about the disk."""
        return tuple(self._part(p) for p in parts)

    def _part(self, part: Part) -> Part:
        if self.failed and part.part in FAILED_PARTS:
            return replace(part, state="fail", text=FAILED_PARTS[part.part])
        if self.refused and part.part == "journal":
            return replace(part, state="fail", text=REFUSED_TEXT)
        return part
