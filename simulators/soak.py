"""Soak: two processes, very many payments over real TCP and a serial line; nothing may grow.

Each box serves its HIS without a stop: most payments are paid at once, some are given back, called
off, declined, or lose their connection. Memory, descriptors and threads of both boxes are sampled
on the way. After a warm-up the resident memory may grow by 1 MB in 100,000 payments, descriptors
and threads stay as they are.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from device.his_link.calls import NoAnswer
from simulators.bench.stand import Footprint, Stand

PAYMENTS = 100_000
SAMPLES = 20
WARM_UP = 0.1  # of the payments, but
WARM_UP_PAYMENTS = 5_000  # at least these, if that is not more than half:
"""SQLite's page cache (2 MB) and the journal's 2,048 marks fill first."""
GROWTH_MB = 1.0  # over 100,000 payments; pages of the allocator's own allow as much in any run
PASSING = 2  # descriptors: a picture that is being written, a connection that is being closed
Link = Literal["tcp", "serial"]


@dataclass(slots=True)
class Held:
    """What one box held on the way."""

    link: Link
    payments: list[int] = field(default_factory=list)
    samples: list[Footprint] = field(default_factory=list)
    silences: int = 0
    """How often the HIS heard nothing and had to ask how a payment ended."""
    refund: "asyncio.Task[None] | None" = None
    """The newest: a wallet takes a second over it, and the next payments go on meanwhile."""

    async def refunded(self) -> None:
        """Wait until the newest refund has ended."""
        running, self.refund = self.refund, None
        if running:
            await running

    def settled(self) -> tuple[Footprint, Footprint]:
        """The first sample after the warm-up, and the last."""
        last = self.payments[-1]
        warm = max(WARM_UP * last, min(WARM_UP_PAYMENTS, last / 2))
        at = next(i for i, done in enumerate(self.payments) if done >= warm)
        return self.samples[at], self.samples[-1]

    def faults(self) -> list[str]:
        """Return what grew after the warm-up."""
        first, last = self.settled()
        grown = (
            ("memory", last.rss_mb - first.rss_mb, GROWTH_MB),
            ("descriptors", last.descriptors - first.descriptors, PASSING),
            ("threads", last.threads - first.threads, 0),
        )
        return [f"{self.link}: {what} grew by {by:g}" for what, by, most in grown if by > most]


async def soak(payments: int, directory: Path, link: Link, ends_s: float = 1e18) -> Held:
    """Run so many payments on one box, or until the time is over; return what it held."""
    stand, held = Stand(directory, link), Held(link)
    try:
        await stand.start()
        every = max(1, payments // SAMPLES)
        for number in range(1, payments + 1):
            await one_story(stand, held, number)
            over = time.monotonic() > ends_s
            if number % every == 0 or over:
                held.payments.append(number)
                held.samples.append(stand.footprint())
                _say(link, number, held.samples[-1])
            if over:
                break
        await held.refunded()
    finally:
        await stand.stop()
    return held


async def one_story(stand: Stand, held: Held, number: int) -> None:
    """One story. A HIS that hears nothing, as when the machine stood still, asks how it ended."""
    try:
        await _story(stand, held, number)
    except (NoAnswer, TimeoutError) as silence:
        _print(f"{held.link:<7} {number:>7}  {silence or 'no lamp'}: asked again")
        held.silences += 1
        await stand.find_out(number)


async def _story(stand: Stand, held: Held, number: int) -> None:
    """Most are paid at once; every path that holds something is walked now and then."""
    wallet = "wechat" if number % 2 else "alipay"
    if number % 25 == 7:  # noqa: PLR2004  nothing about these numbers but that they differ
        await stand.call_off(number)
        return
    await stand.pay(number, wallet, declined=number % 200 == 11)  # noqa: PLR2004
    if number % 10 == 3:  # noqa: PLR2004
        await held.refunded()
        held.refund = asyncio.ensure_future(stand.give_back(number))
    if held.link == "tcp" and number % 100 == 13:  # noqa: PLR2004
        await held.refunded()
        stand.client.close()
        await stand.connect()


def _say(link: Link, number: int, now: Footprint) -> None:
    counts = f"{now.descriptors} fds  {now.threads} threads"
    _print(f"{link:<7} {number:>7}  {now.rss_mb:6.1f} MB  {counts}")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _report(every: Sequence[Held], took_s: float) -> list[str]:
    """Print the table; return the faults."""
    print(f"\n{'link':<8}{'payments':>9}{'RSS MB':>17}{'fds':>10}{'threads':>10}")
    for held in every:
        first, last = held.settled()
        rss = f"{first.rss_mb:.1f} -> {last.rss_mb:.1f}"
        fds = f"{first.descriptors} -> {last.descriptors}"
        threads = f"{first.threads} -> {last.threads}"
        print(f"{held.link:<8}{held.payments[-1]:>9}{rss:>17}{fds:>10}{threads:>10}")
    done, silences = sum(h.payments[-1] for h in every), sum(h.silences for h in every)
    print(f"{done} payments in {took_s:.0f} s, {done / took_s:.1f}/s, {silences} asked again")
    return [fault for held in every for fault in held.faults()]


async def _both(payments: int, directory: Path, ends_s: float) -> list[Held]:
    links: tuple[Link, ...] = ("tcp", "serial")
    for link in links:
        (directory / link).mkdir()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(soak(payments // 2, directory / link, link, ends_s)) for link in links
        ]
    return [task.result() for task in tasks]


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: exit code 1 if anything grew."""
    parser = argparse.ArgumentParser(prog="python -m simulators.soak", description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS, help="of both boxes together")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    options = parser.parse_args(argv)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paybox-soak-") as directory:
        ends_s = began_s + 60 * options.minutes
        held = asyncio.run(_both(options.payments, Path(directory), ends_s))
    grown = _report(held, time.monotonic() - began_s)
    print("\n".join(grown) if grown else "nothing grew")
    return 1 if grown else 0


if __name__ == "__main__":
    raise SystemExit(main())
