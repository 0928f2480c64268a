"""`paybox simulate`: histories by seed, judged; a failing one is made smaller and replayed."""

import argparse
import sys
from collections.abc import Sequence

from simulators.world.chance import joined, named
from simulators.world.checkers import ELSEWHERE, RULES
from simulators.world.history import PAYMENTS, Told
from simulators.world.players import CORES, Players, Tally, Wish
from simulators.world.shrink import shrunk
from simulators.world.sometimes import STATES

SEEDS = (1, 50)
LONG_RUN = 50_000
"""Payments from which on a state that was never reached is a failure of the world itself."""
BAR = 30


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 good, 1 a violation, or a long run that did not reach everything."""
    options = _parser().parse_args(argv)
    first, last = options.seeds
    wish = Wish(options.payments, named(options.only), trace=options.trace)
    tally = Tally()
    with Players(options.jobs) as players:
        for one in players.play(range(first, last + 1), wish):
            tally.add(one)
            told = one.told
            if options.trace:
                print("\n".join(told.events))
            _progress(tally, last - first + 1)
            if told.violations:
                _say_bad(told, options)
            if tally.payments >= options.enough or tally.took_s > options.minutes * 60:
                break
    _report(tally)
    return 1 if tally.bad or _unreached(tally) else 0


def _unreached(tally: Tally) -> list[str]:
    """What a run as long as this must have reached, and did not."""
    return tally.missing if tally.payments >= LONG_RUN else []


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


def _progress(tally: Tally, count: int) -> None:
    if not sys.stderr.isatty():
        return
    done = tally.histories
    full = BAR * done // count
    bar = "█" * full + "░" * (BAR - full)
    end = "\n" if done == count else ""
    speed = tally.payments / tally.took_s
    line = f"\r{bar} {done}/{count}  {tally.payments} 笔 {speed:.0f}/s  违反 {len(tally.bad)}"
    print(line, end=end, file=sys.stderr, flush=True)


def _report(tally: Tally) -> None:
    print(f"历史 histories      {tally.histories}")
    print(f"支付 payments       {tally.payments}")
    print(f"  {tally.troubled:>8}  met a fault or somebody unusual")
    print(f"断电 power cuts     {tally.cuts}")
    print(f"故障 faults         {sum(tally.faults.values())}")
    for kind, count in tally.faults.most_common():
        print(f"  {count:>8}  {kind}")
    print(f"到达的状态 states reached   {len(STATES) - len(tally.missing)} / {len(STATES)}")
    for name in STATES:
        print(f"  {tally.reached[name]:>8}  {name}")
    judged = [name for name in RULES if name not in ELSEWHERE]
    print(f"核对的规则 judged    {' '.join(judged)}")
    for name, why in ELSEWHERE.items():
        print(f"  {name:<4} {why}")
    core, both = tally.payments / tally.cpu_s, tally.payments / tally.took_s
    print(f"速度 speed          {core:.0f} payments/s and core, {both:.0f}/s in all")
    print(f"虚拟时间 virtual     {tally.virtual_s / tally.cpu_s:,.0f} x real time")
    if unreached := _unreached(tally):
        print(f"✗ 未到达 never reached: {'; '.join(unreached)}")
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
    text = "进程数 / processes (default: one a core); the results do not depend on it"
    parser.add_argument("--jobs", type=_count, default=CORES, metavar="N", help=text)
    text = "够了就停 / stop after so many payments"
    parser.add_argument("--enough", type=_count, default=10**9, metavar="N", help=text)
    text = "到时就停 / stop after so many minutes"
    parser.add_argument("--minutes", type=float, default=1e9, metavar="M", help=text)
    text = "打印历史 / print each history"
    parser.add_argument("--trace", action="store_true", help=text)
    text = "只发生这些故障 / let only these faults happen, by name"
    parser.add_argument("--only", metavar="NAMES", help=text)
    text = "失败时不最小化 / do not make a failing history smaller"
    parser.add_argument("--no-shrink", dest="shrink", action="store_false", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
