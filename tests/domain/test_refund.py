"""Every cell of the refund table against payment-states §2, written down again here."""

from datetime import UTC, datetime
from itertools import product

import pytest

from device.domain.payment import IllegalEvent
from device.domain.refund import (
    OPEN_REFUNDS,
    REFUND_TABLE,
    Refund,
    RefundEvent,
    RefundKind,
    RefundState,
    step,
)
from device.domain.words import Reason, Wallet

OPEN_ENDS = {"done": "refunded", "failed": "failed", "stuck": "manual", "pending": "pending"}
EXPECTED: dict[str, dict[str, str]] = {
    "requested": {**OPEN_ENDS, "send": "sent"},
    "sent": {**OPEN_ENDS, "send": "sent"},
    "pending": {**OPEN_ENDS, "send": "pending"},  # the same number again
    "refunded": {},
    "failed": {},
    "manual": {},
}


def refund(state: RefundState = RefundState.REQUESTED) -> Refund:
    kind, wallet = RefundKind.REFUND, Wallet.ALIPAY
    return Refund("R1", kind, wallet, "MZ03A", "RA", 300, 1234, state=state)


@pytest.mark.parametrize(
    ("state", "event"), list(product(RefundState, RefundEvent)), ids=lambda value: value.value
)
def test_every_cell_does_what_the_design_says(state: RefundState, event: RefundEvent) -> None:
    wanted = EXPECTED[state.value].get(event.value)
    if wanted is None:
        before = refund(state)
        with pytest.raises(IllegalEvent):
            step(before, event, reason=Reason.OVER_REFUND, detail="x")
        assert before == refund(state)
    else:
        assert step(refund(state), event).state.value == wanted


def test_the_expectation_and_the_code_speak_of_the_same_states() -> None:
    assert set(EXPECTED) == {s.value for s in RefundState} == {s.value for s in REFUND_TABLE}


def test_exactly_the_states_with_a_way_out_are_open() -> None:
    assert {s for s, row in REFUND_TABLE.items() if row} == OPEN_REFUNDS


def test_the_provider_s_number_and_time_are_kept() -> None:
    at = datetime(2026, 11, 22, 4, tzinfo=UTC)
    sent = step(refund(), RefundEvent.PENDING, provider_refund_no="42")
    done = step(sent, RefundEvent.DONE, refunded_at=at)
    assert (done.provider_refund_no, done.refunded_at) == ("42", at)


def test_why_it_waits_is_forgotten_when_it_no_longer_does() -> None:
    short = step(refund(), RefundEvent.PENDING, reason=Reason.BALANCE_SHORT, detail="NOTENOUGH")
    done = step(short, RefundEvent.DONE)
    assert (short.reason, done.reason) == (Reason.BALANCE_SHORT, Reason.NONE)
