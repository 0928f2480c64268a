"""Mutated batches, answers and sealed bytes of the sync wire, for `simulators.fuzz`."""

from device.domain.action import Action, ActionKind
from device.domain.chain import WireRow
from device.domain.outbox import Backlog, Lost
from device.domain.record import Event
from device.errors import SyncError
from device.journal import chain
from device.journal.chain import Link
from device.sync import wire
from device.sync.exchange import Acknowledge, Course, Recall, Sender, heard, next_batch
from simulators.crash.virtual_time import BEGIN

KEY = bytes(range(32))
EPOCH = "9f3c41d2aa07be55"
CONTEXT = wire.request_context("BOX-0001", "1")


def _rows() -> tuple[WireRow, ...]:
    link, rows = Link(EPOCH), []
    for n in range(1, 4):
        event = Event(f"MZ03{n:028d}", "payment", "paid", "MZ-03", BEGIN, amount_fen=n)
        row, link = chain.append(link, event)
        rows.append(row)
    return tuple(rows)


ROWS = _rows()
BACKLOG = Backlog(EPOCH, 0, 3, ROWS, waiting=3, lost=Lost("8e2b41d2aa07be55", 1))
BATCH = next_batch(Sender("BOX-0001", "1.0.0"), BACKLOG, {"parts": []})
BATCH_TEXT = wire.write_batch(BATCH)
ANSWER_TEXTS = (
    wire.write_answer(wire.Answer(EPOCH, 3, (wire.Rejected(2, "x"),), rows=ROWS))[1],
    wire.write_answer(wire.Conflict(EPOCH, 2))[1],
    wire.write_answer(wire.Answer(EPOCH, 3, do=(Action("C-1", ActionKind.REFUND, "MZ03", 5),)))[1],
)
SEALED = wire.seal(KEY, BATCH_TEXT, CONTEXT, bytes(12))


def batch(data: bytes) -> None:
    """A batch is read or refused, and each of its rows judged."""
    try:
        read = wire.read_batch(data)
    except SyncError:
        return
    for row in read.rows:
        assert wire.row_fault(row) or row in ROWS, row


def answer(data: bytes) -> None:
    """An answer acknowledges nothing beyond the batch, and gives back no row that is not ours."""
    for status in (wire.OK, wire.CONFLICT):
        try:
            read = wire.read_answer(status, data)
        except SyncError:
            continue
        for effect in heard(Course(), BACKLOG, BATCH, read, 1.0)[1]:
            if isinstance(effect, Acknowledge):
                assert effect.seq <= BATCH.last, effect
            if isinstance(effect, Recall):
                assert all(row in ROWS for row in effect.rows), effect


def sealed(data: bytes) -> None:
    """What was changed is not opened."""
    try:
        text = wire.unseal(KEY, data, CONTEXT)
    except SyncError:
        return
    assert text == BATCH_TEXT
