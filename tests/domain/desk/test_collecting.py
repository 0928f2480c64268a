"""Collecting an amount, rule by rule (his-link §3.1-3, 5, 7, 9; M10, M11, M12, M13)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from device.domain.desk.effects import CallPay, CheckChannels, Commit, TakeHisCode, Tell
from device.domain.desk.events import ButtonPressed, Closing, Garbled, HealthChanged
from device.domain.desk.model import Health
from device.domain.desk.view import SIGNALS, signal_of
from device.domain.outcome import Declined, Paid, PayerConfirming, Unknown
from device.domain.payment import AttemptEvent, AttemptState
from device.domain.replies import ErrorReply, Result
from device.domain.requests import Cancel, Query, Reverse
from device.domain.screens import (
    AmountDue,
    AskingProvider,
    CallCashier,
    ClockNotSet,
    DeclinedScreen,
    GivingBack,
    Hint,
    Idle,
    NotPaidScreen,
    OfflineScreen,
    PaidScreen,
    Password,
    Paying,
    ScannerMissing,
    Signal,
)
from device.domain.words import Business, Reason, Wallet

if TYPE_CHECKING:
    from tests.domain.desk.conftest import Till

WECHAT, ALIPAY = "134567890123456789", "287634438256643940"
PAID = Paid("42", 1234)
E = AttemptEvent
GOOD = Health(configured=frozenset(Wallet), verified=frozenset(Wallet), reachable=frozenset(Wallet))


def hint(till: Till) -> str:
    screen = till.screen
    assert isinstance(screen, AmountDue)
    return screen.hint


# one id, at most one charge (§3.1, §3.2)


def test_the_same_content_is_answered_with_the_newest_result(till: Till) -> None:
    till.arm()
    armed = till.ask(till.pay())
    assert isinstance(armed, Result)
    assert (armed.status, armed.state) == ("unknown", "armed")
    till.scan().answer(PAID)
    paid = till.ask(till.pay())
    assert isinstance(paid, Result)
    assert paid.status == "paid"
    assert len(till.calls) == 1


def test_other_fields_may_differ(till: Till) -> None:
    till.arm(operator="1", title="a", ttl_s=30.0).scan().answer(PAID)
    again = till.ask(till.pay(operator="2", title="b", ttl_s=300.0, patient_name="张三"))
    assert isinstance(again, Result)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_fen": 1235},
        {"business": Business.REGISTRATION},
        {"wallet": Wallet.WECHAT},
        {"patient_id": "P2"},
        {"patient_id": ""},
    ],
)
@pytest.mark.parametrize("phase", ["armed", "intended", "paid"])
def test_other_content_is_conflict_and_reaches_no_provider(
    till: Till, change: dict[str, Any], phase: str
) -> None:
    till.arm(patient_id="P1")
    if phase != "armed":
        till.scan()
    if phase == "paid":
        till.answer(PAID)
    calls = len(till.calls)
    assert till.error(till.pay(**{"patient_id": "P1", **change})) == "conflict"
    assert len(till.calls) == calls
    assert till.of(CallPay) == till.of(Commit) == []


def test_a_patient_s_number_is_kept_only_as_a_hash(till: Till) -> None:
    till.arm(patient_id="P-4711", patient_name="张小三").scan().answer(PAID)
    assert "P-4711" not in repr(till.disk.charges)
    assert "张小三" not in repr((till.disk.charges, till.desk))
    assert len(till.charge().patient_hash) == 64


def test_a_final_answer_is_conflict_after_30_minutes_but_a_query_tells_it(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.wait(1800)
    assert isinstance(till.ask(till.pay()), Result)
    till.wait(1)
    reply = till.ask(till.pay())
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.status, reply.out_trade_no) == ("conflict", "paid", till.number)
    assert till.result().status == "paid"


def test_from_before_the_boot_received_is_conflict_and_not_received_is_replayed(till: Till) -> None:
    till.arm("A").scan().answer(PAID)
    till.result("A")  # delivers it
    till.arm("B").scan(ALIPAY).answer(PAID)
    after = till.power_cut()
    assert after.error(after.pay("A")) == "conflict"
    replayed = after.ask(after.pay("B"))
    assert isinstance(replayed, Result)
    assert replayed.status == "paid"


def test_ids_that_restart_daily_are_told_apart_by_the_date(till: Till) -> None:
    till.arm("7", business_date="2026-11-21").scan().answer(PAID)
    first = till.number
    till.arm("7", business_date="2026-11-22").scan(ALIPAY).answer(PAID)
    assert till.number != first
    assert till.result("7", "2026-11-21").out_trade_no == first
    assert till.result("7", "2026-11-22").out_trade_no == till.number


def test_yesterday_s_id_asked_about_does_not_change_the_one_at_the_desk(till: Till) -> None:
    till.arm("7", 500, business_date="2026-11-21").scan().answer(Paid("1", 500))
    till.arm("7", business_date="2026-11-22")
    assert till.result("7", "2026-11-21").amount_fen == 500
    till.scan(ALIPAY)
    assert till.calls[-1].attempt.amount_fen == 1234


# the next try (§3.3)


def test_a_next_try_is_taken_when_the_earlier_ended(till: Till) -> None:
    till.arm()
    till.ask(Cancel("A"))
    till.arm(try_=2).scan().answer(PAID)
    told = till.result()
    assert (told.try_, told.status) == (2, "paid")
    first = till.ask(Query("A", 1))
    assert isinstance(first, Result)
    assert (first.try_, first.reason) == (1, "cancelled")


def test_revisions_count_over_all_tries(till: Till) -> None:
    till.arm()
    till.ask(Cancel("A"))
    before = till.charge_revision()
    till.arm(try_=2).scan().answer(PAID)
    assert till.result().revision > before


def test_a_next_try_is_busy_while_the_earlier_is_open(till: Till) -> None:
    till.arm()
    assert till.error(till.pay(try_=2)) == "busy"
    till.scan().answer(Unknown("timeout"))
    assert till.error(till.pay(try_=2)) == "busy"
    till.report(E.DEADLINE)
    assert till.error(till.pay(try_=2)) == "busy"
    till.report(E.AGREED)
    till.arm(try_=2)


def test_a_next_try_of_what_is_paid_is_conflict(till: Till) -> None:
    till.arm().scan().answer(PAID)
    assert till.error(till.pay(try_=2)) == "conflict"


def test_an_earlier_try_than_the_newest_is_conflict(till: Till) -> None:
    till.arm(try_=3)
    till.ask(Cancel("A"))
    assert till.error(till.pay(try_=2)) == "conflict"


# one patient at a time (§3.7)


@pytest.mark.parametrize("under_way", [False, True])
def test_a_second_pay_is_busy_and_says_with_whom(till: Till, under_way: bool) -> None:  # noqa: FBT001
    till.arm()
    if under_way:
        till.scan()
    till.now_s += 7
    reply = till.ask(till.pay("B"))
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.blocking_id, reply.age_s) == ("busy", "A", 7)


@pytest.mark.parametrize(
    ("health", "code", "reason"),
    [
        (replace(GOOD, clock_sane=False), "clock_not_set", ""),
        (replace(GOOD, vpn_up=False), "offline", "vpn"),
    ],
)
def test_no_amount_is_shown_that_cannot_be_paid(
    till: Till, health: Health, code: str, reason: str
) -> None:
    till.event(HealthChanged(health))
    reply = till.ask(till.pay())
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.reason) == (code, reason)


def test_the_clock_and_the_line_do_not_hide_an_answer_that_is_there(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.event(HealthChanged(Health(clock_sane=False, vpn_up=False)))
    assert isinstance(till.ask(till.pay()), Result)


@pytest.mark.parametrize(
    ("verified", "reason"), [(frozenset(Wallet), "wallet"), (frozenset(), "channel_not_verified")]
)
def test_offline_says_why(till: Till, verified: frozenset[Wallet], reason: str) -> None:
    till.event(HealthChanged(replace(GOOD, verified=verified)))
    till.ask(till.pay())
    till.checked(frozenset())
    reply = till.said[-1].reply
    assert isinstance(reply, ErrorReply)
    assert (reply.code.value, reply.reason, reply.id) == ("offline", reason, "A")
    assert till.ticket("A") is None
    assert till.ask(till.pay("B")) is None


def test_only_the_wallet_asked_for_is_warmed(till: Till) -> None:
    till.ask(till.pay(wallet=Wallet.ALIPAY))
    assert [e.wallets for e in till.effects if isinstance(e, CheckChannels)] == [
        frozenset({Wallet.ALIPAY})
    ]


def test_sigterm_arms_nothing_new(till: Till) -> None:
    till.event(Closing())
    assert till.error(till.pay()) == "offline"


@pytest.mark.parametrize("drawn", [False, True])
def test_sigterm_ends_what_is_only_armed_or_being_checked(till: Till, drawn: bool) -> None:  # noqa: FBT001
    till.ask(till.pay())
    if drawn:
        till.checked().drawn()
    till.event(Closing())
    assert till.desk.seat is None
    assert till.result().reason == "restarted"


def test_sigterm_waits_for_the_running_payment_but_takes_no_other_code(till: Till) -> None:
    till.arm().scan()
    till.event(Closing())
    assert till.desk.seat
    till.answer(Declined(Reason.DECLINED_CODE))
    till.wait(0.1)
    assert till.charge().state.value == "not_paid"


# wallets and codes (§3.9)


def test_a_pinned_wallet_refuses_the_other_on_the_spot(till: Till) -> None:
    till.arm(wallet=Wallet.WECHAT).scan(ALIPAY)
    assert hint(till) == Hint.OTHER_WALLET_WECHAT
    assert till.calls == []
    till.scan(WECHAT)
    assert len(till.calls) == 1


def test_a_wallet_that_is_off_is_refused_by_name(till: Till) -> None:
    till.ask(till.pay())
    till.checked(frozenset({Wallet.WECHAT})).drawn()
    till.scan(ALIPAY)
    assert hint(till) == Hint.WALLET_OFF


def test_a_declined_code_leaves_the_charge_open_for_five(till: Till) -> None:
    till.arm()
    for n in range(5):
        assert till.desk.seat
        till.drawn().scan(f"13456789012345678{n}")
        till.answer(Declined(Reason.DECLINED_BALANCE))
    assert len(till.calls) == 5
    told = till.result()
    assert (told.status, told.reason) == ("not_paid", "declined_balance")


def test_another_code_is_another_number(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.DECLINED_CODE))
    assert till.shows(DeclinedScreen)
    till.drawn().scan(ALIPAY).answer(PAID)
    assert len({c.attempt.out_trade_no for c in till.calls}) == 2
    assert till.result().status == "paid"


def test_the_same_code_twice_is_one_attempt(till: Till) -> None:
    till.arm().scan().scan()
    assert len(till.calls) == 1
    till.answer(Declined(Reason.DECLINED_CODE))
    till.drawn().scan()
    assert hint(till) == Hint.USED_CODE
    till.ask(Cancel("A"))
    till.arm("B").scan()
    assert len(till.calls) == 1


def test_a_fault_of_ours_ends_the_charge(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.MERCHANT_FAULT))
    assert till.desk.seat is None
    assert till.result().reason == "merchant_fault"


def test_offline_at_the_scan_is_not_paid(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.OFFLINE))
    assert till.result().reason == "offline"


def test_the_ttl_stands_still_while_an_attempt_is_under_way(till: Till) -> None:
    till.arm(ttl_s=60.0)
    till.wait(50)
    till.scan().answer(PayerConfirming())
    till.wait(200)
    till.report(E.PAID)
    assert till.result().status == "paid"


def test_what_is_left_of_the_ttl_is_for_the_next_code(till: Till) -> None:
    till.arm(ttl_s=60.0)
    till.wait(50)
    till.scan()
    till.wait(30)
    till.answer(Declined(Reason.DECLINED_CODE))
    till.wait(9.5)
    assert till.desk.seat
    till.wait(1)
    told = till.result()
    assert (told.status, told.reason) == ("not_paid", "expired")


def test_the_ttl_is_over(till: Till) -> None:
    till.arm()
    said = till.wait(90)
    assert [s.reply.reason for s in said if isinstance(s.reply, Result)] == ["expired"]
    assert till.scan().calls == []


def test_a_his_s_own_scanner_s_code_is_used_once_by_the_frame_that_opens_the_try(
    till: Till,
) -> None:
    till.ask(till.pay(auth_code=WECHAT))
    till.checked()
    assert len(till.calls) == 1
    till.ask(till.pay(auth_code=ALIPAY))
    assert till.of(TakeHisCode) == []
    assert len(till.calls) == 1


# the glass (M10, M11)


def test_a_scan_that_began_before_the_amount_was_drawn_is_dropped(till: Till) -> None:
    till.ask(till.pay())
    till.checked()
    till.scan()
    assert hint(till) == Hint.SCAN_AGAIN
    till.now_s += 1
    till.drawn()
    till.scan(first_key_s=till.now_s - 0.001)
    assert till.calls == []
    till.scan(first_key_s=till.now_s)
    assert len(till.calls) == 1


def test_after_a_decline_the_glass_must_be_drawn_anew(till: Till) -> None:
    till.arm().scan().answer(Declined(Reason.DECLINED_CODE))
    till.scan(ALIPAY)
    assert len(till.calls) == 1


@pytest.mark.parametrize("when", ["idle", "checking", "paid", "cancelled"])
def test_a_code_scanned_while_nothing_is_armed_is_never_used(till: Till, when: str) -> None:
    if when == "paid":
        till.arm().scan(ALIPAY).answer(PAID)
    if when == "cancelled":
        till.arm()
        till.ask(Cancel("A"))
    if when == "checking":
        till.ask(till.pay("B"))
    calls = len(till.calls)
    till.scan()
    if when != "checking":
        till.ask(till.pay("B"))
    till.checked().drawn()
    assert len(till.calls) == calls
    assert till.shows(AmountDue)


def test_a_s_scan_that_ends_after_b_is_armed_is_not_b_s(till: Till) -> None:
    till.arm("A")
    began = till.now_s
    till.ask(Cancel("A"))
    till.now_s += 1
    till.arm("B").scan(first_key_s=began)
    assert till.calls == []


def test_a_garbled_scan_asks_for_another(till: Till) -> None:
    till.arm().event(Garbled("overrun"))
    assert hint(till) == Hint.SCAN_AGAIN


# cancel (§3.5)


def test_cancel_before_a_code_is_at_once(till: Till) -> None:
    till.arm()
    told = till.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert (told.status, told.reason) == ("not_paid", "cancelled")
    assert till.shows(NotPaidScreen)


def test_cancel_while_checking_is_at_once(till: Till) -> None:
    till.ask(till.pay())
    told = till.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert told.reason == "cancelled"


def test_cancel_while_the_provider_works_is_a_wish_on_disk(till: Till) -> None:
    till.arm().scan()
    told = till.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert told.status == "unknown"
    assert till.attempt().cancel_wish
    assert till.shows(GivingBack)


def test_cancel_twice_is_one_wish(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.ask(Cancel("A"))
    assert till.of(Commit) == []


def test_cancel_crossing_paid_is_given_back_and_never_reported_as_paid(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(PAID)
    till.report(E.AGREED)
    statuses = {s.reply.status for s in till.said if isinstance(s.reply, Result)}
    assert statuses == {"unknown", "not_paid"}
    assert till.result().reason == "cancelled"


def test_cancel_and_then_declined_is_cancelled(till: Till) -> None:
    till.arm().scan()
    till.ask(Cancel("A"))
    till.answer(Declined(Reason.DECLINED_BALANCE))
    assert till.desk.seat is None
    assert till.result().reason == "cancelled"


def test_cancel_after_paid_changes_nothing(till: Till) -> None:
    till.arm().scan().answer(PAID)
    told = till.ask(Cancel("A"))
    assert isinstance(told, Result)
    assert told.status == "paid"
    assert till.attempt().state is AttemptState.PAID


def test_the_button_cancels_like_the_his_and_says_so(till: Till) -> None:
    till.arm().event(ButtonPressed())
    assert till.result().reason == "cancelled_at_box"
    till.arm("B").scan()
    till.event(ButtonPressed())
    till.answer(Paid("1", 1234))
    till.report(E.AGREED)
    assert till.result("B").reason == "cancelled_at_box"


def test_the_button_on_an_idle_desk_is_nothing(till: Till) -> None:
    till.event(ButtonPressed())
    assert till.effects == []


# durable before told, told before shown (M2, M14, M22); the till checks it at every step


def test_the_order_of_the_intent_s_effects(till: Till) -> None:
    till.arm().scan()
    kinds = [type(e) for e in till.effects]
    assert kinds.index(Commit) < kinds.index(CallPay)


def test_the_order_of_a_result_s_effects(till: Till) -> None:
    till.arm().scan().answer(PAID)
    kinds = [type(e) for e in till.effects]
    assert kinds.index(Commit) < kinds.index(Tell)


def test_a_second_answer_to_the_same_call_is_nothing(till: Till) -> None:
    till.arm().scan().answer(PAID)
    assert till.answer(Declined(Reason.DECLINED_CODE)) == []
    assert till.effects == []


def test_another_amount_is_doubt_not_success(till: Till) -> None:
    till.arm().scan().answer(Paid("42", 1233))
    assert till.result().state == "querying"


# the glass says what is so


def test_the_story_as_the_patient_sees_it(till: Till) -> None:
    seen = [till.screen]
    till.ask(till.pay(title="挂号", patient_name="张小三"))
    till.checked().drawn()
    seen.append(till.screen)
    till.scan()
    seen.append(till.screen)
    till.answer(PayerConfirming())
    seen.append(till.screen)
    till.report(E.PAID)
    seen.append(till.screen)
    till.wait(5)
    seen.append(till.screen)
    assert [type(s) for s in seen] == [Idle, AmountDue, Paying, Password, PaidScreen, Idle]
    assert isinstance(seen[1], AmountDue)
    assert (seen[1].masked_name, seen[1].title, seen[1].seconds_left) == ("张*三", "挂号", 90)


def test_doubt_and_giving_back_are_shown(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    assert till.shows(AskingProvider)
    till.report(E.DEADLINE)
    assert till.shows(GivingBack)


def test_a_person_is_called(till: Till) -> None:
    till.arm().scan().answer(Unknown("timeout"))
    till.report(E.GIVE_UP)
    assert till.shows(CallCashier)
    assert till.result().attention


@pytest.mark.parametrize(
    ("health", "screen"),
    [
        (replace(GOOD, clock_sane=False), ClockNotSet()),
        (replace(GOOD, vpn_up=False), OfflineScreen("vpn")),
        (replace(GOOD, reachable=frozenset()), OfflineScreen("wallet")),
        (replace(GOOD, verified=frozenset()), OfflineScreen("channel_not_verified")),
        (replace(GOOD, scanner_online=False), ScannerMissing()),
        (
            replace(GOOD, verified=frozenset({Wallet.ALIPAY})),
            Idle("市一医院", "MZ-03", (Wallet.ALIPAY,)),
        ),
    ],
)
def test_the_resting_screen_says_what_is_wrong(till: Till, health: Health, screen: object) -> None:
    till.event(HealthChanged(health))
    assert till.screen == screen


def test_every_signal_has_a_screen() -> None:
    assert set(SIGNALS.values()) | {Signal.IDLE, Signal.RESCAN} == set(Signal)
    assert signal_of(PaidScreen(1, Wallet.WECHAT)) is Signal.PAID


def test_the_next_try_of_a_bill_that_is_going_back_is_busy_and_says_how_long(till: Till) -> None:
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    till.wait(9)
    told = till.ask(till.pay(try_=2))
    assert isinstance(told, ErrorReply)
    assert (told.code.value, told.blocking_id, told.age_s) == ("busy", "A", 9)


def test_a_reversal_of_half_an_hour_is_no_final_answer(till: Till) -> None:
    """Only a final answer may be another patient's (his-link §3.2): this one is still awaited."""
    till.arm().scan().answer(PAID)
    till.ask(Reverse("R1", "A"))
    till.wait(1900)
    told = till.ask(till.pay())
    assert isinstance(told, Result)
    assert (told.status, told.state) == ("unknown", "reversing")
