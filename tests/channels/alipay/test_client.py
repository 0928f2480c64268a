"""What is sent to Alipay, and what its answers become."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography.hazmat.primitives import hashes

from device.channels.alipay.client import timeout_express
from device.clock import BEIJING
from device.domain.outcome import (
    Accepted,
    Contradiction,
    Declined,
    Later,
    Missing,
    NotVerified,
    Paid,
    Refunded,
    RefundPending,
    RefundSum,
    Unknown,
    Verified,
    WindowOver,
)
from device.domain.words import Reason

if TYPE_CHECKING:
    from tests.channels.alipay.conftest import Rig

PAID = Paid(
    "2019082922001432790585537960",
    12345,
    datetime(2026, 11, 22, 9, 30, 15, tzinfo=BEIJING),
    "158****1562",
)
WRONG: dict[str, dict[str, object]] = {
    "another amount": {"total_amount": "123.44"},
    "no amount": {"total_amount": None},
    "an amount that is a number": {"total_amount": 123.45},
    "an amount in fen": {"total_amount": "12345"},
    "a negative amount": {"total_amount": "-123.45"},
    "another number": {"out_trade_no": "MZ03ABCDEFGHIJKLMNOPQRSTUVWXYZ24"},
    "no number": {"out_trade_no": None},
    "another currency": {"trans_currency": "USD"},
    "no number of theirs": {"trade_no": None},
    "a sub_code beside success": {"sub_code": "ACQ.SYSTEM_ERROR"},
    "a code that is a number": {"code": 10000},
}


async def test_a_pay_sends_exactly_this_signed(rig: "Rig") -> None:
    rig.clock.now = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    rig.wire.replies = [rig.alipay.paid()]
    assert await rig.channel.pay(rig.order) == PAID
    request = rig.wire.sent[0]
    assert (request.method, request.url.host, request.url.path) == (
        "POST",
        "gateway.example",
        "/gateway.do",
    )
    system, content = rig.alipay.received(request)
    assert system == {
        "app_id": "2021000000000001",
        "method": "alipay.trade.pay",
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2026-11-23 07:59:59",
        "version": "1.0",
    }
    assert content == {
        "out_trade_no": rig.order.out_trade_no,
        "scene": "bar_code",
        "auth_code": rig.order.payer_code,
        "subject": "市一医院-门诊收费",
        "total_amount": "123.45",
        "timeout_express": "2m",
        "terminal_id": "BOX-1",
        "operator_id": "0012",
    }
    assert rig.order.payer_code not in str(request.url)
    assert request.extensions["timeout"]["read"] == 15.0


async def test_certificate_mode_adds_both_serial_numbers_to_what_is_signed(rig: "Rig") -> None:
    rig = rig.with_certificates()
    rig.wire.replies = [rig.alipay.paid()]
    assert await rig.channel.pay(rig.order) == PAID
    system, _content = rig.alipay.received(rig.wire.sent[0])
    assert (system["app_cert_sn"], system["alipay_root_cert_sn"]) == ("a" * 32, "b" * 32)


@pytest.mark.parametrize("serial", ["", "f" * 32])
async def test_an_answer_signed_with_another_certificate_proves_nothing(
    rig: "Rig", serial: str
) -> None:
    rig = rig.with_certificates()
    rig.alipay.cert_sn = serial
    rig.wire.replies = [rig.alipay.paid(), rig.alipay.state("TRADE_SUCCESS")]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "alipay_cert_file" in outcome.text


@pytest.mark.parametrize(
    ("wait_s", "text"), [(60, "2m"), (30, "1m"), (31, "2m"), (0, "1m"), (90, "2m"), (90.5, "3m")]
)
def test_the_trade_closes_itself_after_the_wait_and_half_a_minute(wait_s: float, text: str) -> None:
    assert timeout_express(wait_s) == text


async def test_what_a_field_does_not_allow_is_left_out(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.paid()]
    await rig.channel.pay(replace(rig.order, subject="a/b=c&d\x00", operator="张三 " * 20))
    _system, content = rig.alipay.received(rig.wire.sent[0])
    assert content["subject"] == "a b c d"
    assert "operator_id" not in content


async def test_an_unmasked_name_is_not_kept(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.paid({"buyer_logon_id": "zhang@example.com"})]
    assert await rig.channel.pay(rig.order) == replace(PAID, payer_mask="")


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
async def test_a_success_that_does_not_fit_is_not_paid(
    rig: "Rig", changes: dict[str, object]
) -> None:
    rig.wire.replies = [rig.alipay.paid(changes), rig.alipay.state("TRADE_SUCCESS", changes)]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)
    outcome = await rig.channel.query(rig.order.out_trade_no, rig.order.amount_fen)
    assert isinstance(outcome, Unknown | Contradiction)


@pytest.mark.parametrize("status", ["TRADE_SUCCESS", "TRADE_FINISHED"])
async def test_a_query_that_fits_is_paid_and_another_amount_contradicts(
    rig: "Rig", status: str
) -> None:
    rig.wire.replies = [rig.alipay.state(status)] * 3
    assert await rig.channel.query(rig.order.out_trade_no, 12345) == PAID
    assert await rig.channel.query(rig.order.out_trade_no) == PAID
    outcome = await rig.channel.query(rig.order.out_trade_no, 1)
    assert outcome == Contradiction("another total_amount")


@pytest.mark.parametrize("status", ["TRADE_CLOSED", "WAIT_BUYER_PAY"])
async def test_a_status_of_another_trade_is_not_ours(rig: "Rig", status: str) -> None:
    rig.wire.replies = [rig.alipay.state(status, {"out_trade_no": "X"})]
    assert await rig.asked("query") == Unknown("another order")


async def test_a_failure_that_names_another_trade_is_not_ours(rig: "Rig") -> None:
    said = {"code": "40004", "sub_code": "ACQ.PAYMENT_AUTH_CODE_INVALID", "out_trade_no": "X"}
    rig.wire.replies = [rig.alipay.answer("pay", said)]
    assert await rig.channel.pay(rig.order) == Unknown("another out_trade_no")


async def test_an_answer_to_another_method_proves_nothing(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.paid(method="query")]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


async def test_a_sha1_signature_proves_nothing(rig: "Rig") -> None:
    good = rig.alipay.paid().decode()
    node = good[good.index(":") + 1 : good.index(',"sign"')]
    signature = rig.alipay.sign(node, hashes.SHA1())
    rig.wire.replies = [f'{{"alipay_trade_pay_response":{node},"sign":"{signature}"}}'.encode()]
    assert await rig.channel.pay(rig.order) == Unknown("missing or wrong signature")


async def test_a_pay_that_reached_nobody_is_offline(rig: "Rig") -> None:
    rig.wire.replies = [httpx.ConnectError("x")]
    assert await rig.channel.pay(rig.order) == Declined(Reason.OFFLINE)


async def test_a_query_that_reached_nobody_was_not_asked(rig: "Rig") -> None:
    """A reverse follows only a query that left (M8)."""
    rig.wire.replies = [httpx.ConnectError("x"), httpx.ReadTimeout("x")]
    told = [await rig.channel.query("MZ03A", 1234) for _ in range(2)]
    assert [isinstance(t, Unknown) and t.sent for t in told] == [False, True]


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("x"), httpx.Response(502), b"<html>"])
async def test_a_pay_in_doubt_is_sent_once(
    rig: "Rig", fault: Exception | httpx.Response | bytes
) -> None:
    rig.wire.replies = [fault]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)
    assert len(rig.wire.sent) == 1


CANCELS: list[tuple[dict[str, object], object]] = [
    ({"action": "close", "retry_flag": "N"}, Accepted()),
    ({"action": "refund", "retry_flag": "N"}, Accepted()),
    ({"action": "refund"}, Accepted()),
    ({"retry_flag": "N"}, Missing()),
    ({}, Missing()),
    ({"out_trade_no": None}, Missing()),
    ({"action": "close", "retry_flag": "Y"}, Later("retry_flag")),
    ({"retry_flag": "Y"}, Later("retry_flag")),
    ({"action": "explode"}, Unknown("another action")),
    ({"action": ["close"]}, Unknown("another action")),
    ({"action": "close", "out_trade_no": "X"}, Unknown("another order")),
    (
        {"code": "40004", "sub_code": "ACQ.CANCEL_NOT_ALLOWED", "retry_flag": "Y"},
        Later("retry_flag"),
    ),
    (
        {"code": "40004", "sub_code": "ACQ.TRADE_CANCEL_TIME_OUT", "retry_flag": "Y"},
        WindowOver("TRADE_CANCEL_TIME_OUT"),
    ),
    (
        {"code": "40004", "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH", "retry_flag": "Y"},
        Later("SELLER_BALANCE_NOT_ENOUGH", Reason.BALANCE_SHORT),
    ),
    ({"code": "20000", "sub_code": "isp.unknow-error"}, Unknown("isp.unknow-error")),
]


@pytest.mark.parametrize(("changes", "expected"), CANCELS)
async def test_what_a_cancel_says(rig: "Rig", changes: dict[str, object], expected: object) -> None:
    rig.wire.replies = [rig.alipay.answer("cancel", changes)]
    assert await rig.asked("reverse") == expected


REFUNDS: list[tuple[dict[str, object], object]] = [
    (
        {"fund_change": "Y", "refund_fee": "23.45", "gmt_refund_pay": "2026-11-22 10:00:00"},
        Refunded("2019", 2345, datetime(2026, 11, 22, 10, tzinfo=BEIJING)),
    ),
    ({"fund_change": "Y", "refund_fee": "100.00"}, Refunded("2019", 2345)),
    ({"fund_change": "N", "refund_fee": "23.45"}, RefundPending("2019")),
    ({"refund_fee": "23.45"}, RefundPending("2019")),
    ({"fund_change": "Y", "refund_fee": "1.00"}, Unknown("another refund_fee")),
    ({"fund_change": "Y", "refund_fee": "200.00"}, Unknown("another refund_fee")),
    ({"fund_change": "Y"}, Unknown("another refund_fee")),
    ({"fund_change": "Y", "refund_fee": "23.45", "out_trade_no": "X"}, Unknown("another order")),
]


@pytest.mark.parametrize(("changes", "expected"), REFUNDS)
async def test_only_fund_change_says_that_money_went_back(
    rig: "Rig", changes: dict[str, object], expected: object
) -> None:
    rig.wire.replies = [rig.alipay.answer("refund", {"trade_no": "2019", **changes})]
    assert await rig.asked("refund") == expected
    _system, content = rig.alipay.received(rig.wire.sent[0])
    assert content["refund_amount"] == "23.45"
    assert content["out_request_no"] == rig.refund_order.out_refund_no


REFUND_QUERIES: list[tuple[dict[str, object], object]] = [
    ({}, Refunded("2019", 2345, datetime(2026, 11, 22, 10, tzinfo=BEIJING))),
    ({"refund_status": None}, Missing()),
    ({"refund_status": ""}, Missing()),
    ({"refund_status": "REFUND_PROCESSING"}, Unknown("REFUND_PROCESSING")),
    ({"refund_status": 1}, Unknown("refund_status")),
    ({"out_request_no": "R"}, Unknown("another refund")),
    ({"out_trade_no": "X"}, Unknown("another refund")),
    ({"refund_amount": "23.44"}, Unknown("another refund_amount")),
    ({"refund_amount": None}, Unknown("another refund_amount")),
]


@pytest.mark.parametrize(("changes", "expected"), REFUND_QUERIES)
async def test_only_refund_status_decides_a_refund_query(
    rig: "Rig", changes: dict[str, object], expected: object
) -> None:
    done: dict[str, object] = {
        "trade_no": "2019",
        "out_request_no": rig.refund_order.out_refund_no,
        "refund_amount": "23.45",
        "refund_status": "REFUND_SUCCESS",
        "gmt_refund_pay": "2026-11-22 10:00:00",
    }
    rig.wire.replies = [rig.alipay.answer("fastpay_refund_query", {**done, **changes})]
    assert await rig.asked("query_refund") == expected


async def test_an_empty_answer_to_a_refund_query_is_missing(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.answer("fastpay_refund_query", {"out_trade_no": None})]
    assert await rig.asked("query_refund") == Missing()


SUMS: list[tuple[dict[str, object], object]] = [
    ({"trade_status": "TRADE_CLOSED"}, RefundSum(12345)),
    ({"trade_status": "TRADE_CLOSED", "send_pay_date": None}, Unknown("Alipay does not tell")),
    ({"trade_status": "TRADE_SUCCESS"}, Unknown("Alipay does not tell")),
    ({"trade_status": "TRADE_CLOSED", "out_trade_no": "X"}, Unknown("Alipay does not tell")),
    ({"trade_status": "TRADE_CLOSED", "total_amount": None}, Unknown("Alipay does not tell")),
]


@pytest.mark.parametrize(("changes", "expected"), SUMS)
async def test_the_sum_of_refunds_is_known_only_at_the_end(
    rig: "Rig", changes: dict[str, object], expected: object
) -> None:
    rig.wire.replies = [rig.alipay.state("", changes)]
    assert await rig.asked("refunded_sum") == expected


@pytest.mark.parametrize("call", ["query", "reverse", "refund", "query_refund", "refunded_sum"])
@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), b"<html/>"])
async def test_no_call_raises_for_what_the_network_does(
    rig: "Rig", call: str, fault: Exception | bytes
) -> None:
    rig.wire.replies = [fault]
    assert isinstance(await rig.asked(call), Unknown)


async def test_a_signed_no_such_trade_verifies(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.failure("query", "ACQ.TRADE_NOT_EXIST")]
    assert await rig.channel.verify() == Verified()
    _system, content = rig.alipay.received(rig.wire.sent[0])
    assert content == {"out_trade_no": "MZ03VERIFY0123456789abcdef"}


SIGNATURE_COMPLAINT = (
    '{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-signature","sub_msg":'
    '"验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：app_id=1&amp;charset=utf-8"}'
)
NO_SUCH_APPLICATION = (
    '{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id",'
    '"sub_msg":"无效的AppID参数"}}'
)


async def test_a_wrong_key_of_ours_is_one_clear_line(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.wrap(SIGNATURE_COMPLAINT, "query")]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "private_key_file" in outcome.text
    assert "\n" not in outcome.text


async def test_a_wrong_app_id_is_one_clear_line_though_unsigned(rig: "Rig") -> None:
    rig.wire.replies = [NO_SUCH_APPLICATION.encode()]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "app_id" in outcome.text


async def test_a_complaint_without_a_serial_number_is_still_shown(rig: "Rig") -> None:
    rig = rig.with_certificates()
    rig.alipay.cert_sn = ""
    node = '{"code":"40002","sub_code":"isv.app-cert-not-exist","sub_msg":"x"}'
    rig.wire.replies = [rig.alipay.wrap(node, "query"), rig.alipay.wrap(node)]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert "app_cert_file" in outcome.text
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


async def test_a_wrong_key_of_alipays_names_its_file(rig: "Rig") -> None:
    good = rig.alipay.failure("query", "ACQ.TRADE_NOT_EXIST")
    rig.wire.replies = [good.replace(b'"sign":"', b'"sign":"AAAA')]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert outcome.configuration
    assert "alipay_public_key_file" in outcome.text


@pytest.mark.parametrize("fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), b"<html>"])
async def test_a_provider_that_was_not_reached_is_no_fault_of_the_configuration(
    rig: "Rig", fault: Exception | bytes
) -> None:
    rig.wire.replies = [fault]
    outcome = await rig.channel.verify()
    assert isinstance(outcome, NotVerified)
    assert not outcome.configuration


async def test_warming_is_a_signed_query_of_an_impossible_number(rig: "Rig") -> None:
    rig.wire.replies = [rig.alipay.failure("query", "ACQ.TRADE_NOT_EXIST")]
    assert await rig.channel.warm()
    assert await rig.channel.warm()
    assert len(rig.wire.sent) == 1
    system, content = rig.alipay.received(rig.wire.sent[0])
    assert system["method"] == "alipay.trade.query"
    assert str(content["out_trade_no"]).startswith("MZ03VERIFY")


async def test_closing_closes_the_client(rig: "Rig") -> None:
    await rig.channel.aclose()
    assert rig.wire.closed
