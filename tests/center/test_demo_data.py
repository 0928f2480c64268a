"""What `paybox-center demo-data` makes: something to see on every page."""

from datetime import date

import pytest

from center import demo_statements
from center.demo_data import Size, make
from center.ledger.models import Payment, Refund, Trace
from center.orders import timeline
from center.reconciliation.models import BankReceipt, BreakRow
from center.reconciliation.refunds import Anomaly
from center.reviews.models import Review
from center.statements.models import StatementFile
from device.domain.trace import Mark
from tests.center.test_ingest import assert_totals_are_the_rows

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 22)
DAYS = 8


@pytest.fixture
def made() -> int:
    rows: list[int] = []
    count = make(Size(days=DAYS + 1, boxes=5, payments=20), TODAY, rows.append)
    assert sum(rows) == count
    demo_statements.make_statements(DAYS, 1, TODAY)
    return count


@pytest.mark.usefixtures("made")
def test_every_page_has_something_to_show() -> None:
    found = set(BreakRow.objects.values_list("pair", "code"))
    assert {code for pair, code in found if pair == "refund"} == set(Anomaly)
    assert {code for pair, code in found if pair == "bank"} == {"amount", "only_journal"}
    assert {pair for pair, _code in found} == {"refund", "bank", "statement", "his"}
    assert BankReceipt.objects.exists()
    assert Review.objects.exists()
    assert not StatementFile.objects.exclude(state="good").exists()
    assert_totals_are_the_rows()


@pytest.mark.usefixtures("made")
def test_a_reverse_is_no_break() -> None:
    undone = Refund.objects.filter(state="reversed")
    assert undone.exists()
    keys = {value for row in undone.values_list("uid", "ref", "his_id") for value in row}
    assert not BreakRow.objects.filter(key__in=keys).exists()


@pytest.mark.usefixtures("made")
def test_newest_payments_have_a_trace_that_can_be_drawn() -> None:
    newest = Payment.objects.filter(box="BOX-0001", state="paid").order_by("-first_at").first()
    assert newest is not None
    kept = Trace.objects.get(uid=newest.uid)
    picture = timeline.drawn(kept)
    assert picture is not None
    assert 0 < picture.own_ms < picture.whole_ms
    assert [mark for mark, _ms in kept.marks][-1] == Mark.TOLD
