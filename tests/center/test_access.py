"""Role by page, as a table: a cell that is not what the table says fails by name."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import get_resolver

from center.accounts import audit
from center.accounts.login import BY_NAME
from center.accounts.models import AuditRecord
from center.accounts.roles import Role
from center.reports.report import REPORTS
from tests.center.conftest import NOON, JournalOfABox

pytestmark = pytest.mark.django_db

EVERYBODY = set(Role.values)
FINANCE, AUDITOR, MANAGER = Role.FINANCE.value, Role.AUDITOR.value, Role.MANAGER.value
ADMINISTRATOR, CASHIER = Role.ADMINISTRATOR.value, Role.CASHIER.value

PAGES: dict[str, set[str]] = {
    "/reports/orders/": {CASHIER, FINANCE, AUDITOR},
    "/reports/receipts/": {FINANCE, AUDITOR},
    "/reports/refunds/": {FINANCE, AUDITOR},
    "/reports/refund-anomalies/": {FINANCE, AUDITOR},
    "/reports/bank-receipts/": {FINANCE, AUDITOR},
    "/reports/bank-breaks/": {FINANCE, AUDITOR},
    "/reconciliation/receipts": {FINANCE},
    "/reports/statements/": {FINANCE, AUDITOR},
    "/reports/statement-lines/": {FINANCE, AUDITOR},
    "/reports/reconciliation/": {FINANCE, AUDITOR},
    "/reports/breaks/": {FINANCE, AUDITOR},
    "/reports/his-rows/": {FINANCE, AUDITOR},
    "/reconciliation/upload": {FINANCE},
    "/reports/reviews/": {FINANCE, AUDITOR, MANAGER},
    "/reports/boxes/": {FINANCE, AUDITOR, MANAGER, ADMINISTRATOR},
    "/reports/alarms/": {FINANCE, AUDITOR, MANAGER, ADMINISTRATOR},
    "/reports/quarantine/": {FINANCE, AUDITOR, MANAGER, ADMINISTRATOR},
    "/reports/audit/": {AUDITOR, ADMINISTRATOR},
    "/reports/users/": {ADMINISTRATOR},
    "/reports/tokens/": {ADMINISTRATOR},
    "/users/new": {ADMINISTRATOR},
    "/reports/orders/sums": {CASHIER, FINANCE, AUDITOR},
    "/reports/orders/export.csv": {FINANCE, AUDITOR},
    "/charts": {FINANCE, AUDITOR, MANAGER},
    "/": {FINANCE, AUDITOR, MANAGER},
}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_a_role_opens_its_pages_and_no_others(role: str, browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role(role), desk="MZ-03")
    opened = {page for page in PAGES if client.get(page).status_code == 200}
    assert opened == {page for page, roles in PAGES.items() if role in roles}


def test_nobody_opens_anything_without_logging_in(client: Client) -> None:
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code in {302, 403}, page
        assert "location" not in answer or answer["location"].startswith("/login")


def test_every_report_stands_in_the_table() -> None:
    assert get_resolver().url_patterns, "importing the addresses registers the reports"
    named = {page.split("/")[2] for page in PAGES if page.startswith("/reports/")}
    assert named == set(REPORTS)


def test_a_cashier_sees_the_own_desk_only(
    browser_of: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("center.reports.scope.beijing_today", NOON.date)
    monkeypatch.setattr("center.reports.pages.beijing_today", NOON.date)
    journal = JournalOfABox()
    journal.pay("HERE", "paid")
    journal.pay("THERE", "paid", desk="ZY-01")
    journal.send()
    client = browser_of(Role.CASHIER, desk="MZ-03")
    page = client.get("/reports/orders/").content.decode()
    assert "HERE" in page
    assert "THERE" not in page
    assert client.get("/orders/THERE/").status_code == 404
    nobody = browser_of(Role.CASHIER, name="new", desk="")
    assert "HERE" not in nobody.get("/reports/orders/").content.decode()


def test_guessing_passwords_is_stopped_without_telling_who_exists(
    user_of: Callable[..., object], client: Client
) -> None:
    user_of(Role.FINANCE, "caiwu")
    answers = set()
    for name in ("caiwu", "nobody"):
        for _ in range(BY_NAME):
            answers.add(
                client.post("/login", {"username": name, "password": "x"}).content.count(b"error")
            )
    right = client.post("/login", {"username": "caiwu", "password": "a-pass-8"})
    assert right.status_code == 200, "closed, though the password is right"
    assert len(answers) == 1


def test_a_given_password_must_be_changed_first(
    user_of: Callable[..., object], client: Client
) -> None:
    user_of(Role.FINANCE, "new", must_change_password=True)
    client.post("/login", {"username": "new", "password": "a-pass-8"})
    assert client.get("/reports/orders/")["location"] == "/password"
    client.post(
        "/password",
        {
            "old_password": "a-pass-8",
            "new_password1": "kept-by-me-9",
            "new_password2": "kept-by-me-9",
        },
    )
    assert client.get("/reports/orders/").status_code == 200


def test_the_audit_chain_shows_a_changed_and_a_missing_record() -> None:
    for number in range(5):
        audit.append("export", f"orders {number}", {"rows": number})
    assert audit.verify() is None
    AuditRecord.objects.filter(object="orders 2").update(username="somebody")
    broken = audit.verify()
    assert broken is not None
    assert broken.object == "orders 2"
    AuditRecord.objects.filter(object="orders 2").delete()
    broken = audit.verify()
    assert broken is not None
    assert broken.object == "orders 3"


def test_no_page_allows_inline_script_or_another_host(client: Client) -> None:
    page = client.get("/login")
    policy = page["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy.split("style-src-attr")[0]
    assert b"http://" not in page.content.replace(b"http://www.w3.org", b"")
