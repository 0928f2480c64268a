"""`python -m simulators.crash`: the power is cut at every disk operation of every life."""

import argparse
import contextlib
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from simulators.crash import vfs
from simulators.crash.aftermath import Bench
from simulators.crash.cuts import MAX_VIOLATIONS, Cutter, Tally
from simulators.crash.faults import Ordeal, disk_troubles, fail_every_call, net_troubles
from simulators.crash.life import LIVES, Life
from simulators.crash.modes import MODES, PRODUCT, Mode, in_mode
from simulators.crash.record import empty_journal, record
from simulators.gateway.identities import Identities, identities

SUBSETS = 20
BAR = 30  # characters
MEMORY = Path("/dev/shm")  # noqa: S108  images are tried in memory where there is one to try in
REFUSED = 2  # exit code: nothing can be tried here


@contextmanager
def workshop() -> Iterator[Path]:
    """A directory in memory for keys and images."""
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="paybox-crash-", dir=memory) as name:
        for part in ("life", "image"):
            (Path(name) / part).mkdir()
        yield Path(name)


def cut_everywhere(  # noqa: PLR0913  what is lived, where, and how thoroughly
    life: Life,
    mode: Mode,
    keys: Identities,
    directory: Path,
    *,
    subsets: int = SUBSETS,
    seed: int = 1,
    watch: bool = False,
    enough: int = MAX_VIOLATIONS,
    again: int = 0,
) -> Tally:
    """Live it once in this mode and cut the power at every moment of it."""
    with in_mode(mode):
        base = {} if life.from_nothing else empty_journal(keys, directory / "life")
        recording = record(life, keys, directory / "life", base)
        cutter = Cutter(recording, Bench(keys, directory / "image"), seed)
        cutter.run(subsets, _bar if watch else None, enough)
        return cutter.cut_again(again, subsets)


def _bar(done: int, of: int, tally: Tally) -> None:
    filled = BAR * done // of
    speed = tally.images / tally.seconds if tally.seconds else 0.0
    line = f"[{'#' * filled}{'.' * (BAR - filled)}] {done}/{of} {tally.images} 个映像 {speed:.0f}/s"
    sys.stderr.write(f"\r{line} ")
    if done == of:
        sys.stderr.write("\r" + " " * 2 * len(line) + "\r")


def _row(name: str, tally: Tally) -> str:
    speed = tally.images / tally.seconds if tally.seconds else 0.0
    figures = f"{tally.operations:5} {tally.moments:6} {tally.cuts:8} {tally.images:8}"
    rest = f"{tally.recoveries:10} {speed:8.0f} {len(tally.violations):10}"
    return f"{name:24} {figures} {rest}"


HEADING = (
    f"{'life':24} {'ops':>5} {'cuts':>6} {'states':>8} {'images':>8} {'recoveries':>10} "
    f"{'images/s':>8} {'violations':>10}"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line: 0 nothing lost, 1 a violation, 2 it cannot be tried here."""
    options = _options(argv)
    if why := vfs.missing():
        print(f"skipped: {why}")
        return REFUSED
    logging.disable(logging.CRITICAL)  # thousands of boots with a failing network would fill it
    try:
        return _cut(options)
    finally:
        logging.disable(logging.NOTSET)


def _cut(options: argparse.Namespace) -> int:
    lives = [life for life in LIVES if not options.lives or life.name in options.lives]
    print(f"seed {options.seed}, {options.subsets} random subsets a moment, {options.mode.name}")
    print(HEADING, flush=True)
    whole, begun = Tally(), time.monotonic()
    with workshop() as directory, contextlib.suppress(KeyboardInterrupt):
        keys = identities(directory / "keys")
        for life in lives:
            tally = cut_everywhere(
                life,
                options.mode,
                keys,
                directory,
                subsets=options.subsets,
                seed=options.seed,
                watch=sys.stderr.isatty(),
                again=options.again,
            )
            print(_row(life.name, tally), flush=True)
            whole.add(tally)
        if options.faults:
            whole.violations += _faults(lives, keys, directory, options.stride)
    print(_row("all", whole), f"  in {time.monotonic() - begun:.0f} s")
    for line in whole.violations:
        print("VIOLATION:", line)
    return 1 if whole.violations else 0


def _faults(lives: Sequence[Life], keys: Identities, directory: Path, stride: int) -> list[str]:
    """Fail every disk operation and every call to a provider, one after another."""
    violations = []
    base = empty_journal(keys, directory / "life")
    for life in lives:
        ordeal = Ordeal(life, Bench(keys, directory / "image"), base)
        for what, troubles in (("disk", disk_troubles), ("network", net_troubles)):
            begun = time.monotonic()
            count = fail_every_call(ordeal, troubles, stride if what == "disk" else 1)
            passed = time.monotonic() - begun
            name = f"{life.name}: {what} fails"
            print(
                f"{name:40} {count.runs:5} runs, {len(count.violations)} violations, {passed:.0f} s"
            )
            violations += [f"{life.name}, {line}" for line in count.violations]
    return violations


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.crash", description=__doc__)
    parser.add_argument("--subsets", type=int, default=SUBSETS, help="random images a moment")
    parser.add_argument("--lives", nargs="*", choices=[life.name for life in LIVES], default=[])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--again", type=int, default=0, help="recoveries of a life to cut again")
    parser.add_argument("--faults", action="store_true", help="let disk and network fail as well")
    parser.add_argument("--stride", type=int, default=1, help="fail only every n-th operation")
    modes = {mode.name: mode for mode in MODES}
    parser.add_argument("--mode", choices=modes, default=PRODUCT.name)
    options = parser.parse_args(argv)
    options.mode = modes[options.mode]
    return options


if __name__ == "__main__":
    raise SystemExit(main())
