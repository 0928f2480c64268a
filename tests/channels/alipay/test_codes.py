"""Every documented code, once from the tables and once from the pages (alipay.md §5, §7)."""

from typing import TYPE_CHECKING

import pytest

from device.channels.alipay import codes
from device.domain.outcome import (
    Closed,
    Declined,
    Later,
    Missing,
    Open,
    PayerConfirming,
    RefundFailed,
    Refused,
    Unknown,
    WindowOver,
)
from device.domain.words import ANOTHER_CODE, Reason

if TYPE_CHECKING:
    from tests.channels.alipay.conftest import Rig

GATEWAY = [
    "isv.missing-method",
    "isv.missing-signature",
    "isv.missing-app-id",
    "isv.missing-timestamp",
    "isv.missing-version",
    "isv.invalid-signature",
    "isv.invalid-app-id",
    "isv.invalid-timestamp",
    "isv.app-cert-not-exist",
    "isv.missing-app-cert-sn",
    "isv.code-invalid",
    "isv.insufficient-isv-permissions",
    "aop.invalid-auth-token",
    "aop.invalid-app-auth-token",
    "aop.auth-token-time-out",
    "aop.app-auth-token-time-out",
    "aop.invalid-app-auth-token-no-api",
]
PAGE_PAY = {
    "SYSTEM_ERROR": "unknown",
    "TRADE_HAS_SUCCESS": "unknown",
    "TRADE_HAS_CLOSE": "declined_other",
    "CONTEXT_INCONSISTENT": "unknown",
    "TRADE_BUYER_NOT_MATCH": "unknown",
    "PAYMENT_AUTH_CODE_INVALID": "declined_code",
    "PULL_MOBILE_CASHIER_FAIL": "declined_code",
    "PAYMENT_FAIL": "unknown",
    "BUYER_BALANCE_NOT_ENOUGH": "declined_balance",
    "BUYER_BANKCARD_BALANCE_NOT_ENOUGH": "declined_balance",
    "NO_PAYMENT_INSTRUMENTS_AVAILABLE": "declined_other",
    "PAYMENT_REQUEST_HAS_RISK": "declined_account",
    "ERROR_BUYER_CERTIFY_LEVEL_LIMIT": "declined_limit",
    "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": "declined_limit",
    "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": "declined_limit",
    "ERROR_BALANCE_PAYMENT_DISABLE": "declined_account",
    "MOBILE_PAYMENT_SWITCH_OFF": "declined_account",
    "USER_FACE_PAYMENT_SWITCH_OFF": "declined_account",
    "BUYER_ENABLE_STATUS_FORBID": "declined_account",
    "BUYER_SELLER_EQUAL": "declined_account",
    "TOTAL_FEE_EXCEED": "merchant_fault",
    "EXIST_FORBIDDEN_WORD": "merchant_fault",
    "INVALID_PARAMETER": "merchant_fault",
    "INVALID_STORE_ID": "merchant_fault",
    "ACCESS_FORBIDDEN": "merchant_fault",
    "PARTNER_ERROR": "merchant_fault",
    "SELLER_BEEN_BLOCKED": "merchant_fault",
    "BEYOND_PAY_RESTRICTION": "merchant_fault",
    "BEYOND_PER_RECEIPT_RESTRICTION": "merchant_fault",
}
FAMILIES = ["SUB_MERCHANT_CREATE_FAIL", "SUB_MERCHANT_TYPE_INVALID", "AGREEMENT_NOT_EXIST"]
PAGE_CANCEL: dict[str, object] = {
    "CANCEL_NOT_ALLOWED": Refused("CANCEL_NOT_ALLOWED"),
    "INVALID_PARAMETER": Refused("INVALID_PARAMETER"),
    "REASON_TRADE_BEEN_FREEZEN": Refused("REASON_TRADE_BEEN_FREEZEN"),
    "REASON_TRADE_REFUND_FEE_ERR": Refused("REASON_TRADE_REFUND_FEE_ERR"),
    "SELLER_BALANCE_NOT_ENOUGH": Later("SELLER_BALANCE_NOT_ENOUGH", Reason.BALANCE_SHORT),
    "SYSTEM_ERROR": Later("SYSTEM_ERROR"),
    "TRADE_CANCEL_TIME_OUT": WindowOver("TRADE_CANCEL_TIME_OUT"),
    "TRADE_HAS_FINISHED": Refused("TRADE_HAS_FINISHED"),
    "TRADE_NOT_EXIST": Missing(),
}
PAGE_REFUND: dict[str, object] = {
    "SYSTEM_ERROR": Later("SYSTEM_ERROR"),
    "INVALID_PARAMETER": RefundFailed(Reason.MERCHANT_FAULT, "INVALID_PARAMETER"),
    "SELLER_BALANCE_NOT_ENOUGH": Later("SELLER_BALANCE_NOT_ENOUGH", Reason.BALANCE_SHORT),
    "REFUND_AMT_NOT_EQUAL_TOTAL": RefundFailed(Reason.MERCHANT_FAULT, "REFUND_AMT_NOT_EQUAL_TOTAL"),
    "REASON_TRADE_BEEN_FREEZEN": Later("REASON_TRADE_BEEN_FREEZEN"),
    "TRADE_NOT_EXIST": Missing(),
    "TRADE_HAS_FINISHED": RefundFailed(Reason.WINDOW_CLOSED, "TRADE_HAS_FINISHED"),
    "TRADE_STATUS_ERROR": Unknown("TRADE_STATUS_ERROR"),
    "DISCORDANT_REPEAT_REQUEST": Unknown("DISCORDANT_REPEAT_REQUEST"),
    "REASON_TRADE_REFUND_FEE_ERR": RefundFailed(Reason.OVER_REFUND, "REASON_TRADE_REFUND_FEE_ERR"),
    "TRADE_NOT_ALLOW_REFUND": RefundFailed(Reason.MERCHANT_FAULT, "TRADE_NOT_ALLOW_REFUND"),
}
PAGE_QUERY: dict[str, object] = {
    "SYSTEM_ERROR": Unknown("SYSTEM_ERROR"),
    "INVALID_PARAMETER": Unknown("INVALID_PARAMETER"),
    "TRADE_NOT_EXIST": Missing(),
}
NEVER_FINAL = ["TRADE_HAS_SUCCESS", "CONTEXT_INCONSISTENT", "TRADE_BUYER_NOT_MATCH", "PAYMENT_FAIL"]
SYSTEM_ERRORS = [
    ("ACQ.SYSTEM_ERROR", "20000"),
    ("ACQ.SYSTEM_ERROR", "40004"),
    ("aop.ACQ.SYSTEM_ERROR", "20000"),
    ("AQC.SYSTEM_ERROR", "40004"),
    ("isp.SYSTEM_ERROR", "20000"),
]


