"""Statements and HIS lists that go with the invented transactions, with a few differences planted.

They go through the real readers, so that the reconciliation pages can be tried. So do the bank's
receipts: of one day less arrived, of one nothing, and the last days are still on their way.
"""

import json
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db.models import QuerySet

from center.ledger.models import Payment, Refund
from center.ledger.rows import BEIJING
from center.reconciliation import bank_list, his_list, table
from center.reconciliation.bank import check_bank
from center.reconciliation.daily import check_day
from center.reconciliation.his_list import Mapped
from center.reviews.models import Review
from center.statements.keep import keep
from center.statements.models import StatementFile

HEAD = (
    "交易时间,设备号,微信订单号,商户订单号,交易状态,应结订单金额,微信退款单号,商户退款单号,"
    "退款金额,手续费,订单金额,申请退款金额"
)
TOTALS_HEAD = "总交易单数,应结订单总金额,退款总金额,手续费总金额,订单总金额,申请退款总金额"
FEE = 0.006  # of a payment, as WeChat takes it from most hospitals
ODD = 0.004  # of the payments differ in some way
OTHER_WAY = 0.08  # of the refunds are booked as cash
PAY_TYPES = ("cash", "card")
ON_ITS_WAY, LOST, SHORT = 2, 6, 8  # days ago
SHORT_FEN = 5_000
REVIEWED = 0.02  # of the payments by WeChat
SAID = {
    1: ("等了很久", "机器没反应，换了窗口"),
    2: ("扫了两次才成功",),
    3: ("还可以", ""),
    4: ("挺快的", "方便"),
    5: ("很快", "不用排队找零，方便", "屏幕上金额清楚", ""),
}


def make_statements(days: int, seed: int, today: date) -> int:
    """Store statements and lists of the last days and compare them; return how many days."""
    draw = random.Random(seed)  # noqa: S311  invented data
    for back in range(days, 0, -1):
        day = today - timedelta(days=back)
        now = datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING)
        keep("wechat", day, _statement(draw, day), now)
        body = json.dumps(list(_list(draw, day)), ensure_ascii=False).encode()
        head, rows = table.rows_of("demo.json", body)
        found = his_list.read(head, rows, Mapped(his_list.guessed(head)))
        his_list.store(f"门诊住院 {day}.json", body, found, "demo", now)
        check_day(day, now, today)
        Review.objects.bulk_create(_reviews(draw, day))
    _keep_receipts(today)
    return days


def _keep_receipts(today: date) -> None:
    """Store what the bank says has come, and compare it."""
    body = json.dumps(list(_receipts(today)), ensure_ascii=False).encode()
    now = datetime.combine(today, datetime.min.time(), BEIJING)
    bank_list.store(bank_list.read(*table.rows_of("demo.json", body)), "demo", now)
    for day in StatementFile.objects.order_by("day").values_list("day", flat=True).distinct():
        check_bank(day, now, today)


def _receipts(today: date) -> Iterator[dict[str, str]]:
    """What is settled arrives two days later: less of one day, nothing of another."""
    for file in StatementFile.objects.defer("raw").order_by("day"):
        back = (today - file.day).days
        if back > ON_ITS_WAY and back != LOST:
            arrived = file.day + timedelta(days=ON_ITS_WAY)
            short = SHORT_FEN if back == SHORT else 0
            yield {
                "channel": file.channel,
                "batch": f"{file.day:%Y%m%d}001",
                "received_on": arrived.isoformat(),
                "first_day": file.day.isoformat(),
                "amount": _yuan(file.net_fen - short),
            }


def _reviews(draw: random.Random, day: date) -> Iterator[Review]:
    for p in Payment.objects.filter(day=day, channel="wechat", state="paid").order_by("uid"):
        if draw.random() < REVIEWED:
            stars = draw.choices(range(1, 6), (1, 1, 2, 4, 12))[0]
            at = p.first_at + timedelta(minutes=draw.randrange(2, 600))
            told = {"desk": p.desk, "operator": p.operator, "out_trade_no": p.out_trade_no}
            said = draw.choice(SAID[stars])
            yield Review(
                at=at, day=at.astimezone(BEIJING).date(), stars=stars, text=said, **told,
                provider_trade_no=p.provider_trade_no,
            )  # fmt: skip


def _statement(draw: random.Random, day: date) -> bytes:
    paid_fen = back_fen = fee_e5 = 0
    rows: list[str] = []
    for p in _paid(day).filter(channel="wechat").order_by("uid"):
        odd = draw.random() if p.state == "paid" else 1.0
        if odd < ODD:
            continue  # paid by our books, unknown to the provider
        fen = p.amount_fen + (100 if odd < 2 * ODD else 0)
        fee = round(fen * FEE) * 1000
        paid_fen, fee_e5 = paid_fen + fen, fee_e5 + fee
        rows.append(_row(p.money_at, p.provider_trade_no, p.uid, "SUCCESS", fen, 0, "0", fee))
    for r in _refunds(day).filter(channel="wechat").order_by("uid"):
        back_fen += r.amount_fen
        # a reverse is written under a number of the provider's own
        state, number = "REFUND", r.out_refund_no if r.state == "refunded" else f"9{r.uid[1:]}"
        rows.append(_row(r.money_at, "42", r.ref, state, 0, r.amount_fen, number, 0))
    paid, back = _yuan(paid_fen), _yuan(back_fen)
    totals = (str(len(rows)), paid, back, f"{fee_e5 / 100_000:.5f}", paid, back)
    lines = ("\ufeff" + HEAD, *rows, TOTALS_HEAD, "`" + ",`".join(totals), "")
    return "\r\n".join(lines).encode()


def _paid(day: date) -> QuerySet[Payment]:
    """What the provider took: it still has what was reversed afterwards."""
    return Payment.objects.filter(day=day, state__in=("paid", "reversed"), money_at__isnull=False)


def _refunds(day: date) -> QuerySet[Refund]:
    return Refund.objects.filter(day=day, state__in=("refunded", "reversed"))


def _row(  # noqa: PLR0913  the columns of a line
    at: datetime | None, theirs: str, order: str, state: str,
    fen: int, back: int, refund: str, fee_e5: int,
) -> str:  # fmt: skip
    time = f"{(at or datetime.now(BEIJING)).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    their_refund = "0" if refund == "0" else f"50{refund}"[:32]
    values = (time, "", theirs, order, state, _yuan(fen), their_refund, refund, _yuan(back),
              f"{fee_e5 / 100_000:.5f}", _yuan(fen), _yuan(back))  # fmt: skip
    return "`" + ",`".join(values)


def _list(draw: random.Random, day: date) -> Iterator[dict[str, str]]:
    for p in _paid(day).order_by("uid"):
        if p.state != "paid" or draw.random() >= ODD:
            yield _told(day, p.his_id, p.amount_fen, p.channel, p.operator)
    for r in _refunds(day).order_by("uid"):
        other = r.state == "refunded" and draw.random() < OTHER_WAY
        yield _told(day, r.his_id, -r.amount_fen, "cash" if other else r.channel, r.operator)
    for number in range(60):
        yield _told(day, f"X{day:%m%d}{number}", draw.randrange(500, 60_000), PAY_TYPES[number % 2])


def _told(day: date, his_id: str, fen: int, pay_type: str, operator: str = "") -> dict[str, str]:
    told = {"day": day.isoformat(), "his_id": his_id, "amount": _yuan(fen), "pay_type": pay_type}
    return told | {"operator": operator}


def _yuan(fen: int) -> str:
    return f"{fen / 100:.2f}"
