"""The five methods of Alipay: ``biz_content`` in, response node out (alipay §5)."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from simulators.gateway import cashier
from simulators.gateway.alipay import texts
from simulators.gateway.book import Book, fingerprint
from simulators.gateway.cashier import Refunding, Refusal, Refused, Reversal
from simulators.gateway.clock import spaced
from simulators.gateway.model import PayOrder, Refund, RefundStatus, State, Trade, Wallet
from simulators.gateway.scripts import Turn
from simulators.gateway.wire import Call

Node = dict[str, Any]

_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}")
_CODE = re.compile(r"(2[5-9]|30)[0-9]{14,22}")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?")
_TIMEOUT = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNIT_S = {"m": 60, "h": 3600, "d": 86_400}
MAX_SUBJECT_CHARS = 256
BUYER = MappingProxyType({"buyer_logon_id": "138****0001", "buyer_user_id": "2088102363632794"})
_NOTHING = MappingProxyType(
    dict.fromkeys(("buyer_pay_amount", "invoice_amount", "point_amount", "receipt_amount"), "0.00")
)


def success(**fields: Any) -> Node:
    """10000; for pay paid, for the others done."""
    return {"code": "10000", "msg": "Success", **fields}


def failure(sub_code: str, text: str = "", **fields: Any) -> Node:
    """40004 with a sub code; signed like any answer."""
    described = text or texts.TEXTS.get(sub_code, "业务处理失败")
    told = {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": described}
    return {**told, **fields}


def yuan(fen: int) -> str:
    """``1234`` to ``12.34``."""
    return f"{fen // 100}.{fen % 100:02d}"


def fen(value: object) -> int:
    """``"12.34"`` (or a JSON number) to 1234; 0 if it is no amount."""
    text = str(value)
    if not _AMOUNT.fullmatch(text):
        return 0
    whole, _, cents = text.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0") or 0)


def pay(book: Book, call: Call, turn: Turn) -> Node:
    """alipay.trade.pay."""
    content = call.fields
    number = call.asked.out_trade_no
    failed = {"out_trade_no": number, **_NOTHING}
    if problem := _pay_problem(content):
        return failure("ACQ.INVALID_PARAMETER", f"参数无效：{problem}", **failed)
    if not _CODE.fullmatch(call.asked.code):
        return failure("ACQ.PAYMENT_AUTH_CODE_INVALID", **failed)
    found = cashier.pay(book, order_of(call), turn)
    if isinstance(found, Refused):
        declined = found.why is Refusal.DECLINED
        return failure(found.code if declined else texts.REFUSALS[found.why], **failed)
    if found.state is State.PAYING:
        asking = {"code": "10003", "msg": " order success pay inprocess", **BUYER, **_NOTHING}
        return {**asking, **_numbers(found), "total_amount": yuan(found.order.amount_fen)}
    return success(**_paid(found), gmt_payment=spaced(found.paid_at or 0))


def query(book: Book, call: Call, turn: Turn) -> Node:
    """alipay.trade.query."""
    trade = book.find(Wallet.ALIPAY, call.asked.out_trade_no)
    if trade is None:
        return failure("ACQ.TRADE_NOT_EXIST", out_trade_no=call.asked.out_trade_no, **_NOTHING)
    lag = turn.take("query_lag")
    if lag and book.clock.now() < trade.created_at + float(lag.get("for_s")):
        code = lag.get("code") or "ACQ.TRADE_NOT_EXIST"
        return failure(code, out_trade_no=call.asked.out_trade_no, **_NOTHING)
    status = trade_status(trade, book.clock.now())
    if trade.paid_at is None:
        unpaid = {**BUYER, **_NOTHING, "total_amount": yuan(trade.order.amount_fen)}
        told = success(**unpaid, **_numbers(trade), trade_status=status)
    else:
        told = success(**_paid(trade), send_pay_date=spaced(trade.paid_at), trade_status=status)
    if trade.order.device:
        told["terminal_id"] = trade.order.device
    return told


def cancel(book: Book, call: Call, turn: Turn) -> Node:
    """alipay.trade.cancel: unpaid is closed, paid is refunded, unknown is nothing."""
    number = call.asked.out_trade_no
    trade = book.find(Wallet.ALIPAY, number)
    found = cashier.reverse(book, Wallet.ALIPAY, number, turn)
    if found in texts.REVERSALS:
        return failure(texts.REVERSALS[found], out_trade_no=number)
    retry = "Y" if found is Reversal.AGAIN else "N"
    told = success(out_trade_no=number, retry_flag=retry)
    actions = {Reversal.CLOSED: "close", Reversal.GIVEN_BACK: "refund"}
    if found in actions:
        told["action"] = actions[found]
        if trade is not None:
            told["trade_no"] = trade.trade_no
    return told


def refund(book: Book, call: Call, turn: Turn) -> Node:
    """alipay.trade.refund: ``fund_change`` Y the first time, N for the same number again."""
    content = call.fields
    failed = {"refund_fee": "0.00", "send_back_fee": "0.00"}
    trade = book.find(Wallet.ALIPAY, call.asked.out_trade_no)
    amount_fen = fen(content.get("refund_amount", ""))
    number = str(content.get("out_request_no", ""))
    if not number and trade is not None and amount_fen != trade.order.amount_fen:
        return failure("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", **failed)
    number = number or call.asked.out_trade_no
    reason = str(content.get("refund_reason", ""))
    found = cashier.refund(book, trade, number, amount_fen, reason, turn)
    if isinstance(found, Refunding):
        return failure(texts.REFUNDINGS[found], **failed)
    assert trade is not None
    return success(**_refunded(trade, found, book.clock.now()))


def refund_query(book: Book, call: Call, turn: Turn) -> Node:
    """alipay.trade.fastpay.refund.query; an unknown number still answers 10000 (alipay §5.5)."""
    trade = book.find(Wallet.ALIPAY, call.asked.out_trade_no)
    if trade is None:
        return failure("ACQ.TRADE_NOT_EXIST")
    one = trade.refund(str(call.fields.get("out_request_no") or call.asked.out_trade_no))
    lag = turn.take("query_lag")
    now = book.clock.now()
    if one is None or (lag and now < one.requested_at + float(lag.get("for_s"))):
        return success()
    told = success(
        **_numbers(trade),
        out_request_no=one.number,
        refund_reason=one.reason,
        total_amount=yuan(trade.order.amount_fen),
        refund_amount=yuan(one.amount_fen),
    )
    if one.status(now) is RefundStatus.SUCCESS:
        told["refund_status"] = "REFUND_SUCCESS"
        told["gmt_refund_pay"] = spaced(one.done_at)
    return told


CALLS: MappingProxyType[str, Callable[[Book, Call, Turn], Node]] = MappingProxyType(
    {
        "pay": pay,
        "query": query,
        "reverse": cancel,
        "refund": refund,
        "refund_query": refund_query,
    }
)


def order_of(call: Call) -> PayOrder:
    """The pay request in the provider's own words."""
    content = call.fields
    timeout = _TIMEOUT.fullmatch(str(content.get("timeout_express", "")))
    return PayOrder(
        wallet=Wallet.ALIPAY,
        out_trade_no=call.asked.out_trade_no,
        amount_fen=call.asked.amount_fen,
        code=call.asked.code,
        subject=str(content.get("subject", "")),
        fingerprint=fingerprint(dict(content)),
        device=str(content.get("terminal_id", "")),
        timeout_s=int(timeout[1]) * _UNIT_S[timeout[2]] if timeout else None,
    )


