"""Fetching reviews: a day at a time, page by page; read twice they count once."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Protocol

from center.ledger.models import Payment
from center.ledger.rows import BEIJING
from center.reviews.models import Review, ReviewsRead
from device.channels.wechat.reviews import Review as Said
from device.channels.wechat.reviews import ReviewPage
from device.errors import PayboxError

log = logging.getLogger(__name__)

DAYS_BACK = 3  # payers comment for some days after they paid; older days stand
MOST_PAGES = 500  # of one day: 100,000 comments


class Reviews(Protocol):
    """Who can be asked."""

    def reviews(self, begin: datetime, end: datetime, offset: int) -> ReviewPage | None:
        """Return comments of a time from an offset on; None where there are none."""
        ...


def fetch_reviews(provider: Reviews, now: datetime) -> int:
    """Read the last days; return how many comments are new."""
    new = 0
    for back in range(DAYS_BACK, -1, -1):
        day = now.astimezone(BEIJING).date() - timedelta(days=back)
        try:
            found = list(_day(provider, day))
        except PayboxError as error:
            log.warning("reviews of %s: %s", day, error)
            continue
        new += _keep(found)
        ReviewsRead.objects.update_or_create(
            day=day, defaults={"read_at": now, "count": len(found)}
        )
    return new


def _day(provider: Reviews, day: date) -> Iterator[Said]:
    begin = datetime.combine(day, time(), BEIJING)
    offset = 0
    for _page in range(MOST_PAGES):
        page = provider.reviews(begin, begin + timedelta(days=1), offset)
        if page is None or not page.reviews:
            return
        yield from page.reviews
        if page.next_offset <= offset:  # no way forward: what there was is read
            return
        offset = page.next_offset


def _keep(found: list[Said]) -> int:
    numbers = {said.provider_trade_no for said in found}
    orders = {p.provider_trade_no: p for p in Payment.objects.filter(provider_trade_no__in=numbers)}
    before = Review.objects.count()
    Review.objects.bulk_create(
        (_row(said, orders.get(said.provider_trade_no)) for said in found),
        ignore_conflicts=True,
        batch_size=1_000,
    )
    return Review.objects.count() - before


def _row(said: Said, payment: Payment | None) -> Review:
    return Review(
        at=said.at,
        day=said.at.date(),
        provider_trade_no=said.provider_trade_no[:64],
        out_trade_no=payment.uid if payment else "",
        desk=payment.desk if payment else "",
        operator=payment.operator if payment else "",
        stars=said.stars,
        text=said.text[:2000],
    )
