"""What a box sends to the statistics centre next, and what an answer changes (center §3). Pure.

Read the rules as prose. The oldest rows that the centre has not acknowledged go up, at most 500 of
one epoch; with none, a batch without rows asks for the cursor. An acknowledgement counts up to what
this very batch carried, because only that was compared: a higher one, which is what a box hears
that lost its power after sending, is heard again batch by batch. One below what was acknowledged
means that the centre has lost rows, and they are sent again.

If the centre holds more of the epoch than this journal, or another row under a number of it, the
card has lied about syncing or was copied (payment-states M25): the epoch ends there, the rest goes
up once more in a new one under the same uids, and the rows that the centre has are fetched. An
epoch that was begun for that reason, and of which nothing was acknowledged yet, is replaced only
after a while that grows each time, so that a faulty centre cannot fill the card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from device.domain.action import Action
from device.domain.chain import WireRow
from device.domain.outbox import Backlog, Lost
from device.domain.trace import Trace
from device.sync.wire import MAX_ROWS, Answer, Batch, Conflict, Want, row_fault

EVERY_S = 60.0  # center §3: a batch at least so often, also an empty one
CATCH_UP_S = 1.0  # between batches while more is waiting
BACK_OFF_S = (1.0, 300.0)  # after failures: doubles from the first to the second
DISPUTED_S = 60.0  # before the second new epoch in a row; each later one waits four times as long
DISPUTED_GROWS = 4


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends."""

    box: str
    version: str


@dataclass(frozen=True, slots=True)
class Course:
    """What this process knows of the exchange; everything that must last is in the journal."""

    failures: int = 0
    """In a row, for the back-off."""
    fault: str = ""
    """Why the last exchange failed; empty if it did not."""
    heard_s: float | None = None
    """When the last good answer came."""
    more: bool = True
    """Something is known to be waiting."""
    alarm: str = ""
    """The last thing that a person must look at; it stays until the box starts again."""
    rejected: int = 0
    """Rows that the centre put into quarantine."""
    disputed_s: float | None = None
    """Since when the centre disputes an epoch that is not to be replaced yet."""


# ---------------------------------------------------------------- what an answer changes


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The centre has this epoch up to `seq`."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Rewind:
    """The centre has lost what came after `seq`; `earlier`: it may lack every earlier epoch too."""

    epoch: str
    seq: int
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class BeginEpoch:
    """The epoch ends before `from_seq`; the rest is sent again in a new one."""

    ended: str
    from_seq: int


@dataclass(frozen=True, slots=True)
class Recall:
    """Rows that this journal has lost; when all are dealt with, go on at `next_seq` (0 = done)."""

    epoch: str
    rows: tuple[WireRow, ...]
    next_seq: int


