"""The operator's view of the box: it shows, and it leaves no payment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from device.domain.desk.due import wake_at
from device.domain.desk.events import ButtonHeld, ButtonPressed, HealthChanged, LineSaid
from device.domain.desk.model import OneWay, Settings
from device.domain.desk.view import signal_of
from device.domain.line import Meaning, Said
from device.domain.outcome import Paid, PayerConfirming
from device.domain.payment import AttemptEvent, Facts
from device.domain.record import Stored
from device.domain.replies import RefundResult, Result
from device.domain.requests import Cancel
from device.domain.screens import (
    AmountDue,
    Hint,
    Idle,
    LastResult,
    OperatorView,
    PaidScreen,
    Paying,
    Signal,
    UndoOffered,
)
from device.domain.words import Business, Department, Wallet

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

PAID = Paid("42", 1234)
AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
HELD = ButtonHeld("0.1.0", "10.1.2.3")


def view(till: Till) -> OperatorView:
    assert isinstance(till.screen, OperatorView)
    return till.screen


def test_it_shows_desk_version_address_vpn_wallets_and_the_last_result(till: Till) -> None:
    paid = Stored("", Result("A", 1, 2, "paid", amount_fen=1234), AT, offer=True, delivered=True)
    till.event(replace(HELD, last=paid))
    last = LastResult("paid", 1234, "14:05")
    told = OperatorView(
        "MZ-03",
        "0.1.0",
        "10.1.2.3",
        vpn_up=True,
        wallets=tuple(Wallet),
        last=last,
        beneath=Signal.IDLE,
    )
    assert view(till) == told


def test_a_refund_may_be_the_last_result(till: Till) -> None:
    stored = Stored(
        "", RefundResult("R", 1, "pending", amount_fen=5), AT, offer=False, delivered=True
    )
    till.event(replace(HELD, last=stored))
    assert view(till).last == LastResult("pending", 5, "14:05")


def test_it_goes_by_itself_after_ten_seconds(till: Till) -> None:
    till.event(HELD)
    assert wake_at(till.desk, till.now_s) == till.now_s + 10
    till.wait(9.9)
    assert till.shows(OperatorView)
    till.wait(0.2)
    assert till.shows(Idle)
    assert till.desk.local_view is None


def test_a_press_puts_it_away_and_cancels_nothing(till: Till) -> None:
    till.arm().event(HELD)
    till.event(ButtonPressed())
    assert till.shows(AmountDue)


def test_a_waiting_payment_is_not_left_and_comes_back(till: Till) -> None:
    till.arm().event(HELD)
    assert till.shows(OperatorView)
    assert signal_of(view(till)) is Signal.WAITING
    till.wait(10)
    assert till.shows(AmountDue)
    till.drawn().scan()
    assert len(till.calls) == 1


def test_a_code_held_up_while_the_amount_is_covered_is_asked_for_again(till: Till) -> None:
    till.arm().event(HELD)
    till.now_s += 1
    till.scan()
    assert till.calls == []
    assert isinstance(till.screen, AmountDue)
    assert till.screen.hint == Hint.SCAN_AGAIN


def test_an_amount_takes_the_glass_at_once(till: Till) -> None:
    till.event(HELD)
    till.arm()
    assert till.shows(AmountDue)


def test_what_happens_to_the_payment_takes_the_glass_at_once(till: Till) -> None:
    till.arm().scan()
    assert till.shows(Paying)
    till.event(HELD)
    till.answer(PayerConfirming())
    assert not till.shows(OperatorView)
    till.event(HELD)
    till.report(AttemptEvent.PAID, Facts(provider_trade_no="42"))
    assert till.shows(PaidScreen)


def test_a_cancel_takes_the_glass_at_once(till: Till) -> None:
    till.arm().event(HELD)
    till.ask(Cancel("A"))
    assert not till.shows(OperatorView)


def test_news_of_its_health_does_not_put_it_away(till: Till) -> None:
    till.event(HELD)
    till.event(HealthChanged(replace(till.desk.health, vpn_up=False)))
    assert till.shows(OperatorView)


def test_a_result_is_read_first(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.event(HELD)
    assert till.shows(PaidScreen)
    till.wait(5)
    till.event(HELD)
    assert till.shows(OperatorView)


def test_on_a_one_way_line_the_shell_only_looks_and_never_offers_an_undo(
    new_till: type[Till],
) -> None:
    setup = OneWay(Business.OUTPATIENT_FEE, Department.OUTPATIENT, 10_000, "B", undo_by_button=True)
    till = new_till(Settings("BOX-0001", "MZ-03", "MZ03", "市一医院", b"k" * 32, one_way=setup))
    till.event(LineSaid((Said(Meaning.DUE, 1234),)))
    till.wait(0.2)
    till.checked().drawn().scan().answer(PAID)
    till.wait(5)
    till.event(replace(HELD, by_button=False))
    assert till.shows(OperatorView)
    till.event(ButtonPressed())
    till.event(HELD)
    assert till.shows(UndoOffered)
