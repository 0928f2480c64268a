"""Programs with a token: what they may read, and the list that a HIS sends."""

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import Client
from openpyxl import Workbook

from center.accounts.models import AuditRecord, Token, User
from center.accounts.roles import Role
from center.reconciliation.models import BreakRow, ColumnMapping, HisList, HisRow
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db
KEY = bytes(range(32))
DAYS = "day_from=2026-11-22&day_to=2026-11-22"
LIST = "日期,收费单号,收费金额,支付方式\n2026-11-22,H1,1.00,微信\n2026-11-22,H2,5.00,现金\n"


@pytest.fixture
def token_of(user_of: Callable[..., User]) -> Callable[[Role], dict[str, Any]]:
    """The headers of a program with this role."""

    def make(role: Role) -> dict[str, Any]:
        digest = hashlib.sha256(b"secret").digest()
        user = user_of(role, desk="MZ-03")
        Token.objects.create(pk=f"t-{role}", user=user, digest=digest, key=KEY)
        return {"Authorization": f"Bearer t-{role}.secret"}

    return make


@pytest.fixture
def paid(journal: JournalOfABox) -> JournalOfABox:
    journal.pay("A", "paid", his_id="H1", amount_fen=100)
    journal.pay("B", "paid", his_id="H3", amount_fen=70, channel="alipay")
    journal.refund("R", "A", 30, "sent", "refunded", his_id="F1")
    journal.send()
    return journal


@pytest.mark.usefixtures("paid")
def test_rows_as_json_and_as_xml(client: Client, token_of: Callable[..., Any]) -> None:
    headers = token_of(Role.FINANCE)
    address = f"/api/v1/orders?{DAYS}"
    rows = client.get(address, headers=headers).json()["rows"]
    assert {r["out_trade_no"] for r in rows} == {"A", "B"}
    text = client.get(address, headers={**headers, "Accept": "application/xml"}).content
    assert {r.findtext("out_trade_no") for r in ET.fromstring(text)} == {"A", "B"}


@pytest.mark.usefixtures("paid")
def test_the_sums_of_the_days(client: Client, token_of: Callable[..., Any]) -> None:
    headers = token_of(Role.MANAGER)
    rows = client.get(f"/api/v1/summary?{DAYS}", headers=headers).json()["rows"]
    told = {(r["kind"], r["channel"], r["state"]): (r["count"], r["sum_fen"]) for r in rows}
    assert told == {
        ("payment", "wechat", "paid"): (1, 100),
        ("payment", "alipay", "paid"): (1, 70),
        ("refund", "wechat", "refunded"): (1, 30),
    }
    wrong = client.get("/api/v1/summary?day_from=2026-11-22&day_to=2026-11-01", headers=headers)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "bad_filter")


@pytest.mark.usefixtures("paid")
def test_sealed_with_the_tokens_own_key(client: Client, token_of: Callable[..., Any]) -> None:
    nonce, path = "0" * 24, f"/api/v1/summary?{DAYS}"
    headers = {**token_of(Role.FINANCE), "X-Sealed": nonce}
    body = client.get(path, headers=headers).content
    context = f"200|{path}|t-finance|1|{nonce}".encode()
    text = gzip.decompress(AESGCM(KEY).decrypt(body[:12], body[12:], context))
    assert len(json.loads(text)["rows"]) == 3


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("orders", {Role.FINANCE, Role.AUDITOR, Role.CASHIER}),
        ("refunds", {Role.FINANCE, Role.AUDITOR}),
        ("statements", {Role.FINANCE, Role.AUDITOR}),
        ("breaks", {Role.FINANCE, Role.AUDITOR}),
        ("refund-anomalies", {Role.FINANCE, Role.AUDITOR}),
        ("bank-receipts", {Role.FINANCE, Role.AUDITOR}),
        ("bank-breaks", {Role.FINANCE, Role.AUDITOR}),
        ("reviews", {Role.FINANCE, Role.AUDITOR, Role.MANAGER}),
        ("boxes", {Role.FINANCE, Role.AUDITOR, Role.MANAGER, Role.ADMINISTRATOR}),
        ("summary", {Role.FINANCE, Role.AUDITOR, Role.MANAGER}),
    ],
)
def test_a_program_may_read_what_its_user_may(
    client: Client, token_of: Callable[..., Any], name: str, may: set[Role]
) -> None:
    found = {
        role
        for role in Role
        if client.get(f"/api/v1/{name}", headers=token_of(role)).status_code == 200
    }
    assert found == may


