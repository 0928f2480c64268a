"""`make bench`: measure every promised figure, print the table, write docs/figures.md."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators import idle
from simulators.bench import disk, others, payments, report
from simulators.bench.figures import MISSED, NOT_MEASURED, Row, rows
from simulators.crash import vfs

log = logging.getLogger(__name__)

Measured = dict[str, Sequence[float]]
ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs/figures.md"
SHOWN_IN = (ROOT / "README.md", ROOT / "README.en.md")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done for the figures."""

    payments: int
    starts: int
    idle_s: float
    pauses_s: tuple[float, ...]
    desks: int
    seeds: str
    stalled: int
    center_rows: int
    """0: the centre is left out."""


WHOLE = Size(1800, 5, 60.0, (10.0, 25.0, 60.0, 40.0), 5, "1..24", 8, 100_000)
QUICK = Size(16, 1, 2.0, (0.5,), 1, "1..1", 1, 0)


@dataclass(frozen=True, slots=True)
class Step:
    """One measure; it fills some of the rows."""

    name: str
    take: Callable[[], Measured]


@contextmanager
def folder() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="paybox-bench-") as name:
        yield Path(name)


def _on_stand(work: Callable[[Path], Coroutine[Any, Any, Measured]]) -> Measured:
    with folder() as place:
        return asyncio.run(work(place))


async def _quiet(size: Size) -> Measured:
    """What mostly waits, at the same time: the idle box, and payments with pauses."""
    with folder() as place:
        async with asyncio.TaskGroup() as group:
            calm = group.create_task(_idle(size.idle_s))
            paused = group.create_task(payments.paused_payments(size.desks, size.pauses_s, place))
    return {**paused.result(), **calm.result()}


async def _idle(seconds: float) -> Measured:
    with idle.places() as place:
        [(before, after)] = [window async for window in idle.watch(seconds, 1, *place)]
    return {
        "idle": [sum(rate for _, rate in idle.since(before, after, seconds))],
        "idle_disk": [after.written - before.written] if before.written else (),
    }


def _writes() -> Measured:
    return {} if vfs.missing() else disk.writes()


def steps(size: Size) -> list[Step]:
    """Everything but the centre, in an order in which nothing disturbs another."""
    return [
        Step(
            f"{size.payments} 笔付款 payments",
            lambda: _on_stand(lambda place: payments.timed_payments(size.payments, place)),
        ),
        Step("启动 starts", lambda: _on_stand(lambda place: payments.starts(place, size.starts))),
        Step("空闲与间隔 idle, pauses", lambda: asyncio.run(_quiet(size))),
        Step("磁盘停顿 stalls", lambda: _on_stand(lambda place: disk.stalls(size.stalled, place))),
        Step("写盘 writes", _writes),
        Step("屏幕 panels", others.panels),
        Step("模拟 simulation", lambda: others.simulated(size.seeds)),
        Step("开机 boot", others.boot),
    ]


def measure(size: Size) -> list[Row]:
    """Take every figure; one that cannot be taken is a row that says why."""
    measured: Measured = {}
    every = steps(size)
    names = [step.name for step in every] + (["统计中心 centre"] if size.center_rows else [])
    for number, step in enumerate(every):
        report.progress(number, names)
        measured |= _taken(step)
    elsewhere = {} if "boot" in measured else {"boot": "not measured here: `make test-image`"}
    found = rows(measured, elsewhere)
    if size.center_rows:
        report.progress(len(every), names)
        found += others.center(size.center_rows)
    report.progress(len(names), names)
    return found


def _taken(step: Step) -> Measured:
    """What a step measured; one that fails leaves its rows empty and the others as they are."""
    try:
        return step.take()
    except Exception:  # its traceback is told, and the minutes of the other rows are not lost
        log.exception("%s", step.name)
        return {}


def show(found: Sequence[Row]) -> None:
    """Print the table, and what is missed."""
    colours = report.colourful()
    for row in found:
        print(report.line(row, colours=colours))
    missed = sum(row.verdict == MISSED for row in found)
    unknown = sum(row.verdict == NOT_MEASURED for row in found)
    held = sum(bool(row.target.limits) for row in found) - missed - unknown
    print(f"\n达到 met {held}，未达到 missed {missed}，未测 not measured {unknown}")


def write(found: Sequence[Row], took_s: float) -> None:
    """Keep the table in docs/figures.md, and refresh the rows that the READMEs show."""
    FIGURES.write_text(report.markdown(found, took_s), encoding="utf-8")
    for page in SHOWN_IN:
        if page.exists():
            page.write_text(
                report.refresh(page.read_text(encoding="utf-8"), found), encoding="utf-8"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line. A missed target is told, and is no failure of the command."""
    parser = argparse.ArgumentParser(prog="python -m simulators.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in 20 s: to see that it works")
    parser.add_argument("--json", action="store_true", help="for a comparison; nothing is written")
    options = parser.parse_args(argv)
    began = time.monotonic()
    found = measure(QUICK if options.quick else WHOLE)
    took_s = time.monotonic() - began
    if options.json:
        sys.stdout.write(report.as_json(found) + "\n")
        return 0
    show(found)
    if not options.quick:
        write(found, took_s)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
