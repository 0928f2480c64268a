"""One day compared: items read from the tables in order, breaks explained and kept.

A number that only one list has waits three days: what was paid a minute before midnight may stand
in the next day's statement. Found there with the same amount it is no break. A day may be compared
as often as wanted: breaks that are gone are closed as `cleared`, new ones are added, and what
people decided about the others stays.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Collate

from center.ledger.models import Payment, Refund
from center.ledger.words import Channel
from center.reconciliation.compare import Break, Code, Item, Kind, compare
from center.reconciliation.models import STATE, BreakRow, BreakState, HisRow, Pair, Run
from center.reports.dashboard import TAKEN
from center.statements.models import FileState, StatementFile, StatementLine

WAIT = timedelta(days=3)
ONE_SIDED = frozenset({Code.ONLY_JOURNAL, Code.ONLY_OTHER})
GIVEN_BACK = frozenset({"reversing", "reversed"})
BELIEVED = (FileState.GOOD, FileState.EMPTY)
AT_ONCE = 2_000
_FOUND_AT_ONCE = 500  # numbers looked up in one question


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


def reconcile(pair: Pair, day: date, channel: str, now: datetime, today: date) -> Run:
    """Compare one day of one channel and keep what was found."""
    agreed, agreed_fen = 0, 0
    breaks: list[Break] = []
    for found in compare(_journal(pair, day, channel), _other(pair, day, channel)):
        if isinstance(found, Break):
            breaks.append(found)
        else:
            agreed, agreed_fen = agreed + 1, agreed_fen + found.signed_fen
    explained = list(_explain(pair, day, breaks, today))
    with transaction.atomic():
        _keep(pair, day, channel, explained, now)
        run, _made = Run.objects.update_or_create(
            pair=pair,
            day=day,
            channel=channel,
            defaults={
                "at": now,
                "agreed": agreed,
                "agreed_fen": agreed_fen,
                "breaks": len(explained),
                "difference_fen": sum(e.found.difference_fen for e in explained),
            },
        )
    return run


# ------------------------------------------------------------------ the two lists, in order


def _journal(pair: Pair, day: date, channel: str) -> Iterator[Item]:
    key = "uid" if pair == Pair.STATEMENT else "his_id"
    for kind, table, states in (
        (Kind.PAYMENT, Payment, TAKEN),
        (Kind.REFUND, Refund, ("refunded",)),
    ):
        rows = table.objects.filter(day=day, channel=channel, state__in=states)
        yield from _items(kind, _in_order(rows, key).values_list(key, "amount_fen", "channel"))


def _other(pair: Pair, day: date, channel: str) -> Iterator[Item]:
    for kind, key in ((Kind.PAYMENT, "out_trade_no"), (Kind.REFUND, "out_refund_no")):
        if pair == Pair.STATEMENT:
            lines = StatementLine.objects.filter(day=day, channel=channel, kind=kind.value)
            yield from _items(kind, _in_order(lines, key).values_list(key, "amount_fen", "channel"))
        else:
            rows = HisRow.objects.filter(day=day, pay_type=channel, kind=kind.value)
            values = _in_order(rows, "his_id").values_list("his_id", "amount_fen", "pay_type")
            yield from _items(kind, values)


def _in_order(rows: Any, key: str) -> Any:
    """By the bytes of the key, as Python orders text, whatever language the database speaks."""
    return rows.order_by(Collate(key, {"sqlite": "BINARY"}.get(connection.vendor, "C")))


def _items(kind: Kind, rows: Any) -> Iterator[Item]:
    for key, amount_fen, channel in rows.iterator(chunk_size=AT_ONCE):
        yield Item(kind, key, amount_fen, channel)


# ------------------------------------------------------------------ what is known about a break


def _explain(pair: Pair, day: date, breaks: list[Break], today: date) -> Iterator[Explained]:
    ours = _known(pair, {b.key for b in breaks})
    elsewhere = _other_days(pair, day, [b for b in breaks if b.code in ONE_SIDED])
    returned = _returned(breaks) if pair == Pair.STATEMENT else set()
    for found in breaks:
        if (found.code, found.kind, found.key, _fen(found)) in elsewhere:
            continue  # the same money, written down under a neighbouring day
        if found.key in returned:
            continue  # paid and given back, and both lists say so
        yield _told(found, ours.get((found.kind, found.key)), day, today)


def _told(found: Break, row: dict[str, Any] | None, day: date, today: date) -> Explained:
    code: str = found.code.value
    if found.code is Code.ONLY_OTHER and row and found.kind is Kind.PAYMENT:
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
}
"""A first guess for the person who looks at it; never a decision."""


def _fen(found: Break) -> int:
    fen = found.journal_fen if found.journal_fen is not None else found.other_fen
    return fen or 0


def _known(pair: Pair, keys: set[str]) -> dict[tuple[Kind, str], dict[str, Any]]:
    """What the journal has under these numbers, on whatever day and in whatever state."""
    key = "uid" if pair == Pair.STATEMENT else "his_id"
    found: dict[tuple[Kind, str], dict[str, Any]] = {}
    for part in _parts(keys):
        for kind, table in ((Kind.PAYMENT, Payment), (Kind.REFUND, Refund)):
            rows = table.objects.filter(**{f"{key}__in": part})
            for row in rows.values(key, "desk", "operator", "state", "amount_fen", "day"):
                found[(kind, row[key])] = row
    return found


def _other_days(pair: Pair, day: date, breaks: list[Break]) -> set[tuple[Code, Kind, str, int]]:
    """One-sided numbers that the missing side has within three days, with the same amount."""
    found: set[tuple[Code, Kind, str, int]] = set()
    near = {"day__gte": day - WAIT, "day__lte": day + WAIT}
    for code in ONE_SIDED:
        for kind in Kind:
            keys = {b.key for b in breaks if b.code is code and b.kind is kind}
            for part in _parts(keys):
                rows = _missing_side(pair, code, kind, part).filter(**near).exclude(day=day)
                found |= {(code, kind, key, fen) for key, fen in rows}
    return found


def _missing_side(pair: Pair, code: Code, kind: Kind, keys: list[str]) -> Any:
    if code is Code.ONLY_OTHER:
        key = "uid" if pair == Pair.STATEMENT else "his_id"
        table, states = (Payment, TAKEN) if kind is Kind.PAYMENT else (Refund, ("refunded",))
        rows = table.objects.filter(**{f"{key}__in": keys}, state__in=states)
        return rows.values_list(key, "amount_fen")
    if pair == Pair.STATEMENT:
        key = "out_trade_no" if kind is Kind.PAYMENT else "out_refund_no"
        lines = StatementLine.objects.filter(**{f"{key}__in": keys}, kind=kind.value)
        return lines.values_list(key, "amount_fen")
    his = HisRow.objects.filter(his_id__in=keys, kind=kind.value)
    return his.values_list("his_id", "amount_fen")


def _returned(breaks: list[Break]) -> set[str]:
    """Order and refund numbers of the statement that a reverse of ours explains, whole.

    A reversed order stands in the statement as paid and given back, under a refund number that is
    not ours. It is explained when what was given back of it is what was paid.
    """
    only = [b for b in breaks if b.code is Code.ONLY_OTHER]
    refunds = {b.key for b in only if b.kind is Kind.REFUND}
    orders = {b.key for b in only if b.kind is Kind.PAYMENT}
    for part in _parts(refunds):
        lines = StatementLine.objects.filter(out_refund_no__in=part, kind="refund")
        orders |= set(lines.values_list("out_trade_no", flat=True))
    explained: set[str] = set()
    for part in _parts(orders):
        ours = Payment.objects.filter(uid__in=part, state__in=GIVEN_BACK)
        explained |= _explained_orders(set(ours.values_list("uid", flat=True)))
    return explained


def _explained_orders(orders: set[str]) -> set[str]:
    balance: Counter[str] = Counter()
    numbers: dict[str, set[str]] = {}
    lines = StatementLine.objects.filter(out_trade_no__in=orders)
    for order, kind, fen, refund in lines.values_list(
        "out_trade_no", "kind", "amount_fen", "out_refund_no"
    ):
        balance[order] += fen if kind == "payment" else -fen
        numbers.setdefault(order, {order}).update({refund} - {""})
    whole = [order for order in numbers if balance[order] == 0]
    return set().union(*(numbers[order] for order in whole)) if whole else set()


def _parts(keys: Iterable[str]) -> Iterator[list[str]]:
    every = sorted(keys)
    for start in range(0, len(every), _FOUND_AT_ONCE):
        yield every[start : start + _FOUND_AT_ONCE]


# ------------------------------------------------------------------ keeping


def _keep(pair: Pair, day: date, channel: str, explained: list[Explained], now: datetime) -> None:
    here = BreakRow.objects.filter(pair=pair, day=day, channel=channel)
    known = {(b.code, b.kind, b.key, b.number): b for b in here}
    seen: Counter[tuple[str, str, str]] = Counter()
    new: list[BreakRow] = []
    for e in explained:
        place = (e.code, e.found.kind.value, e.found.key)
        number, seen[place] = seen[place], seen[place] + 1
        row = known.pop((*place, number), None)
        if row is None:
            new.append(_row(pair, day, channel, number, e, now))
        else:
            _renew(row, e)
    BreakRow.objects.bulk_create(new, batch_size=AT_ONCE)
    for row in known.values():
        if row.state in {BreakState.WAITING, BreakState.OPEN}:
            row.state, row.ended_at = BreakState.CLEARED, now
            row.save(update_fields=["state", "ended_at"])


def _renew(row: BreakRow, e: Explained) -> None:
    """Found again: figures follow, a person's word stays."""
    row.journal_fen, row.other_fen = e.found.journal_fen, e.found.other_fen
    row.difference_fen, row.journal_state = e.found.difference_fen, e.journal_state
    if row.state in {BreakState.WAITING, BreakState.CLEARED}:
        row.state, row.ended_at = e.state, None
    row.save()


def _row(  # noqa: PLR0913  one row's parts
    pair: Pair, day: date, channel: str, number: int, e: Explained, now: datetime
) -> BreakRow:
    return BreakRow(
        pair=pair,
        day=day,
        code=e.code,
        kind=e.found.kind.value,
        key=e.found.key[:100],
        number=number,
        channel=channel or e.found.channel,
        desk=e.desk,
        operator=e.operator,
        journal_state=e.journal_state,
        journal_fen=e.found.journal_fen,
        other_fen=e.found.other_fen,
        difference_fen=e.found.difference_fen,
        state=e.state,
        cause=e.cause,
        found_at=now,
    )


def reconcile_day(day: date, now: datetime, today: date) -> list[Run]:
    """Compare a day of every channel with both lists, where the other list is there."""
    runs: list[Run] = []
    for channel in Channel.values:
        if StatementFile.objects.filter(day=day, channel=channel, state__in=BELIEVED).exists():
            runs.append(reconcile(Pair.STATEMENT, day, channel, now, today))
        if HisRow.objects.filter(day=day, pay_type=channel).exists():
            runs.append(reconcile(Pair.HIS, day, channel, now, today))
    return runs
