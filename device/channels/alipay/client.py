"""Alipay as a `Channel`: what is sent for each call (alipay.md §1, §5).

System parameters and the signature go in the query, `biz_content` in the body: the gateway must
know the charset before it decodes. No method raises for anything the network or Alipay can do.
"""

import json
import math
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from device.channels.alipay import answers, codes, envelope
from device.channels.alipay.application import Application
from device.channels.alipay.signing import sign, verified
from device.channels.hosts import Hosts
from device.channels.http import HttpClient
from device.channels.provider_text import shown
from device.clock import BEIJING, Clock
from device.domain.money import format_yuan
from device.domain.outcome import (
    Declined,
    NotVerified,
    PayOrder,
    PayOutcome,
    QueryOutcome,
    RefundOrder,
    RefundOutcome,
    RefundSum,
    ReverseOutcome,
    Unknown,
    Verification,
    Verified,
)
from device.domain.words import Reason, Wallet
from device.errors import BadAnswer, NotSent, ProviderError

CONTENT_TYPE = "application/x-www-form-urlencoded;charset=utf-8"
SUBJECT_CHARS = 256
REASON_CHARS = 256
TERMINAL_CHARS = 32
OPERATOR = re.compile(r"[0-9A-Za-z_.\-]{1,28}")
NOT_IN_A_SUBJECT = str.maketrans("/=&", "   ")
CLOSE_AFTER_WAIT_S = 30.0  # the gateway closes an unpaid trade this long after the box gave up
TIME_FORM = "%Y-%m-%d %H:%M:%S"

PAY = "alipay.trade.pay"
QUERY = "alipay.trade.query"
CANCEL = "alipay.trade.cancel"
REFUND = "alipay.trade.refund"
REFUND_QUERY = "alipay.trade.fastpay.refund.query"


class OtherCertificate(BadAnswer):
    """The answer was signed with another Alipay certificate than the one on this box."""


