"""Chance: everything that is drawn comes from the seed, and every fault has a name.

Each subject draws from a stream of its own (`p3/net`: the network during the third payment), so
that leaving one fault out disturbs the rest as little as possible: that is how a failing history
is made smaller. A name like `p3/net#5` is the sixth draw of that stream.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

STIRRED_SHARE = 0.8  # of all draws that a kind in `stir` may win


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong, by its name and kind."""

    name: str
    kind: str


@dataclass(slots=True)
class Chance:
    """The seed's streams, and the faults that were drawn."""

    seed: int
    only: frozenset[str] | None = None
    """If given, no other faults than these happen."""
    faults: list[Fault] = field(default_factory=list)
    calm: bool = False
    """All faults are lifted: the end of a history."""
    stir: frozenset[str] = frozenset()
    """Kinds that come far more often: for a bug that shows only where they meet."""
    _streams: dict[str, "Stream"] = field(default_factory=dict)

    def stream(self, name: str) -> "Stream":
        """The stream of this name, always the same one."""
        if name not in self._streams:
            self._streams[name] = Stream(self, name)
        return self._streams[name]

    def allows(self, name: str) -> bool:
        """Whether this fault may happen."""
        return self.only is None or name in self.only

    def counts(self) -> Counter[str]:
        """Faults by kind."""
        return Counter(fault.kind for fault in self.faults)


class Stream:
    """One subject's randomness."""

    def __init__(self, chance: Chance, name: str) -> None:
        self._chance = chance
        self._name = name
        self._random = random.Random(f"{chance.seed}/{name}")  # noqa: S311  replayable on purpose
        self._draws = 0

    def fault(self, share: float, kinds: Mapping[str, float]) -> str:
        """Return a kind by its weight in `share` of all draws, else ''."""
        name = f"{self._name}#{self._draws}"
        self._draws += 1
        stirred = {k: w for k, w in kinds.items() if k in self._chance.stir}
        if share and stirred:
            share, kinds = max(share, STIRRED_SHARE), stirred
        hit = self._random.random() < share
        kind = self._random.choices(list(kinds), list(kinds.values()))[0]
        if not hit or self._chance.calm or not self._chance.allows(name):
            return ""
        self._chance.faults.append(Fault(name, kind))
        return kind

    def happens(self, share: float) -> bool:
        """True in this share of all draws; no fault, only life."""
        return self._random.random() < share

    def between(self, low: float, high: float) -> float:
        """A number, each equally likely."""
        return self._random.uniform(low, high)

    def spread(self, low: float, high: float) -> float:
        """A number, each order of magnitude equally likely."""
        return float(low * (high / low) ** self._random.random())

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self._random.randint(low, high)

    def choice(self, things: Sequence[T]) -> T:
        """One of them."""
        return self._random.choice(things)

    def weighted(self, things: Mapping[T, float]) -> T:
        """One of them by its weight."""
        return self._random.choices(list(things), list(things.values()))[0]

    def digits(self, count: int) -> str:
        """A string of decimal digits."""
        return "".join(self._random.choices("0123456789", k=count))

    def bytes(self, count: int) -> bytes:
        """Random bytes."""
        return self._random.randbytes(count)


def named(text: str | None) -> frozenset[str] | None:
    """Read `--only`: fault names between commas; `none` for no fault at all."""
    if text is None:
        return None
    return frozenset(filter(None, text.split(","))) - {"none"}


def joined(names: Iterable[str]) -> str:
    """Write `--only`."""
    return ",".join(sorted(names)) or "none"
