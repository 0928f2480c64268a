"""What the glass says beside the amount: a scan too early, the time that the payer has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from device.domain.desk.events import Garbled, HealthChanged
from device.domain.desk.view import signal_of
from device.domain.outcome import Paid, PayerConfirming, Unknown
from device.domain.screens import (
    AskingProvider,
    Idle,
    NothingDue,
    OfflineScreen,
    PaidScreen,
    Password,
    Signal,
)
from device.domain.words import Wallet

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

ALIPAY = "287634438256643940"


def seconds(till: Till) -> int | None:
    assert isinstance(till.screen, Password)
    return till.screen.seconds_left


def test_who_scans_before_there_is_an_amount_is_told_and_the_code_is_forgotten(till: Till) -> None:
    till.scan()
    assert till.shows(NothingDue)
    till.wait(3)
    assert till.shows(Idle)
    till.arm()
    assert till.calls == []


def test_garbage_before_there_is_an_amount_is_told_the_same_way(till: Till) -> None:
    till.event(Garbled("letters"))
    assert till.shows(NothingDue)


def test_an_amount_takes_the_glass_from_that_at_once(till: Till) -> None:
    till.scan()
    till.arm()
    assert not till.shows(NothingDue)


def test_a_result_or_a_trouble_is_not_covered_by_it(till: Till) -> None:
    till.arm().scan(ALIPAY).answer(Paid("42", 1234))
    till.scan()
    assert till.shows(PaidScreen)
    till.wait(5)
    till.event(HealthChanged(replace(till.desk.health, vpn_up=False)))
    till.scan()
    assert till.shows(OfflineScreen)


@pytest.mark.parametrize(("code", "has"), [("134567890123456789", 45), (ALIPAY, 60)])
def test_the_payer_sees_how_long_he_has_from_when_the_code_was_taken(
    till: Till, code: str, has: int
) -> None:
    waits = {Wallet.WECHAT: 45.0, Wallet.ALIPAY: 60.0}
    till.desk = replace(till.desk, settings=replace(till.desk.settings, waits_s=waits))
    till.arm().scan(code)
    till.now_s += 2.5
    till.answer(PayerConfirming())
    assert seconds(till) == has - 2
    till.now_s += 100
    assert seconds(till) == 0


def test_without_a_limit_there_is_no_countdown(till: Till) -> None:
    till.arm().scan().answer(PayerConfirming())
    assert seconds(till) is None


def test_a_desk_without_a_wallet_is_not_said_to_be_ready(till: Till) -> None:
    health = replace(
        till.desk.health,
        verified=frozenset({Wallet.WECHAT}),
        reachable=frozenset({Wallet.ALIPAY}),
    )
    till.event(HealthChanged(health))
    assert till.screen == Idle("市一医院", "MZ-03", ())
    assert signal_of(till.screen) is Signal.OFFLINE


def test_doubt_has_no_countdown(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    assert till.shows(AskingProvider)


def test_a_hint_is_heard_and_gives_way_to_the_prompt_again(till: Till) -> None:
    till.arm().scan("12345")
    assert signal_of(till.screen) is Signal.RESCAN
    till.wait(5.9)
    assert signal_of(till.screen) is Signal.RESCAN
    till.wait(0.2)
    assert signal_of(till.screen) is Signal.WAITING
    till.scan("12345")
    assert signal_of(till.screen) is Signal.RESCAN
    till.scan()
    assert len(till.calls) == 1
