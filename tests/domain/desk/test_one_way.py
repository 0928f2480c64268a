"""A one-way line sets the current amount and never queues a payment (his-link §5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from device.domain.desk.effects import Ask, CallPay, CheckChannels
from device.domain.desk.events import Booted, ButtonHeld, ButtonPressed, Checked, LineSaid
from device.domain.desk.model import OneWay, Settings
from device.domain.line import Meaning, Said
from device.domain.outcome import Declined, Paid, Unknown
from device.domain.payment import AttemptEvent, Facts
from device.domain.requests import Reverse
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    GivingBack,
    Idle,
    NotPaidScreen,
    OfflineScreen,
    PaidScreen,
    SameAmount,
    UndoOffered,
)
from device.domain.words import Business, Department, Reason

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

CODE = "134567890123456789"
CASH, CLEAR, NOTHING = Said(Meaning.CASH), Said(Meaning.CLEAR), Said(Meaning.NOTHING)
ONE_WAY = OneWay(
    business=Business.INPATIENT_DEPOSIT,
    department=Department.INPATIENT,
    max_amount_fen=100_000,
    boot="b007",
    undo_by_button=True,
)


def due(fen: int = 1234) -> Said:
    return Said(Meaning.DUE, fen)


class Desk:
    """A till that only listens, with the channels answering at once."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.codes = 0

    def say(self, *said: Said, wait_s: float = 0.2) -> Desk:
        self.till.event(LineSaid(said))
        if wait_s:
            self.wait(wait_s)
        return self

    def wait(self, seconds: float) -> Desk:
        self.till.wait(seconds)
        if self.till.desk.seat and self.till.desk.seat.phase == "checking":
            self.till.checked().drawn()
        return self

    def scan(self) -> Desk:
        self.codes += 1
        self.till.scan(f"13{self.codes:016d}")
        return self

    def pay(self) -> Desk:
        """The patient scans and pays; the result has left the glass afterwards."""
        self.scan()
        amount_fen = self.till.calls[-1].attempt.amount_fen
        self.till.answer(Paid("42", amount_fen))
        assert self.till.shows(PaidScreen)
        return self

    def press(self) -> Desk:
        self.till.event(ButtonPressed())
        return self.wait(0)

    @property
    def amount(self) -> int:
        """What is due on the glass."""
        return getattr(self.till.screen, "amount_fen", 0) if self.till.shows(AmountDue) else 0

    @property
    def reasons(self) -> list[str]:
        return [c.reason.value for c in self.till.disk.charges.values()]


def one_way(make: type[Till], **changes: object) -> Desk:
    plain = Settings("BOX-0001", "MZ-03", "MZ03", "市一医院", b"k" * 32)
    settings = replace(plain, one_way=replace(ONE_WAY, **changes))  # type: ignore[arg-type]  # by name
    till = make(settings)
    till.desk = replace(till.desk, owner=None)
    return Desk(till)


@pytest.fixture
def desk(new_till: type[Till]) -> Desk:
    return one_way(new_till)


# the current amount


def test_an_amount_is_shown_once_it_has_stood(desk: Desk) -> None:
    desk.say(due(), wait_s=0.1)
    assert desk.till.shows(Idle)
    assert desk.wait(0.1).amount == 1234


def test_the_site_says_what_the_line_does_not(desk: Desk) -> None:
    desk.say(due())
    assert desk.till.desk.seat
    charge = desk.till.desk.seat.charge
    assert (charge.business, charge.department) == (ONE_WAY.business, ONE_WAY.department)
    assert charge.key.his_id.startswith("MZ03-")
    assert charge.key.his_id.endswith("-b007-1")


def test_the_last_of_a_burst_wins(desk: Desk) -> None:
    assert desk.say(due(100), due(200), due()).amount == 1234
    assert len(desk.till.disk.charges) == 0


def test_another_amount_replaces_the_one_on_the_glass(desk: Desk) -> None:
    desk.say(due(100)).say(due(200))
    assert desk.amount == 200
    assert desk.reasons == [Reason.SUPERSEDED.value]


def test_an_amount_said_over_and_over_still_settles(desk: Desk) -> None:
    for _ in range(5):
        desk.say(due(), wait_s=0.05)
    assert desk.amount == 1234


def test_said_again_while_it_stands_changes_nothing(desk: Desk) -> None:
    desk.say(due())
    seat = desk.till.desk.seat
    desk.wait(10).say(due(), due())
    assert desk.till.desk.seat == seat


@pytest.mark.parametrize("said", [CASH, CLEAR, NOTHING])
def test_cash_clear_and_zero_disarm(desk: Desk, said: Said) -> None:
    desk.say(due()).say(said)
    assert desk.till.shows(Idle)
    desk.scan()
    assert not desk.till.calls
    assert desk.reasons == [Reason.CANCELLED.value]


@pytest.mark.parametrize("said", [CASH, CLEAR, NOTHING, due(1)])
def test_no_code_is_taken_while_the_line_says_another_thing_than_the_glass(
    desk: Desk, said: Said
) -> None:
    desk.say(due()).say(said, wait_s=0).scan()
    assert not desk.till.calls
    assert getattr(desk.till.screen, "hint", "") == "请重新扫码"


