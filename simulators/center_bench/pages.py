"""The real server in a process of its own, and what a box, a browser and the system see of it."""

import gzip
import http.client
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from center.accounts.models import User
from center.accounts.roles import Role
from center.ledger.models import Payment
from center.orders.catalog import ORDERS
from center.reports.asked import place_after
from device.sync import wire
from simulators.center_bench.figures import Line, processor_s, timed
from simulators.center_bench.rows import DAYS

ASKED = 15  # times, of which the median counts
EXPORTED = 10_000  # rows at the least: the newest days hold what was ingested besides
KEY = bytes(range(32))
KEY_ID = "1"
OK = http.client.OK


class Visitor:
    """A browser of a finance user, on one connection."""

    def __init__(self, address: str, pid: int, cookie: str) -> None:
        self._pid = pid
        self._link = http.client.HTTPConnection(address, timeout=600)
        self._headers = {"Cookie": cookie, "Accept-Encoding": "gzip"}

    def get(self, path: str) -> bytes:
        """Return the body as it came over the line; an error for anything but 200."""
        self._link.request("GET", path, headers=self._headers)
        answer = self._link.getresponse()
        body = answer.read()
        if answer.status != OK:
            raise RuntimeError(f"{path}: {answer.status}")
        return body

    def line(self, what: str, path: str, limit: float | None = None, times: int = ASKED) -> Line:
        """Ask that often; return the median of whole answers."""
        before = processor_s(self._pid)
        taken = [timed(lambda: self.get(path)) * 1000 for _ in range(times)]
        own = (processor_s(self._pid) - before) * 1000 / times
        return Line(what, statistics.median(taken), "ms", limit, processor=own)

    def weight(self, path: str) -> float:
        """Return the kB of a page and everything that it loads, as they come over the line."""
        page = self.get(path)
        links = re.findall(r'(?:src|href)="(/static/[^"]+)"', gzip.decompress(page).decode())
        return (len(page) + sum(len(self.get(link)) for link in set(links))) / 1000


def log_in() -> str:
    """Make a finance user with a session; return the cookie."""
    client = Client()
    told: dict[str, Any] = {"role": Role.FINANCE, "must_change_password": False}
    client.force_login(User.objects.create_user("bench", password=None, **told))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


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


def measure_sync(address: str, pid: int, batches: Sequence[wire.Batch], when: str) -> Line:
    """Batches as boxes send them, one after the other, each a whole request; the median rate."""
    link = http.client.HTTPConnection(address, timeout=600)
    before = processor_s(pid)
    taken = [(len(b.rows), timed(partial(_send, link, b, _sealed(b)))) for b in batches]
    own = sum(rows for rows, _ in taken) / (processor_s(pid) - before)
    rate = statistics.median(rows / took for rows, took in taken if rows == wire.MAX_ROWS)
    what = f"ingest {when}, sealed batches over HTTP"
    return Line(what, rate, "rows/s", 20_000, at_least=True, processor=own)


def _sealed(batch: wire.Batch) -> bytes:
    context = wire.request_context(batch.box, KEY_ID)
    return wire.seal(KEY, wire.write_batch(batch), context, os.urandom(wire.NONCE_BYTES))


def _send(link: http.client.HTTPConnection, batch: wire.Batch, body: bytes) -> None:
    link.request("POST", wire.PATH, body, {wire.BOX_HEADER: batch.box, wire.KEY_HEADER: KEY_ID})
    answer = link.getresponse()
    answer.read()
    if answer.status != OK:
        raise RuntimeError(f"{wire.PATH}: {answer.status}")


def measure_pages(visitor: Visitor, rows: int, today: date) -> Iterator[Line]:
    """The pages that people wait for, then exports and the weight of a first visit."""
    first = today - timedelta(days=DAYS)
    orders, all_days = "/reports/orders/", f"day_from={first}&day_to={today}"
    middle = Payment.objects.filter(day__lte=today - timedelta(days=DAYS // 2))
    far = middle.order_by("-day", "-first_at", "-uid")[0]
    after = place_after(ORDERS, far)
    yield visitor.line("dashboard, whole page", "/", 50)
    for what, query in (
        ("first page, all days", all_days),
        ("a page in the middle, by keyset", f"{all_days}&after={after}"),
        ("by number", f"number={far.uid}"),
        ("by HIS number", f"number={far.his_id}"),
        ("desk, all days", f"{all_days}&desk=MZ-03"),
        ("desk, wallet and state", f"{all_days}&desk=MZ-03&channel=alipay&state=failed"),
        ("operator, thirty days", f"operator=0103&day_from={far.day - timedelta(30)}"),
    ):
        yield visitor.line(f"search: {what}", f"{orders}?{query}", 20)
    month = f"day_from={today - timedelta(days=30)}&day_to={today}"
    for what, query in (("thirty days", month), ("all days", all_days)):
        yield visitor.line(f"sums: {what}", f"{orders}sums?{query}", times=3)
    days = min(DAYS, -(-EXPORTED * DAYS // rows))
    since, until = today - timedelta(days=days), today - timedelta(days=1)
    exported = Payment.objects.filter(day__range=(since, until)).count()
    some = f"day_from={since}&day_to={until}"
    for form in ("csv", "xlsx"):
        took = timed(lambda form=form: visitor.get(f"{orders}export.{form}?{some}"))  # type: ignore[misc]
        yield Line(f"export of {exported:,} rows, {form}", took, "s")
    yield Line("weight of the first page, gzip", visitor.weight("/"), "kB", 500)


def memory_mb(pid: int, name: str) -> float:
    """Return VmRSS or VmHWM of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(rf"{name}:\s+(\d+)", text)[0]) / 1000