@dataclass(frozen=True, slots=True)
class Carry:
    """Carry out these actions; those that were done before are known by their rows."""

    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person must know."""

    text: str


Effect = Acknowledge | Rewind | BeginEpoch | Recall | Carry | Alarm
Heard = tuple[Course, tuple[Effect, ...]]


def next_batch(
    sender: Sender, backlog: Backlog, health: Mapping[str, Any], traces: tuple[Trace, ...] = ()
) -> Batch:
    """Return what is to be sent now."""
    lost = backlog.lost
    return Batch(
        box=sender.box,
        version=sender.version,
        epoch=backlog.epoch,
        first=backlog.acknowledged + 1,
        rows=backlog.rows[:MAX_ROWS],
        health=health,
        want=Want(lost.epoch, lost.from_seq) if lost else None,
        traces=traces,
    )


def heard(
    course: Course, backlog: Backlog, batch: Batch, answer: Answer | Conflict, now_s: float
) -> Heard:
    """Return what a sealed answer to this batch means."""
    good = replace(course, failures=0, fault="", heard_s=now_s, more=False)
    if answer.epoch != batch.epoch:
        return _alarmed(good, "统计中心的答复属于另一纪元，已忽略")
    if isinstance(answer, Conflict):
        seq = answer.seq if answer.seq <= backlog.end else batch.first
        return _replace_epoch(good, backlog, seq, f"统计中心的第 {seq} 条与本机不同", now_s)
    marked, effects = _marks(good, backlog, batch, answer, now_s)
    if answer.rejected:
        text = f"统计中心隔离了 {len(answer.rejected)} 条：{answer.rejected[0].why}"
        marked, more = _alarmed(replace(marked, rejected=len(answer.rejected)), text)
        effects = (*effects, *more)
    if backlog.lost and answer.rows is not None:
        marked, more = _recalled(marked, backlog.lost, answer.rows)
        effects = (*effects, *more)
    if answer.do:
        effects = (*effects, Carry(answer.do))
    return marked, effects


def unheard(course: Course, why: str) -> Course:
    """Return the course after a batch that got no answer that counts."""
    return replace(course, failures=course.failures + 1, fault=why)


def pause_s(course: Course, chance: float, *, busy: bool) -> float:
    """Return how long to wait; `chance` in 0..1 spreads the boxes of a hospital over time.

    `busy`: a patient stands at the desk, and a backlog can wait.
    """
    if course.failures:
        least, most = BACK_OFF_S
        whole: float = min(most, least * 2.0 ** min(course.failures, 16))
        return max(least, whole * (0.5 + chance / 2))
    if course.more:
        return EVERY_S / 4 if busy else CATCH_UP_S
    return EVERY_S * (0.9 + chance / 10)


def _marks(course: Course, backlog: Backlog, batch: Batch, answer: Answer, now_s: float) -> Heard:
    """How far the centre is."""
    if answer.ack < backlog.acknowledged:
        last = max(0, answer.ack - 1)  # the last one that it has goes up again: it is compared
        rewind = Rewind(batch.epoch, last, earlier=answer.ack == 0)
        text = f"统计中心缺少第 {answer.ack + 1} 条之后的数据，重新上传"
        return _alarmed(replace(course, more=True), text, rewind)
    all_sent = batch.last == backlog.end and backlog.newest
    if answer.ack > batch.last and all_sent:
        text = f"统计中心已有第 {answer.ack} 条，本机只到第 {backlog.end} 条"
        return _replace_epoch(course, backlog, backlog.end + 1, text, now_s)
    course = replace(course, disputed_s=None)
    seq = min(answer.ack, batch.last)
    more = replace(course, more=backlog.waiting > len(batch.rows) and seq == batch.last)
    if seq < batch.last:  # it took only a part: something is wrong there, so no hurry
        more = replace(more, failures=1, fault="统计中心未收下全部数据")
    return more, (Acknowledge(batch.epoch, seq),) if seq > backlog.acknowledged else ()


def _replace_epoch(course: Course, backlog: Backlog, seq: int, text: str, now_s: float) -> Heard:
    since_s = now_s if course.disputed_s is None else course.disputed_s
    wait_s = DISPUTED_S * DISPUTED_GROWS ** (backlog.unheard - 1) if backlog.unheard else 0.0
    if now_s - since_s < wait_s:
        return _alarmed(replace(course, failures=1, fault=text, disputed_s=since_s), text)
    begun = replace(course, more=True, disputed_s=None)
    return _alarmed(begun, text, BeginEpoch(backlog.epoch, seq))


def _recalled(course: Course, lost: Lost, rows: Sequence[WireRow]) -> Heard:
    """Rows of ours that came back: a chain without a gap, as far as it holds."""
    prev, good = lost.prev, list[WireRow]()
    for seq, row in enumerate(rows, lost.from_seq):
        if row_fault(row) or row["seq"] != seq or (prev and row["prev"] != prev):
            return _alarmed(course, f"统计中心返回的第 {seq} 条不可信")
        prev = str(row["hash"])
        good.append(row)
    next_seq = lost.from_seq + len(good) if good else 0
    return replace(course, more=bool(good)), (Recall(lost.epoch, tuple(good), next_seq),)


def _alarmed(course: Course, text: str, *effects: Effect) -> Heard:
    return replace(course, alarm=text), (Alarm(text), *effects)
