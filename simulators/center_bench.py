"""Measure the statistics centre with many rows: ingest, pages, exports, comparison, memory, weight.

    python -m simulators.center_bench --rows 1000000 [--postgresql]

Ingest goes through the real ingest. The rest of the rows are written into the tables in sets, with
every index, and the totals are summed from them. Pages are asked of the real server over HTTP, the
whole answer timed; figures are medians. A line with a limit says whether it is met.
"""

import argparse
import gzip
import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from simulators import postgresql

INGESTED = 50_000
DAYS = 3 * 365  # the rows are spread over three years
BOXES = 50
COMPARED = 100_000
APART = 5  # of them, by one fen
EXPORTED = 10_000
CHUNK = 20_000
ASKED = 15  # times, of which the median counts
STATES = ("paid",) * 94 + ("failed",) * 3 + ("reversed",) * 2 + ("refunded",)
BUSINESS = ("outpatient_fee", "registration", "outpatient_prepay", "inpatient_deposit")
SUMMED = {
    "ledger_daytotal": "day, {kind}, channel, department, business, state",
    "ledger_desktotal": "day, desk, box_id, {kind}, channel, state",
    "ledger_hourtotal": "day, hour, {kind}, channel, state",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One figure with its limit; `at_least` turns the limit round."""

    what: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False

    def __str__(self) -> str:
        """As it is printed."""
        head = f"{self.what:<46} {self.value:>11,.1f} {self.unit:<7}"
        if self.limit is None:
            return head.rstrip()
        met = self.value >= self.limit if self.at_least else self.value <= self.limit
        sign = ">=" if self.at_least else "<="
        return f"{head} {sign} {self.limit:>9,.0f}  {'met' if met else 'MISSED'}"


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


# ------------------------------------------------------------------ rows


def measure_ingest(today: date) -> Line:
    """Through the real ingest, batches made beforehand."""
    from center.demo_data import Size, batches  # noqa: PLC0415  Django is ready only now
    from center.ledger.ingest import ingest  # noqa: PLC0415
    from device.sync.wire import MAX_ROWS  # noqa: PLC0415

    size = Size(days=60, boxes=BOXES, payments=30)
    ready = list(islice(batches(size, today), INGESTED // MAX_ROWS))
    rows = sum(len(b.rows) for b in ready)
    now = datetime.now(UTC)
    took = timed(lambda: [ingest(batch, now) for batch in ready])
    return Line(f"ingest, {rows:,} rows, one process", rows / took, "rows/s", 20_000, at_least=True)


def know_boxes() -> None:
    """Every box that the rows are of."""
    from center.ledger.models import Box  # noqa: PLC0415

    now = datetime.now(UTC)
    Box.objects.bulk_create(
        (
            Box(id=f"BOX-{n:04d}", first_seen=now, last_seen=now, health={})
            for n in range(1, BOXES + 1)
        ),
        ignore_conflicts=True,
    )


def payments(count: int, today: date) -> Iterator[dict[str, Any]]:
    """Yield payments in the order of time, over three years."""
    draw = random.Random(1)  # noqa: S311  invented data
    end = datetime(today.year, today.month, today.day, 9, tzinfo=UTC)
    for number in range(count):
        at = end - timedelta(days=DAYS - 1) * (1 - number / count)
        box = draw.randrange(1, BOXES + 1)
        yield payment(f"{draw.getrandbits(120):030X}", at, box, draw)


def payment(uid: str, at: datetime, box: int, draw: random.Random) -> dict[str, Any]:
    """One payment as the table holds it."""
    ward = box % 4 == 0
    return {
        "box_id": f"BOX-{box:04d}",
        "uid": uid,
        "epoch_number": 1,
        "seq": 1,
        "reason": "",
        "state": draw.choice(STATES),
        "desk": f"{'ZY' if ward else 'MZ'}-{box:02d}",
        "department": "inpatient" if ward else "outpatient",
        "business": draw.choice(BUSINESS),
        "business_date": "",
        "operator": f"{100 + box:04d}",
        "his_id": f"MZ{uid[:12]}",
        "try_number": 1,
        "revision": 2,
        "amount_fen": draw.randrange(500, 50_000),
        "at": at,
        "first_at": at,
        "day": (at + timedelta(hours=8)).date(),
        "hour": (at.hour + 8) % 24,
        "do_id": "",
        "channel": draw.choice(("wechat", "alipay")),
        "attempt": 1,
        "out_trade_no": uid,
        "provider_trade_no": f"42{uid[:26]}",
        "payer_mask": "张**",
        "money_at": at,
        "refunded_fen": 0,
    }


def fill(rows: Iterator[dict[str, Any]], table: str) -> None:
    """Write rows into a table in sets."""
    from django.db import connection, transaction  # noqa: PLC0415

    from center.ledger.store import plain  # noqa: PLC0415

    while part := list(islice(rows, CHUNK)):
        names = list(part[0])
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(names)})"  # noqa: S608  names of ours
                f" VALUES ({', '.join(['%s'] * len(names))})",
                [tuple(plain(row[n]) for n in names) for row in part],
            )


def sum_up() -> None:
    """Make the totals and the planner's statistics from the rows."""
    from django.db import connection  # noqa: PLC0415

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
        cursor.execute("ANALYZE")


def measure_comparison(today: date) -> Line:
    """One day of one wallet against its statement, both of the same length, five of them apart."""
    from center.reconciliation.models import Pair  # noqa: PLC0415
    from center.reconciliation.run import reconcile  # noqa: PLC0415
    from center.statements.models import StatementFile  # noqa: PLC0415

    day, draw = today - timedelta(days=DAYS + 30), random.Random(2)  # noqa: S311
    at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    ours = [payment(f"C{n:09d}", at, 1 + n % BOXES, draw) for n in range(COMPARED)]
    fill((r | {"state": "paid", "channel": "wechat"} for r in ours), "ledger_payment")
    told = {"state": "good", "fetched_at": at, "day": day, "channel": "wechat"}
    file = StatementFile.objects.create(**told)
    fill(
        (
            {
                "file_id": file.pk,
                "channel": "wechat",
                "day": day,
                "kind": "payment",
                "out_trade_no": r["uid"],
                "provider_trade_no": r["provider_trade_no"],
                "out_refund_no": "",
                "provider_refund_no": "",
                "state": "",
                "terminal": "",
                "amount_fen": r["amount_fen"] + (n < APART),
                "settled_fen": r["amount_fen"],
                "fee_e5": 0,
                "at": at,
            }
            for n, r in enumerate(ours)
        ),
        "statements_statementline",
    )
    now = datetime.now(UTC)
    took = timed(lambda: reconcile(Pair.STATEMENT, day, "wechat", now, today))
    return Line(f"reconciliation, {COMPARED:,} x {COMPARED:,}", took, "s", 2)


# ------------------------------------------------------------------ the server


class Visitor:
    """A browser of a finance user, on one connection."""

    def __init__(self, address: str, cookie: str) -> None:
        self._link = http.client.HTTPConnection(address, timeout=600)
        self._headers = {"Cookie": cookie, "Accept-Encoding": "gzip"}

    def get(self, path: str) -> bytes:
        """Return the body as it came over the line; an error for anything but 200."""
        self._link.request("GET", path, headers=self._headers)
        answer = self._link.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status}")
        return body

    def median_ms(self, path: str, times: int = ASKED) -> float:
        """Return the median of whole answers."""
        return statistics.median(timed(lambda: self.get(path)) * 1000 for _ in range(times))

    def weight(self, path: str) -> float:
        """Return the kB of a page and everything that it loads, as they come over the line."""
        page = self.get(path)
        links = re.findall(r'(?:src|href)="(/static/[^"]+)"', gzip.decompress(page).decode())
        return (len(page) + sum(len(self.get(link)) for link in set(links))) / 1000


