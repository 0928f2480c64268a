"""Differences between two lists of money, planted from a seed. Knows neither box nor centre.

The lists are those of somebody else than the journal: a provider's bills, or the HIS's list. Each
planted difference is said as the one who compares must name it: by its kind, its number and what
the other list has more than the journal, from the hospital's side.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

PAYMENT, REFUND = "payment", "refund"
INVENTED_FEN = 4_321
MOST_FEN = 50_000  # an amount differs by up to so much


class Code(StrEnum):
    """What may differ."""

    ONLY_JOURNAL = "only_journal"
    ONLY_OTHER = "only_other"
    AMOUNT = "amount"
    CHANNEL = "channel"
    TWICE_OTHER = "twice_other"
    TWICE_JOURNAL = "twice_journal"
    """A number that is rightly there several times stands in the list once less."""
    STATE = "state"
    """The list has the money of an order that was never paid."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One payment or refund on a list."""

    wallet: str
    kind: str
    key: str
    """The number by which the lists are compared."""
    order: str
    """The order number; a payment's own, or that of the payment a refund belongs to."""
    fen: int
    at: float
    """When the money moved, seconds since 1970."""
    theirs: str = ""
    """The provider's own number of the order."""
    their_refund: str = ""
    """The provider's own number of the refund."""
    device: str = ""
    subject: str = ""
    plain: bool = True
    """False: half of a pair (paid and taken back) that only both halves explain."""

    @property
    def signed_fen(self) -> int:
        """What it adds to the hospital's money."""
        return self.fen if self.kind == PAYMENT else -self.fen


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One planted difference, as it must be named."""

    code: str
    wallet: str
    kind: str
    key: str
    fen: int
    """What the list has more than the journal, signed."""


Lists = Mapping[str, list[Entry]]
"""Wallet -> its entries."""


@dataclass(frozen=True, slots=True)
class Planted:
    """The lists with their differences, and each of them by name."""

    lists: Lists
    differences: tuple[Difference, ...]


def plant(seed: int, lists: Lists, each: int, unpaid: Iterable[Entry] = ()) -> Planted:
    """Plant up to `each` differences of every kind in every list; no entry differs twice.

    `unpaid`: orders that were never paid, as the entries they would have been. Where a list is
    shorter than what is asked of it, as many are planted as it has entries.
    """
    draw = random.Random(seed)  # noqa: S311  a replayable choice
    garden = _Garden(draw, {w: list(entries) for w, entries in lists.items()}, list(unpaid))
    for wallet in sorted(lists):
        for kind in (PAYMENT, REFUND):
            for code in Code:
                for _ in range(each):
                    garden.plant(code, wallet, kind)
    return Planted(garden.lists, tuple(sorted(garden.differences)))


class _Garden:
    """The lists while they are being changed."""

    def __init__(
        self, draw: random.Random, lists: dict[str, list[Entry]], unpaid: list[Entry]
    ) -> None:
        self.lists = lists
        self.differences: list[Difference] = []
        self._draw = draw
        self._unpaid = unpaid
        self._free: dict[tuple[str, str], list[Entry]] = {}
        self._several: dict[tuple[str, str], list[Entry]] = {}
        for wallet, entries in lists.items():
            times = Counter((e.kind, e.key) for e in entries)
            for kind in (PAYMENT, REFUND):
                plain = [e for e in entries if e.kind == kind and e.plain]
                once = [e for e in plain if times[kind, e.key] == 1]
                self._free[wallet, kind] = draw.sample(once, len(once))
                last = {e.key: e for e in plain if times[kind, e.key] > 1}
                self._several[wallet, kind] = [*last.values()]
        self._plants: dict[Code, Callable[[str, str], Difference | None]] = {
            Code.ONLY_JOURNAL: self._left_out,
            Code.ONLY_OTHER: self._invented,
            Code.AMOUNT: self._other_amount,
            Code.CHANNEL: self._other_list,
            Code.TWICE_OTHER: self._twice,
            Code.TWICE_JOURNAL: self._once,
            Code.STATE: self._never_paid,
        }

    def plant(self, code: Code, wallet: str, kind: str) -> None:
        """Plant one, if there is still an entry to change."""
        found = self._plants[code](wallet, kind)
        if found is not None:
            self.differences.append(found)

    def _take(self, wallet: str, kind: str) -> Entry | None:
        free = self._free[wallet, kind]
        return free.pop() if free else None

    def _left_out(self, wallet: str, kind: str) -> Difference | None:
        entry = self._take(wallet, kind)
        if entry is None:
            return None
        self.lists[wallet].remove(entry)
        return _named(Code.ONLY_JOURNAL, entry, -entry.signed_fen)

    def _other_amount(self, wallet: str, kind: str) -> Difference | None:
        entry = self._take(wallet, kind)
        if entry is None:
            return None
        more = self._draw.randint(1, MOST_FEN)
        less = min(more, entry.fen - 1)
        fen = entry.fen - less if less and self._draw.choice((True, False)) else entry.fen + more
        changed = replace(entry, fen=fen)
        self._put(wallet, entry, changed)
        return _named(Code.AMOUNT, entry, changed.signed_fen - entry.signed_fen)

    def _other_list(self, wallet: str, kind: str) -> Difference | None:
        others = sorted(set(self.lists) - {wallet})
        entry = self._take(wallet, kind) if others else None
        if entry is None:
            return None
        self.lists[wallet].remove(entry)
        other = self._draw.choice(others)
        self.lists[other].append(replace(entry, wallet=other))
        return _named(Code.CHANNEL, entry, 0)

    def _twice(self, wallet: str, kind: str) -> Difference | None:
        entry = self._take(wallet, kind)
        if entry is None:
            return None
        self.lists[wallet].append(entry)
        return _named(Code.TWICE_OTHER, entry, entry.signed_fen)

    def _once(self, wallet: str, kind: str) -> Difference | None:
        several = self._several[wallet, kind]
        if not several:
            return None
        entry = several.pop()
        self.lists[wallet].remove(entry)
        return _named(Code.TWICE_JOURNAL, entry, -entry.signed_fen)

    def _invented(self, wallet: str, kind: str) -> Difference | None:
        """An order that no box knows; a refund that nobody here gave, of an order that is known."""
        model = next((e for e in self.lists[wallet] if e.kind == PAYMENT and e.plain), None)
        if model is None:
            return None
        number = f"XX{self._draw.randrange(10**12):012d}"
        fen = self._draw.randint(1, INVENTED_FEN)
        entry = replace(model, kind=kind, key=number, fen=fen)
        if kind == PAYMENT:
            entry = replace(entry, order=number, theirs=f"42{number}")
        else:
            entry = replace(entry, their_refund=f"50{number}")
        self.lists[wallet].append(entry)
        return _named(Code.ONLY_OTHER, entry, entry.signed_fen)

    def _never_paid(self, wallet: str, kind: str) -> Difference | None:
        found = next((e for e in self._unpaid if (e.wallet, e.kind) == (wallet, kind)), None)
        if found is None:
            return None
        self._unpaid.remove(found)
        self.lists[wallet].append(found)
        return _named(Code.STATE, found, found.signed_fen)

    def _put(self, wallet: str, old: Entry, new: Entry) -> None:
        entries = self.lists[wallet]
        entries[entries.index(old)] = new


def _named(code: Code, entry: Entry, fen: int) -> Difference:
    return Difference(code.value, entry.wallet, entry.kind, entry.key, fen)
