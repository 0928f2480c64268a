"""What each documented code of WeChat Pay v2 means (wechat.md §2), one table a call.

A code that is not here is `Unknown`. Codes that stand here as `unknown` are documented and looked
at: they speak of another request with the same number, or of nothing certain, and never end a
payment (payment-states §2, "Never on the allow-list").
"""

from typing import Final

from device.channels.meaning import (
    Maker,
    confirming,
    declined,
    later,
    missing,
    refund_failed,
    refused,
    stuck,
    unknown,
    window_over,
)
from device.domain.outcome import (
    Closed,
    Missing,
    Open,
    PayFailed,
    PayOutcome,
    RefundOutcome,
    ReverseOutcome,
    Unknown,
)
from device.domain.words import Reason

OUR_FAULT: Final = declined(Reason.MERCHANT_FAULT)

PAY: Final[dict[str, Maker[PayOutcome]]] = {
    # the payer is at it, or nobody knows
    "USERPAYING": confirming,
    "SYSTEMERROR": unknown,
    "BANKERROR": unknown,
    # they speak of an earlier use of the number, which may hold money
    "ORDERPAID": unknown,
    "OUT_TRADE_NO_USED": unknown,
    "ORDERREVERSED": unknown,
    "BUYER_MISMATCH": unknown,
    "INVALID_REQUEST": unknown,
    # the payer's side: another code may be shown
    "AUTHCODEEXPIRE": declined(Reason.DECLINED_CODE),
    "AUTH_CODE_ERROR": declined(Reason.DECLINED_CODE),
    "AUTH_CODE_INVALID": declined(Reason.DECLINED_CODE),
    "NOTENOUGH": declined(Reason.DECLINED_BALANCE),
    "NOTSUPORTCARD": declined(Reason.DECLINED_OTHER),  # sic, one P
    "TRADE_ERROR": declined(Reason.DECLINED_ACCOUNT),
    "ORDERCLOSED": declined(Reason.DECLINED_OTHER),
    # the merchant's side: a technician
    "PARAM_ERROR": OUR_FAULT,
    "NOAUTH": OUR_FAULT,
    "XML_FORMAT_ERROR": OUR_FAULT,
    "REQUIRE_POST_METHOD": OUR_FAULT,
    "SIGNERROR": OUR_FAULT,
    "LACK_PARAMS": OUR_FAULT,
    "NOT_UTF8": OUR_FAULT,
    "APPID_NOT_EXIST": OUR_FAULT,
    "MCHID_NOT_EXIST": OUR_FAULT,
    "APPID_MCHID_NOT_MATCH": OUR_FAULT,
}

QUERY: Final[dict[str, Maker[Missing | Unknown]]] = {
    "ORDERNOTEXIST": missing,
    "SYSTEMERROR": unknown,
    "PARAM_ERROR": unknown,  # seen for 135 s while the order was being paid
}

UNPAID_STATES: Final[dict[str, Open | Closed | PayFailed]] = {
    "NOTPAY": Open(),
    "ACCEPT": Open(),
    "USERPAYING": Open(confirming=True),
    "CLOSED": Closed(),
    "REVOKED": Closed(),
    "PAYERROR": PayFailed(),
}
PAID_STATE: Final = "SUCCESS"
RETURNED_STATE: Final = "REFUND"

REVERSE: Final[dict[str, Maker[ReverseOutcome]]] = {
    "SYSTEMERROR": later(),
    "USERPAYING": later(),
    "REVERSE_EXPIRE": window_over,
    "ORDERNOTEXIST": missing,  # not in the page's table for this call, but it can mean nothing else
    "INVALID_TRANSACTIONID": refused,
    "PARAM_ERROR": refused,
    "REQUIRE_POST_METHOD": refused,
    "SIGNERROR": refused,
    "INVALID_REQUEST": refused,
    "TRADE_ERROR": refused,
}

REFUND: Final[dict[str, Maker[RefundOutcome]]] = {
    # the same number again, later
    "SYSTEMERROR": later(),
    "BIZERR_NEED_RETRY": later(),
    "INVALID_REQ_TOO_MUCH": later(),
    "FREQUENCY_LIMITED": later(),
    "NOTENOUGH": later(Reason.BALANCE_SHORT),
    "ERROR": unknown,
    # it can never succeed
    "TRADE_OVERDUE": refund_failed(Reason.WINDOW_CLOSED),
    "USER_ACCOUNT_ABNORMAL": refund_failed(Reason.PAYER_ACCOUNT),
    "INVALID_TRANSACTIONID": refund_failed(Reason.MERCHANT_FAULT),
    "PARAM_ERROR": refund_failed(Reason.MERCHANT_FAULT),
    "APPID_NOT_EXIST": refund_failed(Reason.MERCHANT_FAULT),
    "MCHID_NOT_EXIST": refund_failed(Reason.MERCHANT_FAULT),
    "REQUIRE_POST_METHOD": refund_failed(Reason.MERCHANT_FAULT),
    "SIGNERROR": refund_failed(Reason.MERCHANT_FAULT),
    "XML_FORMAT_ERROR": refund_failed(Reason.MERCHANT_FAULT),
    "ORDERNOTEXIST": missing,
}

REFUND_QUERY: Final[dict[str, Maker[RefundOutcome]]] = {
    "REFUNDNOTEXIST": missing,
    "SYSTEMERROR": unknown,
    "INVALID_TRANSACTIONID": unknown,
    "PARAM_ERROR": unknown,
    "APPID_NOT_EXIST": unknown,
    "MCHID_NOT_EXIST": unknown,
    "REQUIRE_POST_METHOD": unknown,
    "SIGNERROR": unknown,
    "XML_FORMAT_ERROR": unknown,
    "INVALID_REQUEST": unknown,
}

REFUND_STATUS_STUCK: Final[dict[str, Maker[RefundOutcome]]] = {
    "REFUNDCLOSE": stuck,
    "FAIL": stuck,  # the older word for REFUNDCLOSE
    "CHANGE": stuck,
}
COUNTED_REFUNDS: Final = frozenset({"SUCCESS", "PROCESSING", "CHANGE"})
"""CHANGE too: the provider holds that part of the order as given back, by hand if need be."""

REVERSE_WANTED: Final = "撤销"
"""In the words of any refused pay (`支付失败，请撤销订单`): an order exists, so it is no end."""

WRONG_CONFIGURATION: Final = frozenset(
    {"SIGNERROR", "NOAUTH", "APPID_NOT_EXIST", "MCHID_NOT_EXIST", "APPID_MCHID_NOT_MATCH"}
)
"""Answers to the verification query that are signed and yet say that no payment can work."""

COMPLAINTS: Final = {
    ("签名", "SIGN"): "微信密钥不正确，请核对 api_key_file 与 sign_type",
    ("APPID", "MCH", "商户号"): "微信商户配置不正确，请核对 appid 与 mch_id",
    ("NOAUTH", "权限"): "微信商户没有开通付款码支付",
}
"""What a refused verification query says -> the technician's line. The words are mostly unsigned;
nothing else believes them."""
