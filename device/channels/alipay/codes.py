"""What each documented sub_code of Alipay means (alipay.md §5, §7), one table a call.

The keys are sub_codes without their `ACQ.`; gateway sub_codes (`isv.`, `aop.`) stand whole. A code
that is not here is `Unknown`. Codes that stand here as `unknown` are documented and looked at:
they speak of another request with the same number, or of nothing certain, and never end a payment
(payment-states §2, "Never on the allow-list").
"""

from typing import Final

from device.channels.meaning import (
    Maker,
    declined,
    later,
    missing,
    refund_failed,
    refused,
    unknown,
    window_over,
)
from device.domain.outcome import (
    Closed,
    Missing,
    Open,
    PayOutcome,
    RefundOutcome,
    ReverseOutcome,
    Unknown,
)
from device.domain.words import Reason

OK: Final = "10000"
CONFIRMING: Final = "10003"
BUSINESS_PREFIXES: Final = ("ACQ.", "AQC.")  # the second is the gateway's own misspelling
SYSTEM_ERROR: Final = "SYSTEM_ERROR"
"""Comes with several prefixes and codes; known by its end alone (alipay.md §7)."""

OUR_FAULT: Final = declined(Reason.MERCHANT_FAULT)
CODE_FAULT: Final = declined(Reason.DECLINED_CODE)
BALANCE_FAULT: Final = declined(Reason.DECLINED_BALANCE)
LIMIT_FAULT: Final = declined(Reason.DECLINED_LIMIT)
ACCOUNT_FAULT: Final = declined(Reason.DECLINED_ACCOUNT)
OTHER_FAULT: Final = declined(Reason.DECLINED_OTHER)

WRONG_CONFIGURATION: Final = frozenset(
    {
        "isv.missing-method",
        "isv.missing-signature",
        "isv.missing-app-id",
        "isv.missing-timestamp",
        "isv.missing-version",
        "isv.missing-app-cert-sn",
        "isv.invalid-signature",
        "isv.invalid-app-id",
        "isv.invalid-timestamp",
        "isv.app-cert-not-exist",
        "isv.code-invalid",
        "isv.insufficient-isv-permissions",
        "aop.invalid-auth-token",
        "aop.auth-token-time-out",
        "aop.invalid-app-auth-token",
        "aop.app-auth-token-time-out",
        "aop.invalid-app-auth-token-no-api",
    }
)
"""The gateway refused the request before any business: a technician (alipay.md §7)."""

PAY: Final[dict[str, Maker[PayOutcome]]] = {
    # nobody knows, or they speak of an earlier use of the number, which may hold money
    "SYSTEM_ERROR": unknown,
    "TRADE_HAS_SUCCESS": unknown,
    "CONTEXT_INCONSISTENT": unknown,
    "TRADE_BUYER_NOT_MATCH": unknown,
    "PAYMENT_FAIL": unknown,
    "isp.unknow-error": unknown,
    "aop.unknow-error": unknown,
    # the payer's side: another code may be shown
    "PAYMENT_AUTH_CODE_INVALID": CODE_FAULT,
    "PULL_MOBILE_CASHIER_FAIL": CODE_FAULT,
    "BUYER_BALANCE_NOT_ENOUGH": BALANCE_FAULT,
    "BUYER_BANKCARD_BALANCE_NOT_ENOUGH": BALANCE_FAULT,
    "ERROR_BUYER_CERTIFY_LEVEL_LIMIT": LIMIT_FAULT,
    "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR": LIMIT_FAULT,
    "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR": LIMIT_FAULT,
    "ERROR_BALANCE_PAYMENT_DISABLE": ACCOUNT_FAULT,
    "MOBILE_PAYMENT_SWITCH_OFF": ACCOUNT_FAULT,
    "USER_FACE_PAYMENT_SWITCH_OFF": ACCOUNT_FAULT,
    "BUYER_ENABLE_STATUS_FORBID": ACCOUNT_FAULT,
    "BUYER_SELLER_EQUAL": ACCOUNT_FAULT,
    "PAYMENT_REQUEST_HAS_RISK": ACCOUNT_FAULT,
    "NO_PAYMENT_INSTRUMENTS_AVAILABLE": OTHER_FAULT,
    "TRADE_HAS_CLOSE": OTHER_FAULT,
    # the merchant's side: a technician
    "TOTAL_FEE_EXCEED": OUR_FAULT,
    "EXIST_FORBIDDEN_WORD": OUR_FAULT,
    "INVALID_PARAMETER": OUR_FAULT,
    "INVALID_STORE_ID": OUR_FAULT,
    "ACCESS_FORBIDDEN": OUR_FAULT,
    "PARTNER_ERROR": OUR_FAULT,
    "SELLER_BEEN_BLOCKED": OUR_FAULT,
    "BEYOND_PAY_RESTRICTION": OUR_FAULT,
    "BEYOND_PER_RECEIPT_RESTRICTION": OUR_FAULT,
    **dict.fromkeys(sorted(WRONG_CONFIGURATION), OUR_FAULT),
}
PAY_FAMILIES: Final[dict[str, Maker[PayOutcome]]] = {
    "SUB_MERCHANT_": OUR_FAULT,
    "AGREEMENT_": OUR_FAULT,
}
"""Documented as families only (`SUB_MERCHANT_*`, `AGREEMENT_*`)."""

