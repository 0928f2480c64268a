"""What goes over the network cable, in a few words for the timeline: which call, which answer.

Both providers are plain HTTP on this machine, so the words can be read from the bytes. No payer
code, amount or signature is taken from them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_plus

from simulators.demo.cable import Tap, Way

MAX_HELD_BYTES = 65536  # of one request or answer; a bill is longer and is not for the timeline

_REQUEST = re.compile(rb"\A(?:POST|GET) ([^ ?]+)(\?[^ ]*)? HTTP/1\.1\r\n")
_ALIPAY_METHOD = re.compile(r"(?:^|[?&])method=alipay\.trade\.([a-z.]+)")
_STATUS = re.compile(rb"\AHTTP/1\.1 (\d{3})")
_WORDS = (
    re.compile(rb"<trade_state>(?:<!\[CDATA\[)?([A-Z_]+)"),
    re.compile(rb"<err_code>(?:<!\[CDATA\[)?([A-Z_]+)"),
    re.compile(rb"<refund_status_0>(?:<!\[CDATA\[)?([A-Z_]+)"),
    re.compile(rb"<result_code>(?:<!\[CDATA\[)?([A-Z_]+)"),
    re.compile(rb"<return_code>(?:<!\[CDATA\[)?([A-Z_]+)"),
    re.compile(rb'"sub_code"\s*:\s*"([\w.\-]+)"'),
    re.compile(rb'"trade_status"\s*:\s*"([A-Z_]+)"'),
    re.compile(rb'"action"\s*:\s*"([a-z]+)"'),
    re.compile(rb'"code"\s*:\s*"(\d+)"'),
)
"""The most telling first."""
_CALLS = {
    "/pay/micropay": "扣款 micropay",
    "/pay/orderquery": "查询 orderquery",
    "/secapi/pay/reverse": "撤销 reverse",
    "/secapi/pay/refund": "退款 refund",
    "/pay/refundquery": "退款查询 refundquery",
    "pay": "扣款 trade.pay",
    "query": "查询 trade.query",
    "cancel": "撤销 trade.cancel",
    "refund": "退款 trade.refund",
    "fastpay.refund.query": "退款查询 refund.query",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that left the box, or the answer that came for it."""

    way: Way
    wallet: str
    call: str
    answer: str = ""
    """Empty for a request and for an answer with nothing readable in it."""


class NetTap:
    """Tells of every exchange between the box and the providers."""

    def __init__(self, on_exchange: Callable[[Exchange], None]) -> None:
        self._on_exchange = on_exchange

    def connection(self) -> Tap:
        """Return the reader of one new connection."""
        return _Conversation(self._on_exchange).read


class _Conversation:
    """One connection: requests and answers take turns on it."""

    def __init__(self, on_exchange: Callable[[Exchange], None]) -> None:
        self._on_exchange = on_exchange
        self._held = dict.fromkeys(Way, b"")
        self._asked: Exchange | None = None

    def read(self, way: Way, data: bytes) -> None:
        other = Way.IN if way is Way.OUT else Way.OUT
        self._held[other] = b""
        self._held[way] = (self._held[way] + data)[:MAX_HELD_BYTES]
        if not _complete(self._held[way]):
            return
        told = self._request() if way is Way.OUT else self._answer()
        self._held[way] = b""
        if told:
            self._on_exchange(told)

    def _request(self) -> Exchange | None:
        match = _REQUEST.match(self._held[Way.OUT])
        if not match:
            return None
        path = match[1].decode("ascii", errors="replace")
        fields = unquote_plus((match[2] or b"").decode("ascii", errors="replace"))
        body = self._held[Way.OUT].partition(b"\r\n\r\n")[2]
        method = _ALIPAY_METHOD.search(fields + "&" + unquote_plus(body.decode(errors="replace")))
        wallet, call = ("alipay", method[1]) if method else ("wechat", path)
        self._asked = Exchange(Way.OUT, wallet, _CALLS.get(call, call))
        return self._asked

    def _answer(self) -> Exchange | None:
        if self._asked is None:
            return None
        status = _STATUS.match(self._held[Way.IN])
        words = (pattern.search(self._held[Way.IN]) for pattern in _WORDS)
        word = next((found[1].decode() for found in words if found), "")
        if not word and status:
            word = f"HTTP {status[1].decode()}"
        return Exchange(Way.IN, self._asked.wallet, self._asked.call, word)


def _complete(data: bytes) -> bool:
    """Whether the head and as many bytes of body as it promises are there."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return len(body) >= (int(length[1]) if length else 0)
