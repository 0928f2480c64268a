"""Watch the real box doing nothing: how often it wakes, and whether it touches the disk.

A box at a desk is idle most of its life. Each wake-up costs power and a share of the one core;
each write wears the card. Wake-ups are voluntary context switches of every thread (a thread that
waits gives the processor back, so each is one waking); writes are the kernel's count of bytes
dirtied on a disk, and the calls that sync. The display's picture goes to memory (/dev/shm), as an
OLED's goes to a bus.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulators.bench.stand import memory_folder
from simulators.demo.children import Child
from simulators.demo.scanner import ScannerCable
from simulators.demo.site import make_site, write_config
from simulators.demo.world import box_program, gateway_program

START_PATIENCE_S = 30.0
SETTLE_S = 5.0  # both wallets are verified, the first picture is drawn
MOST_WAKE_UPS_S = 1.0


@dataclass(frozen=True, slots=True)
class Count:
    """What the kernel has counted of a process so far."""

    wake_ups: dict[str, int]
    """By thread name."""
    written: int
    """Bytes dirtied on a disk."""
    busy_ms: float
    """Processor time of all threads."""


def count(pid: int) -> Count:
    """Read /proc."""
    wake_ups: dict[str, int] = {}
    busy_ticks = 0
    for task in sorted(Path(f"/proc/{pid}/task").iterdir()):
        name = f"{(task / 'comm').read_text().strip()}/{task.name}"
        wake_ups[name] = int(_field(task / "status", "voluntary_ctxt_switches"))
        busy_ticks += sum(map(int, (task / "stat").read_text().rpartition(")")[2].split()[11:13]))
    written = int(_field(Path(f"/proc/{pid}/io"), "write_bytes"))
    return Count(wake_ups, written, busy_ticks * 10.0)


def _field(path: Path, name: str) -> str:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return next(value.strip() for key, _, value in lines if key == name)


def since(before: Count, after: Count, seconds: float) -> Iterator[tuple[str, float]]:
    """Yield each thread's wake-ups a second."""
    for name, number in after.wake_ups.items():
        yield name, (number - before.wake_ups.get(name, 0)) / seconds


Window = tuple[Count, Count]


async def watch(
    seconds: float, windows: int, directory: Path, seen: Path
) -> AsyncGenerator[Window, None]:
    """Run the box idle; yield what was counted before and after each of `windows` in a row."""
    site = make_site(directory, seen=seen)
    scanner = ScannerCable()
    gateway, box = Child(gateway_program(site)), Child(box_program(site))
    try:
        ready = await gateway.start(START_PATIENCE_S)
        write_config(site, scanner_port=scanner.port, network_port=int(ready[1]), limits={})
        await box.start(START_PATIENCE_S)
        assert box.pid
        await asyncio.sleep(SETTLE_S)
        for _ in range(windows):
            before = count(box.pid)
            await asyncio.sleep(seconds)
            yield before, count(box.pid)
    finally:
        await box.stop()
        await gateway.stop()
        scanner.close()


@contextmanager
def places() -> Iterator[tuple[Path, Path]]:
    """Where the box's files lie, on a disk, and what it shows, in memory."""
    with tempfile.TemporaryDirectory(prefix="paybox-idle-") as directory, memory_folder() as seen:
        yield Path(directory), Path(seen)


async def calm(seconds: float, windows: int) -> bool:
    """Judge window after window; good once one is within the limits.

    A machine that is busy with other work can only add wake-ups (a late lock, a start that is
    still going on), so one calm window tells what the box needs, and a loud one does not.
    """
    with places() as place:
        async with aclosing(watch(seconds, windows, *place)) as counted:
            async for before, after in counted:
                if judge(before, after, seconds):
                    return True
    return False


def judge(before: Count, after: Count, seconds: float) -> bool:
    """Print a row for each figure; whether all are within their limits."""
    rates = dict(since(before, after, seconds))
    total, written = sum(rates.values()), after.written - before.written
    print(
        f"{f'wake-ups a second, over {seconds:g} s':<52} {total:7.2f}     limit {MOST_WAKE_UPS_S}"
    )
    for name, rate in rates.items():
        print(f"  {name:<50} {rate:7.2f}")
    print(f"{'bytes written to a disk':<52} {written:7d}     limit 0")
    print(f"{'processor time':<52} {after.busy_ms - before.busy_ms:7.0f} ms")
    if not before.written:  # its own start wrote a journal: such a zero proves nothing
        print("the kernel counts no writes here")
    return total <= MOST_WAKE_UPS_S and written == 0 < before.written


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m simulators.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--windows", type=int, default=1, help="good if one of so many is calm")
    options = parser.parse_args(argv)
    return 0 if asyncio.run(calm(options.seconds, options.windows)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
