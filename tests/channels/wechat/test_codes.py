"""Every documented code, once from the tables and once from the pages (wechat.md §2)."""

from typing import TYPE_CHECKING

import pytest

from device.channels.wechat import codes
from device.domain.outcome import (
    Closed,
    Declined,
    Later,
    Missing,
    Open,
    PayerConfirming,
    PayFailed,
    RefundFailed,
    RefundPending,
    RefundStuck,
    Refused,
    Returned,
    Unknown,
    WindowOver,
)
from device.domain.words import ANOTHER_CODE, Reason

if TYPE_CHECKING:
    from tests.channels.wechat.conftest import Rig

PAGE_PAY = {
    "SYSTEMERROR": "unknown",
    "BANKERROR": "unknown",
    "USERPAYING": "confirming",
    "PARAM_ERROR": "merchant_fault",
    "ORDERPAID": "unknown",
    "NOAUTH": "merchant_fault",
    "AUTHCODEEXPIRE": "declined_code",
    "NOTENOUGH": "declined_balance",
    "NOTSUPORTCARD": "declined_other",
    "ORDERCLOSED": "declined_other",
    "ORDERREVERSED": "unknown",
    "AUTH_CODE_ERROR": "declined_code",
    "AUTH_CODE_INVALID": "declined_code",
    "XML_FORMAT_ERROR": "merchant_fault",
    "REQUIRE_POST_METHOD": "merchant_fault",
    "SIGNERROR": "merchant_fault",
    "LACK_PARAMS": "merchant_fault",
    "NOT_UTF8": "merchant_fault",
    "BUYER_MISMATCH": "unknown",
    "APPID_NOT_EXIST": "merchant_fault",
    "MCHID_NOT_EXIST": "merchant_fault",
    "APPID_MCHID_NOT_MATCH": "merchant_fault",
    "OUT_TRADE_NO_USED": "unknown",
    "INVALID_REQUEST": "unknown",
    "TRADE_ERROR": "declined_account",
}
PAGE_QUERY = {"ORDERNOTEXIST": Missing, "SYSTEMERROR": Unknown, "PARAM_ERROR": Unknown}
PAGE_REVERSE = {
    "SYSTEMERROR": Later,
    "INVALID_TRANSACTIONID": Refused,
    "PARAM_ERROR": Refused,
    "REQUIRE_POST_METHOD": Refused,
    "SIGNERROR": Refused,
    "REVERSE_EXPIRE": WindowOver,
    "INVALID_REQUEST": Refused,
    "TRADE_ERROR": Refused,
    "USERPAYING": Later,
    "ORDERNOTEXIST": Missing,
}
PAGE_REFUND: dict[str, object] = {
    "SYSTEMERROR": Later("SYSTEMERROR"),
    "BIZERR_NEED_RETRY": Later("BIZERR_NEED_RETRY"),
    "TRADE_OVERDUE": RefundFailed(Reason.WINDOW_CLOSED, "TRADE_OVERDUE"),
    "ERROR": Unknown("ERROR"),
    "USER_ACCOUNT_ABNORMAL": RefundFailed(Reason.PAYER_ACCOUNT, "USER_ACCOUNT_ABNORMAL"),
    "INVALID_REQ_TOO_MUCH": Later("INVALID_REQ_TOO_MUCH"),
    "NOTENOUGH": Later("NOTENOUGH", Reason.BALANCE_SHORT),
    "INVALID_TRANSACTIONID": RefundFailed(Reason.MERCHANT_FAULT, "INVALID_TRANSACTIONID"),
    "PARAM_ERROR": RefundFailed(Reason.MERCHANT_FAULT, "PARAM_ERROR"),
    "APPID_NOT_EXIST": RefundFailed(Reason.MERCHANT_FAULT, "APPID_NOT_EXIST"),
    "MCHID_NOT_EXIST": RefundFailed(Reason.MERCHANT_FAULT, "MCHID_NOT_EXIST"),
    "ORDERNOTEXIST": Missing(),
    "REQUIRE_POST_METHOD": RefundFailed(Reason.MERCHANT_FAULT, "REQUIRE_POST_METHOD"),
    "SIGNERROR": RefundFailed(Reason.MERCHANT_FAULT, "SIGNERROR"),
    "XML_FORMAT_ERROR": RefundFailed(Reason.MERCHANT_FAULT, "XML_FORMAT_ERROR"),
    "FREQUENCY_LIMITED": Later("FREQUENCY_LIMITED"),
}
PAGE_REFUND_QUERY: dict[str, type] = {
    "SYSTEMERROR": Unknown,
    "REFUNDNOTEXIST": Missing,
    "INVALID_TRANSACTIONID": Unknown,
    "PARAM_ERROR": Unknown,
    "APPID_NOT_EXIST": Unknown,
    "MCHID_NOT_EXIST": Unknown,
    "REQUIRE_POST_METHOD": Unknown,
    "SIGNERROR": Unknown,
    "XML_FORMAT_ERROR": Unknown,
    "INVALID_REQUEST": Unknown,
}
NEVER_FINAL = ["ORDERPAID", "OUT_TRADE_NO_USED", "ORDERREVERSED", "INVALID_REQUEST"]


