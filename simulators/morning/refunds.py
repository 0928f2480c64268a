"""Which refunds a person should be shown, judged from all the lists at once, day after day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulators.differences import PAYMENT, REFUND, Difference, Entry
from simulators.morning.center import Named

PAIR = "refund"


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of the journal."""

    entry: Entry
    operator: str


@dataclass(frozen=True, slots=True)
class Lists:
    """One day as everybody wrote it down."""

    journal: Iterable[Refund]
    bills: Iterable[Entry]
    his: Iterable[Entry]


def judge(payments: Mapping[str, Entry], days: Iterable[Lists], many: int) -> Counter[Named]:
    """What must be shown; `payments`: those of the journal, by order number."""
    known: defaultdict[str, dict[str, int]] = defaultdict(dict)
    shown: Counter[Named] = Counter()
    for day in days:
        new: defaultdict[str, set[str]] = defaultdict(set)
        for entry in (*(r.entry for r in day.journal), *(e for e in day.bills if e.kind == REFUND)):
            if entry.key not in known[entry.order]:
                known[entry.order][entry.key] = entry.fen
                new[entry.order].add(entry.key)
        paid = {e.order: e for e in day.bills if e.kind == PAYMENT} | dict(payments)
        for order in new.keys() & paid.keys():
            shown.update(_of_order(paid[order], known[order], new[order]))
        shown.update(_elsewhere(paid, day.his))
        shown.update(_many(day.journal, many))
    return shown


def _of_order(paid: Entry, known: Mapping[str, int], new: set[str]) -> list[Named]:
    again = {known[n] for n in new if [*known.values()].count(known[n]) > 1}
    extra = sum(([*known.values()].count(fen) - 1) * fen for fen in again)
    over = sum(known.values()) - paid.fen
    found = [_named("refund_repeated", paid.wallet, paid.order, -extra)] if again else []
    return [*found, _named("refund_over", paid.wallet, paid.order, -over)] if over > 0 else found


def _elsewhere(paid: Mapping[str, Entry], his: Iterable[Entry]) -> list[Named]:
    orders = {
        e.order
        for e in his
        if e.kind == REFUND and e.order in paid and paid[e.order].wallet != e.wallet
    }
    return [_named("refund_channel", paid[order].wallet, order, 0) for order in orders]


def _many(journal: Iterable[Refund], many: int) -> list[Named]:
    counts = Counter(refund.operator for refund in journal)
    return [_named("refund_many", "", who, 0) for who, count in counts.items() if count >= many]


def _named(code: str, wallet: str, key: str, fen: int) -> Named:
    return PAIR, Difference(code, wallet, REFUND, key, fen)
