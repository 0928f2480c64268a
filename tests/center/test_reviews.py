from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from center.accounts.roles import Role
from center.reviews.fetch import fetch_reviews
from center.reviews.models import Review, ReviewsRead
from device.channels.wechat.reviews import Review as Said
from device.channels.wechat.reviews import ReviewPage
from device.errors import MaybeSent
from tests.center.conftest import NOON, JournalOfABox

pytestmark = pytest.mark.django_db


class Provider:
    """Gives three comments at a time; offsets jump, as the real ones do."""

    def __init__(self, said: list[Said]) -> None:
        self.said = said
        self.broken = False

    def reviews(self, begin: datetime, end: datetime, offset: int) -> ReviewPage | None:
        if self.broken:
            raise MaybeSent("ReadTimeout")
        here = [s for s in self.said if begin <= s.at < end]
        found = here[offset // 7 : offset // 7 + 3]
        return ReviewPage(tuple(found), offset + 7 * len(found)) if found else None


def said(number: int, stars: int = 5, back: int = 0) -> Said:
    return Said(NOON - timedelta(days=back, seconds=number), f"42{number}", stars, "不错, 谢谢")


def test_every_page_of_the_last_days_is_read_and_counted_once(journal: JournalOfABox) -> None:
    journal.pay("A", "paid", provider_trade_no="421")
    journal.send()
    provider = Provider([said(n, back=n % 3) for n in range(20)])
    assert fetch_reviews(provider, NOON) == 20
    assert fetch_reviews(provider, NOON) == 0
    review = Review.objects.get(provider_trade_no="421")
    assert (review.out_trade_no, review.desk, review.operator) == ("A", "MZ-03", "0117")
    assert sum(ReviewsRead.objects.values_list("count", flat=True)) == 20


def test_a_provider_that_cannot_be_asked_takes_nothing_back() -> None:
    provider = Provider([said(1)])
    fetch_reviews(provider, NOON)
    provider.broken = True
    assert fetch_reviews(provider, NOON) == 0
    assert Review.objects.count() == 1


def test_the_page_shows_stars_and_finds_the_bad_ones(browser_of: Callable[..., Client]) -> None:
    fetch_reviews(Provider([said(1, 5), said(2, 1)]), NOON)
    client = browser_of(Role.MANAGER)
    days = "?day_from=2026-11-01&day_to=2026-11-30"
    text = client.get(f"/reports/reviews/{days}").content.decode()
    assert "★★★★★" in text
    low = client.get(f"/reports/reviews/{days}&stars=1").content.decode()
    assert "422" in low
    assert "421" not in low
