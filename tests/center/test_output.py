import csv
import io
import json
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from openpyxl import load_workbook

from center.accounts.models import AuditRecord
from center.accounts.roles import Role
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db
DAYS = "?day_from=2026-11-22&day_to=2026-11-22&channel=wechat"
DANGEROUS = "=HYPERLINK(1)"


@pytest.fixture
def finance(browser_of: Callable[..., Client], journal: JournalOfABox) -> Client:
    journal.pay("A1", "intended", "paid", amount_fen=123456, payer_mask=DANGEROUS)
    journal.pay("A2", "paid", amount_fen=5, channel="alipay")
    journal.send()
    return browser_of(Role.FINANCE)


def exported(client: Client, form: str) -> bytes:
    answer = client.get(f"/reports/orders/export.{form}{DAYS}")
    assert answer.status_code == 200
    return bytes(answer.getvalue())


def test_csv_opens_in_a_spreadsheet_without_running_anything(finance: Client) -> None:
    text = exported(finance, "csv")
    assert text.startswith("\ufeff".encode())
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert [line[0] for line in lines[:4]] == ["报表", "条件", "用户", "时间"]
    assert "微信" in lines[1][1]
    assert lines[2][1] == "finance"
    (row,) = lines[6:]
    assert "1234.56" in row
    assert "'" + DANGEROUS in row


def test_xlsx_holds_numbers_as_numbers_and_no_formula(finance: Client) -> None:
    page = load_workbook(io.BytesIO(exported(finance, "xlsx"))).active
    assert page is not None
    rows = list(page.iter_rows(values_only=True))
    (row,) = rows[6:]
    assert 1234.56 in row
    assert not any(cell.data_type == "f" for line in page.iter_rows() for cell in line)


def test_json_and_xml_hold_fen_and_what_made_them(finance: Client) -> None:
    found = json.loads(exported(finance, "json"))
    assert found["about"]["用户"] == "finance"
    (row,) = found["rows"]
    assert (row["amount_fen"], row["uid" if "uid" in row else "out_trade_no"]) == (123456, "A1")
    tree = ET.fromstring(exported(finance, "xml"))
    assert tree.findtext("row/amount_fen") == "123456"


def test_a_saved_page_needs_nothing_else(finance: Client) -> None:
    page = exported(finance, "html").decode()
    assert "1,234.56" in page
    assert "<script" not in page
    assert "href=" not in page
    assert "src=" not in page


def test_each_export_stands_in_the_audit_log(finance: Client) -> None:
    exported(finance, "csv")
    record = AuditRecord.objects.get(action="export")
    assert record.object == "orders.csv"
    assert "wechat" in record.detail["filters"]
