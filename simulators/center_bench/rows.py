"""Many payments, written into the tables without the ingest: they are there to be searched.

The numbers look as the boxes, a HIS and the wallets make them: order numbers without an order but
for the desk in front, HIS numbers and the wallets' by time. Indexes are made after the rows.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from center.ledger.models import Box, Payment
from simulators.center_bench.figures import bar

DAYS = 3 * 365  # the rows are spread over three years
BOXES = 50
CHUNK = 50_000
STATES = ("paid",) * 94 + ("failed",) * 3 + ("reversed",) * 2 + ("refunded",)
BUSINESS = ("outpatient_fee", "registration", "outpatient_prepay", "inpatient_deposit")
SUMMED = {
    "ledger_daytotal": "day, {kind}, channel, department, business, state",
    "ledger_desktotal": "day, desk, box_id, {kind}, channel, state",
    "ledger_hourtotal": "day, hour, {kind}, channel, state",
}
NAMES = (
    *("box_id", "uid", "epoch_number", "seq", "reason", "state", "desk", "department", "business"),
    *("business_date", "operator", "his_id", "try_number", "revision", "amount_fen", "at"),
    *("first_at", "day", "hour", "do_id", "channel", "attempt", "out_trade_no"),
    *("provider_trade_no", "payer_mask", "money_at", "refunded_fen"),
)


def know_boxes() -> None:
    """Every box that the rows are of."""
    now = datetime.now(UTC)
    Box.objects.bulk_create(
        (
            Box(id=f"BOX-{n:04d}", first_seen=now, last_seen=now, health={})
            for n in range(1, BOXES + 1)
        ),
        ignore_conflicts=True,
    )


def payments(count: int, today: date) -> Iterator[tuple[Any, ...]]:
    """Yield payments in the order of time, over three years."""
    draw = random.Random(1)  # noqa: S311  invented data
    end = datetime(today.year, today.month, today.day, 9, tzinfo=UTC)
    for number in range(count):
        at = end - timedelta(days=DAYS - 1) * (1 - number / count)
        box = draw.randrange(1, BOXES + 1)
        yield payment(f"X{box:03d}{draw.getrandbits(112):028X}", number, at, box, draw)


def payment(uid: str, number: int, at: datetime, box: int, draw: random.Random) -> tuple[Any, ...]:
    """One payment as the table holds it, in the order of NAMES."""
    ward = box % 4 == 0
    time_ = connection.ops.adapt_datetimefield_value(at)
    return (
        *(f"BOX-{box:04d}", uid, 1, 1, "", draw.choice(STATES)),
        *(f"{'ZY' if ward else 'MZ'}-{box:02d}", "inpatient" if ward else "outpatient"),
        *(draw.choice(BUSINESS), "", f"{100 + box:04d}", f"MZ{number:010d}", 1, 2),
        *(draw.randrange(500, 50_000), time_, time_, (at + timedelta(hours=8)).date().isoformat()),
        *((at.hour + 8) % 24, "", draw.choice(("wechat", "alipay")), 1, uid),
        *(f"4200{at:%Y%m%d}{uid[4:20]}", "张**", time_, 0),
    )


def fill_payments(count: int, today: date) -> None:
    """Write that many payments, then the indexes, the totals and the planner's statistics."""
    start = time.perf_counter()
    with without_indexes(Payment):
        write = fill("ledger_payment", NAMES)
        rows, done = payments(count, today), 0
        while part := list(islice(rows, CHUNK)):
            write(part)
            done += len(part)
            bar(done, count, start)
    sum_up()


def fill(table: str, names: Sequence[str]) -> Callable[[Iterable[Sequence[Any]]], None]:
    """Return what writes rows into a table: PostgreSQL's COPY, elsewhere one statement a set."""
    columns = ", ".join(names)

    def copy(rows: Iterable[Sequence[Any]]) -> None:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as to,
        ):
            for row in rows:
                to.write_row(row)

    def insert(rows: Iterable[Sequence[Any]]) -> None:
        places = ", ".join(["%s"] * len(names))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", list(rows))  # noqa: S608

    return copy if connection.vendor == "postgresql" else insert


@contextmanager
def without_indexes(model: Any) -> Iterator[None]:
    """Take the model's indexes away and make them again, which is quicker than keeping them."""
    with connection.schema_editor() as editor:
        for index in model._meta.indexes:  # noqa: SLF001  Django's documented name
            editor.remove_index(model, index)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-1000000")
            cursor.execute("PRAGMA synchronous=OFF")
    yield
    with connection.schema_editor() as editor:
        for index in model._meta.indexes:  # noqa: SLF001
            editor.add_index(model, index)
    connection.close()  # the next one has the centre's own settings


def sum_up() -> None:
    """Make the totals and the planner's statistics from the rows."""
    with connection.cursor() as cursor:
        for table, keys in SUMMED.items():
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608  names of ours
            for kind in ("payment", "refund"):
                names, groups = keys.format(kind="kind"), keys.format(kind=f"'{kind}'")
                by = keys.replace("{kind}, ", "")
                cursor.execute(
                    f"INSERT INTO {table} ({names}, count, sum_fen)"  # noqa: S608
                    f" SELECT {groups}, count(*), sum(amount_fen) FROM ledger_{kind} GROUP BY {by}"
                )
        if connection.vendor == "postgresql":
            # What autovacuum does by itself; SQLite is left as it is.
            cursor.execute("VACUUM ANALYZE")
