"""The first page: its slices, and that all its parts say the same sum."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from center.accounts.roles import Role
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db
DAY = "2026-11-22"  # of conftest's NOON


@pytest.fixture
def paid(journal: JournalOfABox) -> JournalOfABox:
    ward = {"department": "inpatient", "business": "inpatient_deposit", "desk": "ZY-01"}
    journal.pay("A", "paid", amount_fen=100)
    journal.pay("B", "paid", amount_fen=70, channel="alipay")
    journal.pay("C", "paid", amount_fen=5_000, **ward)
    journal.pay("D", "failed", amount_fen=900)
    journal.pay("E", "unknown", amount_fen=1, **ward)
    journal.refund("R", "A", 30, "sent", "refunded")
    journal.send()
    return journal


def page(client: Client, query: str) -> dict[str, Any]:
    context = client.get(f"/?day={DAY}&{query}").context
    return {
        name: context[name] for name in ("tiles", "hours", "trend", "desks", "business", "open")
    }


def sum_fen(chart: dict[str, Any], index: int | None = None) -> int:
    series: list[list[float]] = [s["data"] for s in chart["series"]]
    picked = series if index is None else [[data[index]] for data in series]
    return round(sum(sum(data) for data in picked) * 100)


@pytest.mark.parametrize(
    ("query", "fen", "open_"),
    [
        ("", 5_170, 1),
        ("channel=wechat", 5_100, 1),
        ("channel=alipay", 70, 0),
        ("department=outpatient", 170, 0),
        ("department=inpatient", 5_000, 1),
        ("business=inpatient_deposit", 5_000, 1),
        ("department=inpatient&channel=alipay", 0, 0),
    ],
)
@pytest.mark.usefixtures("paid")
def test_every_part_of_a_slice_says_the_same_sum(
    query: str, fen: int, open_: int, browser_of: Callable[..., Client]
) -> None:
    found = page(browser_of(Role.FINANCE), query)
    assert found["tiles"]["taken_fen"] == fen
    assert sum_fen(found["hours"]) == fen
    assert sum_fen(found["business"]) == fen
    assert sum_fen(found["trend"], -1) == fen
    assert sum(desk["fen"] for desk in found["desks"]) == fen
    assert found["open"] == open_


@pytest.mark.usefixtures("paid")
def test_what_was_given_back_stands_apart(browser_of: Callable[..., Client]) -> None:
    tiles = page(browser_of(Role.FINANCE), "channel=wechat")["tiles"]
    assert (tiles["taken"], tiles["refunds"], tiles["refunds_fen"]) == (2, 1, 30)
    assert (tiles["net_fen"], tiles["refund_rate"]) == (5_070, 50.0)


def test_a_payment_that_was_reversed_is_neither_taken_nor_given_back(
    paid: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    """The journal has a refund for a reverse that the HIS asked for; the payment does not count."""
    paid.pay("F", "paid", "reversing", "reversed", amount_fen=800)
    paid.refund("V", "F", 800, "sent", "refunded")
    paid.send()
    tiles = page(browser_of(Role.FINANCE), "channel=wechat")["tiles"]
    assert (tiles["taken_fen"], tiles["refunds_fen"]) == (5_100, 30)
    assert (tiles["refunds"], tiles["net_fen"]) == (1, 5_070)


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("query", ["day=2026-13-40", "day=x", "day=9999-01-01", "channel=cash"])
def test_an_address_that_says_nonsense_is_today_and_everything(
    query: str, browser_of: Callable[..., Client]
) -> None:
    context = browser_of(Role.FINANCE).get(f"/?{query}").context
    assert context["part"].day == context["today"]
    assert context["part"].words == {}


@pytest.mark.usefixtures("paid")
def test_a_click_leads_to_rows_for_finance_and_to_a_slice_for_a_manager(
    browser_of: Callable[..., Client],
) -> None:
    """A manager sees no single payments, and is shown no link to them."""
    finance = browser_of(Role.FINANCE).get("/").content.decode()
    manager = browser_of(Role.MANAGER).get("/").content.decode()
    assert 'data-drill="/reports/receipts/?day_from=' in finance
    assert "/reports/" not in manager.replace("/reports/boxes/", "").split("<main")[1]
    assert 'data-drill="?day_from=' in manager
    client = browser_of(Role.MANAGER, "second")
    followed = client.get(f"/?day_from={DAY}&day_to={DAY}&department=inpatient").context
    assert followed["tiles"]["taken_fen"] == 5_000


@pytest.mark.usefixtures("paid")
def test_an_hour_of_the_chart_is_a_filter_of_the_rows(browser_of: Callable[..., Client]) -> None:
    client = browser_of(Role.FINANCE)
    hours = page(client, "")["hours"]
    busy = [hours["keys"][i] for i in range(24) if any(s["data"][i] for s in hours["series"])]
    days = f"day_from={DAY}&day_to={DAY}"
    there = client.get(f"/reports/receipts/?{days}&hour={busy[0]}").context["table"]
    elsewhere = client.get(f"/reports/receipts/?{days}&hour={(int(busy[0]) + 1) % 24}")
    assert (len(busy), len(there), len(elsewhere.context["table"])) == (1, 3, 0)
