"""Measure the statistics centre with many rows: ingest, pages, exports, comparison, memory, weight.

    python -m simulators.center_bench --rows 10000000 [--postgresql] [--record docs/scale.md]

Everything is asked of the real server over HTTP, the whole answer timed; figures are medians. The
ingest is measured twice, into an empty database and into the full one; the rows between are written
into the tables without it. A line with a limit says whether it is met.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from simulators import postgresql
from simulators.center_bench.figures import Line, machine, record, timed

if TYPE_CHECKING:
    from simulators.center_bench.pages import Visitor

INGESTED = 80  # batches into the empty database, and again as many into the full one
POSTGRESQL = ("shared_buffers=256MB", "max_wal_size=4GB")
"""A small server as a hospital has it; every commit is on the disk."""


def measure(rows: int, config: Path) -> Iterator[Line]:
    """Yield each figure as soon as it is known."""
    import django  # noqa: PLC0415  its settings stand in the configuration made just now

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from center.demo_data import Size, batches  # noqa: PLC0415
    from center.reports.scope import beijing_today  # noqa: PLC0415
    from simulators.center_bench import comparison, pages  # noqa: PLC0415
    from simulators.center_bench.rows import BOXES, fill_payments, know_boxes  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    today = beijing_today()
    for number in range(1, BOXES + 1):
        (config.parent / "boxes" / f"BOX-{number:04d}.key").write_text(pages.KEY.hex())
    know_boxes()
    sent = batches(Size(days=60, boxes=BOXES, payments=30), today)
    with pages.served(config) as (address, pid):
        yield pages.measure_sync(address, pid, list(islice(sent, INGESTED)), "when empty")
    yield Line(f"filling with {rows:,} payments", timed(lambda: fill_payments(rows, today)), "s")
    yield comparison.measure(today)
    cookie = pages.log_in()
    with pages.served(config) as (address, pid):
        yield pages.measure_sync(address, pid, list(islice(sent, INGESTED)), f"at {rows:,}")
        yield from measure_visit(pages.Visitor(address, pid, cookie), pid, rows, today)


def measure_visit(visitor: "Visitor", pid: int, rows: int, today: date) -> Iterator[Line]:
    """Yield what a finance user meets, and what it costs the server."""
    from simulators.center_bench.pages import measure_pages, memory_mb  # noqa: PLC0415

    visitor.get("/")
    yield Line("memory of the server, first page served", memory_mb(pid, "VmRSS"), "MB", 120)
    yield from measure_pages(visitor, rows, today)
    yield Line("memory of the server, after all this", memory_mb(pid, "VmRSS"), "MB", 120)
    yield Line("  highest", memory_mb(pid, "VmHWM"), "MB")


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m simulators.center_bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true", help="on a server of its own")
    parser.add_argument("--record", type=Path, help="the document that takes the figures")
    options = parser.parse_args(argv)
    name = "PostgreSQL" if options.postgresql else "SQLite"
    head = machine(f"{name}, {options.rows:,} payments")
    print(head, flush=True)
    lines: list[Line] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="paybox-bench-")))
        config, text = folder / "paybox-center.toml", 'listen = "127.0.0.1:0"\n'
        if options.postgresql:
            programs = postgresql.programs()
            if programs is None:
                sys.stderr.write(postgresql.MISSING)
                return 2
            url = stack.enter_context(postgresql.server(programs, POSTGRESQL))
            text += f'database_url = "{url}"\n'
        config.write_text(text)
        (folder / "center.secret").write_text("of a measurement")
        (folder / "boxes").mkdir()
        os.environ["PAYBOX_CENTER_CONFIG"] = str(config)
        os.environ["DJANGO_SETTINGS_MODULE"] = "center.settings"
        for line in measure(options.rows, config):
            lines.append(line)
            print(line, flush=True)
    if options.record:
        record(options.record, name.lower(), head, lines)
    return 0 if all(line.met for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
