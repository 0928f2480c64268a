"""From a verified answer to an outcome. Pure: fields in, value out.

Every function takes fields whose signature has been verified, and still believes them only where
they speak of our merchant and our number.
"""

from collections.abc import Mapping
from dataclasses import replace

from device.channels.meaning import meaning_of
from device.channels.provider_text import beijing_time, provider_number, short_code
from device.channels.wechat import codes
from device.channels.wechat.merchant import Merchant
from device.domain.outcome import (
    Accepted,
    Contradiction,
    Later,
    Open,
    Paid,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    Refunded,
    RefundOrder,
    RefundOutcome,
    RefundPending,
    Returned,
    ReverseOutcome,
    Unknown,
)

SUCCESS = "SUCCESS"
PAID_FORM = "%Y%m%d%H%M%S"
REFUNDED_FORM = "%Y-%m-%d %H:%M:%S"
MAX_FEN_DIGITS = 10
MAX_REFUNDS = 50  # of one order, by WeChat's own limit

Fields = Mapping[str, str]


def ours(fields: Fields, merchant: Merchant) -> bool:
    """Whether the answer names our merchant; a business failure may leave it out."""
    failed = fields.get("result_code") != SUCCESS
    allowed = {"mch_id": merchant.mch_id, "appid": merchant.appid}
    return all(
        fields.get(name) == value or (failed and not fields.get(name))
        for name, value in allowed.items()
    )


def pay(fields: Fields, order: PayOrder) -> PayOutcome:
    """Read a micropay answer; a success that does not fit the order is Unknown, not Paid."""
    if fields.get("result_code") != SUCCESS:
        return _pay_refused(fields, order.out_trade_no)
    wrong = mismatch(fields, order.out_trade_no, order.amount_fen)
    return Unknown(wrong) if wrong else _paid(fields)


def _pay_refused(fields: Fields, out_trade_no: str) -> PayOutcome:
    code, text = failure(fields)
    other_number = fields.get("out_trade_no", out_trade_no) != out_trade_no
    if other_number or codes.REVERSE_WANTED in text:
        return Unknown(short_code(code) or "no code")
    return meaning_of(codes.PAY, code, text)


def query(fields: Fields, out_trade_no: str, amount_fen: int | None) -> QueryOutcome:
    """Read an orderquery answer."""
    if fields.get("result_code") != SUCCESS:
        return meaning_of(codes.QUERY, *failure(fields))
    if fields.get("out_trade_no") != out_trade_no:
        return Unknown("another order")
    state, mark = fields.get("trade_state", ""), fields.get("device_info", "")
    if state not in (codes.PAID_STATE, codes.RETURNED_STATE):
        unpaid = codes.UNPAID_STATES.get(state) or Unknown(short_code(state) or "no trade_state")
        told = fen(fields.get("total_fee", ""))
        return replace(unpaid, mark=mark, amount_fen=told) if isinstance(unpaid, Open) else unpaid
    wrong = mismatch(fields, out_trade_no, amount_fen)
    if wrong:
        return Contradiction(wrong)
    paid = replace(_paid(fields), mark=mark)
    return Returned(paid) if state == codes.RETURNED_STATE else paid


def reverse(fields: Fields) -> ReverseOutcome:
    """Read a reverse answer; `recall=Y` asks for another call."""
    if fields.get("result_code") != SUCCESS:
        return meaning_of(codes.REVERSE, *failure(fields))
    recall = fields.get("recall", "N")
    if recall == "Y":
        return Later("recall")
    return Accepted() if recall == "N" else Unknown("recall")


def refund(fields: Fields, order: RefundOrder) -> RefundOutcome:
    """Read a refund answer: it says accepted, never done (wechat.md §2.4)."""
    if fields.get("result_code") != SUCCESS:
        return meaning_of(codes.REFUND, *failure(fields))
    if fields.get("out_refund_no") != order.out_refund_no:
        return Unknown("another refund")
    if fen(fields.get("refund_fee", "")) != order.amount_fen:
        return Unknown("another refund_fee")
    return RefundPending(provider_number(fields.get("refund_id", "")))


def query_refund(fields: Fields, order: RefundOrder) -> RefundOutcome:
    """Read a refundquery answer by our refund number; the fields are numbered from 0."""
    if fields.get("result_code") != SUCCESS:
        return meaning_of(codes.REFUND_QUERY, *failure(fields))
    for n in range(refund_count(fields)):
        if fields.get(f"out_refund_no_{n}") == order.out_refund_no:
            return _refund_state(fields, n, order)
    return Unknown("another refund")


def _refund_state(fields: Fields, n: int, order: RefundOrder) -> RefundOutcome:
    if fen(fields.get(f"refund_fee_{n}", "")) != order.amount_fen:
        return Unknown("another refund_fee")
    number = provider_number(fields.get(f"refund_id_{n}", ""))
    status = fields.get(f"refund_status_{n}", "")
    if status == SUCCESS:
        at = beijing_time(fields.get(f"refund_success_time_{n}", ""), REFUNDED_FORM)
        return Refunded(number, order.amount_fen, at)
    if status == "PROCESSING":
        return RefundPending(number)
    return meaning_of(codes.REFUND_STATUS_STUCK, status, "")


def given_back(fields: Fields) -> dict[str, int] | None:
    """Return fen by refund number on this page of an order's refunds; None if it cannot be read."""
    refunds: dict[str, int] = {}
    for n in range(refund_count(fields)):
        number = fields.get(f"out_refund_no_{n}") or fields.get(f"refund_id_{n}")
        amount = fen(fields.get(f"refund_fee_{n}", ""))
        status = fields.get(f"refund_status_{n}")
        if not number or amount is None or not status:
            return None
        refunds[number] = amount if status in codes.COUNTED_REFUNDS else 0
    return refunds


def refund_count(fields: Fields) -> int:
    """How many refunds this page holds."""
    return min(fen(fields.get("refund_count", "")) or 0, MAX_REFUNDS)


def failure(fields: Fields) -> tuple[str, str]:
    """Return the code and the words of a business failure, as they came."""
    return fields.get("err_code", ""), fields.get("err_code_des", "")


def mismatch(fields: Fields, out_trade_no: str, amount_fen: int | None) -> str:
    """Say what in a success does not fit; empty if all does."""
    amount = fen(fields.get("total_fee", ""))
    checks = {
        "another out_trade_no": fields.get("out_trade_no") == out_trade_no,
        "another total_fee": bool(amount) and amount_fen in (None, amount),
        "another fee_type": fields.get("fee_type", "") in ("", "CNY"),
        "another trade_type": fields.get("trade_type") == "MICROPAY",
        "no transaction_id": bool(short_code(fields.get("transaction_id", ""))),
    }
    return next((what for what, fits in checks.items() if not fits), "")


def fen(text: str) -> int | None:
    """Return an amount or a count in digits; None for anything else."""
    plain = text.isascii() and text.isdigit() and len(text) <= MAX_FEN_DIGITS
    return int(text) if plain else None


def _paid(fields: Fields) -> Paid:
    return Paid(
        provider_trade_no=fields["transaction_id"][:32],
        amount_fen=int(fields["total_fee"]),
        paid_at=beijing_time(fields.get("time_end", ""), PAID_FORM),
    )
