import random
from collections import Counter
from typing import Any

import pytest
from django.db.models import Count, Sum

from center.ledger.ingest import Stored
from center.ledger.models import (
    Alarm,
    Charge,
    DayTotal,
    DeskTotal,
    Epoch,
    Event,
    HourTotal,
    Payment,
    Quarantine,
    Refund,
)
from device.sync.wire import Conflict
from tests.center.conftest import JournalOfABox

pytestmark = pytest.mark.django_db


def expected_totals(model: Any) -> dict[tuple[Any, ...], tuple[int, int]]:
    """The totals as a sum over the newest rows: what the stored ones must equal at all times."""
    keys = [f.name for f in model._meta.fields if f.name not in {"count", "sum_fen", "pk"}]
    found: dict[tuple[Any, ...], tuple[int, int]] = {}
    for kind, table in (("payment", Payment), ("refund", Refund), ("charge", Charge)):
        names = [k for k in keys if k != "kind" and not (k == "channel" and table is Charge)]
        for row in table.objects.values(*names).annotate(n=Count("uid"), fen=Sum("amount_fen")):
            told = {"channel": "", **row, "kind": kind}
            found[tuple(told[k] for k in keys)] = (row["n"], row["fen"])
    return found


def stored_totals(model: Any) -> dict[tuple[Any, ...], tuple[int, int]]:
    keys = [f.name for f in model._meta.fields if f.name not in {"count", "sum_fen", "pk"}]
    rows = model.objects.exclude(count=0)
    return {tuple(getattr(r, k) for k in keys): (r.count, r.sum_fen) for r in rows}


def assert_totals_are_the_rows() -> None:
    for model in (DayTotal, DeskTotal, HourTotal):
        assert stored_totals(model) == expected_totals(model)


def assert_reversed_refunds_are_marked() -> None:
    """A refund that is done is `reversed` exactly while its payment is, and no money of it."""
    undone = set(
        Payment.objects.filter(state__in=("reversing", "reversed")).values_list("uid", flat=True)
    )
    back: Counter[str] = Counter()
    for refund in Refund.objects.filter(state__in=("refunded", "reversed")):
        assert refund.state == ("reversed" if refund.ref in undone else "refunded")
        back[refund.ref] += refund.amount_fen if refund.state == "refunded" else 0
    for payment in Payment.objects.all():
        assert payment.refunded_fen == back[payment.uid]


def test_a_batch_is_stored_once_however_often_it_comes(journal: JournalOfABox) -> None:
    journal.pay("MZ03A", "intended", "paid", amount_fen=1234)
    for _ in range(3):
        assert journal.send() == Stored(2)
    assert Event.objects.count() == 2
    payment = Payment.objects.get()
    assert (payment.state, payment.amount_fen, payment.seq) == ("paid", 1234, 2)
    assert_totals_are_the_rows()


def test_what_follows_a_gap_waits(journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    journal.pay("B", "intended", "failed")
    assert journal.send(1, 2) == Stored(2)
    assert journal.send(4) == Stored(2)
    assert journal.send(3) == Stored(4)
    assert_totals_are_the_rows()


def test_other_content_under_a_known_seq_is_a_conflict_and_stores_nothing(
    journal: JournalOfABox,
) -> None:
    journal.pay("A", "intended", "paid")
    journal.send()
    other = JournalOfABox()
    other.pay("A", "intended", "failed", "reversing")
    assert other.send() == Conflict("9f3c", 2)
    assert Payment.objects.get().state == "paid"
    assert Alarm.objects.get().kind == "conflict"


def twin_of(journal: JournalOfABox, rows: int) -> JournalOfABox:
    """A copy of the card, as it was after so many rows."""
    twin = JournalOfABox()
    twin.rows = [*journal.rows[:rows]]
    return twin


@pytest.mark.parametrize("twins", [3, 4, 70])
def test_a_twin_that_wrote_on_after_a_restore_is_found_where_the_histories_part(
    journal: JournalOfABox, twins: int
) -> None:
    for number in range(80):
        journal.pay(f"A{number}", "paid")
    journal.send(1, 3)  # all that the restored database has; the box knows that 3 + twins arrived
    twin = twin_of(journal, 3)
    for number in range(twins):
        twin.pay(f"T{number}", "paid")
    assert twin.send(4) == Stored(3 + twins)
    told, first = journal.send(3 + twins + 1), 0
    while isinstance(told, Stored):  # the last row that is here goes up again, and all after it
        assert told.ack < 3 + twins
        first = max(1, told.ack)
        told = journal.send(first)
    assert told == Conflict("9f3c", 4)
    assert not Payment.objects.filter(uid=f"A{3 + twins}").exists()
    assert not Quarantine.objects.exists()
    assert_totals_are_the_rows()


def test_a_twin_whose_first_row_is_another_is_a_conflict_at_once(journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    twin = JournalOfABox()
    twin.pay("T", "intended")
    assert twin.send() == Stored(1)
    assert journal.send(2) == Conflict("9f3c", 1)


def test_a_row_that_still_does_not_follow_what_was_compared_is_kept_apart(
    journal: JournalOfABox,
) -> None:
    journal.pay("A", "intended", "waiting", "paid")
    journal.send()
    elsewhere = twin_of(journal, 2)
    elsewhere.pay("B", "intended", "paid")
    journal.rows.append(elsewhere.rows[3])  # sound by itself, and of another chain
    assert journal.send(4) == Stored(1)
    answer = journal.send(1)
    assert isinstance(answer, Stored)
    assert (answer.ack, [r.seq for r in answer.rejected]) == (4, [4])


def test_a_changed_row_goes_to_quarantine_and_the_next_one_counts(journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    journal.pay("B", "intended")
    journal.rows[1] = journal.rows[1] | {"amount_fen": 1}
    answer = journal.send()
    assert isinstance(answer, Stored)
    assert (answer.ack, [r.seq for r in answer.rejected]) == (3, [2])
    assert Quarantine.objects.get().seq == 2
    assert Payment.objects.get(uid="A").state == "intended"
    assert Payment.objects.filter(uid="B").exists()
    assert_totals_are_the_rows()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "gone"),
        ("channel", "cash"),
        ("business", "shop"),
        ("at", "yesterday"),
        ("at", "2026-11-22T09:30:01"),
        ("desk", "x" * 33),
    ],
)
def test_a_row_with_a_word_that_nobody_knows_is_not_believed(
    journal: JournalOfABox, name: str, value: str
) -> None:
    journal.pay("A", "paid", **({name: value} if name != "state" else {}))
    if name == "state":
        journal.rows.clear()
        journal.pay("A", value)
    answer = journal.send()
    assert isinstance(answer, Stored)
    assert name in answer.rejected[0].why
    assert not Payment.objects.exists()


