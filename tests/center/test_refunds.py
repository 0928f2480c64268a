"""Refunds that a person should look at: the rules, and the list of a day with its decisions."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test import Client

from center.accounts.roles import Role
from center.reconciliation.daily import check_day, check_refunds
from center.reconciliation.models import BreakRow, BreakState, HisList, HisRow, Pair
from center.reconciliation.refunds import Anomaly, Given, Paid, suspicious
from tests.center.conftest import NOON, JournalOfABox
from tests.center.test_reconciliation import DAY, LATER, Wechat

BEFORE = DAY - timedelta(days=1)
A = {"A": Paid(100, "wechat")}


def given(number: str, fen: int, day: date = DAY, **more: object) -> Given:
    return Given("A", number, fen, more.pop("channel", "wechat"), day, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("refunds", "named"),
    [
        ([given("R1", 30), given("R2", 40)], []),
        ([given("R1", 30), given("R2", 30)], [("refund_repeated", -30)]),
        ([given("R1", 20), given("R2", 20), given("R3", 20)], [("refund_repeated", -40)]),
        ([given("R1", 60), given("R2", 50)], [("refund_over", -10)]),
        ([given("R1", 60), given("R2", 60)], [("refund_repeated", -60), ("refund_over", -20)]),
        ([given("R1", 100, channel="alipay")], [("refund_channel", 0)]),
        ([given("T1", 100, channel="cash", booked_only=True)], [("refund_channel", 0)]),
        ([given("R1", 30, BEFORE), given("R2", 30, BEFORE)], []),
        ([given("R1", 30, BEFORE), given("R2", 30)], [("refund_repeated", -30)]),
        (
            [given("R1", 70, BEFORE), given("R2", 70, BEFORE), given("R3", 1)],
            [("refund_over", -41)],
        ),
    ],
)
def test_what_of_one_payment_is_suspicious(
    refunds: list[Given], named: list[tuple[str, int]]
) -> None:
    found = suspicious(DAY, A, refunds, 10)
    assert [(b.code.value, b.difference_fen) for b in found] == named


def test_many_refunds_of_one_cashier_are_named_from_the_limit_on() -> None:
    paid = {f"P{n}": Paid(100, "wechat") for n in range(9)}
    refunds = [Given(f"P{n}", f"R{n}", 1, "wechat", DAY, "0117") for n in range(9)]
    assert list(suspicious(DAY, paid, refunds, 10)) == []
    (found,) = suspicious(DAY, paid, refunds, 9)
    assert (found.code, found.key, found.other_fen) == (Anomaly.MANY, "0117", 9)


def named_in_the_list() -> set[tuple[str, str, int]]:
    rows = BreakRow.objects.filter(pair=Pair.REFUND).exclude(state=BreakState.CLEARED)
    return {(r.code, r.key, r.difference_fen) for r in rows}


@pytest.mark.django_db
def test_what_journal_statement_and_his_say_is_put_together(journal: JournalOfABox) -> None:
    """The second refund was given in the provider's own window, the third in cash."""
    money = {"money_at": NOON.isoformat()}
    for number in ("A", "B", "C"):
        journal.pay(number, "paid", amount_fen=100)
    journal.refund("R1", "A", 60, "sent", "refunded", **money)
    journal.refund("R2", "B", 50, "sent", "refunded", his_id="F2", **money)
    journal.refund("R3", "C", 100, "sent", "failed")
    journal.send()
    statement = Wechat()
    for number in ("A", "B", "C"):
        statement.pay(number, 100)
    statement.refund("A", "R1", 60)
    statement.refund("A", "PORTAL", 60)
    statement.refund("B", "R2", 50)
    statement.keep()
    given_list = HisList.objects.create(
        name="x", sha256="0", uploaded_by="one", uploaded_at=NOON, rows=1
    )
    told = {"list": given_list, "day": DAY, "kind": "refund", "amount_fen": 50}
    HisRow.objects.create(his_id="F2", pay_type="cash", **told)
    check_refunds(DAY, NOON)
    assert named_in_the_list() == {
        ("refund_repeated", "A", -60),
        ("refund_over", "A", -20),
        ("refund_channel", "B", 0),
    }


@pytest.mark.django_db
def test_a_reverse_counts_once_and_is_not_suspicious(journal: JournalOfABox) -> None:
    journal.pay("A", "paid", "reversing", "reversed", amount_fen=100)
    journal.refund("R1", "A", 100, "sent", "refunded", money_at=NOON.isoformat())
    journal.send()
    statement = Wechat()
    statement.pay("A", 100)
    statement.refund("A", "5042A", 100, "REVOKED")
    statement.keep()
    check_refunds(DAY, NOON)
    assert named_in_the_list() == set()


@pytest.mark.django_db
def test_an_anomaly_stands_in_its_own_list_and_is_decided_like_a_break(
    journal: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    journal.pay("A", "paid", amount_fen=100)
    for number in ("R1", "R2"):
        journal.refund(number, "A", 30, "refunded", money_at=NOON.isoformat())
    journal.send()
    check_day(DAY, NOON, LATER)
    client = browser_of(Role.FINANCE)
    days = f"day_from={DAY}&day_to={DAY}"
    assert "重复退款" in client.get(f"/reports/refund-anomalies/?{days}").content.decode()
    assert "重复退款" not in client.get(f"/reports/breaks/?{days}&state=open").content.decode()
    row = BreakRow.objects.get()
    page = client.get(f"/breaks/{row.pk}/").content.decode()
    assert "R1" in page
    assert "R2" in page
    client.post(
        f"/breaks/{row.pk}/resolve", {"resolution": "other", "remark": "两项检查，各退一次"}
    )
    check_day(DAY, NOON, LATER)
    row.refresh_from_db()
    assert row.state == BreakState.RESOLVED
    assert row.decisions.get().remark == "两项检查，各退一次"


@pytest.mark.django_db
def test_a_refund_that_the_his_booked_otherwise_stands_beside_the_journals(
    journal: JournalOfABox, browser_of: Callable[..., Client]
) -> None:
    """Found by the number of the HIS, from the break's key or from the order; in words."""
    journal.pay("A", "paid", his_id="H1", amount_fen=100)
    journal.refund("R1", "A", 30, "refunded", his_id="T1", money_at=NOON.isoformat())
    journal.send()
    given = HisList.objects.create(
        name="list", sha256="0", uploaded_by="finance", uploaded_at=NOON, rows=1
    )
    for kind, his_id, pay_type, fen in (
        ("payment", "H1", "wechat", 100),
        ("refund", "T1", "cash", 30),
    ):
        HisRow.objects.create(
            list=given, day=DAY, kind=kind, his_id=his_id, pay_type=pay_type, amount_fen=fen
        )
    check_day(DAY, NOON, LATER)
    client = browser_of(Role.FINANCE)
    for row in BreakRow.objects.filter(key__in=("T1", "A")):
        page = client.get(f"/breaks/{row.pk}/").content.decode()
        assert "T1 / R1" in page
        assert "现金 退款" in page
    assert {row.pair for row in BreakRow.objects.all()} == {Pair.HIS, Pair.REFUND}
