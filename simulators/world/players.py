"""Histories played side by side in processes, told in the order of their seeds."""

import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from types import TracebackType
from typing import Self

from simulators.world.history import Told, play
from simulators.world.sometimes import STATES

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
AHEAD = 4  # histories a process that are begun before the oldest is told


@dataclass(frozen=True, slots=True)
class Wish:
    """How each history is to be played."""

    payments: int
    only: frozenset[str] | None = None
    trace: bool = False
    """Whether its events are wanted: they are most of what would cross between processes."""


@dataclass(frozen=True, slots=True)
class Played:
    """A history, and the seconds of one core that it took."""

    told: Told
    cpu_s: float


def played(seed: int, wish: Wish) -> Played:
    """Play one."""
    began_s = time.process_time()
    told = play(seed, wish.payments, wish.only)
    kept = told if wish.trace else replace(told, events=())
    return Played(kept, time.process_time() - began_s)


@dataclass(slots=True)
class Tally:
    """What the histories came to."""

    histories: int = 0
    payments: int = 0
    troubled: int = 0
    cuts: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    """Seconds of all cores together."""
    faults: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    bad: list[Told] = field(default_factory=list)
    _began_s: float = field(default_factory=time.perf_counter)

    def add(self, one: Played) -> None:
        """Count one more."""
        told = one.told
        self.histories += 1
        self.payments += told.payments
        self.troubled += told.troubled
        self.cuts += told.cuts
        self.virtual_s += told.virtual_s
        self.cpu_s += one.cpu_s
        self.faults.update(fault.kind for fault in told.faults)
        self.reached.update(told.reached)
        if told.violations:
            self.bad.append(told)

    @property
    def took_s(self) -> float:
        """Seconds since it was begun."""
        return time.perf_counter() - self._began_s

    @property
    def missing(self) -> list[str]:
        """What was never reached."""
        return [name for name in STATES if not self.reached[name]]


class Players:
    """Some processes that play; one is played here, without any."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool = ProcessPoolExecutor(jobs) if jobs > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def play(self, seeds: Iterable[int], wish: Wish) -> Iterator[Played]:
        """Yield each history in the order of the seeds, however many processes play."""
        if self._pool is None:
            yield from (played(seed, wish) for seed in seeds)
            return
        left = iter(seeds)
        begun: deque[Future[Played]] = deque()
        while True:
            for seed in islice(left, AHEAD * self._jobs - len(begun)):
                begun.append(self._pool.submit(played, seed, wish))
            if not begun:
                return
            yield begun.popleft().result()
