"""What the HIS shows to the patient, and only while nobody pays (his-link §2, `show`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from device.domain.desk.events import Connection, HealthChanged
from device.domain.outcome import Paid
from device.domain.replies import ErrorReply
from device.domain.requests import Show
from device.domain.screens import AmountDue, Idle, Message, OfflineScreen, PaidScreen

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

TEXT = Show(("您好", "请取票"), 10.0)


def test_a_text_is_shown_for_its_time_and_answered_by_nothing(till: Till) -> None:
    assert till.ask(TEXT) is None
    assert till.screen == Message(("您好", "请取票"))
    till.wait(9)
    assert till.shows(Message)
    till.wait(2)
    assert till.shows(Idle)


def test_the_next_text_replaces_it_and_an_empty_one_takes_it_off(till: Till) -> None:
    till.ask(TEXT)
    till.ask(Show(("停诊",), 60.0))
    assert till.screen == Message(("停诊",))
    till.ask(Show((), 10.0))
    assert till.shows(Idle)


def test_an_amount_goes_before_any_text(till: Till) -> None:
    till.ask(Show(("停诊",), 300.0))
    till.arm()
    assert till.shows(AmountDue)
    till.ask(TEXT)
    assert till.shows(AmountDue)
    till.scan().answer(Paid("42", 1234))
    assert till.shows(PaidScreen)
    till.wait(6)
    assert till.screen == Message(TEXT.lines)


def test_what_is_wrong_goes_before_any_text(till: Till) -> None:
    till.ask(TEXT)
    till.event(HealthChanged(replace(till.desk.health, vpn_up=False)))
    assert till.shows(OfflineScreen)


@pytest.mark.parametrize("armed", [True, False])
def test_others_may_show_only_at_an_idle_desk(till: Till, armed: bool) -> None:  # noqa: FBT001  a parameter
    till.event(Connection(2, opened=True))
    if armed:
        till.arm()
    reply = till.ask(TEXT, connection=2)
    assert isinstance(reply, ErrorReply) is armed
    assert till.shows(AmountDue if armed else Message)
