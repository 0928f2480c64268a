"""The uploader: one exchange after another with the statistics centre, beside the desk.

Nothing at the desk waits for it: it reads the journal between payments, and a centre that is away
costs one attempt every five minutes. What came back is put into the journal before anything else is
done about it, so a power cut at any point only sends the same again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from device.clock import BEIJING, Clock
from device.domain.action import Action
from device.domain.chain import WireRow
from device.domain.outbox import NOTHING, Backlog
from device.domain.record import Event
from device.domain.replies import Part
from device.domain.trace import Trace
from device.errors import StorageError, SyncError
from device.sync.exchange import (
    Acknowledge,
    Alarm,
    BeginEpoch,
    Carry,
    Course,
    Effect,
    Recall,
    Rewind,
    Sender,
    heard,
    next_batch,
    pause_s,
    unheard,
)
from device.sync.wire import (
    MAX_ROWS,
    MAX_TRACES,
    NONCE_BYTES,
    Answer,
    Batch,
    Conflict,
    answer_context,
    read_answer,
    request_context,
    seal,
    unseal,
    write_batch,
)

T = TypeVar("T")

log = logging.getLogger(__name__)

KEY_ID = "1"
SILENT_S = 600.0  # a centre silent for so long is a warning in the status
MINUTE_S = 60.0


class Outbox(Protocol):
    """What the uploader asks of the journal; every method raises StorageError if the disk fails."""

    async def backlog(self, limit: int) -> Backlog:
        """The oldest events that wait, at most so many, and where things stand."""
        ...

    async def traces(self, after: int, limit: int) -> Sequence[tuple[int, Trace]]:
        """The newest traces of payments, with their places, oldest first."""
        ...

    async def acknowledge(self, epoch: str, seq: int) -> None:
        """The centre has this epoch up to `seq`."""
        ...

    async def rewind(self, epoch: str, seq: int, *, earlier: bool) -> None:
        """The centre has lost what came after `seq`, and perhaps every earlier epoch."""
        ...

    async def new_epoch(self, ended: str, from_seq: int) -> None:
        """End an epoch before `from_seq` and write the rest again in a new one."""
        ...

    async def fetched(self, epoch: str, next_seq: int) -> None:
        """How far the lost events of an epoch are dealt with; 0 = all."""
        ...

    async def digest(self, event: Event, date: str) -> None:
        """Write a digest, unless that date has one."""
        ...


Post = Callable[[bytes], Awaitable[tuple[int, bytes]]]
"""Sends sealed bytes; returns status and body of the answer, SyncError if none came."""


class Apart(Protocol):
    """Runs work away from the loop: sealing 500 rows would hold up a scan that comes meanwhile."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Return what the work returns."""
        ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the box can do about what comes back, and what it says of itself."""

    health: Callable[[], Sequence[Mapping[str, str]]]
    """The lines of the diagnosis."""
    busy: Callable[[], bool]
    """Whether a patient is at the desk."""
    recall: Callable[[Sequence[WireRow]], Awaitable[None]]
    """Deal with events that this journal has lost; SyncError if that cannot be done now."""
    carry: Callable[[Sequence[Action]], None]
    """Carry out actions of the centre, in the background."""


@dataclass(slots=True)
class Uploader:
    """Sends until cancelled. `key`: the 32 bytes that box and centre share."""

    sender: Sender
    desk: str
    key: bytes = field(repr=False)
    outbox: Outbox
    post: Post
    abilities: Abilities
    clock: Clock
    randomness: Callable[[int], bytes]
    """`os.urandom`, or the simulator's: for nonces and for the spread of the pauses."""
    apart: Apart
    course: Course = field(default_factory=Course)
    backlog: Backlog = NOTHING
    """As it was last read."""
    traced: int = 0
    """The place of the newest trace that the centre has; after a start some go up once more."""

    async def run(self) -> None:
        """One exchange after another."""
        while True:
            await self.exchange()
            chance = self.randomness(1)[0] / 255
            await asyncio.sleep(pause_s(self.course, chance, busy=self.abilities.busy()))

    async def exchange(self) -> None:
        """Send one batch and take what comes back; never raises for disk, centre or network."""
        try:
            await self._digest()
            self.backlog = await self.outbox.backlog(MAX_ROWS)
            traces = await self.outbox.traces(self.traced, MAX_TRACES)
            told = tuple(trace for _, trace in traces)
            batch = next_batch(self.sender, self.backlog, self._health(), told)
            answer = await self._ask(batch)
            course, effects = heard(
                self.course, self.backlog, batch, answer, self.clock.monotonic()
            )
            for effect in effects:
                await self._PERFORM[type(effect)](self, effect)
        except (StorageError, SyncError) as error:
            self._failed(str(error))
        except Exception as error:  # a fault of ours here must not end the box
            log.exception("the exchange with the centre failed")
            self._failed(type(error).__name__)
        else:
            self.course = course
            if isinstance(answer, Answer):  # after a conflict nothing of the batch is there
                self.traced = max((place for place, _ in traces), default=self.traced)

    def _health(self) -> dict[str, Any]:
        """How the box is, for the centre's list of boxes."""
        now = self.clock.wall()
        return {
            "parts": self.abilities.health(),
            "waiting": self.backlog.waiting,
            "time": now.isoformat(timespec="seconds"),
            "clock_sane": self.clock.sane(),
            "alarm": self.course.alarm,
            "rejected": self.course.rejected,
        }

    def _failed(self, why: str) -> None:
        if why != self.course.fault:
            log.warning("sync: %s", why)
        self.course = unheard(self.course, why)

    async def _ask(self, batch: Batch) -> Answer | Conflict:
        nonce = self.randomness(NONCE_BYTES)
        sealed = await self.apart(lambda: _sealed(self.key, batch, nonce))
        status, body = await self.post(sealed)
        return await self.apart(lambda: _opened(self.key, batch, sealed, status, body))

    async def _digest(self) -> None:
        """Once a day, of the day that ended; a clock that is not set knows no day."""
        if not self.clock.sane():
            return
        now = self.clock.wall().astimezone(BEIJING)
        date = f"{now - timedelta(days=1):%Y-%m-%d}"
        uid = f"digest-{self.sender.box}-{date}"
        await self.outbox.digest(Event(uid, "digest", "closed", self.desk, now), date)

    # ------------------------------------------------------------ what an answer changes

    async def _acknowledge(self, effect: Acknowledge) -> None:
        await self.outbox.acknowledge(effect.epoch, effect.seq)

    async def _rewind(self, effect: Rewind) -> None:
        await self.outbox.rewind(effect.epoch, effect.seq, earlier=effect.earlier)

    async def _begin_epoch(self, effect: BeginEpoch) -> None:
        await self.outbox.new_epoch(effect.ended, effect.from_seq)

    async def _recall(self, effect: Recall) -> None:
        await self.abilities.recall(effect.rows)
        await self.outbox.fetched(effect.epoch, effect.next_seq)

    async def _carry(self, effect: Carry) -> None:
        self.abilities.carry(effect.actions)

    async def _alarm(self, effect: Alarm) -> None:
        if effect.text != self.course.alarm:
            log.error("sync: %s", effect.text)

    _PERFORM: ClassVar[dict[type[Effect], Callable[..., Awaitable[None]]]] = {
        Acknowledge: _acknowledge,
        Rewind: _rewind,
        BeginEpoch: _begin_epoch,
        Recall: _recall,
        Carry: _carry,
        Alarm: _alarm,
    }

    # ------------------------------------------------------------ the line of the diagnosis

    def part(self) -> Part:
        """How sync stands."""
        course, waiting = self.course, f"待上传 {self.backlog.waiting} 条"
        if course.alarm:
            return Part("sync", "warn", f"{course.alarm}；{waiting}")
        if course.heard_s is None:
            return Part(
                "sync", "warn", f"统计中心尚未应答：{course.fault or '正在连接'}；{waiting}"
            )
        silent_s = self.clock.monotonic() - course.heard_s
        if silent_s > SILENT_S:
            text = f"统计中心 {silent_s / MINUTE_S:.0f} 分钟未应答：{course.fault}；{waiting}"
            return Part("sync", "warn", text)
        return Part("sync", "ok", f"已与统计中心同步；{waiting}")

    def journal_fault(self) -> str:
        """Why the journal cannot be called whole; empty if it can (M25)."""
        return "流水曾丢失，正从统计中心补回" if self.backlog.healing else ""


def _sealed(key: bytes, batch: Batch, nonce: bytes) -> bytes:
    return seal(key, write_batch(batch), request_context(batch.box, KEY_ID), nonce)


def _opened(key: bytes, batch: Batch, sealed: bytes, status: int, body: bytes) -> Answer | Conflict:
    context = answer_context(status, batch.box, KEY_ID, sealed)
    return read_answer(status, unseal(key, body, context))


async def ask_cursor(
    post: Post, sender: Sender, key: bytes, epoch: str, randomness: Callable[[int], bytes]
) -> int:
    """Return how much of an epoch the centre has; SyncError if it does not say."""
    batch = Batch(sender.box, sender.version, epoch, 1)
    sealed = _sealed(key, batch, randomness(NONCE_BYTES))
    status, body = await post(sealed)
    answer = _opened(key, batch, sealed, status, body)
    if not isinstance(answer, Answer):
        raise SyncError("统计中心的答复不成立")
    return answer.ack
