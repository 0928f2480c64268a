"""The statements that store good rows: events, the newest state of each uid, and the totals.

Plain SQL in sets, the same text for SQLite and PostgreSQL: the mapper would take one statement a
row. A total changes by what the newest row adds less what the row before it had added, so the sums
are exact however often a row is sent. A uid is looked up before it is inserted or updated; the
batches of one box come one after the other, because each begins by locking the box's own row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from django.db import connection

from center.ledger.models import Action, ActionState, Charge, Epoch, Payment, Refund
from center.ledger.money import GIVEN_BACK
from center.ledger.rows import LedgerRow
from center.ledger.words import Kind

REFUNDS_LOCK = 0x7061_7962  # of this database, for batches with refunds; any number would do
COMMON = (
    *("uid", "seq", "state", "reason", "desk", "department", "business", "business_date"),
    *("operator", "his_id", "revision", "amount_fen", "do_id"),
)
MONEY = ("channel", "out_trade_no", "provider_trade_no", "payer_mask")


@dataclass(frozen=True, slots=True)
class Table:
    """Where the newest rows of a kind stand."""

    kind: str
    model: Any
    told: tuple[str, ...]
    """Columns that hold a field of the row as it is."""
    has_money: bool = True
    """It has `channel` and `money_at`."""
    zero: str = ""
    """A column that begins at 0 and is not the row's to set."""

    @property
    def made(self) -> tuple[str, ...]:
        """Columns that are worked out from the row."""
        money = ("money_at",) if self.has_money else ()
        return ("epoch_number", "at", "day", "hour", *money, "try_number")

    @property
    def insert(self) -> str:
        """The statement for a uid that is new: the values of `row_values`, then box and time."""
        names = (*self.made, *self.told, "box_id", "first_at")
        zero = (f", {self.zero}", ", 0") if self.zero else ("", "")
        return _insert(self.name, names, *zero)

    @property
    def update(self) -> str:
        """The statement for a uid that is there: the same values, then box, uid and its day."""
        sets = ", ".join(f"{c} = %s" for c in (*self.made, *self.told))
        return f"UPDATE {self.name} SET {sets} WHERE box_id = %s AND uid = %s AND day = %s"  # noqa: S608  names of ours

    @property
    def name(self) -> str:
        """The table's own name."""
        return str(self.model._meta.db_table)  # noqa: SLF001  Django's documented way to it


TABLES = (
    Table(Kind.PAYMENT.value, Payment, (*COMMON, *MONEY, "attempt"), zero="refunded_fen"),
    Table(Kind.REFUND.value, Refund, (*COMMON, *MONEY, "ref", "out_refund_no")),
    Table(Kind.CHARGE.value, Charge, COMMON, has_money=False),
)
TOTALS: dict[str, tuple[str, ...]] = {
    "ledger_daytotal": ("day", "kind", "channel", "department", "business", "state"),
    "ledger_desktotal": ("day", "desk", "box_id", "kind", "channel", "state"),
    "ledger_hourtotal": ("day", "hour", "kind", "channel", "state"),
}


class Counted(NamedTuple):
    """What a row is counted by in the totals."""

    box_id: str
    kind: str
    state: str
    desk: str
    department: str
    business: str
    amount_fen: int
    day: date
    hour: int
    channel: str = ""


def _insert(table: str, names: Sequence[str], more: str = "", values: str = "") -> str:
    return f"INSERT INTO {table} ({', '.join(names)}{more}) VALUES ({_places(names)}{values})"  # noqa: S608  names of ours


def _places(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))


def store(box_id: str, epoch: Epoch, rows: Sequence[LedgerRow], now: datetime) -> None:
    """Store rows that were checked, in seq order. Runs inside the batch's transaction."""
    if not rows:
        return
    newest = _newest(rows)
    _wait_for_others(has_refunds=bool(newest[Kind.REFUND]))
    _insert_events(box_id, epoch.epoch, rows, now)
    changes: list[tuple[Counted, int]] = []
    for table in TABLES:
        if newest[table.kind]:
            changes += _put(table, box_id, epoch.number, newest[table.kind])
    orders = _given_back(newest)
    if orders:
        _sum_refunds(orders)
        changes += _mark_reversed(orders)
    _add_to_totals(changes)
    _note_actions(box_id, rows, now)