def test_a_story_told_again_in_a_new_epoch_is_counted_once(journal: JournalOfABox) -> None:
    journal.pay("A", "intended", "paid")
    journal.refund("R1", "A", 40, "sent", "refunded")
    journal.send()
    again = JournalOfABox(epoch="aaaa")
    again.pay("A", "intended", "paid")
    again.refund("R1", "A", 40, "sent", "refunded")
    again.send()
    assert Epoch.objects.get(epoch="aaaa").number == 2
    assert Event.objects.count() == 8
    assert Payment.objects.get().refunded_fen == 40
    assert_totals_are_the_rows()


def test_a_late_row_of_an_older_epoch_does_not_count_over_a_newer_one(
    journal: JournalOfABox,
) -> None:
    journal.pay("A", "intended", "unknown")
    journal.send(1, 1)
    newer = JournalOfABox(epoch="bbbb")
    newer.pay("A", "paid")
    newer.send()
    journal.send(2)
    assert Payment.objects.get().state == "paid"
    assert_totals_are_the_rows()


def test_a_refund_given_at_another_desk_is_counted_at_its_payment(journal: JournalOfABox) -> None:
    other = JournalOfABox("BOX-0002")
    other.refund("R1", "A", 30, "sent", "refunded", desk="ZY-01")
    other.send()
    journal.pay("A", "intended", "paid")
    journal.send()
    assert Payment.objects.get().refunded_fen == 30


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_sent_in_whatever_pieces_the_totals_are_the_rows(seed: int) -> None:
    draw = random.Random(seed)
    journals = [JournalOfABox(box, epoch) for box in ("A-1", "A-2") for epoch in ("e1", "e2")]
    for journal in journals:
        for number in range(draw.randint(3, 12)):
            states = draw.choice(
                [
                    ("intended", "paid"),
                    ("intended", "unknown", "reversed"),
                    ("intended", "paid", "reversing", "reversed"),
                    ("failed",),
                ]
            )
            journal.pay(
                f"{journal.box}-{number}",
                *states,
                amount_fen=draw.randint(1, 999),
                channel=draw.choice(["wechat", "alipay"]),
            )
            if draw.random() < 0.4:
                journal.refund(
                    f"R{journal.box}{number}", f"{journal.box}-{number}", 5, "sent", "refunded"
                )
    acks = dict.fromkeys(range(len(journals)), 0)
    for _ in range(60):
        index = draw.randrange(len(journals))
        journal = journals[index]
        first = max(1, draw.randint(acks[index] - 3, acks[index] + 2))
        answer = journal.send(first, first + draw.randint(0, 6))
        assert isinstance(answer, Stored)
        assert answer.ack >= acks[index]
        acks[index] = answer.ack
        assert_totals_are_the_rows()
        assert_reversed_refunds_are_marked()
    for journal in journals:
        assert journal.send() == Stored(len(journal.rows))
    assert_totals_are_the_rows()
