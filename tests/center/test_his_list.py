import io
import json
import zipfile
from collections.abc import Callable
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook

from center.accounts.roles import Role
from center.reconciliation.his_list import Mapped, guessed, read
from center.reconciliation.models import ColumnMapping, HisList, HisRow
from center.reconciliation.table import BadList, rows_of

CSV = """日期,收费单号,收费金额,支付方式,类型,收费员
2026-11-22,10023,123.45,微信,收费,0117
2026/11/22,10024,-5,现金,,0117
"""


def rows(name: str, body: bytes) -> list[HisRow]:
    head, found = rows_of(name, body)
    return read(head, found, Mapped(guessed(head)))


def told(row: HisRow) -> tuple[date, str, str, str, int]:
    return row.day, row.his_id, row.kind, row.pay_type, row.amount_fen


EXPECTED = [
    (date(2026, 11, 22), "10023", "payment", "wechat", 12345),
    (date(2026, 11, 22), "10024", "refund", "cash", 500),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_any_encoding_of_a_chinese_office(encoding: str) -> None:
    assert [told(r) for r in rows("a.csv", CSV.encode(encoding))] == EXPECTED


def test_xlsx_with_dates_and_numbers_as_numbers() -> None:
    book = Workbook()
    page = book.worksheets[0]
    page.append(["日期", "收费单号", "收费金额", "支付方式", "类型"])
    page.append([date(2026, 11, 22), 10023.0, 123.45, "微信", "收费"])
    page.append([46348, "10024", -5, "现金", None])
    file = io.BytesIO()
    book.save(file)
    assert [told(r) for r in rows("a.xlsx", file.getvalue())] == EXPECTED


def test_days_that_a_csv_has_as_numbers() -> None:
    assert [told(r) for r in rows("a.csv", CSV.replace("2026/11/22", "46348").encode())] == EXPECTED
    with pytest.raises(BadList, match="第 3 行：日期"):
        rows("a.csv", CSV.replace("2026/11/22", "12345").encode())


def test_columns_that_nobody_knows_are_left_alone_and_duplicates_stay() -> None:
    text = "备注," + CSV.replace("\n2026", "\n什么,2026")
    head, first, second = text.splitlines()
    found = rows("a.csv", f"{head}\n{first}\n{second}\n{first}\n".encode())
    assert [told(r) for r in found] == [*EXPECTED, EXPECTED[0]]


def test_json() -> None:
    records = [
        {"date": "20261122", "id": "10023", "amount": "123.45", "pay_type": "wechat"},
        {"date": "2026-11-22", "id": 10024, "amount_fen": 500, "pay_type": "现金", "kind": "退费"},
    ]
    assert [told(r) for r in rows("a.json", json.dumps(records).encode())] == EXPECTED


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("a.pdf", b"%PDF", "只收"),
        ("a.csv", b"", "空"),
        ("a.csv", "日期,金额\n".encode(), "缺少列"),
        ("a.csv", CSV.replace("123.45", "一百").encode(), "第 2 行：金额"),
        ("a.csv", CSV.replace("2026/11/22", "前天").encode(), "第 3 行：日期"),
        ("a.csv", CSV.replace("收费,0117", "赠送,0117").encode(), "第 2 行：收退标志"),
        ("a.csv", CSV.replace("10023", "").encode(), "第 2 行：没有单号"),
        ("a.xlsx", b"PK no", "XLSX"),
        ("a.json", b"{", "JSON"),
        ("a.json", b'{"rows": [1]}', "记录"),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused_whole_and_says_where(
    name: str, body: bytes, says: str
) -> None:
    with pytest.raises(BadList, match=says):
        rows(name, body)


def test_a_bomb_is_not_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    with pytest.raises(BadList, match="太大"):
        rows("a.xlsx", file.getvalue())


@pytest.mark.django_db
class TestUpload:
    def post(self, client: Client, text: str, **fields: str) -> str:
        file = SimpleUploadedFile("../../x.csv", text.encode())
        answer = client.post("/reconciliation/upload", {"file": file, **fields}, follow=True)
        return answer.content.decode()

    def test_a_list_is_stored_and_a_newer_one_of_the_day_replaces_it(
        self, browser_of: Callable[..., Client]
    ) -> None:
        client = browser_of(Role.FINANCE)
        self.post(client, CSV)
        self.post(client, CSV.replace("123.45", "123.46"))
        assert HisRow.objects.get(his_id="10023").amount_fen == 12346
        assert HisRow.objects.count() == 2
        self.post(client, CSV.replace("123.45", "123.46"))
        assert HisRow.objects.count() == 2

    def test_a_bad_row_stores_nothing(self, browser_of: Callable[..., Client]) -> None:
        page = self.post(browser_of(Role.FINANCE), CSV.replace("-5", "x"))
        assert "第 3 行" in page
        assert not HisList.objects.exists()
        assert not HisRow.objects.exists()

    def test_other_headings_are_saved_under_a_name(self, browser_of: Callable[..., Client]) -> None:
        odd = CSV.replace("收费单号", "票号").replace("支付方式", "怎么付的")
        client = browser_of(Role.FINANCE)
        assert "缺少列" in self.post(client, odd)
        given = {"column_his_id": "票号", "column_pay_type": "怎么付的", "save_as": "门诊"}
        self.post(client, odd, **given)
        assert HisRow.objects.count() == 2
        HisRow.objects.all().delete()
        assert ColumnMapping.objects.get().name == "门诊"
        self.post(client, odd, mapping="门诊")
        assert HisRow.objects.count() == 2
