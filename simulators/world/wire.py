"""What a request of the box says, read from its bytes without the box's own code."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx

from simulators.gateway.alipay.reading import METHODS
from simulators.gateway.wechat.reading import PATHS

_XML = re.compile(r"<(\w+)>(?:<!\[CDATA\[)?(.*?)(?:\]\]>)?</\1>", re.DOTALL)
_FEN = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it leaves the box or arrives at a provider."""

    wallet: str
    call: str
    """pay, query, reverse, refund, refund_query"""
    out_trade_no: str
    out_refund_no: str
    amount_fen: int
    code: str = field(repr=False)
    at_s: float

    @property
    def probe(self) -> bool:
        """Whether it asks for a number that cannot exist."""
        return "VERIFY" in self.out_trade_no

    @property
    def moves_money(self) -> bool:
        """Whether it must have a durable row behind it (M2)."""
        return self.call in {"pay", "reverse", "refund"}


def read(request: httpx.Request, at_s: float) -> Sent:
    """Read either wallet's request."""
    path = request.url.path
    if path in PATHS:
        return _wechat(PATHS[path], request.content.decode(), at_s)
    return _alipay(request.url.query.decode(), request.content.decode(), at_s)


def _wechat(call: str, body: str, at_s: float) -> Sent:
    fields = dict(_XML.findall(body.removeprefix("<xml>").removesuffix("</xml>")))
    fen = fields.get("refund_fee") or fields.get("total_fee") or "0"
    return Sent(
        "wechat",
        call,
        fields.get("out_trade_no", ""),
        fields.get("out_refund_no", ""),
        int(fen),
        fields.get("auth_code", ""),
        at_s,
    )


def _alipay(query: str, body: str, at_s: float) -> Sent:
    method = parse_qs(query)["method"][0]
    content = json.loads(parse_qs(body)["biz_content"][0])
    yuan = content.get("refund_amount") or content.get("total_amount") or "0"
    whole, _, cents = yuan.partition(".")
    return Sent(
        "alipay",
        METHODS[method],
        content.get("out_trade_no", ""),
        content.get("out_request_no", ""),
        int(whole) * _FEN + int(cents.ljust(2, "0") or 0),
        content.get("auth_code", ""),
        at_s,
    )
