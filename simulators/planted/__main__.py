"""`python -m simulators.planted`: every planted bug, who caught it, in which history, how fast."""

import argparse
import sys
import time
from collections.abc import Sequence

from simulators.planted import BUGS, HARMLESS, Bug
from simulators.planted.score import (
    LIMIT_S,
    MORE_SEEDS,
    PAYMENTS,
    Caught,
    catch,
    known_seeds,
    play_with,
    write_seeds,
)
from simulators.world.history import play


def main(argv: Sequence[str]) -> int:
    """Print the score; 0 if every bug was caught, nothing harmless blamed, all clean without."""
    options = _parser().parse_args(argv)
    known = {} if options.search else known_seeds()
    chosen = [b for b in BUGS if not options.name or options.name in b.name]
    started_s, caught = time.perf_counter(), dict[str, Caught]()
    for bug in chosen:
        found = catch(bug, known.get(bug.name), options.limit)
        if found:
            caught[bug.name] = found
        print(_line(bug.name, bug.rules, found), flush=True)
    if options.write:
        write_seeds({**known_seeds(), **{name: c.seed for name, c in caught.items()}})
    blamed = [] if options.name else _blamed()
    played = {(caught[b.name].seed, b.stir) for b in chosen if b.name in caught}
    unclean = _unclean(sorted(played, key=lambda one: (one[0], sorted(one[1]))))
    _report(chosen, caught, blamed, unclean, time.perf_counter() - started_s)
    return 0 if len(caught) == len(chosen) and not blamed and not unclean else 1


def _line(name: str, rules: Sequence[str], found: Caught | None) -> str:
    if found is None:
        return f"✗ {name}: {' '.join(rules)}"
    said = " ".join(sorted(found.rules))
    return f"✓ {name}: {said}  (seed {found.seed}, {found.took_s:.1f} s)"


def _blamed() -> list[str]:
    """What must not be reported and was: changes that something else makes up for."""
    lines = []
    for one in HARMLESS:
        told = [v for seed in MORE_SEEDS[:5] for v in play_with(one, seed).violations]
        lines += [f"{one.name}: {v.invariant} {v.text}" for v in told[:1]]
    return lines


def _unclean(played: Sequence[tuple[int, frozenset[str]]]) -> list[str]:
    """Histories that are blamed without a bug too: they prove nothing."""
    return [
        f"{seed} {' '.join(sorted(stir))}".strip()
        for seed, stir in played
        if play(seed, PAYMENTS, stir=stir).violations
    ]


def _report(
    chosen: Sequence[Bug],
    caught: dict[str, Caught],
    blamed: list[str],
    unclean: list[str],
    took_s: float,
) -> None:
    slowest = max((c.took_s for c in caught.values()), default=0.0)
    blind = [b for b in chosen if b.blind]
    seen = sum(b.name in caught for b in blind)
    rules = {r for b in chosen if b.name in caught for r in caught[b.name].rules & set(b.rules)}
    for line in blamed:
        print(f"✗ 无害的改动被指责 / blamed though harmless: {line}")
    score = f"{len(caught)} / {len(chosen)} caught, {len(HARMLESS)} harmless"
    print(f"植入的缺陷 planted bugs      {score}")
    print(f"  盲植 planted blind         {seen} / {len(blind)}")
    print(f"  规则 rules that caught one {' '.join(sorted(rules, key=_order))}")
    print(f"  最慢 slowest               {slowest:.1f} s (limit {LIMIT_S:.0f} s)")
    print(f"  不植入则干净 clean without {'all' if not unclean else f'not {unclean}'}")
    print(f"  用时 took                  {took_s:.0f} s")


def _order(rule: str) -> tuple[int, str]:
    return (int(rule[1:]) if rule[1:].isdigit() else 99, rule)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.planted", allow_abbrev=False)
    text = "只试名字含此文字的 / only those whose name has this in it"
    parser.add_argument("--name", default="", metavar="TEXT", help=text)
    text = "不用已知的种子，从头找 / search from the first seed on"
    parser.add_argument("--search", action="store_true", help=text)
    text = "把找到的种子写回 seeds.txt / keep the seeds that were found"
    parser.add_argument("--write", action="store_true", help=text)
    text = "每个缺陷最多找多久，秒 / seconds for each bug"
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="S", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
