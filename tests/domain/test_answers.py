"""What the HIS is told of each state, and that no revision changes its meaning (M14, M4)."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.clock import BEIJING
from device.domain.answers import (
    REASON_TEXTS,
    REFUND_TEXTS,
    STATUS_TEXTS,
    answer_for,
    answers,
    offered,
    refund_result_of,
    renew,
    result_of,
    standing,
)
from device.domain.charge import Charge, ChargeKey, ChargeState
from device.domain.payment import Attempt, AttemptState
from device.domain.record import Moment, Ticket
from device.domain.refund import Refund, RefundKind, RefundState
from device.domain.replies import Answer, Result
from device.domain.verdict import with_attempt
from device.domain.words import Business, Department, Reason, Wallet

NOW = Moment(1.0, datetime(2026, 11, 22, 9, 0, tzinfo=BEIJING))
S = AttemptState


def charge(*states: AttemptState, **more: object) -> Charge:
    """A charge whose attempts came to these states one after the other."""
    made = Charge(ChargeKey("", "A", 1), 1000, Business.OUTPATIENT_FEE, Department.OUTPATIENT)
    for number, state in enumerate(states, 1):
        first = Attempt(number, Wallet.WECHAT, f"MZ03{number}", 1000, f"h{number}")
        made = with_attempt(made, replace(first, state=state, reason=Reason.DECLINED_CODE))
    return replace(made, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), ("unknown", "armed")),
        ((S.INTENDED,), ("unknown", "paying")),
        ((S.WAITING,), ("unknown", "password")),
        ((S.UNKNOWN,), ("unknown", "querying")),
        ((S.REVERSING,), ("unknown", "reversing")),
        ((S.REFUND_DUE,), ("unknown", "reversing")),
        ((S.REFUNDING,), ("unknown", "reversing")),
        ((S.MANUAL,), ("unknown", "manual")),
        ((S.PAID,), ("paid", "")),
        ((S.REVERSED,), ("not_paid", "")),
        ((S.REFUNDED,), ("not_paid", "")),
        ((S.FAILED,), ("unknown", "armed")),  # declined on the payer's side: another may come
        ((S.FAILED, S.UNKNOWN), ("unknown", "querying")),
        ((S.FAILED, S.PAID), ("paid", "")),
    ],
)
def test_every_state_has_its_words(
    states: tuple[AttemptState, ...], expected: tuple[str, str]
) -> None:
    assert standing(charge(*states)) == expected


def test_the_his_books_only_on_a_payment_that_is_held() -> None:
    for state in AttemptState:
        assert (standing(charge(state))[0] == "paid") is (state is S.PAID)


def test_once_answered_paid_and_given_back_is_returned() -> None:
    paid = charge(S.PAID)
    going = with_attempt(paid, replace(paid.attempts[0], state=S.REVERSING))
    gone = with_attempt(going, replace(going.attempts[0], state=S.REVERSED))
    assert standing(going) == ("unknown", "reversing")
    assert standing(gone) == ("returned", "")
    told = result_of(gone, 4)
    assert (told.reason, told.refunded_fen, told.out_trade_no) == ("reversed", 1000, "MZ031")


def test_an_earlier_attempt_found_paid_leaves_the_charge_paid_with_attention() -> None:
    paid = charge(S.FAILED, S.PAID)
    late = with_attempt(paid, replace(paid.attempts[0], state=S.REVERSING, watch=True))
    assert standing(late) == ("paid", "")
    told = result_of(late, 5)
    assert (told.attention, told.out_trade_no) == (True, "MZ032")


def test_a_result_speaks_of_the_attempt_that_holds_the_money() -> None:
    told = result_of(charge(S.FAILED, S.PAID), 3)
    assert (told.out_trade_no, told.wallet, told.revision) == ("MZ032", "wechat", 3)


def test_a_payer_s_mask_is_told_only_with_the_money() -> None:
    waiting = charge(S.WAITING)
    masked = replace(waiting.attempts[0], payer_mask="158****1562")
    assert result_of(with_attempt(waiting, masked), 1).payer_mask == ""
    paid = with_attempt(waiting, replace(masked, state=S.PAID))
    assert result_of(paid, 2).payer_mask == "158****1562"


def test_five_declined_codes_end_the_charge() -> None:
    assert charge(*[S.FAILED] * 4).state is ChargeState.OPEN
    assert charge(*[S.FAILED] * 5).state is ChargeState.NOT_PAID


@pytest.mark.parametrize("reason", [r for r in Reason if r])
def test_every_reason_has_a_text_in_chinese(reason: Reason) -> None:
    ended = charge(state=ChargeState.NOT_PAID, reason=reason)
    assert result_of(ended, 1).message == REASON_TEXTS[reason]
    assert not REASON_TEXTS[reason].isascii()


def test_every_unknown_has_a_text() -> None:
    for state in AttemptState:
        assert result_of(charge(state), 1).message
    assert set(STATUS_TEXTS) >= {"paid", "armed", "paying", "password", "querying", "reversing"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (RefundState.REQUESTED, "pending"),
        (RefundState.SENT, "pending"),
        (RefundState.PENDING, "pending"),
        (RefundState.REFUNDED, "refunded"),
        (RefundState.FAILED, "failed"),
        (RefundState.MANUAL, "unknown"),
    ],
)
def test_every_refund_state_has_its_word(state: RefundState, status: str) -> None:
    refund = Refund("R1", RefundKind.REFUND, Wallet.WECHAT, "M", "R", 1, 2, state=state)
    told = refund_result_of(refund, 1)
    assert (told.status, told.message) == (status, REFUND_TEXTS[status])
    assert told.attention is (state is RefundState.MANUAL)


@pytest.mark.parametrize(
    ("status", "state", "pushed"),
    [
        ("paid", "", True),
        ("not_paid", "", True),
        ("returned", "", True),
        ("unknown", "querying", True),
        ("unknown", "reversing", True),
        ("unknown", "manual", True),
        ("unknown", "armed", False),
        ("unknown", "paying", False),
        ("unknown", "password", False),
    ],
)
def test_what_is_sent_without_being_asked(
    status: str,
    state: str,
    pushed: bool,  # noqa: FBT001  a parameter
) -> None:
    assert offered(Result("A", 1, 1, status, state=state)) is pushed


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(AttemptState)), max_size=25))
def test_a_revision_rises_with_every_change_and_never_changes_its_meaning(
    moves: list[tuple[int, AttemptState]],
) -> None:
    ticket, meaning = Ticket("", "A"), dict[int, Answer]()
    tries: dict[int, Charge] = {}
    for try_, state in moves:
        moved = replace(charge(state), key=ChargeKey("", "A", try_))
        tries[try_] = moved
        before = answer_for(ticket, try_)
        ticket, put = renew(replace(ticket, charges=tuple(tries.values())), NOW, moved)
        after = answer_for(ticket, try_)
        assert after
        for write in put:
            assert write.answer.revision == len(meaning) + 1
            meaning[write.answer.revision] = write.answer
        assert meaning[after.answer.revision] == after.answer
        assert bool(put) is (before is None or before.answer != after.answer)
        assert len({getattr(s.answer, "try_", 0) for s in answers(ticket)}) == len(answers(ticket))