def test_a_redraw_of_the_same_amount_does_not_hold_a_code_back(desk: Desk) -> None:
    desk.say(due()).say(CLEAR, due(), wait_s=0).pay()
    assert len(desk.till.calls) == 1


@pytest.mark.parametrize("said", [(due(), CASH), (due(), CLEAR), (due(), NOTHING)])
def test_what_is_taken_back_at_once_never_shows(desk: Desk, said: tuple[Said, ...]) -> None:
    desk.say(*said)
    assert desk.till.shows(Idle)
    assert not desk.till.of(CheckChannels)


def test_an_amount_over_the_limit_is_none(desk: Desk) -> None:
    desk.say(due(100_001))
    assert desk.till.shows(Idle)
    assert desk.say(due(100_000)).amount == 100_000


# never twice


def test_the_same_amount_said_again_after_success_arms_nothing(desk: Desk) -> None:
    desk.say(due()).pay()
    for _ in range(10):
        desk.say(due()).scan()
    desk.wait(60).say(due()).scan()
    assert len(desk.till.calls) == 1


def test_a_redraw_with_a_clear_before_it_is_the_same_amount(desk: Desk) -> None:
    desk.say(due()).pay().wait(10)
    desk.say(CLEAR, due()).say(CLEAR, CASH, due()).scan()
    assert len(desk.till.calls) == 1


def test_the_glass_says_that_a_button_collects_the_same_amount_again(desk: Desk) -> None:
    desk.say(due()).pay().say(due())
    assert desk.till.shows(PaidScreen)  # the result is not swept away
    desk.wait(6).say(due(), wait_s=0.2)
    assert desk.till.screen == SameAmount(1234)
    assert desk.press().amount == 1234
    desk.pay()
    ids = {c.charge.key.his_id for c in desk.till.calls}
    assert len(ids) == 2


@pytest.mark.parametrize("between", [CLEAR, due(1)])
def test_after_a_clear_or_another_amount_it_is_a_new_bill(desk: Desk, between: Said) -> None:
    desk.say(due()).pay().say(between).say(due())
    assert desk.amount == 1234
    desk.pay()
    assert len(desk.till.calls) == 2


@pytest.mark.parametrize("said", [CASH, NOTHING])
def test_after_success_cash_and_zero_change_nothing(desk: Desk, said: Said) -> None:
    desk.say(due()).pay().say(said)
    assert desk.till.shows(PaidScreen)
    desk.wait(10).say(due()).scan()
    assert len(desk.till.calls) == 1


def test_after_cash_the_same_amount_waits_for_the_button(desk: Desk) -> None:
    desk.say(due()).say(CASH).say(due())
    assert desk.till.screen == SameAmount(1234)
    assert desk.press().amount == 1234


def test_cash_in_the_same_burst_uses_the_amount_too(desk: Desk) -> None:
    desk.say(due(), CASH).say(due())
    assert desk.till.screen == SameAmount(1234)


def test_zero_before_anybody_paid_leaves_the_amount_free(desk: Desk) -> None:
    assert desk.say(due()).say(NOTHING).say(due()).amount == 1234
    assert desk.say(NOTHING).say(NOTHING).say(due()).amount == 1234


def test_lines_under_way_are_dropped(desk: Desk) -> None:
    desk.say(due()).scan()
    desk.say(due(999), CLEAR, CASH, due(777))
    desk.till.answer(Paid("42", 1234))
    desk.wait(10).say(due()).scan()
    assert (len(desk.till.calls), desk.amount) == (1, 0)
    assert desk.say(due(777)).amount == 777


def test_a_payment_in_doubt_is_under_way(desk: Desk) -> None:
    desk.say(due()).scan()
    desk.till.answer(Unknown("timeout"))
    desk.say(due(777)).press()
    assert desk.till.shows(GivingBack) or desk.till.shows(AskingProvider)
    assert len(desk.till.calls) == 1


def test_a_declined_code_leaves_the_amount_and_the_line_may_replace_it(desk: Desk) -> None:
    desk.say(due()).scan()
    desk.till.answer(Declined(Reason.DECLINED_BALANCE, "NOTENOUGH"))
    assert desk.say(due(777)).amount == 777


def test_after_a_power_cut_what_was_paid_arms_nothing(desk: Desk) -> None:
    desk.say(due()).pay()
    after = Desk(desk.till.power_cut())
    last = next(iter(after.till.disk.answers.values()))
    newest = replace(last, answer=replace(last.answer, status="paid", amount_fen=1234))
    after.till.event(Booted((), (), newest))
    after.say(due()).scan()
    assert not after.till.of(CallPay)
    assert after.till.screen == SameAmount(1234)


def test_an_old_payment_of_before_the_boot_is_another_patients(desk: Desk) -> None:
    desk.say(due()).pay()
    last = next(iter(desk.till.disk.answers.values()))
    newest = replace(last, answer=replace(last.answer, status="paid", amount_fen=1234))
    after = Desk(desk.till.power_cut())
    after.till.now_s = 3600.0
    after.till.event(Booted((), (), newest))
    assert after.say(due()).amount == 1234