@contextmanager
def served(config: Path) -> Iterator[tuple[str, int]]:
    """Run the real server; yield its address and process id."""
    command = (sys.executable, "-m", "center", "run", "-c", str(config))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        ready = next(line for line in process.stdout if line.startswith("ready "))
        try:
            yield ready.split("//")[1].strip().strip("/"), process.pid
        finally:
            process.terminate()


def log_in() -> str:
    """Make a finance user with a session; return the cookie."""
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from center.accounts.models import User  # noqa: PLC0415
    from center.accounts.roles import Role  # noqa: PLC0415

    client = Client()
    told: dict[str, Any] = {"role": Role.FINANCE, "must_change_password": False}
    client.force_login(User.objects.create_user("bench", password=None, **told))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def measure_pages(visitor: Visitor, rows: int, today: date) -> Iterator[Line]:
    """The pages that people wait for."""
    from center.ledger.models import Payment  # noqa: PLC0415
    from center.orders.catalog import ORDERS  # noqa: PLC0415
    from center.reports.asked import place_after  # noqa: PLC0415

    first = today - timedelta(days=DAYS)
    orders, all_days = "/reports/orders/", f"day_from={first}&day_to={today}"
    middle = Payment.objects.filter(day__lte=today - timedelta(days=DAYS // 2))
    far = middle.order_by("-first_at", "-uid")[0]
    after = place_after(ORDERS, far)
    yield Line("dashboard, whole page", visitor.median_ms("/"), "ms", 50)
    for what, query in (
        ("first page, all days", all_days),
        ("a page in the middle, by keyset", f"{all_days}&after={after}"),
        ("by number", f"number={far.uid}"),
        ("by HIS number", f"number={far.his_id}"),
        ("desk, all days", f"{all_days}&desk=MZ-03"),
        ("desk, wallet and state", f"{all_days}&desk=MZ-03&channel=alipay&state=failed"),
        ("operator, thirty days", f"operator=0103&day_from={far.day - timedelta(30)}"),
    ):
        yield Line(f"search: {what}", visitor.median_ms(f"{orders}?{query}"), "ms", 20)
    month = f"day_from={today - timedelta(days=30)}&day_to={today}"
    for what, query in (("thirty days", month), ("all days", all_days)):
        yield Line(f"sums: {what}", visitor.median_ms(f"{orders}sums?{query}", 3), "ms")
    days = min(DAYS, -(-EXPORTED * DAYS // rows))
    some = f"day_from={today - timedelta(days=days)}&day_to={today - timedelta(days=1)}"
    for form in ("csv", "xlsx"):
        took = timed(lambda form=form: visitor.get(f"{orders}export.{form}?{some}"))  # type: ignore[misc]
        yield Line(f"export of about {EXPORTED:,} rows, {form}", took, "s")
    yield Line("weight of the first page, gzip", visitor.weight("/"), "kB", 500)


def memory_mb(pid: int, name: str) -> float:
    """Return VmRSS or VmHWM of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"{name}:\s+(\d+)", text)[0]) / 1000


# ------------------------------------------------------------------ the command


def measure(rows: int, config: Path) -> None:
    """Print a line for each figure."""
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from center.reports.scope import beijing_today  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    today = beijing_today()
    say(measure_ingest(today))
    know_boxes()
    took = timed(lambda: fill(payments(rows, today), "ledger_payment")) + timed(sum_up)
    say(Line(f"filling with {rows:,} payments", took, "s"))
    say(measure_comparison(today))
    cookie = log_in()
    with served(config) as (address, pid):
        visitor = Visitor(address, cookie)
        visitor.get("/")
        say(Line("memory of the server, first page served", memory_mb(pid, "VmRSS"), "MB", 120))
        for line in measure_pages(visitor, rows, today):
            say(line)
        say(Line("memory of the server, after all this", memory_mb(pid, "VmRSS"), "MB", 120))
        say(Line("  highest", memory_mb(pid, "VmHWM"), "MB"))


def say(line: Line) -> None:
    """Print it at once: a long run shows how far it is."""
    print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.center_bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own")
    options = parser.parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paybox-bench-")))
        config, text = folder / "paybox-center.toml", 'listen = "127.0.0.1:0"\n'
        if options.postgresql:
            programs = postgresql.programs()
            if programs is None:
                sys.stderr.write(postgresql.MISSING)
                return 2
            text += f'database_url = "{stack.enter_context(postgresql.server(programs))}"\n'
        config.write_text(text)
        (folder / "center.secret").write_text("of a measurement")
        os.environ["PAYBOX_CENTER_CONFIG"] = str(config)
        os.environ["DJANGO_SETTINGS_MODULE"] = "center.settings"
        measure(options.rows, config)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
