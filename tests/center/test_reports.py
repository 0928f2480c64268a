from collections.abc import Callable

import pytest
from django.test import Client

from center.accounts.roles import Role
from center.ledger.models import Payment
from center.reports.asked import PAGE_ROWS
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db
ALL_DAYS = "?day_from=2026-11-01&day_to=2026-11-30"


@pytest.fixture
def finance(browser_of: Callable[..., Client]) -> Client:
    return browser_of(Role.FINANCE)


def numbers_on(client: Client, address: str) -> list[str]:
    text = client.get(address).content.decode()
    known = Payment.objects.values_list("uid", flat=True)
    return [uid for uid in known if f">{uid}<" in text]


def test_pages_follow_each_other_without_gap_or_double(
    finance: Client, journal: JournalOfABox
) -> None:
    for number in range(PAGE_ROWS * 2 + 7):
        at = f"2026-11-{20 + number % 3}T09:00:{number % 2:02d}+08:00"
        journal.pay(f"N{number:04d}", "failed", at=at)
    journal.send()
    seen: list[str] = []
    address = "/reports/orders/" + ALL_DAYS
    while address:
        page = finance.get(address)
        seen += numbers_on(finance, address)
        after = page.context["after"]
        address = f"/reports/orders/{ALL_DAYS}&after={after}" if after else ""
    assert sorted(seen) == sorted(Payment.objects.values_list("uid", flat=True))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("channel=alipay", {"ALI"}),
        ("channel=alipay&channel=wechat", {"ALI", "WX", "BIG"}),
        ("amount_fen_from=100.00", {"BIG"}),
        ("amount_fen_to=0.50&state=paid", {"ALI"}),
        ("number=HIS-7", {"WX"}),
        ("number=BIG", {"BIG"}),
        ("desk=ZY-01", {"BIG"}),
        ("operator=0117&business=registration", {"ALI"}),
    ],
)
def test_filters_find_what_they_say(
    finance: Client, journal: JournalOfABox, asked: str, found: set[str]
) -> None:
    journal.pay("ALI", "paid", channel="alipay", amount_fen=50, business="registration")
    journal.pay("WX", "failed", his_id="HIS-7", amount_fen=2)
    journal.pay("BIG", "paid", amount_fen=10_000, desk="ZY-01")
    journal.send()
    assert set(numbers_on(finance, f"/reports/orders/{ALL_DAYS}&{asked}")) == found


@pytest.mark.parametrize("asked", ["day_from=soon", "amount_fen_from=-1", "channel=cash"])
def test_a_filter_that_makes_no_sense_is_named_and_shows_nothing(
    finance: Client, journal: JournalOfABox, asked: str
) -> None:
    journal.pay("A", "paid")
    journal.send()
    page = finance.get(f"/reports/orders/?{asked}")
    assert page.status_code == 200
    assert "看不懂" in page.content.decode()
    assert numbers_on(finance, f"/reports/orders/?{asked}") == []


def test_the_sums_are_those_of_the_filter(finance: Client, journal: JournalOfABox) -> None:
    journal.pay("A", "paid", amount_fen=150_000)
    journal.pay("B", "paid", amount_fen=50)
    journal.refund("R", "A", 1_000, "sent", "refunded")
    journal.send()
    text = finance.get(f"/reports/orders/sums{ALL_DAYS}").content.decode()
    assert "1,500.50" in text
    assert "10.00" in text


def test_what_a_box_sent_is_text_on_the_page_and_nothing_else(
    finance: Client, journal: JournalOfABox
) -> None:
    journal.pay("A", "paid", operator="<script>x</script>", payer_mask='"><img src=x>')
    journal.send()
    for address in ("/reports/orders/" + ALL_DAYS, "/orders/A/"):
        text = finance.get(address).content.decode()
        assert "<script>x" not in text
        assert "<img src=x>" not in text


def test_the_story_of_an_order_is_told_in_order(finance: Client, journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "unknown", "paid")
    journal.refund("R", "A", 100, "sent", "refunded")
    journal.send()
    states = [e["state"] for e in finance.get("/orders/A/").context["story"]]
    assert [str(s) for s in states] == ["已发起", "结果待查", "已支付", "已提交", "已退款"]
