"""Playing histories with a bug planted until a judge of its rules speaks."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simulators.planted.bug import Bug, Harmless, Patch
from simulators.world.history import Told, play

SEEDS_FILE = Path(__file__).with_name("seeds.txt")
PAYMENTS = 10
MORE_SEEDS = range(1, 81)
"""Histories shift when the world or the product changes: then another seed shows the bug."""
LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Caught:
    """The history that showed a bug."""

    seed: int
    rules: frozenset[str]
    """What was reported broken until then."""
    took_s: float


def known_seeds() -> dict[str, int]:
    """Return bug -> the seed that showed it when the file was written."""
    lines = SEEDS_FILE.read_text(encoding="utf-8").splitlines() if SEEDS_FILE.exists() else ()
    rows = (line.split(None, 1) for line in lines if line)
    return {name: int(seed) for seed, name in rows}


def write_seeds(seeds: dict[str, int]) -> None:
    """Write the file anew, in the order given."""
    text = "".join(f"{seed:4} {name}\n" for name, seed in seeds.items())
    SEEDS_FILE.write_text(text, encoding="utf-8")


def play_with(
    planted: Bug | Harmless, seed: int, until: Iterable[str] = (), stir: Iterable[str] = ()
) -> Told:
    """One history with the bug in the product; it ends when one of `until` is broken."""
    with Patch() as patch:
        planted.plant(patch)
        return play(seed, PAYMENTS, until=frozenset(until), stir=frozenset(stir))


def catch(bug: Bug, first: int | None = None, limit_s: float = LIMIT_S) -> Caught | None:
    """Play the known history, then others; None if no judge of the bug's rules spoke in time."""
    started_s = time.perf_counter()
    seeds = MORE_SEEDS if first is None else (first, *(s for s in MORE_SEEDS if s != first))
    for seed in seeds:
        told = play_with(bug, seed, bug.rules, bug.stir)
        broken = frozenset(one.invariant for one in told.violations)
        took_s = time.perf_counter() - started_s
        if broken & set(bug.rules):
            return Caught(seed, broken, took_s)
        if took_s > limit_s:
            return None
    return None
