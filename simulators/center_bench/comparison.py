"""One day of one wallet against its statement, both of the same length, a few lines apart."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection

from center.reconciliation.models import Pair
from center.reconciliation.run import reconcile
from center.statements.models import StatementFile
from simulators.center_bench.figures import Line, timed
from simulators.center_bench.rows import BOXES, DAYS, NAMES, fill, payment

COMPARED = 100_000
APART = 5  # of them, by one fen
LINE = (
    *("file_id", "channel", "day", "kind", "out_trade_no", "provider_trade_no", "out_refund_no"),
    *("provider_refund_no", "state", "terminal", "amount_fen", "settled_fen", "fee_e5", "at"),
)


def measure(today: date) -> Line:
    """Store both lists, compare them, and see that what is apart was found."""
    day, draw = today - timedelta(days=DAYS + 30), random.Random(2)  # noqa: S311  invented data
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    rows = [payment(f"C{n:09d}", n, at, 1 + n % BOXES, draw) for n in range(COMPARED)]
    ours = [
        {**dict(zip(NAMES, r, strict=True)), "state": "paid", "channel": "wechat"} for r in rows
    ]
    fill("ledger_payment", NAMES)([tuple(r[name] for name in NAMES) for r in ours])
    told: dict[str, Any] = {"state": "good", "fetched_at": at, "day": day, "channel": "wechat"}
    file = StatementFile.objects.create(**told)
    when = connection.ops.adapt_datetimefield_value(at)
    fill("statements_statementline", LINE)(
        (
            *(file.pk, "wechat", day.isoformat(), "payment", r["uid"], r["provider_trade_no"]),
            *("", "", "", "", r["amount_fen"] + (n < APART), r["amount_fen"], 0, when),
        )
        for n, r in enumerate(ours)
    )
    now = datetime.now(UTC)
    runs: list[Any] = []
    before = time.process_time()
    took = timed(lambda: runs.append(reconcile(Pair.STATEMENT, day, "wechat", now, today)))
    if (runs[0].agreed, runs[0].breaks) != (COMPARED - APART, APART):
        raise RuntimeError(f"{runs[0].agreed} agreed, {runs[0].breaks} breaks")
    own = time.process_time() - before
    return Line(f"reconciliation, {COMPARED:,} x {COMPARED:,}", took, "s", 2, processor=own)
