"""`POST /v1/sync`: opens the envelope, stores the batch, says how far it has come (center §3).

An answer of any status is sealed, so that a box believes nothing that somebody else says. What was
not sealed with the box's key gets a bare 403 that changes nothing on either side; what is larger
than any batch gets a 413, unread.
"""

import os
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from center.ledger.ingest import ingest
from center.ledger.models import Action, ActionState, Event
from center.settings import CENTER
from device.config.key_files import read_key
from device.domain.action import Action as BoxAction
from device.domain.action import ActionKind
from device.errors import ConfigError, SyncError
from device.sync import wire

MOST_ACTIONS = 50  # of one answer; the rest comes with the next


@csrf_exempt  # no cookie is looked at: the envelope proves who it is
@require_POST
def sync(request: HttpRequest) -> HttpResponse:
    """One batch of one box."""
    box, key_id = request.headers.get("X-Box", ""), request.headers.get("X-Key", "")
    key = box_key(box, key_id)
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > wire.MAX_SEALED_BYTES:
        return HttpResponse(status=413)
    if key is None:
        return HttpResponse(status=403)
    body = request.body
    try:
        batch = wire.read_batch(wire.unseal(key, body, wire.request_context(box, key_id)))
    except SyncError:
        return HttpResponse(status=403)
    if batch.box != box:
        return HttpResponse(status=403)
    status, text = wire.write_answer(answer(batch, datetime.now(UTC)))
    context = wire.answer_context(status, box, key_id, body)
    sealed = wire.seal(key, text, context, os.urandom(wire.NONCE_BYTES))
    return HttpResponse(sealed, status=status, content_type=wire.CONTENT_TYPE)


def answer(batch: wire.Batch, now: datetime) -> wire.Answer | wire.Conflict:
    """Store a batch and return what the box is to hear."""
    stored = ingest(batch, now)
    if isinstance(stored, wire.Conflict):
        return stored
    rows = _wanted(batch.box, batch.want) if batch.want else None
    return wire.Answer(batch.epoch, stored.ack, stored.rejected, _actions(batch.box), rows)


def _wanted(box: str, want: wire.Want) -> tuple[wire.WireRow, ...]:
    events = Event.objects.filter(box_id=box, epoch=want.epoch, seq__gte=want.from_seq)
    return tuple(events.order_by("seq").values_list("row", flat=True)[: wire.MAX_ROWS])


def _actions(box: str) -> tuple[BoxAction, ...]:
    waiting = Action.objects.filter(box_id=box, state=ActionState.APPROVED).order_by("pk")
    return tuple(
        BoxAction(
            a.do_id, ActionKind(a.kind), a.out_trade_no, a.amount_fen, a.requested_by, a.approved_by
        )
        for a in waiting[:MOST_ACTIONS]
    )


def box_key(box: str, key_id: str) -> bytes | None:
    """Return the key of a box: `boxes_key_dir/BOX-0001.key`, a newer one as `BOX-0001.2.key`."""
    if not box or not all(c.isalnum() or c in "_-." for c in box + key_id) or ".." in box:
        return None
    name = f"{box}.key" if key_id in {"", "1"} else f"{box}.{key_id}.key"
    try:
        return read_key(CENTER.boxes_key_dir / name)
    except ConfigError:
        return None
