"""A centre in a few lines, a journal in a real file, and the uploader between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from device.domain.action import Action
from device.domain.chain import WireRow
from device.errors import SyncError
from device.sync import wire
from device.sync.exchange import Sender
from device.sync.uploader import Abilities, Outbox, Uploader
from tests.journal.conftest import FakeClock, Opener, Records, clock, make, opened, path

__all__ = ["clock", "make", "opened", "path"]  # fixtures

KEY = bytes(range(32))
BOX = "BOX-0001"


@dataclass
class SmallCenter:
    """What center §3 says, for one box, without a database."""

    rows: dict[str, list[WireRow]] = field(default_factory=dict)
    do: tuple[Action, ...] = ()
    asked: list[wire.Batch] = field(default_factory=list)
    away: bool = False
    lose_answer: bool = False
    instead: tuple[int, bytes] | None = None
    """An answer that is given whatever was asked."""

    async def __call__(self, sealed: bytes) -> tuple[int, bytes]:
        """Take a batch, or not."""
        if self.away:
            raise SyncError("统计中心不通")
        batch = wire.read_batch(wire.unseal(KEY, sealed, wire.request_context(BOX, "1")))
        self.asked.append(batch)
        status, text = wire.write_answer(self.take(batch))
        if self.lose_answer:
            raise SyncError("统计中心不通")
        if self.instead:
            return self.instead
        context = wire.answer_context(status, BOX, "1", sealed)
        return status, wire.seal(KEY, text, context, bytes(11) + bytes([len(self.asked) % 256]))

    def take(self, batch: wire.Batch) -> wire.Answer | wire.Conflict:
        """Store what follows, without a gap."""
        held = self.rows.setdefault(batch.epoch, [])
        for row in batch.rows:
            seq = int(row["seq"])
            if seq <= len(held) and held[seq - 1] != row:
                return wire.Conflict(batch.epoch, seq)
        for row in batch.rows:
            if row["seq"] == len(held) + 1:
                held.append(row)
        rows = None
        if batch.want:
            start = batch.want.from_seq - 1
            found = self.rows.get(batch.want.epoch, [])[start : start + wire.MAX_ROWS]
            rows = tuple(found)
        return wire.Answer(batch.epoch, len(held), do=self.do, rows=rows)

    def newest(self) -> dict[str, str]:
        """uid -> state, as the centre counts it."""
        return {str(row["uid"]): str(row["state"]) for held in self.rows.values() for row in held}


@dataclass
class Brought:
    """What the uploader brought to the desk."""

    rows: list[WireRow] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    offline: bool = False
    busy: bool = False

    async def recall(self, rows: Sequence[WireRow]) -> None:
        """Take lost events."""
        if self.offline:
            raise SyncError("no wallet answers")
        self.rows += rows

    def abilities(self) -> Abilities:
        """What the box can do."""
        return Abilities(
            health=lambda: [{"part": "clock", "state": "ok", "text": "时间已校准"}],
            busy=lambda: self.busy,
            recall=self.recall,
            carry=self.actions.extend,
        )


async def inline(work: Callable[[], Any]) -> Any:
    """No thread."""
    return work()


@pytest.fixture
def center() -> SmallCenter:
    return SmallCenter()


@pytest.fixture
def brought() -> Brought:
    return Brought()


@dataclass
class Sides:
    """Both sides and the way between."""

    center: SmallCenter
    brought: Brought
    clock: FakeClock
    opened: Opener
    make: Records

    def uploader(self, journal: Outbox) -> Uploader:
        return Uploader(
            sender=Sender(BOX, "1.0.0"),
            desk="MZ-03",
            key=KEY,
            outbox=journal,
            post=self.center,
            abilities=self.brought.abilities(),
            clock=self.clock,
            randomness=bytes,
            apart=inline,
        )


@pytest.fixture
def sides(
    center: SmallCenter, brought: Brought, clock: FakeClock, opened: Opener, make: Records
) -> Sides:
    return Sides(center, brought, clock, opened, make)
