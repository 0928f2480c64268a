"""The five calls of WeChat Pay v2: checked fields in, result fields out (wechat §2.1-2.5)."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from simulators.gateway import cashier
from simulators.gateway.book import Book, fingerprint
from simulators.gateway.cashier import Refunding, Refusal, Refused, Reversal
from simulators.gateway.clock import compact, spaced
from simulators.gateway.model import PayOrder, Refund, State, Trade, Wallet
from simulators.gateway.scripts import Turn
from simulators.gateway.wechat import texts
from simulators.gateway.wire import Call

Fields = dict[str, str]

_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,32}")
_REFUND_NUMBER = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_CODE = re.compile(r"1[0-5][0-9]{16}")
MAX_BODY_CHARS = 127  # wechat §2.1; bytes or characters is not documented
MAX_DEVICE_CHARS = 32
PAGE = 10  # refunds in one answer (wechat §2.5)
OPENID = "oUpF8uN95-Ptaags6E_roPHg7AG0"  # the documents' own sample

_NOT_IN_FINGERPRINT = ("sign", "nonce_str", "sign_type")


def success(**fields: str) -> Fields:
    """Give a result that went well."""
    return {"result_code": "SUCCESS", **fields}


def failure(code: str, text: str = "") -> Fields:
    """Give a business failure; it is signed like any answer."""
    described = text or texts.TEXTS.get(code, "业务错误")
    return {"result_code": "FAIL", "err_code": code, "err_code_des": described}


def pay(book: Book, call: Call, turn: Turn) -> Fields:
    """Micropay."""
    fields = call.fields
    if problem := _pay_problem(fields):
        return failure("PARAM_ERROR", problem)
    if not _CODE.fullmatch(fields["auth_code"]):
        return failure(
            "AUTH_CODE_INVALID", "请扫描微信支付授权码(以10,11,12,13,14,15开头的18位数字)"
        )
    found = cashier.pay(book, order_of(call), turn)
    if isinstance(found, Refused):
        if found.why is Refusal.DECLINED:
            return failure(found.code)
        return failure(*texts.REFUSALS[found.why])
    return success(**_paid(found)) if found.state is State.PAID else failure("USERPAYING")


def query(book: Book, call: Call, turn: Turn) -> Fields:
    """Orderquery."""
    trade = book.find(Wallet.WECHAT, call.asked.out_trade_no)
    if not call.asked.out_trade_no:
        unknown = "transaction_id" in call.fields
        return failure("ORDERNOTEXIST") if unknown else failure("PARAM_ERROR", "缺少参数")
    if trade is None:
        return failure("ORDERNOTEXIST")
    lag = turn.take("query_lag")
    if lag and book.clock.now() < trade.created_at + float(lag.get("for_s")):
        code = lag.get("code") or "ORDERNOTEXIST"
        return failure(code, "微信订单号非法" if code == "PARAM_ERROR" else "")
    return success(**_state(trade))


def reverse(book: Book, call: Call, turn: Turn) -> Fields:
    """Reverse; paid is given back, unpaid is closed."""
    if not call.asked.out_trade_no:
        return failure("INVALID_TRANSACTIONID", "无效transaction_id")
    found = cashier.reverse(book, Wallet.WECHAT, call.asked.out_trade_no, turn)
    if found in texts.REVERSALS:
        return failure(*texts.REVERSALS[found])
    return success(recall="Y" if found is Reversal.AGAIN else "N")


def refund(book: Book, call: Call, turn: Turn) -> Fields:
    """Refund; the answer means accepted, the refund query says done."""
    fields = call.fields
    trade = book.find(Wallet.WECHAT, call.asked.out_trade_no)
    if problem := _refund_problem(fields, trade):
        return failure("PARAM_ERROR", problem)
    number, reason = fields["out_refund_no"], fields.get("refund_desc", "")
    found = cashier.refund(book, trade, number, int(fields["refund_fee"]), reason, turn)
    if isinstance(found, Refunding):
        return failure(*texts.REFUNDINGS[found])
    assert trade is not None
    return success(**_numbers(trade), **_refunded(trade, found))


def refund_query(book: Book, call: Call, turn: Turn) -> Fields:
    """Refundquery, ten refunds from ``offset`` on."""
    trade = book.find(Wallet.WECHAT, call.asked.out_trade_no)
    lag = turn.take("query_lag")
    if trade is None or not trade.refunds or (lag and _lags(book, trade, lag.get("for_s"))):
        return failure("REFUNDNOTEXIST")
    chosen = _chosen(trade, call.fields)
    if not chosen:
        return failure("REFUNDNOTEXIST")
    offset = int(call.fields.get("offset") or 0)
    if offset >= len(chosen):
        return failure("PARAM_ERROR", "offset超过总笔数")
    page = chosen[offset : offset + PAGE]
    now = book.clock.now()
    listed: Fields = {}
    for index, one in enumerate(page):
        listed |= {f"{name}_{index}": value for name, value in _listed(one, now).items()}
    total = {"total_refund_count": str(len(chosen)), "refund_count": str(len(page))}
    return success(**_numbers(trade), **_money(trade), **total, **listed)


CALLS: MappingProxyType[str, Callable[[Book, Call, Turn], Fields]] = MappingProxyType(
    {
        "pay": pay,
        "query": query,
        "reverse": reverse,
        "refund": refund,
        "refund_query": refund_query,
    }
)


def order_of(call: Call) -> PayOrder:
    """The pay request in the provider's own words."""
    fields = call.fields
    facts = {name: value for name, value in fields.items() if name not in _NOT_IN_FINGERPRINT}
    return PayOrder(
        wallet=Wallet.WECHAT,
        out_trade_no=call.asked.out_trade_no,
        amount_fen=call.asked.amount_fen,
        code=call.asked.code,
        subject=fields["body"],
        fingerprint=fingerprint(facts),
        device=fields.get("device_info", ""),
        attach=fields.get("attach", ""),
    )


