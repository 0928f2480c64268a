"""Soak: one process, very many payments over real sockets and a pty; nothing may grow.

Memory, descriptors and threads of the box are sampled on the way. The first tenth is warming up;
from there on the resident memory may grow by 1 MB in 100,000 payments, descriptors and threads not
at all.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simulators.bench import Footprint, Stand

SAMPLES = 20
WARM_UP = 0.1  # of the payments: SQLite's cache and the journal's 2,048 marks fill first
GROWTH_MB = 1.0  # over 100,000 payments; pages of the allocator's own allow as much in any run


async def soak(payments: int, directory: Path) -> list[Footprint]:
    """Run the payments and return the samples."""
    stand = Stand(directory)
    samples: list[Footprint] = []
    try:
        await stand.start()
        every = max(1, payments // SAMPLES)
        for number in range(payments):
            await stand.pay(number, "wechat" if number % 2 else "alipay")
            if (number + 1) % every == 0:
                samples.append(stand.footprint())
                _say(number + 1, payments, samples[-1])
    finally:
        await stand.stop()
    return samples


def faults(samples: list[Footprint]) -> list[str]:
    """Return what grew after the warm-up."""
    settled = samples[max(1, int(len(samples) * WARM_UP)) :]
    first, last = settled[0], settled[-1]
    grown = (
        ("memory", last.rss_mb - first.rss_mb, GROWTH_MB),
        ("descriptors", last.descriptors - first.descriptors, 0),
        ("threads", last.threads - first.threads, 0),
    )
    return [f"{name} grew by {by:g}" for name, by, allowed in grown if by > allowed]


def _say(number: int, payments: int, now: Footprint) -> None:
    counts = f"{now.descriptors} fds  {now.threads} threads"
    sys.stdout.write(f"{number:>7}/{payments}  {now.rss_mb:6.1f} MB  {counts}\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: exit code 1 if anything grew."""
    parser = argparse.ArgumentParser(prog="python -m simulators.soak", description=__doc__)
    parser.add_argument("--payments", type=int, default=100_000)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="paybox-soak-") as directory:
        grown = faults(asyncio.run(soak(options.payments, Path(directory))))
    print("\n".join(grown) if grown else "nothing grew")
    return 1 if grown else 0


if __name__ == "__main__":
    raise SystemExit(main())
