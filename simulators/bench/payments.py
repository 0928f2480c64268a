"""Rows of the test stand: own time and its parts, the start, memory, added round trips."""

import asyncio
import os
import sqlite3
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import device
from device.domain.trace import Mark, Trace, stretches
from device.journal.rows import trace_of
from simulators.bench.bare import BareExchange
from simulators.bench.stand import Figures, Stand, at

Measured = dict[str, Sequence[float]]
WARM_UP = 20  # payments before the clock runs, or a quarter: lazy parts, the first pages of the WAL
STARTS = 5
FIRST_PAUSE_S = 10.0
LAST_PAUSE_S = 60.0
PARTS = {
    Mark.INTENT: "split_intent",
    Mark.SIGNED: "split_sign",
    Mark.SENT: "split_send",
    Mark.VERIFIED: "split_parse",
    Mark.STORED: "split_result",
    Mark.TOLD: "split_answer",
}


async def timed_payments(count: int, directory: Path) -> Measured:
    """Pay so many times as fast as the stand can."""
    stand = Stand(directory)
    try:
        await stand.start()
        first = min(WARM_UP, count // 4)
        for number in range(first):
            await stand.pay(number, _wallet(number))
        stand.figures, memory, bare = Figures(), [stand.rss_mb()], []
        with BareExchange(directory) as exchange:
            for number in range(first, first + count):
                await stand.pay(number, _wallet(number))
                bare.append(exchange.take_ms())
                memory.append(stand.rss_mb())
        await stand.box.stop()  # the last traces are on the disk
        own = stand.figures.own
        return {
            "own": _both(own),
            "bare": _both(bare),
            "own_over_bare": [at(own, 50) / at(bare, 50)],
            **_split(stand.site.journal, own),
            "memory": memory[:1],
            "growth": [memory[-1] - memory[len(memory) // 2]],
        }
    finally:
        await stand.stop()


def _wallet(number: int) -> str:
    return "wechat" if number % 2 else "alipay"


def _both(values: list[float]) -> list[float]:
    return [at(values, 50), at(values, 99)]


def _split(journal: Path, own: list[float]) -> Measured:
    """Where the box's own time went, from the traces of the timed payments."""
    parts: dict[str, list[float]] = defaultdict(list)
    for trace in _traces(journal, len(own)):
        took = dict.fromkeys(PARTS, 0.0)
        for (mark, _), stretch in zip(trace.marks[1:], stretches(trace), strict=True):
            if mark in took:
                took[mark] += stretch.took_ms
        for mark, ms in took.items():
            parts[PARTS[mark]].append(ms)
    inside = map(sum, zip(*parts.values(), strict=True))
    parts["split_scan"] = [whole - known for whole, known in zip(own, inside, strict=True)]
    return {key: _both(values) for key, values in parts.items()}


def _traces(journal: Path, newest: int) -> Iterator[Trace]:
    """Yield the newest traces, oldest first."""
    sql = "SELECT out_trade_no, marks FROM traces ORDER BY id DESC LIMIT ?"
    with closing(sqlite3.connect(journal)) as db:
        for number, marks in reversed(db.execute(sql, [newest]).fetchall()):
            yield trace_of(number, marks)


async def starts(directory: Path, times: int = STARTS) -> Measured:
    """Start the box with its files in memory, and without."""
    stand = Stand(directory)
    try:
        await stand.start()  # the first makes the compiled files
        warm = [await stand.restart() for _ in range(times)]
        cold = [await stand.restart(forget_files) for _ in range(times)]
        return {"start": [statistics.median(warm) / 1e3, statistics.median(cold) / 1e3]}
    finally:
        await stand.stop()


def forget_files() -> None:
    """Let the kernel drop the program's files from memory, but for those in use elsewhere."""
    roots = {Path(device.__file__).parent, *map(Path, sys.path[1:])}
    for root in roots:
        for file in root.rglob("*") if root.is_dir() else ():
            if file.suffix in {".py", ".pyc", ".so", ".bin", ".gz"}:
                opened = os.open(file, os.O_RDONLY)
                os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(opened)


async def paused_payments(desks: int, pauses_s: Sequence[float], directory: Path) -> Measured:
    """Pay after pauses of many lengths, on several desks at once; see what is asked on the wire."""
    folders = [directory / str(desk) for desk in range(desks)]
    for folder in folders:
        folder.mkdir()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one_desk(folder, pauses_s)) for folder in folders]
    good = [good for task in tasks for good in task.result()]
    return {"trips": [100 * sum(good) / len(good)]}


async def _one_desk(directory: Path, pauses_s: Sequence[float]) -> list[bool]:
    stand, good = Stand(directory), []
    try:
        await stand.start()
        await stand.pay(0, "wechat")
        await stand.pay(1, "alipay")
        for number, pause_s in enumerate(pauses_s, 2):
            await asyncio.sleep(pause_s)
            opened = stand.connections
            await stand.pay(number, _wallet(number))
            good.append(stand.trips == 1 and stand.connections == opened)
    finally:
        await stand.stop()
    return good
