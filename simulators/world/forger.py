"""Somebody on the line who has no key: answers that say paid, with a made-up signature."""

import json

from simulators.gateway.wire import Answer
from simulators.world.wire import Sent

_METHODS = {"pay": "alipay_trade_pay_response", "query": "alipay_trade_query_response"}
_FEN = 100


def forged(sent: Sent) -> Answer:
    """Return what the provider would say of a paid order, but for the signature."""
    return _wechat(sent) if sent.wallet == "wechat" else _alipay(sent)


def _wechat(sent: Sent) -> Answer:
    fields = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": "wx2421b1c4370ec43b",
        "mch_id": "1900000109",
        "nonce_str": "0" * 32,
        "trade_state": "SUCCESS",
        "trade_type": "MICROPAY",
        "bank_type": "OTHERS",
        "fee_type": "CNY",
        "total_fee": str(sent.amount_fen or 1),
        "out_trade_no": sent.out_trade_no,
        "transaction_id": "4200" + "0" * 24,
        "time_end": "20261123090000",
        "sign": "0" * 32,
    }
    inner = "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in fields.items())
    return Answer(f"<xml>{inner}</xml>".encode(), "text/xml")


def _alipay(sent: Sent) -> Answer:
    whole, cents = divmod(sent.amount_fen or 1, _FEN)
    node = {
        "code": "10000",
        "msg": "Success",
        "out_trade_no": sent.out_trade_no,
        "trade_no": "2026112300000000000000000000",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": f"{whole}.{cents:02}",
        "gmt_payment": "2026-11-23 09:00:00",
        "send_pay_date": "2026-11-23 09:00:00",
    }
    return Answer(json.dumps({_METHODS[sent.call]: node, "sign": "AAAA"}).encode(), "text/html")
