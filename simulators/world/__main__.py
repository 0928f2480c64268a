"""`paybox simulate`: histories by seed, judged; a failing one is made smaller and can be replayed."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from simulators.world.chance import named
from simulators.world.history import PAYMENTS, Told, play


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 good, 1 a violation."""
    options = _parser().parse_args(argv)
    first, last = options.seeds
    started = time.perf_counter()
    faults: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    payments = cuts = bad = 0
    virtual_s = 0.0
    for seed in range(first, last + 1):
        told = play(seed, options.payments, named(options.without))
        payments += told.payments
        cuts += told.cuts
        virtual_s += told.virtual_s
        faults.update(f.kind for f in told.faults)
        reached.update(told.reached)
        if options.trace:
            print("\n".join(told.events))
        bad += bool(told.violations)
        _say(told, options.payments)
    took_s = time.perf_counter() - started
    print(f"payments {payments}, power cuts {cuts}, histories {last - first + 1}, bad {bad}")
    print(f"{payments / took_s:.0f} payments/s, {virtual_s / took_s:.0f} x real time")
    print(faults)
    print(reached)
    return 1 if bad else 0


def _say(told: Told, payments: int) -> None:
    for one in told.violations:
        print(f"seed {told.seed}: {one.invariant} at {one.at_s:.3f} s: {one.text}")
    if told.violations:
        print(f"  replay: paybox simulate --seeds {told.seed} --payments {payments} --trace")


def _seeds(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    return int(first), int(last or first)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paybox simulate")
    parser.add_argument("--seeds", type=_seeds, default=(1, 20), metavar="A..B")
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--without", default="")
    parser.add_argument("--trace", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