def test_the_tables_hold_the_codes_of_the_pages_and_no_others() -> None:
    pay = {*PAGE_PAY, *GATEWAY, "isp.unknow-error", "aop.unknow-error"}
    assert codes.PAY.keys() == pay
    assert set(GATEWAY) == codes.WRONG_CONFIGURATION
    assert codes.PAY_FAMILIES.keys() == {"SUB_MERCHANT_", "AGREEMENT_"}
    assert codes.QUERY.keys() == PAGE_QUERY.keys()
    assert codes.CANCEL.keys() == PAGE_CANCEL.keys()
    assert codes.REFUND.keys() == PAGE_REFUND.keys()
    assert codes.REFUND_QUERY.keys() == PAGE_QUERY.keys()


@pytest.mark.parametrize(("code", "meaning"), PAGE_PAY.items())
async def test_a_signed_refusal_of_a_pay(rig: "Rig", code: str, meaning: str) -> None:
    rig.wire.replies = [rig.alipay.failure("pay", f"ACQ.{code}", text="原因")]
    expected = Unknown(code) if meaning == "unknown" else Declined(Reason(meaning), code, "原因")
    assert await rig.channel.pay(rig.order) == expected


@pytest.mark.parametrize("code", FAMILIES)
async def test_a_refusal_of_a_documented_family(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.alipay.failure("pay", f"ACQ.{code}")]
    outcome = await rig.channel.pay(rig.order)
    assert outcome == Declined(Reason.MERCHANT_FAULT, code, "Business Failed")


@pytest.mark.parametrize("code", GATEWAY)
async def test_a_signed_refusal_of_the_gateway_is_the_merchants(rig: "Rig", code: str) -> None:
    node = f'{{"code":"40002","msg":"Invalid Arguments","sub_code":"{code}","sub_msg":"x"}}'
    rig.wire.replies = [rig.alipay.wrap(node), rig.alipay.wrap(node, root="error_response")]
    for _ in range(2):
        outcome = await rig.channel.pay(rig.order)
        assert outcome == Declined(Reason.MERCHANT_FAULT, code, "x")


@pytest.mark.parametrize("code", [f"ACQ.{code}" for code in codes.PAY])
async def test_the_same_refusal_unsigned_proves_nothing(rig: "Rig", code: str) -> None:
    signed = rig.alipay.failure("pay", code)
    bare = signed[: signed.index(b',"sign"')] + b"}"
    rig.wire.replies = [bare, signed.replace(b'"sign":"', b'"sign":"AAAA')]
    assert await rig.channel.pay(rig.order) == Unknown("missing or wrong signature")
    assert await rig.channel.pay(rig.order) == Unknown("missing or wrong signature")