class AlipayChannel:
    """Asks Alipay for money, and for it back."""

    wallet = Wallet.ALIPAY

    def __init__(  # noqa: PLR0913  an application, a way, and what a test or simulation replaces
        self,
        application: Application,
        client: HttpClient,
        *,
        gateway_url: str,
        clock: Clock,
        read_timeout_pay_s: float = 15.0,
        read_timeout_s: float = 10.0,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._application = application
        self._client = client
        self._hosts = Hosts(client, (gateway_url,), CONTENT_TYPE, clock)
        self._clock = clock
        self._read_timeout_pay_s = read_timeout_pay_s
        self._read_timeout_s = read_timeout_s
        self._nonce = nonce

    async def pay(self, order: PayOrder) -> PayOutcome:
        """alipay.trade.pay, once."""
        content = {
            "out_trade_no": order.out_trade_no,
            "scene": "bar_code",
            "auth_code": order.payer_code,
            "subject": _subject(order.subject),
            "total_amount": format_yuan(order.amount_fen),
            "timeout_express": timeout_express(order.wait_s),
            "terminal_id": self._application.box_id[:TERMINAL_CHARS],
            "operator_id": _operator(order.operator),
        }
        try:
            node = await self._call(PAY, content, self._read_timeout_pay_s)
        except NotSent:
            return Declined(Reason.OFFLINE)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.pay(node, order)

    async def query(self, out_trade_no: str, amount_fen: int | None = None) -> QueryOutcome:
        """alipay.trade.query."""
        try:
            node = await self._call(QUERY, {"out_trade_no": out_trade_no})
        except NotSent as fault:
            return Unknown(str(fault), sent=False)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.query(node, out_trade_no, amount_fen)

    async def reverse(self, out_trade_no: str) -> ReverseOutcome:
        """alipay.trade.cancel."""
        try:
            node = await self._call(CANCEL, {"out_trade_no": out_trade_no})
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.cancel(node, out_trade_no)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """alipay.trade.refund; the same number may be sent again."""
        content = {
            "out_trade_no": order.out_trade_no,
            "out_request_no": order.out_refund_no,
            "refund_amount": format_yuan(order.amount_fen),
            "refund_reason": shown(order.reason, REASON_CHARS),
            "terminal_id": self._application.box_id[:TERMINAL_CHARS],
            "operator_id": _operator(order.operator),
        }
        try:
            node = await self._call(REFUND, content)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.refund(node, order)

    async def query_refund(self, order: RefundOrder) -> RefundOutcome:
        """alipay.trade.fastpay.refund.query."""
        content = {
            "out_trade_no": order.out_trade_no,
            "out_request_no": order.out_refund_no,
            "query_options": ["gmt_refund_pay"],
        }
        try:
            node = await self._call(REFUND_QUERY, content)
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.query_refund(node, order)

    async def refunded_sum(self, out_trade_no: str) -> RefundSum | Unknown:
        """alipay.trade.query; known only for a trade that went back in full."""
        try:
            node = await self._call(QUERY, {"out_trade_no": out_trade_no})
        except ProviderError as fault:
            return Unknown(str(fault))
        return answers.refunded_sum(node, out_trade_no)

    async def verify(self) -> Verification:
        """Query a number that cannot exist; a signed answer about it proves keys and numbers."""
        try:
            node = await self._call(QUERY, {"out_trade_no": self._impossible_number()})
        except envelope.UnsignedAnswer as answer:
            return _unsigned(answer.said)
        except OtherCertificate:
            line = "支付宝证书与答复的不一致，请更新 alipay_cert_file"
            return NotVerified(line, configuration=True)
        except BadAnswer as fault:
            return NotVerified(f"支付宝的答复不能采信（{fault}）", configuration=False)
        except ProviderError as fault:
            return NotVerified(f"连接不上支付宝（{fault}）", configuration=False)
        code, text = answers.failure(node)
        wrong = not answers.done(node) and code in codes.WRONG_CONFIGURATION
        return _complaint(code, text) if wrong else Verified()

    async def warm(self) -> bool:
        """Query a number that cannot exist unless a connection answered in the last 50 s."""
        return await self._hosts.warm(self._probe)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._hosts.aclose()
        await self._client.aclose()

    async def _call(
        self, method: str, content: Mapping[str, Any], read_timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Return the node parsed from the verified text; raises ProviderErrors."""
        path, body = self._request(method, content)
        timeout_s = self._read_timeout_s if read_timeout_s is None else read_timeout_s
        answer = await self._hosts.post(path, body, read_timeout_s=timeout_s)
        return self._proven(answer, method)

    def _proven(self, body: bytes, method: str) -> dict[str, Any]:
        cut = envelope.cut(body, method.replace(".", "_") + "_response")
        self._check_certificate(cut)
        return envelope.opened(cut, self._is_alipays)

    def _check_certificate(self, cut: envelope.Envelope) -> None:
        """Refuse an answer signed with another certificate than ours, or that does not say which.

        A new one is not fetched: only a technician may put a key into the box.
        """
        certificates = self._application.certificates
        if certificates is None or cut.cert_sn == certificates.alipay_cert_sn:
            return
        if cut.cert_sn:
            raise OtherCertificate("signed with another certificate")
        raise envelope.unproven(cut)

    def _is_alipays(self, content: bytes, signature: str) -> bool:
        return verified(content, signature, self._application.alipay_key)

    def _request(self, method: str, content: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return the query and the body. ASCII only, so that no charset can be mistaken."""
        filled = {name: value for name, value in content.items() if value}
        biz_content = json.dumps(filled, separators=(",", ":"))
        system = {
            "app_id": self._application.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": self._clock.wall().astimezone(BEIJING).strftime(TIME_FORM),
            "version": "1.0",
            **self._application.serial_params(),
        }
        signed = {**system, "biz_content": biz_content}
        system["sign"] = sign(signed, self._application.private_key)
        return f"?{urlencode(system)}", urlencode({"biz_content": biz_content}).encode()

    def _probe(self) -> tuple[str, bytes]:
        return self._request(QUERY, {"out_trade_no": self._impossible_number()})

    def _impossible_number(self) -> str:
        """No order has it: a real one has base32 letters only, and never so few of them."""
        return f"{self._application.desk_code}VERIFY{self._nonce()[:16]}"


def timeout_express(wait_s: float) -> str:
    """Return when the gateway closes an unpaid trade: the wait + 30 s, up to whole minutes."""
    return f"{max(1, math.ceil((wait_s + CLOSE_AFTER_WAIT_S) / 60))}m"


def _subject(text: str) -> str:
    printable = "".join(c for c in text if c.isprintable())
    return printable.translate(NOT_IN_A_SUBJECT)[:SUBJECT_CHARS]


def _operator(text: str) -> str:
    """Return the cashier's id if it is one that the field allows; it is only a remark."""
    return text if OPERATOR.fullmatch(text) else ""


def _complaint(code: str, text: str) -> NotVerified:
    line = codes.COMPLAINTS.get(code, "支付宝配置不正确")
    return NotVerified(f"{line}（{shown(f'{code} {text}')}）", configuration=True)


def _unsigned(said: str) -> NotVerified:
    """Judge an unproven answer: the gateway's complaint if it has one, else our copy of its key."""
    code, _, text = shown(said, 128).partition(" ")
    if code in codes.WRONG_CONFIGURATION:
        return _complaint(code, text)
    line = "支付宝答复的签名不对，请核对 alipay_public_key_file 或 alipay_cert_file"
    return NotVerified(line, configuration=True)