@pytest.mark.parametrize("given", ["", "Bearer t-finance.wrong", "Bearer nobody.secret", "Basic x"])
def test_without_a_good_token_there_is_nothing(
    client: Client, token_of: Callable[..., Any], given: str
) -> None:
    token_of(Role.FINANCE)
    headers = {"Authorization": given}
    for name in ("orders", "summary"):
        assert client.get(f"/api/v1/{name}", headers=headers).status_code == 401
    answer = client.post("/api/v1/his-lists", LIST, content_type="text/csv", headers=headers)
    assert answer.status_code == 401
    assert not HisList.objects.exists()


def send(client: Client, headers: dict[str, str], body: bytes, kind: str, query: str = "") -> Any:
    return client.post(f"/api/v1/his-lists?{query}", body, content_type=kind, headers=headers)


@pytest.mark.usefixtures("paid")
def test_a_list_is_stored_compared_and_answered(
    client: Client, token_of: Callable[..., Any]
) -> None:
    answer = send(client, token_of(Role.FINANCE), LIST.encode("gbk"), "text/csv")
    assert answer.status_code == 201
    assert answer.json() == {"rows": 2, "first_day": "2026-11-22", "last_day": "2026-11-22"}
    assert {(r.his_id, r.pay_type) for r in HisRow.objects.all()} == {
        ("H1", "wechat"),
        ("H2", "cash"),
    }
    assert set(BreakRow.objects.values_list("code", "key")) == {("only_journal", "F1")}
    assert AuditRecord.objects.get(action="his_list_uploaded").username == "finance"


def test_a_spreadsheet_and_json(client: Client, token_of: Callable[..., Any]) -> None:
    headers = token_of(Role.FINANCE)
    book, file = Workbook(), io.BytesIO()
    book.worksheets[0].append(["日期", "收费单号", "收费金额", "支付方式"])
    book.worksheets[0].append([46348, 10023.0, 1.5, "微信"])
    book.save(file)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert send(client, headers, file.getvalue(), kind).status_code == 201
    row = HisRow.objects.get()
    assert (row.day, row.his_id, row.amount_fen) == (date(2026, 11, 22), "10023", 150)
    rows = [{"date": "2026-11-22", "id": "H9", "amount_fen": 7, "pay_type": "alipay"}]
    answer = send(client, headers, json.dumps({"rows": rows}).encode(), "application/json")
    assert answer.status_code == 201
    assert HisRow.objects.get(his_id="H9").pay_type == "alipay"


def test_a_saved_mapping_is_used_by_its_name(client: Client, token_of: Callable[..., Any]) -> None:
    headers = token_of(Role.FINANCE)
    odd = LIST.replace("收费单号", "票").replace("微信", "WX").encode()
    columns = {"day": "日期", "his_id": "票", "amount": "收费金额", "pay_type": "支付方式"}
    ColumnMapping.objects.create(name="门诊", columns=columns, words={"WX": "wechat"})
    assert send(client, headers, odd, "text/csv", "mapping=门诊").status_code == 201
    assert HisRow.objects.filter(his_id="H1", pay_type="wechat").exists()
    assert "没有名为" in send(client, headers, odd, "text/csv", "mapping=x").json()["why"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "why"),
    [
        (LIST.replace("收费单号", "什么"), "text/csv", 400, "缺少列：HIS 单号"),
        (LIST.replace("5.00", "五元"), "text/csv", 400, "第 3 行：金额看不懂"),
        (LIST.replace("2026-11-22,H2", "12,H2"), "text/csv", 400, "第 3 行：日期看不懂"),
        ("[1]", "application/json", 400, "JSON"),
        ("\n", "text/csv", 400, "空"),
        (LIST, "text/html", 415, ""),
    ],
)
def test_a_list_that_is_wrong_is_refused_whole(  # noqa: PLR0913
    client: Client, token_of: Callable[..., Any], body: str, kind: str, status: int, why: str
) -> None:
    answer = send(client, token_of(Role.FINANCE), body.encode(), kind)
    assert answer.status_code == status
    assert why in answer.json().get("why", "")
    assert not HisList.objects.exists()
    assert not HisRow.objects.exists()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.MANAGER, Role.CASHIER, Role.ADMINISTRATOR])
def test_only_finance_may_send_one(
    client: Client, token_of: Callable[..., Any], role: Role
) -> None:
    assert send(client, token_of(role), LIST.encode(), "text/csv").status_code == 403
    assert not HisList.objects.exists()