def _wait_for_others(*, has_refunds: bool) -> None:
    """A batch with refunds runs alone, others beside each other; held until the transaction ends.

    A refund may be of another box's payment. Where both arrive at once neither batch would see the
    other's row, and the payment would never hear of its refund. SQLite has one writer anyway.
    """
    if connection.vendor == "postgresql":
        lock = "pg_advisory_xact_lock" if has_refunds else "pg_advisory_xact_lock_shared"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lock}(%s)", [REFUNDS_LOCK])


def _newest(rows: Iterable[LedgerRow]) -> defaultdict[str, dict[str, LedgerRow]]:
    """Return the newest row of each uid, by kind."""
    newest: defaultdict[str, dict[str, LedgerRow]] = defaultdict(dict)
    for row in rows:
        newest[row.raw["kind"]][row.raw["uid"]] = row
    return newest


EVENT = ("box_id", "epoch", "seq", "uid", "kind", "state", "row", "received_at")


def _insert_events(box_id: str, epoch: str, rows: Sequence[LedgerRow], now: datetime) -> None:
    facts = itemgetter("seq", "uid", "kind", "state")
    time = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.executemany(
            _insert("ledger_event", EVENT),
            [(box_id, epoch, *facts(row.raw), row.text, time) for row in rows],
        )


def _put(
    table: Table, box_id: str, epoch_number: int, newest: Mapping[str, LedgerRow]
) -> list[tuple[Counted, int]]:
    """Insert or renew the newest row of each uid; return what leaves and enters the totals."""
    before = _before(table, box_id, newest)
    told = itemgetter("try", *table.told)
    new: list[tuple[Any, ...]] = []
    renewed: list[tuple[Any, ...]] = []
    changes: list[tuple[Counted, int]] = []
    time = connection.ops.adapt_datetimefield_value
    for uid, row in newest.items():
        at, money = time(row.at), (time(row.money_at),) if table.has_money else ()
        values = (epoch_number, at, plain_day(row.day), row.hour, *money, *told(row.raw))
        if uid not in before:
            new.append((*values, box_id, at))
        elif before[uid][0] <= epoch_number:
            renewed.append((*values, box_id, uid, plain_day(before[uid][1].day)))
            changes.append((before[uid][1], -1))
        else:
            continue  # a late row of an older epoch
        changes.append((_counted(table, box_id, row), 1))
    with connection.cursor() as cursor:
        cursor.executemany(table.insert, new)
        cursor.executemany(table.update, renewed)
    return changes


def _before(table: Table, box_id: str, uids: Iterable[str]) -> dict[str, tuple[int, Counted]]:
    """What stands under these uids: of which epoch, and what it is counted by."""
    names = ["state", "desk", "department", "business", "amount_fen", "day", "hour"]
    names += ["channel"] if table.has_money else []
    asked = [*uids]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT uid, epoch_number, {', '.join(names)} FROM {table.name}"  # noqa: S608  names of ours
            f" WHERE box_id = %s AND uid IN ({_places(asked)})",
            [box_id, *asked],
        )
        return {
            uid: (epoch_number, Counted(box_id, table.kind, *values))
            for uid, epoch_number, *values in cursor.fetchall()
        }


_TOLD = itemgetter("kind", "state", "desk", "department", "business", "amount_fen")


def _counted(table: Table, box_id: str, row: LedgerRow) -> Counted:
    channel = row.raw["channel"] if table.has_money else ""
    values = (*_TOLD(row.raw), row.day, row.hour, channel)
    return Counted(box_id, *values)


