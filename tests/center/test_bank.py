"""What arrived at the bank beside what the statements settle: lists, forms, batches of days."""

import io
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook

from center.accounts.models import AuditRecord
from center.accounts.roles import Role
from center.reconciliation.bank import check_bank
from center.reconciliation.bank_list import read
from center.reconciliation.daily import check_day
from center.reconciliation.models import BankReceipt, BreakRow, BreakState, Pair, Run
from center.reconciliation.table import BadList, rows_of
from center.statements.keep import keep
from tests.center.conftest import NOON
from tests.center.test_reconciliation import DAY, LATER, Wechat

pytestmark = pytest.mark.django_db
NEXT = DAY + timedelta(days=1)
BEFORE = DAY - timedelta(days=1)


def statement(day: date = DAY, fen: int = 1000) -> None:
    of_day = Wechat(day)
    of_day.pay(f"A{day}", fen)
    of_day.keep()


def receipt(batch: str, fen: int, first: date = DAY, last: date = DAY, **more: object) -> None:
    told = {"taken_by": "one", "taken_at": NOON, "received_on": last + timedelta(days=1)}
    BankReceipt.objects.create(
        channel="wechat", batch=batch, first_day=first, last_day=last, amount_fen=fen, **told | more
    )


def named(today: date = LATER) -> list[tuple[str, str, str, int]]:
    for day in (DAY, NEXT):
        check_bank(day, NOON, today)
    rows = BreakRow.objects.filter(pair=Pair.BANK).exclude(state=BreakState.CLEARED)
    return [(r.code, r.state, r.key, r.difference_fen) for r in rows.order_by("day")]


def test_what_arrived_in_one_or_more_parts_agrees() -> None:
    statement()
    receipt("B1", 400)
    receipt("B2", 600)
    assert named() == []
    run = Run.objects.get(pair=Pair.BANK, day=DAY)
    assert (run.agreed, run.agreed_fen) == (1, 1000)


def test_the_fee_is_not_owed() -> None:
    of_day = Wechat()
    of_day.pay("A", 1000)
    raw = (
        of_day.bytes()
        .replace(b"0.00000", b"0.06000")
        .replace(b"`0.00,`10.00,`0.00\r", b"`0.06,`10.00,`0.00\r")
    )
    assert keep("wechat", DAY, raw, NOON).state == "good"
    receipt("B1", 994)
    assert named() == []


def test_another_sum_is_open_at_once_and_a_missing_one_waits() -> None:
    statement()
    statement(NEXT, 500)
    receipt("B1", 990)
    assert named(DAY) == [
        ("amount", "open", f"{DAY}", -10),
        ("only_journal", "waiting", f"{NEXT}", -500),
    ]
    assert named(LATER + timedelta(days=1))[1][1] == "open"
    receipt("B2", 500, NEXT, NEXT)
    assert named() == [("amount", "open", f"{DAY}", -10)]


def test_days_that_are_settled_together_are_one_batch() -> None:
    statement()
    statement(NEXT, 500)
    receipt("other", 1, DAY - timedelta(days=9), DAY - timedelta(days=9))
    assert len(named()) == 2
    receipt("B1", 1499, DAY, NEXT)
    assert named() == [("amount", "open", f"{DAY} – {NEXT}", -1)]


def test_money_of_days_without_a_believed_statement_is_named() -> None:
    receipt("B1", 700)
    assert named() == [("only_other", "open", f"{DAY}", 700)]


def test_a_site_that_writes_no_receipts_down_is_not_told_of_them() -> None:
    statement()
    assert [run.pair for run in check_day(DAY, NOON, LATER)] == ["statement", "refund"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (f"现金,B1,{NEXT},1.00,,", "第 2 行：渠道“现金”"),
        (f"微信,,{NEXT},1.00,,", "没有批次号"),
        ("微信,B1,some day,1.00,,", "日期看不懂"),
        (f"微信,B1,{NEXT},一元,,", "金额看不懂"),
        (f"微信,B1,{NEXT},1.00,{NEXT},{DAY}", "起止日期不对"),
        (f"微信,B1,{NEXT},1.00,{DAY},{NEXT + timedelta(days=9)}", "起止日期不对"),
        (f"微信,B1,{NEXT},1.00,,\n微信,B1,{NEXT},2.00,,", "出现两次"),
        (f"微信,B1,{NEXT},1,{DAY},{DAY}\n微信,B2,{NEXT},2,{BEFORE},{DAY}", "重叠"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_understood_stores_nothing(
    browser_of: Callable[..., Client], row: str, says: str
) -> None:
    head = "渠道,批次号,到账日期,金额,结算起,结算止\n"
    file = SimpleUploadedFile("bank.csv", f"{head}{row}\n".encode())
    answer = browser_of(Role.FINANCE).post("/reconciliation/receipts", {"file": file}, follow=True)
    assert says in answer.content.decode()
    assert not BankReceipt.objects.exists()


def test_columns_that_are_not_there_are_named() -> None:
    with pytest.raises(BadList, match="缺少列：批次号、到账日期"):
        read(*rows_of("a.csv", "渠道,金额\n微信,1.00\n".encode()))


def test_a_spreadsheet_of_the_bank_with_days_as_numbers() -> None:
    book = Workbook()
    page = book.worksheets[0]
    page.append(["付款方", "凭证号", "入账日期", "贷方金额"])
    page.append(["支付宝", 10023.0, 46349, 1234.5])
    file = io.BytesIO()
    book.save(file)
    (found,) = read(*rows_of("bank.xlsx", file.getvalue()))
    assert (found.channel, found.batch, found.amount_fen) == ("alipay", "10023", 123_450)
    assert (found.received_on, found.first_day, found.last_day) == (NEXT, DAY, DAY)


def test_one_is_written_into_the_form_and_sent_again_it_replaces(
    browser_of: Callable[..., Client],
) -> None:
    statement()
    client = browser_of(Role.FINANCE)
    told = {"channel": "wechat", "batch": "B1", "received_on": f"{NEXT}"}
    for amount in ("9.90", "10.00"):
        client.post("/reconciliation/receipts", {**told, "amount": amount})
        shown = client.get(f"/reports/bank-breaks/?day_from={DAY}&day_to={DAY}").content.decode()
        assert ("-0.10" in shown and "badge bad" in shown) == (amount == "9.90")
    assert BankReceipt.objects.get().amount_fen == 1000
    row = BreakRow.objects.get(pair=Pair.BANK)
    assert row.state == BreakState.CLEARED
    assert "B1" in client.get(f"/breaks/{row.pk}/").content.decode()
    assert AuditRecord.objects.filter(action="receipts_taken").count() == 2
