"""Request in, delivery out: the whole gateway without a socket or a timer.

The order of things is the same for both wallets: read and verify; write down the arrival; faults
before processing; scripted errors; processing; writing and signing; faults of delivery.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from simulators.gateway import cashier
from simulators.gateway.alipay import bill
from simulators.gateway.alipay.dialect import AlipayDialect
from simulators.gateway.behaviours import Rule, read_rule
from simulators.gateway.book import Book
from simulators.gateway.clock import Clock
from simulators.gateway.merchant import Merchant
from simulators.gateway.model import PayOrder
from simulators.gateway.rules import Rules
from simulators.gateway.scripts import Scripts, Turn
from simulators.gateway.wechat.dialect import WechatDialect
from simulators.gateway.wechat.reading import PATHS
from simulators.gateway.wire import (
    EMPTY,
    GARBAGE,
    HTML_200,
    HTML_502,
    NOT_FOUND,
    REDIRECT,
    Answer,
    Call,
    Delivery,
    Ending,
    HttpRequest,
)

ALIPAY_PATH = "/gateway.do"
_ERRORS = (
    "error",
    "system_error",
    "system_error_not_created",
    "bank_error",
    "unavailable",
    "charset_error",
)
_PAGES: Mapping[str, Answer] = {
    "http_502": HTML_502,
    "html": HTML_200,
    "garbage": GARBAGE,
    "empty": EMPTY,
    "redirect": REDIRECT,
}


class Dialect(Protocol):
    """One wallet's way of speaking."""

    def read(self, request: HttpRequest) -> Call | Answer:
        """Check what a gateway checks before business."""

    def order_of(self, call: Call) -> PayOrder:
        """The order of a pay call."""

    def process(self, call: Call, turn: Turn) -> dict[str, Any] | Answer:
        """Do it."""

    def error(self, call: Call, rule: Rule) -> dict[str, Any] | Answer:
        """Say a scripted error."""

    def write(self, call: Call, result: dict[str, Any], turn: Turn) -> Answer:
        """Sign and write."""


class Provider:
    """Both wallets over one book."""

    def __init__(
        self, merchant: Merchant, clock: Clock | None = None, rules: Rules | None = None
    ) -> None:
        self.merchant = merchant
        self.clock = clock or Clock()
        self.rules = rules or Rules()
        self.book = Book(self.clock, self.rules)
        self.scripts = Scripts()
        self._wechat = WechatDialect(merchant, self.book)
        self._alipay = AlipayDialect(merchant, self.book)

    def receive(self, request: HttpRequest) -> Delivery:
        """Answer one request."""
        path = urlsplit(request.target).path
        if path == ALIPAY_PATH:
            return self._receive(self._alipay, request)
        if path in PATHS:
            return self._receive(self._wechat, request)
        if path == bill.PATH:
            return Delivery(bill.download(request, self.book))
        return Delivery(NOT_FOUND)

    def _receive(self, dialect: Dialect, request: HttpRequest) -> Delivery:
        call = dialect.read(request)
        if isinstance(call, Answer):
            return Delivery(call)
        asked = call.asked
        self.book.arrived(asked.wallet, asked.call, asked.out_trade_no)
        turn = self.scripts.turn(asked)
        if rule := turn.take("drop_before"):
            return Delivery(None, Ending(rule.get("how")))
        if asked.call == "pay" and (late := turn.take("late_pay")):
            return self._pay_later(dialect, call, turn, late)
        return self._deliver(self._answer(dialect, call, turn), turn)

    def _pay_later(self, dialect: Dialect, call: Call, turn: Turn, late: Rule) -> Delivery:
        cashier.pay_later(self.book, dialect.order_of(call), turn, late)
        if late.get("how") != "error":
            return Delivery(None, Ending(late.get("how")))
        error = turn.take(*_ERRORS) or read_rule("system_error")
        return self._deliver(self._written(dialect, call, dialect.error(call, error), turn), turn)

    def _answer(self, dialect: Dialect, call: Call, turn: Turn) -> Answer:
        page = turn.take(*_PAGES)
        error = turn.take(*_ERRORS)
        stopped = any(rule and not rule.parameters.get("processed", True) for rule in (page, error))
        result: dict[str, Any] | Answer = {}
        if not stopped:
            result = dialect.process(call, turn)
        if page:
            return _PAGES[page.name]
        if error:
            result = dialect.error(call, error)
        return self._written(dialect, call, result, turn)

    def _written(
        self, dialect: Dialect, call: Call, result: dict[str, Any] | Answer, turn: Turn
    ) -> Answer:
        return result if isinstance(result, Answer) else dialect.write(call, result, turn)

    def _deliver(self, answer: Answer, turn: Turn) -> Delivery:
        late = turn.take("late")
        delay_s = float(late.get("delay_s")) if late else 0.0
        if rule := turn.take("drop_after"):
            return Delivery(None, Ending(rule.get("how")), delay_s)
        if rule := turn.take("reset"):
            return Delivery(answer, Ending.RESET, delay_s, cut=int(rule.get("bytes")))
        if rule := turn.take("huge"):
            body = answer.body.ljust(int(rule.get("bytes")))
            return Delivery(replace(answer, body=body), delay_s=delay_s)
        if rule := turn.take("drip"):
            return Delivery(answer, delay_s=delay_s, drip_s=float(rule.get("interval_s")))
        if turn.take("truncated"):
            return Delivery(answer, Ending.CLOSE, delay_s, cut_body=len(answer.body) // 2)
        return Delivery(answer, delay_s=delay_s)
