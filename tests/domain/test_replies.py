"""The messages by their normative names, and the stored answer read again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.domain.replies import (
    Answer,
    ErrorReply,
    HelloOk,
    Part,
    Progress,
    RefundResult,
    Result,
    StatusResult,
    answer_from_fields,
    fields,
)
from device.domain.words import ErrorCode

WORDS = st.text(max_size=8)
FEN = st.integers(0, 10**10)
results = st.builds(
    Result,
    id=WORDS,
    try_=st.integers(1, 99),
    revision=st.integers(1, 1000),
    status=st.sampled_from(["paid", "not_paid", "returned", "unknown"]),
    business_date=WORDS,
    reason=WORDS,
    message=WORDS,
    wallet=WORDS,
    amount_fen=FEN,
    refunded_fen=FEN,
    out_trade_no=WORDS,
    provider_trade_no=WORDS,
    paid_at=WORDS,
    payer_mask=WORDS,
    booked=st.booleans(),
    attention=st.booleans(),
    state=WORDS,
    next_check_s=st.integers(0, 9),
)
refund_results = st.builds(
    RefundResult,
    id=WORDS,
    revision=st.integers(1, 1000),
    status=st.sampled_from(["refunded", "pending", "failed", "unknown"]),
    pay_id=WORDS,
    reason=WORDS,
    message=WORDS,
    amount_fen=FEN,
    out_trade_no=WORDS,
    out_refund_no=WORDS,
    provider_refund_no=WORDS,
    refunded_at=WORDS,
    attention=st.booleans(),
)


@given(results | refund_results)
def test_a_stored_answer_is_read_again_as_it_was(answer: Answer) -> None:
    assert answer_from_fields(fields(answer)) == answer


def test_a_result_has_the_names_of_the_contract() -> None:
    answer = Result("A1", 2, 3, "unknown", state="querying", next_check_s=3, amount_fen=5)
    assert fields(answer) == {
        "type": "result",
        "id": "A1",
        "try": 2,
        "revision": 3,
        "status": "unknown",
        "reason": "",
        "message": "",
        "amount_fen": 5,
        "refunded_fen": 0,
        "out_trade_no": "",
        "booked": False,
        "attention": False,
        "state": "querying",
        "next_check_s": 3,
    }


def test_an_error_says_only_what_it_has() -> None:
    busy = ErrorReply(ErrorCode.BUSY, "上一笔尚未结束", "B", blocking_id="A", age_s=7)
    assert fields(busy) == {
        "type": "error",
        "code": "busy",
        "message": "上一笔尚未结束",
        "id": "B",
        "blocking_id": "A",
        "age_s": 7,
    }


def test_a_busy_of_this_very_second_still_says_its_age() -> None:
    told = fields(ErrorReply(ErrorCode.BUSY, "上一笔尚未结束", "B", blocking_id="A", age_s=0))
    assert told["age_s"] == 0


def test_lists_of_hello_and_status_are_plain() -> None:
    hello = HelloOk("BOX", "D", "t", ("A", {"id": "B", "try": 1}), ())
    assert fields(hello)["unsettled"] == ["A", {"id": "B", "try": 1}]
    assert fields(hello)["undelivered"] == []
    status = StatusResult((Part("vpn", "ok", "wg0"),))
    assert fields(status)["parts"] == [{"part": "vpn", "state": "ok", "text": "wg0"}]


def test_progress_is_short() -> None:
    assert fields(Progress("A", "armed")) == {"type": "progress", "id": "A", "state": "armed"}


@pytest.mark.parametrize("message", [{}, {"type": "error"}, {"type": "result", "stranger": 1}])
def test_what_is_not_ours_is_not_read(message: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        answer_from_fields(message)


def test_another_revision_is_another_answer() -> None:
    answer = Result("A", 1, 1, "paid")
    assert fields(answer) != fields(replace(answer, revision=2))
