"""Replies to bodies: canonical JSON, and long answers cut into several."""

import json
from typing import Any

import pytest

from device.domain.replies import (
    ErrorReply,
    HelloOk,
    Part,
    RefundResult,
    Reply,
    Result,
    StatusResult,
)
from device.domain.words import ErrorCode
from device.his_link import answers
from device.his_link.body import Writing
from device.his_link.frames import SERIAL_BODY_BYTES, TCP_BODY_BYTES

LIMITS = [SERIAL_BODY_BYTES, TCP_BODY_BYTES]
ENCODINGS = {"utf-8": "utf-8", "gbk": "gb18030"}
HELLO = HelloOk("BOX-0001", "MZ-03", "2026-11-22T09:00:00+08:00")


def messages(
    reply: Reply, limit: int, re: int | None = None, encoding: str = "utf-8"
) -> list[dict[str, Any]]:
    bodies = answers.encode(reply, re, Writing(encoding), limit)
    assert all(len(body) <= limit for body in bodies)
    return [json.loads(body.decode(ENCODINGS[encoding])) for body in bodies]


def test_an_answer_names_the_seq_it_answers() -> None:
    reply = ErrorReply(ErrorCode.BUSY, "忙", blocking_id="T1", age_s=12)
    assert answers.encode(reply, 10, Writing(), 8192) == [
        '{"type":"error","re":"0A","code":"busy","message":"忙","blocking_id":"T1","age_s":12}'.encode()
    ]


def test_an_unasked_message_has_no_re() -> None:
    [message] = messages(Result("T1", 1, 2, "paid", amount_fen=5), 8192)
    assert "re" not in message
    assert "more" not in message


def test_gbk_is_gb18030() -> None:
    [body] = answers.encode(ErrorReply(ErrorCode.BUSY, "𠮷忙"), None, Writing("gbk"), 8192)
    assert "𠮷忙" in body.decode("gb18030")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("count", [0, 1, 7, 500])
def test_long_lists_are_cut_and_nothing_is_lost(limit: int, encoding: str, count: int) -> None:
    unsettled = tuple(f"{n:064d}" for n in range(count))
    undelivered = tuple(
        {"id": f"U{n:063d}", "try": 1, "business_date": "2026-11-22"} for n in range(count)
    )
    reply = HelloOk("箱-1", "住院-11", "2026-11-22T09:00:00+08:00", unsettled, undelivered)
    parts = messages(reply, limit, 3, encoding)
    assert [item for part in parts for item in part["unsettled"]] == list(unsettled)
    assert [item for part in parts for item in part["undelivered"]] == list(undelivered)
    assert [part.get("more", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["re"] for part in parts} == {"03"}
    assert {part["desk"] for part in parts} == {"住院-11"}
    assert all(part["unsettled"] or part["undelivered"] for part in parts) or not count


def test_a_short_list_stays_whole() -> None:
    [message] = messages(HELLO, SERIAL_BODY_BYTES)
    assert message["unsettled"] == []
    assert message["v"] == 1


def test_a_status_with_long_texts_fits_a_serial_line() -> None:
    reply = StatusResult(tuple(Part(f"part{n}", "fail", "坏" * 2000) for n in range(10)))
    parts = messages(reply, SERIAL_BODY_BYTES, 1)
    assert [p["part"] for part in parts for p in part["parts"]] == [f"part{n}" for n in range(10)]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_text_for_people_is_cut_before_a_result_is_lost(encoding: str) -> None:
    reply = Result("T1", 1, 1, "paid", message="钱" * 3000, payer_mask="*" * 30, amount_fen=1)
    [message] = messages(reply, SERIAL_BODY_BYTES, 1, encoding)
    assert message["status"] == "paid"
    assert message["payer_mask"] == "*" * 30
    assert len(message["message"]) > 100


def test_the_fullest_result_fits_a_serial_frame() -> None:
    reply = Result(
        *("x" * 64, 99, 10**9, "not_paid", "2026-11-22", "late_payment_returned", "说" * 60),
        *("wechat", 5_000_000, 5_000_000, "M" * 32, "4" * 64, "2026-11-22T09:00:00+08:00"),
        *("158****1562", True, True, "reversing", 30),
    )
    [message] = messages(reply, SERIAL_BODY_BYTES, 255)
    assert message["message"] == "说" * 60
    refund = RefundResult(
        *("x" * 64, 10**9, "unknown", "y" * 64, "provider_busy", "说" * 60, 5_000_000),
        *("M" * 32, "R" * 32, "5" * 64, "2026-11-22T09:00:00+08:00", True),
    )
    [message] = messages(refund, SERIAL_BODY_BYTES, 255)
    assert message["message"] == "说" * 60


def test_what_cannot_fit_is_not_sent_and_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert answers.encode(Result("x" * 5000, 1, 1, "paid"), None, Writing(), 1024) == []
    assert "does not fit" in caplog.text
    assert "xxx" not in caplog.text


def test_a_text_that_no_encoding_holds_does_not_raise() -> None:
    [body] = answers.encode(ErrorReply(ErrorCode.BUSY, "\ud800"), None, Writing(), 1024)
    assert b'"message":"?"' in body