def test_after_a_power_cut_in_doubt_the_line_waits_for_the_answer(desk: Desk) -> None:
    desk.say(due()).scan()
    after = Desk(desk.till.power_cut())
    after.say(due(), wait_s=1).say(due(777), wait_s=1).press()
    assert after.till.shows(AskingProvider)
    after.till.report(AttemptEvent.PAID, Facts(provider_trade_no="42"))
    after.wait(10).say(due())
    assert after.till.screen == SameAmount(1234)
    assert after.say(due(777)).amount == 777


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([CASH, NOTHING, due()]).map(lambda s: ("say", s)),
            st.sampled_from(["scan", "wait"]).map(lambda w: (w, None)),
        ),
        max_size=25,
    )
)
def test_one_amount_is_paid_once_whatever_the_line_repeats(
    new_till: type[Till], acts: list[tuple[str, Said | None]]
) -> None:
    desk = one_way(new_till)
    for act, said in acts:
        if said:
            desk.say(said)
        elif act == "wait":
            desk.wait(100.0)
        else:
            desk.scan()
            if desk.till.of(CallPay):
                desk.till.answer(Paid("42", 1234))
    assert len(desk.till.calls) <= 1


# the rest of the desk


def test_nobody_is_offered_a_result(desk: Desk) -> None:
    for fen in range(1, 6):
        desk.say(due(fen)).pay()
    assert desk.till.desk.offers == {}
    desk.wait(1000)
    assert not desk.till.memory.undelivered()
    assert desk.till.said == []


def test_an_amount_nobody_could_be_reached_for_may_be_said_again(desk: Desk) -> None:
    desk.till.event(LineSaid((due(),)))
    desk.till.wait(0.2)
    assert desk.till.desk.seat
    desk.till.event(Checked(desk.till.desk.seat.charge.key, frozenset()))
    assert desk.till.shows(OfflineScreen)
    assert desk.say(due()).amount == 1234


def test_an_amount_that_is_refused_may_be_said_again(desk: Desk) -> None:
    health = desk.till.desk.health
    desk.till.desk = replace(desk.till.desk, health=replace(health, vpn_up=False))
    assert desk.say(due()).amount == 0
    desk.till.desk = replace(desk.till.desk, health=health)
    assert desk.say(due()).amount == 1234


# the cashier's button


def test_the_button_cancels_and_brings_the_amount_back(desk: Desk) -> None:
    desk.say(due()).press()
    assert desk.till.shows(NotPaidScreen)
    desk.wait(10).say(due())
    assert desk.till.screen == SameAmount(1234)
    assert desk.press().amount == 1234


def test_a_press_that_comes_just_after_success_arms_nothing(desk: Desk) -> None:
    desk.say(due()).pay().press()
    assert desk.till.shows(PaidScreen)
    assert not desk.till.desk.seat


def test_the_button_does_nothing_where_no_amount_was_said(desk: Desk) -> None:
    assert desk.press().till.shows(Idle)


def test_held_and_pressed_again_the_button_undoes(desk: Desk) -> None:
    desk.say(due()).pay().wait(299)
    desk.till.event(ButtonHeld())
    assert desk.till.screen == UndoOffered(1234)
    desk.press()
    (ask,) = desk.till.of(Ask)
    assert isinstance(ask, Ask)
    paid = desk.till.calls[0].charge.key.his_id
    assert ask.request == Reverse(f"{paid}-U", paid)
    desk.till.ask(ask.request, connection=0)
    assert desk.till.shows(GivingBack)
    desk.till.event(ButtonHeld())  # once only
    assert desk.till.shows(GivingBack)


def test_an_undo_that_nobody_confirms_is_forgotten(desk: Desk) -> None:
    desk.say(due()).pay().wait(10)
    desk.till.event(ButtonHeld())
    desk.wait(11).press()
    assert not desk.till.of(Ask)
    assert desk.amount == 1234  # a press by itself collects again


@pytest.mark.parametrize(
    ("wait_s", "allowed", "armed"), [(301, True, False), (1, False, False), (1, True, True)]
)
def test_the_button_undoes_nothing_old_unasked_or_behind_another_amount(
    new_till: type[Till],
    wait_s: float,
    allowed: bool,  # noqa: FBT001
    armed: bool,  # noqa: FBT001
) -> None:
    desk = one_way(new_till, undo_by_button=allowed)
    desk.say(due()).pay().wait(wait_s)
    if armed:
        desk.say(due(5))
    desk.till.event(ButtonHeld())
    assert not desk.till.shows(UndoOffered)


def test_nothing_is_undone_where_nothing_was_paid(desk: Desk) -> None:
    desk.say(due()).say(CLEAR)
    desk.till.event(ButtonHeld())
    assert not desk.till.shows(UndoOffered)


def test_a_framed_link_knows_no_second_press(till: Till) -> None:
    till.arm().scan().answer(Paid("42", 1234))
    till.wait(5)
    till.event(ButtonPressed())
    till.event(ButtonHeld())
    assert not till.shows(UndoOffered)
    assert till.of(Ask) == []