def test_the_tables_hold_the_codes_of_the_pages_and_no_others() -> None:
    assert codes.PAY.keys() == PAGE_PAY.keys()
    assert len(PAGE_PAY) == 25
    assert codes.QUERY.keys() == PAGE_QUERY.keys()
    assert codes.REVERSE.keys() == PAGE_REVERSE.keys()
    assert codes.REFUND.keys() == PAGE_REFUND.keys()
    assert codes.REFUND_QUERY.keys() == PAGE_REFUND_QUERY.keys()


@pytest.mark.parametrize(("code", "meaning"), PAGE_PAY.items())
async def test_a_signed_refusal_of_a_pay(rig: "Rig", code: str, meaning: str) -> None:
    rig.wire.replies = [rig.tencent.failure(code, "原因")]
    expected = {
        "unknown": Unknown(code),
        "confirming": PayerConfirming(),
    }.get(meaning) or Declined(Reason(meaning), code, "原因")
    assert await rig.channel.pay(rig.order) == expected


@pytest.mark.parametrize("code", codes.PAY)
async def test_the_same_refusal_unsigned_proves_nothing(rig: "Rig", code: str) -> None:
    fields = {"return_code": "SUCCESS", "result_code": "FAIL", "err_code": code}
    fields |= {"appid": "wx2421b1c4370ec43b", "mch_id": "10000100"}
    rig.wire.replies = [rig.tencent.xml(fields), rig.tencent.xml({**fields, "sign": "0" * 64})]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


@pytest.mark.parametrize("code", [*NEVER_FINAL, "SOMETHING_NEW", "", "ORDERPAID2", "PARAM ERROR"])
async def test_what_is_on_no_list_never_ends_a_payment(rig: "Rig", code: str) -> None:
    rig.wire.replies = [rig.tencent.failure(code)]
    assert isinstance(await rig.channel.pay(rig.order), Unknown)


def test_every_final_refusal_is_the_payers_or_the_merchants() -> None:
    for code, maker in codes.PAY.items():
        outcome = maker(code, "")
        if isinstance(outcome, Declined):
            assert outcome.reason in ANOTHER_CODE | {Reason.MERCHANT_FAULT}


async def test_a_refusal_that_asks_for_a_reverse_is_no_end(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.failure("TRADE_ERROR", "支付失败，请撤销订单")]
    assert await rig.channel.pay(rig.order) == Unknown("TRADE_ERROR")


