"""Two lists of money side by side, and every place where they do not agree. Pure.

Both lists are walked once in the order of their keys, so a day of any size costs its length and no
memory. Amounts are signed from the hospital's side: a payment adds, a refund takes away; the
difference of a break is what the other list has more than the journal.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby


class Kind(StrEnum):
    """Which way the money goes."""

    PAYMENT = "payment"
    REFUND = "refund"


class Code(StrEnum):
    """What does not agree; neutral, without a guess at whose fault it is."""

    ONLY_JOURNAL = "only_journal"
    ONLY_OTHER = "only_other"
    AMOUNT = "amount"
    CHANNEL = "channel"
    TWICE_JOURNAL = "twice_journal"
    TWICE_OTHER = "twice_other"


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One payment or refund on one of the lists; ordered by kind and key."""

    kind: Kind
    key: str
    """The number that both lists know it by."""
    amount_fen: int
    channel: str = ""
    """'' where the list does not say."""

    @property
    def signed_fen(self) -> int:
        """What it adds to the hospital's money."""
        return self.amount_fen if self.kind is Kind.PAYMENT else -self.amount_fen


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement about one number."""

    code: StrEnum
    """A `Code`, or what another check of the day calls it."""
    kind: Kind
    key: str
    channel: str
    journal_fen: int | None
    other_fen: int | None
    difference_fen: int


Place = tuple[Kind, str]


def compare(journal: Iterable[Item], other: Iterable[Item]) -> Iterator[Break | Item]:
    """Yield a Break for each disagreement and the journal's Item where both agree.

    Both must come in the order of (kind, key), as `sorted` and ORDER BY give it.
    """
    left, right = _grouped(journal), _grouped(other)
    one, two = next(left, None), next(right, None)
    while one or two:
        if two is None or (one is not None and one[0] < two[0]):
            assert one
            yield from _alone(Code.ONLY_JOURNAL, one[1])
            one = next(left, None)
        elif one is None or two[0] < one[0]:
            yield from _alone(Code.ONLY_OTHER, two[1])
            two = next(right, None)
        else:
            yield from _together(one[1], two[1])
            one, two = next(left, None), next(right, None)


def _grouped(items: Iterable[Item]) -> Iterator[tuple[Place, list[Item]]]:
    before: Place | None = None
    for place, group in groupby(items, lambda item: (item.kind, item.key)):
        assert before is None or before < place, "not in order"
        before = place
        yield place, list(group)


def _alone(code: Code, items: list[Item]) -> Iterator[Break]:
    """On one list only, each time it stands there."""
    for item in items:
        ours = code is Code.ONLY_JOURNAL
        yield Break(
            code,
            item.kind,
            item.key,
            item.channel,
            item.amount_fen if ours else None,
            None if ours else item.amount_fen,
            -item.signed_fen if ours else item.signed_fen,
        )


def _together(ours: list[Item], others: list[Item]) -> Iterator[Break | Item]:
    """A number that both know: what is the same goes in pairs, then what is not, then the rest.

    A number may rightly stand there several times: paid, given back, and paid again.
    """
    left, right = [], list(others)
    for item in ours:
        same = next((o for o in right if _agree(item, o)), None)
        if same is None:
            left.append(item)
        else:
            right.remove(same)
            yield item
    for mine, other in zip(left, right, strict=False):
        code = Code.AMOUNT if mine.amount_fen != other.amount_fen else Code.CHANNEL
        yield _break(code, mine, mine, other)
    for item in left[len(right) :]:
        yield _break(Code.TWICE_JOURNAL, ours[0], item, None)
    for item in right[len(left) :]:
        yield _break(Code.TWICE_OTHER, ours[0], None, item)


def _agree(one: Item, other: Item) -> bool:
    channels = {one.channel, other.channel} - {""}
    return one.amount_fen == other.amount_fen and len(channels) <= 1


def _break(code: Code, of: Item, journal: Item | None, other: Item | None) -> Break:
    difference = (other.signed_fen if other else 0) - (journal.signed_fen if journal else 0)
    return Break(
        code,
        of.kind,
        of.key,
        of.channel,
        journal.amount_fen if journal else None,
        other.amount_fen if other else None,
        difference,
    )