@pytest.mark.parametrize(
    "code",
    [
        *(f"ACQ.{code}" for code in NEVER_FINAL),
        "ACQ.SOMETHING_NEW",
        "",
        "isp.unknow-error",
        "aop.unknow-error",
        "XXX.PAYMENT_AUTH_CODE_INVALID",
        "ACQ.BUYER SELLER EQUAL",
    ],
)
async def test_what_is_on_no_list_never_ends_a_payment(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.alipay.failure("pay", code)]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


@pytest.mark.parametrize("code", ["20000", "40001", "40003", "40005", "99999", ""])
async def test_a_code_without_a_sub_code_never_ends_a_payment(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.alipay.answer("pay", {"code": code})]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


@pytest.mark.parametrize(("sub_code", "code"), SYSTEM_ERRORS)
async def test_a_system_error_is_known_by_its_end(rig: "Rig", sub_code: str, code: str) -> None:
    methods = ["pay", "query", "cancel", "refund", "fastpay_refund_query"]
    rig.wire.replies = [rig.alipay.failure(method, sub_code, code) for method in methods]
    assert await rig.channel.pay(rig.order) == Unknown("SYSTEM_ERROR")
    assert await rig.asked("query") == Unknown("SYSTEM_ERROR")
    assert await rig.asked("reverse") == Later("SYSTEM_ERROR")
    assert await rig.asked("refund") == Later("SYSTEM_ERROR")
    assert await rig.asked("query_refund") == Unknown("SYSTEM_ERROR")


def test_every_final_refusal_is_the_payers_or_the_merchants() -> None:
    for code, maker in codes.PAY.items():
        outcome = maker(code, "")
        if isinstance(outcome, Declined):
            assert outcome.reason in ANOTHER_CODE | {Reason.MERCHANT_FAULT}


async def test_a_payer_who_types_a_password_is_no_success(rig: "Rig") -> None:
    said = {"code": "10003", "msg": " order success pay inprocess", "trade_no": "2019012922"}
    rig.wire.replies = [
        rig.alipay.answer("pay", said, total_amount="123.45"),
        rig.alipay.answer("pay", said, out_trade_no="X"),
    ]
    assert await rig.channel.pay(rig.order) == PayerConfirming("2019012922")
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


@pytest.mark.parametrize(("code", "expected"), PAGE_QUERY.items())
async def test_a_signed_refusal_of_a_query(rig: "Rig", code: str, expected: object) -> None:
    rig.wire.replies = [
        rig.alipay.failure("query", f"ACQ.{code}"),
        rig.alipay.failure("fastpay_refund_query", f"ACQ.{code}"),
    ]
    assert await rig.asked("query") == expected
    assert await rig.asked("query_refund") == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("WAIT_BUYER_PAY", Open()),
        ("TRADE_CLOSED", Closed()),
        ("SOMETHING", Unknown("SOMETHING")),
        (None, Unknown("no trade_status")),
        ("", Unknown("no trade_status")),
    ],
)
async def test_every_status_of_an_unpaid_trade(
    rig: "Rig", status: str | None, expected: object
) -> None:
    rig.wire.replies = [rig.alipay.answer("query", {"trade_status": status})]
    assert await rig.channel.query(rig.order.out_trade_no, rig.order.amount_fen) == expected


@pytest.mark.parametrize(("code", "expected"), PAGE_CANCEL.items())
async def test_a_signed_refusal_of_a_cancel(rig: "Rig", code: str, expected: object) -> None:
    rig.wire.replies = [rig.alipay.failure("cancel", f"ACQ.{code}")]
    assert await rig.asked("reverse") == expected


@pytest.mark.parametrize(("code", "expected"), PAGE_REFUND.items())
async def test_a_signed_refusal_of_a_refund(rig: "Rig", code: str, expected: object) -> None:
    rig.wire.replies = [rig.alipay.failure("refund", f"ACQ.{code}", text="x")]
    outcome = await rig.asked("refund")
    if isinstance(expected, RefundFailed):
        expected = RefundFailed(expected.reason, expected.code, "x")
    assert outcome == expected


@pytest.mark.parametrize(
    ("call", "method"),
    [
        ("query", "query"),
        ("reverse", "cancel"),
        ("refund", "refund"),
        ("query_refund", "fastpay_refund_query"),
    ],
)
async def test_an_unlisted_code_of_any_call_is_unknown(rig: "Rig", call: str, method: str) -> None:
    rig.wire.replies = [
        rig.alipay.failure(method, "ACQ.SOMETHING_NEW"),
        rig.alipay.failure(method, ""),
    ]
    assert await rig.asked(call) == Unknown("SOMETHING_NEW")
    assert await rig.asked(call) == Unknown("40004")
