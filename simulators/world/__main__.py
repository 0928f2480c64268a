"""`paybox simulate`: histories by seed, judged; a failing one is made smaller and replayed."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulators.world.chance import joined, named
from simulators.world.checkers import ELSEWHERE, RULES
from simulators.world.history import PAYMENTS, Told, play
from simulators.world.shrink import shrunk
from simulators.world.sometimes import LATER, STATES

SEEDS = (1, 50)
LONG_RUN = 400
"""Histories from which on a state that was never reached is a failure of the world itself."""
BAR = 30


@dataclass(slots=True)
class Tally:
    """What the histories came to."""

    histories: int = 0
    payments: int = 0
    cuts: int = 0
    virtual_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    bad: list[Told] = field(default_factory=list)

    def add(self, told: Told) -> None:
        """Count one more."""
        self.histories += 1
        self.payments += told.payments
        self.cuts += told.cuts
        self.virtual_s += told.virtual_s
        self.faults.update(fault.kind for fault in told.faults)
        self.reached.update(told.reached)
        if told.violations:
            self.bad.append(told)

    @property
    def missing(self) -> list[str]:
        """What was never reached."""
        return [name for name in STATES if not self.reached[name]]


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 good, 1 a violation, or a long run that did not reach everything."""
    options = _parser().parse_args(argv)
    first, last = options.seeds
    tally, started_s = Tally(), time.perf_counter()
    for seed in range(first, last + 1):
        told = play(seed, options.payments, named(options.only))
        tally.add(told)
        if options.trace:
            print("\n".join(told.events))
        _progress(seed - first + 1, last - first + 1, tally)
        if told.violations:
            _say_bad(told, options)
    _report(tally, time.perf_counter() - started_s, long=last - first + 1 >= LONG_RUN)
    unreached = tally.missing and last - first + 1 >= LONG_RUN
    return 1 if tally.bad or unreached else 0


def _say_bad(told: Told, options: argparse.Namespace) -> None:
    for one in told.violations[:10]:
        print(f"✗ 种子 {told.seed}  {one.invariant}  {one.at_s:.3f} s  {one.text}")
    if options.shrink:
        told = shrunk(told, options.payments)
        print(f"  最小化后仍需 {len(told.faults)} 个故障 / faults that are needed:")
        for fault in told.faults:
            print(f"    {fault.name}  {fault.kind}")
    only = "" if told.only is None else f" --only {joined(f.name for f in told.faults)}"
    payments = f" --payments {options.payments}" if options.payments != PAYMENTS else ""
    print(f"  重放 / replay: paybox simulate --seeds {told.seed}{payments}{only} --trace")


def _progress(done: int, count: int, tally: Tally) -> None:
    if not sys.stderr.isatty():
        return
    full = BAR * done // count
    bar = "█" * full + "░" * (BAR - full)
    end = "\n" if done == count else ""
    line = f"\r{bar} {done}/{count}  {tally.payments} 笔  违反 {len(tally.bad)}"
    print(line, end=end, file=sys.stderr, flush=True)


def _report(tally: Tally, took_s: float, *, long: bool) -> None:
    print(f"历史 histories      {tally.histories}")
    print(f"支付 payments       {tally.payments}")
    print(f"断电 power cuts     {tally.cuts}")
    print(f"故障 faults         {sum(tally.faults.values())}")
    for kind, count in tally.faults.most_common():
        print(f"  {count:>8}  {kind}")
    print(f"到达的状态 states reached   {len(STATES) - len(tally.missing)} / {len(STATES)}")
    for name in STATES:
        print(f"  {tally.reached[name]:>8}  {name}")
    for name, waits in LATER.items():
        print(f"  {'-':>8}  {name}  (not yet: {waits})")
    judged = [name for name in RULES if name not in ELSEWHERE]
    print(f"核对的规则 judged    {' '.join(judged)}")
    for name, why in ELSEWHERE.items():
        print(f"  {name:<4} {why}")
    print(f"速度 speed          {tally.payments / took_s:.0f} payments/s")
    print(f"虚拟时间 virtual     {tally.virtual_s / took_s:,.0f} x real time")
    if tally.missing and long:
        print(f"✗ 未到达 never reached: {'; '.join(tally.missing)}")
    print(f"违反 violations     {sum(len(told.violations) for told in tally.bad)}")


def _seeds(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        pair = (int(first), int(last) if dots else int(first))
    except ValueError:
        raise argparse.ArgumentTypeError("A..B, for example 1..50") from None
    if pair[0] > pair[1]:
        raise argparse.ArgumentTypeError("A..B with A not above B")
    return pair


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paybox simulate",
        description=(
            "按种子推演整个收款过程：真实程序，虚拟时钟，网络、磁盘、断电、HIS、顾客都会出错，"
            "每条资金规则逐一核对。\n"
            "Histories by seed: the real box on a virtual clock among faults, every money rule"
            " judged. Exit code 1 on a violation."
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    text = "种子范围 / seeds, one history each"
    parser.add_argument("--seeds", type=_seeds, default=SEEDS, metavar="A..B", help=text)
    text = f"每段历史的支付笔数 / payments in a history (default {PAYMENTS})"
    parser.add_argument("--payments", type=_count, default=PAYMENTS, metavar="N", help=text)
    text = "打印历史 / print each history"
    parser.add_argument("--trace", action="store_true", help=text)
    text = "只发生这些故障 / let only these faults happen, by name"
    parser.add_argument("--only", metavar="NAMES", help=text)
    text = "失败时不最小化 / do not make a failing history smaller"
    parser.add_argument("--no-shrink", dest="shrink", action="store_false", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
