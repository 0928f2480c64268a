from datetime import date, datetime, timedelta

import pytest

from center.ledger.models import Action, Box
from center.ledger.rows import BEIJING
from center.ledger.words import Channel
from center.reconciliation.models import BreakRow, Run
from center.statements.models import FileState, StatementFile
from center.statements.morning import DAYS_BACK, morning
from center.statements.providers import EMPTY_DAY
from device.errors import MaybeSent
from tests.center.conftest import JournalOfABox
from tests.center.test_reconciliation import DAY, Wechat

pytestmark = pytest.mark.django_db
TODAY = DAY + timedelta(days=1)


class Provider:
    """Gives what it was given; what it was not given, it cannot be asked for."""

    channel = Channel.WECHAT

    def __init__(self) -> None:
        self.days: dict[date, bytes] = {}
        self.asked: list[date] = []

    def fetch(self, day: date) -> bytes:
        self.asked.append(day)
        if not self.days.get(day):
            raise MaybeSent("ReadTimeout")
        return self.days[day]


def at(hour: int, day: date = TODAY) -> datetime:
    return datetime.combine(day, datetime.min.time(), BEIJING) + timedelta(hours=hour)


def test_before_ten_yesterday_is_not_asked_for() -> None:
    provider = Provider()
    morning([provider], at(9))
    assert DAY not in provider.asked
    morning([provider], at(10))
    assert DAY in provider.asked


def test_a_day_that_came_is_not_asked_for_again_and_one_that_did_not_is(
    journal: JournalOfABox,
) -> None:
    journal.pay("A", "paid")
    journal.send()
    provider = Provider()
    morning([provider], at(11))
    assert StatementFile.objects.get(day=DAY).state == FileState.FAILED
    statement = Wechat()
    statement.pay("A", 100)
    provider.days[DAY] = statement.bytes()
    assert morning([provider], at(12)) == [DAY]
    assert Run.objects.get(pair="statement").agreed == 1
    provider.asked.clear()
    morning([provider], at(13))
    assert DAY not in provider.asked
    assert len(provider.asked) == DAYS_BACK - 1


def test_a_failure_after_a_good_fetch_takes_nothing_back() -> None:
    provider = Provider()
    provider.days[DAY] = EMPTY_DAY
    morning([provider], at(11))
    assert StatementFile.objects.get(day=DAY).state == FileState.EMPTY


def test_the_box_is_asked_about_an_order_that_the_statement_contradicts(
    journal: JournalOfABox,
) -> None:
    journal.pay("MZ03KEPT", "intended", "failed")
    journal.send()
    statement = Wechat()
    statement.pay("MZ03KEPT", 100)
    statement.pay("MZ03LOST", 200)
    statement.pay("XX99ALIEN", 300)
    provider = Provider()
    provider.days[DAY] = statement.bytes()
    for day in (TODAY, DAY + timedelta(days=5)):
        morning([provider], at(12, day))
    assert BreakRow.objects.count() == 3
    actions = Action.objects.order_by("out_trade_no")
    assert [(a.kind, a.out_trade_no) for a in actions] == [
        ("query", "MZ03KEPT"),
        ("query", "MZ03LOST"),
    ]
    assert {a.box for a in actions} == {Box.objects.get()}
    morning([provider], at(14, DAY + timedelta(days=5)))
    assert Action.objects.count() == 2, "asked once"


def test_no_bill_on_a_day_that_took_money_is_asked_for_again(journal: JournalOfABox) -> None:
    journal.pay("A", "paid")
    journal.send()
    provider = Provider()
    provider.days[DAY] = EMPTY_DAY
    morning([provider], at(11))
    assert named_states() == [("only_journal", "waiting")]
    statement = Wechat()
    statement.pay("A", 100)
    provider.days[DAY] = statement.bytes()
    morning([provider], at(12))
    assert StatementFile.objects.get(day=DAY).state == FileState.GOOD
    assert named_states() == [("only_journal", "cleared")]


def named_states() -> list[tuple[str, str]]:
    return list(BreakRow.objects.values_list("code", "state"))
