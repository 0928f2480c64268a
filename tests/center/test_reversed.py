"""A reverse that the HIS asked for: paid and undone. No sum has it, wherever it is read."""

import csv
import hashlib
import importlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from center.accounts.models import Token, User
from center.accounts.roles import Role
from center.ledger.models import DayTotal, Event, Payment, Refund
from tests.center.conftest import JournalOfABox
from tests.center.test_ingest import (
    assert_reversed_refunds_are_marked,
    assert_totals_are_the_rows,
)

pytestmark = pytest.mark.django_db
DAY = "2026-11-22"  # of conftest's NOON
DAYS = f"day_from={DAY}&day_to={DAY}"


def refund_total(state: str) -> int:
    rows = DayTotal.objects.filter(kind="refund", state=state)
    return sum(row.sum_fen for row in rows)


def assert_nothing_moved() -> None:
    assert Refund.objects.get().state == "reversed"
    assert Payment.objects.get().refunded_fen == 0
    assert (refund_total("refunded"), refund_total("reversed")) == (0, 800)
    assert_totals_are_the_rows()


@pytest.mark.parametrize("place", range(5))
def test_in_whatever_order_it_arrives(journal: JournalOfABox, place: int) -> None:
    """The refund is of another desk and comes before, between or after the payment's rows."""
    other = JournalOfABox("BOX-0002")
    other.refund("V", "F", 800, "sent", "refunded", desk="ZY-01")
    journal.pay("F", "intended", "paid", "reversing", "reversed", amount_fen=800)
    for number in range(5):
        if number == place:
            other.send()
        if number < len(journal.rows):
            journal.send(number + 1, number + 1)
        assert_totals_are_the_rows()
        assert_reversed_refunds_are_marked()
    assert_nothing_moved()


def test_a_row_that_is_sent_again_changes_nothing(journal: JournalOfABox) -> None:
    """In the same epoch, and in a new one after a card was changed; the events stay."""
    journal.pay("F", "paid", "reversing", "reversed", amount_fen=800)
    journal.refund("V", "F", 800, "sent", "refunded")
    for _ in range(2):
        journal.send()
        assert_nothing_moved()
    again = JournalOfABox(epoch="new")
    again.refund("V", "F", 800, "sent", "refunded")
    again.send()
    assert_nothing_moved()
    again.pay("F", "paid", "reversing", "reversed", amount_fen=800)
    for last in range(1, len(again.rows) + 1):
        again.send(1, last)
        assert_totals_are_the_rows()
    assert_nothing_moved()
    assert set(Event.objects.filter(uid="V").values_list("state", flat=True)) == {
        "sent",
        "refunded",
    }


def test_a_refund_that_is_not_done_keeps_its_word(journal: JournalOfABox) -> None:
    journal.pay("F", "paid", "reversing", amount_fen=800)
    journal.refund("V", "F", 800, "sent", "failed")
    journal.send()
    assert Refund.objects.get().state == "failed"
    assert_totals_are_the_rows()


def test_a_box_does_not_say_it(journal: JournalOfABox) -> None:
    """The word is the centre's: a row with it is kept apart, as one that nobody knows."""
    journal.pay("F", "paid", amount_fen=800)
    journal.refund("V", "F", 800, "reversed")
    journal.send()
    assert not Refund.objects.exists()


def test_what_was_stored_before_is_moved_and_moved_back(journal: JournalOfABox) -> None:
    """The migration of a centre that had counted them; one order is a refund all the same."""
    journal.pay("F", "paid", "reversing", "reversed", amount_fen=800)
    journal.refund("V", "F", 800, "sent", "refunded")
    journal.pay("G", "paid", "refunding", "refunded", amount_fen=70)
    journal.refund("W", "G", 70, "sent", "refunded")
    journal.send()
    module: Any = importlib.import_module("center.ledger.migrations.0006_reversed_refunds")
    for statements, reversed_fen in ((module.BACK, 0), (module.FORWARD, 800)):
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        assert refund_total("reversed") == reversed_fen
        assert refund_total("refunded") == 870 - reversed_fen
        assert Payment.objects.get(uid="F").refunded_fen == 800 - reversed_fen
        assert Payment.objects.get(uid="G").refunded_fen == 70
        assert_totals_are_the_rows()
    assert_reversed_refunds_are_marked()


@pytest.fixture
def a_day(journal: JournalOfABox) -> None:
    """Given back: 30 fen. Undone: 800. Still on its way: 5."""
    journal.pay("A", "paid", "refunding", "paid", amount_fen=100)
    journal.refund("R", "A", 30, "sent", "refunded")
    journal.pay("F", "paid", "reversing", "reversed", amount_fen=800)
    journal.refund("V", "F", 800, "sent", "refunded")
    journal.pay("G", "paid", amount_fen=50)
    journal.refund("S", "G", 5, "sent")
    journal.send()


@pytest.mark.usefixtures("a_day")
def test_every_reader_says_the_same_sum(
    browser_of: Callable[..., Client], user_of: Callable[..., User]
) -> None:
    browser = browser_of(Role.FINANCE)
    digest = hashlib.sha256(b"secret").digest()
    Token.objects.create(pk="t", user=user_of(Role.FINANCE, "program"), digest=digest, key=b"")
    headers = {"Authorization": "Bearer t.secret"}
    summary = browser.get(f"/api/v1/summary?{DAYS}", headers=headers).json()["rows"]
    chart = browser.get(f"/charts?report=refunds&group=day&{DAYS}").context["data"]
    file = browser.get(f"/reports/refunds/export.csv?{DAYS}").getvalue().decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(file)))[6:]
    found = {
        "dashboard": browser.get(f"/?day={DAY}").context["tiles"]["refunds_fen"],
        "summary": sum(
            r["sum_fen"] for r in summary if (r["kind"], r["state"]) == ("refund", "refunded")
        ),
        "list": [(str(s["title"]), s["count"], s["parts"][0][1]) for s in _sums(browser, DAYS)],
        "filtered": _sums(browser, f"{DAYS}&state=refunded")[0]["parts"][0][1],
        "chart": [s["data"] for s in chart["series"]],
        "export": sum(float(line[3]) for line in lines if line[1] == "已退款"),
    }
    assert found == {
        "dashboard": 30,
        "summary": 30,
        "list": [("已退款", 1, 30), ("已提交", 1, 5), ("已撤销", 1, 800)],
        "filtered": 30,
        "chart": [[0.3]],
        "export": 0.3,
    }


def _sums(browser: Client, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.get(f"/reports/refunds/sums?{query}").context["sums"]
    return found


@pytest.mark.usefixtures("a_day")
def test_a_chart_by_state_shows_every_state(browser_of: Callable[..., Client]) -> None:
    data = browser_of(Role.FINANCE).get(f"/charts?report=refunds&group=state&{DAYS}").context
    assert dict(zip(data["data"]["x"], data["data"]["series"][0]["data"], strict=True)) == {
        "已退款": 0.3,
        "已撤销": 8.0,
        "已提交": 0.05,
    }
