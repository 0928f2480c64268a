"""Every cell of the payment table against the text of payment-states §2, written down again here.

The literal table is not made from the code's: it is what the drawing in the design says, with the
names of the states and events as they stand there.
"""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.payment import (
    GOING_BACK,
    NO_MONEY,
    OPEN_STATES,
    TABLE,
    UNDER_WAY,
    Attempt,
    AttemptEvent,
    AttemptState,
    Facts,
    IllegalEvent,
    step,
)
from device.domain.words import Reason, Wallet

# state: {event: next state}; what is not here is illegal
EXPECTED: dict[str, dict[str, str]] = {
    "intended": {
        "paid": "paid",
        "failed": "failed",
        "confirming": "waiting",
        "unclear": "unknown",
        "cancel_wish": "intended",
    },
    "waiting": {
        "paid": "paid",
        "closed": "failed",
        "open": "waiting",
        "confirming": "waiting",
        "missing": "waiting",
        "unclear": "waiting",
        "pay_failed": "reversing",
        "contradiction": "waiting",
        "cancel_wish": "waiting",
        "deadline": "reversing",
        "give_up": "manual",
    },
    "unknown": {
        "paid": "paid",
        "closed": "failed",
        "open": "unknown",
        "confirming": "waiting",
        "missing": "unknown",
        "unclear": "unknown",
        "pay_failed": "reversing",
        "contradiction": "unknown",
        "cancel_wish": "unknown",
        "deadline": "reversing",
        "give_up": "manual",
    },
    "paid": {"reverse_wanted": "reversing", "give_up": "manual"},
    "reversing": {
        "agreed": "reversed",
        "gone": "reversed",
        "refused": "reversing",
        "window_over": "refund_due",
        "missing": "reversing",
        "paid": "reversing",
        "cancel_wish": "reversing",
        "overdue": "reversing",
        "refund_started": "refunding",
        "give_up": "manual",
    },
    "refund_due": {
        "refund_started": "refunding",
        "cancel_wish": "refund_due",
        "give_up": "manual",
    },
    "refunding": {
        "refund_done": "refunded",
        "refund_stuck": "manual",
        "cancel_wish": "refunding",
        "give_up": "manual",
    },
    "failed": {
        "reverse_wanted": "reversing",
        "watched": "failed",
        "missing": "failed",
        "give_up": "manual",
    },
    "reversed": {
        "reverse_wanted": "reversing",
        "watched": "reversed",
        "missing": "reversed",
        "give_up": "manual",
    },
    "refunded": {},
    "manual": {},
}
CELLS = list(product(AttemptState, AttemptEvent))


def attempt(state: AttemptState = AttemptState.INTENDED) -> Attempt:
    return Attempt(1, Wallet.WECHAT, "MZ03A", 1234, "hash", state=state)


def test_the_expectation_and_the_code_speak_of_the_same_states() -> None:
    assert set(EXPECTED) == {s.value for s in AttemptState} == {s.value for s in TABLE}


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda value: value.value)
def test_every_cell_does_what_the_design_says(state: AttemptState, event: AttemptEvent) -> None:
    before = attempt(state)
    wanted = EXPECTED[state.value].get(event.value)
    if wanted is None:
        with pytest.raises(IllegalEvent):
            step(before, event, Facts(detail="x"))
        assert before == attempt(state)
    else:
        assert step(before, event).state.value == wanted


def test_an_illegal_event_names_the_cell_and_nothing_else() -> None:
    with pytest.raises(IllegalEvent, match=r"^watched in paid$"):
        step(attempt(AttemptState.PAID), AttemptEvent.WATCHED)


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_a_success_after_a_cancel_wish_goes_back(state: AttemptState) -> None:
    wished = step(attempt(state), AttemptEvent.CANCEL_WISH)
    assert wished.state is state
    late = step(wished, AttemptEvent.PAID)
    assert late.state is AttemptState.REVERSING
    assert late.held_paid


def test_the_third_refusal_makes_a_refund_due() -> None:
    here = attempt(AttemptState.REVERSING)
    states = []
    for _ in range(3):
        here = step(here, AttemptEvent.REFUSED)
        states.append(here.state.value)
    assert states == ["reversing", "reversing", "refund_due"]


