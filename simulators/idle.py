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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from simulators.demo.children import Child
from simulators.demo.scanner import ScannerCable
from simulators.demo.site import make_site, write_config
from simulators.demo.world import box_program, gateway_program

START_PATIENCE_S = 30.0
SETTLE_S = 5.0  # both wallets are verified, the first picture is drawn
MEMORY = Path("/dev/shm")  # noqa: S108  a file system in memory is the point
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


async def watch(seconds: float, windows: int, directory: Path, picture: Path) -> bool:
    """Run the box idle and judge it: good once one of `windows` in a row is within the limits.

    A machine that is busy with other work can only add wake-ups (a late lock, a start that is
    still going on), so one calm window tells what the box needs, and a loud one does not.
    """
    site = make_site(directory)
    scanner = ScannerCable()
    gateway, box = Child(gateway_program(site)), Child(box_program(site))
    try:
        ready = await gateway.start(START_PATIENCE_S)
        write_config(site, scanner_port=scanner.port, network_port=int(ready[1]), limits={})
        text = site.config.read_text(encoding="utf-8")
        site.config.write_text(text.replace(str(site.screen), str(picture)), encoding="utf-8")
        await box.start(START_PATIENCE_S)
        assert box.pid
        await asyncio.sleep(SETTLE_S)
        for _ in range(windows):
            before = count(box.pid)
            await asyncio.sleep(seconds)
            if judge(before, count(box.pid), seconds):
                return True
    finally:
        await box.stop()
        await gateway.stop()
        scanner.close()
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
    with (
        tempfile.TemporaryDirectory(prefix="paybox-idle-") as directory,
        tempfile.TemporaryDirectory(prefix="paybox-idle-", dir=MEMORY) as memory,
    ):
        picture = Path(memory) / "screen.png"
        good = asyncio.run(watch(options.seconds, options.windows, Path(directory), picture))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
