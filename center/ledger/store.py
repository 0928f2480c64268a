"""The statements that store good rows: events, the newest state of each uid, and the totals.

Plain SQL in sets, the same text for SQLite and PostgreSQL: the mapper would take one statement a
row. A total changes by what the newest row adds less what the row before it had added, so the sums
are exact however often a row is sent.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from center.ledger.models import Action, ActionState, Charge, Epoch, Payment, Refund
from center.ledger.rows import LedgerRow
from center.ledger.words import Kind

COMMON = (
    *("box_id", "uid", "epoch_number", "seq", "state", "reason", "desk", "department", "business"),
    *("business_date", "operator", "his_id", "try_number", "revision", "amount_fen", "at"),
    *("first_at", "day", "hour", "do_id"),
)
EXTRA: dict[str, tuple[str, ...]] = {
    Kind.PAYMENT: (
        *("channel", "attempt", "out_trade_no", "provider_trade_no", "payer_mask", "money_at"),
    ),
    Kind.REFUND: (
        *("channel", "ref", "out_trade_no", "out_refund_no", "provider_trade_no", "payer_mask"),
        "money_at",
    ),
    Kind.CHARGE: (),
}
TABLES: dict[str, str] = {
    Kind.PAYMENT: Payment._meta.db_table,  # noqa: SLF001  Django's documented way to the name
    Kind.REFUND: Refund._meta.db_table,  # noqa: SLF001
    Kind.CHARGE: Charge._meta.db_table,  # noqa: SLF001
}
KEPT = frozenset({"box_id", "uid", "first_at"})
"""Columns that the first event of a uid sets for good."""
TOTALS: dict[str, tuple[str, ...]] = {
    "ledger_daytotal": ("day", "kind", "channel", "department", "business", "state"),
    "ledger_desktotal": ("day", "desk", "box_id", "kind", "channel", "state"),
    "ledger_hourtotal": ("day", "hour", "kind", "channel", "state"),
}

Facts = dict[str, Any]
"""What the totals are made of: one row by the columns' names."""


def store(box_id: str, epoch: Epoch, rows: Sequence[LedgerRow], now: datetime) -> None:
    """Store rows that were checked, in seq order. Runs inside the batch's transaction."""
    if not rows:
        return
    _insert_events(box_id, epoch.epoch, rows, now)
    changes: list[tuple[Facts, int]] = []
    for kind in TABLES:
        newest = {row["uid"]: row for row in rows if row["kind"] == kind}
        if newest:
            changes += _put(kind, box_id, epoch.number, newest)
    _add_to_totals(changes)
    _sum_refunds(rows)
    _note_actions(box_id, rows, now)


def _insert_events(box_id: str, epoch: str, rows: Sequence[LedgerRow], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger_event (box_id, epoch, seq, uid, kind, state, row, received_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (box_id, epoch, r["seq"], r["uid"], r["kind"], r["state"], _json(r.raw), _time(now))
                for r in rows
            ],
        )


def _put(
    kind: str, box_id: str, epoch_number: int, newest: dict[str, LedgerRow]
) -> list[tuple[Facts, int]]:
    """Insert or replace the newest row of each uid; return what leaves and enters the totals."""
    before = _before(kind, box_id, newest)
    columns = (*COMMON, *EXTRA[kind])
    facts = [
        _facts(kind, box_id, epoch_number, row)
        for uid, row in newest.items()
        if uid not in before or before[uid]["epoch_number"] <= epoch_number
    ]
    sets = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in KEPT)
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {TABLES[kind]} ({', '.join(columns)}{_zero(kind)[0]})"  # noqa: S608  names of ours
            f" VALUES ({places}{_zero(kind)[1]}) ON CONFLICT (box_id, uid) DO UPDATE SET {sets}",
            [tuple(plain(f[c]) for c in columns) for f in facts],
        )
    gone = [(before[f["uid"]], -1) for f in facts if f["uid"] in before]
    return gone + [(f, 1) for f in facts]


def _zero(kind: str) -> tuple[str, str]:
    return (", refunded_fen", ", 0") if kind == Kind.PAYMENT else ("", "")


def _before(kind: str, box_id: str, uids: Iterable[str]) -> dict[str, Facts]:
    names = ["uid", "epoch_number", "state", "desk", "department", "business", "amount_fen"]
    names += ["day", "hour"] + (["channel"] if EXTRA[kind] else [])
    model = {Kind.PAYMENT: Payment, Kind.REFUND: Refund, Kind.CHARGE: Charge}[Kind(kind)]
    found = model.objects.filter(box_id=box_id, uid__in=list(uids)).values(*names)  # type: ignore[attr-defined]
    return {f["uid"]: {"channel": "", **f, "kind": kind, "box_id": box_id} for f in found}


def _facts(kind: str, box_id: str, epoch_number: int, row: LedgerRow) -> Facts:
    return {
        "channel": "",
        **row.raw,
        "kind": kind,
        "box_id": box_id,
        "epoch_number": epoch_number,
        "try_number": row["try"],
        "at": row.at,
        "first_at": row.at,
        "money_at": row.money_at,
        "day": row.day,
        "hour": row.hour,
    }


def _add_to_totals(changes: Sequence[tuple[Facts, int]]) -> None:
    with connection.cursor() as cursor:
        for table, keys in TOTALS.items():
            sums: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
            for facts, sign in changes:
                total = sums[tuple(facts[k] for k in keys)]
                total[0] += sign
                total[1] += sign * facts["amount_fen"]
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(keys)}, count, sum_fen)"  # noqa: S608  names of ours
                f" VALUES ({', '.join(['%s'] * (len(keys) + 2))})"
                f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET"
                f" count = {table}.count + excluded.count,"
                f" sum_fen = {table}.sum_fen + excluded.sum_fen",
                [
                    (*map(plain, key), count, fen)
                    for key, (count, fen) in sorted(sums.items(), key=lambda s: str(s[0]))
                    if count or fen
                ],
            )


def _sum_refunds(rows: Sequence[LedgerRow]) -> None:
    """Keep `refunded_fen` of the payments that are touched; a refund may be another box's."""
    uids = {r["ref"] for r in rows if r["kind"] == Kind.REFUND and r["ref"]}
    payments = [r["uid"] for r in rows if r["kind"] == Kind.PAYMENT]
    uids |= set(Refund.objects.filter(ref__in=payments).values_list("ref", flat=True))
    if not uids:
        return
    given_back = (
        Refund.objects.filter(ref=OuterRef("uid"), state="refunded")
        .values("ref")
        .annotate(fen=Sum("amount_fen"))
        .values("fen")
    )
    Payment.objects.filter(uid__in=uids).update(refunded_fen=Coalesce(Subquery(given_back), 0))


def _note_actions(box_id: str, rows: Sequence[LedgerRow], now: datetime) -> None:
    """An action is done when a row with its id has come; later rows tell how it went on."""
    for row in rows:
        number = row["do_id"].removeprefix("C-")
        if row["do_id"] and number.isdecimal():
            Action.objects.filter(pk=int(number), box_id=box_id).exclude(
                state=ActionState.REQUESTED
            ).update(state=ActionState.DONE, outcome=row["state"], done_at=now)


def _json(raw: object) -> str:
    return json.dumps(raw, ensure_ascii=False, separators=(",", ":"))


def _time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def plain(value: Any) -> Any:
    """As the database wants it: Django's own forms of times and days."""
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value
