"""What is known about a break: whether it is one, what its true name is, whether it must wait.

Looked at are the journal and both lists three days around. Explained away is money that the other
list has under a neighbouring day, and an order that was paid and given back on both sides. A number
that the other list has under another channel is one break of the kind `channel`, named once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from center.ledger.models import Payment, Refund
from center.ledger.money import GIVEN_BACK, TAKEN, given_back, taken
from center.reconciliation.compare import Break, Code, Kind, Place
from center.reconciliation.models import STATE, BreakState, HisRow, Pair
from center.reconciliation.parts import parts
from center.statements.models import FileState, StatementFile, StatementLine

WAIT = timedelta(days=3)
ONE_SIDED = frozenset({Code.ONLY_JOURNAL, Code.ONLY_OTHER})
BELIEVED = (FileState.GOOD, FileState.EMPTY)


@dataclass(frozen=True, slots=True)
class Compared:
    """Which lists were compared."""

    pair: Pair
    day: date
    channel: str

    @property
    def near(self) -> dict[str, date]:
        """The days around, as a filter."""
        return {"day__gte": self.day - WAIT, "day__lte": self.day + WAIT}

    @property
    def journal_key(self) -> str:
        """By which of its numbers the journal is compared."""
        return "uid" if self.pair == Pair.STATEMENT else "his_id"

    def taken(self, kind: Kind, keys: list[str]) -> Any:
        """What the journal has under these numbers."""
        return counted(kind).filter(**{f"{self.journal_key}__in": keys})

    def others(self, kind: Kind, keys: list[str]) -> tuple[Any, str, str]:
        """What the other list has under these numbers, with its names of number and channel."""
        if self.pair == Pair.HIS:
            return HisRow.objects.filter(his_id__in=keys, kind=kind.value), "his_id", "pay_type"
        key = "out_trade_no" if kind is Kind.PAYMENT else "out_refund_no"
        lines = StatementLine.objects.filter(**{f"{key}__in": keys}, kind=kind.value)
        return lines, key, "channel"


def counted(kind: Kind) -> Any:
    """Return the journal's rows that are money."""
    return taken() if kind is Kind.PAYMENT else given_back()


@dataclass(frozen=True, slots=True)
class Explained:
    """A break with what is known about its number."""

    found: Break
    code: str
    state: BreakState
    cause: str = ""
    desk: str = ""
    operator: str = ""
    journal_state: str = ""


def compared_channels(pair: Pair, day: date) -> frozenset[str]:
    """Return the channels of which there is another list of that day."""
    if pair == Pair.HIS:
        return frozenset(HisRow.objects.filter(day=day).values_list("pay_type", flat=True))
    files = StatementFile.objects.filter(day=day, state__in=BELIEVED)
    return frozenset(files.values_list("channel", flat=True))


def explain(lists: Compared, breaks: list[Break], today: date) -> Iterator[Explained]:
    """Give each break that remains one its name, its state and what is known of its number."""
    ours = _known(lists, {b.key for b in breaks})
    one_sided = [b for b in breaks if b.code in ONE_SIDED]
    elsewhere = _other_days(lists, one_sided)
    moved = _moved(lists, one_sided)
    returned = _returned(lists, breaks)
    for found in breaks:
        place = (found.kind, found.key)
        if found.code in ONE_SIDED and (found.code, *place, _fen(found)) in elsewhere:
            continue  # the same money, written down under a neighbouring day
        if found.key in returned:
            continue  # paid and given back, and both lists say so
        if found.code in ONE_SIDED and place in moved:
            if found.code is Code.ONLY_OTHER:
                continue  # named where the journal has it
            found = _under_another_channel(found, moved[place])  # noqa: PLW2901  its true name
        yield _told(found, ours.get(place), lists.day, today)


def _told(found: Break, row: dict[str, Any] | None, day: date, today: date) -> Explained:
    code: str = found.code.value
    not_taken = row is not None and row["state"] not in TAKEN
    if found.code is Code.ONLY_OTHER and not_taken and found.kind is Kind.PAYMENT:
        code = STATE
    waits = found.code in ONE_SIDED and code != STATE and today <= day + WAIT
    return Explained(
        found,
        code,
        BreakState.WAITING if waits else BreakState.OPEN,
        cause=CAUSES.get((code, found.kind), ""),
        desk=row["desk"] if row else "",
        operator=row["operator"] if row else "",
        journal_state=row["state"] if row else "",
    )


CAUSES: dict[tuple[str, Kind], str] = {
    (Code.ONLY_JOURNAL.value, Kind.PAYMENT): "not_in_statement",
    (Code.ONLY_OTHER.value, Kind.PAYMENT): "not_by_our_boxes",
    (Code.ONLY_JOURNAL.value, Kind.REFUND): "refund_not_settled_yet",
    (Code.ONLY_OTHER.value, Kind.REFUND): "refund_given_elsewhere",
    (STATE, Kind.PAYMENT): "provider_kept_money",
    (Code.CHANNEL.value, Kind.PAYMENT): "booked_under_another_channel",
    (Code.CHANNEL.value, Kind.REFUND): "booked_under_another_channel",
}
"""A first guess for the person who looks at it; never a decision."""


def _known(lists: Compared, keys: set[str]) -> dict[Place, dict[str, Any]]:
    """What the journal has under these numbers, on whatever day; what was taken goes first."""
    key = lists.journal_key
    found: dict[Place, dict[str, Any]] = {}
    for part in parts(keys):
        for kind, table in ((Kind.PAYMENT, Payment), (Kind.REFUND, Refund)):
            rows = table.objects.filter(**{f"{key}__in": part})
            for row in rows.values(key, "desk", "operator", "state"):
                if found.get((kind, row[key]), row)["state"] not in TAKEN or row["state"] in TAKEN:
                    found[kind, row[key]] = row
    return found