def _pay_problem(fields: Mapping[str, str]) -> str:
    if "trade_type" in fields:
        return "无效的trade_type"
    if not _NUMBER.fullmatch(fields["out_trade_no"]):
        return "out_trade_no参数格式错误"
    if not _is_amount(fields["total_fee"]):
        return "total_fee参数格式错误"
    if len(fields["body"]) > MAX_BODY_CHARS:
        return "body参数长度有误"
    if len(fields.get("device_info", "")) > MAX_DEVICE_CHARS:
        return "device_info参数长度有误"
    return ""


def _refund_problem(fields: Mapping[str, str], trade: Trade | None) -> str:
    if not _REFUND_NUMBER.fullmatch(fields["out_refund_no"]):
        return "out_refund_no参数格式错误"
    if not (_is_amount(fields["total_fee"]) and _is_amount(fields["refund_fee"])):
        return "金额参数格式错误"
    if trade is not None and int(fields["total_fee"]) != trade.order.amount_fen:
        return "订单金额不一致"
    return ""


def _is_amount(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _lags(book: Book, trade: Trade, for_s: float) -> bool:
    return book.clock.now() < trade.refunds[-1].requested_at + float(for_s)


def _numbers(trade: Trade) -> Fields:
    return {"transaction_id": trade.trade_no, "out_trade_no": trade.order.out_trade_no}


def _money(trade: Trade) -> Fields:
    fen = str(trade.order.amount_fen)
    return {"total_fee": fen, "cash_fee": fen, "fee_type": "CNY", "cash_fee_type": "CNY"}


def _paid(trade: Trade) -> Fields:
    assert trade.paid_at is not None
    return {
        "openid": OPENID,
        "is_subscribe": "N",
        "trade_type": "MICROPAY",
        "bank_type": "OTHERS",
        **_money(trade),
        **_numbers(trade),
        "attach": trade.order.attach,
        "time_end": compact(trade.paid_at),
    }


def trade_state(trade: Trade) -> str:
    """WeChat's word for the state (table in `model`)."""
    match trade.state:
        case State.PAYING:
            return "USERPAYING"
        case State.PAID:
            return "REFUND" if trade.refunds else "SUCCESS"
        case State.FAILED:
            return trade.plan.shows if trade.plan else "PAYERROR"
        case _:
            return "REVOKED"


def _state(trade: Trade) -> Fields:
    word = trade_state(trade)
    told = {
        "trade_state": word,
        "trade_state_desc": texts.STATE_TEXTS[word],
        "device_info": trade.order.device,  # of the order, not of who asks
    }
    if trade.paid_at is not None:
        return {**_paid(trade), **told}
    # Not paid: only these come back (wechat §2.2).
    return {"out_trade_no": trade.order.out_trade_no, "attach": trade.order.attach, **told}


def _refunded(trade: Trade, one: Refund) -> Fields:
    fen = str(one.amount_fen)
    return {
        "out_refund_no": one.number,
        "refund_id": one.provider_no,
        "refund_channel": "",
        "refund_fee": fen,
        "cash_refund_fee": fen,
        "coupon_refund_fee": "0",
        "coupon_refund_count": "0",
        "total_fee": str(trade.order.amount_fen),
        "cash_fee": str(trade.order.amount_fen),
    }


def _chosen(trade: Trade, fields: Mapping[str, str]) -> list[Refund]:
    """Return one refund by its number, else all of the order."""
    number, provider_no = fields.get("out_refund_no"), fields.get("refund_id")
    if provider_no:
        return [one for one in trade.refunds if one.provider_no == provider_no]
    if number:
        return [one for one in trade.refunds if one.number == number]
    return trade.refunds


def _listed(one: Refund, now: float) -> Fields:
    status = one.status(now)
    done = {"refund_success_time": spaced(one.done_at)} if status == "SUCCESS" else {}
    return {
        "out_refund_no": one.number,
        "refund_id": one.provider_no,
        "refund_channel": "ORIGINAL",
        "refund_fee": str(one.amount_fen),
        "refund_status": status.value,
        "refund_account": "REFUND_SOURCE_UNSETTLED_FUNDS",
        # sic: the API's own misspelling (wechat §2.5)
        "refund_recv_accout": "支付用户的零钱",
        **done,
    }
