"""The closed vocabularies: each word is spelled once, here, as it stands in the protocol."""

from enum import StrEnum


class Wallet(StrEnum):
    """Whose code the patient shows."""

    WECHAT = "wechat"
    ALIPAY = "alipay"


WALLET_NAMES = {Wallet.WECHAT: "微信", Wallet.ALIPAY: "支付宝"}


class Business(StrEnum):
    """What the HIS collects for (his-link §2)."""

    REGISTRATION = "registration"
    APPOINTMENT = "appointment"
    OUTPATIENT_FEE = "outpatient_fee"
    OUTPATIENT_PREPAY = "outpatient_prepay"
    INPATIENT_DEPOSIT = "inpatient_deposit"
    INPATIENT_PREPAY = "inpatient_prepay"
    INPATIENT_SETTLEMENT = "inpatient_settlement"


BUSINESS_NAMES = {
    Business.REGISTRATION: "当天挂号",
    Business.APPOINTMENT: "预约挂号",
    Business.OUTPATIENT_FEE: "门诊收费",
    Business.OUTPATIENT_PREPAY: "门诊预交金",
    Business.INPATIENT_DEPOSIT: "住院押金",
    Business.INPATIENT_PREPAY: "住院预交金",
    Business.INPATIENT_SETTLEMENT: "出院结算",
}


class Department(StrEnum):
    """Which side of the hospital collects."""

    OUTPATIENT = "outpatient"
    INPATIENT = "inpatient"


class Form(StrEnum):
    """How a message is written (his-link §2): an answer like its question."""

    JSON = "json"
    XML = "xml"


class Reason(StrEnum):
    """Why a result is what it is (his-link §2); empty stands for none."""

    NONE = ""
    CANCELLED = "cancelled"
    CANCELLED_AT_BOX = "cancelled_at_box"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    RESTARTED = "restarted"
    OFFLINE = "offline"
    DECLINED_BALANCE = "declined_balance"
    DECLINED_LIMIT = "declined_limit"
    DECLINED_CODE = "declined_code"
    DECLINED_ACCOUNT = "declined_account"
    DECLINED_OTHER = "declined_other"
    PAYER_TIMEOUT = "payer_timeout"
    REVERSED = "reversed"
    NOT_BOOKED = "not_booked"
    LATE_PAYMENT_RETURNED = "late_payment_returned"
    MERCHANT_FAULT = "merchant_fault"
    STORAGE_FAILED = "storage_failed"
    MANUAL = "manual"
    # of a refund also
    WINDOW_CLOSED = "window_closed"
    OVER_REFUND = "over_refund"
    PAYER_ACCOUNT = "payer_account"
    BALANCE_SHORT = "balance_short"
    PROVIDER_BUSY = "provider_busy"


ANOTHER_CODE = frozenset(
    {
        Reason.DECLINED_BALANCE,
        Reason.DECLINED_LIMIT,
        Reason.DECLINED_CODE,
        Reason.DECLINED_ACCOUNT,
        Reason.DECLINED_OTHER,
        Reason.STORAGE_FAILED,  # nothing was sent: the intent could not be written
    }
)
"""The reasons after which the patient may show another code."""


class ErrorCode(StrEnum):
    """Why a request changed nothing (his-link §2)."""

    BAD_MESSAGE = "bad_message"
    BAD_AMOUNT = "bad_amount"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    OFFLINE = "offline"
    CLOCK_NOT_SET = "clock_not_set"
    STORAGE_FAILED = "storage_failed"
    OVER_REFUND = "over_refund"
    WINDOW_CLOSED = "window_closed"
    NOT_ALLOWED = "not_allowed"
    HELLO_REQUIRED = "hello_required"
