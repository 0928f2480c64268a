"""A batch of rows into the ledger: all of it or nothing, exactly once in effect (center §3).

What a batch can meet, in this order: rows that are already there (skipped; other content is a
conflict and nothing is stored), a gap (what is before it counts), a row that does not follow from
the one before it or is malformed (quarantine, and acknowledged as such).
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
from device.sync.wire import GENESIS, Batch, Conflict, Rejected

TRACES_KEPT = timedelta(days=90)


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
        conflict = _conflict(box, batch, epoch.ack)
        if conflict is not None:
            box.save()
            raise_alarm(box, "conflict", f"{batch.epoch}：第 {conflict} 行与已收到的内容不同", now)
            return Conflict(batch.epoch, conflict)
        found = _sort_out(batch.rows, epoch)
        _note_desk(box, found.good)
        box.save()
        _keep_bad(box, batch.epoch, found.bad, now)
        store.store(box.id, epoch, found.good, now)
        _keep_traces(box, batch, now)
        for seq in digests.wrong(box.id, batch.epoch, found.good):
            raise_alarm(box, "digest", f"{batch.epoch}：第 {seq} 行的日结与收到的流水不符", now)
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
    for row in rows:
        box.desk = row["desk"] or box.desk
        if row["kind"] == Kind.PAYMENT:
            box.desk_code = row["out_trade_no"][:4]


def _epoch(box: Box, name: str, now: datetime) -> Epoch:
    """The epoch's cursor; its box is locked."""
    found = Epoch.objects.filter(box=box, epoch=name).first()
    if found:
        return found
    number = Epoch.objects.filter(box=box).count() + 1
    return Epoch.objects.create(
        box=box, epoch=name, number=number, last_hash=GENESIS, opened_at=now
    )


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
        raise_alarm(box, "quarantine", f"{epoch}：有 {len(bad)} 行无法采信，已隔离", now)


def raise_alarm(box: Box, kind: str, text: str, now: datetime) -> None:
    """Tell people once: an open alarm of the same kind and text is enough."""
    if not Alarm.objects.filter(box=box, kind=kind, text=text, cleared_at=None).exists():
        Alarm.objects.create(box=box, kind=kind, text=text, at=now)