@pytest.mark.parametrize("state", [AttemptState.WAITING, AttemptState.UNKNOWN])
def test_the_second_contradiction_reverses(state: AttemptState) -> None:
    once = step(attempt(state), AttemptEvent.CONTRADICTION)
    assert once.state is state
    assert step(once, AttemptEvent.CONTRADICTION).state is AttemptState.REVERSING


@pytest.mark.parametrize("event", [AttemptEvent.MISSING, AttemptEvent.GONE])
def test_no_such_order_sets_the_watch_for_good(event: AttemptEvent) -> None:
    gone = step(attempt(AttemptState.REVERSING), event)
    ended = gone if gone.state is AttemptState.REVERSED else step(gone, AttemptEvent.AGREED)
    assert ended.watch
    assert ended.watch_due


def test_the_watch_ends_after_four_looks() -> None:
    here = replace(attempt(AttemptState.REVERSED), watch=True)
    looks = 0
    while here.watch_due:
        here = step(here, AttemptEvent.WATCHED)
        looks += 1
    assert looks == 4


@pytest.mark.parametrize(
    "state", [s for s in AttemptState if s not in {AttemptState.FAILED, AttemptState.REVERSED}]
)
def test_only_an_ended_order_is_watched(state: AttemptState) -> None:
    assert not replace(attempt(state), watch=True).watch_due


def test_a_payment_seen_while_reversing_is_remembered() -> None:
    here = step(attempt(AttemptState.REVERSING), AttemptEvent.PAID, Facts(provider_trade_no="42"))
    assert (here.held_paid, here.provider_trade_no) == (True, "42")


def test_facts_are_kept_and_silence_does_not_wipe_them() -> None:
    told = Facts(Reason.DECLINED_CODE, "AUTHCODEEXPIRE", "42", "158****1562")
    here = step(attempt(AttemptState.UNKNOWN), AttemptEvent.OPEN, told)
    after = step(here, AttemptEvent.OPEN)
    assert (after.reason, after.detail) == (Reason.DECLINED_CODE, "AUTHCODEEXPIRE")
    assert (after.provider_trade_no, after.payer_mask) == ("42", "158****1562")


def test_every_state_stands_in_exactly_one_group_or_is_paid_or_manual() -> None:
    groups = [UNDER_WAY, GOING_BACK, NO_MONEY, frozenset({AttemptState.PAID, AttemptState.MANUAL})]
    assert sum(len(g) for g in groups) == len(AttemptState)
    assert frozenset().union(*groups) == frozenset(AttemptState)
    assert OPEN_STATES == UNDER_WAY | GOING_BACK


def walk(events: list[AttemptEvent]) -> list[Attempt]:
    """Return every attempt on the way; what is illegal is skipped."""
    path = [attempt()]
    for event in events:
        if event in TABLE[path[-1].state]:
            path.append(step(path[-1], event))
    return path


@given(st.lists(st.sampled_from(AttemptEvent), max_size=40))
def test_what_goes_back_is_never_paid_again(events: list[AttemptEvent]) -> None:
    path = [a.state for a in walk(events)]
    if AttemptState.REVERSING in path:
        assert AttemptState.PAID not in path[path.index(AttemptState.REVERSING) :]


def test_no_way_leads_from_going_back_to_paid() -> None:
    """M7 exhaustively: the closure of the table itself, with a wish and without."""
    seen = {AttemptState.REVERSING}
    while True:
        reached = {
            step(replace(attempt(state), cancel_wish=wish, refusals=n), event).state
            for state, wish, n in product(seen, (False, True), (0, 2))
            for event in TABLE[state]
        }
        if reached <= seen:
            break
        seen |= reached
    assert seen.isdisjoint(UNDER_WAY | {AttemptState.PAID})


@given(st.lists(st.sampled_from(AttemptEvent), max_size=40))
def test_a_wish_is_never_forgotten_and_never_ends_as_paid(events: list[AttemptEvent]) -> None:
    path = walk([AttemptEvent.CANCEL_WISH, *events])
    assert all(a.cancel_wish for a in path[1:])
    assert AttemptState.PAID not in {a.state for a in path}


@given(st.lists(st.sampled_from(AttemptEvent), max_size=40))
def test_what_identifies_an_attempt_never_changes(events: list[AttemptEvent]) -> None:
    fixed = {(a.number, a.wallet, a.out_trade_no, a.amount_fen, a.uid) for a in walk(events)}
    assert fixed == {(1, Wallet.WECHAT, "MZ03A", 1234, "MZ03A")}
