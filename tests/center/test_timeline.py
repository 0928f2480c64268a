"""Where the time of a payment went: sent with a batch, kept, drawn on the order's page."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from center.accounts.roles import Role
from center.ledger.ingest import forget_traces, ingest
from center.ledger.models import Trace as Kept
from center.orders.timeline import LEFT, WIDTH, drawn
from device.domain.trace import Mark, Trace
from tests.center.conftest import NOON, JournalOfABox

MARKS = (
    (Mark.FIRST_KEY, 0.0),
    (Mark.TAKEN, 38.0),
    (Mark.INTENT, 40.5),
    (Mark.SIGNED, 41.0),
    (Mark.SENT, 41.25),
    (Mark.ANSWERED, 241.0),
    (Mark.VERIFIED, 241.5),
    (Mark.STORED, 243.0),
    (Mark.TOLD, 243.25),
)


def send(journal: JournalOfABox, *traces: Trace) -> None:
    ingest(replace(journal.batch(), traces=traces), NOON)


@pytest.fixture
def paid(journal: JournalOfABox, db: None) -> JournalOfABox:  # noqa: ARG001  the database is opened
    journal.pay("MZ03A", "intended", "paid")
    send(journal, Trace("MZ03A", MARKS))
    return journal


@pytest.mark.usefixtures("paid")
def test_the_page_of_the_order_draws_it(browser_of: Callable[..., Client]) -> None:
    page = browser_of(Role.FINANCE).get("/orders/MZ03A/").content.decode()
    assert "共 243.3 毫秒，其中扫码墩自身 5.5 毫秒" in page
    assert "网络与支付平台" in page
    assert page.count('<rect class="box"') == 7  # six bars and the legend
    assert "199.75 ms" in page


def test_a_trace_that_comes_again_is_kept_once(paid: JournalOfABox) -> None:
    send(paid, Trace("MZ03A", MARKS[:4]))
    [kept] = Kept.objects.all()
    assert len(kept.marks) == 4


@pytest.mark.django_db
def test_an_order_without_one_has_no_picture(
    journal: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    journal.pay("MZ03B", "intended", "paid")
    journal.send()
    assert "timeline" not in browser_of(Role.FINANCE).get("/orders/MZ03B/").content.decode()


@pytest.mark.usefixtures("paid")
def test_old_ones_are_forgotten() -> None:
    forget_traces(NOON + timedelta(days=89))
    assert Kept.objects.count() == 1
    forget_traces(NOON + timedelta(days=91))
    assert Kept.objects.count() == 0


def test_no_bar_is_invisible_and_none_leaves_the_picture() -> None:
    picture = drawn(Kept(uid="MZ03A", marks=[[mark.value, ms] for mark, ms in MARKS]))
    assert picture
    assert min(bar.width for bar in picture.bars) >= 2
    assert max(bar.x + bar.width for bar in picture.bars) <= LEFT + WIDTH
    assert picture.ticks[-1] == (LEFT + WIDTH, 243.25)


@pytest.mark.parametrize("marks", [[], [["taken", 0.0]], [["of a newer box", 1.0]], [["taken"]], 7])
def test_what_cannot_be_read_is_no_picture(marks: object) -> None:
    assert drawn(Kept(uid="MZ03A", marks=marks)) is None
