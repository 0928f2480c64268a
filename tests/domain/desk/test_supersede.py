"""`supersede` replaces what is only armed, and nothing else (his-link §3.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from device.domain.desk.effects import Probe
from device.domain.desk.events import Asked, Checked, Connection, HealthChanged, Scanned
from device.domain.found import OFFLINE, Found
from device.domain.outcome import Declined, Paid, PayerConfirming
from device.domain.replies import ErrorReply, Result
from device.domain.requests import Query
from device.domain.screens import AmountDue
from device.domain.words import Reason

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Said, Till

WECHAT, ALIPAY = "134567890123456789", "287634438256643940"


def results(said: list[Said]) -> list[tuple[str, int, str, str, int | None]]:
    answers = [(s.reply, s.re) for s in said if isinstance(s.reply, Result)]
    return [(r.id, r.try_, r.status, r.reason, re) for r, re in answers]


def test_what_is_armed_makes_room_and_its_answer_says_why(till: Till) -> None:
    till.arm("A")
    assert till.ask(till.pay("B", 500, supersede=True)) is None
    assert results(till.said) == [("A", 1, "not_paid", "superseded", 2)]
    till.checked().drawn()
    assert isinstance(till.screen, AmountDue)
    assert till.screen.amount_fen == 500
    till.scan().answer(Paid("42", 500))
    assert (till.result("A").status, till.result("B").status) == ("not_paid", "paid")


def test_without_it_the_desk_is_busy(till: Till) -> None:
    till.arm("A")
    assert till.error(till.pay("B")) == "busy"
    assert till.charge_revision("A") == 0


def test_what_is_not_yet_shown_makes_room_too(till: Till) -> None:
    till.ask(till.pay("A"))
    till.ask(till.pay("B", 500, supersede=True))
    assert results(till.said) == [("A", 1, "not_paid", "superseded", 2)]
    assert till.desk.seat
    till.event(Checked(replace(till.desk.seat.charge.key, his_id="A"), frozenset()))
    assert till.desk.seat, "the other's check is nobody's business any more"


@pytest.mark.parametrize("confirming", [True, False])
def test_what_is_under_way_stays(till: Till, confirming: bool) -> None:  # noqa: FBT001  a parameter
    till.arm("A").scan()
    if confirming:
        till.answer(PayerConfirming())
    assert till.error(till.pay("B", supersede=True)) == "busy"
    assert till.desk.seat
    assert till.desk.seat.ticket.his_id == "A"


def test_a_declined_charge_that_waits_for_another_code_makes_room(till: Till) -> None:
    till.arm("A").scan().answer(Declined(Reason.DECLINED_BALANCE))
    assert till.ask(till.pay("B", supersede=True)) is None
    assert till.result("A").reason == "superseded"


def test_the_next_try_of_the_same_id_may_replace_the_one_before(till: Till) -> None:
    till.arm("A", 1234)
    assert till.ask(till.pay("A", 1000, try_=2, supersede=True)) is None
    till.checked().drawn().scan().answer(Paid("42", 1000))
    first, second = till.ask(Query("A", 1)), till.ask(Query("A", 2))
    assert isinstance(first, Result)
    assert isinstance(second, Result)
    assert (first.status, first.reason) == ("not_paid", "superseded")
    assert (second.status, second.amount_fen) == ("paid", 1000)
    assert second.revision > first.revision


def test_the_same_try_with_another_amount_is_still_conflict(till: Till) -> None:
    till.arm("A", 1234)
    assert till.error(till.pay("A", 1000, supersede=True)) == "conflict"
    assert till.shows(AmountDue)


def test_who_is_refused_replaces_nothing(till: Till) -> None:
    till.arm("A")
    till.event(HealthChanged(replace(till.desk.health, clock_sane=False)))
    assert till.error(till.pay("B", supersede=True)) == "clock_not_set"
    assert till.shows(AmountDue)
    assert till.desk.seat
    assert till.desk.seat.ticket.his_id == "A"
    assert results(till.said) == []


def test_only_the_owner_may_replace(till: Till) -> None:
    till.event(Connection(2, opened=True))
    till.arm("A")
    assert till.error(till.pay("B", supersede=True), connection=2) == "busy"


def test_a_code_is_not_used_for_the_amount_that_came_after_its_first_key(till: Till) -> None:
    till.arm("A")
    began_s = till.now_s
    till.now_s += 0.1
    till.ask(till.pay("B", 500, supersede=True))
    till.checked()
    till.scan(first_key_s=began_s)
    till.drawn()
    till.scan(first_key_s=began_s)
    assert till.calls == []


def test_a_code_of_the_his_s_own_scanner_is_only_for_its_own_charge(till: Till) -> None:
    till.arm("A")
    assert till.desk.seat
    key = till.desk.seat.charge.key
    till.ask(till.pay("B", 500, supersede=True))
    till.checked().drawn()
    till.event(Scanned(WECHAT, by_his=key))
    assert till.calls == []


def test_the_code_that_opens_the_try_is_used_without_the_glass(till: Till) -> None:
    till.ask(till.pay("A", auth_code=ALIPAY))
    till.checked()
    assert [c.code for c in till.calls] == [ALIPAY]


def test_a_code_that_comes_with_a_repeated_pay_is_not_used(till: Till) -> None:
    till.arm("A")
    till.ask(till.pay("A", auth_code=ALIPAY))
    assert till.calls == []


def test_a_young_journal_asks_before_anything_makes_room(till: Till) -> None:
    till.arm("A")
    asked = Asked(1, 9, till.pay("B", 500, supersede=True), young=True)
    said = till.event(asked)
    assert said == []
    assert till.of(Probe)
    assert till.shows(AmountDue)
    offline = till.event(replace(asked, found=OFFLINE))
    assert [s.reply.code.value for s in offline if isinstance(s.reply, ErrorReply)] == ["offline"]
    assert till.desk.seat
    assert till.desk.seat.ticket.his_id == "A"
    till.event(replace(asked, found=Found()))
    assert till.desk.seat.ticket.his_id == "B"
    assert till.result("A").reason == "superseded"
