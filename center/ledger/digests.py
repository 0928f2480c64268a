"""Daily digests: a second proof that everything arrived, apart from the acknowledgements (§3).

A digest row says how many rows came since the digest before it (or since the epoch began), the sum
of their amounts, and the hash of the last of them.
"""

from collections.abc import Sequence

from center.ledger.models import Event
from center.ledger.rows import LedgerRow
from center.ledger.words import Kind


def wrong(box_id: str, epoch: str, rows: Sequence[LedgerRow]) -> list[int]:
    """Return the seq of each digest among the rows that does not fit what is stored."""
    digests = [row for row in rows if row["kind"] == Kind.DIGEST]
    return [int(row["seq"]) for row in digests if not _fits(box_id, epoch, row)]


def _fits(box_id: str, epoch: str, digest: LedgerRow) -> bool:
    events = Event.objects.filter(box_id=box_id, epoch=epoch, seq__lt=digest["seq"])
    before = events.filter(kind=Kind.DIGEST).order_by("-seq").values_list("seq", flat=True).first()
    found = events.filter(seq__gt=before or 0).order_by("seq").values_list("row", flat=True)
    count, sum_fen, last_hash = 0, 0, digest["prev"]
    for row in found.iterator(chunk_size=2_000):
        count, sum_fen, last_hash = count + 1, sum_fen + row["amount_fen"], row["hash"]
    told = (digest["count"], digest["sum_fen"], digest["last_hash"])
    return bool(told == (count, sum_fen, last_hash))
