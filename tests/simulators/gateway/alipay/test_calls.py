"""Alipay's calls as a client sees them on the wire."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from simulators.gateway.clock import Clock
from simulators.gateway.identities import Identities

Raw = tuple[bytes, str]
Send = Callable[[bytes], Awaitable[Raw]]
Read = Callable[[Raw], dict[str, Any]]
Alipay = Callable[..., Awaitable[dict[str, Any]]]
Parameters = Callable[..., dict[str, str]]
FORM = "application/x-www-form-urlencoded"


def post(target: str, body: bytes, kind: str = FORM) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_a_small_amount_is_paid_and_the_answer_has_all_fields(alipay_pay: Alipay) -> None:
    paid = await alipay_pay(out_trade_no="T1")
    wanted = {
        "code": "10000",
        "out_trade_no": "T1",
        "total_amount": "12.34",
        "receipt_amount": "12.34",
        "gmt_payment": "2026-03-01 09:30:15",
    }
    assert wanted.items() <= paid.items()
    assert len(paid["trade_no"]) == 28


async def test_a_large_amount_asks_the_payer(alipay_pay: Alipay, alipay: Alipay) -> None:
    asked = await alipay_pay(out_trade_no="T1", total_amount="1000.00", terminal_id="BOX-0001")
    assert (asked["code"], asked["msg"]) == ("10003", " order success pay inprocess")
    assert "sub_code" not in asked
    state = await alipay("query", out_trade_no="T1")
    assert (state["trade_status"], state["total_amount"]) == ("WAIT_BUYER_PAY", "1000.00")
    assert state["terminal_id"] == "BOX-0001"
    assert "send_pay_date" not in state


async def test_timeout_express_closes_the_trade(
    alipay_pay: Alipay, alipay: Alipay, clock: Clock
) -> None:
    await alipay_pay(out_trade_no="T1", total_amount="1000.00", timeout_express="2m")
    clock.advance(120)
    assert (await alipay("query", out_trade_no="T1"))["trade_status"] == "TRADE_CLOSED"


@pytest.mark.parametrize(
    "change",
    [
        {"total_amount": "0.00"},
        {"total_amount": "1.234"},
        {"total_amount": "0.30000000000000004"},
        {"total_amount": "-1.00"},
        {"total_amount": "01.00"},
        {"out_trade_no": "T-1"},
        {"subject": ""},
        {"scene": "security_code"},
        {"timeout_express": "1.5h"},
    ],
)
async def test_a_wrong_parameter_is_named(alipay_pay: Alipay, change: dict[str, str]) -> None:
    refused = await alipay_pay(**change)
    assert refused["sub_code"] == "ACQ.INVALID_PARAMETER"
    assert refused["sub_msg"] == f"参数无效：{next(iter(change))}"


@pytest.mark.parametrize("total", ["0.01", "100000000", 88.88, 12])
async def test_amounts_may_be_short_or_json_numbers(alipay_pay: Alipay, total: object) -> None:
    assert (await alipay_pay(total_amount=total))["code"] in {"10000", "10003"}


@pytest.mark.parametrize("code", ["134500000000000001", "28123", "2812345678901234x", ""])
async def test_a_code_that_is_not_alipays_is_invalid(alipay_pay: Alipay, code: str) -> None:
    refused = await alipay_pay(auth_code=code)
    assert (refused["code"], refused["sub_code"]) == ("40004", "ACQ.PAYMENT_AUTH_CODE_INVALID")


async def test_the_same_request_again_is_the_same_trade(alipay_pay: Alipay) -> None:
    given = {"out_trade_no": "T1", "auth_code": "284500000000000001"}
    first = await alipay_pay(**given)
    assert (await alipay_pay(**given))["trade_no"] == first["trade_no"]
    other = await alipay_pay(**given, total_amount="1.00")
    assert other["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"


async def test_a_query_prefers_the_providers_number(alipay_pay: Alipay, alipay: Alipay) -> None:
    first = await alipay_pay(out_trade_no="T1")
    await alipay_pay(out_trade_no="T2")
    state = await alipay("query", out_trade_no="T2", trade_no=first["trade_no"])
    assert state["out_trade_no"] == "T1"


async def test_a_query_of_nothing(alipay: Alipay) -> None:
    refused = await alipay("query", out_trade_no="T9")
    assert (refused["code"], refused["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")


async def test_a_cancel_refunds_closes_or_does_nothing(alipay_pay: Alipay, alipay: Alipay) -> None:
    await alipay_pay(out_trade_no="T1")
    await alipay_pay(out_trade_no="T2", total_amount="1000.00")
    done = [await alipay("reverse", out_trade_no=number) for number in ("T1", "T2", "T9")]
    assert [one["code"] for one in done] == ["10000"] * 3
    assert [one.get("action") for one in done] == ["refund", "close", None]
    assert [one["retry_flag"] for one in done] == ["N"] * 3
    assert "trade_no" not in done[2]
    for number in ("T1", "T2"):
        assert (await alipay("query", out_trade_no=number))["trade_status"] == "TRADE_CLOSED"


async def test_a_cancel_after_a_day_or_a_refund_is_refused(
    alipay_pay: Alipay, alipay: Alipay, clock: Clock
) -> None:
    await alipay_pay(out_trade_no="T1")
    await alipay_pay(out_trade_no="T2")
    await alipay("refund", out_trade_no="T2", refund_amount="1.00", out_request_no="R1")
    refused = await alipay("reverse", out_trade_no="T2")
    assert refused["sub_code"] == "ACQ.REASON_TRADE_REFUND_FEE_ERR"
    clock.advance(86_401)
    late = await alipay("reverse", out_trade_no="T1")
    assert late["sub_code"] == "ACQ.TRADE_CANCEL_TIME_OUT"


async def test_refund_fee_is_the_sum_and_fund_change_says_what_this_call_moved(
    alipay_pay: Alipay, alipay: Alipay
) -> None:
    await alipay_pay(out_trade_no="T1")
    one = {"out_trade_no": "T1", "refund_amount": "2.34", "out_request_no": "R1"}
    two = {"out_trade_no": "T1", "refund_amount": "10.00", "out_request_no": "R2"}
    told = [await alipay("refund", **given) for given in (one, one, two)]
    assert [given["fund_change"] for given in told] == ["Y", "N", "Y"]
    assert [given["refund_fee"] for given in told] == ["2.34", "2.34", "12.34"]
    state = await alipay("query", out_trade_no="T1")
    assert state["trade_status"] == "TRADE_CLOSED"


async def test_a_partial_refund_leaves_the_trade_paid(alipay_pay: Alipay, alipay: Alipay) -> None:
    await alipay_pay(out_trade_no="T1")
    await alipay("refund", out_trade_no="T1", refund_amount="12.33", out_request_no="R1")
    assert (await alipay("query", out_trade_no="T1"))["trade_status"] == "TRADE_SUCCESS"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"refund_amount": "12.35"}, "ACQ.REASON_TRADE_REFUND_FEE_ERR"),
        ({"out_request_no": ""}, "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"),
        ({"out_trade_no": "T9"}, "ACQ.TRADE_NOT_EXIST"),
        ({"out_request_no": "R0"}, "ACQ.DISCORDANT_REPEAT_REQUEST"),
        ({"out_trade_no": "T2"}, "ACQ.TRADE_STATUS_ERROR"),
    ],
)
async def test_a_wrong_refund_is_refused(
    alipay_pay: Alipay, alipay: Alipay, change: dict[str, str], code: str
) -> None:
    await alipay_pay(out_trade_no="T1")
    await alipay_pay(out_trade_no="T2", total_amount="1000.00")
    await alipay("refund", out_trade_no="T1", refund_amount="0.01", out_request_no="R0")
    given = {"out_trade_no": "T1", "refund_amount": "2.34", "out_request_no": "R1", **change}
    refused = await alipay("refund", **given)
    assert refused["sub_code"] == code
    assert refused["refund_fee"] == "0.00"


async def test_a_refund_query_decides_by_its_status(alipay_pay: Alipay, alipay: Alipay) -> None:
    await alipay_pay(out_trade_no="T1")
    unknown = await alipay("refund_query", out_trade_no="T1", out_request_no="R1")
    assert unknown == {"code": "10000", "msg": "Success"}
    await alipay("refund", out_trade_no="T1", refund_amount="12.34")
    known = await alipay("refund_query", out_trade_no="T1", out_request_no="T1")
    assert (known["refund_status"], known["refund_amount"]) == ("REFUND_SUCCESS", "12.34")
    none = await alipay("refund_query", out_trade_no="T9", out_request_no="R1")
    assert none["sub_code"] == "ACQ.TRADE_NOT_EXIST"


# Transport


@pytest.mark.parametrize("target", ["/gateway.do", "http://127.0.0.1/gateway.do"])
async def test_get_with_everything_in_the_query(
    send: Send, read_alipay: Read, alipay_parameters: Parameters, target: str
) -> None:
    given = alipay_parameters("alipay.trade.query", out_trade_no="门诊")
    request = f"GET {target}?{urlencode(given)} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"
    assert read_alipay(await send(request.encode()))["sub_code"] == "ACQ.TRADE_NOT_EXIST"


async def test_post_with_everything_in_the_body(
    send: Send, read_alipay: Read, alipay_parameters: Parameters
) -> None:
    given = alipay_parameters("alipay.trade.query", out_trade_no="T9")
    answer = read_alipay(await send(post("/gateway.do", urlencode(given).encode())))
    assert answer["sub_code"] == "ACQ.TRADE_NOT_EXIST"


async def test_multipart(send: Send, read_alipay: Read, alipay_parameters: Parameters) -> None:
    given = alipay_parameters("alipay.trade.query", out_trade_no="T9", subject="门诊")
    content = given.pop("biz_content")
    part = (
        f'--B\r\nContent-Disposition: form-data; name="biz_content"\r\n\r\n{content}\r\n--B--\r\n'
    )
    target = "/gateway.do?" + urlencode(given)
    request = post(target, part.encode(), "multipart/form-data; boundary=B")
    assert read_alipay(await send(request))["sub_code"] == "ACQ.TRADE_NOT_EXIST"


async def test_charset_must_stand_in_the_query_if_the_body_needs_it(
    send: Send, read_alipay: Read, alipay_parameters: Parameters
) -> None:
    given = alipay_parameters("alipay.trade.query", out_trade_no="门诊")
    refused = read_alipay(await send(post("/gateway.do", urlencode(given).encode())))
    assert refused["sub_code"] == "isv.invalid-signature"
    assert "请确认charset参数放在了URL查询字符串中" in refused["sub_msg"]


async def test_gbk_requests_get_gbk_answers(
    send: Send, alipay_parameters: Parameters, keys: Identities
) -> None:
    del keys
    given = alipay_parameters("alipay.trade.query", {"charset": "gbk"}, out_trade_no="T9")
    raw, _ = await send(post("/gateway.do?" + urlencode(given), b""))
    assert "交易不存在".encode("gbk") in raw


@pytest.mark.parametrize(
    ("system", "code", "sub_code", "signed"),
    [
        ({"app_id": "2021"}, "40002", "isv.invalid-app-id", False),
        ({"app_id": ""}, "40001", "isv.missing-app-id", True),
        ({"method": "alipay.trade.close"}, "40002", "isv.invalid-method", False),
        ({"version": "2.0"}, "40002", "isv.invalid-version", True),
        ({"sign_type": "MD5"}, "40002", "isv.invalid-signature-type", True),
        ({"timestamp": "20260301"}, "40002", "isv.invalid-timestamp", True),
        ({"format": "XML"}, "40002", "isv.invalid-format", True),
        ({"biz_content": "[]"}, "40002", "isv.invalid-parameter", True),
        ({"biz_content": "{"}, "40002", "isv.invalid-parameter", True),
        ({"app_cert_sn": "0" * 32}, "40002", "isv.app-cert-not-exist", True),
        ({"alipay_root_cert_sn": "0" * 32}, "40001", "isv.missing-app-cert-sn", True),
    ],
)
async def test_gateway_errors(  # noqa: PLR0913 - a table and its fixtures
    send: Send,
    alipay_parameters: Parameters,
    system: dict[str, str],
    code: str,
    sub_code: str,
    signed: bool,  # noqa: FBT001 - a table
) -> None:
    given = alipay_parameters("alipay.trade.query", system, out_trade_no="T9")
    raw, _ = await send(post("/gateway.do?" + urlencode(given), b""))
    envelope = json.loads(raw.partition(b"\r\n\r\n")[2])
    node = next(one for name, one in envelope.items() if name.endswith("_response"))
    assert (node["code"], node["sub_code"]) == (code, sub_code)
    assert ("sign" in envelope) is signed


async def test_a_wrong_signature_is_told_what_the_gateway_verified(
    send: Send, read_alipay: Read, alipay_parameters: Parameters
) -> None:
    given = alipay_parameters("alipay.trade.query", out_trade_no="T9")
    given["timestamp"] = "2026-03-01 09:30:16"
    refused = read_alipay(await send(post("/gateway.do?" + urlencode(given), b"")))
    assert refused["sub_code"] == "isv.invalid-signature"
    assert "网关生成的验签字符串为：app_id=2021000000000001&amp;biz_content=" in refused["sub_msg"]


async def test_certificate_mode_names_the_certificate(
    send: Send, read_alipay: Read, alipay_parameters: Parameters, keys: Identities
) -> None:
    merchant = keys.merchant
    system = {
        "app_cert_sn": merchant.app_cert_sn,
        "alipay_root_cert_sn": merchant.alipay_root_cert_sn,
    }
    given = alipay_parameters("alipay.trade.query", system, out_trade_no="T9")
    raw = await send(post("/gateway.do?" + urlencode(given), b""))
    assert read_alipay(raw)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    envelope = json.loads(raw[0].partition(b"\r\n\r\n")[2])
    assert envelope["alipay_cert_sn"] == merchant.alipay_cert_sn