def _add_to_totals(changes: Sequence[tuple[Counted, int]]) -> None:
    with connection.cursor() as cursor:
        for table, keys in TOTALS.items():
            key = attrgetter(*keys)
            sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
            for counted, sign in changes:
                total = sums[key(counted)]
                total[0] += sign
                total[1] += sign * counted.amount_fen
            cursor.executemany(
                f"{_insert(table, (*keys, 'count', 'sum_fen'))}"
                f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET"
                f" count = {table}.count + excluded.count,"
                f" sum_fen = {table}.sum_fen + excluded.sum_fen",
                # in one order, so that two boxes' batches never wait for each other in a circle
                [
                    (plain_day(place[0]), *place[1:], count, fen)
                    for place, (count, fen) in sorted(sums.items())
                    if count or fen
                ],
            )


def _given_back(newest: Mapping[str, Mapping[str, LedgerRow]]) -> list[str]:
    """Those of the orders these rows are about that have a refund; it may be another box's."""
    orders = {refund["ref"] for refund in newest[Kind.REFUND].values()} - {""}
    return sorted(orders | _refunded(newest[Kind.PAYMENT]))


_OTHER = {"refunded": "reversed", "reversed": "refunded"}
_DONE = tuple(_OTHER)


def _sum_refunds(orders: Iterable[str]) -> None:
    """Keep `refunded_fen` of these payments: nothing for one that was reversed.

    It locks them: what another box's batch makes of a payment at the same time is seen afterwards.
    """
    sql = (
        "UPDATE ledger_payment SET refunded_fen = COALESCE((SELECT SUM(r.amount_fen) FROM"  # noqa: S608  places
        f" ledger_refund r WHERE r.ref = ledger_payment.uid AND r.state IN ({_places(_DONE)})"
        f" AND ledger_payment.state NOT IN ({_places(GIVEN_BACK)})), 0) WHERE uid = %s"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, [(*_DONE, *GIVEN_BACK, uid) for uid in orders])


def _mark_reversed(orders: Collection[str]) -> list[tuple[Counted, int]]:
    """A refund that is done is `reversed` while its payment is, and `refunded` otherwise.

    Returns what leaves and enters the totals.
    """
    names = ", ".join("'refund'" if name == "kind" else f"r.{name}" for name in Counted._fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.uid, {names} FROM ledger_refund r WHERE r.ref IN ({_places(orders)})"  # noqa: S608  names of ours
            " AND r.state = CASE WHEN EXISTS (SELECT 1 FROM ledger_payment p WHERE p.uid = r.ref"
            f" AND p.state IN ({_places(GIVEN_BACK)})) THEN %s ELSE %s END ORDER BY r.uid",
            [*orders, *GIVEN_BACK, *_DONE],
        )
        wrong = [(uid, Counted(*values)) for uid, *values in cursor.fetchall()]
        right = [c._replace(state=_OTHER[c.state]) for _uid, c in wrong]
        cursor.executemany(
            "UPDATE ledger_refund SET state = %s WHERE box_id = %s AND uid = %s AND day = %s",
            [
                (after.state, after.box_id, uid, plain_day(after.day))
                for (uid, _before), after in zip(wrong, right, strict=True)
            ],
        )
    return [*((before, -1) for _uid, before in wrong), *((after, 1) for after in right)]


def _refunded(payments: Collection[str]) -> set[str]:
    """Those of the payments that a refund names."""
    if not payments:
        return set()
    with connection.cursor() as cursor:
        places = _places(payments)
        cursor.execute(f"SELECT ref FROM ledger_refund WHERE ref IN ({places})", [*payments])  # noqa: S608
        return {ref for (ref,) in cursor.fetchall()}


def _note_actions(box_id: str, rows: Sequence[LedgerRow], now: datetime) -> None:
    """An action is done when a row with its id has come; later rows tell how it went on."""
    for row in rows:
        do_id = row.raw["do_id"]
        if do_id and (number := do_id.removeprefix("C-")).isdecimal():
            Action.objects.filter(pk=int(number), box_id=box_id).exclude(
                state=ActionState.REQUESTED
            ).update(state=ActionState.DONE, outcome=row["state"], done_at=now)


@lru_cache(maxsize=64)
def plain_day(value: date) -> Any:
    """As the database wants it; a batch is of a few days."""
    return connection.ops.adapt_datefield_value(value)
