"""Rows of the disk: what a payment writes, and how the loop goes on while the disk stands still."""

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulators.bench.stand import Stand
from simulators.crash.life import Desk, Life
from simulators.crash.record import empty_journal, record
from simulators.crash.tape import Sync, Write
from simulators.demo.children import Program
from simulators.demo.site import Site
from simulators.demo.world import BOX_READY
from simulators.gateway.identities import identities

Measured = dict[str, Sequence[float]]
PAYMENTS = 40  # more than a checkpoint apart: its share is in the figure
STALL_S = 0.5


def writes() -> Measured:
    """Pay on a virtual clock over the hooked SQLite; count what reaches the disk."""
    with tempfile.TemporaryDirectory(prefix="paybox-bench-") as name:
        folder = Path(name) / "life"
        keys = identities(Path(name) / "keys")
        tape = record(Life("bench", (_payments,)), keys, folder, empty_journal(keys, folder)).tape
    syncs = sum(isinstance(entry, Sync) for entry in tape.entries)
    written = sum(len(entry.data) for entry in tape.entries if isinstance(entry, Write))
    return {"flushes": [syncs / PAYMENTS], "disk": [written / PAYMENTS / 1024]}


async def _payments(desk: Desk) -> None:
    for number in range(PAYMENTS):
        await desk.pay(f"B{number:02d}", 1000 + number, ("wechat", "alipay")[number % 2])


async def stalls(payments: int, directory: Path) -> Measured:
    """Pay while every commit stands still for half a second."""
    stand = Stand(directory, program=_stalled_box)
    try:
        await stand.start()
        for number in range(payments):
            await stand.pay(number, "wechat")
        await stand.box.stop()
        told = " ".join(stand.box.lines)
    finally:
        await stand.stop()
    return {"lag": [float(re.findall(r"worst_ms=([0-9.]+)", told)[-1])]}


def _stalled_box(site: Site) -> Program:
    module = "simulators.bench.stalled"
    command = (sys.executable, "-m", module, str(STALL_S), "-c", str(site.config))
    return Program("box", command, BOX_READY)
