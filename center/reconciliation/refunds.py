"""Refunds that a person should look at, found in what the journal and the providers say. Pure.

Given back twice: one payment, the same amount under several numbers. Over: more given back than
was paid. Another channel: not by the wallet that paid, also as the HIS booked it. Many: one cashier
gave back unusually often on one day. Each is named on the day whose refund made it so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from center.reconciliation.compare import Break, Kind


class Anomaly(StrEnum):
    """Why a refund is to be looked at."""

    REPEATED = "refund_repeated"
    OVER = "refund_over"
    CHANNEL = "refund_channel"
    MANY = "refund_many"


@dataclass(frozen=True, slots=True)
class Paid:
    """What may be given back."""

    fen: int
    channel: str


@dataclass(frozen=True, slots=True)
class Given:
    """One refund."""

    order: str
    number: str
    fen: int
    channel: str
    day: date
    operator: str = ""
    booked_only: bool = False
    """The HIS says so; money by another way of payment has no other trace."""


def suspicious(
    day: date, paid: Mapping[str, Paid], given: Iterable[Given], many: int
) -> Iterator[Break]:
    """Yield what the refunds of that day made suspicious; `given` holds none of a later day.

    `many`: from so many refunds of one cashier on.
    """
    of_order: defaultdict[str, list[Given]] = defaultdict(list)
    of_operator: defaultdict[str, list[Given]] = defaultdict(list)
    for one in given:
        of_order[one.order].append(one)
        if one.day == day and one.operator and not one.booked_only:
            of_operator[one.operator].append(one)
    for order in sorted(of_order):
        if order in paid and any(one.day == day for one in of_order[order]):
            yield from _of_order(day, order, paid[order], of_order[order])
    for operator in sorted(of_operator):
        found = of_operator[operator]
        if len(found) >= many:
            yield Break(Anomaly.MANY, Kind.REFUND, operator, "", None, _sum(found), 0)


def _of_order(day: date, order: str, paid: Paid, given: Sequence[Given]) -> Iterator[Break]:
    moved = [one for one in given if not one.booked_only]
    times = Counter(one.fen for one in moved)
    again = {one.fen for one in moved if one.day == day and times[one.fen] > 1}
    if again:
        extra = sum(fen * (times[fen] - 1) for fen in again)
        yield _break(Anomaly.REPEATED, order, paid, extra + sum(again), -extra)
    total = _sum(moved)
    if total > paid.fen and any(one.day == day for one in moved):
        yield _break(Anomaly.OVER, order, paid, total, paid.fen - total)
    elsewhere = [one for one in given if one.day == day and one.channel != paid.channel]
    if elsewhere:
        yield _break(Anomaly.CHANNEL, order, paid, _sum(elsewhere), 0)


def _break(code: Anomaly, order: str, paid: Paid, fen: int, difference: int) -> Break:
    return Break(code, Kind.REFUND, order, paid.channel, paid.fen, fen, difference)


def _sum(given: Iterable[Given]) -> int:
    return sum(one.fen for one in given)