QUERY: Final[dict[str, Maker[Missing | Unknown]]] = {
    "TRADE_NOT_EXIST": missing,
    "SYSTEM_ERROR": unknown,
    "INVALID_PARAMETER": unknown,
}

PAID_STATUS: Final = frozenset({"TRADE_SUCCESS", "TRADE_FINISHED"})
UNPAID_STATUS: Final[dict[str, Open | Closed]] = {
    "WAIT_BUYER_PAY": Open(),
    "TRADE_CLOSED": Closed(),
}

CANCEL: Final[dict[str, Maker[ReverseOutcome]]] = {
    "SYSTEM_ERROR": later(),
    "SELLER_BALANCE_NOT_ENOUGH": later(Reason.BALANCE_SHORT),
    "TRADE_CANCEL_TIME_OUT": window_over,
    "TRADE_NOT_EXIST": missing,  # not in the page's table for this call; it can mean nothing else
    "CANCEL_NOT_ALLOWED": refused,
    "INVALID_PARAMETER": refused,
    "REASON_TRADE_BEEN_FREEZEN": refused,
    "REASON_TRADE_REFUND_FEE_ERR": refused,
    "TRADE_HAS_FINISHED": refused,
}
CANCEL_ACTIONS: Final = frozenset({"close", "refund"})

REFUND: Final[dict[str, Maker[RefundOutcome]]] = {
    # the same number again, later
    "SYSTEM_ERROR": later(),
    "SELLER_BALANCE_NOT_ENOUGH": later(Reason.BALANCE_SHORT),
    "REASON_TRADE_BEEN_FREEZEN": later(),  # a freeze is lifted or not; only time tells
    "DISCORDANT_REPEAT_REQUEST": unknown,  # this number exists with another amount
    "TRADE_STATUS_ERROR": unknown,
    "TRADE_NOT_EXIST": missing,
    # it can never succeed
    "TRADE_HAS_FINISHED": refund_failed(Reason.WINDOW_CLOSED),
    "REASON_TRADE_REFUND_FEE_ERR": refund_failed(Reason.OVER_REFUND),
    "REFUND_AMT_NOT_EQUAL_TOTAL": refund_failed(Reason.MERCHANT_FAULT),
    "TRADE_NOT_ALLOW_REFUND": refund_failed(Reason.MERCHANT_FAULT),
    "INVALID_PARAMETER": refund_failed(Reason.MERCHANT_FAULT),
}
REFUND_DONE: Final = "REFUND_SUCCESS"

REFUND_QUERY: Final[dict[str, Maker[RefundOutcome]]] = {
    "TRADE_NOT_EXIST": missing,
    "SYSTEM_ERROR": unknown,
    "INVALID_PARAMETER": unknown,
}

COMPLAINTS: Final = {
    "isv.invalid-signature": "支付宝验签不通过，请核对 private_key_file 与平台上的应用公钥",
    "isv.missing-signature": "支付宝验签不通过，请核对 private_key_file 与平台上的应用公钥",
    "isv.invalid-app-id": "支付宝 app_id 不正确",
    "isv.missing-app-id": "支付宝 app_id 不正确",
    "isv.invalid-timestamp": "盒子的时间不对，支付宝不接受",
    "isv.app-cert-not-exist": "支付宝应用证书不正确，请核对 app_cert_file",
    "isv.missing-app-cert-sn": "此应用须用证书方式，请配置三个证书文件",
    "isv.insufficient-isv-permissions": "此应用没有上线或没有签约当面付",
}
"""What a refused verification query says -> the technician's line."""