def _other_days(lists: Compared, one_sided: list[Break]) -> set[tuple[Code, Kind, str, int]]:
    """One-sided numbers that the missing side has within three days, with the same amount."""
    found: set[tuple[Code, Kind, str, int]] = set()
    for code, kind, part in _asked(one_sided):
        if code is Code.ONLY_OTHER:
            rows, key, channel = lists.taken(kind, part), lists.journal_key, "channel"
        else:
            rows, key, channel = lists.others(kind, part)
        rows = rows.filter(**lists.near, **{channel: lists.channel}).exclude(day=lists.day)
        found |= {(code, kind, n, fen) for n, fen in rows.values_list(key, "amount_fen")}
    return found


def _moved(lists: Compared, one_sided: list[Break]) -> dict[Place, int]:
    """Numbers that the journal has in one channel only and the other list in another only.

    With the amount that the other list has.
    """
    ours: defaultdict[Place, set[str]] = defaultdict(set)
    others: defaultdict[Place, dict[str, int]] = defaultdict(dict)
    for _code, kind, part in _asked(one_sided):
        journal = lists.taken(kind, part).filter(**lists.near)
        for key, channel in journal.values_list(lists.journal_key, "channel"):
            ours[kind, key].add(channel)
        rows, name, of = lists.others(kind, part)
        for key, channel, fen in rows.filter(**lists.near).values_list(name, of, "amount_fen"):
            others[kind, key][channel] = fen
    compared = compared_channels(lists.pair, lists.day)
    found: dict[Place, int] = {}
    for place in others.keys() & ours.keys():
        there = others[place].keys() - ours[place]
        if there and (ours[place] - others[place].keys()) & compared:
            found[place] = others[place][min(there)]
    return found


def _under_another_channel(found: Break, other_fen: int) -> Break:
    ours = found.journal_fen or 0
    more = other_fen - ours if found.kind is Kind.PAYMENT else ours - other_fen
    return replace(found, code=Code.CHANNEL, other_fen=other_fen, difference_fen=more)


def _returned(lists: Compared, breaks: list[Break]) -> set[str]:
    """Numbers of the other list that a reverse of ours explains, whole.

    A reversed order stands in a list as paid and given back, the latter under a number that is not
    ours. It is explained when what was given back of it is what was paid.
    """
    only = [b for b in breaks if b.code is Code.ONLY_OTHER]
    orders = {b.key for b in only if b.kind is Kind.PAYMENT}
    back = {b.key for b in only if b.kind is Kind.REFUND}
    for part in parts(back):
        rows, _key, _channel = lists.others(Kind.REFUND, part)
        orders |= set(rows.values_list("out_trade_no", flat=True)) - {""}
        orders |= set(Refund.objects.filter(his_id__in=part).values_list("ref", flat=True))
    explained: set[str] = set()
    for part in parts(orders):
        by = {f"{lists.journal_key}__in": part}
        ours = Payment.objects.filter(**by, state__in=GIVEN_BACK)
        if lists.pair == Pair.HIS:
            ours |= Payment.objects.filter(uid__in=part, state__in=GIVEN_BACK)
            explained |= _explained_bookings(dict(ours.values_list("uid", "his_id")))
        else:
            explained |= _explained_orders(set(ours.values_list("uid", flat=True)))
    return explained


def _explained_orders(orders: set[str]) -> set[str]:
    lines = StatementLine.objects.filter(out_trade_no__in=orders)
    names = ("out_trade_no", "kind", "amount_fen", "out_refund_no")
    return _balanced((order, *rest) for order, *rest in lines.values_list(*names))


def _explained_bookings(orders: dict[str, str]) -> set[str]:
    """The same of the HIS's list: by the HIS's numbers, or by ours where the list has it."""
    undone = Refund.objects.filter(ref__in=orders, state="reversed").values_list("his_id", "ref")
    of_his_id = {his_id: uid for uid, his_id in orders.items()} | dict(undone)
    rows = HisRow.objects.filter(his_id__in=of_his_id) | HisRow.objects.filter(
        out_trade_no__in=orders
    )
    names = ("out_trade_no", "his_id", "kind", "amount_fen")
    return _balanced(
        (number or of_his_id[his_id], kind, fen, his_id)
        for number, his_id, kind, fen in rows.values_list(*names)
    )


def _balanced(rows: Iterable[tuple[Any, ...]]) -> set[str]:
    """Order, kind, amount, own number of each row: the numbers of orders that come to nothing."""
    balance: Counter[str] = Counter()
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for order, kind, fen, own in rows:
        balance[order] += fen if kind == Kind.PAYMENT else -fen
        numbers[order] |= {order, own} - {""}
    return {n for order, found in numbers.items() if balance[order] == 0 for n in found}


def _fen(found: Break) -> int:
    fen = found.journal_fen if found.journal_fen is not None else found.other_fen
    return fen or 0


def _asked(one_sided: list[Break]) -> Iterator[tuple[Code, Kind, list[str]]]:
    """The numbers of one-sided breaks, some at a time."""
    for code in sorted(ONE_SIDED):
        for kind in Kind:
            keys = {b.key for b in one_sided if b.code is code and b.kind is kind}
            for part in parts(keys):
                yield code, kind, part