def trade_status(trade: Trade, now: float) -> str:
    """Alipay's word for the state; refunded in full is TRADE_CLOSED too (alipay §5.2)."""
    if trade.state is State.PAID:
        whole = trade.refunded_fen(now) == trade.order.amount_fen
        return "TRADE_CLOSED" if whole else "TRADE_SUCCESS"
    waiting = trade.state in (State.PAYING, State.FAILED)
    return "WAIT_BUYER_PAY" if waiting else "TRADE_CLOSED"


def _pay_problem(content: Mapping[str, Any]) -> str:
    if not _NUMBER.fullmatch(str(content.get("out_trade_no", ""))):
        return "out_trade_no"
    if not fen(content.get("total_amount", "")):
        return "total_amount"
    if content.get("scene", "bar_code") != "bar_code":
        return "scene"
    if not 0 < len(str(content.get("subject", ""))) <= MAX_SUBJECT_CHARS:
        return "subject"
    timeout = content.get("timeout_express")
    if timeout is not None and not _TIMEOUT.fullmatch(str(timeout)):
        return "timeout_express"
    return ""


def _numbers(trade: Trade) -> Node:
    return {"trade_no": trade.trade_no, "out_trade_no": trade.order.out_trade_no}


def _paid(trade: Trade) -> Node:
    amount = yuan(trade.order.amount_fen)
    return {
        **_numbers(trade),
        **BUYER,
        "total_amount": amount,
        "receipt_amount": amount,
        "buyer_pay_amount": amount,
        "invoice_amount": amount,
        "point_amount": "0.00",
        "fund_bill_list": [{"amount": amount, "fund_channel": "ALIPAYACCOUNT"}],
    }


def _refunded(trade: Trade, one: Refund, now: float) -> Node:
    """Tell ``refund_fee``, the sum of all refunds of the trade, not this one (alipay §5.4)."""
    moved = one.status(now) is RefundStatus.SUCCESS and one.said == 1
    return {
        **_numbers(trade),
        **BUYER,
        "fund_change": "Y" if moved else "N",
        "refund_fee": yuan(trade.refunded_fen(now)),
        "gmt_refund_pay": spaced(one.done_at),
    }
