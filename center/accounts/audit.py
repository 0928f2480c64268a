"""The audit log: append-only and hash-chained (center §1).

hash = SHA-256(prev || canonical JSON of the record without prev and hash), as in the box's journal;
the first prev is 64 zeros.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from center.accounts.models import AuditRecord, User

GENESIS = "0" * 64
LONGEST_OBJECT = 200  # characters: a name, not a document


def record(
    request: HttpRequest | None, action: str, object_: str = "", /, **detail: Any
) -> AuditRecord:
    """Append one record; `request` None means the centre itself did it."""
    user = getattr(request, "user", None)
    address = request.META.get("REMOTE_ADDR", "") if request else ""
    username = user.username if isinstance(user, User) else ""
    return append(action, object_[:LONGEST_OBJECT], detail, username=username, address=address)


def append(
    action: str, object_: str, detail: Mapping[str, Any], *, username: str = "", address: str = ""
) -> AuditRecord:
    """Append one record under the lock that keeps the chain single."""
    with transaction.atomic():
        newest = AuditRecord.objects.select_for_update().order_by("-id").first()
        new = AuditRecord(
            at=datetime.now(UTC).replace(microsecond=0),
            username=username,
            address=address,
            action=action,
            object=object_,
            detail=json.loads(json.dumps(detail, default=str)),
            prev=newest.hash if newest else GENESIS,
        )
        new.hash = _hash(new)
        new.save(force_insert=True)
    return new


def verify() -> AuditRecord | None:
    """Walk the whole chain; return the first record that does not fit, None if all do."""
    prev = GENESIS
    for row in AuditRecord.objects.order_by("id").iterator(chunk_size=2000):
        if row.prev != prev or row.hash != _hash(row):
            return row
        prev = row.hash
    return None


def _hash(row: AuditRecord) -> str:
    content = {
        "at": row.at.astimezone(UTC).isoformat(),
        "username": row.username,
        "address": row.address,
        "action": row.action,
        "object": row.object,
        "detail": row.detail,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(row.prev.encode() + text.encode()).hexdigest()
