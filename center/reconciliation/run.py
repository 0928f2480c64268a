"""One day compared: items read from the tables in order, breaks explained and kept.

A number that only one list has waits three days: what was paid a minute before midnight may stand
in the next day's statement. Found there with the same amount it is no break. A day may be compared
as often as wanted: breaks that are gone are closed as `cleared`, new ones are added, and what
people decided about the others stays.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Collate

from center.ledger.words import Channel
from center.reconciliation.compare import Break, Item, Kind, compare
from center.reconciliation.explain import Compared, Explained, compared_channels, counted, explain
from center.reconciliation.models import LISTS, BreakRow, BreakState, HisRow, Pair, Run
from center.statements.models import StatementLine

AT_ONCE = 2_000


def reconcile(pair: Pair, day: date, channel: str, now: datetime, today: date) -> Run:
    """Compare one day of one channel and keep what was found."""
    agreed, agreed_fen = 0, 0
    breaks: list[Break] = []
    for found in compare(_journal(pair, day, channel), _other(pair, day, channel)):
        if isinstance(found, Break):
            breaks.append(found)
        else:
            agreed, agreed_fen = agreed + 1, agreed_fen + found.signed_fen
    explained = list(explain(Compared(pair, day, channel), breaks, today))
    return keep_run(pair, day, channel, explained, now, agreed, agreed_fen)


def keep_run(  # noqa: PLR0913  one run's facts
    pair: Pair,
    day: date,
    channel: str,
    explained: list[Explained],
    now: datetime,
    agreed: int,
    agreed_fen: int = 0,
) -> Run:
    """Keep what one comparison found in place of what an earlier one of the day had found."""
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
    for kind in Kind:
        rows = counted(kind).filter(day=day, channel=channel)
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


# ------------------------------------------------------------------ keeping


def _keep(pair: Pair, day: date, channel: str, explained: list[Explained], now: datetime) -> None:
    here = BreakRow.objects.filter(pair=pair, day=day)
    if channel:
        here = here.filter(channel=channel)  # a check of all channels has none
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
    return [
        reconcile(pair, day, channel, now, today)
        for pair in LISTS
        for channel in Channel.values
        if channel in compared_channels(pair, day)
    ]
