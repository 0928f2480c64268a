"""Refunds that undid their payment are `reversed`, in the rows, the totals and the sums per order.

The same text for SQLite and PostgreSQL; backwards they are `refunded` again.
"""

from django.db import migrations, models

TOTALS = {
    "ledger_daytotal": ("day", "kind", "channel", "department", "business", "state"),
    "ledger_desktotal": ("day", "desk", "box_id", "kind", "channel", "state"),
    "ledger_hourtotal": ("day", "hour", "kind", "channel", "state"),
}
UNDONE = "ref IN (SELECT p.uid FROM ledger_payment p WHERE p.state IN ('reversing', 'reversed'))"


def moved(before: str, after: str) -> tuple[str, ...]:
    """The statements that give those refunds another word."""
    chosen = f"state = '{before}' AND {UNDONE}"
    totals = (
        _total(table, keys, chosen, state, sign)
        for table, keys in TOTALS.items()
        for state, sign in ((before, "-"), (after, ""))
    )
    rows = f"UPDATE ledger_refund SET state = '{after}' WHERE {chosen}"  # noqa: S608  words of ours
    return (*totals, rows, SUMS)


SUMS = (
    "UPDATE ledger_payment SET refunded_fen = COALESCE((SELECT SUM(r.amount_fen) FROM"
    " ledger_refund r WHERE r.ref = ledger_payment.uid AND r.state = 'refunded'), 0)"
    " WHERE state IN ('reversing', 'reversed')"
)


def _total(table: str, keys: tuple[str, ...], chosen: str, state: str, sign: str) -> str:
    words = {"kind": "'refund'", "state": f"'{state}'"}
    values = ", ".join(words.get(key, key) for key in keys)
    groups = ", ".join(key for key in keys if key not in words)
    return (
        f"INSERT INTO {table} ({', '.join(keys)}, count, sum_fen)"  # noqa: S608  words of ours
        f" SELECT {values}, {sign}COUNT(*), {sign}SUM(amount_fen) FROM ledger_refund"
        f" WHERE {chosen} GROUP BY {groups}"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET"
        f" count = {table}.count + excluded.count, sum_fen = {table}.sum_fen + excluded.sum_fen"
    )


FORWARD = moved("refunded", "reversed")
BACK = moved("reversed", "refunded")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_traces"),
    ]

    operations = [
        migrations.AlterField(
            model_name="refund",
            name="state",
            field=models.CharField(
                choices=[
                    ("requested", "已申请"),
                    ("sent", "已提交"),
                    ("pending", "处理中"),
                    ("refunded", "已退款"),
                    ("reversed", "已撤销"),
                    ("failed", "退款失败"),
                    ("manual", "需人工处理"),
                ],
                max_length=16,
                verbose_name="状态",
            ),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
