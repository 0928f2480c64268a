"""From a verified answer node to an outcome. Pure: an object in, a value out.

The object is the one parsed from the signed text, and is believed only where it speaks of our
number.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from device.channels.alipay import codes
from device.channels.meaning import Maker, T, meaning_of
from device.channels.provider_text import beijing_time, short_code, shown
from device.domain.money import parse_yuan
from device.domain.outcome import (
    Accepted,
    Contradiction,
    Later,
    Missing,
    Open,
    Paid,
    PayerConfirming,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    Refunded,
    RefundOrder,
    RefundOutcome,
    RefundPending,
    RefundSum,
    ReverseOutcome,
    Unknown,
    WindowOver,
)

TIME_FORM = "%Y-%m-%d %H:%M:%S"

Node = Mapping[str, Any]


def word(node: Node, name: str) -> str:
    """Return a field; empty if it is absent or no text (all of Alipay's values are text)."""
    value = node.get(name, "")
    return value if isinstance(value, str) else ""


def done(node: Node) -> bool:
    """Whether the call succeeded; a sub_code beside 10000 would contradict it."""
    return word(node, "code") == codes.OK and not node.get("sub_code")


def failure(node: Node) -> tuple[str, str]:
    """Return the table key of a failure, and its words; 20000 without a sub_code is its number."""
    sub_code = word(node, "sub_code")
    text = word(node, "sub_msg") or word(node, "msg")
    if sub_code.endswith(codes.SYSTEM_ERROR):
        return codes.SYSTEM_ERROR, text
    for prefix in codes.BUSINESS_PREFIXES:
        sub_code = sub_code.removeprefix(prefix)
    return sub_code or word(node, "code"), text


def fen(text: str) -> int | None:
    """Return an amount in yuan as fen; None if it is none."""
    try:
        return parse_yuan(text)
    except ValueError:
        return None


def pay(node: Node, order: PayOrder) -> PayOutcome:
    """Read an alipay.trade.pay answer; a success that does not fit the order is Unknown."""
    code = word(node, "code")
    if code == codes.CONFIRMING and word(node, "out_trade_no") == order.out_trade_no:
        return PayerConfirming(short_code(word(node, "trade_no"))[:64])
    if code == codes.OK:
        wrong = mismatch(node, order.out_trade_no, order.amount_fen)
        return Unknown(wrong) if wrong else _paid(node, "gmt_payment")
    if _speaks_of_another(node, order.out_trade_no):
        return Unknown("another out_trade_no")
    return _pay_refused(*failure(node))


def _pay_refused(code: str, text: str) -> PayOutcome:
    family = next((x for x in codes.PAY_FAMILIES if code.startswith(x)), "")
    table = {code: codes.PAY_FAMILIES[family]} if family else codes.PAY
    return meaning_of(table, code, text)


def query(node: Node, out_trade_no: str, amount_fen: int | None) -> QueryOutcome:
    """Read an alipay.trade.query answer."""
    if not done(node):
        return _refused(codes.QUERY, node, out_trade_no)
    if word(node, "out_trade_no") != out_trade_no:
        return Unknown("another order")
    status, mark = word(node, "trade_status"), word(node, "terminal_id")
    if status not in codes.PAID_STATUS:
        unpaid = codes.UNPAID_STATUS.get(status) or Unknown(short_code(status) or "no trade_status")
        told = fen(word(node, "total_amount"))
        return replace(unpaid, mark=mark, amount_fen=told) if isinstance(unpaid, Open) else unpaid
    wrong = mismatch(node, out_trade_no, amount_fen)
    return Contradiction(wrong) if wrong else replace(_paid(node, "send_pay_date"), mark=mark)


def cancel(node: Node, out_trade_no: str) -> ReverseOutcome:
    """Read an alipay.trade.cancel answer: `action` says what was done, `retry_flag` to call again.

    10000 without an action means there is no such trade, or nothing was done (alipay.md §5.3).
    """
    if not done(node):
        outcome = _refused(codes.CANCEL, node, out_trade_no)
        again = word(node, "retry_flag") == "Y" and not isinstance(outcome, Later | WindowOver)
        return Later("retry_flag") if again else outcome
    if _speaks_of_another(node, out_trade_no):
        return Unknown("another order")
    action = word(node, "action")
    if word(node, "retry_flag") == "Y":
        return Later("retry_flag")
    if not node.get("action"):
        return Missing()
    return Accepted() if action in codes.CANCEL_ACTIONS else Unknown("another action")


def refund(node: Node, order: RefundOrder) -> RefundOutcome:
    """Read an alipay.trade.refund answer: only `fund_change=Y` says that money went back.

    `refund_fee` is what the trade has given back in all, so it is at least this refund.
    """
    if not done(node):
        return _refused(codes.REFUND, node, order.out_trade_no)
    if word(node, "out_trade_no") != order.out_trade_no:
        return Unknown("another order")
    number = short_code(word(node, "trade_no"))
    if word(node, "fund_change") != "Y":
        return RefundPending(number)
    total = fen(word(node, "refund_fee"))
    if total is None or not order.amount_fen <= total <= order.total_fen:
        return Unknown("another refund_fee")
    at = beijing_time(word(node, "gmt_refund_pay"), TIME_FORM)
    return Refunded(number, order.amount_fen, at)


def query_refund(node: Node, order: RefundOrder) -> RefundOutcome:
    """Read an alipay.trade.fastpay.refund.query answer.

    An unknown refund is 10000 with nothing in it, so only `refund_status` decides.
    """
    if not done(node):
        return _refused(codes.REFUND_QUERY, node, order.out_trade_no)
    if not node.get("refund_status"):
        return Missing()
    if word(node, "refund_status") != codes.REFUND_DONE:
        return Unknown(short_code(word(node, "refund_status")) or "refund_status")
    ours = (order.out_trade_no, order.out_refund_no)
    if (word(node, "out_trade_no"), word(node, "out_request_no")) != ours:
        return Unknown("another refund")
    if fen(word(node, "refund_amount")) != order.amount_fen:
        return Unknown("another refund_amount")
    at = beijing_time(word(node, "gmt_refund_pay"), TIME_FORM)
    return Refunded(short_code(word(node, "trade_no")), order.amount_fen, at)


def refunded_sum(node: Node, out_trade_no: str) -> RefundSum | Unknown:
    """Read an alipay.trade.query answer for what was given back in all.

    Alipay tells it only at the end: a trade that was paid and is closed went back in full.
    """
    total = fen(word(node, "total_amount"))
    ours = done(node) and word(node, "out_trade_no") == out_trade_no
    closed = word(node, "trade_status") == "TRADE_CLOSED" and bool(word(node, "send_pay_date"))
    return RefundSum(total) if ours and closed and total else Unknown("Alipay does not tell")


def mismatch(node: Node, out_trade_no: str, amount_fen: int | None) -> str:
    """Say what in a success does not fit; empty if all does."""
    amount = fen(word(node, "total_amount"))
    checks = {
        "a sub_code beside success": done(node),
        "another out_trade_no": word(node, "out_trade_no") == out_trade_no,
        "another total_amount": bool(amount) and amount_fen in (None, amount),
        "another currency": word(node, "trans_currency") in ("", "CNY"),
        "no trade_no": bool(short_code(word(node, "trade_no"))),
    }
    return next((what for what, fits in checks.items() if not fits), "")


def _refused(table: Mapping[str, Maker[T]], node: Node, out_trade_no: str) -> T | Unknown:
    if _speaks_of_another(node, out_trade_no):
        return Unknown("another out_trade_no")
    return meaning_of(table, *failure(node))


def _speaks_of_another(node: Node, out_trade_no: str) -> bool:
    return bool(node.get("out_trade_no", out_trade_no) != out_trade_no)


def _paid(node: Node, time_field: str) -> Paid:
    mask = shown(word(node, "buyer_logon_id"))
    return Paid(
        provider_trade_no=word(node, "trade_no")[:64],
        amount_fen=parse_yuan(word(node, "total_amount")),
        paid_at=beijing_time(word(node, time_field), TIME_FORM),
        payer_mask=mask if "*" in mask else "",
    )