async def test_an_expired_code_is_shown_with_weixins_words_but_no_long_number(rig: "Rig") -> None:
    rig.wire.replies = [
        rig.tencent.failure("AUTH_CODE_INVALID", f"101 付款码{rig.order.payer_code}已过期")
    ]
    assert await rig.channel.pay(rig.order) == Declined(
        Reason.DECLINED_CODE, "AUTH_CODE_INVALID", "101 付款码***已过期"
    )


@pytest.mark.parametrize(("code", "kind"), PAGE_QUERY.items())
async def test_a_signed_refusal_of_a_query(rig: "Rig", code: str, kind: type) -> None:
    rig.wire.replies = [rig.tencent.failure(code)]
    assert type(await rig.channel.query(rig.order.out_trade_no)) is kind


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("NOTPAY", Open()),
        ("ACCEPT", Open()),
        ("USERPAYING", Open(confirming=True)),
        ("CLOSED", Closed()),
        ("REVOKED", Closed()),
        ("PAYERROR", PayFailed()),
        ("SOMETHING", Unknown("SOMETHING")),
        ("", Unknown("no trade_state")),
    ],
)
async def test_every_state_of_an_unpaid_order(rig: "Rig", state: str, expected: object) -> None:
    unpaid: dict[str, str | None] = dict.fromkeys(("total_fee", "transaction_id", "trade_type"))
    rig.wire.replies = [rig.tencent.state(state, unpaid)]
    assert await rig.channel.query(rig.order.out_trade_no, rig.order.amount_fen) == expected


async def test_a_refunded_order_was_paid(rig: "Rig") -> None:
    rig.wire.replies = [rig.tencent.state("REFUND")]
    outcome = await rig.channel.query(rig.order.out_trade_no, rig.order.amount_fen)
    assert isinstance(outcome, Returned)
    assert (outcome.paid.amount_fen, outcome.refunded_fen) == (12345, None)


@pytest.mark.parametrize(("code", "kind"), PAGE_REVERSE.items())
async def test_a_signed_refusal_of_a_reverse(rig: "Rig", code: str, kind: type) -> None:
    rig.certificate_wire.replies = [rig.tencent.failure(code)]
    assert type(await rig.channel.reverse(rig.order.out_trade_no)) is kind


@pytest.mark.parametrize(("code", "expected"), PAGE_REFUND.items())
async def test_a_signed_refusal_of_a_refund(rig: "Rig", code: str, expected: object) -> None:
    rig.certificate_wire.replies = [rig.tencent.failure(code)]
    assert await rig.channel.refund(rig.refund_order) == expected


@pytest.mark.parametrize(("code", "kind"), PAGE_REFUND_QUERY.items())
async def test_a_signed_refusal_of_a_refund_query(rig: "Rig", code: str, kind: type) -> None:
    rig.wire.replies = [rig.tencent.failure(code)]
    assert type(await rig.channel.query_refund(rig.refund_order)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("PROCESSING", RefundPending),
        ("REFUNDCLOSE", RefundStuck),
        ("FAIL", RefundStuck),
        ("CHANGE", RefundStuck),
        ("SOMETHING", Unknown),
        ("", Unknown),
    ],
)
async def test_every_state_of_a_refund_that_is_not_done(
    rig: "Rig", status: str, kind: type
) -> None:
    one = {"out_refund_no_0": rig.refund_order.out_refund_no, "refund_fee_0": "2345"}
    rig.wire.replies = [rig.tencent.answer(refund_count="1", refund_status_0=status, **one)]
    assert type(await rig.channel.query_refund(rig.refund_order)) is kind


@pytest.mark.parametrize("call", ["query", "reverse", "refund", "query_refund", "refunded_sum"])
async def test_an_unlisted_code_of_any_call_is_unknown(rig: "Rig", call: str) -> None:
    rig.wire.replies = [rig.tencent.failure("SOMETHING_NEW")]
    rig.certificate_wire.replies = [rig.tencent.failure("SOMETHING_NEW")]
    assert await rig.asked(call) == Unknown("SOMETHING_NEW")
