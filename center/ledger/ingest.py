"""A batch of rows into the ledger: all of it or nothing, exactly once in effect (center §3).

What a batch can meet, in this order: a first row that continues another history than the one here
(nothing is stored, and the box is asked to begin earlier), rows that are already there (skipped;
other content is a conflict and nothing is stored), a gap (what is before it counts), a row that
does not follow from the one before it or is malformed (quarantine, and acknowledged as such).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from center.ledger import digests, store
from center.ledger.models import Alarm, Box, Epoch, Event, Quarantine, Trace
from center.ledger.rows import MOST_COUNTED, BadRow, LedgerRow, read_row
from center.ledger.storable import storable
from center.ledger.words import Kind
from device.sync.wire import GENESIS, Batch, Conflict, Rejected, row_fault

TRACES_KEPT = timedelta(days=90)
FIRST = 1  # of every epoch; nothing is before it, so two of them are a plain conflict
COMPARED = 64
"""Rows that go up again to find where two histories part. A batch has room for more, so the row
that brought it up is not the first of its batch again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How far the epoch has arrived, and what of this batch was not believed."""

    ack: int
    rejected: tuple[Rejected, ...] = ()


@dataclass(slots=True)
class _Sorted:
    """The rows of one batch, told apart."""

    ack: int
    last_hash: str
    good: list[LedgerRow] = field(default_factory=list)
    bad: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)


def ingest(batch: Batch, now: datetime) -> Stored | Conflict:
    """Store the batch in one transaction and say how far this epoch has arrived."""
    with transaction.atomic():
        box = _box(batch, now)
        epoch = _epoch(box, batch.epoch, now)
        earlier = _parts_earlier(box, batch, epoch)
        if earlier and batch.first > FIRST + 1:
            box.save()
            return Stored(max(FIRST, batch.first - 1 - COMPARED))
        conflict = FIRST if earlier else _conflict(box, batch, epoch.ack)
        if conflict is not None:
            box.save()
            raise_alarm(box, "conflict", now, epoch=batch.epoch, seq=conflict)
            return Conflict(batch.epoch, conflict)
        found = _sort_out(batch.rows, epoch)
        _note_desk(box, found.good)
        box.save()
        _keep_bad(box, batch.epoch, found.bad, now)
        store.store(box.id, epoch, found.good, now)
        _keep_traces(box, batch, now)
        for seq in digests.wrong(box.id, batch.epoch, found.good):
            raise_alarm(box, "digest", now, epoch=batch.epoch, seq=seq)
        if found.ack != epoch.ack:
            Epoch.objects.filter(box=box, epoch=batch.epoch).update(
                ack=found.ack, last_hash=found.last_hash
            )
    return Stored(found.ack, tuple(Rejected(seq, why) for seq, why, _ in found.bad))


def _box(batch: Batch, now: datetime) -> Box:
    """What the batch says of its box, not saved. Locked: its batches come one after the other."""
    box, _made = Box.objects.select_for_update().get_or_create(
        id=batch.box, defaults={"first_seen": now, "last_seen": now}
    )
    box.last_seen, box.version, box.epoch = now, batch.version[:32], batch.epoch[:64]
    box.health = storable(batch.health)
    backlog = batch.health.get("waiting")
    box.backlog = min(max(backlog, 0), MOST_COUNTED) if type(backlog) is int else 0
    return box


def _keep_traces(box: Box, batch: Batch, now: datetime) -> None:
    """A box that was restarted sends some again: the newest counts."""
    if not batch.traces:
        return
    Trace.objects.bulk_create(
        [Trace(box=box, uid=t.out_trade_no, marks=t.marks, received_at=now) for t in batch.traces],
        update_conflicts=True,
        unique_fields=["box", "uid"],
        update_fields=["marks", "received_at"],
    )


def forget_traces(now: datetime) -> None:
    """Those of old payments are of no use to anybody."""
    Trace.objects.filter(received_at__lt=now - TRACES_KEPT).delete()


def _note_desk(box: Box, rows: Sequence[LedgerRow]) -> None:
    """Where the box stands, by its newest rows that are believed."""
    box.desk = next((desk for row in reversed(rows) if (desk := row["desk"])), box.desk)
    payment = next((row for row in reversed(rows) if row["kind"] == Kind.PAYMENT), None)
    if payment:
        box.desk_code = payment["out_trade_no"][:4]


def _epoch(box: Box, name: str, now: datetime) -> Epoch:
    """The epoch's cursor; its box is locked."""
    found = Epoch.objects.filter(box=box, epoch=name).first()
    if found:
        return found
    number = Epoch.objects.filter(box=box).count() + 1
    return Epoch.objects.create(
        box=box, epoch=name, number=number, last_hash=GENESIS, opened_at=now
    )


def _parts_earlier(box: Box, batch: Batch, epoch: Epoch) -> bool:
    """Whether its first row is sound and continues another history than the one that is here.

    So it is where this database was restored from a copy, and a twin of the card wrote on before
    the box heard of it: the box's own rows before this one are not here, though it believes so.
    """
    before = batch.first - 1
    if not FIRST <= before <= epoch.ack or not batch.rows or row_fault(batch.rows[0]):
        return False
    here = epoch.last_hash
    if before < epoch.ack:
        known = Event.objects.filter(box=box, epoch=batch.epoch, seq=before).values_list("row")
        here = next((row["hash"] for (row,) in known), "")
    return bool(here) and batch.rows[0]["prev"] != here


def _conflict(box: Box, batch: Batch, ack: int) -> int | None:
    """The first row that is here already with another hash."""
    old = {int(r["seq"]): r.get("hash") for r in batch.rows if int(r["seq"]) <= ack}
    if not old:
        return None
    known = Event.objects.filter(box=box, epoch=batch.epoch, seq__in=list(old))
    hashes = {seq: row["hash"] for seq, row in known.values_list("seq", "row")}
    return next((seq for seq in sorted(hashes) if hashes[seq] != old[seq]), None)


def _sort_out(rows: Sequence[Mapping[str, Any]], epoch: Epoch) -> _Sorted:
    found = _Sorted(epoch.ack, epoch.last_hash)
    for raw in rows:
        seq = int(raw["seq"])
        if seq > found.ack + 1:
            break  # a gap: the box sends from there again
        if seq == found.ack + 1:
            _take(found, seq, raw)
    return found


def _take(found: _Sorted, seq: int, raw: Mapping[str, Any]) -> None:
    """One row in its place: believed, or kept apart. Its own hash is what the next must follow."""
    try:
        found.good.append(read_row(raw, found.last_hash))
    except BadRow as error:
        found.bad.append((seq, str(error), raw))
    found.ack = seq
    given = raw.get("hash")
    found.last_hash = given if isinstance(given, str) and len(given) == len(GENESIS) else GENESIS


def _keep_bad(
    box: Box, epoch: str, bad: Sequence[tuple[int, str, Mapping[str, Any]]], now: datetime
) -> None:
    Quarantine.objects.bulk_create(
        Quarantine(box=box, epoch=epoch, seq=seq, why=why[:200], row=storable(raw), received_at=now)
        for seq, why, raw in bad
    )
    if bad:
        raise_alarm(box, "quarantine", now, epoch=epoch, count=len(bad))


def raise_alarm(box: Box, kind: str, now: datetime, **facts: str | int) -> None:
    """Tell people once: an open alarm of the same kind and facts is enough."""
    if not Alarm.objects.filter(box=box, kind=kind, facts=facts, cleared_at=None).exists():
        Alarm.objects.create(box=box, kind=kind, facts=facts, at=now)
