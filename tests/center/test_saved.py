"""Saved filters: a user's own, by name, and days that move with the day."""

from collections.abc import Callable
from datetime import date

import pytest
from django.http import QueryDict
from django.test import Client

from center.accounts.models import AuditRecord, SavedFilter
from center.accounts.roles import Role
from center.orders.catalog import ORDERS
from center.reports.asked import ask
from center.reports.saved import MOST_SAVED, kept_query

TODAY = date(2026, 11, 22)


def kept(query: str) -> str:
    return kept_query(ask(ORDERS, QueryDict(query), TODAY), TODAY)


@pytest.mark.parametrize(
    ("query", "as_kept"),
    [
        ("channel=wechat&day_from=2026-11-16&day_to=2026-11-22", "channel=wechat&last=7"),
        ("day_from=2026-11-22&day_to=2026-11-22", "last=1"),
        ("day_from=2026-11-01&day_to=2026-11-02", "day=2026-11-01&day=2026-11-02"),
        ("last=30", "last=30"),
        ("number=HIS-7", "number=HIS-7"),
    ],
)
def test_days_that_end_today_are_kept_as_their_number(query: str, as_kept: str) -> None:
    assert kept(query) == as_kept
    assert kept(as_kept) == as_kept, "and mean the same when they are opened"


@pytest.mark.django_db
def test_a_filter_is_saved_shown_opened_and_forgotten(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    told = {"name": "我的微信", "query": "channel=wechat&last=7"}
    answer = client.post("/reports/orders/filters", told)
    page = client.get(answer["location"]).content.decode()
    assert "我的微信" in page
    assert 'class="chip kept on"' in page
    other = browser_of(Role.AUDITOR)
    assert "我的微信" not in other.get("/reports/orders/").content.decode()
    number = SavedFilter.objects.get().pk
    assert other.post(f"/filters/{number}/forget").status_code == 404
    client.post(f"/filters/{number}/forget")
    assert not SavedFilter.objects.exists()


@pytest.mark.django_db
def test_too_many_or_without_a_name_are_refused(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    for number in range(MOST_SAVED + 1):
        client.post("/reports/orders/filters", {"name": f"n{number}", "query": "last=1"})
    client.post("/reports/orders/filters", {"name": " ", "query": "last=1"})
    assert SavedFilter.objects.count() == MOST_SAVED


@pytest.mark.django_db
def test_a_search_for_patients_stands_in_the_audit_log(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    client.get("/reports/orders/")
    client.get("/reports/boxes/?id=BOX-0001")
    client.get("/reports/orders/?payer_mask=张")
    record = AuditRecord.objects.get(action="search")
    assert record.object == "orders"
    assert "payer_mask" in record.detail["filters"]
