"""What one database takes and another refuses: run by `make test` and `make test-postgresql`."""

import json
import time
from collections.abc import Callable
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test import Client

from center.accounts.roles import Role
from center.ledger.ingest import Stored, ingest
from center.ledger.models import Box, Payment, Quarantine, Refund
from center.reconciliation.models import Pair, Run
from center.reconciliation.run import reconcile
from tests.center.conftest import NOON, JournalOfABox
from tests.center.test_ingest import assert_totals_are_the_rows

pytestmark = pytest.mark.django_db
MOST_INTEGER = 2**31 - 1


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"], ids=["zero", "half a character"])
def test_a_row_with_text_that_no_database_holds_is_kept_apart(
    journal: JournalOfABox, text: str
) -> None:
    journal.pay("MZ03A", "intended")
    row = {**journal.rows[0], "reason": text}
    journal.rows[0] = row
    sent = journal.send()
    assert isinstance(sent, Stored)
    assert [sent.ack, len(sent.rejected)] == [1, 1]
    assert json.loads(Quarantine.objects.get().row["json"])["reason"] == text


@pytest.mark.parametrize("name", ["try", "attempt", "revision"])
def test_a_number_that_a_column_does_not_hold_is_kept_apart(
    journal: JournalOfABox, name: str
) -> None:
    journal.pay("MZ03A", "intended", **{} if name == "revision" else {name: MOST_INTEGER})
    journal.add(uid="B", out_trade_no="B", state="intended", **{name: MOST_INTEGER + 1})
    sent = journal.send()
    assert isinstance(sent, Stored)
    assert [r.seq for r in sent.rejected] == [2]
    assert Payment.objects.count() == 1


def test_health_with_text_that_no_database_holds_stops_no_row(journal: JournalOfABox) -> None:
    journal.pay("MZ03A", "intended")
    odd = {"vpn": "a\0b", "clock": "\ud800", "waiting": 7, "load": float("nan")}
    assert ingest(journal.batch(health=odd), NOON) == Stored(1)
    assert Box.objects.get().backlog == 7


def test_numbers_are_compared_in_the_order_of_bytes(journal: JournalOfABox) -> None:
    """The order of a language puts b before C and skips hyphens; the walk needs one order only."""
    for number, his_id in enumerate(("b1", "C1", "a-2", "a1", "A3", "甲1", "é")):
        journal.pay(f"N{number}", "paid", his_id=his_id)
    journal.send()
    run = reconcile(Pair.HIS, NOON.date(), "wechat", NOON, NOON.date())
    assert (run.breaks, Run.objects.count()) == (7, 1)


@pytest.mark.parametrize(
    "address",
    [
        "/reports/orders/?number=%00",
        "/reports/orders/?payer_mask=a%00",
        "/reports/orders/?desk=%ED%A0%80",
        "/reports/orders/?after=WyJub24iLCAieCJd",
        "/reports/orders/?after=WyIyMDI2LTExLTIyVDA5OjAwOjAwKzAwOjAwIiwgIlx1MDAwMCJd",
        "/reports/orders/?day_from=0001-01-01&day_to=9999-12-31",
        "/orders/a%00b/",
    ],
)
def test_no_address_breaks_a_page(browser_of: Callable[..., Client], address: str) -> None:
    assert browser_of(Role.FINANCE).get(address).status_code in {200, 400, 404}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: nothing is at once")
@pytest.mark.django_db(transaction=True)
def test_a_reverse_and_its_refund_at_two_desks_at_once_are_seen_by_each_other() -> None:
    """The refund's batch waits for the payment's, and then knows that it was reversed."""
    here, there = JournalOfABox(), JournalOfABox("BOX-0002")
    here.pay("F", "paid", "reversing", amount_fen=800)
    here.send(1, 1)
    there.refund("V", "F", 800, "refunded", desk="ZY-01")
    second = Thread(target=_sent, args=(there,))
    with transaction.atomic():
        here.send(2)
        second.start()
        _until_somebody_waits()
    second.join()
    assert Refund.objects.get().state == "reversed"
    assert Payment.objects.get().refunded_fen == 0
    assert_totals_are_the_rows()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer: nothing is at once")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("refund_first", [False, True])
def test_a_payment_and_another_desks_refund_that_arrive_at_once_know_each_other(
    *, refund_first: bool
) -> None:
    """Neither sees the other's row before it is there for good, so one of them has to wait."""
    here, there = JournalOfABox(), JournalOfABox("BOX-0002")
    here.pay("F", "paid", amount_fen=800)
    there.refund("V", "F", 300, "refunded", desk="ZY-01")
    first, other = (there, here) if refund_first else (here, there)
    second = Thread(target=_sent, args=(other,))
    with transaction.atomic():
        first.send()
        second.start()
        _until_somebody_waits()
    second.join()
    assert Payment.objects.get().refunded_fen == 300
    assert_totals_are_the_rows()


def _sent(journal: JournalOfABox) -> None:
    try:
        journal.send()
    finally:
        connection.close()


def _until_somebody_waits() -> None:
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "nobody waits"
